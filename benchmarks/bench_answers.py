"""What single answers cost, as multiples of a yardstick: a loop of plain Python in the same run.

    python benchmarks/bench_answers.py

The yardstick and the answers take turns and the shortest of several runs counts, so that the
ratios hold on a busy machine too. Exit code 1 where one is above its limit, which is about
four times what was measured.
"""

from __future__ import annotations

import subprocess
import sys
import tempfile
from collections.abc import Callable
from pathlib import Path

from bench_kernels import by_turns

from computesim.catalog import load_catalog
from computesim.cells.rl.step import RLPlan, rl_run
from computesim.hardware.parallel import best_layout
from computesim.hardware.serving import serving_layout, serving_step
from computesim.hardware.training_job import TrainingJob
from computesim.report.export import write_report
from computesim.results import Results, Row, unit_of
from computesim.results.variables import WORKLOADS
from computesim.scenario import load_scenario
from computesim.study.plan.layouts import rank_layouts
from computesim.workload.balance import Spending, least
from computesim.workload.room import Quality, room_of
from computesim.workload.skill import skill_named
from computesim.workload.transformer import serving_load, training_load

CATALOG = load_catalog()
GB200 = CATALOG.accelerator("gb200")


def yardstick() -> int:
    """Add up 200,000 squares, about 10 ms."""
    return sum(i * i for i in range(200_000))


def catalog_anew() -> None:
    """Read every table in a fresh process; starting Python is part of it."""
    code = "import computesim.catalog as c; k = c.load_catalog(); [k.names(t) for t in c.TABLES]"
    subprocess.run([sys.executable, "-c", code], check=True)


def results() -> Results:
    """Return made-up results of eleven years."""
    names = [f"{group}|{work}" for group in ("FLOP", "Energy") for work in WORKLOADS]
    rows = (Row(name, unit_of(name), year, 1e12) for name in names for year in range(2022, 2033))
    return Results.from_rows(list(rows), {"name": "made up"})


def answers(folder: Path) -> dict[str, tuple[float, Callable[[], object]]]:
    """Return the answers with their limits, in yardsticks."""
    deepseek = CATALOG.model("deepseek-v3")
    served = serving_load(deepseek, "fp8", "fp8")
    trained, long = training_load(deepseek, 4096), training_load(deepseek, 32768)
    skill = skill_named("aime-2024", CATALOG)
    quality = Quality(skill, "coverage", room_of(skill, 1e5, 12))
    spending = Spending(1.0, lambda tokens, samples: 7.4e10 * samples * tokens, 1e9)
    plan = RLPlan(
        CATALOG.model("qwen3-32b"), CATALOG.accelerator("h100-sxm"), n_accelerators=32,
        sequences=2048, prompt_tokens=115, mean_output_tokens=3251, max_output_tokens=4096,
    )  # fmt: skip
    made_up = results()
    return {
        "catalog read in a fresh process": (40, catalog_anew),
        "scenario read": (12, lambda: load_scenario("baseline")),
        "model of the catalog again, 1,000 times": (
            1, lambda: [CATALOG.model("kimi-k2") for _ in range(1000)]),
        "accuracy at 100 points": (
            6, lambda: [skill.accuracy(1e23 * (1 + i / 100), 6000, 40) for i in range(100)]),
        "serving layout and step": (
            4, lambda: serving_step(served, GB200, serving_layout(served, GB200))),
        "best training layout": (
            2, lambda: best_layout(TrainingJob.of(trained, GB200, 15360 * 4096, "fp8"), 2048)),
        "all training layouts, over 10,000": (
            10, lambda: rank_layouts(TrainingJob.of(long, GB200, 64e6), 16384)),
        "10,000 RL steps": (20, lambda: rl_run(plan, 10_000)),
        "report": (10, lambda: write_report(made_up, folder / "report.html")),
        "least spending": (4, lambda: least(quality, spending, 0.75)),
    }  # fmt: skip


def main() -> int:
    """Print the table and tell whether every answer is within its limit."""
    with tempfile.TemporaryDirectory() as folder:
        limits = answers(Path(folder))
        best = by_turns({"": yardstick, **{name: play for name, (_, play) in limits.items()}}, 5)
    faults = 0
    for name, (limit, _) in limits.items():
        ratio = best[name] / best[""]
        faults += ratio > limit
        print(f"{name:42} {ratio:8.2f} yardsticks, at most {limit:g}")
    return 1 if faults else 0


if __name__ == "__main__":
    sys.exit(main())
