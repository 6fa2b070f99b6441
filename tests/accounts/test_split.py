"""Tokens, requests and accelerators by product, tier and lab; progress; other AI by count."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from computesim import Results, load_catalog, load_scenario, project
from computesim.accounts.split import product_shares
from computesim.cells.memo import Memo
from computesim.fleet.world import simulate

SMALL = Path(__file__).parents[1] / "data" / "small.yaml"
YEARS = (2025, 2026)
ONE_KIND = "fleet.shipments={2025: {h100-sxm: 1}}"
SERVING = ("CoT inference", "Other inference")
TRAINING = ("Pretraining", "RL post-training", "Experiments")
MEMO = Memo(None)
Run = Callable[..., Results]


@pytest.fixture(scope="module")
def run() -> Run:
    """Project the small world with overrides; cells and results are shared."""
    known: dict[tuple[str, ...], Results] = {}

    def projected(*overrides: str) -> Results:
        if overrides not in known:
            known[overrides] = project(load_scenario(SMALL, overrides), memo=MEMO)
        return known[overrides]

    return projected


def ratios(after: Results, before: Results, variable: str) -> list[float]:
    """Return a variable of one run over that of another, by year."""
    return [after.series(variable)[y] / before.series(variable)[y] for y in YEARS]


def every(factor: float, rel: float = 1e-6) -> object:
    return pytest.approx([factor] * 2, rel=rel)


LIMITED = "limits.facility_power={2025: 10 MW, 2026: 15 MW}"
TWO_TIERS, SECOND_TIER = "products.coding.tier=slow", "tiers.slow={model: llama-3.1-8b}"


@pytest.mark.parametrize("overrides", [(), (LIMITED,), (TWO_TIERS, SECOND_TIER)])
def test_products_tiers_and_labs_sum_to_the_workloads(run: Run, overrides: tuple[str, ...]) -> None:
    results = run(*overrides)
    assert results.check_sums() == []
    for year in YEARS:

        def total(family: str, names: tuple[str, ...], year: int = year) -> float:
            return sum(results.series(f"{family}|{name}")[year] for name in names)

        for family, own in (
            ("H100-equivalents", "H100-equivalents"),
            ("Accelerators", "Accelerators|Required"),
        ):
            for by in ("product", "tier"):
                found = results.series(f"{family} by {by}")[year]
                assert found == pytest.approx(total(own, SERVING))
            assert results.series(f"{family} by lab")[year] == pytest.approx(total(own, TRAINING))
        for where in ("Tokens", "Device tokens"):
            found = results.series(f"{where} by product")[year]
            assert found == pytest.approx(results.series(where)[year])
    if LIMITED in overrides:  # what is left undone is required as well
        assert results.series("Unmet")[2026] > 0


def test_requests_of_a_product_are_its_users_times_their_requests(run: Run) -> None:
    results = run()
    for year, users in ((2025, 40e6), (2026, 80e6)):
        parts = {
            kind: results.series(f"Requests by product|chat|{kind}")[year]
            for kind in ("Reasoning", "Direct")
        }
        assert parts == pytest.approx({"Reasoning": 0.4 * 4 * users, "Direct": 0.6 * 4 * users})
        coding = results.series("Tokens by product|coding|Answer")[year]
        assert coding == pytest.approx(0.9 * 100 * 150 * users / 40)


def test_two_products_that_are_alike_share_a_tier_by_their_requests(run: Run) -> None:
    twin = (
        "products.twin={users: {2025: 120e6, 2026: 240e6}, requests_per_user_per_day: 4, "
        "prompt_tokens: 800, cached_share: 0.25, answer_tokens: 250, reasoning_share: 0.4, "
        "reasoning_tokens: 900, tier: quick}"
    )
    results = run(twin)
    for workload in SERVING:
        for year in YEARS:
            one, other = (
                results.series(f"H100-equivalents by product|{name}|{workload}")[year]
                for name in ("chat", "twin")
            )
            assert other == pytest.approx(3 * one)


def test_the_shares_of_a_task_lie_between_those_of_its_prefill_and_of_its_decode() -> None:
    scenario = load_scenario(SMALL)
    catalog = load_catalog()
    (year, _) = simulate(scenario, catalog, MEMO).years
    (demand,) = (d for d in year.demand.serving if d.workload == "Other inference")
    task = next(t for t in year.tasks if t.workload == "Other inference")
    shares = product_shares(year, task)
    assert sum(shares.values()) == pytest.approx(1)
    flop = {s.name: demand.stream_flop(s) for s in demand.streams}
    ends = [
        flop["coding"][part] / sum(own[part] for own in flop.values())
        for part in ("Prefill", "Decode")
    ]
    for index, cell in enumerate(year.cells.serving[task]):
        if cell.requests > 0:
            assert 0 < cell.reading < 1
            assert min(ends) < shares["coding"][index] < max(ends)


# --- progress


def test_better_serving_software_serves_the_same_tokens_with_fewer_accelerators(run: Run) -> None:
    before, after = run(ONE_KIND), run(ONE_KIND, "progress.serving_software=2")
    for workload in SERVING:
        for variable in ("Accelerators|Required", "Power|IT", "H100-equivalents"):
            assert ratios(after, before, f"{variable}|{workload}") == every(0.5, 1e-5)
        for same in ("Tokens", "FLOP"):
            assert ratios(after, before, f"{same}|{workload}") == every(1)
        assert ratios(after, before, f"Goodput|{workload}|h100-sxm") == every(2)
    for workload in TRAINING:
        assert ratios(after, before, f"Accelerators|Required|{workload}") == every(1, 1e-5)


def test_better_algorithms_of_inference_take_less_flop_as_well(run: Run) -> None:
    before, after = run(ONE_KIND), run(ONE_KIND, "progress.algorithms.inference=4")
    for workload in SERVING:
        assert ratios(after, before, f"Accelerators|Required|{workload}") == every(0.25, 1e-5)
        assert ratios(after, before, f"FLOP|{workload}") == every(0.25)
        assert ratios(after, before, f"Tokens|{workload}") == every(1)


def test_better_training_software_takes_the_same_flop_and_fewer_accelerators(run: Run) -> None:
    before, after = run(ONE_KIND), run(ONE_KIND, "progress.training_software=1.25")
    for workload in TRAINING:
        assert ratios(after, before, f"Accelerators|Required|{workload}") == every(0.8, 1e-5)
        assert ratios(after, before, f"FLOP|{workload}") == every(1)
    assert ratios(after, before, "MFU|Pretraining|h100-sxm") == every(1.25)


def test_better_algorithms_of_training_shorten_final_runs_and_rl_runs(run: Run) -> None:
    before, after = run(ONE_KIND), run(ONE_KIND, "progress.algorithms.training=2")
    for workload in TRAINING:
        assert ratios(after, before, f"FLOP|{workload}") == every(0.5)
    units = ratios(after, before, "Accelerators|Required|RL post-training")
    assert units == every(0.5, 1e-5)
    assert ratios(after, before, "FLOP|CoT inference") == every(1)


def test_software_that_grows_with_demand_leaves_the_fleet_as_it_is(run: Run) -> None:
    """Twice the users on engines twice as good, also between the ends of the years."""
    before = run(ONE_KIND, "products.chat.users=40e6", "products.coding.users=1e6")
    after = run(ONE_KIND, "progress.serving_software={2025: 1, 2026: 2}")
    for workload in SERVING:
        found = ratios(after, before, f"Accelerators|Required|{workload}")
        assert found == every(1, 1e-5)


def test_the_hardware_index_is_the_goodput_of_what_is_shipped_over_the_first_year(
    run: Run,
) -> None:
    flat = run(ONE_KIND)
    for part in ("Per accelerator", "Per USD"):
        assert list(flat.series(f"Progress|Hardware|{part}").values()) == pytest.approx([1, 1])
    only_serving = ("labs.lab.count=0.000001", "products.coding.users=0",
                    "products.chat.reasoning_share=0")  # fmt: skip
    kinds = "fleet.shipments={2025: {h100-sxm: 1}, 2026: {gb200: 1}}"
    results = run(kinds, "prices.accelerators={h100-sxm: 20000, gb200: 50000}", *only_serving)
    goodput = [
        results.series(f"Goodput|Other inference|{name}")[2026] for name in ("h100-sxm", "gb200")
    ]
    more = goodput[1] / goodput[0]
    found = results.series("Progress|Hardware|Per accelerator")[2026]
    assert found == pytest.approx(more, rel=0.05)  # requests, where goodput counts their tokens
    per_usd = results.series("Progress|Hardware|Per USD")[2026]
    assert per_usd == pytest.approx(found * 20_000 / 50_000)


def test_software_and_algorithms_are_no_progress_of_hardware(run: Run) -> None:
    plain, better = run(), run("progress.serving_software={2025: 1, 2026: 3}")
    name = "Progress|Hardware|Per accelerator"
    assert plain.series(name)[2026] > 1.2  # gb200 joins
    # serving weighs less where it takes less: the index is one of the whole work
    assert better.series(name)[2026] == pytest.approx(plain.series(name)[2026], rel=0.1)
    assert better.series("Progress|Serving software") == {2025: 1, 2026: 3}


# --- other AI


def test_other_ai_that_is_counted_does_not_grow_with_language_models(run: Run) -> None:
    counted = ("other_ai={share: null, h100_equivalents: 2000}", "fleet.deployment_lag=0 year")
    one = run(*counted)
    two = run(*counted, "products.chat.users={2025: 80e6, 2026: 160e6}")
    for results in (one, two):
        assert results.check_sums() == []
        found = results.series("H100-equivalents|Other AI")
        assert found == pytest.approx({2025: 2e3, 2026: 2e3})
    assert all(r > 1.02 for r in ratios(two, one, "H100-equivalents"))
    installed = one.series("H100-equivalents by generation")
    assert installed == pytest.approx(one.series("H100-equivalents"), rel=1e-6)
    share = [x / one.series("Accelerators|Required|Other AI")[y]
             for y, x in one.series("Power|IT|Other AI").items()]  # fmt: skip
    idle = 300  # W: it works as hard as the rest of the fleet, and is not taken for idle
    assert all(watts > 2 * idle for watts in share)


def test_other_ai_that_is_counted_is_cut_like_the_rest_by_a_limit(run: Run) -> None:
    results = run(LIMITED, "other_ai={share: null, h100_equivalents: 4000}")
    unmet = {w: results.series(f"Unmet|{w}")[2026] for w in ("Other AI", *SERVING)}
    required = {w: results.series(f"Accelerators|Required|{w}")[2026] for w in unmet}
    shares = [unmet[w] / required[w] for w in unmet]
    assert shares[0] > 0.05
    assert shares == pytest.approx([shares[0]] * 3, rel=1e-4)
