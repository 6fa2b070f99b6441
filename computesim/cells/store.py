"""Measured cells on disk: one SQLite file that any number of processes share.

Cells are written as they are measured, each in a transaction, so that the file is whole and
filled whenever a process ends, killed or not. It has a rollback journal and no write-ahead log:
that one wants memory shared between processes, which folders on a network do not give. A file
that cannot be read or written is no obstacle: then nothing is known, or nothing is kept.

A generation is what one state of the code has measured. Old ones go after `MOST_DAYS` without
use, the oldest sooner where the file outgrows `MOST_BYTES`.
"""

from __future__ import annotations

import os
import sqlite3
import time
import warnings
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager, suppress
from pathlib import Path
from threading import RLock
from typing import Final, NamedTuple, TypeVar

T = TypeVar("T")
FILE: Final = "cells.sqlite"
DAY: Final = 86400.0  #: s
MOST_DAYS: Final = 30.0
MOST_BYTES: Final = 256e6
PATIENCE: Final = 20.0  #: s, while other processes write
DAMAGED: Final = (sqlite3.SQLITE_CORRUPT, sqlite3.SQLITE_NOTADB)
_TABLES: Final = """
    PRAGMA auto_vacuum = INCREMENTAL;
    CREATE TABLE IF NOT EXISTS generations (code TEXT PRIMARY KEY, used REAL) WITHOUT ROWID;
    CREATE TABLE IF NOT EXISTS cells (
        code TEXT, key TEXT, kind TEXT, fields TEXT, seconds REAL, PRIMARY KEY (code, key)
    ) WITHOUT ROWID;
"""


class Row(NamedTuple):
    """One measured cell."""

    key: str  #: hash of its inputs
    kind: str  #: its dataclass
    fields: str  #: JSON
    seconds: float  #: that it took, s


class Holding(NamedTuple):
    """What a store holds."""

    cells: int  #: of this generation
    generations: int
    size: int  #: B


