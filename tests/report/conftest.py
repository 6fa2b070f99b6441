"""Made-up results in the shape of a run: smooth growth from 2022 to 2032, every variable there."""

from __future__ import annotations

from collections.abc import Callable, Iterator

import pytest

from computesim.catalog import load_catalog
from computesim.published.bill_checks import segments
from computesim.report.overlay_figures import KEYS
from computesim.results import Manifest, Overlay, Results, Row, Told, unit_of
from computesim.results.variables import COT, OTHER_INFERENCE, RL, WORKLOADS

YEARS = range(2022, 2033)
# Of 2026, and growth per year.
SIZES = dict(
    zip(WORKLOADS, ((6, 1.3), (3, 2.1), (5, 2.2), (8, 1.5), (7, 1.45), (2, 1.3)), strict=True)
)
SHIPPED = {
    "a100-sxm-80gb": {2022: 0.8, 2023: 0.3},
    "h100-sxm": {2022: 0.04, 2023: 1.0, 2024: 2.2, 2025: 0.3},
    "h200-sxm": {2024: 0.5, 2025: 0.4},
    "h20": {2024: 0.96, 2025: 0.53},
    "gb200": {2024: 0.2, 2025: 2.4, 2026: 1.0},
    "gb300": {2025: 0.8, 2026: 4.0, 2027: 2.0},
    "vr200": {2026: 0.6, 2027: 4.5, 2028: 3.5},
    "rubin-ultra": {2027: 0.3, 2028: 4.0, 2029: 3.0},
    "feynman": {2029: 4.0, 2030: 7.0, 2031: 4.0},
    "gpu-2030": {2031: 6.0, 2032: 10.0},
    "tpu-v5p": {2023: 0.6, 2024: 1.0},
    "tpu-v6e": {2024: 1.2, 2025: 1.6},
    "tpu-v7": {2025: 1.2, 2026: 3.0, 2027: 2.0},
    "tpu-v8i": {2027: 2.5, 2028: 5.0, 2029: 6.0, 2030: 4.0},
    "asic-2030": {2030: 5.0, 2031: 8.0, 2032: 9.0},
    "trainium2": {2024: 0.75, 2025: 1.1},
    "trainium3": {2026: 1.5, 2027: 2.0, 2028: 2.0},
    "mi300x": {2023: 0.05, 2024: 0.4, 2025: 0.3},
    "mi355x": {2025: 0.15, 2026: 0.5, 2027: 0.6},
    "ascend-910c": {2024: 0.2, 2025: 0.6, 2026: 0.8},
}  # million
H100E = {"a100-sxm-80gb": 0.315, "h20": 0.15, "gb200": 2.53, "gb300": 2.53, "vr200": 8.0,
         "rubin-ultra": 16.0, "feynman": 24.0, "gpu-2030": 40.0, "tpu-v7": 2.3, "tpu-v8i": 5.0,
         "asic-2030": 12.0, "trainium3": 1.27}  # fmt: skip
SPEEDS = {"200G": (2.0, 0.7), "400G": (9.0, 0.9), "800G": (22.0, 1.2), "1.6T": (11.0, 1.9),
          "3.2T": (0.2, 4.0)}  # fmt: skip
RL_PARTS = {"Rollout": 0.62, "Verification": 0.08, "Log-probabilities": 0.12, "Learner": 0.18}

#: billion USD in 2026
BILL_VALUE = {"GPU": 260, "ASIC": 70, "Hosts and integration": 45, "Scale-up fabric": 25,
              "Liquid cooling": 8, "Power supplies": 12, "Switches": 35, "Optics|800G": 12,
              "Optics|1.6T": 36, "NICs": 20, "Copper cables": 2, "Site power": 64,
              "Site cooling": 36, "Buildings": 60}  # fmt: skip
BILL_CONTENT = {"HBM": 38, "Packaging": 6, "PCB": 5, "Switch silicon|Scale-out": 4,
                "Switch silicon|Scale-up": 8, "Optics|800G": 9}  # fmt: skip

Add = Callable[[str, Callable[[int], float]], None]


def grown(size: float, growth: float) -> Callable[[int], float]:
    """Return a quantity that is `size` in 2026."""
    return lambda year: size * growth ** (year - 2026)


