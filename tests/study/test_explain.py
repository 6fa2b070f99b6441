"""Every figure walked back: trees that give the results, from leaves that have a source."""

from __future__ import annotations

import math
import re
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

import computesim
from computesim import Results, load_catalog, load_scenario, project
from computesim.cells.measured import Task
from computesim.cells.memo import Memo, default_folder
from computesim.errors import ScenarioError
from computesim.results import Row
from computesim.results.variables import VariableError, family
from computesim.scenario import Scenario
from computesim.scenario.values import Value
from computesim.scenario.yaml_loader import dotted
from computesim.study.explain import (
    LEAVES,
    ExplainError,
    Node,
    World,
    explain,
    explains,
    tree,
    unexplained,
    walk,
    world_of,
)
from computesim.study.explain import registry as known
from computesim.study.explain.inputs import value as entry
from computesim.study.explain.parts import fleet
from computesim.study.explain.parts.cells import cell, rate
from computesim.study.explain.trail import COLUMNS, audit, rows
from computesim.units import parse
from computesim.workload.parameters import parameter_count

SMALL = Path(__file__).parents[1] / "data" / "small.yaml"
ROOT = Path(computesim.__file__).parents[1]
SEARCH = "labs.lab.post_training.search"
TREE = (f"{SEARCH}.depth=2", f"{SEARCH}.branching=2", f"{SEARCH}.width=2",
        f"{SEARCH}.step_tokens=40")  # fmt: skip
JUDGED = ("labs.lab.post_training.critic=true", "labs.lab.post_training.verifier.kind=reward_model",
          f"{SEARCH}.process_reward_model=qwen2.5-7b")  # fmt: skip
