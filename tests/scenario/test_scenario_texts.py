"""What the scenario room writes for readers: tables, JSON Schema, reference page, first file."""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import Any, get_args, get_origin

import jsonschema
import pytest
import yaml

from computesim.scenario import (
    describe,
    json_schema,
    load_scenario,
    shipped_scenarios,
    starter,
)
from computesim.scenario.merge import is_branch
from computesim.scenario.part import Part
from computesim.scenario.schema import Tree
from computesim.units import number_text
from tools.pages.scenario_format import format_page

DATA = Path(__file__).parent / "data"
ROOT = Path(__file__).parents[2]


@pytest.fixture(scope="module")
def validator() -> jsonschema.Draft202012Validator:
    schema = json_schema()
    jsonschema.Draft202012Validator.check_schema(schema)
    return jsonschema.Draft202012Validator(schema)


def parts(kind: type[Part] = Tree) -> set[type[Part]]:
    """Return every part of the tree."""
    found = {kind}
    for field in kind.model_fields.values():
        inner: Any = field.annotation
        inner = get_args(inner)[1] if get_origin(inner) is dict else inner
        if is_branch(inner):
            found |= parts(inner)
    return found


def as_json(path: Path) -> Any:
    """Return a scenario file as an editor's schema sees it: keys are texts."""
    from computesim.scenario.yaml_loader import read_yaml

    return json.loads(json.dumps(read_yaml(path.read_text(), path.name).data))


def test_every_field_is_described_in_a_sentence() -> None:
    for part in parts():
        assert part.__doc__
        for name, field in part.model_fields.items():
            assert field.description, name
            assert field.description.endswith("."), name


def test_no_field_bears_a_name_that_means_a_form_of_a_value() -> None:
    words = {"low", "central", "high", "path", "distribution", "interpolation", "beyond", "value"}
    assert not words & {name for part in parts() for name in part.model_fields}


def test_the_schema_accepts_every_shipped_and_test_scenario(
    validator: jsonschema.Draft202012Validator,
) -> None:
    files = [*shipped_scenarios().values(), *(DATA / f"{n}.yaml" for n in ("minimal", "child"))]
    for file in [*files, DATA / "folder" / "grandchild.yaml"]:
        assert not list(validator.iter_errors(as_json(file))), file


def test_the_schema_accepts_a_resolved_scenario(validator: jsonschema.Draft202012Validator) -> None:
    resolved = load_scenario(DATA / "minimal.yaml").resolved()
    assert not list(validator.iter_errors(json.loads(json.dumps(resolved))))


@pytest.mark.parametrize(
    "users",
    [
        1e9,
        "900 million",
        {"2024": 1, "2028": "2 million"},
        {"2024": 1, "2028": 2, "interpolation": "geometric", "source": "estimate"},
        {"path": {"2024": 1, "2028": 2}, "beyond": "hold", "note": "x"},
        {"value": 3, "source": "estimate"},
        {"low": 1, "central": {"2024": 1, "2028": 2}, "high": "4 million", "source": "estimate"},
        {"distribution": "lognormal", "median": {"2024": 1, "2028": 2}, "sigma": 0.4},
        {"distribution": "normal", "low": 1, "high": 3},
    ],
)
def test_every_form_of_a_number_passes_both_schema_and_loader(
    validator: jsonschema.Draft202012Validator, users: Any
) -> None:
    validator.validate({"extends": "baseline", "products": {"chat": {"users": users}}})
    assert load_scenario(DATA / "minimal.yaml", {"products.chat.users": users})


@pytest.mark.parametrize(
    "entry",
    [
        {"products": {"chat": {"userz": 1}}},
        {"products": {"chat": {"users": -1}}},
        {"products": {"chat": {"users": "lots"}}},
        {"products": {"chat": {"users": {"low": 1, "high": 2}}}},
        {"products": {"chat": {"users": {"2024": 1, "interpolation": "cubic"}}}},
        {"products": {"chat": {"reasoning_share": 1.5}}},
        {"tiers": {"fast": {"dtype": "fp9"}}},
        {"simulation": {"kernel": "fast"}},
        {"fleet": {"shipments": {"2024": {"h100-sxm": 2}}}},
    ],
)
def test_the_schema_refuses_what_the_loader_refuses(
    validator: jsonschema.Draft202012Validator, entry: dict[str, Any]
) -> None:
    assert not validator.is_valid(entry)


def test_the_schema_allows_taking_entries_away(
    validator: jsonschema.Draft202012Validator,
) -> None:
    taken = {"extends": "baseline", "products": {"chat": None}, "limits": None}
    assert not list(validator.iter_errors(taken))


def test_the_reference_page_is_current() -> None:
    page = (ROOT / "docs" / "scenario-format.md").read_text(encoding="utf-8")
    assert page == format_page(), "write format_page() to docs/scenario-format.md"


