"""Fit the serving coefficients to measured points, and say how well they hold on other models.

    python benchmarks/fit_serving.py [--cases FILE] [--check | --without-each | --only NAMES]

Prints what belongs into ``computesim/hardware/serving_efficiency.py``: the tables,
the error bands, and the errors on fitted and left-out models. The measured points
are not part of the repository; where the file is absent, the script says so and
stops. `--check` only evaluates the coefficients in force; `--without-each` leaves
out one family of models after the other and fits all others, to see how much
depends on the choice. `--only sglang.request,sglang.held_steps` fits these and leaves
all others as they are in force. Every point is played by the event loop of `simulate`.
Takes six minutes, `--without-each` forty.
"""

from __future__ import annotations

import argparse
import sys
from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path

import numpy as np
from scipy.optimize import least_squares

from computesim.catalog import Catalog, load_catalog
from computesim.cells.serving import as_service
from computesim.hardware.serving import serving_step
from computesim.hardware.serving_efficiency import ENGINES, KERNELS, Engine, ServingKernels
from computesim.sim.engine import simulate_serving
from computesim.sim.service import Replicas, Service
from computesim.study.pool.operation import service_of
from computesim.study.pool.question import PoolQuestion
from computesim.study.pool.run import Pool, pool_of
from computesim.study.pool.traffic import requests_of
from computesim.study.verify.cases import SERVING, Case, read_cases
from computesim.study.verify.serving import benchmark_of

CASES = Path(__file__).resolve().parents[2] / "shared" / "cases" / "serving.csv.gz"
FITTED = ("llama-3.1-70b", "deepseek-r1", "deepseek-v3", "gpt-oss-120b")
FAMILY = {"deepseek-r1": "deepseek-v3"}  #: the same architecture under another name
GENERATIONS = ("hopper", "blackwell")
#: coefficients of one generation, of all generations, of one engine, of all engines
OF_GENERATION = ("weight_hbm", "kv_hbm", "layer_overhead", "message")
OF_KERNELS = (
    "latent_overhead", "expert_overhead", "bend", "passes", "routed_passes",
    "distinct", "all_reduce",
)  # fmt: skip
OF_ENGINE = (
    "step", "layer", "sequence", "eager_layer", "eager_expert", "request", "held_steps",
)  # fmt: skip
OF_ENGINES = ("eager_latent",)
#: no coefficient may pass what is physically there
MOST = {"weight_hbm": 0.92, "kv_hbm": 0.90, "distinct": 1.0, "all_reduce": 0.9, "bend": 4.0}
#: where the search starts and what pulls it back, so that another run is the same
START = {
    "weight_hbm": 0.85, "kv_hbm": 0.65, "layer_overhead": 40e-6, "message": 2e-6,
    "latent_overhead": 10e-6, "expert_overhead": 20e-6, "bend": 2.5, "passes": 10.0,
    "routed_passes": 3.0, "distinct": 0.9, "all_reduce": 0.6, "step": 1.5e-3, "layer": 1.0,
    "sequence": 15e-6, "eager_layer": 0.3e-3, "eager_expert": 0.3e-3, "request": 0.02,
    "held_steps": 2.0, "eager_latent": 1e-3,
}  # fmt: skip
PULL = 0.03  #: of a coefficient e times its start, ÷ the residual scale, per √row
#: known better than the others, or told apart from others by few points only
FIRM = {"weight_hbm": 3.0, "bend": 3.0, "layer": 3.0, "layer_overhead": 2.0}
TPOT_SCALE, TTFT_SCALE, TTFT_WEIGHT = 0.12, 0.25, 0.4  #: of logarithmic errors; soft beyond

Key = tuple[str, str]  #: where a coefficient belongs, and its name


