"""Network, power, cost and the comparison with actuals."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from computesim.accounts.capex import capex
from computesim.catalog import load_catalog
from computesim.cells.measured import Use
from computesim.fleet.network import Plan, share_of
from computesim.fleet.power import additions, draw, energy, nameplate

CATALOG = load_catalog()
H100 = CATALOG.accelerator("h100-sxm")
SITE = CATALOG.site("hyperscale-us")
PLAN = Plan(
    "rail-optimised",
    CATALOG.fabric("infiniband-ndr"),
    CATALOG.fabric("ici-ocs"),
    16384,
    1.0,
    "optical",
)


def test_an_h100_cluster_has_the_published_switches_and_optics() -> None:
    """SuperPOD: 16,384 of them on 512 + 512 + 256 switches; 3.5 modules each on three tiers."""
    share = share_of(H100, PLAN)
    assert share.switches == pytest.approx(
        {"Leaf": 512 / 16384, "Spine": 512 / 16384, "Core": 256 / 16384}
    )
    assert sum(share.optics.values()) == pytest.approx(3.5)
    assert share.nics == 1


def test_half_the_nic_rate_takes_half_the_network() -> None:
    slow = replace(H100, nic_bandwidth=H100.nic_bandwidth / 2)
    full, half = share_of(H100, replace(PLAN, cluster_accelerators=8192)), share_of(slow, PLAN)
    assert half.price == pytest.approx(full.price / 2, rel=0.02)
    assert half.nics == pytest.approx(0.5)


def test_a_tpu_pod_has_circuit_switches_and_no_packet_switches() -> None:
    share = share_of(CATALOG.accelerator("tpu-v4"), PLAN)
    assert set(share.switches) == {"Optical circuit"}
    assert share.switches["Optical circuit"] == pytest.approx(48 / 4096)  # Jouppi 2023


def test_a_fleet_larger_than_one_fabric_is_several_clusters() -> None:
    huge = share_of(H100, replace(PLAN, cluster_accelerators=10_000_000))
    assert huge.switches["Leaf"] == pytest.approx(2 / 64)


@given(st.floats(0, 1), st.floats(0, 1), st.floats(0.01, 1))
def test_what_is_drawn_stays_below_what_is_installed(compute, bandwidth, busy) -> None:
    use = Use(compute * busy, bandwidth * busy, busy)
    watts = draw(H100, use, 100.0, SITE)
    assert 0 < watts.it <= nameplate(H100, 100.0)
    assert watts.facility > watts.it


def test_an_installed_h100_takes_the_published_power() -> None:
    """1.73 kW all-in at the utility (SemiAnalysis), 1,275 to 1,721 W of IT (Epoch AI)."""
    it = nameplate(H100, share_of(H100, PLAN).watts)
    assert 1275 < it < 1721
    assert it * SITE.pue == pytest.approx(1730, rel=0.12)


def test_energy_of_constant_power_is_power_times_hours() -> None:
    assert energy([100.0, 100.0, 100.0], 0.25)[1:] == pytest.approx([876600.0] * 2)


@given(st.floats(1.01, 10), st.floats(0, 1))
def test_energy_of_growing_power_is_the_integral_of_its_path(growth, lag) -> None:
    steps = (np.arange(10_000) + 0.5) / 10_000
    numeric = np.mean(100.0 * growth ** (steps - lag)) * 8766
    assert energy([100.0, 100.0 * growth], lag)[1] == pytest.approx(numeric, rel=1e-4)


def test_a_workload_that_ends_still_takes_energy_in_its_last_year() -> None:
    assert energy([100.0, 100.0, 0.0], 0.25)[2] == pytest.approx(0.5 * 876600)
    assert energy([100.0], 0.5) == pytest.approx([876600 / 8])


def test_capital_spending_is_the_sum_of_what_is_bought() -> None:
    parts = capex(
        np.array([10.0, 5.0]), np.array([2.0, 4.0]), np.array([1.0, 0.0]), 0.5, 100.0, 3.0
    )
    assert parts == {"Accelerators": 40.0, "Servers": 20.0, "Network": 10.0, "Facility": 300.0}
    assert capex(np.zeros(1), np.ones(1), np.ones(1), 0.5, -1.0, 3.0)["Facility"] == 0


def test_plant_is_built_once() -> None:
    assert additions([10, 30, 20, 25, 40]) == [10, 20, 0, 0, 10]
