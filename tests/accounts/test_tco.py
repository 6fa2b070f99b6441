"""Cost of ownership in closed form, and against what others published."""

from __future__ import annotations

from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from computesim.accounts.cost import tco
from computesim.calendar import HOURS
from computesim.catalog import load_catalog
from computesim.cells import serving_cell, serving_phases, training
from computesim.cells.jobs import PretrainingDemand, ServingDemand
from computesim.cells.measured import Use
from computesim.cells.serving import Play
from computesim.cells.serving_options import ServingOptions
from computesim.cells.sites import by_region, energy_shares, mean_site
from computesim.fleet.network import Plan, share_of
from computesim.fleet.power import draw, nameplate
from computesim.hardware.power import Site, electricity_cost, facility_watts
from computesim.hardware.reliability import Failures
from computesim.scenario import Moment, load_scenario
from computesim.study.verify.disclosure import (
    CACHED,
    CONTEXT,
    INPUT,
    NODES,
    OUTPUT,
    deepseek_service,
)
from computesim.workload.requests import RequestStream
from computesim.workload.transformer import train_flop_per_token

CATALOG = load_catalog()
US = CATALOG.site("hyperscale-us")
DEFAULT = tco.terms_at(Moment.of(load_scenario("baseline"), 2026))
SITES = ("hyperscale-us", "china", "norway", "gulf", "france", "india", "ireland", "canada")
#: accelerators for which SemiAnalysis publishes a cost of ownership
PUBLISHED = ("h100-sxm", "h200-sxm", "b200-sxm", "b300-sxm", "gb200", "gb300", "mi300x", "mi325x",
             "mi355x")  # fmt: skip


# --- closed forms


@given(st.floats(0.5, 40))
def test_capital_without_a_price_is_a_straight_line(years: float) -> None:
    assert tco.capital_recovery_factor(0.0, years) == pytest.approx(1 / years, rel=1e-12)
    assert tco.capital_recovery_factor(1e-9, years) == pytest.approx(1 / years, rel=1e-6)


@given(st.floats(0.001, 0.5), st.integers(1, 40))
def test_the_payments_of_an_annuity_are_worth_its_price_today(rate: float, years: int) -> None:
    payment = tco.capital_recovery_factor(rate, years)
    worth = sum(payment / (1 + rate) ** year for year in range(1, years + 1))
    assert worth == pytest.approx(1.0, rel=1e-9)


def test_capital_that_is_never_paid_back_costs_its_interest() -> None:
    assert tco.capital_recovery_factor(0.08, 1000.0) == pytest.approx(0.08, rel=1e-9)


@pytest.mark.parametrize(("rate", "years"), [(-0.1, 5.0), (0.1, 0.0), (0.1, -1.0)])
def test_impossible_terms_are_refused(rate: float, years: float) -> None:
    with pytest.raises(ValueError, match="no annuity"):
        tco.capital_recovery_factor(rate, years)


def _hour(outlay: tco.Outlay, terms: tco.Terms, watts: float, site: Site) -> dict[str, float]:
    """Return the parts of an hour in service, USD."""
    electricity = {tco.ELECTRICITY: electricity_cost(site, watts * 3600.0)}
    return tco.fixed_cost(outlay, terms) | electricity


def test_an_hour_is_the_sum_of_annuities_operations_and_watts() -> None:
    outlay = tco.Outlay(30_000.0, 6_000.0, 4_000.0, 20_000.0)
    terms = tco.Terms(0.0, 5.0, 20.0, 0.01)
    site = Site("somewhere", 1.2, electricity_price=0.1 / 3.6e6)
    parts = _hour(outlay, terms, 1000.0, site)
    assert parts["Accelerator"] == pytest.approx(30_000 / 5 / HOURS)
    assert parts["Facility"] == pytest.approx(20_000 / 20 / HOURS)
    assert parts["Operations"] == pytest.approx(600 / HOURS)
    assert parts["Electricity"] == pytest.approx(0.1)  # a kilowatt-hour
    assert tco.total(parts) == pytest.approx((8_000 + 1_000 + 600) / HOURS + 0.1)
    assert tuple(parts) == (*tco.FIXED_PARTS, tco.ELECTRICITY)


