"""What the kernels cost, against their SimPy twins, against C++ and against the targets.

    python benchmarks/bench_kernels.py [--json] [--quick]

Ratios of one run can be compared between machines, seconds cannot. Contenders take turns, the
shortest of several runs counts; the twins run once.
"""

from __future__ import annotations

import argparse
import json
import os
import platform
import time
from collections.abc import Callable, Iterator
from dataclasses import asdict, dataclass
from importlib.metadata import version
from pathlib import Path

from against_cpp import compare, compiler
from apart import SERVICE, WEIGHTS, first_calls, run_apart

from computesim.sim.capacity import max_serving_rate
from computesim.sim.chains import closed_loop
from computesim.sim.engine import simulate_queue, simulate_rollout, simulate_serving
from computesim.sim.levels import ServiceLevel
from computesim.sim.operation import Operation
from computesim.sim.output import quantile, saturated
from computesim.sim.records import RECOMPUTE
from computesim.sim.service import Replicas
from computesim.sim.streams import stream
from computesim.sim.trace import Trace, generate, lognormal, poisson_arrivals, read_trace

SEED = 1
DAY = "servegen_deepseek_r1_24h_reconstructed.parquet"
DAY_REPLICAS = 16  #: the fewest of 8, 12, 16 … whose TTFT stays below 2 s for 99 %

#: name, prompts, outputs, arrivals per second and replica
SHAPES = {
    "chat": (lognormal(1000, 0.8, 32_000), lognormal(250, 0.8, 4_000), 10.0),
    "agent": (lognormal(20_000, 0.5, 100_000), lognormal(1500, 0.8, 8_000), 0.3),
    "chain of thought": (lognormal(1000, 0.8, 32_000), lognormal(8000, 0.9, 32_000), 0.22),
}


@dataclass
class Row:
    """One line of the table."""

    name: str
    measured: float
    unit: str
    target: str = ""
    note: str = ""


def seconds(play: Callable[[], object]) -> float:
    """Return the seconds of one run."""
    start = time.perf_counter()
    play()
    return time.perf_counter() - start


def by_turns(plays: dict[str, Callable[[], object]], rounds: int) -> dict[str, float]:
    """Return the shortest seconds of each of several contenders, which take turns."""
    best = dict.fromkeys(plays, float("inf"))
    for play in plays.values():
        play()  # compile, or load
    for _ in range(rounds):
        for name, play in plays.items():
            best[name] = min(best[name], seconds(play))
    return best


def twins(size: float) -> Iterator[Row]:
    """Yield the kernels over their twins, on the same input."""
    n = int(200_000 * size)
    arrival = poisson_arrivals(9.0, n, stream(SEED, "arrivals"))
    work = stream(SEED, "service").standard_exponential(n)
    cases = {"queue M/M/10": (n, lambda engine: simulate_queue(arrival, work, 10, engine))}
    for name, (prompt, output, rate) in SHAPES.items():
        n = int({"chat": 4_000, "agent": 1_500}.get(name, 500) * size)
        trace = generate(SEED, n, 4 * rate, prompt, output)
        cases[f"{name}, 4 replicas"] = (
            n,
            lambda engine, t=trace: simulate_serving(
                t, Replicas(SERVICE, WEIGHTS, 4), engine=engine
            ),
        )
    n = int(512 * size)
    prompts = lognormal(500, 0.5, 4_000).draw(n, stream(SEED, "prompt_tokens"))
    outputs = lognormal(5_000, 0.8, 32_000).draw(n, stream(SEED, "output_tokens"))
    cases["rollout, 4 replicas"] = (
        n,
        lambda engine: simulate_rollout(
            Trace.at_once(prompts, outputs), Replicas(SERVICE, WEIGHTS, 4), engine=engine
        ),
    )
    for name, (n, play) in cases.items():
        kernel = by_turns({name: lambda play=play: play("numba")}, 9)[name]
        twin = seconds(lambda play=play: play("simpy"))
        kernel = min(kernel, *(seconds(lambda play=play: play("numba")) for _ in range(5)))
        target = ">= 5,000" if "thought" in name else ""
        note = f"{n:,} entities, {kernel * 1e3:.2f} ms against {twin:.2f} s"
        yield Row(f"kernel over its twin: {name}", twin / kernel, "x", target, note)


def long_chains(size: float) -> Trace:
    """Return 1k-in, 8k-out requests for 64 replicas."""
    prompt, output, rate = SHAPES["chain of thought"]
    return generate(SEED, int(200_000 * size), 64 * rate, prompt, output)


