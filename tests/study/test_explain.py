"""Every figure walked back: traced numbers give the results, from leaves that have a source."""

from __future__ import annotations

import math
import re
from collections.abc import Iterator
from pathlib import Path

import pytest

import computesim
from computesim import Results, load_scenario, project
from computesim.accounts import table as accounts
from computesim.cells.memo import Memo, default_folder
from computesim.errors import ScenarioError
from computesim.fleet.world import World
from computesim.results import Row, Yearly, variables
from computesim.results.families import Variable
from computesim.results.variables import VariableError
from computesim.scenario import Scenario
from computesim.scenario.shipped import shipped_scenarios
from computesim.scenario.values import Value
from computesim.scenario.yaml_loader import dotted
from computesim.study.explain import ExplainError, Explanation, explain, kept, walked
from computesim.study.explain.dimension import Units, misfits
from computesim.study.explain.formula import formula
from computesim.study.explain.trail import COLUMNS, audit, rows, shown
from computesim.traced import Traced, ordered, recomputed, walk
from computesim.units import parse

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
#: a fall of prices of 15 % a year is read as one in a second, which the unit of the catalog says
MISFITS = ("networking of", "optics value", "Revenue|")


@pytest.fixture(scope="module")
def small() -> tuple[Scenario, Results]:
    return run(SMALL, ())


def run(path: str | Path, overrides: tuple[str, ...]) -> tuple[Scenario, Results]:
    scenario = load_scenario(path, overrides)
    return scenario, project(scenario, memo=MEMO)


def explained(small: tuple[Scenario, Results], variable: str, year: int) -> Explanation:
    return explain(small[0], MEMO, small[1], variable, year)


def rows_of(results: Results) -> Iterator[tuple[str, int, float]]:
    columns = results.columns()
    yield from zip(*(columns[c] for c in ("variable", "year", "value")), strict=True)


def check(scenario: Scenario, results: Results, memo: Memo) -> int:
    """Hold the traced figures against the plain ones, and every node against its operands."""
    figures = walked(scenario, memo)
    for variable, year, value in rows_of(results):
        traced = figures[variable, year].value
        assert traced == value or math.isnan(traced) is math.isnan(value) is True, (variable, year)
    sources = {source.key for source in scenario.catalog().sources()} | {"estimate", "definition"}
    nodes = list(ordered(figures.values()))
    for node in nodes:
        check_node(node, sources)
    return len(nodes)


def check_node(node: Traced, sources: set[str]) -> None:
    if node.operands:
        again = recomputed(node)
        assert again == pytest.approx(node.value, rel=1e-12, abs=1e-300, nan_ok=True), node
        assert not node.source
    elif node.operation in ("input", "catalog figure"):
        assert node.name
        assert node.origin
        assert node.source in sources, node
    elif node.operation != "constant" and node.value:
        assert node.given, node.name  # what was measured or solved says on what grounds


@pytest.mark.parametrize("name", [name for name in WORLDS if name != "replications"])
def test_every_figure_of_a_small_world_is_traced_to_the_bit(name: str) -> None:
    assert check(*run(SMALL, WORLDS[name]), MEMO) > 3000


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
        assert max(run(SMALL, WORLDS[name])[1].series(variable).values()) > 0, (name, variable)


@pytest.mark.slow  # minutes where the cells are not known
@pytest.mark.parametrize("name", shipped_scenarios())
def test_every_figure_of_a_shipped_scenario_is_traced_to_the_bit(name: str) -> None:
    memo = Memo(default_folder())
    scenario = load_scenario(name)
    assert check(scenario, project(scenario, memo=memo), memo) > 50_000


@pytest.mark.parametrize("name", [name for name in WORLDS if name != "replications"])
def test_the_units_of_the_whole_projection_go_together(name: str) -> None:
    figures = walked(load_scenario(SMALL, WORLDS[name]), MEMO)
    faults = misfits(figures.values())
    assert [str(m) for m in faults if not m.node.name.startswith(MISFITS)] == []


def test_a_sum_of_things_that_do_not_go_together_is_a_misfit() -> None:
    watts, dollars = (Traced(1.0, "input", name=unit, unit=unit) for unit in ("W", "USD"))
    seconds = Traced(2.0, "input", name="time", unit="s")
    assert misfits([watts + dollars])
    assert not misfits([watts * seconds + Traced(3.0, "input", name="energy", unit="J")])


def test_every_node_that_is_shown_has_a_name_and_a_unit(small: tuple[Scenario, Results]) -> None:
    for variable in ("Energy", "Cost of tokens|chat", "FLOP", "Capex", "Bill|Optics|800G"):
        root = explained(small, variable, 2026).root
        units = Units()
        nodes = [each.node for each in shown([root])]
        assert len(nodes) > 20
        assert all(node.name and units.of(node) for node in nodes)


