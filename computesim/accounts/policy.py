"""What labs that follow the least cost decided, as rows of the results table."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from computesim.demand.demand import Followed
from computesim.fleet.world import Year
from computesim.results import Row, rows_of
from computesim.traced import number


def rows(years: Sequence[Year], replication: int) -> list[Row]:
    """Return the solved balances by lab; nothing where all labs take their inputs as given.

    Parameters
    ----------
    years : sequence of Year
    replication : int

    Returns
    -------
    list of Row
    """
    return [
        row
        for year in years
        for lab, solved in year.demand.policies.items()
        for row in rows_of(_pairs(lab, solved), year.year, replication)
    ]


def _pairs(lab: str, solved: Followed) -> Iterator[tuple[str, float]]:
    """Yield the variables of one lab."""
    balance = solved.balance
    yield f"Balance|RL compute|{lab}", solved.rl_flop
    yield f"Balance|Chain length|{lab}", balance.tokens
    yield f"Balance|Samples|{lab}", number(balance.samples)
    yield f"Balance|Accuracy|{lab}", balance.accuracy
    yield f"Balance|RL share of spending|{lab}", balance.rl_share
    yield f"Balance|Requests|{lab}", solved.requests
