"""The scenarios that come with computesim: each asks one question and overrides little."""

from __future__ import annotations

import re
from functools import cache
from pathlib import Path

import pytest

from computesim import Results, load_catalog, load_scenario, project
from computesim.demand.progress import hardware_per_usd, progress_at
from computesim.demand.usage import requests_at, users_at
from computesim.scenario import Moment
from computesim.scenario.shipped import shipped_scenarios

FILES = shipped_scenarios()
OTHERS = sorted(set(FILES) - {"baseline"})
TABLE = Path(__file__).parents[2] / "scenarios" / "README.md"
NAMED = {
    "rl-cot-shift", "pretraining-continues", "short-cot", "deep-search", "agents", "on-device",
    "power-limited", "cheaper-tokens",
}  # fmt: skip


def differing(name: str) -> set[str]:
    """Return the entries of a resolved scenario that are not those of the baseline."""

    def leaves(part: object, path: str = "") -> dict[str, object]:
        if not isinstance(part, dict):
            return {path: part}
        return {k: v for n, p in part.items() for k, v in leaves(p, f"{path}.{n}").items()}

    ours, reference = (leaves(load_scenario(n).resolved()) for n in (name, "baseline"))
    paths = {p for p in ours | reference if ours.get(p) != reference.get(p)}
    return paths - {".name", ".title", ".question", ".extends"}


def test_the_named_questions_are_shipped() -> None:
    assert set(OTHERS) >= NAMED


@pytest.mark.parametrize("name", sorted(FILES))
def test_a_shipped_scenario_begins_with_its_question(name: str) -> None:
    text = FILES[name].read_text(encoding="utf-8")
    assert text.startswith("# The question: ")
    comment = re.match(r"(?:#.*\n)+", text)
    assert comment
    assert "?" in comment.group()
    scenario = load_scenario(name)
    assert scenario.name == name
    assert scenario.title
    assert scenario.question.endswith("?")


@pytest.mark.parametrize("name", OTHERS)
def test_a_shipped_scenario_extends_the_baseline_and_overrides_something(name: str) -> None:
    assert "\nextends: baseline\n" in FILES[name].read_text(encoding="utf-8")
    assert differing(name)


@pytest.mark.parametrize("name", OTHERS)
def test_what_a_scenario_says_of_the_past_is_the_baseline_but_for_counterfactuals(
    name: str,
) -> None:
    def tokens(scenario: str) -> float:
        products = load_scenario(scenario).products.values()
        return sum(users_at(p, 2023) * requests_at(p, 2023) for p in products)

    assert tokens(name) == pytest.approx(tokens("baseline"))


def test_cheaper_tokens_are_tenfold_cheaper_a_year_by_the_figures_of_the_catalog() -> None:
    scenario = load_scenario("cheaper-tokens")
    catalog = scenario.catalog()
    gains = []
    for year in (2025, 2027):
        told = progress_at(Moment.of(scenario, year))
        software = told.serving_software * told.inference
        gains.append(software * hardware_per_usd(Moment(scenario, catalog, year)))
    per_year = (gains[1] / gains[0]) ** 0.5
    assert per_year == pytest.approx(
        catalog.figure("efficiency", "tokens", "price_fall_per_year").number, rel=0.02
    )
    algorithms = scenario.progress.algorithms.inference.at(2027) ** 0.5
    assert algorithms == pytest.approx(
        catalog.figure("efficiency", "algorithms", "inference_gain_per_year").number
    )
    price = scenario.products["api"].price
    elasticity = catalog.figure("efficiency", "tokens", "price_elasticity")
    assert price
    assert price.elasticity.at(2027) == elasticity.number
    assert (price.elasticity.at(0, "low"), price.elasticity.at(0, "high")) == elasticity.bounds


def test_hardware_of_the_baseline_gets_cheaper_as_published() -> None:
    """FLOP per USD grow 1.3 times a year (1.2 to 1.4), from 2025 to 2030 of this roadmap."""
    scenario = load_scenario("baseline")
    catalog = scenario.catalog()
    gain = hardware_per_usd(Moment(scenario, catalog, 2030)) / hardware_per_usd(
        Moment(scenario, catalog, 2025)
    )
    low, high = catalog.figure("efficiency", "hardware", "flop_per_usd_gain_per_year").bounds
    assert low < gain ** (1 / 5) < high


@cache
def results(name: str) -> Results:
    """Run a shipped scenario, once."""
    return project(load_scenario(name))


