"""Entries that say one thing in two ways: all that is wrong is told at once."""

from __future__ import annotations

from pathlib import Path

import pytest

from computesim.errors import ScenarioError
from computesim.scenario import load_scenario

DATA = Path(__file__).parent / "data"


def faults(text: str, folder: Path) -> dict[str, tuple[int, str]]:
    """Return the faults of a child of the minimal scenario by key: line and text."""
    (folder / "own.yaml").write_text(f"extends: {DATA / 'minimal.yaml'}\n{text}", encoding="utf-8")
    with pytest.raises(ScenarioError) as caught:
        load_scenario(folder / "own.yaml")
    return {fault.key: (fault.line, str(fault)) for fault in caught.value.faults}


PLANTED = """\
products:
  chat:
    diffusion: {law: bass, ceiling: 1e9, midpoint: 2025, launch: 2023}
    sessions_per_user_per_day: 2
    cached_share: 0.3
    context_growth: {tokens_per_turn: -5}
    price: {level: 3, follows: progress, reference_year: 2025, elasticity: 1}
  tutor:
    prompt_tokens: 100
    answer_tokens: 100
    reasoning_share: 0
    reasoning_tokens: 0
    tier: standard
    sessions_per_user_per_day: 2
    diffusion: {ceiling: 1e9, first: {year: 2024, users: 1e6}}
    context_growth: {tokens_per_turn: 10}
other_ai: {share: 0.2, h100_equivalents: 1e6}
"""


def test_everything_that_is_said_twice_by_halves_or_not_at_all_is_told_at_once(
    tmp_path: Path,
) -> None:
    found = faults(PLANTED, tmp_path)
    chat, tutor = "products.chat.", "products.tutor."
    expected = {
        chat + "diffusion": (4, "the number of users twice: users, diffusion"),
        chat + "sessions_per_user_per_day": (5, "the number of requests twice"),
        chat + "context_growth": (7, "without turns"),
        chat + "context_growth.tokens_per_turn": (7, "at least 0 token"),
        chat + "price.follows": (8, "the price twice: level, follows"),
        chat + "diffusion.innovation": (4, "missing; it goes with the others"),
        chat + "diffusion.imitation": (4, "missing; it goes with the others"),
        chat + "diffusion.midpoint": (4, "no parameter of `bass`"),
        tutor + "turns_per_session": (9, "missing; it goes with the others"),
        tutor + "diffusion.second": (16, "missing; it goes with the others"),
        tutor + "context_growth": (17, "without turns"),
        "other_ai.h100_equivalents": (18, "other AI twice"),
    }
    cached = found.pop(chat + "context_growth")
    assert "cached share twice" in cached[1] or "without turns" in cached[1]
    expected.pop(chat + "context_growth")
    assert set(found) == set(expected)
    for key, (line, words) in expected.items():
        assert found[key][0] == line, key
        assert words in found[key][1]
    assert "take one away: `users: null`" in found[chat + "diffusion"][1]


def test_a_product_without_users_and_requests_lacks_both(tmp_path: Path) -> None:
    found = faults("products: {chat: {users: null, requests_per_user_per_day: null}}", tmp_path)
    assert set(found) == {"products.chat.users", "products.chat.requests_per_user_per_day"}
    assert "`users`, or `diffusion`" in found["products.chat.users"][1]


@pytest.mark.parametrize(
    ("diffusion", "key", "words"),
    [
        (
            "{ceiling: 1e9, first: {year: 2024, users: 2e9}, second: {year: 2025, users: 3e8}}",
            "first.users",
            "fewer than the ceiling",
        ),
        (
            "{ceiling: {low: 2e8, central: 1e9, high: 2e9}, "
            "first: {year: 2024, users: 1e6}, second: {year: 2025, users: 3e8}}",
            "second.users",
            "3e+08 users (low)",
        ),
        (
            "{ceiling: 1e9, first: {year: 2024, users: 1e6}, second: {year: 2024, users: 3e8}}",
            "second.year",
            "two different years",
        ),
        (
            "{ceiling: 1e9, first: {year: 2024, users: 1e6}, second: {year: 2025, users: 1e6}}",
            "second.users",
            "two different shares",
        ),
        (
            "{ceiling: {2024: 1e9, 2028: 2e9}, "
            "first: {year: 2019, users: 1e6}, second: {year: 2025, users: 2e6}}",
            "ceiling",
            "covers the year of `first`",
        ),
        ("{law: gompertz, ceiling: 1e9}", "law", "one of logistic or bass"),
    ],
)
def test_curves_through_impossible_points_are_faults(
    tmp_path: Path, diffusion: str, key: str, words: str
) -> None:
    text = f"products:\n  chat:\n    users: null\n    diffusion: {diffusion}\n"
    found = faults(text, tmp_path)
    assert list(found) == [f"products.chat.diffusion.{key}"]
    assert words in found[f"products.chat.diffusion.{key}"][1]


def test_a_price_refers_to_a_year_of_the_horizon(tmp_path: Path) -> None:
    text = "products: {chat: {price: {level: 3, reference_year: 2020, elasticity: 1}}}"
    found = faults(text, tmp_path)
    assert "a year of the horizon, 2024-2028" in found["products.chat.price.reference_year"][1]


def test_other_ai_has_a_share_unless_it_is_counted(tmp_path: Path) -> None:
    plain = load_scenario(DATA / "minimal.yaml").other_ai
    assert plain.share
    assert [plain.share.at(2025, case) for case in ("low", "central", "high")] == [0.05, 0.15, 0.3]
    counted = load_scenario(DATA / "minimal.yaml", ["other_ai.h100_equivalents=2e6"])
    assert counted.other_ai.share is None
    (tmp_path / "again.yaml").write_text(str(counted.resolved()), encoding="utf-8")
    assert load_scenario(tmp_path / "again.yaml").resolved() == counted.resolved()


def test_a_scenario_with_every_new_part_reads_back_as_it_is_written(tmp_path: Path) -> None:
    text = load_scenario(
        DATA / "minimal.yaml",
        [
            "products.chat.users=null",
            "products.chat.requests_per_user_per_day=null",
            "products.chat.diffusion={ceiling: 1e9, midpoint: 2025.5, rate: 1}",
            "products.chat.sessions_per_user_per_day=1",
            "products.chat.turns_per_session={low: 2, central: 4, high: 9}",
            "products.chat.context_growth={tokens_per_turn: 500, hits: 0.9}",
            "products.chat.price={follows: progress, reference_year: 2025, elasticity: 0.5}",
            "progress.algorithms.inference={2024: 1, 2028: 9, interpolation: geometric}",
        ],
    )
    (tmp_path / "again.yaml").write_text(str(text.resolved()), encoding="utf-8")
    again = load_scenario(tmp_path / "again.yaml")
    assert again.resolved() == text.resolved()
    shown = {row.key: row for row in again.assumptions()}
    assert shown["products.chat.diffusion.midpoint"].text == "2025.5"
    assert shown["products.chat.price.reference_year"].text == "2025"