def test_a_new_family_of_results_needs_no_explainer(monkeypatch: pytest.MonkeyPatch) -> None:
    def lent(world: World) -> Yearly:
        for year in world.years:
            yield [("Lent|h100-sxm", 0.25 * year.fleet.installed[0])]

    monkeypatch.setattr(accounts, "ROOMS", (*accounts.ROOMS, (lent,)))
    one = Variable("Lent", "accelerator", True, "accelerators that are lent")
    monkeypatch.setattr(variables, "VARIABLES", (*variables.VARIABLES, one))
    figure = explained(run(SMALL, ()), "Lent|h100-sxm", 2026)
    assert figure.agrees
    assert formula(figure.root).written() == "0.25 * a"
    assert any(node.name == "products.chat.users" for node in walk(figure.root))
    assert {"linear program", "simulated"} <= {node.operation for node in walk(figure.root)}


def test_formulas_of_the_table_are_right_by_plain_arithmetic(
    small: tuple[Scenario, Results],
) -> None:
    """Evaluated here from the text, not by the operations that made the values."""
    root = explained(small, "Capex", 2026).root
    listed = [dict(zip(COLUMNS, row, strict=True)) for row in rows([root])]
    value = {row["id"]: row["value"] for row in listed}
    judged = 0
    for row in listed:
        text = str(row["expression"]) if row["value"] else ""
        if text and re.fullmatch(r"[#\d(), .e+*/^-]+", text):
            plain = re.sub(r"#(\d+)", lambda m: f"value[{m[1]}]", text).replace("^", "**")
            plain = re.sub(r"(?<=\d),(?=\d{3})", "", plain)
            assert eval(plain, {"value": value}) == pytest.approx(row["value"], rel=1e-9), row
            judged += 1
    assert judged > 100
    assert listed[0]["kind"] == "final"
    kinds = {row["kind"] for row in listed}
    assert {"input", "constant", "derived", "simulated", "linear program"} <= kinds


def test_an_origin_is_the_line_that_holds_the_value(small: tuple[Scenario, Results]) -> None:
    judged = 0
    for node in walk(explained(small, "Power|Facility", 2026).root):
        file, _, line = node.origin.partition(":")
        if not line:
            continue
        path = ROOT / file if (ROOT / file).exists() else Path(file)
        path = path if path.exists() else SMALL.parent / path.name
        text = path.read_text(encoding="utf-8").splitlines()[int(line) - 1]
        judged += 1
        if node.name.startswith(("low ", "high ")):
            continue
        if node.operation == "catalog figure":
            parameter, _, name = (
                node.name.removeprefix("low ").removeprefix("high ").partition(" of ")
            )
            assert text.startswith(f"{name},{parameter.replace(' ', '_')},"), node.name
            assert node.source in text
            _, _, value, unit, *_ = text.split(",")
            assert parse(f"{value} {unit}", unit) == pytest.approx(node.value)
        elif not node.name.startswith("simulation."):
            assert node.name.rsplit(".", 1)[-1] in text or "{" in text, node.name
    assert judged > 30


def test_an_input_has_the_value_and_source_of_the_scenario(
    small: tuple[Scenario, Results],
) -> None:
    scenario, _ = small
    assumptions = {row.key: row for row in scenario.assumptions()}
    judged = 0
    for node in walk(explained(small, "Accelerators|Required", 2025).root):
        if node.operation == "input" and node.name in assumptions:
            row = assumptions[node.name]
            assert (node.source, node.origin, node.note) == (row.source, row.origin, row.note)
            assert node.value in [scenario.at(node.name, year) for year in scenario.years]
            judged += 1
    assert judged > 30


def test_groups_and_patterns_are_sums(small: tuple[Scenario, Results]) -> None:
    results = small[1]
    for variable in ("Energy", "Energy|*inference", "Network shipped|Optics", "Capex|*"):
        figure = explained(small, variable, 2026)
        names = results.variables(variable if "*" in variable else f"{variable}|*")
        assert len(names) > 1
        assert figure.agrees
        assert figure.value == pytest.approx(sum(results.series(n)[2026] for n in names))
        assert [n.name for n in figure.root.operands] == [f"{n} in 2026" for n in names]


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
    small: tuple[Scenario, Results], variable: str, year: int, told: str
) -> None:
    with pytest.raises((VariableError, ExplainError), match=told):
        explained(small, variable, year)


def test_a_result_that_the_tree_does_not_give_is_not_passed_over(
    small: tuple[Scenario, Results],
) -> None:
    scenario, results = small
    changed = [
        Row(v, results.unit(v), y, x * (1.001 if v == "Energy|Pretraining" else 1.0))
        for v, y, x in rows_of(results)
    ]
    other = Results.from_rows(changed, results.manifest)
    assert explained(small, "Energy|Pretraining", 2026).agrees
    assert not explained((scenario, other), "Energy|Pretraining", 2026).agrees
    assert not explained((scenario, other), "Energy", 2026).agrees


def test_sources_are_counted_once_a_leaf_and_estimates_among_them(
    small: tuple[Scenario, Results],
) -> None:
    figure = explained(small, "Electricity cost|Pretraining", 2026)
    told = {(n.name, n.source) for n in walk(figure.root) if n.source not in ("", "definition")}
    assert figure.leaves == len(told)
    assert figure.estimates == sum(source == "estimate" for _, source in told)
    assert {c.source.key for c in figure.sources} == {source for _, source in told}
    counts = [citation.leaves for citation in figure.sources]
    assert counts == sorted(counts, reverse=True)


