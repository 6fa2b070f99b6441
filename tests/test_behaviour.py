"""What follows by arithmetic when one input of a small world changes, through the whole chain."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from computesim import Results, load_catalog, load_scenario, project
from computesim.cells.memo import Memo
from computesim.lengths import lognormal_length, representative_lengths
from computesim.workload.search import SearchPlan, search_cost
from computesim.workload.transformer import prefill_flop

SMALL = Path(__file__).parent / "data" / "small.yaml"
YEARS = (2025, 2026)
ONE_KIND = "fleet.shipments={2025: {h100-sxm: 1}}"  # then all of the fleet is proportional
INFERENCE = ("CoT inference", "Other inference")
Run = Callable[..., Results]


@pytest.fixture(scope="module")
def run() -> Run:
    """Project the small world with overrides; cells and results are shared."""
    memo, known = Memo(None), {}

    def projected(*overrides: str) -> Results:
        if overrides not in known:
            known[overrides] = project(load_scenario(SMALL, overrides), memo=memo)
        return known[overrides]

    return projected


def ratios(after: Results, before: Results, variable: str) -> list[float]:
    """Return a variable of one run over that of another, by year."""
    old, new = before.series(variable), after.series(variable)
    assert tuple(old) == tuple(new) == YEARS
    return [new[year] / old[year] for year in YEARS]


def multiplied(factor: float, rel: float = 1e-9) -> object:
    """Return what ratios of every year must be."""
    return pytest.approx([factor] * len(YEARS), rel=rel)


def table(results: Results, pattern: str = "*") -> dict[tuple[str, int], float]:
    """Return the rows of the variables that fit a pattern."""
    return {(v, y): x for v in results.variables(pattern) for y, x in results.series(v).items()}


# --- what people ask


def test_twice_the_reasoning_is_twice_the_reasoning_tokens_and_nothing_else(run: Run) -> None:
    before, after = run(), run("products.chat.reasoning_tokens=1800")
    tokens = "Tokens|CoT inference|"
    assert ratios(after, before, tokens + "Reasoning") == multiplied(2, rel=1e-12)
    for same in ("Answer", "Prompt", "Cached prompt"):
        assert ratios(after, before, tokens + same) == multiplied(1, rel=1e-12)
    other = "Tokens|Other inference"
    assert table(after, other + "*") == table(before, other + "*")


def test_twice_the_reasoning_costs_its_tokens_at_their_longer_contexts(run: Run) -> None:
    before, after = run(), run("products.chat.reasoning_tokens=1800")
    prompt, short, long = 800.0, 900.0 + 250.0, 1800.0 + 250.0
    tokens, context = long / short, (prompt + long / 2) / (prompt + short / 2)
    flop = ratios(after, before, "FLOP|CoT inference|Decode")
    assert all(tokens < ratio < tokens * context for ratio in flop)
    assert ratios(after, before, "FLOP|CoT inference|Prefill") == multiplied(1, rel=1e-12)
    for variable in ("Power|IT|", "Power|Facility|", "Energy|", "H100-equivalents|"):
        assert all(1.3 < r < 3 for r in ratios(after, before, variable + "CoT inference"))


def test_twice_the_users_are_twice_the_tokens_flop_and_accelerators(run: Run) -> None:
    before = run(ONE_KIND)
    after = run(
        ONE_KIND, "products.chat.users={2025: 80e6, 2026: 160e6}",
        "products.coding.users={2025: 2e6, 2026: 4e6}",
    )  # fmt: skip
    for workload in INFERENCE:
        for variable in ("Tokens|", "FLOP|"):
            assert ratios(after, before, variable + workload) == multiplied(2, rel=1e-12)
        for variable in ("Accelerators|Required|", "Power|IT|", "Energy|"):
            assert ratios(after, before, variable + workload) == multiplied(2, rel=1e-5)
    assert table(after, "Goodput|*") == pytest.approx(table(before, "Goodput|*"))
    training = "Accelerators|Required|Pretraining"
    assert ratios(after, before, training) == multiplied(1, rel=1e-5)


def test_a_service_that_is_used_twice_as_often_by_half_the_users_is_the_same(run: Run) -> None:
    after = run(
        "products.chat.users={2025: 20e6, 2026: 40e6}",
        "products.chat.requests_per_user_per_day=8",
    )
    assert table(after) == pytest.approx(table(run()), rel=1e-6)


def test_tokens_that_move_to_devices_are_neither_lost_nor_made(run: Run) -> None:
    before, after = run(), run("products.chat.on_device_share=0.35")
    for workload in INFERENCE:
        for kind in before.children(f"Tokens|{workload}"):
            name = kind.removeprefix("Tokens|")
            for year in YEARS:
                there = [r.series(f"Tokens|{name}")[year] for r in (before, after)]
                device = [r.series(f"Device tokens|{name}")[year] for r in (before, after)]
                assert sum(r[0] for r in (there, device)) == pytest.approx(
                    sum(r[1] for r in (there, device)), rel=1e-12
                )
    assert ratios(after, before, "Tokens|CoT inference") == multiplied(0.65, rel=1e-12)
    assert all(r < 0.75 for r in ratios(after, before, "H100-equivalents|CoT inference"))


def test_parallel_samples_write_as_many_chains_but_read_the_prompt_once(run: Run) -> None:
    before, after = run(ONE_KIND), run(ONE_KIND, "products.chat.samples=4")
    assert ratios(after, before, "Tokens|CoT inference|Reasoning") == multiplied(4, rel=1e-12)
    assert ratios(after, before, "FLOP|CoT inference|Decode") == multiplied(4, rel=1e-12)
    assert ratios(after, before, "FLOP|CoT inference|Prefill") == multiplied(1, rel=1e-12)
    assert all(2 < r < 5 for r in ratios(after, before, "Accelerators|Required|CoT inference"))


# --- how it is served


def test_a_higher_peak_needs_as_many_more_accelerators_that_draw_less(run: Run) -> None:
    before, after = run(ONE_KIND), run(ONE_KIND, "traffic.peak_to_mean=3")
    for workload in INFERENCE:
        units = ratios(after, before, f"Accelerators|Required|{workload}")
        assert units == multiplied(2, rel=1e-5)
        assert ratios(after, before, f"Tokens|{workload}") == multiplied(1, rel=1e-12)
        assert all(1.2 < r < 1.95 for r in ratios(after, before, f"Power|IT|{workload}"))


def test_a_faster_answer_needs_more_accelerators_for_the_same_tokens(run: Run) -> None:
    relaxed, strict = run(ONE_KIND), run(ONE_KIND, "tiers.quick.tpot=12 ms")
    for workload in INFERENCE:
        units = ratios(strict, relaxed, f"Accelerators|Required|{workload}")
        assert all(r > 1.1 for r in units)
    assert table(strict, "Tokens|*") == table(relaxed, "Tokens|*")
    for results, most in ((relaxed, 0.020), (strict, 0.012)):
        assert max(results.series("Service|quick|TPOT p90").values()) <= most
        assert max(results.series("Service|quick|TTFT p90").values()) <= 2.0


def test_pools_that_are_used_half_as_well_are_twice_as_large(run: Run) -> None:
    before, after = run(ONE_KIND), run(ONE_KIND, "traffic.serving_share=0.3")
    for workload in INFERENCE:
        units = ratios(after, before, f"Accelerators|Required|{workload}")
        assert units == multiplied(2, rel=1e-5)
        assert ratios(after, before, f"Utilisation|{workload}") == multiplied(0.5, rel=1e-9)


# --- training


def tree(depth: int) -> tuple[str, ...]:
    """Return the overrides of a full binary tree of a depth, in steps of 40 tokens."""
    search = {"method": "tree", "depth": depth, "branching": 2, "width": 64, "step_tokens": 40}
    return tuple(f"labs.lab.post_training.search.{k}={v}" for k, v in search.items())


def test_two_more_levels_of_search_write_the_tokens_of_their_branches(run: Run) -> None:
    shallow, deep = run(ONE_KIND, *tree(2)), run(ONE_KIND, *tree(4))
    lengths = representative_lengths(lognormal_length(1500, 0.6, 8192), 8)
    mean = sum(lengths) / len(lengths)

    def tokens(depth: int) -> float:
        """Sum a geometric series of branches, then the rest of every leaf."""
        branches = 2 * (2**depth - 1)
        return 40 * branches + 2**depth * (mean - 40 * depth)

    plan = SearchPlan("tree", depth=2, branching=2, width=64, step_tokens=40)
    assert search_cost(plan, mean).generated_tokens == pytest.approx(tokens(2))
    more = tokens(4) / tokens(2)
    assert more > 3.5
    rollout = ratios(deep, shallow, "FLOP|RL post-training|Rollout")
    assert rollout == multiplied(more, rel=0.03)  # attention and the one prefill differ
    units = ratios(deep, shallow, "Accelerators|Required|RL post-training")
    assert all(0.7 * more < r < 1.4 * more for r in units)
    assert ratios(deep, shallow, "FLOP|Pretraining") == multiplied(1, rel=1e-12)


def test_a_process_reward_model_reads_what_a_search_writes(run: Run) -> None:
    unscored = run(ONE_KIND, *tree(2))
    scorer = "labs.lab.post_training.search.process_reward_model=qwen2.5-7b"
    scored = run(ONE_KIND, *tree(2), scorer)
    rollout, verification = (
        f"FLOP|RL post-training|{part}" for part in ("Rollout", "Verification")
    )
    assert max(unscored.series(verification).values()) == 0
    for year in YEARS:  # 7.6 against 8.0 billion parameters, but the prompt once more for each
        share = scored.series(verification)[year] / scored.series(rollout)[year]
        assert 0.8 < share < 1.2
    assert ratios(scored, unscored, rollout) == multiplied(1, rel=1e-12)
    units = ratios(scored, unscored, "Accelerators|Required|RL post-training")
    assert all(r > 1.02 for r in units)


def test_twice_the_group_is_twice_the_responses_of_prompts_read_once(run: Run) -> None:
    before = run(ONE_KIND)
    after = run(ONE_KIND, "labs.lab.post_training.group_size=16")
    for part in ("Learner", "Log-probabilities"):
        name = f"FLOP|RL post-training|{part}"
        assert ratios(after, before, name) == multiplied(2, rel=1e-12)
    prompts = 3 * 20 * 10_000 * 64 / 0.8  # labs, runs, steps, prompts with the discarded ones
    prefill = prompts * prefill_flop(load_catalog().model("llama-3.1-8b"), 300)
    for year in YEARS:
        one, two = (r.series("FLOP|RL post-training|Rollout")[year] for r in (before, after))
        assert two == pytest.approx(2 * one - prefill, rel=1e-9)
    # a step of a small job has parts that do not grow: its tail, new weights, the framework
    large = "labs.lab.post_training.prompts_per_step=1024"
    one_group, two_groups = (
        run(ONE_KIND, large, f"labs.lab.post_training.group_size={size}") for size in (8, 16)
    )
    units = ratios(two_groups, one_group, "Accelerators|Required|RL post-training")
    assert all(1.5 < r < 2.2 for r in units), units


def test_twice_the_steps_of_rl_are_twice_its_accelerators(run: Run) -> None:
    before = run(ONE_KIND)
    after = run(ONE_KIND, "labs.lab.post_training.steps=20000")
    for variable in ("FLOP|", "Accelerators|Required|", "Power|IT|"):
        assert ratios(after, before, variable + "RL post-training") == multiplied(2, rel=1e-5)


def test_twice_the_flop_of_pretraining_are_twice_its_accelerators(run: Run) -> None:
    before = run(ONE_KIND)
    often = run(ONE_KIND, "labs.lab.pretraining.runs_per_year=2")
    large = run(ONE_KIND, "labs.lab.pretraining.flop=4e24")
    for after, within in ((often, 1e-5), (large, 0.15)):  # a larger job is less efficient
        assert ratios(after, before, "FLOP|Pretraining") == multiplied(2, rel=1e-12)
        units = ratios(after, before, "Accelerators|Required|Pretraining")
        assert units == multiplied(2, rel=within)


def test_experiments_are_their_multiple_of_the_final_runs(run: Run) -> None:
    results = run(ONE_KIND)
    units = {
        name: results.series(f"Accelerators|Required|{name}")
        for name in ("Pretraining", "RL post-training", "Experiments")
    }
    flop = {name: results.series(f"FLOP|{name}") for name in units}
    for year in YEARS:
        final = units["Pretraining"][year] + units["RL post-training"][year]
        assert units["Experiments"][year] == pytest.approx(2 * final, rel=1e-5)
        final = flop["Pretraining"][year] + flop["RL post-training"][year]
        assert flop["Experiments"][year] == pytest.approx(2 * 0.7 * final, rel=1e-12)


# --- the fleet


def test_a_shorter_life_ships_more_for_the_same_stock(run: Run) -> None:
    before, after = run(ONE_KIND), run(ONE_KIND, "fleet.lifetime=1 year")
    shipped, retired, installed = (
        f"Accelerators|{what}|h100-sxm" for what in ("Shipped", "Retired", "Installed")
    )
    assert ratios(after, before, installed) == multiplied(1, rel=1e-5)
    assert before.series(retired)[2026] == 0
    assert after.series(retired)[2026] == pytest.approx(after.series(shipped)[2025])
    assert after.series(shipped)[2026] == pytest.approx(after.series(installed)[2026])


def test_other_work_takes_its_share_of_the_fleet(run: Run) -> None:
    before, after = run(ONE_KIND), run(ONE_KIND, "other_ai.share=0.5")
    installed = "Accelerators|Installed|h100-sxm"
    assert ratios(after, before, installed) == multiplied(0.75 / 0.5, rel=1e-5)
    for year, units in after.series("Accelerators|Required|Other AI").items():
        assert units == pytest.approx(0.5 * after.series(installed)[year])


def test_demand_that_falls_leaves_idle_accelerators_and_buys_none(run: Run) -> None:
    results = run(
        "products.chat.users={2025: 40e6, 2026: 1e6}",
        "labs.lab.pretraining.flop={2025: 2e24, 2026: 2e23}",
        "fleet.deployment_lag=0 year",
    )
    assert sum(results.series(v)[2026] for v in results.variables("*|Shipped|*")) == 0
    assert 0 < results.series("Power|IT|Idle")[2026] < results.series("Power|IT")[2025]
    at_work = results.series("H100-equivalents")[2026]
    assert at_work < 0.9 * results.series("H100-equivalents by generation")[2026]


def test_a_power_limit_holds_and_what_it_leaves_is_reported(run: Run) -> None:
    free = run(ONE_KIND)
    limit = 0.5 * min(free.series("Power|Provisioned").values())
    limited = run(ONE_KIND, f"limits.facility_power={limit} W")
    assert max(limited.series("Power|Provisioned").values()) <= limit * (1 + 1e-6)
    for workload in (*INFERENCE, "Pretraining", "RL post-training"):
        for year in YEARS:
            required = limited.series(f"Accelerators|Required|{workload}")[year]
            left = limited.series(f"Unmet|{workload}")[year]
            asked = free.series(f"Accelerators|Required|{workload}")[year]
            assert left > 0.2 * asked
            assert required == pytest.approx(asked, rel=1e-4)
    for year in YEARS:
        required = limited.series("Accelerators|Required")[year]
        in_service = limited.series("Accelerators|Installed")[year]
        assert limited.series("Unmet")[year] == pytest.approx(required - in_service, rel=1e-3)
    assert limited.check_sums() == []


# --- power and network


def test_overhead_of_buildings_multiplies_what_the_meter_reads(run: Run) -> None:
    before, after = run(), run("site.pue=1.32")
    for variable in ("Power|Facility", "Power|Provisioned", "Energy"):
        assert ratios(after, before, variable) == multiplied(1.2)
        for part in before.children(variable):
            assert ratios(after, before, part) == multiplied(1.2)
    for same in ("Power|IT|*", "Accelerators|*", "Network*", "FLOP|*", "Tokens|*"):
        assert table(after, same) == table(before, same)


def test_mean_power_lies_between_idle_and_what_is_provisioned(run: Run) -> None:
    results = run()
    for part in results.children("Power|Facility"):
        workload = part.removeprefix("Power|Facility|")
        for year in YEARS:
            drawn, it = results.series(part)[year], results.series(f"Power|IT|{workload}")[year]
            assert drawn == pytest.approx(1.1 * it)
            assert 0.15 < drawn / results.series(f"Power|Provisioned|{workload}")[year] < 1


def test_oversubscription_saves_switches_and_optics_but_no_adapters(run: Run) -> None:
    before = run()
    after = run("network.oversubscription=2")
    assert all(r < 0.8 for r in ratios(after, before, "Network|Switches|Spine"))
    assert all(r < 0.95 for r in ratios(after, before, "Network|Optics"))
    assert ratios(after, before, "Network|NICs") == multiplied(1, rel=1e-3)
    assert all(r < 1 for r in ratios(after, before, "Capex|Network"))


# --- the table as a whole


def test_every_variable_is_the_sum_of_its_parts(run: Run) -> None:
    assert run().check_sums() == []


def test_all_accelerators_in_the_fleet_have_work_when_demand_grows(run: Run) -> None:
    results = run()
    assert not results.variables("*|Idle")
    assert results.series("H100-equivalents") == pytest.approx(
        results.series("H100-equivalents by generation"), rel=1e-5
    )


def test_the_bibliography_holds_every_source_that_was_used(run: Run) -> None:
    override = "products.chat.answer_tokens={value: 250, source: servegen}"
    manifest = run(override).manifest
    known = {source["key"] for source in manifest["sources"]}
    assert "servegen" in known
    assert {row["source"] for row in manifest["assumptions"] if row["source"]} <= known
    machines = {"h100-sxm", "mi300x", "gb200"}
    used = [r for r in load_catalog().rows("accelerators") if r.name in machines]
    assert {figure.name for figure in used} == machines
    assert {figure.source for figure in used} <= known


def test_the_same_seed_gives_the_same_table(run: Run) -> None:
    again = project(load_scenario(SMALL), memo=Memo(None))
    assert again.columns() == run().columns()
    assert again.manifest["hash"] == run().manifest["hash"]


def test_another_seed_changes_only_what_is_simulated(run: Run) -> None:
    one, other = run(), run("simulation.seed=8")
    for asked in ("Tokens|*", "Device tokens|*", "FLOP|*"):
        assert table(one, asked) == table(other, asked)
    assert table(one, "Service|*") != table(other, "Service|*")
    for workload in INFERENCE:  # 200 requests: a tenth or two of noise, not a factor
        assert all(0.6 < r < 1.6 for r in ratios(other, one, f"H100-equivalents|{workload}"))


def test_replications_are_runs_of_their_own_seeds(run: Run) -> None:
    both = run("simulation.replications=2")
    for variable in ("H100-equivalents", "Energy"):
        assert both.series(variable, replication=0) == run().series(variable)
        assert both.series(variable, replication=1) == run("simulation.seed=8").series(variable)


def test_the_readable_engine_gives_the_table_of_the_compiled_one() -> None:
    tiny = (
        "horizon.last_year=2025", "simulation.requests=60", "products.coding=null", ONE_KIND,
        "tiers.quick.tpot=11 ms",
        "products.chat.prompt_tokens=100", "products.chat.answer_tokens=20",
        "products.chat.reasoning_tokens=30", "labs.lab.post_training.prompts_per_step=8",
        "labs.lab.post_training.response_tokens=60",
        "labs.lab.post_training.max_response_tokens=200",
    )  # fmt: skip
    compiled, readable = (
        project(load_scenario(SMALL, (*tiny, f"simulation.kernel={engine}")), memo=Memo(None))
        for engine in ("numba", "simpy")
    )
    assert table(readable) == pytest.approx(table(compiled), rel=1e-9)


def test_a_wider_number_format_needs_more_accelerators_for_the_same_flop(run: Run) -> None:
    narrow, wide = run(ONE_KIND), run(ONE_KIND, "tiers.quick.dtype=bf16")
    for workload in INFERENCE:
        assert all(r > 1.05 for r in ratios(wide, narrow, f"Accelerators|Required|{workload}"))
    assert table(wide, "FLOP|*") == table(narrow, "FLOP|*")