def _by_workload(add: Add, skip: tuple[str, ...]) -> None:
    for name, (size, growth) in SIZES.items():
        if name in skip:
            continue
        need = grown(size * 1e6, growth)
        better = grown(1.0, 1.25)
        add(f"H100-equivalents|{name}", need)
        add(f"Accelerators|Required|{name}", lambda y, n=need, b=better: n(y) / b(y) / 2)
        for boundary, watts in (("IT", 900.0), ("Facility", 1080.0), ("Provisioned", 1500.0)):
            add(f"Power|{boundary}|{name}", lambda y, n=need, b=better, w=watts: n(y) * w / b(y))
        add(f"Energy|{name}", lambda y, n=need, b=better: n(y) * 1080.0 / b(y) * 8766)
        add(f"Utilisation|{name}", lambda y: 0.6)
        if name == RL:
            for part, share in RL_PARTS.items():
                add(f"FLOP|{name}|{part}", lambda y, n=need, s=share: n(y) * s * 8e21)
        else:
            add(f"FLOP|{name}", lambda y, n=need: n(y) * 9e21)


def _tokens(add: Add, skip: tuple[str, ...]) -> None:
    kinds = {"Prompt": 60e12, "Cached prompt": 150e12, "Reasoning": 90e12, "Answer": 25e12}
    for workload in (COT, OTHER_INFERENCE):
        for kind, size in kinds.items():
            if workload in skip or (workload, kind) == (OTHER_INFERENCE, "Reasoning"):
                continue
            add(f"Tokens|{workload}|{kind}", grown(size, 5.0 if kind == "Reasoning" else 3.5))
    add("Device tokens|Answer", grown(1e12, 3.0))
    for n, name in enumerate(("h100-sxm", "gb200", "vr200", "tpu-v7")):
        add(f"Goodput|{COT}|{name}", lambda y, n=n: 800.0 * 3**n * 1.2 ** (y - 2026))


def _fleet(add: Add) -> None:
    for name, million in SHIPPED.items():
        add(f"Accelerators|Shipped|{name}", lambda y, m=million: 1e6 * m.get(y, 0.0))
        fleet = lambda y, m=million: 1e6 * sum(v for t, v in m.items() if y - 5 <= t <= y)  # noqa: E731
        add(f"Accelerators|Installed|{name}", fleet)
        weight = H100E.get(name, 1.0)
        add(f"H100-equivalents by generation|{name}", lambda y, f=fleet, w=weight: w * f(y))
        add(f"Power|Accelerator TDP|{name}", lambda y, f=fleet: 1000.0 * f(y))


def _network_and_capex(add: Add) -> None:
    for speed, (size, growth) in SPEEDS.items():
        add(f"Network shipped|Optics|{speed}", grown(size * 1e6, growth))
        add(f"Network|Optics|{speed}", grown(size * 2.2e6, growth))
    for tier, size in (("Leaf", 4e5), ("Spine", 3e5), ("Core", 1.2e5)):
        add(f"Network|Switches|{tier}", grown(size, 1.4))
    for part, size in (
        ("Accelerators", 330e9),
        ("Servers", 90e9),
        ("Network", 105e9),
        ("Facility", 160e9),
    ):
        add(f"Capex|{part}", grown(size, 1.35))


def _costs(add: Add, skip: tuple[str, ...]) -> None:
    for workload, (size, growth) in SIZES.items():
        if workload not in skip:
            add(f"Cost of compute|{workload}", grown(size * 1e9, growth))
    for name, usd in (("h100-sxm", 1.57), ("gb200", 2.09), ("vr200", 3.1)):
        add(f"TCO|{name}", lambda y, u=usd: u)
        add(f"TCO|{name}|Electricity", lambda y, u=usd: 0.05 * u)
    for product, usd in (("chat", 0.25), ("coding", 0.5)):
        add(f"Cost of tokens|{product}", grown(usd, 0.7))
        add(f"Cost of tokens|{product}|Output", grown(8 * usd, 0.7))
    add("Cost of run|Pretraining|frontier", grown(2e9, 2.0))
    add("Cost of run|Pretraining|frontier|Capital", grown(1.8e9, 2.0))
    for site, share in (("hyperscale-us", 0.7), ("norway", 0.3)):
        add(f"Energy by region|{site}", grown(share * 1e14, 1.4))
        add(f"Emissions by region|{site}", grown(share * 3e13, 1.4))


