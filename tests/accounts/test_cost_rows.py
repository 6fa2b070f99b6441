"""What a small world costs: sums, what moves when one input does, and what stays."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from computesim import Results, load_scenario, project
from computesim.calendar import HOURS
from computesim.cells.memo import Memo

SMALL = Path(__file__).parents[1] / "data" / "small.yaml"
YEARS = (2025, 2026)
AT_ONCE = "fleet.deployment_lag=0 s"  # what is sold at the end of a year is what is asked then
PROGRESS = (
    "progress.serving_software=2", "progress.training_software=3",
    "progress.algorithms={training: 1.5, inference: 4}",
)  # fmt: skip
INFERENCE = ("CoT inference", "Other inference")
KINDS = ("Fresh input", "Cached input", "Output")
Run = Callable[..., Results]


@pytest.fixture(scope="module")
def run() -> Run:
    """Project the small world with overrides; cells and results are shared."""
    memo, known = Memo(None), {}

    def projected(*overrides: str) -> Results:
        if overrides not in known:
            known[overrides] = project(load_scenario(SMALL, overrides), memo=memo)
        return known[overrides]

    return projected


def at(results: Results, name: str, year: int = 2026) -> float:
    """Return one number."""
    return results.series(name)[year]


# --- sums


@pytest.mark.parametrize("year", YEARS)
def test_all_that_is_in_service_is_paid_for_by_somebody(run: Run, year: int) -> None:
    results = run()
    owned = sum(
        at(results, f"Accelerators|Installed|{name}", year) * at(results, f"TCO|{name}", year)
        for name in ("h100-sxm", "mi300x", "gb200")
        if f"TCO|{name}" in results and year in results.series(f"TCO|{name}")
    )
    assert at(results, "Cost of compute", year) == pytest.approx(owned * HOURS, rel=1e-6)


@pytest.mark.parametrize("year", YEARS)
def test_products_pay_for_all_of_inference(run: Run, year: int) -> None:
    results = run()
    pools = sum(at(results, f"Cost of compute|{name}", year) for name in INFERENCE)
    assert at(results, "Cost of serving", year) == pytest.approx(pools, rel=1e-9)


@pytest.mark.parametrize("progress", [(), PROGRESS])
def test_tokens_at_their_prices_are_what_serving_costs(run: Run, progress: tuple[str, ...]) -> None:
    results = run(AT_ONCE, *progress)
    tier = {kind: at(results, f"Cost of tokens by tier|quick|{kind}") for kind in KINDS}
    tokens = dict.fromkeys(KINDS, 0.0)
    names = {"Prompt": KINDS[0], "Cached prompt": KINDS[1], "Reasoning": KINDS[2],
             "Answer": KINDS[2]}  # fmt: skip
    for workload in INFERENCE:
        for name, kind in names.items():
            variable = f"Tokens|{workload}|{name}"
            tokens[kind] += at(results, variable) if variable in results else 0.0
    paid = sum(tokens[kind] * tier[kind] / 1e6 for kind in KINDS) * 365.25
    assert paid == pytest.approx(at(results, "Cost of serving"), rel=1e-9)
    whole = at(results, "Cost of serving") / 365.25 / sum(tokens.values()) * 1e6
    assert at(results, "Cost of tokens by tier|quick") == pytest.approx(whole, rel=1e-9)


@pytest.mark.parametrize("progress", [(), PROGRESS])
def test_requests_draw_together_what_their_pools_draw(run: Run, progress: tuple[str, ...]) -> None:
    results = run(AT_ONCE, *progress)
    daily = {"chat": 80e6 * 4, "coding": 2e6 * 100 * 0.9}
    watts = sum(n * at(results, f"Energy of a request|{name}") for name, n in daily.items()) / 24
    pools = sum(at(results, f"Power|Facility|{name}") for name in INFERENCE)
    assert watts == pytest.approx(pools, rel=1e-9)


@pytest.mark.parametrize("progress", [(), PROGRESS])
def test_runs_at_their_prices_are_what_training_costs(run: Run, progress: tuple[str, ...]) -> None:
    results = run(AT_ONCE, *progress)
    for workload, runs in (("Pretraining", 3 * 1), ("RL post-training", 3 * 20)):
        one = at(results, f"Cost of run|{workload}|lab")
        assert one * runs == pytest.approx(at(results, f"Cost of compute|{workload}"), rel=1e-9)
        parts = [
            f"Cost of run|{workload}|lab|{p}" for p in ("Capital", "Operations", "Electricity")
        ]
        assert sum(at(results, part) for part in parts) == pytest.approx(one, rel=1e-9)


def test_the_hours_of_a_run_do_its_flop(run: Run) -> None:
    """2e24 FLOP at the MFU and the time with progress of the fleet, on its bf16 peak."""
    results = run(AT_ONCE, "fleet.shipments={2025: {h100-sxm: 1}}")
    hours = at(results, "Accelerator-hours of run|Pretraining|lab")
    achieved = 2e24 / (hours * 3600 * 989e12)
    mfu = at(results, "MFU|Pretraining|h100-sxm")
    assert 0.9 * mfu < achieved <= mfu  # failures take the rest


# --- what moves


def test_free_capital_leaves_the_straight_line(run: Run) -> None:
    results = run("finance.cost_of_capital=0")
    assert at(results, "TCO|h100-sxm|Accelerator") == pytest.approx(29_000 / 5 / HOURS)


def test_a_longer_life_of_the_books_leaves_the_fleet_alone(run: Run) -> None:
    before, after = run(), run("finance.it_lifetime=10 year", "finance.cost_of_capital=0")
    assert at(after, "TCO|h100-sxm|Accelerator") == pytest.approx(29_000 / 10 / HOURS)
    for name in before.variables():
        if not name.startswith(("TCO", "Cost of")):
            assert after.series(name) == before.series(name)


def test_dearer_electricity_raises_its_part_alone(run: Run) -> None:
    before, after = run("prices.electricity=0.05"), run("prices.electricity=0.10")
    for part in ("Accelerator", "Server", "Network", "Facility", "Operations"):
        name = f"TCO|h100-sxm|{part}"
        assert at(after, name) == at(before, name)
    power = "TCO|h100-sxm|Electricity"
    assert at(after, power) == pytest.approx(2 * at(before, power))
    energy = "Energy of run|Pretraining|lab"
    bill = at(before, energy) / 1000 * 0.05
    assert at(before, "Cost of run|Pretraining|lab|Electricity") == pytest.approx(bill)


def test_a_price_that_falls_reaches_only_what_is_bought_then(run: Run) -> None:
    cheaper = {2025: 29_000, 2026: 14_500}
    results = run(f"prices.accelerators.h100-sxm={cheaper}", "finance.cost_of_capital=0")
    new = at(results, "Accelerators|Shipped|h100-sxm", 2026)
    old = at(results, "Accelerators|Shipped|h100-sxm", 2025)
    mean = (old * 29_000 + new * 14_500) / (old + new)
    assert at(results, "TCO|h100-sxm|Accelerator", 2025) == pytest.approx(29_000 / 5 / HOURS)
    assert at(results, "TCO|h100-sxm|Accelerator", 2026) == pytest.approx(mean / 5 / HOURS)


def test_more_users_pay_the_same_for_a_token(run: Run) -> None:
    one_kind = "fleet.shipments={2025: {h100-sxm: 1}}"
    users = ("products.chat.users={2025: 80e6, 2026: 160e6}",
             "products.coding.users={2025: 2e6, 2026: 4e6}")  # fmt: skip
    before, after = run(one_kind), run(one_kind, *users)
    for product in ("chat", "coding"):
        name = f"Cost of tokens|{product}"
        assert at(after, name) == pytest.approx(at(before, name), rel=1e-6)


def test_pools_that_are_used_half_as_well_double_the_cost_of_a_token(run: Run) -> None:
    one_kind = "fleet.shipments={2025: {h100-sxm: 1}}"
    before, after = run(one_kind), run(one_kind, "traffic.serving_share=0.3")
    ratio = at(after, "Cost of tokens|chat") / at(before, "Cost of tokens|chat")
    assert 1.9 < ratio < 2.0  # twice the machines; idle ones draw less


def test_software_that_is_twice_as_fast_halves_what_a_token_and_a_run_cost(run: Run) -> None:
    """The same tokens are served and the same runs are made, on half of the machines."""
    one_kind = "fleet.shipments={2025: {h100-sxm: 1}}"
    faster = ("progress.serving_software=2", "progress.training_software=2")
    before, after = run(one_kind), run(one_kind, *faster)
    assert at(after, "Tokens") == pytest.approx(at(before, "Tokens"))
    for name in ("Cost of compute|CoT inference", "Cost of tokens|chat", "Cost of a request|chat",
                 "Energy of a request|coding", "Cost of run|Pretraining|lab",
                 "Accelerator-hours of run|RL post-training|lab"):  # fmt: skip
        assert at(after, name) == pytest.approx(at(before, name) / 2, rel=1e-6), name


def test_a_written_token_costs_more_than_a_read_one_and_a_cached_one_least(run: Run) -> None:
    for product in ("chat", "coding"):
        fresh, cached, output = (at(run(), f"Cost of tokens|{product}|{k}") for k in KINDS)
        assert 0 < cached < fresh < output


def test_an_hour_in_use_costs_more_than_one_in_service(run: Run) -> None:
    results = run()
    ratio = at(results, "TCO per used hour|h100-sxm") / at(results, "TCO|h100-sxm")
    assert 1.0 < ratio < 5.0


# --- regions


def test_the_same_site_as_the_only_region_changes_nothing(run: Run) -> None:
    before, after = run(), run("regions.shares={us: 1}")  # an alias of the site
    for name in before.variables():
        assert after.series(name) == before.series(name)


def test_regions_sum_to_the_whole_and_clean_ones_emit_less(run: Run) -> None:
    shares = "regions.shares={hyperscale-us: 0.6, norway: 0.3, china: 0.1}"
    results, alone = run(shares), run()
    pairs = (("Energy", "Energy by region"), ("Emissions", "Emissions by region"),
             ("Electricity cost", "Electricity cost by region"),
             ("Power|Facility", "Power by region"))  # fmt: skip
    for whole, parts in pairs:
        assert at(results, parts) == pytest.approx(at(results, whole), rel=1e-12)
    assert at(results, "Emissions") < at(alone, "Emissions")
    # the scenario's own PUE holds everywhere, so that energy follows the IT load
    assert at(results, "Energy by region|norway") == pytest.approx(0.3 * at(results, "Energy"))


# --- the ends


def test_machines_that_cost_nothing_serve_free_tokens(run: Run) -> None:
    free = [f"prices.accelerators.{name}=0" for name in ("h100-sxm", "mi300x", "gb200")]
    others = ("prices.electricity=0", "prices.facility=0", "finance.operations_share=0")
    results = run(*free, *others)
    network = at(results, "TCO|h100-sxm|Network")
    assert at(results, "TCO|h100-sxm") == pytest.approx(network)
    assert at(results, "Cost of tokens|chat") > 0  # the network is still paid for


def test_what_a_power_limit_leaves_undone_is_not_paid_for(run: Run) -> None:
    before, after = run(), run("limits.facility_power=20 MW")
    assert at(after, "Unmet") > 0
    ratio = at(after, "Cost of serving") / at(before, "Cost of serving")
    assert 0 < ratio < 0.9
    same = at(after, "Cost of run|Pretraining|lab") / at(before, "Cost of run|Pretraining|lab")
    assert same == pytest.approx(1.0, rel=0.3)  # other kinds of machines, not fewer runs
