"""Long traces stay small."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from bulk import trace_file

GIGABYTE = 1e9
_CODE = """
import sys
from computesim.sim.trace import read_trace
trace = read_trace(sys.argv[1])
status = dict(line.split(":", 1) for line in open("/proc/self/status"))
print(len(trace), float(trace.output_tokens.sum()), 1024 * int(status["VmHWM"].split()[0]))
"""


def read_apart(path: Path) -> tuple[int, float, float]:
    """Return requests, output tokens and the most memory (bytes) of a process that reads a file."""
    if not Path("/proc/self/status").exists():  # getrusage would tell the parent's peak, too
        pytest.skip("needs /proc to tell the most memory of a process")
    run = subprocess.run(
        [sys.executable, "-c", _CODE, str(path)], capture_output=True, text=True, check=True
    )
    requests, tokens, memory = run.stdout.split()
    print(f"{path.name}: {float(memory) / 1e6:.0f} MB")
    return int(requests), float(tokens), float(memory)


def write_many(path: Path, n: int, parts: int, shuffled: bool) -> float:
    """Write n requests piece by piece and return the sum of the output tokens."""
    import pyarrow
    from pyarrow import csv, parquet

    schema = pyarrow.schema([("t_s", "float64"), ("input_tokens", "int64"),
                             ("output_tokens", "int64")])  # fmt: skip
    make = parquet.ParquetWriter if path.suffix == ".parquet" else csv.CSVWriter
    draw, total = np.random.default_rng(1), 0.0
    with make(str(path), schema) as writer:
        for part in range(parts):
            t = part * 1000.0 + np.sort(draw.uniform(0, 1000, n // parts))
            if shuffled:
                draw.shuffle(t)
            output = draw.integers(1, 5000, n // parts)
            total += float(output.sum())
            writer.write_table(pyarrow.table([t, output[::-1], output], schema=schema))
    return total


@pytest.mark.slow
@pytest.mark.parametrize(("name", "n", "shuffled"), [
    ("a.parquet", 10_000_000, False),
    ("a.parquet", 10_000_000, True),
    ("a.csv", 10_000_000, False),
])  # fmt: skip
def test_ten_million_requests_fit_in_a_gigabyte(tmp_path, name, n, shuffled) -> None:
    total = write_many(tmp_path / name, n, 20, shuffled)
    requests, tokens, memory = read_apart(tmp_path / name)
    assert (requests, tokens) == (n, total)
    assert memory < GIGABYTE


def test_a_day_of_a_reasoning_service_stays_far_below_a_gigabyte() -> None:
    requests, _, memory = read_apart(trace_file("servegen_deepseek_r1_24h_reconstructed.parquet"))
    assert requests == 1_383_669
    assert memory < 0.4 * GIGABYTE
