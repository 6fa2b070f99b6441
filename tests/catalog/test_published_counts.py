"""Figures of the catalog against what vendors and developers publish."""

from __future__ import annotations

import pytest

from computesim.catalog import Catalog, load_catalog
from computesim.workload.parameters import parameter_count

CATALOG = load_catalog()
PUBLISHED = [n for n in CATALOG.names("models") if CATALOG.has("models", n, "n_params_published")]
FAMILIES = [n for n in CATALOG.names("models") if CATALOG.has("models", n, "n_params")]


@pytest.fixture(scope="module")
def catalog() -> Catalog:
    return CATALOG


@pytest.mark.parametrize("name", PUBLISHED)
def test_a_model_has_the_published_parameters(catalog: Catalog, name: str) -> None:
    figure = catalog.figure("models", name, "n_params_published")
    low, high = figure.bounds  # of counts printed with one or two digits
    total = parameter_count(catalog.model(name)).total
    assert min(low, figure.number * 0.99) <= total <= max(high, figure.number * 1.01)


ACTIVE = [n for n in PUBLISHED if CATALOG.has("models", n, "n_active_published")]


@pytest.mark.parametrize("name", ACTIVE)
def test_a_mixture_has_the_published_active_parameters(catalog: Catalog, name: str) -> None:
    """Cards differ in whether they count embedding and head, and round to whole billions."""
    published = catalog.value("models", name, "n_active_published")
    count = parameter_count(catalog.model(name))
    without = count.active - count.embedding - count.head
    assert without * 0.95 <= published <= max(count.active * 1.03, count.active + 0.5e9)


def test_families_of_closed_models_have_the_parameters_they_state(catalog: Catalog) -> None:
    assert len(FAMILIES) == 42
    for name in FAMILIES:
        count = parameter_count(catalog.model(name))
        assert count.total == pytest.approx(catalog.value("models", name, "n_params"), rel=0.01)
        assert count.active == pytest.approx(catalog.value("models", name, "n_active"), rel=0.01)
        assert catalog.figure("models", name, "n_params").source == "estimate"


def test_served_frontier_models_stay_in_the_range_of_the_evidence(catalog: Catalog) -> None:
    low, high = catalog.figure("models", "frontier-2026", "n_active").bounds
    assert (low, high) == (pytest.approx(20e9, rel=0.15), pytest.approx(150e9, rel=0.15))
    for year in range(2023, 2033):
        served = catalog.value("models", f"frontier-{year}", "n_active")
        flagship = catalog.value("models", f"flagship-{year}", "n_active")
        small = catalog.value("models", f"frontier-small-{year}", "n_active")
        mini = catalog.value("models", f"frontier-mini-{year}", "n_active")
        assert mini < small < served < flagship


@pytest.mark.parametrize(
    ("name", "dtype", "dense"),
    [
        ("v100-sxm2", "fp16", 125e12),
        ("a100-sxm-80gb", "bf16", 312e12),
        ("h100-sxm", "bf16", 989e12),
        ("h100-sxm", "fp8", 1979e12),
        ("h800-sxm", "bf16", 989e12),
        ("h20", "bf16", 148e12),
        ("b200-sxm", "fp4", 9e15),
        ("gb200", "bf16", 2.5e15),
        ("gb300", "fp4", 15e15),
        ("vr200", "fp8", 17.5e15),
        ("vr200", "fp4", 35e15),
        ("mi300x", "fp8", 2615e12),
        ("mi355x", "fp4", 10.066e15),
        ("tpu-v6e", "fp8", 920e12),
        ("tpu-v7", "fp8", 4614e12),
        ("trainium2", "fp8", 1299e12),
        ("ascend-910c", "bf16", 752e12),
    ],
)
def test_rates_are_dense(catalog: Catalog, name: str, dtype: str, dense: float) -> None:
    assert catalog.accelerator(name).peak_flop_per_second[dtype] == pytest.approx(dense, rel=1e-3)


GIB = 2**30