WORLDS = {
    "plain": (),
    "one year": ("horizon.last_year=2025", "fleet.shipments={2025: {h100: 0.5, h100-sxm: 0.5}}"),
    "replications": ("simulation.replications=2",),
    "tree": (f"{SEARCH}.method=tree", *TREE, *JUDGED),
    "beam": (f"{SEARCH}.method=beam", *TREE, f"{SEARCH}.process_reward_model=qwen2.5-7b"),
    "mcts": (f"{SEARCH}.method=mcts", *TREE, f"{SEARCH}.simulations=6"),
    "revision": (f"{SEARCH}.method=revision", *TREE),
    "samples": (f"{SEARCH}.samples=3", *JUDGED, "products.chat.samples=2.5"),
    "other AI": ("other_ai.share=null", "other_ai.h100_equivalents={2025: 5000, 2026: 30000}"),
    "other AI limited": ("other_ai.share=null", "other_ai.h100_equivalents={2025: 0, 2026: 30000}",
                         "limits.facility_power=15 MW"),
    "supply": ("supply.packaging={2024: 20, 2026: 60}", "supply.hbm={2024: 5e5, 2026: 4e6}",
               "supply.power_added=12 MW/year", "supply.capital={2025: 5e8, 2026: 9e8}",
               "limits.facility_power={2025: 14 MW, 2026: 40 MW}"),
    "makers": ("supply.makers={AMD: 500, h100-sxm: {2025: 3000, 2026: 2000}}",
               "supply.capital=9e8"),
    "diffusion": ("products.chat.users=null", *(f"products.chat.diffusion.{one}" for one in (
                  "ceiling={2024: 5e8, 2030: 6e8}", "first={year: 2024, users: 2e7}",
                  "second={year: 2025.5, users: 6e7}"))),
    "bass": ("products.chat.users=null", "products.chat.diffusion={law: bass, ceiling: 5e8, "
             "innovation: 0.03, imitation: 0.4, launch: 2022.9}"),
    "logistic": ("products.chat.users=null",
                 "products.chat.diffusion={ceiling: 5e8, midpoint: 2027.5, rate: 0.8}"),
    "sessions": ("products.coding.requests_per_user_per_day=null",
                 "products.coding.sessions_per_user_per_day=5",
                 "products.coding.turns_per_session={2025: 20, 2026: 22.5}",
                 "products.coding.cached_share=null",
                 "products.coding.context_growth={tokens_per_turn: 300, turns_variation: 0.8, "
                 "hits: 0.9, shared_prefix: 1500}"),
    "prices fall": ("products.chat.price={follows: progress, reference_year: 2025, "
                    "elasticity: 0.7}", "products.coding.price={level: {2025: 4, 2026: 3}, "
                    "reference_year: 2025.5, elasticity: 1.2}", "progress.serving_software=1.5"),
    "progress": ("progress.serving_software={2025: 1, 2026: 1.4}",
                 "progress.training_software={2025: 1.1, 2026: 1.3}",
                 "progress.algorithms.training={2025: 1, 2026: 2}",
                 "progress.algorithms.inference={2025: 1, 2026: 1.1}",
                 "products.coding.price={follows: software, reference_year: 2025, "
                 "elasticity: 0.5}"),
    "least cost": ("labs.lab.policy={kind: least_cost, skill: aime-2024, target: 0.75, products: "
                   "{chat: 0.2}, samples: 4, method: best_of, rl_scale: 7, market_share: 0.3}",
                   "progress.algorithms.training=2"),
    "limited": ("limits.facility_power=15 MW",),
    "undone": ("tiers.quick.tpot=0.1 ms",),
    "falling": ("products.chat.users={2025: 80e6, 2026: 1e6}",),
    "short-lived": ("products.chat.users={2025: 80e6, 2026: 1e6}", "fleet.lifetime=0.5 year"),
    "prices": ("prices.accelerators={h100: 20000}", "prices.electricity=0.1 USD/kWh",
               "prices.facility=8 USD/W", "site.carbon_intensity=300"),
    "copper": ("network.topology=rail-only", "network.first_hop=copper",
               "network.oversubscription=2", "network.cluster_accelerators=20000"),
    "torus": ("fleet.shipments={2025: {tpu-v5p: 0.5, trainium2: 0.5}, 2026: {tpu-v6e: 1}}",),
    "hybrid": ("tiers.quick.model=deepseek-v3.2", "tiers.quick.tpot=50 ms",
               "labs.lab.post_training.model=qwen3-next-80b-a3b"),
    "windows": ("tiers.quick.model=gpt-oss-120b",
                "labs.lab.post_training.model=nemotron-3-nano-30b-a3b"),
    "regions": ("regions.shares={2025: {us: 1}, 2026: {hyperscale-us: 0.3, colocation: 0.7}}",
                "site.pue=null"),
    "own regions": ("regions.shares={hyperscale-us: 0.3, colocation: 0.7}",
                    "prices.electricity=0.1 USD/kWh", "prices.facility=8 USD/W"),
    "devices": ("products.chat.on_device_share={2025: 0.05, 2026: 0.4}", "products.chat.samples=2",
                "devices.lifetime=2.5 year", "devices.active_time=0 s"),
    "terms": ("finance.cost_of_capital={2025: 0, 2026: 0.1}", "finance.it_lifetime=4 year",
              "prices.accelerators={h100-sxm: 20000, gb200: 35000}",
              "prices.server_share={low: 0.01, central: 0.02, high: 0.03}"),
    "slow fabric": ("network.fabric=infiniband-hdr",),
    "fabrics": ("network.fabric={2025: infiniband-hdr, 2026: infiniband-xdr-cpo}",),
}  # fmt: skip
MEMO = Memo(None)
#: families of the results that nothing walks back yet; to be emptied, never to hide a failure
UNEXPLAINED: tuple[str, ...] = ()


def worlds_of(
    path: str | Path, overrides: tuple[str, ...], memo: Memo
) -> tuple[list[World], Results]:
    scenario = load_scenario(path, overrides)
    results = project(scenario, memo=memo)
    return [world_of(scenario, memo, k) for k in range(scenario.simulation.replications)], results


@pytest.fixture(scope="module")
def small() -> tuple[list[World], Results]:
    return worlds_of(SMALL, (), MEMO)


def same(ours: float, theirs: float) -> bool:
    return math.isclose(ours, theirs, rel_tol=1e-9, abs_tol=1e-300)


def explained(variable: str) -> bool:
    """Tell whether something walks a variable back."""
    own = family(variable)
    return own is None or own.prefix not in UNEXPLAINED


def check(worlds: list[World], results: Results) -> int:
    """Walk every figure back: roots as in the results, inner nodes from children, told leaves."""
    keys = {source.key for source in worlds[0].catalog.sources()} | {"estimate", "definition"}
    seen: set[int] = set()
    kept = []  # a node that is dropped could lend its id to another one
    for variable in results.variables():
        if not explained(variable):
            continue
        for year, value in results.series(variable).items():
            found = tree(worlds, results, variable, year)
            assert same(found.root.number(), value), (variable, year, found.root.value, value)
            for node in walk(found.root):
                if id(node) not in seen:
                    seen.add(id(node))
                    kept.append(node)
                    check_node(node, keys)
    return len(kept)


