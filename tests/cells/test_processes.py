"""Cells measured in several processes: the same bits, the same errors, nothing left behind."""

from __future__ import annotations

import math
import os
import signal
import subprocess
import sys
import time
from dataclasses import dataclass
from pathlib import Path

import pytest

from computesim.catalog import load_catalog
from computesim.cells import processes
from computesim.cells.measuring import measure_ahead
from computesim.cells.memo import Memo, Question
from computesim.cells.processes import Crowd, usable_cores
from computesim.errors import ComputesimError

H100 = load_catalog().accelerator("h100-sxm")


@dataclass(frozen=True)
class Number:
    value: float


def made(
    calls: list[processes.Call], jobs: int, wanted: set[int] | None = None
) -> tuple[dict[int, object], Crowd]:
    """Return the results of calls by number, and what made them."""
    results: dict[int, object] = {}
    crowd = Crowd(
        calls,
        lambda number: wanted is None or number in wanted,
        lambda number, result, seconds: results.__setitem__(number, result),
    )
    crowd.run(jobs, lambda: None)
    return results, crowd


@pytest.fixture
def impatient(monkeypatch: pytest.MonkeyPatch) -> None:
    """Other processes are started at once, and everything is long enough for them."""
    monkeypatch.setattr(processes, "PATIENCE", 0.0)


@pytest.mark.usefixtures("impatient")
def test_calls_in_three_processes_give_what_they_give_in_one() -> None:
    calls = [(math.sin, (float(i),)) for i in range(200)]
    calls += [(time.sleep, (0.05,))] * 60
    results, crowd = made(calls, 3)
    assert results == {i: f(*args) for i, (f, args) in enumerate(calls)}
    assert crowd.settled == len(calls)


def test_what_is_not_wanted_is_not_done() -> None:
    results, crowd = made([(math.sin, (float(i),)) for i in range(9)], 1, {2, 5})
    assert set(results) == {2, 5}
    assert crowd.settled == 9


def test_after_a_failure_the_rest_is_left_alone() -> None:
    results, crowd = made([(math.cos, (0.0,)), (math.sqrt, (-1.0,)), (math.cos, (1.0,))], 1)
    assert results == {0: 1.0}
    assert crowd.settled == 1


#: the other process is killed as soon as it has been given its first call
LOST = """
import math, time
from computesim.cells import processes

class Doomed(processes._Other):
    def _pass_on(self, number):
        self._process.kill()
        super()._pass_on(number)

processes.PATIENCE, processes._Other = 0.0, Doomed
calls = [*[(time.sleep, (1.0,))] * 4, *[(math.sin, (float(i),)) for i in range(3)]]
results = {}
crowd = processes.Crowd(calls, lambda n: True, lambda n, r, s: results.__setitem__(n, r))
crowd.run(2, lambda: None)
assert sorted(results) == list(range(len(calls))), results
"""


def test_what_a_lost_process_had_begun_is_done_once_more() -> None:
    assert subprocess.run([sys.executable, "-c", LOST], check=False).returncode == 0


SCRIPT = """
import sys, time
from computesim.cells import processes
processes.PATIENCE = 0.0
calls = [(time.sleep, (60.0 if i else 0.0,)) for i in range(4)]
crowd = processes.Crowd(calls, lambda n: True, lambda n, r, s: None)
send = processes._send
def tell(pipe, what):
    send(pipe, what)
    print("busy", flush=True)
processes._send = tell
begin = processes._Other.__init__
def noted(self, crowd):
    begin(self, crowd)
    print(self._process.pid, flush=True)
processes._Other.__init__ = noted
crowd.run(2, lambda: None)
"""


@pytest.mark.parametrize("how", [signal.SIGKILL, signal.SIGTERM, signal.SIGINT])
def test_no_process_outlives_the_one_that_started_it(how: signal.Signals) -> None:
    run = subprocess.Popen(
        [sys.executable, "-c", SCRIPT], stdout=subprocess.PIPE, stderr=subprocess.DEVNULL
    )
    assert run.stdout is not None
    child = int(run.stdout.readline())
    assert run.stdout.readline().strip() == b"busy"
    os.kill(run.pid, how)
    assert run.wait() != 0
    run.stdout.close()
    while running(child):  # the suite's own limit of time ends this test if it does not
        time.sleep(0.05)


def running(pid: int) -> bool:
    """Return whether a process is there and no zombie."""
    try:
        os.kill(pid, 0)
        return ") Z " not in Path(f"/proc/{pid}/stat").read_text()
    except (ProcessLookupError, FileNotFoundError):
        return False


@pytest.mark.usefixtures("impatient")
def test_arguments_with_an_accelerator_reach_other_processes() -> None:
    calls = [(H100.peak, ("fp8",))] + [(time.sleep, (0.1,))] * 40 + [(H100.peak, ("bf16",))] * 40
    results, _ = made(calls, 2)
    assert results[0] == H100.peak("fp8")
    assert set(list(results.values())[-5:]) <= {H100.peak("bf16"), None}


def test_the_setting_says_how_many_processes_there_are(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("COMPUTESIM_JOBS", "7")
    assert usable_cores() == 7
    for wrong in ("0", "many", "-1", "1.5"):
        monkeypatch.setenv("COMPUTESIM_JOBS", wrong)
        with pytest.raises(ComputesimError, match="takes a number of processes"):
            usable_cores()
    monkeypatch.delenv("COMPUTESIM_JOBS")
    assert 1 <= usable_cores() <= (os.cpu_count() or 1)


def test_cells_are_measured_once_and_errors_wait_for_who_asks() -> None:
    memo, told = Memo(None), list[tuple[int, int]]()

    def right(x: float) -> Number:
        return Number(x)

    def wrong() -> Number:
        raise ComputesimError("this cell cannot be measured")

    good = [Question(Number, (i,), right, (float(i),)) for i in range(5)]
    measure_ahead([*good, *good], memo, 1, lambda *progress: told.append(progress))
    assert memo.computed == 5
    assert told == sorted(told)
    assert told[-1][1] == 5
    measure_ahead([*good, Question(Number, ("wrong",), wrong, ())], memo, 1)
    assert memo.computed == 5
    with pytest.raises(ComputesimError, match="cannot be measured"):
        memo.answer(Question(Number, ("wrong",), wrong, ()))
