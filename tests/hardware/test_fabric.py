from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from computesim.errors import CapacityError
from computesim.hardware.fabric import TOPOLOGIES, Fabric, fabric_bill, speed_name

NDR = Fabric(
    "ndr",
    nic_rate=50e9,
    switch_radix=64,
    switch_module_rate=100e9,
    nic_module_rate=50e9,
    switch_watts=750.0,
    switch_module_watts=17.0,
    nic_module_watts=10.0,
    nic_watts=25.0,
    switch_price=36e3,
    hop_seconds=0.3e-6,
)
XDR = Fabric("xdr", 100e9, 144, 200e9, 100e9, 2000.0, 27.0, 16.0, 30.0)
SPECTRUM_X = Fabric("spectrum-x", 100e9, 64, 100e9, 100e9, 1000.0, 16.0, 16.0, 30.0, planes=2)

# NVIDIA DGX SuperPOD reference architectures: B200 (NDR, QM9700), B300 XDR (Q3400) and B300
# Spectrum-X (SN5600, two planes): accelerators, leaf, spine, core switches
SUPERPOD = [
    (NDR, 512, 16, 8, 0),
    (NDR, 1024, 32, 16, 0),
    (NDR, 2048, 64, 32, 0),
    (NDR, 4096, 128, 128, 64),
    (NDR, 8192, 256, 256, 128),
    (NDR, 16384, 512, 512, 256),
    (XDR, 576, 8, 4, 0),
    (XDR, 1152, 16, 8, 0),
    (XDR, 2304, 32, 18, 0),
    (XDR, 4608, 64, 36, 0),
    (XDR, 10368, 144, 72, 0),
    (SPECTRUM_X, 512, 16, 8, 0),
    (SPECTRUM_X, 1024, 32, 16, 0),
    (SPECTRUM_X, 2048, 64, 32, 0),
    (SPECTRUM_X, 4096, 128, 64, 0),
    (SPECTRUM_X, 8192, 256, 128, 0),
]


@pytest.mark.parametrize("topology", ["clos", "rail-optimised"])
@pytest.mark.parametrize(("fabric", "n", "leaf", "spine", "core"), SUPERPOD)
def test_superpod_switch_counts_are_reproduced(
    topology: str, fabric: Fabric, n: int, leaf: int, spine: int, core: int
) -> None:
    bill = fabric_bill(topology, fabric, n)
    assert (bill.leaf_switches, bill.spine_switches, bill.core_switches) == (leaf, spine, core)
    tiers = 3 if core else 2
    assert bill.tiers == tiers
    assert bill.links == tiers * n * fabric.planes


@pytest.mark.parametrize(("n", "switches"), [(512, 8), (1024, 48), (4096, 192), (16384, 768)])
def test_rail_only_switch_counts_are_reproduced(n: int, switches: int) -> None:
    # H100 cluster price sheet of August 2024: 8, 48, 192, 768 switches for 64 to 2,048 nodes
    assert fabric_bill("rail-only", NDR, n).switches == switches


@pytest.mark.parametrize(("n", "switches"), [(32768, 2560), (65536, 5120)])
def test_three_tier_switch_counts_are_reproduced(n: int, switches: int) -> None:
    # the same sheet for 32,768; DeepSeek ISCA 2025, FT3 of 65,536 endpoints
    assert fabric_bill("clos", NDR, n).switches == switches


def test_modules_per_accelerator_are_the_published_ratios() -> None:
    # FiberMall: H100 two tiers 1.5 x 800G + 1 x 400G; three tiers 2.5 x 800G + 1 x 400G
    two, three = fabric_bill("clos", NDR, 2048), fabric_bill("clos", NDR, 16384)
    assert dict(two.transceivers) == {"800G": 1.5 * 2048, "400G": 2048}
    assert dict(three.transceivers) == {"800G": 2.5 * 16384, "400G": 16384}
    assert two.transceivers_per_accelerator == 2.5
    assert three.transceivers_per_accelerator == 3.5


def test_all_modules_of_one_speed_count_together() -> None:
    # A100 with 200G everywhere and three tiers: 6 per accelerator, 4 with a copper first hop
    hdr = Fabric("hdr", 25e9, 40, 25e9, 25e9, 400.0, 5.0, 5.0, 15.0)
    optical = fabric_bill("clos", hdr, 4000)
    copper = fabric_bill("clos", hdr, 4000, first_hop="copper")
    assert optical.tiers == 3
    assert dict(optical.transceivers) == {"200G": 6 * 4000}
    assert dict(copper.transceivers) == {"200G": 4 * 4000}
    assert copper.copper_cables == 4000