def check_node(node: Node, keys: set[str]) -> None:
    if node.children:
        again = node.recomputed()
        assert again is not None
        assert same(again, node.number()), (node.name, node.operation, again)
        assert not node.source
        return
    assert node.operation in LEAVES, node
    if node.operation in ("input", "catalog figure", "constant", "choice"):
        assert node.source in keys, node
    elif node.value:  # what was simulated or allocated says on what grounds
        assert node.given, node.name
    if node.operation in ("input", "catalog figure", "linear program"):
        assert node.origin, node.name


@pytest.mark.parametrize("name", WORLDS)
def test_every_figure_of_a_small_world_can_be_walked_back(name: str) -> None:
    assert check(*worlds_of(SMALL, WORLDS[name], MEMO)) > 500


def test_the_small_worlds_hold_the_rare_variables() -> None:
    """Or the walks above would not judge them."""
    rare = {"falling": "Power|Facility|Idle", "limited": "Unmet|Other AI",
            "copper": "Network shipped|Copper cables", "tree": "FLOP|RL post-training|Verification",
            "torus": "Network|Switches|Optical circuit",
            "short-lived": "Accelerators|Retired|h100-sxm",
            "makers": "Supply|Relief|Makers|AMD", "other AI": "Accelerators|Required|Other AI",
            "prices fall": "Price response|chat", "least cost": "Balance|Samples|lab",
            "sessions": "Tokens by product|coding|Cached prompt"}  # fmt: skip
    for name, variable in rare.items():
        results = worlds_of(SMALL, WORLDS[name], MEMO)[1]
        assert max(results.series(variable).values()) > 0, (name, variable)


def test_every_figure_of_the_early_baseline_can_be_walked_back() -> None:
    assert check(*worlds_of("baseline", ("horizon.last_year=2024",), Memo(default_folder()))) > 5000


@pytest.mark.slow  # two minutes where the cells of the baseline are not known
def test_every_figure_of_the_baseline_can_be_walked_back() -> None:
    assert check(*worlds_of("baseline", (), Memo(default_folder()))) > 20_000


def test_every_family_of_the_results_has_an_explainer() -> None:
    assert unexplained() == UNEXPLAINED


def test_a_family_without_explainer_says_so(monkeypatch: pytest.MonkeyPatch) -> None:
    """And one that is registered is found, by its longest prefix."""
    others = {p: make for p, make in known.explainers().items() if not p.startswith("Bill")}
    monkeypatch.setattr(known, "_KNOWN", others)
    with pytest.raises(ExplainError, match="nothing walks 'Bill' back yet; explained are Acc"):
        known.explainer_of("Bill|HBM|Stacks")

    @explains("Bill|HBM")
    def hbm(world: World, t: int, rest: tuple[str, ...]) -> Node:
        raise NotImplementedError

    assert known.explainer_of("Bill|HBM|Stacks") == (hbm, ("Stacks",))


def test_expressions_of_the_table_are_right_by_plain_arithmetic(
    small: tuple[list[World], Results],
) -> None:
    """Evaluated here from the text, not by the operations that made the values."""
    worlds, results = small
    root = explain(worlds, results, "Capex", 2026).root
    table = [dict(zip(COLUMNS, row, strict=True)) for row in rows([root])]
    value = {row["id"]: row["value"] for row in table}
    judged = 0
    for row in table:
        text = str(row["expression"])
        if re.fullmatch(r"#\d+( [-+*/^] #\d+)*", text):
            plain = re.sub(r"#(\d+)", lambda m: f"value[{m[1]}]", text).replace("^", "**")
            assert eval(plain, {"value": value}) == pytest.approx(row["value"], rel=1e-9), row
            judged += 1
    assert judged > 100
    assert table[0]["kind"] == "final"
    assert {"input", "constant", "derived", "simulated", "linear program"} <= {
        row["kind"] for row in table
    }


def test_an_origin_is_the_line_that_holds_the_value(small: tuple[list[World], Results]) -> None:
    worlds, results = small
    judged = 0
    for node in walk(explain(worlds, results, "Power|Facility", 2026).root):
        file, _, line = node.origin.partition(":")
        if not line:
            continue
        path = ROOT / file if (ROOT / file).exists() else Path(file)
        path = path if path.exists() else SMALL.parent / path.name
        text = path.read_text(encoding="utf-8").splitlines()[int(line) - 1]
        judged += 1
        if node.operation == "catalog figure":
            parameter, _, name = node.name.partition(" of ")
            assert text.startswith(f"{name},{parameter.replace(' ', '_')},"), node.name
            assert node.source in text
            _, _, value, unit, *_ = text.split(",")
            assert parse(f"{value} {unit}", unit) == pytest.approx(node.number())
        else:
            assert node.name.rsplit(".", 1)[-1] in text or "{" in text, node.name
    assert judged > 30