def test_an_hour_of_which_half_is_used_costs_twice_per_used_hour() -> None:
    assert tco.per_used_hour(2.0, 0.5) == 4.0
    with pytest.raises(ValueError, match="utilisation"):
        tco.per_used_hour(2.0, 0.0)


# --- what others published


def test_a_gigawatt_costs_what_epoch_publishes_for_three_lifetimes() -> None:
    """38 billion USD; 8.5 a year at 5 years, 12 at 3, 7 at 7; servers are 5 of the 8.5.

    Servers follow from their 5 billion, the network from the share that Bernstein gives, the
    facility is the rest. Rounded figures: half of the last digit and a little.
    """

    def bn(name: str) -> float:
        return CATALOG.value("prices", "tco", f"{name}_per_gw_year")  # USD/W: billion per GW

    whole = CATALOG.value("prices", "capex", "per_gw")
    assert whole == pytest.approx(38.0)
    servers = bn("servers") / tco.capital_recovery_factor(DEFAULT.cost_of_capital, 5.0)
    network = whole * CATALOG.value("prices", "capex", "network_share")
    outlay = tco.Outlay(servers, 0.0, network, whole - servers - network)
    assert DEFAULT.operations_share * whole == pytest.approx(
        bn("operations") - bn("energy"), abs=0.05
    )
    for years, published, tolerance in ((5.0, 8.5, 0.25), (3.0, 12.0, 0.5), (7.0, 7.0, 0.5)):
        parts = tco.fixed_cost(outlay, replace(DEFAULT, it_lifetime=years))
        found = tco.total(parts) * HOURS + bn("energy")
        assert found == pytest.approx(published, abs=tolerance)
    straight = tco.fixed_cost(outlay, replace(DEFAULT, cost_of_capital=0.0))
    assert tco.total(straight) * HOURS + bn("energy") < 7.8  # without a price of capital: far off


def _ours(name: str) -> float:
    """Return our cost of an hour in a US cluster of 16,384 at a common load, USD."""
    machine = CATALOG.accelerator(name)
    plan = Plan(
        "rail-optimised",
        CATALOG.fabric("infiniband-ndr"),
        CATALOG.fabric("ici-ocs"),
        16384,
        1.0,
        "optical",
    )
    share = share_of(machine, plan)
    outlay = tco.Outlay(
        machine.price,
        CATALOG.value("prices", "server", "cost_beside_accelerators") * machine.price,
        share.price,
        nameplate(machine, share.watts) * US.build_cost,
    )
    watts = draw(machine, Use(0.4, 0.4, 0.8), share.watts, US).facility
    return tco.total(_hour(outlay, DEFAULT, watts, US))


def test_an_hour_costs_what_semianalysis_publishes() -> None:
    """Nine accelerators owned by a hyperscaler: each within 25 %, their mean within 10 %."""
    ratios = {
        name: _ours(name) / CATALOG.figure("prices", name, "tco_hyperscaler").value
        for name in PUBLISHED
    }
    assert all(0.75 < ratio < 1.25 for ratio in ratios.values()), ratios
    assert sum(ratios.values()) / len(ratios) == pytest.approx(1.0, abs=0.1)


def deepseek(name: str, parameter: str) -> float:
    """Return a figure that DeepSeek disclosed; hours are seconds in base units."""
    figure = CATALOG.figure("prices", name, parameter)
    assert isinstance(figure.value, float)
    return figure.value


@pytest.mark.parametrize("model", ["deepseek-v3", "deepseek-r1"])
def test_deepseeks_training_costs_its_hours_at_the_price_of_rent(model: str) -> None:
    hours, usd = deepseek(model, "training_hours"), deepseek(model, "training_cost")
    assert 2.0 * hours == pytest.approx(usd)


def test_our_hours_of_deepseek_v3_cost_about_what_its_own_did() -> None:
    """Hours of the layout that we find for its 2,048 H800, at 2 USD: 5.3 million of pretraining."""
    run = PretrainingDemand(
        "", CATALOG.model("deepseek-v3"), 0.0, 0.0, "fp8", 4096, 62.9e6, 2048, 1e9
    )
    cell = training.measure(run, CATALOG.accelerator("h800-sxm"), Failures())
    per_token = train_flop_per_token(run.model, 4096)
    hours = 14.8e12 * per_token / cell.flop / 3600
    assert 2.0 * hours == pytest.approx(2 * 2.664e6, rel=0.25)


