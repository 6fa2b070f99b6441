"""How the users of something new grow: the logistic law, and that of Bass."""

from __future__ import annotations

from computesim.traced import exp, log, named, tanh


@named()
def logistic(
    year: float, ceiling: float, midpoint: float, rate: float, floor: float = 0.0
) -> float:
    """Return a logistic diffusion curve.

    Parameters
    ----------
    year : float, year
    ceiling : float
        Value in the far future.
    midpoint : float, year
        When half of the way is done.
    rate : float, 1/year
        Early growth.
    floor : float
        Value in the far past.

    Returns
    -------
    float
        In the unit of the ceiling.
    """
    return floor + (ceiling - floor) * 0.5 * (1.0 + tanh(0.5 * rate * (year - midpoint)))


def logistic_through(
    first: tuple[float, float], second: tuple[float, float], ceiling: float
) -> tuple[float, float]:
    """Return midpoint and rate of the logistic curve through two points.

    Parameters
    ----------
    first, second : tuple of float
        (year, value), values strictly between 0 and the ceiling.
    ceiling : float

    Returns
    -------
    tuple of float
        midpoint (year), rate (1/year), for `logistic` with floor 0.
    """
    (year_a, a), (year_b, b) = first, second
    if not (0 < a < ceiling and 0 < b < ceiling and year_a != year_b):
        raise ValueError("a logistic curve needs two years, and values between 0 and the ceiling")
    odds_a, odds_b = log(a / (ceiling - a)), log(b / (ceiling - b))
    rate = (odds_b - odds_a) / (year_b - year_a)
    if rate == 0:
        raise ValueError("a logistic curve through two equal values has no midpoint")
    return year_a - odds_a / rate, rate


@named()
def bass(years: float, ceiling: float, innovation: float, imitation: float) -> float:
    """Return the adopters of a Bass diffusion.

    Parameters
    ----------
    years : float, year
        Since launch; none before.
    ceiling : float, user
    innovation, imitation : float, 1/year
        p and q of Bass 1969.

    Returns
    -------
    float, user
        ``ceiling (1 - e^-(p+q)t) / (1 + (q/p) e^-(p+q)t)``.
    """
    if years <= 0:
        return 0.0
    decay = exp(-(innovation + imitation) * years)
    return ceiling * (1.0 - decay) / (1.0 + imitation / innovation * decay)
