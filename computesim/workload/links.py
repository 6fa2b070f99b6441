"""Links of accuracy to what is known before a benchmark: loss, staleness, a rating."""

from __future__ import annotations

import math


def accuracy_at_loss(
    loss: float, midpoint: float, slope: float, ceiling: float, guess: float = 0.0
) -> float:
    """Return a benchmark's accuracy at a pretraining loss, the sigmoid of OLMo's ladders.

    Parameters
    ----------
    loss : float, nats per token
        Validation loss of the base model, on the text for which the coefficients hold.
    midpoint : float, nats per token
        Where half of the way from guess to ceiling is done.
    slope : float
        Steepness per nat.
    ceiling, guess : float
        Accuracy at no loss, and of a model that knows nothing.

    Returns
    -------
    float
        ``guess + (ceiling - guess) / (1 + exp(slope (loss - midpoint)))``

    Source
    ------
    Bhagia 2024 (arXiv 2412.04403), step 2; fitted over losses of 2.8 to 3.8 on C4.
    """
    return guess + (ceiling - guess) / (1.0 + math.exp(slope * (loss - midpoint)))


def retained_gain(staleness: float, loss: float, half: float) -> float:
    """Return the share of RL's gain that stale rollouts leave.

    Parameters
    ----------
    staleness : float
        Steps by which a rollout may be older than the weights that learn from it; may be infinite.
    loss : float
        Share lost with unbounded staleness.
    half : float
        Steps that lose half of that.

    Returns
    -------
    float
        ``1 - loss η / (η + half)``

    Notes
    -----
    Measured by AReaL (arXiv 2505.24298) on a 1.5B model at equal numbers of steps, η of 0 to 16
    and unbounded. ScaleRL finds 8 steps harmless with its loss; naive PPO loses more, and not
    evenly (`calibration/quality.csv`).
    """
    if math.isinf(staleness):
        return 1.0 - loss
    return 1.0 - loss * staleness / (staleness + half)


def rated_above(rating: float, midpoint: float, scale: float) -> float:
    """Return the share of contestants whom a rating beats.

    Parameters
    ----------
    rating : float
        Elo points.
    midpoint : float
        Rating of the median contestant.
    scale : float
        Elo points that raise the odds tenfold.

    Returns
    -------
    float
        ``1 / (1 + 10^(-(rating - midpoint) / scale))``
    """
    return 1.0 / (1.0 + math.exp(-math.log(10.0) * (rating - midpoint) / scale))


def moved_share(share: float, logits: float) -> float:
    """Return a share moved on the scale of its logit, as more pretraining moves an accuracy.

    Parameters
    ----------
    share : float
        Between 0 and 1, both excluded.
    logits : float

    Returns
    -------
    float
    """
    return share / (share + (1.0 - share) * math.exp(-logits))