def test_an_input_has_the_value_and_source_of_the_scenario(
    small: tuple[list[World], Results],
) -> None:
    worlds, results = small
    scenario = worlds[0].scenario
    assumptions = {row.key: row for row in scenario.assumptions()}
    judged = 0
    for node in walk(explain(worlds, results, "Accelerators|Required", 2025).root):
        if node.operation == "input" and node.name in assumptions:
            row = assumptions[node.name]
            assert (node.source, node.origin, node.note) == (row.source, row.origin, row.note)
            assert node.value in [scenario.at(node.name, year) for year in scenario.years]
            judged += 1
    assert judged > 30


def test_what_the_program_allocates_does_what_is_asked(small: tuple[list[World], Results]) -> None:
    """Units times goodput sum to the demand: the leaves of the program are no loose numbers."""
    worlds, _ = small
    world = worlds[0]
    for t, year in enumerate(world.years):
        for column, task in enumerate(year.tasks):
            done = sum(
                float(units) * rate(world, t, task, index).number()
                for index, units in enumerate(year.fleet.allocation.units[:, column])
                if units > 0
            )
            left = float(year.fleet.allocation.unmet[column])
            assert done == pytest.approx(float(year.wanted[column]) - left, rel=1e-6), task
        share = 1.0 - year.around.other_ai
        at_work = year.fleet.allocation.units.sum(axis=1)
        assert np.all(at_work <= share * year.fleet.installed * (1 + 1e-6))


def test_a_token_is_walked_back_to_the_shape_of_its_model(
    small: tuple[list[World], Results],
) -> None:
    worlds, results = small
    nodes = list(walk(explain(worlds, results, "FLOP|CoT inference|Decode", 2025).root))
    arch = load_catalog().model("llama-3.1-70b")
    (active,) = [n for n in nodes if n.name.startswith("active parameters")]
    assert active.value == parameter_count(arch).matmul == pytest.approx(69.5e9, rel=0.01)
    figures = {n.name: n.value for n in nodes if n.operation == "catalog figure"}
    assert figures["n layers of llama-3.1-70b"] == arch.n_layers == 80
    assert figures["d ff of llama-3.1-70b"] == arch.d_ff == 28672
    # a chain of 900 + 250 tokens after 800: 2 N per token, 4 n d per pair and layer
    decode = next(n for n in nodes if n.name.startswith("decode FLOP"))  # of the chat
    pairs = sum(range(801, 800 + 1150 + 1))
    assert decode.value == pytest.approx(
        2 * parameter_count(arch).matmul * 1150 + 80 * 4 * 64 * 128 * pairs
    )


def test_a_kind_that_is_held_back_is_not_said_to_be_its_share_of_the_mix(
    small: tuple[list[World], Results],
) -> None:
    worlds, _ = small
    first, second = worlds[0].years
    shipped = second.fleet.shipped * [0.5, 1.0, 1.0]  # as if a maker could not ship more
    held = replace(second, fleet=replace(second.fleet, shipped=shipped))
    world = replace(worlds[0], years=[first, held], known={})
    kinds = [fleet.shipped(world, 1, index) for index in range(3)]
    assert [kind.number() for kind in kinds] == pytest.approx(shipped)
    judged = [kind for kind in kinds if kind.value]
    assert len(judged) == 2
    assert all(kind.operation == "linear program" and kind.given for kind in judged)


def test_what_a_scenario_says_in_a_way_that_no_tree_knows_is_said(
    small: tuple[list[World], Results],
) -> None:
    world = small[0][0]
    with pytest.raises(ExplainError, match=r"small has no limits\.facility_power"):
        entry(world, "limits.facility_power", 0)
    with pytest.raises(ExplainError, match="no cell measures Dreams of lab"):
        cell(world, 0, Task("Dreams", "lab"), 0, "busy")


