"""Kernels against their SimPy twins, on the same input in the same run.

    python benchmarks/bench_kernels.py [--json] [--quick]

Ratios can be compared between machines, seconds cannot. Best of several runs
of the kernel, one run of the twin.
"""

from __future__ import annotations

import argparse
import json
import os
import platform
import time
from collections.abc import Callable
from importlib.metadata import version

import numpy as np

from computesim.sim.capacity import ServiceLevel, max_serving_rate
from computesim.sim.engine import simulate_queue, simulate_rollout, simulate_serving
from computesim.sim.service import Service
from computesim.sim.streams import stream
from computesim.sim.trace import Lengths, generate, poisson_arrivals

SEED = 1
#: a 70B-class replica: 12 ms of weights, 20 TFLOP-scale prefill, 600,000 tokens of KV cache
SERVICE = Service(2e-3, 0.0, 1e-3, 5e-5, 1e-10, 2e-8, 1e-6, 600_000, 256, 2048)
WEIGHTS = np.full(SERVICE.token_budget + 1, 0.012)

Play = Callable[[str], object]

#: name, prompts, outputs, arrivals per second and replica
SHAPES = {
    "chat": (Lengths(1000, 0.8, 32_000), Lengths(250, 0.8, 4_000), 10.0),
    "agent": (Lengths(20_000, 0.5, 100_000), Lengths(1500, 0.8, 8_000), 0.3),
    "chain of thought": (Lengths(1000, 0.8, 32_000), Lengths(8000, 0.9, 32_000), 0.22),
}


def cases(size: float) -> dict[str, tuple[int, Play]]:
    """Return name -> (entities, how to play them on an engine)."""
    n = int(200_000 * size)
    arrival = poisson_arrivals(9.0, n, stream(SEED, "arrivals"))
    work = stream(SEED, "service").standard_exponential(n)
    found: dict[str, tuple[int, Play]] = {
        "queue, M/M/10": (n, lambda engine: simulate_queue(arrival, work, 10, engine))
    }
    for name, (prompt, output, rate) in SHAPES.items():
        n = int(1_000 * size) if name == "chain of thought" else int(4_000 * size)
        trace = generate(SEED, n, 4 * rate, prompt, output)
        found[f"serving, {name}, 4 replicas"] = (
            n,
            lambda engine, trace=trace: simulate_serving(trace, SERVICE, WEIGHTS, 4, engine=engine),
        )
    n = int(1_024 * size)
    prompts = Lengths(500, 0.5, 4_000).draw(n, stream(SEED, "prompt_tokens"))
    outputs = Lengths(5_000, 0.8, 32_000).draw(n, stream(SEED, "output_tokens"))
    found["rollout, 4 replicas"] = (
        n,
        lambda engine: simulate_rollout(prompts, outputs, SERVICE, WEIGHTS, 4, engine=engine),
    )
    return found


def seconds(play: Callable[[], object], runs: int) -> float:
    """Return the shortest of several runs, s."""
    best = float("inf")
    for _ in range(runs):
        start = time.perf_counter()
        play()
        best = min(best, time.perf_counter() - start)
    return best


def measure(size: float) -> list[dict[str, float | str]]:
    rows: list[dict[str, float | str]] = []
    for name, (n, play) in cases(size).items():
        play("numba")  # compile, or load
        kernel = seconds(lambda play=play: play("numba"), 7)
        twin = seconds(lambda play=play: play("simpy"), 1)
        kernel = min(kernel, seconds(lambda play=play: play("numba"), 7))
        rows.append({"case": name, "entities": n, "kernel_s": kernel, "twin_s": twin,
                     "ratio": twin / kernel, "us_per_entity": kernel / n * 1e6})  # fmt: skip
    return rows


def search_seconds() -> dict[str, float]:
    """Return what a search for the highest rate costs, 1,000 requests a run, 4 replicas."""
    levels = {"chat": ServiceLevel(1.0, 0.04), "agent": ServiceLevel(5.0, 0.03)}
    found = {}
    for name, (prompt, output, rate) in SHAPES.items():
        trace = generate(SEED, 1_000, 4 * rate, prompt, output)
        level = levels.get(name, ServiceLevel(2.0, 0.03))
        search = lambda trace=trace, level=level: max_serving_rate(  # noqa: E731
            trace, SERVICE, WEIGHTS, 4, level
        )
        search()
        found[name] = seconds(search, 9)
    return found


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--json", action="store_true", help="print one JSON object")
    parser.add_argument("--quick", action="store_true", help="a tenth of the size")
    options = parser.parse_args()
    machine = {
        "machine": platform.machine(),
        "cores": os.cpu_count(),
        "python": platform.python_version(),
        **{name: version(name) for name in ("numba", "numpy", "simpy")},
    }
    rows, searches = measure(0.1 if options.quick else 1.0), search_seconds()
    if options.json:
        print(json.dumps({"machine": machine, "rows": rows, "rate_search_s": searches}, indent=2))
        return
    print("  ".join(f"{name} {value}" for name, value in machine.items()))
    print(f"{'case':40} {'entities':>9} {'kernel':>10} {'twin':>9} {'ratio':>9} {'each':>9}")
    for row in rows:
        print(
            f"{row['case']:40} {row['entities']:9,} {row['kernel_s'] * 1e3:7.2f} ms "
            f"{row['twin_s']:7.2f} s {row['ratio']:8,.0f}x {row['us_per_entity']:6.2f} us"
        )
    for name, value in searches.items():
        print(f"search for the highest rate, {name}: {value * 1e3:.2f} ms")


if __name__ == "__main__":
    main()
