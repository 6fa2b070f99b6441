"""Every figure of the shipped scenarios, as it was stored."""

from __future__ import annotations

import pytest
from golden import PARTS, SHIPPED, ask, differences, stored


@pytest.mark.slow
@pytest.mark.parametrize("scenario", SHIPPED)
def test_no_figure_of_a_shipped_scenario_moved(scenario: str) -> None:
    said = dict(ask([scenario], []))
    assert sorted(said) == sorted(f"worlds/{scenario}/{part}" for part in PARTS)
    moved = [differences(name, stored(name), text) for name, text in said.items()]
    if any(moved):
        pytest.fail("\n\n".join(filter(None, moved)), pytrace=False)
