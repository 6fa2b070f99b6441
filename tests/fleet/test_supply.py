"""The supply of a scenario, through the whole chain: both worlds, what binds, and bad input."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from computesim import Results, load_scenario, project
from computesim.cells.memo import Memo
from computesim.errors import CatalogError, ScenarioError
from computesim.fleet.supply import ADDED, CAPITAL, HBM, PACKAGING, available
from computesim.scenario import Moment

SMALL = Path(__file__).parents[1] / "data" / "small.yaml"
YEARS = (2025, 2026)
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


def offered(*overrides: str) -> dict[int, dict[str, float]]:
    """Return what the supply of the small world offers, by year."""
    scenario = load_scenario(SMALL, overrides)
    return {y: dict(available(Moment.of(scenario, y)).amounts) for y in YEARS}


# --- how much there is


def test_a_constant_capacity_gives_twelve_months_times_the_share() -> None:
    found = offered("supply.packaging=10_000", "supply.packaging_share=0.5")
    assert [found[year][PACKAGING] for year in YEARS] == pytest.approx([60_000, 60_000])


def test_a_growing_capacity_is_integrated_up_to_the_lead_time() -> None:
    path = "supply.packaging={2023: 12000, 2026: 48000}"  # 12,000 a year more
    share, year = "supply.packaging_share=1", 12.0
    at_once = offered(path, share, "supply.lead_time=0 year")
    late = offered(path, share, "supply.lead_time=0.5 year")
    assert at_once[2025][PACKAGING] == pytest.approx(year * 30_000)  # mean of 24,000 and 36,000
    assert late[2025][PACKAGING] == pytest.approx(year * 24_000)
    assert late[2026][PACKAGING] == pytest.approx(year * 36_000)


def test_a_path_that_does_not_reach_back_holds_its_start() -> None:
    found = offered(
        "supply.packaging={2025: 10000, 2026: 20000}", "supply.packaging_share=1",
        "supply.lead_time=0 year",
    )  # fmt: skip
    assert found[2025][PACKAGING] == pytest.approx(120_000)
    assert found[2026][PACKAGING] == pytest.approx(180_000)


def test_memory_arrives_in_part_in_the_next_year() -> None:
    found = offered(
        "supply.hbm={2024: 1e9, 2025: 2e9, 2026: 4e9}", "supply.hbm_share=0.5",
        "supply.lead_time=0.25 year",
    )  # fmt: skip
    assert found[2025][HBM] == pytest.approx(0.5 * (0.75 * 2e9 + 0.25 * 1e9) * 2**30)
    assert found[2026][HBM] == pytest.approx(0.5 * (0.75 * 4e9 + 0.25 * 2e9) * 2**30)


def test_units_of_flows_are_per_year() -> None:
    found = offered("supply.power_added=3 GW/year", "supply.capital=200e9")
    assert found[2025][ADDED] == pytest.approx(3e9)
    assert found[2025][CAPITAL] == pytest.approx(200e9)


# --- what it does to the world


def test_a_world_without_limits_reports_none(run: Run) -> None:
    assert not run().variables("Supply*")
    assert not run().variables("Unconstrained*")


def test_limits_that_cannot_bind_change_no_other_number(run: Run) -> None:
    free = run()
    far = run(
        "supply.packaging=1e12", "supply.hbm=1e12", "supply.power_added=1e18 W/year",
        "supply.capital=1e18", "supply.makers={NVIDIA: 1e12}", "limits.facility_power=1e18 W",
    )  # fmt: skip
    for name in free.variables("*"):
        assert far.series(name) == pytest.approx(free.series(name), rel=1e-9), name
    assert far.series("Unmet") == pytest.approx(dict.fromkeys(YEARS, 0.0))
    for name in far.variables("Supply|Binding|*"):
        assert not any(far.series(name).values())


@pytest.mark.parametrize(
    ("key", "name"),
    [
        ("supply.packaging", "Packaging wafers"),
        ("supply.hbm", "HBM"),
        ("supply.power_added", "Added power"),
        ("supply.capital", "Capital"),
        ("limits.facility_power", "Facility power"),
    ],
)
def test_every_limit_binds_is_met_and_stands_beside_the_free_world(
    run: Run, key: str, name: str
) -> None:
    free = run()
    far = run(f"{key}=1e20")
    there, used = (far.series(f"Supply|{what}|{name}")[2025] for what in ("Available", "Used"))
    limited = run(f"{key}={0.5 * 1e20 * used / there!r}")  # half of what the first year takes
    assert limited.series(f"Supply|Binding|{name}") == dict.fromkeys(YEARS, 1.0)
    most = limited.series(f"Supply|Available|{name}")
    assert limited.series(f"Supply|Used|{name}") == pytest.approx(most, rel=1e-9)
    assert most[2025] == pytest.approx(used / 2, rel=1e-9)
    assert min(limited.series("Unmet").values()) > 0
    for group in ("H100-equivalents", "Power|Provisioned", "Energy", "Capex"):
        assert limited.series(f"Unconstrained|{group}") == pytest.approx(free.series(group))
    fleet = limited.series("H100-equivalents by generation")
    relief = limited.series(f"Supply|Relief|{name}")
    whole = free.series("H100-equivalents by generation")
    assert fleet[2025] + relief[2025] == pytest.approx(whole[2025], rel=1e-6)
    assert limited.check_sums() == []


def test_work_that_the_past_left_undone_is_done_when_there_is_supply_again(run: Run) -> None:
    at_once = "supply.lead_time=0 year"
    used = run("supply.hbm=1e12", "supply.hbm_share=1", at_once).series("Supply|Used|HBM")[2025]
    path = f"supply.hbm={{2024: 0, 2025: {used / 2e9!r}, 2026: 1e12}}"
    late = run(path, "supply.hbm_share=1", at_once)
    assert late.series("Supply|Binding|HBM") == {2025: 1.0, 2026: 0.0}
    assert late.series("Unmet")[2026] == pytest.approx(0.0, abs=1.0)


def test_a_maker_ships_what_it_can_and_the_others_fill_the_gap(run: Run) -> None:
    free = run()
    nvidia = free.series("Accelerators|Shipped|h100-sxm")[2025]
    limited = run(f"supply.makers={{nvidia: {nvidia / 2}}}")
    assert limited.series("Accelerators|Shipped|h100-sxm")[2025] == pytest.approx(nvidia / 2)
    amd = "Accelerators|Shipped|mi300x"
    assert limited.series(amd)[2025] > 1.3 * free.series(amd)[2025]
    assert limited.series("Unmet")[2025] == 0
    assert limited.series("Supply|Binding|Makers|nvidia")[2025] == 1


# --- what is wrong is said


def test_all_faults_of_makers_are_told_at_once() -> None:
    with pytest.raises(ScenarioError) as caught:
        load_scenario(SMALL, ["supply.makers={NVIDIAA: 1e6, NVIDIA: 1e6, gb200: 1e5}"])
    told = [str(fault) for fault in caught.value.faults]
    assert len(told) == 2
    assert "NVIDIAA" in told[0]
    assert "did you mean" in told[0].lower()
    assert "NVIDIA" in told[0]
    assert "gb200 is limited by 'NVIDIA' already" in told[1]


def test_an_accelerator_of_unknown_size_cannot_be_limited_by_packaging(tmp_path: Path) -> None:
    (tmp_path / "accelerators.csv").write_text(
        "name,parameter,value,unit,low,high,as_of,source,note\n"
        "mine,vendor,me,text,,,,estimate,\n"
        "mine,memory,80,GB,,,,estimate,\n"
        "mine,memory_bandwidth,3,TB/s,,,,estimate,\n"
        "mine,tdp,700,W,,,,estimate,\n"
        "mine,peak_bf16,1000,TFLOP/s,,,,estimate,\n"
    )
    mix = "fleet.shipments={2025: {mine: 0.5, h100-sxm: 0.5}}"
    scenario = load_scenario(SMALL, [mix, "supply.packaging=1000"], tmp_path)
    with pytest.raises(CatalogError, match="mine has no packages_per_wafer"):
        project(scenario, memo=Memo(None))