def _supply(add: Add) -> None:
    for name in WORKLOADS:
        add(f"Unconstrained|H100-equivalents|{name}", grown(9e6, 1.9))
        add(f"Unconstrained|Power|Provisioned|{name}", grown(9e9, 1.5))
    for name, size, binds in (
        ("Packaging wafers", 7e5, range(2023, 2026)),
        ("HBM", 2e18, range(2026, 2033)),
        ("Makers|NVIDIA", 5e6, ()),
    ):
        add(f"Supply|Available|{name}", grown(size, 1.4))
        used = lambda y, s=size, b=binds: grown(s, 1.4)(y) * (1.0 if y in b else 0.8)  # noqa: E731
        add(f"Supply|Used|{name}", used)
        add(f"Supply|Binding|{name}", lambda y, b=binds: float(y in b))
        add(f"Supply|Relief|{name}", lambda y, b=binds: 3e6 * (y in b))
        add(f"Supply|Next|{name}", lambda y, n=name: float(n == "HBM" and y == 2024))


def _bill(add: Add) -> None:
    for case, times in (("", 1.0), (" low", 0.7), (" high", 1.5)):
        for name, size in BILL_VALUE.items():
            add(f"Bill value{case}|{name}", grown(size * 1e9 * times, 1.35))
        for name, size in BILL_CONTENT.items():
            add(f"Bill content{case}|{name}", grown(size * 1e9 * times, 1.4))
    for kind, share in (("GPU", 0.8), ("ASIC", 0.2)):
        add(f"Bill|Accelerators|{kind}", grown(share * 1e7, 1.2))
        add(f"Bill|HBM|{kind}", grown(share * 2.4e18, 1.5))
        add(f"Bill|Packaging wafers|{kind}", grown(share * 6e5, 1.4))
    add("Bill|Optics|800G", grown(22e6, 1.2))
    add("Bill|Site power", grown(20e9, 1.2))
    for name, size in (("Shipped", 6e8), ("In use", 1.5e9), ("Used", 7e8), ("Needed", 1e7)):
        add(f"Devices|{name}", grown(size, 1.2))


def make_overlays() -> list[Overlay]:
    """Return ours beside others for every quantity that a report shows, a crowd in one year."""
    told: list[Told] = [
        {"year": 2025.0, "value": 20e6, "low": 17e6, "high": 23e6, "vintage": "2026-04",
         "family": "actual", "publisher": "", "source": "epoch", "scope": ""},
        {"year": 2030.0, "value": 600e6, "low": None, "high": None, "vintage": "2025-09-16",
         "family": "trend", "publisher": "Epoch trend", "source": "epoch", "scope": ""},
    ]  # fmt: skip
    told += [
        {"year": 2030.0, "value": 100e6 * (1 + n / 50), "low": 20e6, "high": 400e6,
         "vintage": f"202{n}-08", "family": "pipeline", "publisher": "Broker", "source": "epoch",
         "scope": "all uses"}
        for n in range(4, 7)
    ]  # fmt: skip
    return [
        {"key": key, "title": f"Quantity {n}", "quantity": "In service", "unit": "H100e",
         "counts": "What is counted.", "ours": {y: 1e6 * 2.0 ** (y - 2022) for y in YEARS},
         "low": {}, "high": {}, "told": told}
        for n, key in enumerate(KEYS)
    ]  # fmt: skip


