"""What stands for values of an RL step that nobody tells; all of them estimates."""

from __future__ import annotations

from typing import Final

USUAL_CAP: Final = 4.0  #: cap ÷ mean output
USUAL_OUTPUT: Final = 4096.0  #: tokens, where neither is known
USUAL_PROMPT: Final = 200.0  #: tokens
USUAL_GROUP: Final = 16  #: rollouts of a prompt


def lengths(mean: float | None, cap: float | None, mean_share: float) -> tuple[float, float]:
    """Return mean and cap of the outputs, tokens.

    Parameters
    ----------
    mean, cap : float or None, token
        As far as they are known.
    mean_share : float
        Mean over cap of runs that tell the cap only, `Calibration.mean_share`.
    """
    if mean is None:
        mean = USUAL_OUTPUT if cap is None else mean_share * cap
    return mean, USUAL_CAP * mean if cap is None else cap


def sides(count: int | None, learner: int, rollout: int) -> tuple[int, int]:
    """Return the accelerators of learner and rollout; both 0 where they share all.

    Parameters
    ----------
    count : int or None
        Accelerators of the job.
    learner, rollout : int
        Of either side; 0 is the rest, and as many as the job has are all of them, in turn.
    """
    if count and learner == rollout == count:
        return 0, 0
    if count and learner and not rollout:
        rollout = max(count - learner, 0)
    elif count and rollout and not learner:
        learner = max(count - rollout, 0)
    return (learner, rollout) if learner and rollout else (0, 0)


def goes_on(staleness: float) -> bool:
    """Tell whether unfinished rollouts go on over an update.

    Parameters
    ----------
    staleness : float
        Steps that rollouts run ahead: they do for a fraction of one, and for more than one.
    """
    return staleness > 1 or 0 < staleness < 1