def test_network_watts_per_accelerator_are_the_derived_ones() -> None:
    # 3/64 and 5/64 switches of 750 W + 32 modules of 17 W, and 35 W of NIC and module: 96, 137 W
    assert fabric_bill("clos", NDR, 2048).watts / 2048 == pytest.approx(96, abs=1)
    assert fabric_bill("clos", NDR, 16384).watts / 16384 == pytest.approx(137, abs=1.5)


def test_switch_price_per_accelerator_is_the_sheet() -> None:
    # $1.7k of switches per accelerator in two tiers, $2.8k in three (36 k$ a switch)
    assert fabric_bill("clos", NDR, 2048).price / 2048 == pytest.approx(1700, rel=0.02)
    assert fabric_bill("clos", NDR, 32768).price / 32768 == pytest.approx(2800, rel=0.02)


def test_co_packaged_optics_leave_only_the_nic_side_pluggable() -> None:
    cpo = Fabric("cpo", 100e9, 144, 200e9, 100e9, 2000.0, 9.0, 16.0, 30.0, co_packaged=True)
    bill = fabric_bill("clos", cpo, 10368)
    assert dict(bill.transceivers) == {"800G": 10368}
    assert bill.fabric_watts < fabric_bill("clos", XDR, 10368).fabric_watts


def test_oversubscription_saves_spines_and_not_leaf_ports() -> None:
    full, half = fabric_bill("clos", NDR, 1024), fabric_bill("clos", NDR, 1024, oversubscription=3)
    assert half.spine_switches < full.spine_switches
    assert half.links == 1024 + 342
    assert half.ports_used < full.ports_used


def test_tpu_v4_pod_has_48_circuit_switches() -> None:
    # Jouppi 2023: 4,096 chips in 64 cubes of 64, 96 optical links each, 48 switches of 136 ports
    ici = Fabric("ici", 50e9, 136, 100e9, 50e9, 0.0, 16.0, 0.0, 0.0)
    bill = fabric_bill("torus", ici, 4096)
    assert bill.ocs_switches == 48
    assert bill.transceivers["800G"] == 64 * 96
    assert bill.links == 3 * 4096  # six links a chip, each shared by two
    assert bill.copper_cables == 64 * 144
    assert bill.switches == 0


def test_latency_counts_the_switches_of_the_longest_path() -> None:
    hops = [fabric_bill("clos", NDR, n).latency / 0.3e-6 for n in (64, 2048, 16384)]
    assert hops == pytest.approx([1, 3, 5])


def test_speeds_have_their_trade_names() -> None:
    assert [speed_name(rate) for rate in (25e9, 50e9, 100e9, 200e9, 400e9)] == [
        "200G", "400G", "800G", "1.6T", "3.2T",
    ]  # fmt: skip


def test_a_fleet_beyond_three_tiers_is_told_to_form_clusters() -> None:
    with pytest.raises(CapacityError, match="divide the fleet into clusters"):
        fabric_bill("clos", NDR, 70_000)
    with pytest.raises(ValueError, match=r"unknown topology 'closs' did you mean clos\?"):
        fabric_bill("closs", NDR, 64)
    with pytest.raises(ValueError, match="optical or copper"):
        fabric_bill("clos", NDR, 64, first_hop="dac")
    with pytest.raises(ValueError, match="at least 1"):
        fabric_bill("clos", NDR, 64, oversubscription=0.5)


@given(
    topology=st.sampled_from(TOPOLOGIES),
    n=st.integers(1, 60_000),
    ratio=st.sampled_from([1.0, 2.0, 3.0]),
    hop=st.sampled_from(["optical", "copper"]),
    planes=st.sampled_from([1, 2, 4]),
)
def test_no_more_ports_are_used_than_there_are(
    topology: str, n: int, ratio: float, hop: str, planes: int
) -> None:
    fabric = Fabric("any", 50e9, 64, 100e9, 50e9, 750.0, 17.0, 10.0, 25.0, planes=planes)
    bill = fabric_bill(topology, fabric, n, ratio, hop)
    assert bill.ports_used <= bill.ports_available
    # every switch port in use ends a cable whose other end is a switch or a NIC
    if topology != "torus":
        assert bill.ports_used + planes * bill.nics == 2 * bill.links
        assert bill.switches >= 1
    assert bill.watts == bill.fabric_watts + bill.nic_watts


@given(n=st.integers(1, 30_000), more=st.integers(1, 30_000))
def test_a_larger_cluster_never_needs_fewer_links(n: int, more: int) -> None:
    small, large = fabric_bill("clos", NDR, n), fabric_bill("clos", NDR, n + more)
    assert large.links >= small.links
    assert large.leaf_switches >= small.leaf_switches
    assert large.tiers >= small.tiers