def test_the_reference_page_names_every_key() -> None:
    page = format_page()
    for part in parts():
        for name in part.model_fields:
            assert f"| `{name}` |" in page


def test_the_example_of_the_reference_page_loads(tmp_path: Path) -> None:
    (example,) = re.findall(r"```yaml\n(.*?)```", format_page(), re.DOTALL)
    (tmp_path / "example.yaml").write_text(example)
    scenario = load_scenario(tmp_path / "example.yaml")
    assert scenario.products["chat"].reasoning_share.at(2030) == 0.9


def test_a_new_scenario_is_the_baseline_until_something_is_switched_on(tmp_path: Path) -> None:
    path = tmp_path / "my-case.yaml"
    path.write_text(starter("my-case"))
    scenario, baseline = load_scenario(path), load_scenario("baseline")
    assert (scenario.name, scenario.title) == ("my-case", "My case")
    assert scenario.products == baseline.products
    assert scenario.labs == baseline.labs


def _switched_on(text: str) -> str:
    """Return a starting scenario without the signs before its commented lines of YAML."""
    return re.sub(r"^# (?= *(- )?[\w-]+:( |$))", "", text, flags=re.MULTILINE)


def test_every_line_of_a_new_scenario_works_when_switched_on(tmp_path: Path) -> None:
    path = tmp_path / "mine.yaml"
    path.write_text(_switched_on(starter("mine")))
    scenario = load_scenario(path)
    switched_on = yaml.safe_load(path.read_text().replace("e9,", "000000000,"))
    assert set(switched_on) == {
        *("extends", "name", "title", "question", "horizon", "products", "tiers", "traffic"),
        *("labs", "fleet", "reliability", "site", "network", "prices", "limits", "simulation"),
        *("finance", "regions"),
        "progress",
    }
    assert scenario.products["helpers"].users is None
    assert "search" not in scenario.products
    assert scenario.products["tutoring"].users.at(2025) == 50e6
    assert scenario.limits.facility_power is not None


@pytest.mark.parametrize("name", ["", "my scenario", "../x", "-x", "a/b"])
def test_a_name_that_is_no_file_name_is_refused(name: str) -> None:
    with pytest.raises(ValueError, match="no scenario name"):
        starter(name)


def test_the_description_shows_every_leaf_with_origin_and_source() -> None:
    scenario = load_scenario(DATA / "child.yaml", ["traffic.burstiness=2"])
    rows = {row.key: row for row in describe(scenario)}
    assert len(rows) == len(list(scenario.leaves()))
    users = rows["products.chat.users"]
    assert (users.text, users.unit, users.source) == ("2 billion", "user", "estimate")
    assert users.origin.endswith("child.yaml:5")
    requests = rows["products.chat.requests_per_user_per_day"]
    assert (requests.low, requests.text, requests.high) == ("2", "3.7", "6")
    assert rows["reliability.restart"].source == "megascale"
    assert rows["reliability.restart"].text == "10 min"
    assert rows["reliability.restart"].origin == "default"
    assert rows["traffic.burstiness"].origin == "--set"
    assert rows["products.chat.reasoning_tokens"].note == "made up"
    share = rows["products.chat.reasoning_share"]
    assert share.text == "0.25 (2024), 1 (2028)"
    assert rows["tiers.standard.model"].text == "llama-3.1-70b (2024), deepseek-v3 (2026)"
    assert rows["fleet.shipments"].text.startswith("2024: h100-sxm 70 %, a100-sxm-80gb 30 %;")


def test_assumptions_are_the_rows_that_have_a_source() -> None:
    scenario = load_scenario(DATA / "minimal.yaml")
    rows = scenario.assumptions()
    assert all(row.source for row in rows)
    assert "name" not in {row.key for row in rows}
    assert set(scenario.source_keys()) == {row.source for row in rows}
    known = {source.key for source in scenario.catalog().sources()} | {"estimate"}
    assert set(scenario.source_keys()) <= known


@pytest.mark.parametrize(
    ("number", "unit", "text"),
    [
        (7776000, "s", "90 day"),
        (0.03, "s", "30 ms"),
        (0, "s", "0 s"),
        (5 * 365.25 * 86400, "s", "5 year"),
        (2.5e9, "user", "2.5 billion"),
        (20_000, "token", "20,000"),
        (0.9, "1", "0.9"),
        (3e25, "FLOP", "3e+25 FLOP"),
        (2e10, "W", "20 GW"),
        (0.08 / 3.6e6, "USD/kWh", "0.08"),
    ],
)
def test_numbers_read_as_a_reader_says_them(number: float, unit: str, text: str) -> None:
    assert number_text(number, unit) == text
