"""Users by diffusion, requests by sessions, prompts that grow and prices that matter."""

from __future__ import annotations

import math
from pathlib import Path

import pytest

from computesim import Scenario, load_scenario
from computesim.demand.asked import demand_at
from computesim.demand.progress import hardware_per_usd
from computesim.demand.usage import prompts_at, response, usage_at, users_at
from computesim.scenario import Moment
from computesim.workload.diffusion import bass

SMALL = Path(__file__).parents[1] / "data" / "small.yaml"
CHAT = "products.chat."
NO_USERS = CHAT + "users=null"
POINTS = CHAT + (
    "diffusion={ceiling: {low: 1.2e9, central: 2.5e9, high: 4e9}, "
    "first: {year: 2023, users: 150e6}, second: {year: 2025, users: 1.1e9}}"
)


def small(*overrides: str) -> Scenario:
    return load_scenario(SMALL, overrides)


def users(scenario: Scenario, year: float) -> float:
    return users_at(scenario.products["chat"], year)


# --- users


def test_diffusion_goes_through_what_was_observed_under_any_ceiling() -> None:
    scenario = small(NO_USERS, POINTS)
    for p in (0.05, 0.5, 0.95):
        drawn = scenario.pinned({CHAT + "diffusion.ceiling": p})
        assert users(drawn, 2023) == pytest.approx(150e6)
        assert users(drawn, 2025) == pytest.approx(1.1e9)
        assert users(drawn, 2060) == pytest.approx({0.05: 1.2e9, 0.5: 2.5e9, 0.95: 4e9}[p])


def test_a_ceiling_drawn_below_what_was_observed_is_almost_reached() -> None:
    drawn = small(NO_USERS, POINTS).pinned({CHAT + "diffusion.ceiling": 1e-4})
    ceiling = drawn.at(CHAT + "diffusion.ceiling", 2025)
    assert ceiling < 1.1e9
    assert users(drawn, 2025) == pytest.approx(ceiling, rel=0.01)


def test_a_logistic_by_midpoint_and_rate_has_them() -> None:
    law = CHAT + "diffusion={law: logistic, ceiling: 2e9, midpoint: 2025.5, rate: 1.2}"
    scenario = small(NO_USERS, law)
    assert users(scenario, 2025.5) == pytest.approx(1e9)

    def odds(year: float) -> float:
        return users(scenario, year) / (2e9 - users(scenario, year))

    assert math.log(odds(2026) / odds(2025)) == pytest.approx(1.2)


def test_bass_begins_at_its_launch_and_takes_a_share_of_a_growing_market() -> None:
    law = (
        "{law: bass, launch: 2024, innovation: 0.02, imitation: 1.1, "
        "ceiling: {path: {2025: 1e8, 2026: 3e8}}}"
    )
    scenario = small(NO_USERS, f"{CHAT}diffusion={law}")
    assert users(scenario, 2025) == pytest.approx(bass(1.0, 1e8, 0.02, 1.1))
    assert users(scenario, 2026) == pytest.approx(bass(2.0, 3e8, 0.02, 1.1))
    late = small(NO_USERS, f"{CHAT}diffusion={law.replace('2024', '2026')}")
    assert users(late, 2026) == 0
    assert demand_at(Moment.of(late, 2026)).products["chat"].tokens["CoT inference"]


# --- requests and prompts


def test_sessions_and_turns_are_requests() -> None:
    none = CHAT + "requests_per_user_per_day=null"
    sessions = small(none, CHAT + "sessions_per_user_per_day=0.8", CHAT + "turns_per_session=5")
    asked, same = (demand_at(Moment.of(s, 2025)) for s in (sessions, small()))
    assert asked == same