def make_manifest(name: str) -> Manifest:
    """Return a manifest with everything in it."""
    anchors = [
        ("World compute sold", 2023, "H100e", 1.5e6, 1.60e6, 1.33e6, 1.90e6, 1.2, True),
        ("World compute sold", 2025, "H100e", 17.0e6, 19.7e6, 17.0e6, 22.7e6, 1.2, True),
        ("AI facility power", 2025, "W", 17e9, 29.6e9, None, None, 1.2, False),
        ("AI electricity", 2025, "Wh/year", 96e12, 93e12, 75e12, 120e12, 1.3, True),
        ("Google tokens", 2025, "token/day", 70e12, 43e12, None, None, 2.0, True),
        ("Capex of four firms", 2025, "USD/year", 480e9, 416e9, None, None, 1.3, True),
        ("800G modules shipped", 2025, "transceiver", 18.3e6, 19e6, 18e6, 19.9e6, 1.2, True),
    ]  # fmt: skip
    keys = ("name", "year", "unit", "ours", "actual", "low", "high", "factor", "within")
    rows = [dict(zip(keys, row, strict=True)) | {"source": "epoch"} for row in anchors]
    for row in rows[:2]:
        row["variable"] = "H100-equivalents by generation"
    rows[2]["variable"] = "Power|Facility"
    return {
        "version": "0.1.0",
        "name": name,
        "title": "Reasoning takes over",
        "question": "What if RL and long chains of thought, not larger runs, take the compute?",
        "scenario": {
            "name": name,
            "horizon": {"first_year": 2022, "last_year": 2032},
            "products": {"coding": {"label": "Coding assistants"}, "chat": {"label": ""}},
            "labs": {"frontier": {"label": "Frontier labs"}},
        },
        "hash": "a1b2c3d4e5f60718",
        "seed": 1,
        "sources": [
            {"key": "epoch", "title": "Epoch AI, AI chip sales", "kind": "dataset",
             "url": "https://epoch.ai/data/ai-chip-sales", "date": "2026-04-22"},
            {"key": "nvidia-h100", "title": "NVIDIA H100 Tensor Core GPU datasheet",
             "url": "https://www.nvidia.com/h100", "date": "2023-03", "kind": "datasheet"},
            {"key": "guess", "title": "Interpolated by the authors", "url": "", "date": "2026-11",
             "kind": "estimate"},
        ],
        "assumptions": [
            {"path": "products.chat.users", "value": "2022: 0.1e9, 2026: 1.2e9, 2032: 3e9",
             "unit": "user", "low": "0.9e9", "high": "1.5e9", "source": "epoch",
             "origin": "baseline.yaml:21", "note": "weekly users"},
            {"path": "fleet.lifetime", "value": "5 year", "unit": "s", "low": "", "high": "",
             "source": "estimate", "origin": "default"},
            {"path": "labs.frontier.pretraining.flop", "value": "5e26", "unit": "FLOP",
             "low": "2e26", "high": "1e27", "source": "guess", "origin": "baseline.yaml:80"},
            {"path": "site.pue", "value": "1.2", "unit": "1", "low": "1.1", "high": "1.4",
             "source": "nvidia-h100", "origin": "baseline.yaml:120"},
        ],
        "anchors": rows,  # type: ignore[typeddict-item]
        "segments": segments(load_catalog()),
        "bill_checks": [
            {"name": "HBM shipped", "year": 2025, "unit": "B", "ours": 1.2e18, "ours_low": 1.1e18,
             "ours_high": 1.3e18, "scenario": 1.8e18, "actual": 2.21e18, "low": 2.21e18,
             "high": 2.21e18, "source": "epoch"},
            {"name": "HBM market", "year": 2026, "unit": "USD/year", "scenario": 38e9,
             "actual": 58e9, "low": 55e9, "high": 60e9, "source": "epoch"},
        ],
        "bill_ratios": 90,
        "bill_estimates": 50,
        "cny_per_usd": 7.0,
        "overlays": make_overlays(),
        "wall_time": 1.234,
        "libraries": {"python": "3.11", "numpy": "2.4.6"},
        "warnings": ["labs.other: 2 runs of 2031 do not fit on the accelerators of their year"],
    }  # fmt: skip


def _by_product_and_progress(add: Add) -> None:
    for name, size in (("chat", 5.0), ("agents", 8.0)):
        add(f"H100-equivalents by product|{name}|{COT}", grown(size * 1e6, 2.0))
    add("Progress|Hardware|Per accelerator", grown(16.0, 1.6))
    add("Progress|Hardware|Per USD", grown(6.0, 1.3))
    for part in ("Serving software", "Training software"):
        add(f"Progress|{part}", lambda year: 1.0)


def make_results(
    name: str = "baseline", skip: tuple[str, ...] = (), replications: int = 1, times: float = 1.0
) -> Results:
    """Return made-up results; `times` multiplies every number, replications spread around it."""
    rows: list[Row] = []

    def add(variable: str, of_year: Callable[[int], float]) -> None:
        for replication in range(replications):
            spread = times * (1 + 0.1 * (replication - (replications - 1) / 2))
            rows.extend(
                Row(variable, unit_of(variable), year, of_year(year) * spread, replication)
                for year in YEARS
            )

    _by_workload(add, skip)
    _tokens(add, skip)
    _fleet(add)
    _network_and_capex(add)
    _costs(add, skip)
    _supply(add)
    _bill(add)
    _by_product_and_progress(add)
    return Results.from_rows(rows, make_manifest(name))


@pytest.fixture(scope="session")
def results() -> Results:
    """One scenario with everything."""
    return make_results()


@pytest.fixture(scope="session")
def make() -> Callable[..., Results]:
    """Other scenarios: see `make_results`."""
    return make_results


@pytest.fixture(autouse=True)
def _no_open_figures() -> Iterator[None]:
    """No chart may touch the global state of matplotlib."""
    import sys

    yield
    if "matplotlib.pyplot" in sys.modules:
        assert not sys.modules["matplotlib.pyplot"].get_fignums()
