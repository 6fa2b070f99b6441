"""The bill of what is shipped: sums, cases by hand, ranges, published figures."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from computesim import load_scenario
from computesim.accounts.bill.content import boards, content, racked_watts, scaleup_capacity
from computesim.accounts.bill.ratios import Ratios, class_of, gigabits
from computesim.accounts.bill.rows import network_prices, shipped
from computesim.accounts.bill.value import HOSTS, Money, facility, servers, short, split
from computesim.accounts.capex import capex
from computesim.catalog import load_catalog
from computesim.cells.memo import Memo
from computesim.fleet.network import Plan, share_of
from computesim.fleet.roadmap import Roadmap
from computesim.pipeline import project
from computesim.published.bill_checks import MARKETS, as_published, segments
from computesim.results import Results, family

CATALOG = load_catalog()
RATIOS = Ratios(CATALOG)
GB300 = CATALOG.accelerator("gb300")
XDR = CATALOG.fabric("infiniband-xdr")
PLAN = Plan("rail-optimised", XDR, CATALOG.fabric("ici-ocs"), 10368, 1.0, "optical")
SMALL = Path(__file__).parents[1] / "data" / "small.yaml"
MACHINES = [
    name
    for name in CATALOG.names("accelerators")
    if CATALOG.has("accelerators", name, "hbm_stacks")
    and CATALOG.has("accelerators", name, "scaleup_bandwidth_bidirectional")
    and any(CATALOG.has("accelerators", name, f"peak_{d}") for d in ("bf16", "fp16"))
]
PRICES = st.floats(0, 1e6)


@pytest.fixture(scope="module")
def small() -> Results:
    return project(load_scenario(SMALL), memo=Memo(None))


def of_gb300() -> dict[str, float]:
    """Return the central case of one GB300 in a two-tier XDR cluster of 10,368."""
    amounts = content(GB300, share_of(GB300, PLAN), XDR, RATIOS, 2026)
    return {name: float(three[1]) for name, three in amounts.items()}


def test_one_gb300_by_hand() -> None:
    """277.5 of 288 GiB in 8 stacks, 16 packages a wafer, 72 in a rack, 1,944 W each."""
    one = of_gb300()
    assert one["Bill|HBM|GPU"] == 298_013_687_808
    assert one["Bill|HBM stacks|GPU"] == 8
    assert one["Bill content|HBM"] == pytest.approx(277.546875 * 15.6)
    assert one["Bill|Packaging wafers|GPU"] == pytest.approx(1 / (16 * 0.95))
    assert one["Bill content|Packaging"] == pytest.approx(10_000 / (16 * 0.95))
    assert one["Bill content|PCB"] == 413
    assert one["Bill|Racks|GPU"] == pytest.approx(1 / 72)
    assert racked_watts(GB300) == 1944
    assert one["Bill|Power supplies"] == pytest.approx(1944 * 1.8)
    assert one["Part|Power supplies"] == pytest.approx(1944 * 1.8 * 0.31)
    assert one["Bill|Liquid-cooled power"] == pytest.approx(1944 * 0.95)
    assert one["Part|Liquid cooling"] == pytest.approx(1.944 * 0.95 * 375)
    assert one["Bill|Copper cables|Scale-up"] == 5184 / 72


def test_the_network_of_a_gb300_by_hand() -> None:
    """10,368 on 144 leaves and 72 spines of four chips, 1.5 modules of 1.6T and one of 800G."""
    one = of_gb300()
    assert one["Bill|Switch silicon|Scale-out"] == pytest.approx(4 * 216 / 10368)
    assert one["Bill|Switch capacity|Scale-out"] == pytest.approx(216 * 144 * 800e9 / 10368)
    assert one["Bill|Optics|1.6T"] == pytest.approx(1.5)
    assert one["Bill|Optics|800G"] == pytest.approx(1.0)
    assert one["Bill content|Optics|1.6T"] == pytest.approx(1.5 * 1000)
    assert one["Bill content|Optics|800G"] == pytest.approx(400)
    assert one["Bill|NICs"] == 1


@pytest.mark.parametrize(
    ("name", "terabits", "chip"),
    [("gb300", 7.2, 28.8), ("h100-sxm", 3.6, 7.2), ("vr200", 14.4, 28.8)],
)
def test_scale_up_chips_switch_what_they_are_published_to(
    name: str, terabits: float, chip: float
) -> None:
    machine = CATALOG.accelerator(name)
    capacity = scaleup_capacity(machine, RATIOS) / 1e12
    assert capacity == pytest.approx(terabits)
    assert capacity / RATIOS.of("scaleup-switches", machine)[1] == pytest.approx(chip)


def test_modules_fall_by_the_published_rate_from_the_published_price() -> None:
    assert RATIOS.module_price("800G", 2026)[1] == 400
    assert RATIOS.module_price("800G", 2027)[1] == pytest.approx(400 * 0.85)
    assert RATIOS.module_price("800G", 2024)[1] == pytest.approx(400 / 0.85**2)
    assert RATIOS.module_price("6.4T", 2027)[1] == pytest.approx(0.6 * 6400)
    assert gigabits("200G") == 200


@pytest.mark.parametrize("name", MACHINES)
@pytest.mark.parametrize("year", [2022, 2026, 2030])
def test_no_low_exceeds_its_central_and_no_central_its_high(name: str, year: int) -> None:
    machine = CATALOG.accelerator(name)
    for low, central, high in content(machine, share_of(machine, PLAN), XDR, RATIOS, year).values():
        assert 0 <= low <= central * (1 + 1e-12)
        assert central <= high * (1 + 1e-12)


def test_every_accelerator_is_a_gpu_or_a_custom_chip_as_its_vendor_says() -> None:
    kinds = {name: class_of(CATALOG.accelerator(name)) for name in MACHINES}
    assert {kinds[n] for n in ("h100-sxm", "mi300x", "feynman", "gpu-2030")} == {"GPU"}
    assert {kinds[n] for n in ("tpu-v7", "trainium3", "asic-2030", "ascend-910c")} == {"ASIC"}


def test_a_rack_costs_what_is_published_for_gb200_and_gb300() -> None:
    """3.4-4.0 million USD (Bernstein, Morgan Stanley) and 4.0 (Morgan Stanley).

    The 7.8 of a Vera Rubin rack holds 2 million of memory at the prices of 2026, which the share
    of servers does not know: 4.8 here.
    """
    share = CATALOG.value("prices", "server", "cost_beside_accelerators")
    rack = {n: 72 * CATALOG.accelerator(n).price * (1 + share) / 1e6
            for n in ("gb200", "gb300", "vr200")}  # fmt: skip
    assert 3.4 <= rack["gb200"] <= 4.0
    assert rack["gb300"] == pytest.approx(4.0, rel=0.15)
    assert rack["vr200"] < 0.7 * 7.8  # a miss, kept in sight


def test_liquid_cooling_of_a_gb300_rack_is_the_published_sum() -> None:
    """18 compute trays at 2,260 USD and 9 switch trays at 1,020."""
    rack = 72 * of_gb300()["Part|Liquid cooling"]
    assert rack == pytest.approx(18 * 2260 + 9 * 1020, rel=0.02)


def test_boards_without_a_figure_are_a_share_of_the_price() -> None:
    tpu = CATALOG.accelerator("tpu-v7")
    assert boards(tpu, RATIOS)[1] == pytest.approx(560, rel=0.01)  # 4,000 CNY, Guosen


def test_parts_of_a_network_price_sum_to_its_price() -> None:
    share = share_of(GB300, PLAN)
    by_hand = (216 * XDR.switch_price + 15552 * XDR.switch_module_price) / 10368
    by_hand += XDR.nic_module_price + XDR.nic_price
    assert share.price == pytest.approx(by_hand)
    assert set(share.prices) == {"Switches", "Optics|1.6T", "Optics|800G", "NICs"}
    (cases,) = network_prices([GB300], PLAN, CATALOG)
    assert cases["Optics|1.6T"] == pytest.approx([1.5 * 900, 1.5 * 1000, 1.5 * 1500])


def road(*names: str) -> Roadmap:
    machines = tuple(CATALOG.accelerator(name) for name in names)
    return Roadmap((2026,), machines, np.ones((1, len(machines))), 5.0, 0.25)


@given(
    st.lists(st.tuples(PRICES, PRICES, PRICES), min_size=1, max_size=5),
    st.floats(0.01, 1),
    st.floats(0, 1e11),
    st.floats(0, 20),
    st.tuples(PRICES, PRICES),
)
def test_segments_sum_to_capital_spending(
    machines: list[tuple[float, float, float]],
    server_share: float,
    watts: float,
    facility_price: float,
    parts: tuple[float, float],
) -> None:
    units, price, network = (np.array(column) for column in zip(*machines, strict=True))
    spent = capex(units, price, network, server_share, watts, facility_price)
    money = Money(
        np.repeat(price[:, None], 3, axis=1),
        [{"Switches": np.full(3, n / 3), "NICs": np.full(3, n * 2 / 3)} for n in network],
        np.full(3, server_share),
        np.full(3, facility_price),
    )
    priced = {"Liquid cooling": np.full(3, parts[0]), "Power supplies": np.full(3, parts[1])}
    classes = ["GPU", "ASIC", "GPU", "ASIC", "GPU"][: len(units)]
    found = split(units, classes, money, priced) | facility(watts, money, RATIOS)
    assert sum(v[1] for v in found.values()) == pytest.approx(
        sum(spent.values()), rel=1e-12, abs=1e-6
    )
    assert all(v[1] >= 0 for v in found.values())


def test_parts_of_servers_beyond_what_is_spent_are_cut_and_said() -> None:
    parts = {"Liquid cooling": np.array([50.0, 100.0, 200.0]), "Power supplies": np.full(3, 300.0)}
    total = np.array([150.0, 200.0, 250.0])
    assert short(total, parts) == 0.5
    found = servers(total, parts)
    assert found["Liquid cooling"].tolist() == [25, 50, 100]
    assert found[HOSTS][1] == 0
    poor = load_scenario(SMALL, ["prices.server_share=0.01"])
    warnings = project(poor, memo=Memo(None)).manifest["warnings"]
    assert any("2025: the rack model prices parts of servers at" in text for text in warnings)


def test_the_bill_of_a_world_sums_to_its_capital_spending(small: Results) -> None:
    bill, spent = small.series("Bill value"), small.series("Capex")
    for year in small.years:
        assert bill[year] == pytest.approx(spent[year], rel=1e-12)
    for whole, parts in (
        ("Accelerators", ("GPU", "ASIC")),
        ("Network", ("Switches", "Optics", "NICs", "Copper cables")),
        ("Servers", ("Scale-up fabric", "Liquid cooling", "Power supplies", HOSTS)),
        ("Facility", ("Site power", "Site cooling", "Buildings")),
    ):
        named = [f"Bill value|{p}" for p in parts if f"Bill value|{p}" in small]
        total = sum(small.series(name)[2026] for name in named)
        assert total == pytest.approx(small.series(f"Capex|{whole}")[2026], rel=1e-12)
    assert small.check_sums() == []


def test_the_memory_of_a_world_is_that_of_its_shipments(small: Results) -> None:
    for year in small.years:
        units = {n: small.series(f"Accelerators|Shipped|{n}").get(year, 0.0)
                 for n in ("h100-sxm", "mi300x", "gb200")}  # fmt: skip
        hbm = (
            units["h100-sxm"] * 80 * 2**30
            + units["mi300x"] * 192 * 2**30
            + units["gb200"] * 198_674_743_296
        )
        assert small.series("Bill|HBM")[year] == pytest.approx(hbm)
        racks = units["h100-sxm"] / 32 + units["mi300x"] / 32 + units["gb200"] / 72
        assert small.series("Bill|Racks")[year] == pytest.approx(racks)


def test_the_network_of_the_bill_is_that_which_is_shipped(small: Results) -> None:
    for bill, network in (("Optics|800G", "Optics|800G"), ("NICs", "NICs")):
        ours, theirs = small.series(f"Bill|{bill}"), small.series(f"Network shipped|{network}")
        assert ours == pytest.approx(theirs)


def test_what_is_inside_others_is_never_added(small: Results) -> None:
    assert "Bill content" not in small  # a group that does not add up has no total
    found = family("Bill content|HBM")
    assert found is not None
    assert not found.additive
    assert small.series("Bill content|HBM")[2026] < small.series("Bill value|GPU")[2026]


def test_lows_and_highs_of_a_world_enclose_it(small: Results) -> None:
    names = [n for n in small.variables() if n.split("|")[0] in ("Bill value", "Bill content")]
    assert len(names) > 15
    for name in names:
        head, _, tail = name.partition("|")
        low, high = (small.series(f"{head} {end}|{tail}") for end in ("low", "high"))
        for year, value in small.series(name).items():
            assert low[year] <= value * (1 + 1e-12)
            assert value <= high[year] * (1 + 1e-12)


def test_published_shipments_give_published_modules_and_boards_within_a_factor() -> None:
    """The ratios alone, on what was really shipped in 2025; nothing here was fitted to it.

    800G: 19 million modules published. Boards of NVIDIA racks: 1.53 billion USD (CICC). Memory
    and wafers come out at half of what was made in the year: parts are bought half a year before
    they ship in a market that doubles, and Huawei, Meta and Microsoft are not in the shipments.
    """
    units = as_published(CATALOG, 2025)
    assert sum(units.values()) == pytest.approx(8.7e6, rel=0.25)
    machines = [CATALOG.accelerator(name) for name in units]
    ndr = Plan(
        "rail-optimised", CATALOG.fabric("infiniband-ndr"), PLAN.torus, 50_000, 1.0, "optical"
    )
    found = shipped(machines, np.array(list(units.values())), ndr, RATIOS, 2025)
    assert found["Bill|Optics|800G"][1] == pytest.approx(19e6, rel=0.15)
    hbm = sum(v[1] for k, v in found.items() if k.startswith("Bill|HBM|"))
    assert 0.45 < hbm / 2.21e18 < 0.65  # a miss, kept in sight
    wafers = sum(v[1] for k, v in found.items() if k.startswith("Bill|Packaging wafers|"))
    assert 0.45 < wafers / 680e3 < 0.7  # likewise


def test_checks_hold_every_published_year_of_the_horizon(small: Results) -> None:
    rows = small.manifest["bill_checks"]
    assert {r["name"] for r in rows} <= {m.name for m in MARKETS}
    by_name = {(r["name"], r["year"]): r for r in rows}
    assert by_name["CoWoS wafers", 2025]["actual"] == pytest.approx(680e3)
    assert by_name["HBM market", 2025]["actual"] == pytest.approx(35e9)
    assert by_name["HBM shipped", 2025]["actual"] == pytest.approx(2.21e9 * 2**30)
    assert {r["year"] for r in rows} <= set(small.years)
    assert "ours" not in by_name["Boards of NVIDIA racks", 2026]  # nothing published was shipped


def test_segments_name_variables_that_runs_hold_and_segments_that_exist(small: Results) -> None:
    found = segments(CATALOG)
    keys = {s["key"] for s in found} | {"scale-up", "hosts"}
    for segment in found:
        assert segment["chain"] in ("compute", "on-device", "applications")
        assert set(segment["inside"]) <= keys, segment["key"]
        for name in filter(None, (segment["quantity"], segment["value"])):
            assert family(name) is not None, name
    seed = " ".join(name for s in found for name in s["names_seed"])
    for company in ("Broadcom", "WUS", "Foxconn Industrial", "DSBJ", "Luxshare", "Avary", "Crystal",
                    "Goertek", "Lens", "JCET", "Microsoft", "Adobe", "Kingsoft", "Weaver",
                    "EZVIZ"):  # fmt: skip
        assert company in seed


def test_values_spent_by_themselves_add_up_to_capital_spending(small: Results) -> None:
    """The segments that stand inside no other are all of `Capex`, each once."""
    whole = [s["value"] for s in segments(CATALOG) if s["value"] and not s["inside"]]
    names = [n for n in whole if n in small]
    assert len(set(whole)) == len(whole)
    total = sum(small.series(name)[2026] for name in names)
    assert total == pytest.approx(small.series("Capex")[2026], rel=1e-12)