def main() -> None:
    """Fit, and print the tables and their errors."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--cases", type=Path, default=CASES)
    parser.add_argument("--check", action="store_true")
    parser.add_argument("--without-each", action="store_true")
    parser.add_argument("--only", default="")
    asked = parser.parse_args()
    if not asked.cases.exists():
        sys.exit(f"{asked.cases} is not here: nothing to fit")
    points = Points(read_cases(asked.cases, SERVING))
    if asked.without_each:
        without_each(points)
        return
    if asked.check:
        report(points, points.fitted, points.predict(in_force()))
        return
    only = [key for key in keys() if ".".join(key) in asked.only.split(",")]
    found = fit(points, points.fitted, only or keys())
    for (place, name), value in found.items():
        print(f"{place:10} {name:16} {value:.3g}")
    report(points, points.fitted, points.predict(found))


def without_each(points: Points) -> None:
    """Fit without one family after the other, and report all predictions of left-out models."""
    predicted = np.full(points.measured.shape, np.nan)
    for family in dict.fromkeys(points.family):
        left_out = np.array([name == family for name in points.family])
        predicted[left_out] = points.predict(fit(points, ~left_out, keys()), left_out)[left_out]
        error = predicted[left_out] / points.measured[left_out] - 1
        medians = np.median(np.abs(error), axis=0)
        print(f"without {family:18} tpot {medians[0]:.3f} ttft {medians[1]:.3f}", flush=True)
    report(points, np.zeros(len(predicted), bool), predicted)


class Points:
    """Measured points and how they are predicted."""

    def __init__(self, cases: Sequence[Case]) -> None:
        book = load_catalog(None)
        pairs: dict[str, dict[str, Case]] = {}
        for case in cases:
            pairs.setdefault(case.text("id").rsplit(":", 1)[0], {})[case.metric] = case
        self.pairs = [both for both in pairs.values() if {"tpot_ms", "ttft_ms"} <= both.keys()]
        self.asked = [Asked(benchmark_of(both["tpot_ms"], book), book) for both in self.pairs]
        self.fitted = np.array([b["tpot_ms"].text("model") in FITTED for b in self.pairs])
        self.family = [FAMILY.get(b["tpot_ms"].text("model"), b["tpot_ms"].text("model"))
                       for b in self.pairs]  # fmt: skip
        self.measured = np.array(
            [[b["tpot_ms"].value, b["ttft_ms"].value] for b in self.pairs], dtype=float
        )

    def predict(self, values: Mapping[Key, float], among: np.ndarray | None = None) -> np.ndarray:
        """Return tpot and ttft in ms; shape (points, 2)."""
        kernels = {name: kernels_of(values, name) for name in GENERATIONS}
        engines = {name: engine_of(values, name) for name in ENGINES}
        steps: dict[object, tuple[Service, np.ndarray]] = {}
        out = np.full(self.measured.shape, np.nan)
        for i in range(len(self.pairs)) if among is None else np.flatnonzero(among):
            asked = self.asked[i]
            engine = engines[asked.question.engine.name]
            key = (asked.pool.load, asked.pool.chip.name, asked.pool.layout, engine.name)
            if key not in steps:
                steps[key] = asked.service(engine, kernels)
            tpot, ttft = asked.play(engine, *steps[key])
            for j, seen in enumerate((tpot, ttft)):
                median = self.pairs[i]["ttft_ms"].text("statistic").lower() == "median"
                out[i, j] = 1e3 * float(np.median(seen) if median else np.mean(seen))
        return out


class Asked:
    """A point as a question of `simulate`, with all that no coefficient changes."""

    def __init__(self, question: PoolQuestion, book: Catalog) -> None:
        self.question = question
        self.requests = requests_of(question, book.model(question.model).context_length)
        self.pool: Pool = pool_of(question, book, self.requests.trace)

    def service(
        self, engine: Engine, kernels: Mapping[str, ServingKernels]
    ) -> tuple[Service, np.ndarray]:
        """Return a replica and its table; clients are left out, they differ between points."""
        load, chip, layout = self.pool.load, self.pool.chip, self.pool.layout
        own = kernels["hopper" if chip.generation == "hopper" else "blackwell"]
        step = serving_step(load, chip, layout, kernels=own, engine=engine)
        plain = as_service(step, engine, 0.0)
        return service_of(self.question.serving, plain, load, chip, layout), step.weight_seconds

    def play(
        self, engine: Engine, service: Service, table: np.ndarray
    ) -> tuple[np.ndarray, np.ndarray]:
        """Return time per token and time to first token of each request, s."""
        held = self.question.held_steps
        held = engine.held(self.pool.chip, self.question.traffic.clients) if held is None else held
        replicas = Replicas(service._replace(held_steps=held), table, self.pool.replicas)
        run = simulate_serving(self.requests.trace, replicas, chains=self.requests.chains)
        return run.tpot, run.ttft


def keys() -> list[Key]:
    """Return all coefficients that are fitted; the layer factor of vLLM is the unit."""
    found = [(place, name) for place in GENERATIONS for name in OF_GENERATION]
    found += [("kernels", name) for name in OF_KERNELS]
    found += [(place, name) for place in ENGINES for name in OF_ENGINE]
    found += [("engines", name) for name in OF_ENGINES]
    return [key for key in found if key != ("vllm", "layer")]


def kernels_of(values: Mapping[Key, float], generation: str) -> ServingKernels:
    """Return the kernels of a generation with fitted coefficients."""
    places = (generation, "kernels")
    fields = {name: value for (place, name), value in values.items() if place in places}
    return replace(KERNELS[generation], **fields)


def engine_of(values: Mapping[Key, float], engine: str) -> Engine:
    """Return an engine with fitted coefficients."""
    fields = {
        name: value for (place, name), value in values.items() if place in (engine, "engines")
    }
    return replace(ENGINES[engine], **fields)


def in_force() -> dict[Key, float]:
    """Return the coefficients of the package."""
    tables = {**KERNELS, **ENGINES, "kernels": KERNELS["hopper"], "engines": ENGINES["vllm"]}
    return {(place, name): getattr(tables[place], name) for place, name in keys()}


def fit(points: Points, fitted: np.ndarray, names: Sequence[Key]) -> dict[Key, float]:
    """Return the coefficients that suit the fitted points, by soft least squares of logarithms."""
    others = {key: value for key, value in in_force().items() if key not in names}
    start = np.log([START[name] for _, name in names])
    most = np.log([MOST.get(name, np.inf) for _, name in names])
    pull = PULL * np.sqrt(fitted.sum()) * np.array([FIRM.get(name, 1.0) for _, name in names])
    target = np.log(points.measured[fitted])

    def residuals(x: np.ndarray) -> np.ndarray:
        values = others | dict(zip(names, np.exp(x), strict=True))
        error = np.log(points.predict(values, fitted)[fitted]) - target
        parts = soft(error[:, 0], TPOT_SCALE), TTFT_WEIGHT * soft(error[:, 1], TTFT_SCALE)
        return np.concatenate([*parts, pull * (x - start)])

    least = np.full(start.size, -np.inf)
    # a few of them begin where they are: far from the others in force, the search gets stuck
    begin = np.log([in_force()[key] for key in names]) if others else start
    found = least_squares(residuals, begin, bounds=(least, most), diff_step=1e-2, max_nfev=25)
    return others | dict(zip(names, np.exp(found.x), strict=True))


def soft(error: np.ndarray, scale: float) -> np.ndarray:
    """Return residuals whose squares grow linearly beyond a scale."""
    return np.sign(error) * np.sqrt(2 * (np.sqrt(1 + (error / scale) ** 2) - 1))


def report(points: Points, fitted: np.ndarray, predicted: np.ndarray) -> None:
    """Print median and p90 absolute errors and the bands of published ÷ predicted."""
    long = np.array([one.question.traffic.output_tokens == 8192 for one in points.asked])
    parts = {
        "fit": fitted,
        "held-out": ~fitted,
        "output 8192": long,
        "held-out 8192": long & ~fitted,
    }
    for name, part in parts.items():
        if not part.any():
            continue
        for j, metric in enumerate(("tpot_ms", "ttft_ms")):
            error = predicted[part, j] / points.measured[part, j] - 1
            band = np.quantile(1 / (1 + error), (0.1, 0.9))
            print(
                f"{name:14} {metric} n {len(error):5} median {np.median(abs(error)):.3f} "
                f"p90 {np.quantile(abs(error), 0.9):.3f} bias {np.median(error):+.3f} "
                f"published/predicted p10 {band[0]:.2f} p90 {band[1]:.2f}"
            )


if __name__ == "__main__":
    main()