def headline(name: str) -> dict[str, float]:
    """Return what the table of the scenarios shows of 2030."""
    run = results(name)
    total = run.series("H100-equivalents")[2030]

    def share(workload: str) -> float:
        return 100 * run.series(f"H100-equivalents|{workload}")[2030] / total

    return {
        "H100e": total / 1e6,
        "GW, no limits": run.series("Unconstrained|Power|Provisioned")[2030] / 1e9,
        "GW": run.series("Power|Provisioned")[2030] / 1e9,
        "TWh": run.series("Energy")[2030] / 1e12,
        "pretraining": share("Pretraining"),
        "RL": share("RL post-training"),
        "CoT": share("CoT inference"),
    }


@pytest.mark.slow
@pytest.mark.parametrize("name", sorted(FILES))
def test_a_shipped_scenario_runs_and_its_table_is_consistent(name: str) -> None:
    run = results(name)
    assert run.years == list(range(2022, 2031))
    assert run.check_sums() == []
    assert [text for text in run.manifest["warnings"] if " jobs of " not in text] == []
    assert run.series("Energy")[2030] > run.series("Energy")[2025]


@pytest.mark.slow
@pytest.mark.parametrize("name", sorted(FILES))
def test_the_table_of_scenarios_shows_what_a_run_gives(name: str) -> None:
    rows = [line for line in TABLE.read_text(encoding="utf-8").splitlines() if line[:1] == "|"]
    written = [row for row in rows if row.startswith(f"| `{name}` |")][-1]
    found = [float(n) for n in re.findall(r"([\d.,]+)(?: %)? \|", written.replace(",", ""))]
    now = headline(name)
    line = f"| `{name}` | " + " | ".join(
        f"{value:.1f} %" if key in ("pretraining", "RL", "CoT") else f"{value:,.0f}"
        for key, value in now.items()
    )
    assert found == pytest.approx(list(now.values()), rel=0.02, abs=0.6), f"write: {line} |"


@pytest.mark.slow
def test_the_scenarios_answer_their_questions() -> None:
    base = results("baseline")

    def of(name: str, variable: str) -> float:
        """Return a variable in 2030, over that of the baseline."""
        return results(name).series(variable)[2030] / base.series(variable)[2030]

    assert (
        of("rl-cot-shift", "FLOP|Pretraining")
        < 0.1
        < 1.5
        < of("rl-cot-shift", "FLOP|RL post-training")
    )
    assert of("pretraining-continues", "FLOP|Pretraining") > 3
    assert of("pretraining-continues", "FLOP|RL post-training") < 0.2
    assert of("short-cot", "Tokens|CoT inference|Reasoning") < 0.05
    assert of("short-cot", "FLOP|RL post-training") < 0.01
    assert of("deep-search", "FLOP|RL post-training|Rollout") > 2
    scored = results("deep-search").series("FLOP|RL post-training|Verification")
    assert scored[2030] > 0 == base.series("FLOP|RL post-training|Verification")[2030]
    assert of("deep-search", "Tokens|CoT inference|Reasoning") > 2
    assert of("agents", "Tokens") > 3
    assert of("on-device", "Device tokens") > 5
    assert of("on-device", "H100-equivalents|CoT inference") < 0.95
    assert of("cheaper-tokens", "Tokens") > 30
    assert 1.2 < of("cheaper-tokens", "H100-equivalents by product") < 3
    assert of("cheaper-tokens", "H100-equivalents by product|chat") < 0.1
    assert of("cheaper-tokens", "H100-equivalents by product|agents") > 1.5
    limited = results("power-limited")
    assert max(limited.series("Power|Provisioned").values()) <= 85.0001e9
    assert limited.series("Unmet|RL post-training")[2030] > 0


@pytest.mark.slow
def test_with_published_supply_the_compute_of_the_past_lies_within_what_is_published() -> None:
    ours = results("baseline").series("H100-equivalents by generation")
    published = load_catalog().series("history", "world-h100e-quarterly")
    for year in (2022, 2023, 2024, 2025):
        low, high = published[f"{year}-12-31"].bounds
        assert low <= ours[year] <= high, year


@pytest.mark.slow
def test_every_limit_binds_in_turn_and_is_never_exceeded() -> None:
    run = results("every-limit")
    names = [name.removeprefix("Supply|Used|") for name in run.variables("Supply|Used|*")]
    assert set(names) == {"Packaging wafers", "HBM", "Facility power", "Capital"}
    for name in names:
        there = run.series(f"Supply|Available|{name}")
        for year, used in run.series(f"Supply|Used|{name}").items():
            assert used <= there[year] * (1 + 1e-9)
    binding = [sum(run.series(f"Supply|Binding|{name}").values()) for name in names]
    assert sum(years > 0 for years in binding) >= 2
    assert run.series("Unconstrained|H100-equivalents") == pytest.approx(
        results("baseline").series("Unconstrained|H100-equivalents")
    )
