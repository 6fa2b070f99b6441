"""Predictions of serving cases: a closed-loop benchmark, simulated as `simulate` does it."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any, Final

from computesim.catalog import Catalog
from computesim.errors import QuestionError, SimulationError
from computesim.hardware.serving_efficiency import BANDS, Engine, engine_named
from computesim.scenario.context import Context
from computesim.study.pool.answer import PoolAnswer
from computesim.study.pool.judging import simulated
from computesim.study.pool.question import PoolQuestion
from computesim.study.verify.cases import Case
from computesim.study.verify.prediction import Verdict
from computesim.study.verify.training import dtype_of
from computesim.workload.architecture import Architecture

ROUNDS: Final = 10  #: requests of a client: num-prompts = 10 · concurrency in InferenceX
#: prompts and outputs of InferenceX, which draws both from 80 to 100 % of these lengths
INFERENCEX_SHAPES: Final = ((1024, 1024), (1024, 8192), (8192, 1024))
INFERENCEX_RANGE: Final = (0.8, 1.0)
#: others ask for exact lengths. Where prompts are read between decodes, clients fall out of step
#: all the same (time to first token does not depend on the output length); a spread stands in
LOOSE_RANGE: Final = (0.9, 1.1)
EXACT_RANGE: Final = (1.0, 1.0)
#: dtype in which a family is published, where a case tells none
NATIVE: Final = {"deepseek": "fp8", "kimi": "fp8", "gpt-oss": "fp4"}


@dataclass(frozen=True, slots=True)
class ServingPredictor:
    """Predicts serving cases; a benchmark that several metrics share is played once."""

    _played: dict[str, PoolAnswer] = field(default_factory=dict)

    def predict(self, case: Case, catalog: Catalog) -> Verdict:
        """Return the verdict on a case, with the band in which four of five measurements lie.

        See `checks.Predict`; the band is that of models that were not fitted.
        """
        answer = self.played(benchmark_of(case, catalog), catalog)
        value = measured(case, answer)
        low, high = BANDS[case.metric]
        return Verdict(case, value, note=_described(answer), band=(low * value, high * value))

    def played(self, benchmark: PoolQuestion, catalog: Catalog) -> PoolAnswer:
        """Return what `simulate` answers, played if the question is new.

        Parameters
        ----------
        benchmark : PoolQuestion
        catalog : Catalog

        Raises
        ------
        CapacityError, SimulationError
            If it cannot be played.
        """
        key = benchmark.model_dump_json()
        if key not in self._played:
            try:
                self._played[key] = simulated(benchmark, catalog)[0]
            except QuestionError as error:
                words = "; ".join(f"{one.key}: {one.found}" for one in error.faults)
                raise SimulationError(words) from error
        return self._played[key]


def benchmark_of(case: Case, catalog: Catalog) -> PoolQuestion:
    """Return a case as a question of `simulate`, its gaps filled.

    Parameters
    ----------
    case : Case
    catalog : Catalog

    Returns
    -------
    PoolQuestion
        Every client sends ten requests, the first ones all at once. Without a degree of
        parallelism the layout is chosen; groups of a model without experts are replicas.

    Raises
    ------
    CatalogError, CapacityError, ValueError
    """
    model, engine = catalog.model(case.text("model")), engine_named(case.text("engine"))
    prompt, output = _length(case, "isl"), _length(case, "osl")
    degrees, replicas = _layout(case, model)
    least, most = _range(prompt, output, engine)
    asked: dict[str, Any] = {
        "model": case.text("model"),
        "accelerator": case.text("accelerator"),
        "serving_engine": engine.name,
        "held_steps": case.number("stream_interval"),
        "dtype": _weight_dtype(case, model),
        "kv_dtype": dtype_of(case, "kv_dtype") if case.text("kv_dtype") else None,
        "layout": degrees,
        "replicas": replicas,
        "traffic": {
            "clients": _length(case, "concurrency"),
            "rounds": ROUNDS,
            "prompt_tokens": prompt,
            "output_tokens": output,
            "range": {"least": least, "most": most},
        },
    }
    return PoolQuestion.model_validate(asked, context=Context(catalog=catalog))


def _range(prompt: int, output: int, engine: Engine) -> tuple[float, float]:
    """Return between which shares of what a case says its lengths lie."""
    if (prompt, output) in INFERENCEX_SHAPES:
        return INFERENCEX_RANGE
    return LOOSE_RANGE if engine.mixes else EXACT_RANGE


def _length(case: Case, column: str) -> int:
    number = case.count(column)
    if number is None:
        raise ValueError(f"{column} is empty")
    return number


def _weight_dtype(case: Case, model: Architecture) -> str:
    """Return the dtype of the routed experts, or of all weights of a dense model."""
    columns = ("moe_dtype", "dtype", "gemm_dtype") if model.n_experts else ("dtype", "gemm_dtype")
    for column in columns:
        if case.text(column):
            return dtype_of(case, column)
    return next((dtype for family, dtype in NATIVE.items() if family in model.name), "bf16")


def _layout(case: Case, model: Architecture) -> tuple[dict[str, int], int]:
    """Return the degrees of one replica, none where it is chosen, and how many replicas serve."""
    tp, pp, ep, dp = (case.count(name) or 0 for name in ("tp", "pp", "ep", "dp"))
    if not (tp or pp or ep > 1 or dp > 1):
        return {}, 1
    tp, pp, ep = max(tp, 1), max(pp, 1), max(ep, 1)
    if not model.n_experts:
        return {"tp": tp, "pp": pp}, max(dp, 1)
    dp = dp or max(ep // tp, 1)
    if dp > 1:  # attention groups share experts that are spread over all of them
        return {"tp": tp, "pp": pp, "ep": tp * dp}, 1
    return {"tp": tp, "pp": pp, "ep": ep if tp % ep == 0 else tp}, 1


def measured(case: Case, answer: PoolAnswer) -> float:
    """Return what a benchmark reports.

    Parameters
    ----------
    case : Case
        Its column `statistic` may say median; published figures of the shipped sources are means
        over all requests, those of the opening burst included.
    answer : PoolAnswer

    Returns
    -------
    float
        In the unit of the metric.
    """
    figures = answer.figures
    if case.metric == "output_tokens_per_s_per_accelerator":
        return figures.output_tokens_per_second_per_accelerator
    centre = "p50" if case.text("statistic").lower() == "median" else "mean"
    seconds: float = getattr(figures, f"{case.metric.removesuffix('_ms')}_{centre}")
    return 1e3 * seconds


def _described(answer: PoolAnswer) -> str:
    pool, degrees = answer.pool, ("tp", "pp", "dp", "ep")
    words = [f"{name} {getattr(pool, name)}" for name in degrees if getattr(pool, name) > 1]
    batch = answer.figures.mean_batch
    return f"{' '.join(words) or 'tp 1'}, weights {pool.dtype}, {batch:.0f} sequences run"