def test_deepseeks_service_costs_and_earns_what_it_disclosed() -> None:
    """87,072 USD a day at 2 USD an hour; 562,027 USD at the list prices of R1."""
    usd = deepseek("deepseek-r1", "service_cost")
    assert pytest.approx(usd) == 2.0 * NODES * 8 * 24
    cached = CACHED * INPUT
    counts = {"cached": cached, "input": INPUT - cached, "output": OUTPUT}
    revenue = sum(
        deepseek("deepseek-r1", f"price_per_million_{kind}") * n / 1e6 for kind, n in counts.items()
    )
    assert revenue == pytest.approx(deepseek("deepseek-r1", "service_revenue"), rel=0.001)
    ours = 2.0 * deepseek_service(CATALOG).nodes * 8 * 24
    assert ours == pytest.approx(usd, rel=0.1)  # predicted nodes of the disclosed layout


def test_a_pool_of_ours_would_serve_deepseeks_tokens_at_about_its_cost() -> None:
    """0.14 USD per million new input tokens and 0.30 per million written, at 42:58 of the nodes.

    Set up as it is, with replicas that read and others that decode and batches in two halves, but
    of fewer accelerators each, not 144. Prompt and output follow from the tokens and the mean
    context.
    """
    output = CONTEXT / (INPUT / OUTPUT + 0.5)
    read = output * INPUT / OUTPUT
    stream = RequestStream(1.0, read, CACHED, 0.3 * output, 0.7 * output, 0.9)
    model, machine = CATALOG.model("deepseek-v3"), CATALOG.accelerator("h800-sxm")
    options = ServingOptions(separate_prefill=True, two_batches=True)
    tier = (model, "fp8", "bf16", 5.0, 0.05)
    demand = ServingDemand("CoT inference", "api", *tier, (stream,), options=options)
    cell = serving_cell.measure(demand, machine, Play())
    shares = serving_phases.measure(demand, machine, Play(), cell.batch).shares()[0]
    request = 2.0 / 3600.0 / cell.requests
    read, written = 0.42 * 87_072 / ((1 - CACHED) * INPUT), 0.58 * 87_072 / OUTPUT
    ours_read = request * (1 - shares["Output"]) / (stream.prompt_tokens * (1 - CACHED))
    ours_written = request * shares["Output"] / output
    assert sum(shares.values()) == pytest.approx(1.0)
    assert 0.5 < ours_read / read < 2.0
    assert 0.5 < ours_written / written < 2.0
    assert request / output * OUTPUT == pytest.approx(87_072, rel=0.6)


# --- regions


@given(
    st.lists(st.floats(0.01, 1.0), min_size=len(SITES), max_size=len(SITES)),
    st.floats(0.05, 1.0),
)
def test_the_mean_site_draws_what_all_regions_draw_at_any_load(
    weights: list[float], load: float
) -> None:
    sites = [CATALOG.site(name) for name in SITES]
    parts = [(w / sum(weights), site) for w, site in zip(weights, sites, strict=True)]
    together = sum(s * facility_watts(site, load, 1.0) for s, site in parts)
    assert facility_watts(mean_site(parts), load, 1.0) == pytest.approx(together, rel=1e-9)


def test_regions_pay_and_emit_together_what_the_mean_site_does() -> None:
    parts = [(0.5, US), (0.3, CATALOG.site("china")), (0.2, CATALOG.site("norway"))]
    mean, rows = mean_site(parts), by_region(parts, 1e12, 1e8)
    joules = 1e12 * 3600

    def whole(family: str) -> float:
        return sum(v for name, v in rows.items() if name.startswith(family + "|"))

    assert sum(energy_shares(parts).values()) == pytest.approx(1.0)
    assert whole("Energy by region") == pytest.approx(1e12)
    assert whole("Power by region") == pytest.approx(1e8)
    assert whole("Electricity cost by region") == pytest.approx(electricity_cost(mean, joules))
    assert whole("Emissions by region") == pytest.approx(joules * mean.carbon_intensity)
    norway = rows["Emissions by region|norway"]
    assert norway / rows["Energy by region|norway"] == pytest.approx(0.03)  # 30 g/kWh


def test_one_region_is_its_site_itself() -> None:
    assert mean_site([(1.0, US)]) is US
