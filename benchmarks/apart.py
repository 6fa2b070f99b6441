"""What has to be measured in a process of its own: memory, and the first call of a kernel.

    python benchmarks/apart.py memory N | first CASE

prints one line of numbers.
"""

from __future__ import annotations

import os
import resource
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from tempfile import TemporaryDirectory

import numpy as np

from computesim.sim.chains import closed_loop
from computesim.sim.engine import simulate_serving
from computesim.sim.long import simulate_pieces
from computesim.sim.service import Replicas, Service
from computesim.sim.trace import Trace, poisson_arrivals

#: a 70B-class replica: 12 ms of weights, 20 TFLOP-scale prefill, 600,000 tokens of KV cache
SERVICE = Service(2e-3, 0.0, 1e-3, 5e-5, 1e-10, 2e-8, 1e-6, 600_000, 256, 2048)
WEIGHTS = np.full(SERVICE.token_budget + 1, 0.012)


def pieces(n: int, parts: int = 100) -> Iterator[Trace]:
    """Yield requests of 1,000 tokens with chains of 8,000 tokens on average."""
    draw, start = np.random.default_rng(1), 0.0
    for _ in range(parts):
        arrival = start + poisson_arrivals(14.0, n // parts, draw)
        start = float(arrival[-1])
        prompt, output = draw.integers(1, 2001, n // parts), draw.integers(1, 16001, n // parts)
        yield Trace(arrival, prompt, np.zeros(n // parts, np.int64), output)


def memory(n: int) -> None:
    """Print seconds and the most memory (bytes) of n requests on 64 replicas."""
    start = time.perf_counter()
    run = simulate_pieces(pieces(n), Replicas(SERVICE, WEIGHTS, 64))
    seconds = time.perf_counter() - start
    assert np.isfinite(run.requests["finish"]).all()
    print(seconds, resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024)  # KiB on Linux


def first(case: str) -> None:
    """Print the seconds of the first call of a kernel."""
    trace = next(pieces(1_000, 1))
    chains = closed_loop(len(trace), 10) if case == "extras" else None
    start = time.perf_counter()
    simulate_serving(trace, Replicas(SERVICE, WEIGHTS, 4), chains=chains)
    print(time.perf_counter() - start)


def run_apart(*arguments: str, cache: str | None = None) -> list[float]:
    """Return what this file prints when it runs in a process of its own."""
    place = {**os.environ, **({"NUMBA_CACHE_DIR": cache} if cache else {})}
    command = [sys.executable, str(Path(__file__)), *arguments]
    done = subprocess.run(command, capture_output=True, text=True, check=True, env=place)
    return [float(word) for word in done.stdout.split()]


def first_calls(case: str) -> tuple[float, float]:
    """Return the seconds of the first call without compiled kernels on disk, and with them."""
    with TemporaryDirectory() as cache:
        cold = run_apart("first", case, cache=cache)[0]
        return cold, run_apart("first", case, cache=cache)[0]


if __name__ == "__main__":
    {"memory": lambda x: memory(int(x)), "first": first}[sys.argv[1]](sys.argv[2])