def test_groups_and_patterns_are_sums(small: tuple[list[World], Results]) -> None:
    worlds, results = small
    for variable in ("Energy", "Energy|*inference", "Network shipped|Optics", "Capex|*"):
        found = explain(worlds, results, variable, 2026)
        names = results.variables(variable if "*" in variable else f"{variable}|*")
        assert len(names) > 1
        assert found.agrees
        assert found.value == pytest.approx(sum(results.series(n)[2026] for n in names))
        assert [n.name for n in found.root.children] == [
            f"{n} in 2026" for n in names if results.series(n)[2026]
        ]


@pytest.mark.parametrize(
    ("variable", "year", "told"),
    [
        ("Power", 2026, "do not add up"),
        ("Goodput|*", 2026, "does not add up"),
        ("E*", 2026, "does not add up"),
        ("power|facilty", 2026, r"did you mean Power\|Facility"),
        ("Energy|CoT", 2026, r"Energy\|CoT inference"),
        ("Unmet", 2026, "hold no variable 'Unmet'"),
        ("Energy", 2031, "have no year 2031; they have 2025-2026"),
    ],
)
def test_what_cannot_be_explained_says_why(
    small: tuple[list[World], Results], variable: str, year: int, told: str
) -> None:
    with pytest.raises((VariableError, ExplainError), match=told):
        explain(*small, variable, year)


def test_a_result_that_the_tree_does_not_give_is_not_passed_over(
    small: tuple[list[World], Results],
) -> None:
    worlds, results = small
    columns = results.columns()
    changed = [
        Row(v, u, y, x * (1.001 if v == "Energy|Pretraining" else 1.0))
        for v, u, y, x in zip(*(columns[c] for c in ("variable", "unit", "year", "value")),
                              strict=True)
    ]  # fmt: skip
    other = Results.from_rows(changed, results.manifest)
    assert explain(worlds, results, "Energy|Pretraining", 2026).agrees
    assert not explain(worlds, other, "Energy|Pretraining", 2026).agrees
    assert not explain(worlds, other, "Energy", 2026).agrees


def test_sources_are_counted_once_a_leaf_and_estimates_among_them(
    small: tuple[list[World], Results],
) -> None:
    worlds, results = small
    found = explain(worlds, results, "Electricity cost|Pretraining", 2026)
    told = {(n.name, n.source) for n in walk(found.root) if n.source not in ("", "definition")}
    assert found.leaves == len(told)
    assert found.estimates == sum(source == "estimate" for _, source in told)
    assert {c.source.key for c in found.sources} == {source for _, source in told}
    counts = [citation.leaves for citation in found.sources]
    assert counts == sorted(counts, reverse=True)


def test_an_audit_trail_of_several_replications_gives_the_mean_beside_the_first() -> None:
    worlds, results = worlds_of(SMALL, WORLDS["replications"], MEMO)
    _, *table = audit(worlds[0], results, ("Energy", "Tokens"), 2026)
    energy, tokens = (row for row in table if row[1] == "final")
    mean = results.series("Energy")[2026]
    assert energy[3] != pytest.approx(mean, rel=1e-9)
    assert float(str(energy[-1]).split()[0]) == pytest.approx(mean)
    assert tokens[-1] == ""  # what is asked does not depend on the draws


def test_an_audit_trail_leaves_out_what_nothing_explains(
    small: tuple[list[World], Results],
) -> None:
    worlds, results = small
    head, *table = audit(worlds[0], results, ("Energy", "Unmet", "Power", "Tokens"), 2026)
    assert head == COLUMNS
    finals = [row for row in table if row[1] == "final"]
    assert [row[2] for row in finals] == ["Energy in 2026", "Tokens in 2026"]
    assert all(row[-1] == "" for row in finals)
    ids = [row[0] for row in table]
    assert ids == list(range(1, len(table) + 1))
    referred = {int(n) for row in table for n in re.findall(r"#(\d+)", f"{row[6]} {row[7]}")}
    assert referred <= set(ids)


def numbers(scenario: Scenario) -> dict[str, Value]:
    """Return the numbers of a scenario by dotted key."""
    found = {dotted(leaf.key): leaf.value for leaf in scenario.leaves()}
    return {key: value for key, value in found.items() if isinstance(value, Value)}


def moved_by(key: str, value: Value, overrides: tuple[str, ...] = ()) -> Results:
    """Return the results of a small world with one number a tenth larger, or smaller."""
    now = value.at(2025)
    for factor in (1.1, 0.9):
        text = f"{key}={now * factor or 0.1!r} {value.base or value.unit}".removesuffix(" 1")
        try:
            return project(load_scenario(SMALL, [*overrides, text]), memo=MEMO)
        except ScenarioError:
            continue  # a share beyond 1
    raise AssertionError(key)


