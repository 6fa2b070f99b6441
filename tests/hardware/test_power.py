from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from computesim.hardware.accelerator import Accelerator
from computesim.hardware.power import (
    POWER_FITS,
    Site,
    accelerator_watts,
    carbon_grams,
    cluster_watts,
    electricity_cost,
    facility_watts,
    node_watts,
    power_fit,
)

HYPERSCALE = Site("hyperscale", pue=1.15)


def test_kernel_medians_follow_the_measured_power(machines: dict[str, Accelerator]) -> None:
    # medians of measured kernels ÷ TDP: bf16 GEMM at 50–80 % of peak 0.90–0.98; decode attention
    # 0.53 (H200), 0.62 (B200), 0.41 (GB200) at 0.6 of the bandwidth; spread of a bin ±0.2
    for name, decode in (("h200-sxm", 0.53), ("b200-sxm", 0.62), ("gb200", 0.41)):
        chip = machines[name]
        assert accelerator_watts(chip, 0.65, 0.3) / chip.tdp == pytest.approx(0.94, abs=0.05)
        measured = accelerator_watts(chip, 0.02, 0.6) / chip.tdp
        assert measured == pytest.approx(decode, abs=0.1)


def test_training_node_draws_what_mlperf_measured(machines: dict[str, Accelerator]) -> None:
    # MLPerf Training v4.0, GPT-3 on 512 H100: 6.85 kW a node of 8 at 733 model TFLOP/s in fp8;
    # 0.75–0.85 of the step computes; communication-bound runs draw 29 % less
    h100 = machines["h100-sxm"]
    busy = 0.8
    watts = accelerator_watts(h100, 733e12 / h100.peak("fp8") / busy, 0.3, busy)
    assert node_watts(h100, watts, busy) * 8 == pytest.approx(6850, rel=0.10)
    waiting = accelerator_watts(h100, 733e12 / h100.peak("fp8") / busy, 0.3, 0.5)
    assert node_watts(h100, waiting, 0.5) * 8 == pytest.approx(5090, rel=0.10)


def test_training_node_draws_its_usual_share_of_nameplate(
    machines: dict[str, Accelerator],
) -> None:
    # 0.67–0.83 of 10.2 kW (Newkirk 2025, Latif 2025, MLPerf); 8 x B200 9.58 kW of 14.3 kW
    h100, b200 = machines["h100-sxm"], machines["b200-sxm"]
    draw = 8 * node_watts(h100, accelerator_watts(h100, 0.5, 0.3, 0.8), 0.8)
    assert 0.67 < draw / 10200 < 0.83
    draw = 8 * node_watts(b200, accelerator_watts(b200, 0.4, 0.3, 0.75), 0.75)
    assert draw == pytest.approx(9583, rel=0.10)


# SemiAnalysis InferenceMAX: provisioned kW per accelerator at the utility, all-in
PROVISIONED = [
    ("h100-sxm", 700.0, 575.0, 1730.0),
    ("b200-sxm", 1000.0, 788.0, 2170.0),
    ("b300-sxm", 1100.0, 713.0, 2170.0),
    ("gb200", 1200.0, 633.0, 2100.0),
    ("mi300x", 750.0, 600.0, 1790.0),
]


@pytest.mark.parametrize(("name", "tdp", "overhead", "published"), PROVISIONED)
def test_provisioned_power_is_the_published_all_in_figure(
    name: str, tdp: float, overhead: float, published: float
) -> None:
    # one PUE of 1.15 for air- and liquid-cooled sites explains the table to 11 %
    chip = Accelerator(name, {"bf16": 1e15}, 1e11, 3e12, tdp, node_overhead=overhead)
    nameplate = cluster_watts(chip.tdp + chip.node_overhead)
    assert nameplate * HYPERSCALE.pue == pytest.approx(published, rel=0.11)


def test_a_counted_network_takes_the_place_of_the_flat_share() -> None:
    # 96 W of a two-tier NDR network on a 1,275 W node is what the flat tenth stands for
    assert cluster_watts(1275.0, network=71.0) == pytest.approx(cluster_watts(1275.0), rel=0.06)


def test_facility_overhead_goes_through_both_pue_figures() -> None:
    site = Site("site", pue=1.2, pue_half_load=1.3)
    assert facility_watts(site, 1e6) == pytest.approx(1.2e6)
    assert facility_watts(site, 5e5, design_watts=1e6) == pytest.approx(1.3 * 5e5)
    assert facility_watts(site, 0.0, design_watts=1e6) == pytest.approx(1e5)
    assert facility_watts(Site("flat", pue=1.2), 5e5, design_watts=1e6) == pytest.approx(6e5)
    assert facility_watts(site, 0.0) == 0.0


def test_energy_costs_and_emits_in_proportion() -> None:
    kwh = 3.6e6
    site = Site("us", pue=1.15, electricity_price=0.08 / kwh, carbon_intensity=369 / kwh)
    assert electricity_cost(site, 1000 * kwh) == pytest.approx(80.0)
    assert carbon_grams(site, kwh) == pytest.approx(369.0)


def test_impossible_fractions_and_sites_are_refused(machines: dict[str, Accelerator]) -> None:
    with pytest.raises(ValueError, match="compute is a fraction"):
        accelerator_watts(machines["h100-sxm"], 1.2, 0.5)
    with pytest.raises(ValueError, match="PUE is at least 1"):
        Site("wrong", pue=0.9)


@given(
    generation=st.sampled_from(sorted(POWER_FITS)),
    compute=st.floats(0, 0.9),
    bandwidth=st.floats(0, 0.9),
    more=st.floats(0, 0.1),
    busy=st.floats(0, 1),
)
def test_power_stays_between_idle_and_the_limit_and_grows_with_use(
    generation: str, compute: float, bandwidth: float, more: float, busy: float
) -> None:
    chip = Accelerator("a", {"bf16": 1e15}, 1e11, 3e12, 700.0, generation=generation)
    fit = power_fit(chip)
    watts = accelerator_watts(chip, compute, bandwidth, busy)
    assert fit.idle * 700 - 1e-9 <= watts <= fit.cap * 700 + 1e-9
    assert accelerator_watts(chip, compute + more, bandwidth, busy) >= watts
    assert accelerator_watts(chip, compute, bandwidth + more, busy) >= watts
    assert accelerator_watts(chip, compute, bandwidth, min(busy + more, 1)) >= watts - 1e-9


@given(it=st.floats(1, 1e9), design=st.floats(1, 1e9), half=st.floats(1.0, 1.6))
def test_a_facility_never_draws_less_than_its_machines(
    it: float, design: float, half: float
) -> None:
    site = Site("any", pue=1.15, pue_half_load=half)
    assert facility_watts(site, it, design) >= it * 0.999999