def forms(trace: Trace) -> Iterator[Row]:
    """Yield requests per second of the forms that a simulation may have."""
    n, recompute = len(trace), SERVICE._replace(when_full=RECOMPUTE, block_tokens=16)
    plays = {
        "plain": lambda: simulate_serving(trace, Replicas(SERVICE, WEIGHTS, 64)),
        "closed loop": lambda: simulate_serving(
            trace, Replicas(SERVICE, WEIGHTS, 64), chains=closed_loop(n, 64 * 30)
        ),
        "preemption, blocks of 16": lambda: simulate_serving(
            trace, Replicas(recompute, WEIGHTS, 64)
        ),
        "timeline of minutes": lambda: simulate_serving(
            trace, Replicas(SERVICE, WEIGHTS, 64), operation=Operation(bin_seconds=60.0)
        ),
    }
    for name, best in by_turns(plays, 9).items():
        target = ">= 1.5" if name == "plain" else ""
        yield Row(f"1k in, 8k out, 64 replicas: {name}", n / best / 1e6, "M requests/s", target)


def against_cpp(trace: Trace) -> Iterator[Row]:
    """Yield the kernel over the same loop in C++."""
    if compiler() is None:
        yield Row("kernel over C++", float("nan"), "x", "<= 1.3", "skipped: no g++ here")
        return
    found = compare(trace, SERVICE, WEIGHTS, 64, 9)
    assert found.difference <= 1e-9, found
    times = ", ".join(f"{level} {best * 1e3:.1f} ms" for level, best in found.cpp.items())
    note = f"kernel {found.kernel * 1e3:.1f} ms, {times}; finish times differ by "
    note += f"{found.difference:g} s at most"
    ratio = found.kernel / min(found.cpp.values())
    yield Row("kernel over the faster C++", ratio, "x time", "<= 1.3", note)
    yield Row("kernel over C++ -O3", found.kernel / found.cpp["-O3"], "x time", "<= 1.3")


def day() -> Iterator[Row]:
    """Yield loading and simulating a day of a reasoning service."""
    folders = (folder / "shared" / "traces" / DAY for folder in Path(__file__).resolve().parents)
    path = next((path for path in folders if path.exists()), None)
    if path is None:
        note = f"skipped: shared/traces/{DAY} is not here"
        yield Row("day of 1.38 M requests", float("nan"), "s", "<= 3", note)
        return
    trace = read_trace(path)
    yield Row("day of 1.38 M requests: loading", seconds(lambda: read_trace(path)), "s")
    play = lambda: simulate_serving(trace, Replicas(SERVICE, WEIGHTS, DAY_REPLICAS))  # noqa: E731
    best, run = by_turns({"day": play}, 3)["day"], play()
    full = saturated(run.requests["arrival"], run.requests["first"])
    note = f"{DAY_REPLICAS} replicas, {len(trace):,} requests, TTFT p99 "
    note += f"{quantile(run.ttft, 0.99):.2f} s, {'' if full else 'not '}saturated"
    yield Row("day of 1.38 M requests: simulating, warm", best, "s", "<= 3", note)


def apart(size: float) -> Iterator[Row]:
    """Yield what is measured in processes of their own."""
    n = int(10_000_000 * size)
    spent, most = run_apart("memory", str(n))
    note = f"{n:,} requests drawn and played in {spent:.1f} s"
    yield Row("most memory", most / 1e9, "GB", "<= 1", note)
    for case in ("plain", "extras"):
        cold, warm = first_calls(case)
        yield Row(f"first call, {case}", cold, "s", "", f"{warm:.2f} s where compiled kernels are")


def searches() -> Iterator[Row]:
    """Yield what a search for the highest rate costs, 1,000 requests a run, 4 replicas."""
    levels = {"chat": ServiceLevel(1.0, 0.04), "agent": ServiceLevel(5.0, 0.03)}
    for name, (prompt, output, rate) in SHAPES.items():
        trace = generate(SEED, 1_000, 4 * rate, prompt, output)
        level = levels.get(name, ServiceLevel(2.0, 0.03))
        search = lambda t=trace, x=level: max_serving_rate(t, Replicas(SERVICE, WEIGHTS, 4), x)  # noqa: E731
        yield Row(f"search for the highest rate, {name}", by_turns({"": search}, 9)[""] * 1e3, "ms")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--json", action="store_true", help="print one JSON object")
    parser.add_argument("--quick", action="store_true", help="a tenth of the size")
    options = parser.parse_args()
    size = 0.1 if options.quick else 1.0
    machine = {
        "machine": platform.machine(),
        "cores": os.cpu_count(),
        "python": platform.python_version(),
        **{name: version(name) for name in ("numba", "numpy", "simpy")},
    }
    trace = long_chains(size)
    rows = [*forms(trace), *against_cpp(trace), *twins(size), *day(), *apart(size), *searches()]
    if options.json:
        print(json.dumps({"machine": machine, "rows": [asdict(row) for row in rows]}, indent=2))
        return
    print("  ".join(f"{name} {value}" for name, value in machine.items()))
    for row in rows:
        print(f"{row.name:53} {row.measured:10,.2f} {row.unit:13} {row.target:9} {row.note}")


if __name__ == "__main__":
    main()