@pytest.mark.parametrize(
    ("name", "memory", "bandwidth", "scaleup", "nic", "domain", "tdp"),
    [
        ("h100-sxm", 80 * GIB, 3.35e12, 450e9, 50e9, 8, 700),
        ("h800-sxm", 80 * GIB, 3.35e12, 200e9, 50e9, 8, 700),
        ("h20", 96 * GIB, 4.0e12, 450e9, 50e9, 8, 400),
        ("gb200", 198_674_743_296, 8.0e12, 900e9, 50e9, 72, 1200),
        ("gb300", 298_013_687_808, 8.0e12, 900e9, 100e9, 72, 1400),
        ("vr200", 288 * GIB, 22e12, 1800e9, 200e9, 72, 1800),
        ("tpu-v7", 192 * GIB, 7.37e12, 600e9, 12.5e9, 9216, 960),
    ],
)
def test_datasheet_figures_arrive_in_base_units(
    catalog: Catalog,
    name: str,
    memory: float,
    bandwidth: float,
    scaleup: float,
    nic: float,
    domain: int,
    tdp: float,
) -> None:
    chip = catalog.accelerator(name)
    assert chip.memory_bytes == pytest.approx(memory)
    assert chip.memory_bandwidth == pytest.approx(bandwidth)
    assert chip.scaleup_bandwidth == pytest.approx(scaleup)  # one direction
    assert chip.nic_bandwidth == pytest.approx(nic)
    assert (chip.scaleup_domain, chip.tdp) == (domain, tdp)


def test_shipped_units_times_equivalents_agree_with_epoch_ai(catalog: Catalog) -> None:
    """H100-equivalents of our accelerators against those that Epoch AI counted."""
    ours = theirs = 0.0
    for name in catalog.names("history"):
        if name.startswith("shipments-") and not name.startswith("shipments-h100e-"):
            chip = catalog.accelerator(name.removeprefix("shipments-"))
            for year, units in catalog.series("history", name).items():
                equivalents = catalog.value("history", f"shipments-h100e-{chip.name}", year)
                assert units.number * chip.h100_equivalents == pytest.approx(equivalents, rel=0.1)
                ours += units.number * chip.h100_equivalents
                theirs += equivalents
    assert ours == pytest.approx(theirs, rel=0.01)


def test_flows_add_up_to_the_installed_base(catalog: Catalog) -> None:
    flow = sum(
        figure.number
        for name in catalog.names("history")
        if name.startswith("shipments-h100e-")
        for figure in catalog.series("history", name).values()
    )
    assert flow == pytest.approx(catalog.value("history", "world-h100e", "2025"), rel=0.02)


@pytest.mark.parametrize(("year", "millions"), [(2022, 0.29), (2023, 1.60), (2024, 6.53)])
def test_the_world_total_is_the_published_one(catalog: Catalog, year: int, millions: float) -> None:
    figure = catalog.figure("history", "world-h100e", str(year))
    assert figure.number == pytest.approx(millions * 1e6, rel=0.01)
    assert figure.bounds[0] < figure.number < figure.bounds[1]


def test_o1_is_at_the_89th_percentile_of_codeforces(catalog: Catalog) -> None:
    assert catalog.value("quality", "o1-codeforces", "percentile") == pytest.approx(0.89)


def test_scalerl_sigmoids_reach_their_asymptotes(catalog: Catalog) -> None:
    value = {
        p: catalog.value("quality", "scalerl-scout", p)
        for p in ("asymptote", "exponent", "midpoint")
    }
    hours = 50_000 * 3600
    reached = value["asymptote"] / (1 + (value["midpoint"] / hours) ** value["exponent"])
    assert reached == pytest.approx(0.70, abs=0.01)


def test_power_and_capacity_close_within_the_history(catalog: Catalog) -> None:
    facility = catalog.value("history", "ai-facility-power", "2025")
    tdp = catalog.value("history", "world-chip-tdp", "2025")
    ratio = catalog.value("history", "facility-watt-per-tdp-watt", "2025")
    assert facility / tdp == pytest.approx(ratio, rel=0.01)


def test_an_ndr_fabric_is_that_of_the_reference_architecture(catalog: Catalog) -> None:
    fabric = catalog.fabric("infiniband-ndr")
    assert (fabric.switch_radix, fabric.nic_rate) == (64, pytest.approx(50e9))
    assert fabric.switch_module_rate == 2 * fabric.nic_module_rate
    assert catalog.fabric("infiniband-xdr").switch_radix == 144


def test_a_kilowatt_hour_costs_what_the_table_says(catalog: Catalog) -> None:
    site = catalog.site("hyperscale-us")
    assert site.electricity_price * 3.6e6 == pytest.approx(0.068)
    assert site.carbon_intensity * 3.6e6 == pytest.approx(369)
    assert site.build_cost == pytest.approx(11.7)
