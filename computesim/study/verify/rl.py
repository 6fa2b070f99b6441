"""Predictions of RL cases: step time, its rollout share, throughput and accelerator-hours."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Final

from computesim.catalog import Catalog
from computesim.cells.rl.framework import Calibration, calibration_of
from computesim.cells.rl.step import RLPlan, RLStepTimes, rl_step_times
from computesim.errors import CapacityError
from computesim.study.rl.gaps import USUAL_GROUP, USUAL_PROMPT, goes_on, lengths, sides
from computesim.study.verify.cases import Case
from computesim.study.verify.prediction import Verdict
from computesim.study.verify.training import dtype_of

# what a case does not tell, beside `study.rl.gaps`; estimates
USUAL_SAMPLES: Final = 1024  #: rollouts of a step
USUAL_JOB: Final = 64  #: accelerators

#: algorithms that look at a frozen reference, and those with a critic, unless a case says so
WITH_REFERENCE: Final = ("ppo", "rlhf")
WITH_CRITIC: Final = ("ppo", "vapo", "rlhf")


@dataclass(frozen=True, slots=True)
class RLPredictor:
    """Predicts RL cases; a step that several metrics share is simulated once."""

    leave_out: bool = False  #: predict also with coefficients fitted without the case's model
    _steps: dict[RLPlan, RLStepTimes] = field(default_factory=dict)

    def predict(self, case: Case, catalog: Catalog) -> Verdict:
        """Return the verdict on a case: see `checks.Predict`."""
        plan = plan_of(case, catalog)
        times = self._times(plan)
        held_out = None
        if self.leave_out:
            without = calibration_of(plan.accelerator, plan.model.name)
            held_out = _value(case, self._times(plan_of(case, catalog, without)))
        note = _described(plan, times)
        return Verdict(case, _value(case, times), note=note, held_out=held_out)

    def _times(self, plan: RLPlan) -> RLStepTimes:
        if plan not in self._steps:
            self._steps[plan] = rl_step_times(plan)
        return self._steps[plan]


def plan_of(case: Case, catalog: Catalog, calibration: Calibration | None = None) -> RLPlan:
    """Return the RL step of a case, its gaps filled.

    Parameters
    ----------
    case : Case
    catalog : Catalog
    calibration : Calibration, optional
        Another one than that of the accelerator's generation.

    Returns
    -------
    RLPlan
        PPO and RLHF are taken to have a reference model and, as VAPO, a critic; `algorithm` may
        say `grpo with reference` or `ppo without critic`. Rollouts go on over an update where the
        staleness is a fraction or above one step.
    """
    samples, group = _samples(case)
    accelerator = catalog.accelerator(case.text("accelerator"))
    own = calibration or calibration_of(accelerator)
    told = case.number("mean_output_tokens"), case.number("max_output_tokens")
    mean, cap = lengths(*told, own.mean_share)
    count = case.count("n_accelerators")
    learner, rollout = sides(count, case.count("n_learner") or 0, case.count("n_rollout") or 0)
    staleness, dtype = case.number("staleness") or 0.0, dtype_of(case)
    return RLPlan(
        model=catalog.model(case.text("model")),
        accelerator=accelerator,
        framework=own.framework,
        n_accelerators=count or (learner + rollout) or USUAL_JOB,
        sequences=samples,
        prompt_tokens=_known(case.number("prompt_tokens"), USUAL_PROMPT),
        mean_output_tokens=mean,
        max_output_tokens=cap,
        n_learner=learner,
        n_rollout=rollout,
        group_size=group,
        staleness=staleness,
        partial_rollouts=goes_on(staleness),
        recompute_cache=case.text("recompute_cache") == "yes",
        dtype=dtype,
        rollout_dtype=dtype_of(case, "rollout_dtype") if case.text("rollout_dtype") else "",
        updates=case.count("updates") or 1,
        minibatches=case.count("minibatches") or 1,
        chunks=case.count("chunks") or 1,
        old_log_probs=case.text("old_log_probs") != "no",
        speculation=case.number("speculation") or 1.0,
        reference=_has(case, "reference", WITH_REFERENCE),
        critic=_has(case, "critic", WITH_CRITIC),
        tp_rollout=case.count("tp_rollout") or 0,
    )


def _known(value: float | None, otherwise: float) -> float:
    """Return a value, or what stands for it where it is unknown."""
    return otherwise if value is None else value


def _has(case: Case, part: str, algorithms: tuple[str, ...]) -> bool:
    """Tell whether the algorithm of a case has a reference or a critic."""
    words = case.text("algorithm").lower()
    if f"without {part}" in words:
        return False
    return f"with {part}" in words or words.split(" ")[0] in algorithms


def _samples(case: Case) -> tuple[int, int]:
    prompts, group = case.count("prompts_per_step"), case.count("group_size")
    samples = case.count("samples_per_step")
    if samples is None:
        samples = (prompts or USUAL_SAMPLES // USUAL_GROUP) * (group or USUAL_GROUP)
    if group is None:
        group = max(samples // prompts, 1) if prompts else min(USUAL_GROUP, samples)
    return samples, group


def _value(case: Case, times: RLStepTimes) -> float:
    if case.metric == "step_seconds":
        return times.step_seconds
    if case.metric == "rollout_fraction":
        return times.rollout_fraction
    if case.metric == "tokens_per_s_per_accelerator":
        return times.tokens_per_second_per_accelerator
    steps = case.number("steps")
    if steps is None:
        raise CapacityError("accelerator_hours needs the column steps")
    return times.accelerator_hours(steps)


def _described(plan: RLPlan, times: RLStepTimes) -> str:
    shared = "all take turns" if plan.colocated else f"{times.n_learner} learn"
    return (
        f"{times.replicas} replicas of {times.replica_accelerators}, {shared}, outputs of "
        f"{plan.mean_output_tokens:.0f} up to {plan.max_output_tokens:.0f} tokens"
    )
