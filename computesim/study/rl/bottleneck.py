"""What an RL step waits for, in a sentence."""

from __future__ import annotations

from typing import Final

from computesim.cells.rl.plan import RLPlan, RLStepTimes

BALANCED: Final = 0.1  #: idle shares that differ by less are not worth moving accelerators
A_TAIL: Final = 0.25  #: share of the rollouts' time from which waiting for the last is told


def bottleneck(plan: RLPlan, times: RLStepTimes, waiting: float) -> str:
    """Return what sets the pace of a step, and what would change it.

    Parameters
    ----------
    plan : RLPlan
    times : RLStepTimes
    waiting : float, s
        Of the rollouts' time, in which the mean replica has nothing left to do.
    """
    if plan.in_turn:
        return _in_turn(times, waiting)
    engine, learner = times.rollout_idle, times.learner_idle
    if abs(engine - learner) < BALANCED:
        return (f"Engine and learner are balanced: they are idle {engine:.0%} and {learner:.0%} "
                "of the time.")  # fmt: skip
    slow, fast = ("learner", "engine") if engine > learner else ("engine", "learner")
    idle, other = (learner, engine) if slow == "learner" else (engine, learner)
    return (f"The {slow} sets the pace, idle {idle:.0%} of the time, and the {fast} waits "
            f"{other:.0%}: accelerators of the {fast} would do more for the {slow}.")  # fmt: skip


def _in_turn(times: RLStepTimes, waiting: float) -> str:
    parts = {
        "Rollouts": times.rollout_seconds,
        "Verdicts": times.verify_seconds,
        "Log-probabilities": times.log_prob_seconds,
        "The learner": times.learner_seconds,
        "New weights": times.sync_seconds,
        "The framework": times.overhead_seconds,
    }
    most, second = sorted(parts, key=lambda name: -parts[name])[:2]
    verb = "takes" if most.startswith("The ") else "take"
    shares = [f"{parts[name] / times.step_seconds:.0%}" for name in (most, second)]
    other = second[0].lower() + second[1:]
    told = f"{most} {verb} {shares[0]} of the step, {other} {shares[1]}"
    if most != "Rollouts" or waiting < A_TAIL * parts[most]:
        return f"{told}."
    return (
        f"{told}; for {waiting / parts[most]:.0%} of the rollouts' time a replica has nothing left "
        "to do while the longest go on: running ahead (staleness) or a lower cap helps."
    )