def test_several_replications_give_the_mean_of_their_trees() -> None:
    scenario, results = run(SMALL, WORLDS["replications"])
    figure = explained((scenario, results), "Energy", 2026)
    assert figure.agrees
    assert len(figure.root.operands) == 2
    _, *listed = audit(scenario, MEMO, results, ("Energy", "Tokens"), 2026)
    energy, tokens = (row for row in listed if row[1] == "final" and row[2].count("|") == 0)
    mean = results.series("Energy")[2026]
    assert energy[3] != pytest.approx(mean, rel=1e-9)
    assert float(str(energy[-1]).split()[0]) == pytest.approx(mean)
    assert tokens[-1] == ""  # what is asked does not depend on the draws


def test_an_audit_trail_leaves_out_what_the_results_lack(small: tuple[Scenario, Results]) -> None:
    scenario, results = small
    names = ("Energy", "Unmet", "Power", "Tokens")
    head, *listed = audit(scenario, MEMO, results, names, 2026)
    assert head == COLUMNS
    finals = [row[2] for row in listed if row[1] == "final" and "|" not in row[2]]
    assert finals == ["Energy in 2026", "Tokens in 2026"]
    ids = [row[0] for row in listed]
    assert ids == list(range(1, len(listed) + 1))
    referred = {int(n) for row in listed for n in re.findall(r"#(\d+)", f"{row[6]} {row[7]}")}
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
    small: tuple[Scenario, Results], keys: list[str], overrides: tuple[str, ...] = ()
) -> list[str]:
    """Return the inputs that move a figure; every figure that moves must name the input."""
    scenario, results = small
    named = {key: {n.name for n in walk(root)} for key, root in walked(scenario, MEMO).items()}
    known, found = numbers(scenario), []
    for key in keys:
        other = moved_by(key, known[key], overrides)
        for (variable, year), names in named.items():
            series = other.series(variable) if variable in other else {}
            before = results.series(variable)[year]
            if series.get(year) != pytest.approx(before, rel=1e-6):
                assert key in names, f"{variable} in {year} moves with {key}, not in its tree"
                found.append(key)
    return list(dict.fromkeys(found))


def test_what_moves_with_an_input_names_it(small: tuple[Scenario, Results]) -> None:
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
    assert moving(run(SMALL, overrides), keys, overrides) == keys


def test_a_limit_that_binds_is_used_up() -> None:
    """What the purchase says of a limit agrees with both its sides."""
    bound = 0
    for name in ("supply", "makers", "limited", "other AI limited"):
        figures = walked(run(SMALL, WORLDS[name])[0], MEMO)
        for (variable, year), binds in figures.items():
            if variable.startswith("Supply|Binding|"):
                sides = (variable.replace("Binding", side) for side in ("Used", "Available"))
                used, there = (figures[side, year].value for side in sides)
                bound += int(binds.value)
                if binds:
                    assert used == pytest.approx(there, rel=1e-6), (name, variable, year)
                else:
                    assert used < there * (1 + 1e-6), (name, variable, year)
    assert bound >= 5


def test_the_world_without_limits_does_not_rest_on_them() -> None:
    figures = walked(run(SMALL, WORLDS["supply"])[0], MEMO)
    for head, expected in (("", True), ("Unconstrained|", False)):
        root = figures[f"{head}Accelerators|Shipped|h100-sxm", 2025]
        assert any(n.name.startswith("supply.") for n in walk(root)) is expected


@pytest.mark.slow  # ten seconds: fifty worlds, half of them with cells of their own
def test_what_moves_with_any_input_names_it(small: tuple[Scenario, Results]) -> None:
    """Those that are zero take no part in a sum, and a sum does not name its empty terms."""
    keys = [key for key, value in numbers(small[0]).items() if value.at(2025) != 0]
    assert len(moving(small, keys)) > 50


def test_a_trail_is_kept_until_anything_that_it_rests_on_moves(
    small: tuple[Scenario, Results], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    scenario, results = small
    memo, walks = Memo(tmp_path / "cache"), []

    def counted(*args: object) -> list[tuple[object, ...]]:
        walks.append(args)
        return [("id", "name"), (len(walks), "a\nb")]

    monkeypatch.setattr(kept, "audit", counted)
    path = tmp_path / "trail.csv"
    for folder, names, walks_so_far in (
        (memo, ["Energy"], 1), (memo, ["Energy"], 1), (memo, ["Tokens"], 2), (MEMO, ["Energy"], 3),
    ):  # fmt: skip
        kept.write_audit(path, scenario, folder, results, names)
        assert len(walks) == walks_so_far
        assert path.read_text(encoding="utf-8").startswith("id,name\n")
    moved = Results(results.columns(), {**results.manifest, "assumptions": []})
    kept.write_audit(path, scenario, memo, moved, ["Energy"])
    assert len(walks) == 4
