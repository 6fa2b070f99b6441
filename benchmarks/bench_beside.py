"""A cold run and its cells beside those of another checkout, and the kernel beside C++.

    python benchmarks/bench_beside.py CHECKOUT [--scenario baseline] [--cells 40] [--rounds 2]

The two take turns with the same interpreter, each with compiled kernels of its own on disk. Wall
seconds say what somebody waits for; CPU seconds bear other work on the machine better. The shortest
of the rounds counts.
"""

from __future__ import annotations

import argparse
import json
import os
import resource
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import NamedTuple

HERE = Path(__file__).resolve().parents[1]
#: what is asked: other ÷ this, at least
TARGETS = {"cold run": 6.0, "serving cell": 5.0, "training cell": 0.0, "RL cell": 8.0}
KINDS = {"Cell": "serving cell", "TrainingCell": "training cell", "RLCell": "RL cell"}


class Spent(NamedTuple):
    """Seconds of one contender."""

    wall: float
    cpu: float

    def least(self, other: Spent) -> Spent:
        """Return the shorter of two measurements, each part by itself."""
        return Spent(min(self.wall, other.wall), min(self.cpu, other.cpu))


def asked(checkout: Path, cache: Path, *words: str) -> str:
    """Return what a Python process prints that sees one checkout; no cells are kept."""
    place = {
        **os.environ,
        "PYTHONPATH": str(checkout),
        "XDG_CACHE_HOME": str(cache),
        "COMPUTESIM_MEMO": "off",
    }
    command = [sys.executable, *words]
    done = subprocess.run(command, cwd=cache, env=place, check=True, capture_output=True, text=True)
    return done.stdout


def cells(checkout: Path, cache: Path, scenario: str, n: int) -> dict[str, Spent]:
    """Return the mean seconds of cells by kind."""
    told = asked(checkout, cache, str(HERE / "benchmarks" / "cells_of.py"), scenario, str(n))
    return {KINDS[kind]: Spent(x["wall"], x["cpu"]) for kind, x in json.loads(told).items()}


def cold_run(checkout: Path, cache: Path, scenario: str) -> Spent:
    """Return the seconds of a run that knows no cell, its processes together."""
    before, start = resource.getrusage(resource.RUSAGE_CHILDREN), time.perf_counter()
    words = ("-m", "computesim", "run", scenario, "--quiet", "--out", str(cache / "out"))
    asked(checkout, cache, *words)
    wall, after = time.perf_counter() - start, resource.getrusage(resource.RUSAGE_CHILDREN)
    cpu = after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime
    return Spent(wall, cpu)


def beside(other: Path, scenario: str, n: int, rounds: int) -> Iterator[tuple[str, Spent, Spent]]:
    """Yield what was measured, of this checkout and of the other one."""
    with TemporaryDirectory() as name:
        places = [(HERE, Path(name) / "this"), (other, Path(name) / "other")]
        for _, cache in places:
            cache.mkdir()
        for checkout, cache in places:
            cells(checkout, cache, scenario, 1)  # kernels are compiled
        best: list[dict[str, Spent]] = [{}, {}]
        for _ in range(rounds):
            for seen, (checkout, cache) in zip(best, places, strict=True):
                for what, spent in cells(checkout, cache, scenario, n).items():
                    seen[what] = spent.least(seen.get(what, spent))
        for _ in range(max(1, rounds // 2)):
            for seen, (checkout, cache) in zip(best, places, strict=True):
                spent = cold_run(checkout, cache, scenario)
                seen["cold run"] = spent.least(seen.get("cold run", spent))
    for what in ("cold run", *KINDS.values()):
        if what in best[0] and what in best[1]:
            yield what, best[0][what], best[1][what]


def kernel_line() -> str:
    """Return the plain kernel over C++, at the optimisation that the target names."""
    from against_cpp import compare, compiler
    from apart import SERVICE, WEIGHTS, pieces

    if compiler() is None:
        return "kernel over C++ -O3: skipped, no g++ here"
    found = compare(next(pieces(200_000, 1)), SERVICE, WEIGHTS, 64, 9)
    ratio = found.kernel / found.cpp["-O3"]
    return f"kernel over C++ -O3: {ratio:.2f} (target <= 1.2), over -O2: " + (
        f"{found.kernel / found.cpp['-O2']:.2f}; finish times differ by {found.difference:g} s"
    )


def main() -> None:
    """Print the table."""
    words = argparse.ArgumentParser(description=__doc__)
    words.add_argument("checkout", type=Path, help="another checkout, for instance of 55e99a1")
    words.add_argument("--scenario", default="baseline", help="one that both ship")
    words.add_argument("--cells", type=int, default=40, help="of each kind that are timed")
    words.add_argument("--rounds", type=int, default=2)
    given = words.parse_args()
    heads = ("what", "this s", "other s", "wall", "CPU", "target")
    print(f"{heads[0]:14}" + "".join(f"{head:>10}" for head in heads[1:]))
    rows = beside(given.checkout.resolve(), given.scenario, given.cells, given.rounds)
    for what, this, other in rows:
        target = f">= {TARGETS[what]:g}" if TARGETS[what] else ""
        print(
            f"{what:14}{this.wall:10.3f}{other.wall:10.3f}{other.wall / this.wall:9.1f}x"
            f"{other.cpu / this.cpu:9.1f}x{target:>10}",
            flush=True,
        )
    print(kernel_line())


if __name__ == "__main__":
    main()
