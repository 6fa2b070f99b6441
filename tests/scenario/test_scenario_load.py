"""Scenario files load, merge and complain as documented."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
import yaml
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from computesim.errors import Fault, ScenarioError
from computesim.scenario import Scenario, load_scenario, shipped_scenarios
from computesim.scenario.merge import merge
from computesim.scenario.yaml_loader import Document, read_yaml

DATA = Path(__file__).parent / "data"


@pytest.fixture
def minimal() -> Scenario:
    return load_scenario(DATA / "minimal.yaml")


def write(folder: Path, text: str, name: str = "own.yaml") -> Path:
    """Write a scenario that extends the minimal one unless it says otherwise."""
    head = "" if "extends:" in text else f"extends: {DATA / 'minimal.yaml'}\n"
    (folder / name).write_text(head + text, encoding="utf-8")
    return folder / name


def faults(path: str | Path, *overrides: str, catalog: Path | None = None) -> list[Fault]:
    with pytest.raises(ScenarioError) as caught:
        load_scenario(path, overrides, catalog)
    return list(caught.value.faults)


def test_the_values_of_a_file_answer_in_base_units(minimal: Scenario) -> None:
    chat, frontier = minimal.products["chat"], minimal.labs["frontier"]
    assert minimal.years == (2024, 2025, 2026, 2027, 2028)
    assert chat.users.at(2026) == pytest.approx((300e6 * 1.2e9) ** 0.5)  # geometric half-way
    assert chat.reasoning_share.at(2024) == 0.25
    assert chat.requests_per_user_per_day.at(2026, "high") == 6
    assert chat.reasoning_tokens.at(2027) == pytest.approx(2000)
    assert frontier.pretraining.flop.at(2026) == 2e25
    assert frontier.pretraining.duration.at(2026) == 90 * 86400
    assert minimal.tiers["standard"].model.at(2025.99) == "llama-3.1-70b"
    assert minimal.fleet.shipments.at(2027) == {"b200-sxm": 1.0}
    assert minimal.at("products.chat.users", 2024) == 300e6


def test_defaults_that_depend_on_other_entries_are_filled_in(minimal: Scenario) -> None:
    post_training = minimal.labs["frontier"].post_training
    assert post_training.model == minimal.labs["frontier"].pretraining.model
    assert post_training.rollout_dtype.at(2025) == post_training.dtype.at(2025) == "bf16"
    assert minimal.products["chat"].label == "chat"
    assert minimal.title == "minimal"
    assert minimal.site.pue is None


def test_reliability_defaults_are_the_figures_of_the_catalog(minimal: Scenario) -> None:
    catalog = minimal.catalog()
    for name in type(minimal.reliability).model_fields:
        figure = catalog.figure("reliability", "cluster", name)
        value = getattr(minimal.reliability, name)
        scale = 86400 if name == "failures_per_node_day" else 1  # a plain number per day
        assert value.at(2025) == pytest.approx(figure.number * scale)
        assert [value.at(2025, "low"), value.at(2025, "high")] == pytest.approx(
            [bound * scale for bound in figure.bounds]
        )
        assert value.source == figure.source


def test_all_planted_faults_are_reported_at_once_with_file_line_and_remedy() -> None:
    found = {
        (Path(fault.file).name, fault.line, fault.key): str(fault)
        for fault in faults(DATA / "ten_faults.yaml", "products.chat.userz=3")
    }
    expected = {
        ("circle.yaml", 2, "extends"): "a circle: ten_faults.yaml -> circle.yaml",
        ("ten_faults.yaml", 3, "catalog"): "no folder 'no-such-folder'",
        ("ten_faults.yaml", 8, "products.chat.users"): "'lots' is not a number",
        ("ten_faults.yaml", 9, "products.chat.requests_per_user_per_day"): "low <= central",
        ("ten_faults.yaml", 10, "products.chat.prompt_tokens"): "-400; at least 0 token",
        ("ten_faults.yaml", 12, "products.chat.answer_tokens"): "on line 11 already",
        ("ten_faults.yaml", 13, "products.chat.resoning_share"): "did you mean reasoning_share",
        ("ten_faults.yaml", 14, "products.chat.reasoning_tokens"): "covers 2025-2030",
        ("ten_faults.yaml", 19, "tiers.standard.ttft"): "wrong unit: '2 TB/s'",
        ("ten_faults.yaml", 25, "fleet.shipments.2024.h100-smx"): "did you mean h100-sxm",
        ("--set", 0, "products.chat.userz"): "did you mean users",
    }
    assert set(found) == set(expected)
    for place, words in expected.items():
        assert words in found[place]


def test_faults_are_told_in_plain_words() -> None:
    text = "\n".join(map(str, faults(DATA / "ten_faults.yaml", "simulation.kernel=fast")))
    for jargon in (
        "Input should",
        "type=",
        "pydantic",
        "validation",
        "union",
        "function-",
        "NoneType",
    ):
        assert jargon not in text


@pytest.mark.parametrize(
    ("text", "line", "key", "words"),
    [
        ("horizon: {first_year: 2030, last_year: 2024}", 2, "horizon", "before it begins"),
        ("horizon: {first_year: soon}", 2, "horizon.first_year", "a whole number"),
        ("horizon: {first_year: 1800}", 2, "horizon.first_year", "at least 1950"),
        ("simulation: {seed: -1}", 2, "simulation.seed", "at least 0"),
        ("simulation: {requests: 10.5}", 2, "simulation.requests", "a whole number"),
        ("simulation:\n  kernel: numbaa", 3, "simulation.kernel", "one of numba or simpy"),
        ("simulation: fast", 2, "simulation", "keys and values"),
        ("products: [chat]", 2, "products", "keys and values"),
        ("products: {7: {}}", 2, "products.7", "put it in quotes"),
        ("products: {chat: {tier: standrad}}", 2, "products.chat.tier", "did you mean standard"),
        ("labs: {frontier: {count: -1}}", 2, "labs.frontier.count", "at least 0"),
        ("labs: {new: {count: 1}}", 2, "labs.new.pretraining", "missing; it is required"),
        (
            "labs: {frontier: {post_training: {critic: maybe}}}",
            2,
            "labs.frontier.post_training.critic",
            "true or false",
        ),
        (
            "labs:\n  frontier:\n    post_training:\n      mode: async",
            5,
            "labs.frontier.post_training.mode",
            "did you mean asynchronous",
        ),
        ("name: 12", 2, "name", "a text"),
        ("name: ''", 2, "name", "at least 1 character"),
        ("site: {name: hyperscale-usa}", 2, "site.name", "did you mean hyperscale-us"),
        ("network: {fabric: infiniband-nrd}", 2, "network.fabric", "infiniband-ndr"),
        (
            "prices: {accelerators: {h100-smx: 3}}",
            2,
            "prices.accelerators.h100-smx",
            "did you mean h100-sxm",
        ),
        ("prices: {electricity: 80 USD/W}", 2, "prices.electricity", "wrong unit"),
        ("limits: {facility_power: 3 GB}", 2, "limits.facility_power", "wrong unit"),
        ("other_ai: {share: 120 %}", 2, "other_ai.share", "between 0 and 0.95"),
        ("fleet: {lifetime: {value: 5 year, source: epoch}}", 2, "fleet.lifetime.source", "epoch-"),
        ("traffic: {peak_to_mean: 0.5}", 2, "traffic.peak_to_mean", "at least 1"),
        ("fleat: {}", 2, "fleat", "did you mean fleet"),
    ],
)
def test_every_kind_of_fault_has_its_line_and_plain_words(
    tmp_path: Path, text: str, line: int, key: str, words: str
) -> None:
    found = faults(write(tmp_path, text))
    fault = next(fault for fault in found if fault.key == key)
    assert fault.file == str(tmp_path / "own.yaml")
    assert fault.line == line
    assert words in str(fault)


def test_a_missing_parent_is_a_fault_and_the_rest_is_still_checked(tmp_path: Path) -> None:
    found = faults(write(tmp_path, "extends: baselin\ntraffic: {burstiness: -1}\n"))
    assert [(fault.key, fault.line) for fault in found] == [
        ("extends", 1),
        ("traffic.burstiness", 2),
    ]
    assert "did you mean baseline" in str(found[0])


def test_a_syntax_error_stands_alone_with_its_line(tmp_path: Path) -> None:
    (fault,) = faults(write(tmp_path, "extends: baseline\nproducts: {chat: [\n"))
    assert (fault.key, fault.line) == ("(syntax)", 3)


def test_an_unreadable_scenario_is_a_fault(tmp_path: Path) -> None:
    (tmp_path / "latin.yaml").write_bytes(b"name: caf\xe9\n")
    assert "UTF-8" in str(faults(tmp_path / "latin.yaml")[0])
    assert "no file" in str(faults(tmp_path)[0])
    assert "did you mean baseline" in str(faults("basline")[0])


def test_a_file_that_extends_itself_is_a_circle(tmp_path: Path) -> None:
    (fault,) = faults(write(tmp_path, "extends: own.yaml\n"))
    assert "circle" in str(fault)


def test_a_child_says_only_what_differs() -> None:
    parent, child = (load_scenario(DATA / f"{name}.yaml") for name in ("minimal", "child"))
    assert child.products["chat"].users.at(2025) == 2e9  # the path is gone as a whole
    assert child.products["chat"].prompt_tokens == parent.products["chat"].prompt_tokens
    assert child.labs == parent.labs
    assert list(child.products) == ["chat", "search"]
    assert (child.name, child.title) == ("child", "child")  # never the parent's
    assert child.question.startswith("What if")


def test_null_takes_an_entry_away_and_chains_may_cross_folders() -> None:
    grandchild = load_scenario(DATA / "folder" / "grandchild.yaml")
    assert list(grandchild.products) == ["chat"]
    assert grandchild.products["chat"].users.at(2028) == 2e9  # beyond: hold
    assert grandchild.products["chat"].reasoning_share.at(2028) == 1
    assert grandchild.question == ""


def test_taking_away_what_is_required_is_a_fault(tmp_path: Path) -> None:
    (fault,) = faults(write(tmp_path, "site: null\n"))
    assert fault.key == "site"
    assert "missing" in str(fault)


@pytest.mark.parametrize(
    ("key", "file", "line"),
    [
        ("products.chat.users", "child.yaml", 5),
        ("products.search.users", "child.yaml", 8),
        ("products.chat.prompt_tokens", "minimal.yaml", 8),
        ("question", "child.yaml", 2),
        ("fleet.shipments", "minimal.yaml", 31),
        ("fleet.lifetime", "default", 0),
        ("name", "default", 0),
        ("labs.frontier.count", "--set", 0),
        ("limits.facility_power", "--set", 0),
    ],
)
def test_every_entry_knows_where_it_was_written(key: str, file: str, line: int) -> None:
    overrides = ["labs.frontier.count=9", "limits.facility_power={2024: 1 GW, 2028: 9 GW}"]
    scenario = load_scenario(DATA / "child.yaml", overrides)
    origin = scenario.origin(key)
    assert (Path(origin.file).name, origin.line) == (file, line)
    assert str(origin).endswith(f"{file}:{line}" if line else file)


def test_overrides_come_last_and_in_order() -> None:
    scenario = load_scenario(
        DATA / "minimal.yaml",
        [
            "products.chat.users=2e9",
            "products.chat.users={2024: 1 million, 2028: 4 million}",
            "site.pue = 1.2",
            "name=other",
            "labs.frontier.post_training.search.method=mcts",
            "products.bot={users: 5, requests_per_user_per_day: 1, prompt_tokens: 1, "
            "answer_tokens: 1, reasoning_share: 0, reasoning_tokens: 0, tier: standard}",
        ],
    )
    assert scenario.products["chat"].users.at(2026) == 2.5e6
    assert scenario.site.pue is not None
    assert scenario.site.pue.at(2026) == 1.2
    assert scenario.name == "other"
    assert scenario.labs["frontier"].post_training.search.method.at(2025) == "mcts"
    assert scenario.products["bot"].users.at(2026) == 5


def test_overrides_may_be_given_as_data() -> None:
    overrides = {"products.chat.users": {2024: 1, 2028: 3}, "site.pue": None}
    assert load_scenario(DATA / "minimal.yaml", overrides).products["chat"].users.at(2026) == 2


@pytest.mark.parametrize(
    ("override", "words"),
    [
        ("products.chat.users", "no `=`"),
        ("=3", "no key"),
        ("products.chat.users={2024: 1", "key=value"),
        ("products.chat.users=lots", "'lots' is not a number"),
        ("products.chat.userz=3", "did you mean users"),
        ("products.chta.users=3", "did you mean chat"),
        ("product.chat.users=3", "did you mean products"),
        ("products.chat.users.2024=3", "set as a whole"),
        ("tiers.standard.model=deepsek-v3", "did you mean deepseek-v3"),
        ("products.chat=null", ""),
    ],
)
def test_a_faulty_override_is_reported_like_a_faulty_file(override: str, words: str) -> None:
    if not words:  # nothing is wrong with a scenario without products
        assert load_scenario(DATA / "minimal.yaml", [override]).products == {}
        return
    (fault,) = faults(DATA / "minimal.yaml", override)
    assert fault.file == "--set"
    assert words in str(fault)


def test_an_own_accelerator_comes_from_the_catalog_folder_of_the_scenario(tmp_path: Path) -> None:
    header = "name,parameter,value,unit,low,high,as_of,source,note\n"
    rows = [
        ("peak_bf16", 1, "PFLOP/s"),
        ("memory", 100, "GB"),
        ("memory_bandwidth", 4, "TB/s"),
        ("tdp", 700, "W"),
    ]
    lines = [f"own-chip,{name},{value},{unit},,,2026,estimate,\n" for name, value, unit in rows]
    (tmp_path / "tables").mkdir()
    (tmp_path / "tables" / "accelerators.csv").write_text(header + "".join(lines))
    path = write(tmp_path, "catalog: tables\nfleet: {shipments: {own-chip: 1}}\n")
    scenario = load_scenario(path)
    assert scenario.catalog().accelerator("own-chip").memory_bytes == 100e9
    changed = lines[1].replace("100", "120")
    before = scenario.hash
    (tmp_path / "tables" / "accelerators.csv").write_text(
        header + "".join([*lines[:1], changed, *lines[2:]])
    )
    assert load_scenario(path).hash != before
    given = write(tmp_path, "fleet: {shipments: {own-chip: 1}}\n", "given.yaml")
    assert load_scenario(given, catalog_overlay=tmp_path / "tables").products
    assert "own-chip" in str(faults(given)[0])


def test_a_faulty_catalog_folder_is_reported_beside_the_other_faults(tmp_path: Path) -> None:
    (tmp_path / "accelerators.csv").write_text("name,value\nx,1\n")
    found = faults(DATA / "minimal.yaml", "site.pue=0.5", catalog=tmp_path)
    assert {"site.pue"} < {fault.key for fault in found}
    missing = faults(DATA / "minimal.yaml", "site.pue=0.5", catalog=tmp_path / "none")
    assert {fault.file for fault in missing} == {"--catalog", "--set"}


def test_resolved_is_a_scenario_that_resolves_to_itself(tmp_path: Path) -> None:
    for name, path in {**shipped_scenarios(), "child": DATA / "child.yaml"}.items():
        first = load_scenario(path)
        own = tmp_path / f"{name}.yaml"
        own.write_text(yaml.safe_dump(first.resolved(), sort_keys=False))
        second = load_scenario(own)
        assert second.resolved() == first.resolved()
        assert second.hash == first.hash


def test_the_hash_knows_values_but_neither_place_nor_spelling(tmp_path: Path) -> None:
    text = (DATA / "minimal.yaml").read_text()
    same = text.replace("2000 token", "2.0e3  # a comment").replace("25 %", "0.25")
    reordered = "\n".join(
        [
            "site: {name: hyperscale-us}",
            *same.replace("site: {name: hyperscale-us}\n", "").splitlines(),
        ]
    )
    original = load_scenario(DATA / "minimal.yaml")
    assert "extends" not in text
    for number, version in enumerate((text, same, reordered)):
        path = tmp_path / f"{number}.yaml"
        path.write_text(version)
        assert load_scenario(path).hash == original.hash
    assert load_scenario(DATA / "minimal.yaml", ["site.pue=1.2"]).hash != original.hash
    assert len(original.hash) == 64


def test_a_shipped_scenario_is_called_the_same_wherever_one_stands(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    here = load_scenario("baseline").origin("horizon.first_year")
    monkeypatch.chdir(tmp_path)
    assert load_scenario("baseline").origin("horizon.first_year") == here
    assert here.file == "scenarios/baseline.yaml"


def test_a_scenario_introduces_itself_in_one_line(minimal: Scenario) -> None:
    shown = repr(minimal)
    assert shown == str(minimal)
    assert "minimal: 2024-2028, products: 1, labs: 1" in shown


def test_a_scenario_cannot_be_changed(minimal: Scenario) -> None:
    with pytest.raises(Exception, match="frozen"):
        minimal.name = "other"


def test_pinning_draws_some_values_and_leaves_the_others(minimal: Scenario) -> None:
    pinned = minimal.pinned({"products.chat.requests_per_user_per_day": 0.95})
    assert pinned.products["chat"].requests_per_user_per_day.at(2026) == pytest.approx(6)
    assert pinned.products["chat"].users == minimal.products["chat"].users
    assert minimal.products["chat"].requests_per_user_per_day.at(2026) == 3.7


def test_a_scenario_travels_between_processes(minimal: Scenario) -> None:
    import pickle

    copy = pickle.loads(pickle.dumps(minimal))
    assert copy.hash == minimal.hash
    assert copy.origin("products.chat.users") == minimal.origin("products.chat.users")


NAMES = st.sampled_from(["chat", "search", "coding"])
ENTRIES = st.dictionaries(
    st.sampled_from(["users", "prompt_tokens", "tier"]),
    st.integers(0, 9) | st.dictionaries(st.integers(2022, 2024), st.integers(0, 9), min_size=1),
    max_size=3,
)
TREES = st.fixed_dictionaries({}, optional={"products": st.dictionaries(NAMES, ENTRIES)})


def document(data: dict[str, Any], file: str) -> Document:
    return read_yaml(yaml.safe_dump(data or {"name": file}), file)


@settings(suppress_health_check=[HealthCheck.too_slow])
@given(TREES, TREES, TREES)
def test_merging_is_associative_and_places_follow_the_data(
    a: dict[str, Any], b: dict[str, Any], c: dict[str, Any]
) -> None:
    one, two, three = document(a, "a"), document(b, "b"), document(c, "c")
    left, right = merge(merge(one, two), three), merge(one, merge(two, three))
    assert left.data == right.data
    assert {k: p.file for k, p in left.places.items() if len(k) > 2} == {
        k: p.file for k, p in right.places.items() if len(k) > 2
    }
    for name, entry in left.data.get("products", {}).items():
        for key, value in entry.items():
            file = left.places["products", name, key].file
            source = {"a": a, "b": b, "c": c}[file]
            assert source["products"][name][key] == value


@given(TREES)
def test_merging_a_file_with_itself_or_with_nothing_changes_nothing(data: dict[str, Any]) -> None:
    one = document(data, "a")
    assert merge(one, one).data == merge(Document(), one).data == one.data
    assert merge(one, Document()).data == one.data
