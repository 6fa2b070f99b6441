"""Long traces in pieces."""

from __future__ import annotations

import subprocess
import sys
from itertools import pairwise
from pathlib import Path

import numpy as np
import pytest
from numpy.testing import assert_array_equal

from computesim.errors import SimulationError
from computesim.sim.engine import simulate_serving
from computesim.sim.long import simulate_pieces
from computesim.sim.operation import Operation
from computesim.sim.service import Replicas, Service
from computesim.sim.trace import generate, lognormal

SERVICE = Service(2e-3, 0.0, 1e-3, 5e-5, 1e-10, 2e-8, 1e-6, 600_000, 256, 2048)
WEIGHTS = np.full(SERVICE.token_budget + 1, 0.012)
TRACE = generate(3, 5_000, 20.0, lognormal(1000, 0.8, 32_000), lognormal(250, 0.8, 4_000))
_CODE = """
import numpy as np
from computesim.sim.long import simulate_pieces
from computesim.sim.output import quantile
from computesim.sim.service import Service
from computesim.sim.trace import Trace, poisson_arrivals
service = Service(2e-3, 0.0, 1e-3, 5e-5, 1e-10, 2e-8, 1e-6, 600_000, 256, 2048)

def pieces(n, parts):
    draw, start = np.random.default_rng(1), 0.0
    for _ in range(parts):
        arrival = start + poisson_arrivals(14.0, n // parts, draw)
        start = arrival[-1]
        prompt, output = draw.integers(1, 2001, n // parts), draw.integers(1, 16001, n // parts)
        yield Trace(arrival, prompt, np.zeros(n // parts), output)

run = simulate_pieces(pieces(10_000_000, 100), service, np.full(2049, 0.012), 64)
assert np.isfinite(run.requests["finish"]).all()

def most_memory():
    status = dict(line.split(":", 1) for line in open("/proc/self/status"))
    return 1024 * int(status["VmHWM"].split()[0])

played = most_memory()
quantile(run.ttft, 0.99)
print(run.requests.size, played, most_memory())
"""


def pieces(*cuts: int):
    marks = [0, *cuts, len(TRACE)]
    return (TRACE.pick(np.arange(a, b)) for a, b in pairwise(marks))


def test_a_trace_in_pieces_gives_what_the_whole_gives() -> None:
    how = Operation(bin_seconds=10.0)
    whole = simulate_serving(TRACE, Replicas(SERVICE, WEIGHTS, 3), operation=how)
    parts = simulate_pieces(pieces(1, 1_000, 4_999), Replicas(SERVICE, WEIGHTS, 3), operation=how)
    assert_array_equal(parts.requests, whole.requests)
    assert_array_equal(parts.replicas, whole.replicas)
    assert parts.timeline is not None
    assert whole.timeline is not None
    assert_array_equal(parts.timeline.bins, whole.timeline.bins)


@pytest.mark.parametrize(("found", "said"), [
    ([], "at least one request"),
    ([TRACE, TRACE], "before the end"),
])  # fmt: skip
def test_pieces_that_do_not_follow_one_another_are_refused(found, said) -> None:
    with pytest.raises(SimulationError, match=said):
        simulate_pieces(found, Replicas(SERVICE, WEIGHTS, 3))


def test_a_piece_with_a_request_that_never_fits_is_refused() -> None:
    with pytest.raises(SimulationError, match="never fit"):
        simulate_pieces(
            pieces(2_500), Replicas(SERVICE._replace(kv_capacity_tokens=4_000), WEIGHTS, 3)
        )


@pytest.mark.slow
def test_ten_million_requests_are_played_within_a_gigabyte() -> None:
    if not Path("/proc/self/status").exists():  # getrusage would tell the parent's peak, too
        pytest.skip("needs /proc to tell the most memory of a process")
    done = subprocess.run([sys.executable, "-c", _CODE], capture_output=True, text=True, check=True)
    requests, played, judged = (float(word) for word in done.stdout.split())
    print(f"{played / 1e6:.0f} MB played, {judged / 1e6:.0f} MB with a percentile of the TTFT")
    assert requests == 10_000_000
    assert played < 1e9
