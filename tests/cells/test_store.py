"""Cells on disk: kept by whoever measures them, whatever happens to the process or the file."""

from __future__ import annotations

import os
import signal
import sqlite3
import subprocess
import sys
import time
from dataclasses import dataclass
from pathlib import Path

import pytest

from computesim.cells.memo import Memo, code_hash, default_folder, store_in
from computesim.cells.store import DAY, FILE, MOST_DAYS, CellStore, Row

#: measures cells 0 … n - 1, tells each one when it is kept; a cell of 3 ms is one of its inputs
RUN = """
import sys, time
from dataclasses import dataclass
from pathlib import Path
from computesim.cells.memo import Memo

@dataclass(frozen=True)
class Number:
    value: float

def measure(i):
    time.sleep(0.003)
    told.write(f"{i}\\n")
    told.flush()
    return Number(i / 7)

first, last = int(sys.argv[3]), int(sys.argv[4])
memo = Memo(Path(sys.argv[1]))
with open(sys.argv[2], "a") as told:
    for i in range(first, last):
        assert memo.get(Number, (i,), measure, i) == Number(i / 7)
memo.save()
"""


@dataclass(frozen=True)
class Number:
    value: float


def started(folder: Path, told: Path, first: int, last: int) -> subprocess.Popen[bytes]:
    """Return a process that measures some cells."""
    words = [sys.executable, "-c", RUN, folder, told, str(first), str(last)]
    return subprocess.Popen(list(map(str, words)))


def test_a_memo_computes_once_and_remembers_across_runs(tmp_path: Path) -> None:
    calls = []

    def compute() -> Number:
        calls.append(1)
        return Number(0.1 + 0.2)

    first = Memo(tmp_path)
    assert first.get(Number, (1, "a"), compute) == first.get(Number, (1, "a"), compute)
    first.save()
    second = Memo(tmp_path)
    assert second.get(Number, (1, "a"), compute) == Number(0.1 + 0.2)
    second.get(Number, (2, "a"), compute)
    assert len(calls) == 2
    assert {p.name for p in tmp_path.iterdir()} == {FILE, f"{FILE}-journal"}


def test_an_infinite_field_comes_back(tmp_path: Path) -> None:
    first = Memo(tmp_path)
    first.get(Number, (), lambda: Number(float("inf")))
    first.save()
    assert Memo(tmp_path).get(Number, (), pytest.fail) == Number(float("inf"))


def test_a_run_killed_ten_times_loses_nothing_and_measures_nothing_twice(tmp_path: Path) -> None:
    folder, told, n = tmp_path / "cells", tmp_path / "told", 110
    told.touch()
    for kill in range(1, 11):
        run = started(folder, told, 0, n)
        while len(told.read_bytes().split()) < 10 * kill:
            assert run.poll() is None
            time.sleep(0.001)
        os.kill(run.pid, signal.SIGKILL)
        run.wait()
    assert started(folder, told, 0, n).wait() == 0
    measured = told.read_text().split()
    assert set(measured) == set(map(str, range(n)))
    # a kill may fall between the measurement and its place in the file, once each time
    assert len(measured) <= n + 10
    memo = Memo(folder)
    assert [memo.get(Number, (i,), pytest.fail) for i in range(n)] == [
        Number(i / 7) for i in range(n)
    ]


def test_two_processes_at_once_keep_the_cells_of_both(tmp_path: Path) -> None:
    folder = tmp_path / "cells"
    runs = [started(folder, tmp_path / f"told{i}", 60 * i, 60 * i + 60) for i in range(2)]
    assert [run.wait() for run in runs] == [0, 0]
    memo = Memo(folder)
    for i in range(120):
        assert memo.get(Number, (i,), pytest.fail) == Number(i / 7)


def test_a_cell_that_another_process_measured_meanwhile_is_known(tmp_path: Path) -> None:
    ours, theirs = Memo(tmp_path), Memo(tmp_path)
    ours.get(Number, (1,), lambda: Number(1.0))
    theirs.get(Number, (2,), lambda: Number(2.0))
    theirs.save()
    assert ours.get(Number, (2,), pytest.fail) == Number(2.0)


def numbered(folder: Path) -> None:
    """Ask a memo for 300 cells."""
    memo = Memo(folder)
    for i in range(300):
        assert memo.get(Number, (i,), lambda i=i: Number(float(i))) == Number(float(i))
    memo.save()


@pytest.mark.parametrize("damage", ["no database", "torn pages"])
def test_a_damaged_file_is_set_aside_and_said_once(tmp_path: Path, damage: str) -> None:
    numbered(tmp_path)
    file = tmp_path / FILE
    size = file.stat().st_size
    with file.open("r+b") as draft:
        draft.seek(0 if damage == "no database" else 4096)
        draft.write(b"\x5a" * min(size - 4096, 40_000))
    with pytest.warns(UserWarning, match="is damaged") as said:
        numbered(tmp_path)
    assert len(said) == 1
    assert len(list(tmp_path.glob("*.damaged-*"))) == 1
    again = Memo(tmp_path)
    assert again.get(Number, (299,), pytest.fail) == Number(299.0)