def test_the_cached_share_comes_out_of_the_growth_of_the_context() -> None:
    scenario = small(
        CHAT + "requests_per_user_per_day=null", CHAT + "cached_share=null",
        CHAT + "sessions_per_user_per_day=1", CHAT + "turns_per_session=4",
        CHAT + "context_growth={tokens_per_turn: 300}",
    )  # fmt: skip
    prompts = [800, 1100, 1400, 1700]
    found = prompts_at(scenario.products["chat"], 2025)
    assert found.prompt_tokens == pytest.approx(sum(prompts) / 4)
    assert found.cached_share == pytest.approx(sum(prompts[:3]) / sum(prompts))
    flows = demand_at(Moment.of(scenario, 2025)).products["chat"].tokens
    cached = sum(day.total.cached_prompt for day in flows.values())
    assert cached == pytest.approx(40e6 * sum(prompts[:3]))
    fresh = sum(day.total.fresh_prompt for day in flows.values())
    assert fresh == pytest.approx(40e6 * 1700)  # the last prompt holds all that was ever new


# --- prices


def priced(*more: str, elasticity: float = 0.7) -> Scenario:
    level = f"{{level: {{2025: 8, 2026: 2}}, reference_year: 2025, elasticity: {elasticity}}}"
    return small(f"{CHAT}price={level}", *more)


@pytest.mark.parametrize("elasticity", [0.0, 0.7, 1.0, 1.6])
def test_use_answers_a_price_by_its_elasticity(elasticity: float) -> None:
    scenario = priced(elasticity=elasticity)
    catalog = scenario.catalog()
    for year, ratio in ((2025, 1.0), (2025.5, 5 / 8), (2026, 1 / 4)):
        expected = ratio**-elasticity
        assert response(Moment(scenario, catalog, year), "chat") == pytest.approx(expected)
        found = demand_at(Moment(scenario, catalog, year))
        plain = demand_at(Moment(small(), catalog, year))
        for workload in ("CoT inference", "Other inference"):
            one, other = (d.products["chat"].tokens[workload].total for d in (plain, found))
            assert other.output == pytest.approx(expected * one.output)
            assert other.fresh_prompt == pytest.approx(expected * one.fresh_prompt)
        assert found.products["coding"] == plain.products["coding"]


def test_only_ratios_of_a_price_count() -> None:
    cents = small(
        CHAT + "price={level: {2025: 800, 2026: 200}, reference_year: 2025, elasticity: 0.7}"
    )
    catalog = cents.catalog()
    assert usage_at(Moment(cents, catalog, 2026), "chat") == usage_at(
        Moment(priced(), catalog, 2026), "chat"
    )


def test_a_price_that_follows_progress_falls_with_all_three_and_one_of_software_with_two() -> None:
    progress = (
        "progress.serving_software={2025: 1, 2026: 2}",
        "progress.algorithms.inference={2025: 1, 2026: 3}",
    )
    for follows, hardware in (("progress", True), ("software", False)):
        price = f"{{follows: {follows}, reference_year: 2025, elasticity: 1}}"
        scenario = small(f"{CHAT}price={price}", *progress)
        catalog = scenario.catalog()
        gain = hardware_per_usd(Moment(scenario, catalog, 2026)) / hardware_per_usd(
            Moment(scenario, catalog, 2025)
        )
        expected = 6 * (gain if hardware else 1)
        found = demand_at(Moment(scenario, catalog, 2026)).products["chat"]
        assert found.price == pytest.approx(1 / expected)
        assert found.response == pytest.approx(expected)


def test_hardware_per_usd_is_peak_over_price_of_what_is_shipped() -> None:
    scenario = small("prices.accelerators={h100-sxm: 20000, gb200: 40000}")
    catalog = scenario.catalog()
    gb200 = catalog.accelerator("gb200").h100_equivalents
    expected = (0.4 * 1 + 0.6 * gb200) / (0.4 * 20_000 + 0.6 * 40_000)
    assert hardware_per_usd(Moment(scenario, catalog, 2026)) == pytest.approx(expected, rel=1e-3)


def test_a_price_under_another_name_of_an_accelerator_counts() -> None:
    own, alias = (
        small(f"prices.accelerators={{{name}: 20000}}") for name in ("h100-sxm", "h100-80gb")
    )
    plain = hardware_per_usd(Moment(small(), own.catalog(), 2025))
    assert hardware_per_usd(Moment.of(own, 2025)) != pytest.approx(plain)
    assert hardware_per_usd(Moment(alias, own.catalog(), 2025)) == pytest.approx(
        hardware_per_usd(Moment.of(own, 2025))
    )