def moving(
    small: tuple[list[World], Results], keys: list[str], overrides: tuple[str, ...] = ()
) -> list[str]:
    """Return the inputs that move a figure; every figure that moves must name the input."""
    worlds, results = small
    named = {
        (variable, year): {n.name for n in walk(tree(worlds, results, variable, year).root)}
        for variable in results.variables()
        if getattr(family(variable), "prefix", "") not in UNEXPLAINED
        for year in results.series(variable)
    }
    known = numbers(worlds[0].scenario)
    found = []
    for key in keys:
        other = moved_by(key, known[key], overrides)
        for (variable, year), names in named.items():
            series = other.series(variable) if variable in other else {}
            before = results.series(variable)[year]
            if series.get(year) != pytest.approx(before, rel=1e-6):
                assert key in names, f"{variable} in {year} moves with {key}, not in its tree"
                found.append(key)
    return list(dict.fromkeys(found))


def test_what_moves_with_an_input_names_it(small: tuple[list[World], Results]) -> None:
    """Nothing that a figure depends on is left out of its tree."""
    keys = [
        "products.chat.users", "products.coding.on_device_share", "labs.lab.count",
        "labs.lab.post_training.runs_per_year", "labs.lab.experiments.multiple", "other_ai.share",
        "fleet.deployment_lag", "site.pue", "prices.server_share",
        "reliability.operational_share", "traffic.serving_share",
        "network.cluster_accelerators",
    ]  # fmt: skip
    assert moving(small, keys) == keys


@pytest.mark.parametrize(
    ("name", "keys"),
    [
        ("supply", ["supply.packaging", "supply.hbm_share", "supply.lead_time", "supply.capital",
                    "supply.power_added", "limits.facility_power", "products.chat.users"]),
        ("makers", ["supply.makers.AMD", "supply.makers.h100-sxm", "labs.lab.count"]),
        ("diffusion", ["products.chat.diffusion.ceiling", "products.chat.diffusion.first.users"]),
        ("bass", ["products.chat.diffusion.innovation", "products.chat.diffusion.imitation"]),
        ("sessions", ["products.coding.turns_per_session", "products.coding.context_growth.hits",
                      "products.coding.context_growth.turns_variation"]),
        ("prices fall", ["products.chat.price.elasticity", "products.coding.price.level"]),
        ("progress", ["progress.serving_software", "progress.training_software",
                      "progress.algorithms.training", "progress.algorithms.inference"]),
        ("other AI", ["other_ai.h100_equivalents"]),
        ("least cost", ["labs.lab.policy.target", "labs.lab.policy.market_share",
                        "labs.lab.policy.rl_scale", "prices.server_share"]),
    ],
)  # fmt: skip
def test_what_moves_with_an_input_of_a_mechanism_names_it(name: str, keys: list[str]) -> None:
    overrides = WORLDS[name]
    assert moving(worlds_of(SMALL, overrides, MEMO), keys, overrides) == keys


def test_a_limit_that_binds_is_used_up() -> None:
    """What the purchase says of a limit agrees with the trees of both its sides."""
    bound = 0
    for name in ("supply", "makers", "limited", "other AI limited"):
        worlds, results = worlds_of(SMALL, WORLDS[name], MEMO)
        for variable in results.variables("Supply|Binding|*"):
            for year, binds in results.series(variable).items():
                sides = (variable.replace("Binding", side) for side in ("Used", "Available"))
                used, there = (tree(worlds, results, v, year).root.number() for v in sides)
                bound += int(binds)
                if binds:
                    assert used == pytest.approx(there, rel=1e-6), (name, variable, year)
                else:
                    assert used < there * (1 + 1e-6), (name, variable, year)
    assert bound >= 5


def test_the_world_without_limits_does_not_rest_on_them() -> None:
    worlds, results = worlds_of(SMALL, WORLDS["supply"], MEMO)
    for head, expected in (("", True), ("Unconstrained|", False)):
        found = tree(worlds, results, f"{head}Accelerators|Shipped|h100-sxm", 2025).root
        assert any(n.name.startswith("supply.") for n in walk(found)) is expected


@pytest.mark.slow  # ten seconds: fifty worlds, half of them with cells of their own
def test_what_moves_with_any_input_names_it(small: tuple[list[World], Results]) -> None:
    assert len(moving(small, list(numbers(small[0][0].scenario)))) > 50