def test_a_folder_that_cannot_be_written_is_no_obstacle(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    blocked = Memo(tmp_path / "file" / "below")
    assert blocked.get(Number, (1,), lambda: Number(1.0)) == Number(1.0)
    assert blocked.get(Number, (1,), pytest.fail) == Number(1.0)
    blocked.save()


def test_a_full_disk_keeps_what_was_there_and_takes_the_rest_when_it_can(tmp_path: Path) -> None:
    store = CellStore(tmp_path, "now")
    store.add([Row("a", "Number", "{}", 1.0)])
    pages = store._open().execute("PRAGMA page_count").fetchone()[0]
    store._open().execute(f"PRAGMA max_page_count = {pages}")
    store.add([Row("b", "Number", "x" * 100_000, 1.0)])
    assert store.fields("a") == "{}"
    assert store.fields("b") is None
    store._open().execute("PRAGMA max_page_count = 100000")
    store.close()
    assert CellStore(tmp_path, "now").fields("b") == "x" * 100_000


def test_a_file_that_may_only_be_read_is_read(tmp_path: Path) -> None:
    first = Memo(tmp_path)
    first.get(Number, (1,), lambda: Number(1.0))
    first.save()
    (tmp_path / FILE).chmod(0o444)
    tmp_path.chmod(0o555)
    try:
        memo = Memo(tmp_path)
        assert memo.get(Number, (1,), pytest.fail) == Number(1.0)
        memo.get(Number, (2,), lambda: Number(2.0))
        memo.save()
    finally:
        tmp_path.chmod(0o755)


def test_old_generations_go_and_those_in_use_stay(tmp_path: Path) -> None:
    for code in ("old", "recent"):
        store = CellStore(tmp_path, code)
        store.add([Row("a", "Number", "{}", 1.0)])
        store.close()
    with sqlite3.connect(tmp_path / FILE) as db:
        long_ago = time.time() - (MOST_DAYS + 1) * DAY
        db.execute("UPDATE generations SET used = ? WHERE code = 'old'", (long_ago,))
    db.close()
    new = CellStore(tmp_path, "new")
    new.add([Row("a", "Number", "{}", 1.0)])
    assert CellStore(tmp_path, "old").fields("a") is None
    assert CellStore(tmp_path, "recent").fields("a") == "{}"
    assert new.holding()[:2] == (1, 2)


def test_a_generation_that_is_only_read_counts_as_used(tmp_path: Path) -> None:
    store = CellStore(tmp_path, "warm")
    store.add([Row("a", "Number", "{}", 1.0)])
    store.close()
    with sqlite3.connect(tmp_path / FILE) as db:
        db.execute("UPDATE generations SET used = used - ?", (MOST_DAYS * DAY - 60,))
    db.close()
    warm = CellStore(tmp_path, "warm")
    assert warm.fields("a") == "{}"
    warm.close()
    with sqlite3.connect(tmp_path / FILE) as db:
        (used,) = db.execute("SELECT used FROM generations").fetchone()
    db.close()
    assert time.time() - used < DAY


def test_the_oldest_generations_go_where_the_file_outgrows_its_limit(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for code in ("first", "second"):
        store = CellStore(tmp_path, code)
        store.add([Row(str(i), "Number", "x" * 10_000, 1.0) for i in range(20)])
        store.close()
    full = (tmp_path / FILE).stat().st_size
    monkeypatch.setattr("computesim.cells.store.MOST_BYTES", 0.75 * full)
    third = CellStore(tmp_path, "third")
    third.add([Row("a", "Number", "{}", 1.0)])
    assert CellStore(tmp_path, "first").fields("1") is None
    assert CellStore(tmp_path, "second").fields("1") is not None
    assert third.holding().size < 0.75 * full


def test_files_of_earlier_versions_go_when_they_are_old(tmp_path: Path) -> None:
    old, young = tmp_path / "cells-1.json", tmp_path / "cells-2.json"
    for path in (old, young):
        path.write_text("{}")
    os.utime(old, (0, 0))
    store_in(tmp_path).add([Row("a", "Number", "{}", 1.0)])
    assert not old.exists()
    assert young.exists()


def test_another_version_of_the_code_knows_nothing_of_these_cells(tmp_path: Path) -> None:
    store_in(tmp_path).add([Row("a", "Number", "{}", 1.0)])
    assert CellStore(tmp_path, code_hash()).fields("a") == "{}"
    assert CellStore(tmp_path, "another").fields("a") is None


def test_the_memo_can_be_switched_off(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("COMPUTESIM_MEMO", "off")
    assert default_folder() is None
    monkeypatch.setenv("COMPUTESIM_MEMO", "on")
    monkeypatch.setenv("XDG_CACHE_HOME", "/somewhere")
    assert default_folder() == Path("/somewhere/computesim")
