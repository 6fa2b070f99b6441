"""What every command says of a small world, and verify of everything, as it was stored."""

from __future__ import annotations

import pytest
from cases import CASES
from golden import PARTS, SMALL, ask, differences, exact, stored, unlike_lines

WORLDS = [f"worlds/{SMALL}/{part}" for part in PARTS]
QUICK = [f"cases/{name}" for name, case in CASES.items() if not case.slow]
SLOW = [f"cases/{name}" for name, case in CASES.items() if case.slow]


@pytest.fixture(scope="module")
def said(request: pytest.FixtureRequest) -> dict[str, str]:
    """What is said now of all that the selected tests ask for, in one process."""
    chosen = [
        item.callspec.params["name"]
        for item in request.session.items
        if item.path == request.path and hasattr(item, "callspec")
    ]
    cases = [name.removeprefix("cases/") for name in chosen if name.startswith("cases/")]
    return dict(ask([SMALL] if len(cases) < len(chosen) else [], cases))


@pytest.mark.parametrize(
    "name", [*WORLDS, *QUICK, *(pytest.param(name, marks=pytest.mark.slow) for name in SLOW)]
)
def test_nothing_moved(name: str, said: dict[str, str]) -> None:
    if moved := differences(name, stored(name), said[name]):
        pytest.fail(moved, pytrace=False)


def test_every_bit_is_compared() -> None:
    if not (exact() and exact("drawings")):
        parts = "; ".join(unlike_lines())
        pytest.skip(f"compared but for rounding, as the stored results are of others: {parts}")