class CellStore:
    """The cells of one generation in a folder.

    Parameters
    ----------
    folder : Path
        Made when the first cell is written.
    code : str
        Name of the generation: a hash of what computes cells.
    """

    def __init__(self, folder: Path, code: str) -> None:
        self.path = folder / FILE
        self._code = code
        self._lock = RLock()
        self._connection: sqlite3.Connection | None = None
        self._process = os.getpid()  # a connection does not survive a fork
        self._file = 0  #: inode that the connection is to
        self._registered = False
        self._waiting: list[Row] = []  # rows that could not be written yet
        self._blocked = False  #: not written for now
        self._unread = False  #: not read any more

    def fields(self, key: str) -> str | None:
        """Return the fields of a cell as JSON, None if it is not known."""
        query = "SELECT fields FROM cells WHERE code = ? AND key = ?"
        rows = self._asked(lambda db: db.execute(query, (self._code, key)).fetchone())
        return str(rows[0]) if rows else None

    def add(self, rows: Sequence[Row]) -> None:
        """Write cells; what a full disk or a read-only folder does not take is left out.

        Parameters
        ----------
        rows : sequence of Row
        """
        with self._lock:
            self._waiting += rows
            if not self._blocked:
                self._write()

    def close(self) -> None:
        """Write what could not be written before, if that is possible now, and let go."""
        with self._lock:
            if self._waiting or self._forgotten():
                self._write()
            if self._connection is not None and self._process == os.getpid():
                self._connection.close()
            self._connection = None

    def __del__(self) -> None:
        if self._connection is not None and self._process == os.getpid():
            self._connection.close()

    def holding(self) -> Holding:
        """Return how much is kept."""
        query = (
            "SELECT (SELECT COUNT(*) FROM cells WHERE code = ?), (SELECT COUNT(*) FROM generations)"
        )
        row = self._asked(lambda db: db.execute(query, (self._code,)).fetchone())
        cells, generations = row or (0, 0)
        return Holding(cells, generations, self.path.stat().st_size if self.path.exists() else 0)

    def _forgotten(self) -> bool:
        """Return whether this generation is in use, which the file has not known for a day."""
        query = "SELECT used FROM generations WHERE code = ?"
        row = self._asked(lambda db: db.execute(query, (self._code,)).fetchone())
        return row is not None and time.time() - row[0] > DAY

    def _asked(self, act: Callable[[sqlite3.Connection], T]) -> T | None:
        """Return what a query answers, None where there is nothing to ask."""
        with self._lock:
            for _ in range(0 if self._unread else 2):
                try:
                    if self._connection is None and not self.path.exists():
                        return None
                    return act(self._open())
                except sqlite3.Error as error:
                    if not self._set_aside(error):
                        break
                except OSError:
                    break
            self._unread = True  # a folder without locks would be waited for again and again
        return None

    def _write(self) -> None:
        """Write the rows that wait."""
        for _ in range(2):
            try:
                self.path.parent.mkdir(parents=True, exist_ok=True)
                db = self._open()
                with _transaction(db):
                    if not self._registered:
                        self._register(db)
                    db.executemany(
                        "INSERT OR REPLACE INTO cells VALUES (?, ?, ?, ?, ?)",
                        [(self._code, *row) for row in self._waiting],
                    )
                self._waiting.clear()
                if not self._registered:
                    db.executescript("PRAGMA incremental_vacuum")  # what was forgotten
                self._registered, self._blocked = True, False
                return
            except sqlite3.Error as error:
                if not self._set_aside(error):
                    break
            except OSError:
                break
        self._blocked = True  # tried once more at the end

    def _open(self) -> sqlite3.Connection:
        """Return the connection of this process."""
        if self._process != os.getpid():  # the one that was inherited is the parent's
            self._connection, self._process = None, os.getpid()
        if self._connection is None:
            self._file = _file(self.path)
            db = sqlite3.connect(
                self.path, timeout=PATIENCE, isolation_level=None, check_same_thread=False
            )
            try:
                db.execute("PRAGMA synchronous = NORMAL")
                db.execute("PRAGMA journal_mode = TRUNCATE")
                if not db.execute("SELECT 1 FROM sqlite_master WHERE name = 'cells'").fetchone():
                    db.executescript(_TABLES)
            except sqlite3.Error:
                db.close()
                raise
            self._connection, self._registered = db, False
        return self._connection

    def _register(self, db: sqlite3.Connection) -> None:
        """Note that this generation is in use, and forget old ones."""
        now = time.time()
        db.execute("INSERT OR REPLACE INTO generations VALUES (?, ?)", (self._code, now))
        order = "SELECT code, used FROM generations WHERE code <> ? ORDER BY used"
        size = db.execute("PRAGMA page_count").fetchone()[0]
        size *= db.execute("PRAGMA page_size").fetchone()[0]
        for code, used in db.execute(order, (self._code,)).fetchall():
            if now - used > MOST_DAYS * DAY or size > MOST_BYTES:
                held = "SELECT TOTAL(LENGTH(fields) + 64) FROM cells WHERE code = ?"
                size -= db.execute(held, (code,)).fetchone()[0]
                db.execute("DELETE FROM cells WHERE code = ?", (code,))
                db.execute("DELETE FROM generations WHERE code = ?", (code,))
        for old in self.path.parent.glob("cells-*.json"):  # of versions before this file
            if now - old.stat().st_mtime > MOST_DAYS * DAY:
                old.unlink(missing_ok=True)

    def _set_aside(self, error: sqlite3.Error) -> bool:
        """Move a damaged file out of the way; return whether it was damaged."""
        if getattr(error, "sqlite_errorcode", 0) & 0xFF not in DAMAGED:
            return False
        if self._connection is not None:
            with suppress(sqlite3.Error):
                self._connection.close()
            self._connection = None
        if self._file != _file(self.path):  # another process did it
            return True
        aside = self.path.with_name(f"{FILE}.damaged-{int(time.time())}")
        journal = Path(f"{self.path}-journal")
        try:
            if journal.exists() and journal.stat().st_size:  # it belongs to the damaged file
                os.replace(journal, f"{aside}-journal")
            os.replace(self.path, aside)
        except OSError:
            return self._file != _file(self.path)
        warnings.warn(
            f"{self.path} is damaged; it was moved to {aside.name} and cells are measured anew",
            stacklevel=2,
        )
        return True


def _file(path: Path) -> int:
    """Return the number of a file, 0 if there is none."""
    try:
        return path.stat().st_ino
    except OSError:
        return 0


@contextmanager
def _transaction(db: sqlite3.Connection) -> Iterator[None]:
    """Make what is done in a block one change of the file, or none."""
    db.execute("BEGIN IMMEDIATE")
    try:
        yield
        db.execute("COMMIT")
    except BaseException:
        with suppress(sqlite3.Error):
            db.execute("ROLLBACK")
        raise
