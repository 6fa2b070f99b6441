"""The serving kernel against the same loop in C++, on the same arrays in the same run."""

from __future__ import annotations

import shutil
import subprocess
import time
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import NamedTuple

import numpy as np

from computesim.sim import kernels
from computesim.sim.opening import replicas_of, requests_of
from computesim.sim.operation import Operation
from computesim.sim.service import Service, check_service, service_rows
from computesim.sim.trace import Trace

SOURCE = Path(__file__).with_name("serve.cpp")
#: no fused multiply-adds: they round differently
FLAGS = ("-std=c++17", "-march=native", "-ffp-contract=off")
LEVELS = ("-O2", "-O3")


class Comparison(NamedTuple):
    kernel: float  #: shortest run, s
    cpp: dict[str, float]  #: shortest run by optimisation level, s
    difference: float  #: largest one of a finish time, s


def compiler() -> str | None:
    """Return a C++ compiler, None if there is none."""
    return shutil.which("g++")


def compare(
    trace: Trace, service: Service, weights: np.ndarray, n_replicas: int, rounds: int
) -> Comparison:
    """Play a trace by turns with the kernel and with C++ at both levels."""
    plain, table = check_service(service, weights)
    rows, tables = service_rows([(plain, table)])
    _, fresh, requests = requests_of(trace, None)
    rules = Operation().rules("shortest-queue", len(trace), 1)
    played = requests.copy()

    def kernel() -> float:
        played[:] = requests
        replicas = replicas_of([n_replicas], Operation())
        start = time.perf_counter()
        kernels.serve(played, fresh, rows, tables, rules, replicas, None)
        return time.perf_counter() - start

    with TemporaryDirectory() as name:
        folder = Path(name)
        paths = [folder / x for x in ("requests", "service", "weights", "finish")]
        for array, path in zip((requests, rows, table), paths[:3], strict=True):
            array.tofile(path)
        for level in LEVELS:
            subprocess.run(
                [compiler() or "g++", level, *FLAGS, "-o", folder / level[1:], SOURCE], check=True
            )
        kernel()
        best, cpp = float("inf"), dict.fromkeys(LEVELS, float("inf"))
        for _ in range(rounds):
            best = min(best, kernel(), kernel())
            for level in LEVELS:
                arguments = [folder / level[1:], *paths, str(n_replicas), "2"]
                done = subprocess.run(arguments, capture_output=True, text=True, check=True)
                cpp[level] = min(cpp[level], float(done.stdout))
        finish = np.fromfile(folder / "finish")
    return Comparison(best, cpp, float(np.abs(finish - played["finish"]).max()))
