"""Measured cells, kept between runs.

A cell (a serving pool, a training job, an RL job on one accelerator) is a pure
function of its inputs, so its result is filed under a hash of them. What is kept on
disk (`store`) is filed under a hash of the code, the tables and the libraries that
compute cells: a change of any of them forgets everything, a change of anything else
nothing. `COMPUTESIM_MEMO=off` computes every cell anew.
"""

from __future__ import annotations

import hashlib
import json
import os
import time
from collections.abc import Callable
from contextlib import suppress
from dataclasses import asdict, dataclass
from functools import cache, partial, wraps
from importlib.metadata import version
from pathlib import Path
from threading import RLock
from typing import Any, Final, Generic, TypeVar

from computesim.cells.store import CellStore, Row
from computesim.traced import Measured, measured, on, plain

T = TypeVar("T")
CELL = Measured("simulated", "cell")
_PACKAGE = Path(__file__).parents[1]
#: all that a cell rests on besides its inputs; catalog figures are among these
_COMPUTES_CELLS = (
    *("workload", "hardware", "sim", "cells"),
    "fleet/purchase.py",  # purchases are kept as well
    *("arrays.py", "calendar.py", "lengths.py", "quantities.py", "traced", "units.py"),
    "data/calibration/rl.csv",
)
_LIBRARIES = ("numpy", "numba", "scipy")
CHEAP: Final = 0.002  #: s; what takes less is written in batches, whose end a kill may lose
BATCH: Final = 0.2  #: s between two batches


@dataclass(frozen=True, slots=True)
class Question(Generic[T]):
    """A cell that may be known: what it depends on, and how it is computed.

    The answer is a dataclass of numbers. Inputs are frozen dataclasses and numbers, everything
    that it depends on; what computes it is called with the arguments.
    """

    kind: type[T]
    inputs: tuple[Any, ...]
    compute: Callable[..., T]
    args: tuple[Any, ...]
    what: Measured = CELL  #: in the tree of a traced number

    @property
    def key(self) -> str:
        """Hash of the kind and of plain inputs."""
        return _key(self.kind, self.inputs)


class Memo:
    """Results by the hash of their inputs; a folder of `None` keeps them in memory only."""

    def __init__(self, folder: Path | None) -> None:
        self.folder = folder
        self.hits = 0
        self.computed = 0
        self._known: dict[str, dict[str, Any]] = {}
        self._store = store_in(folder) if folder else None
        self._batch: list[Row] = []
        self._written = time.monotonic()
        self._lock = RLock()  # answers of other processes come in by threads

    def get(
        self,
        kind: type[T],
        inputs: tuple[Any, ...],
        compute: Callable[..., T],
        *args: Any,
        what: Measured = CELL,
    ) -> T:
        """Return a cell of a dataclass of numbers, computed if it is not known.

        Parameters
        ----------
        kind : type
            The dataclass.
        inputs : tuple
            Everything that the result depends on; frozen dataclasses and numbers.
        compute : callable
            Returns it for the rest of the arguments.
        *args
        what : Measured
            What it is, in the tree of a traced number.
        """
        return self.answer(Question(kind, inputs, compute, args, what))

    def answer(self, question: Question[T]) -> T:
        """Return a cell, computed if it is not known.

        Parameters
        ----------
        question : Question
        """
        compute = question.compute
        if on():
            act = partial(self._get, question.kind, compute, plain(question.args))
            return measured(question.what, wraps(compute)(act), *question.inputs)
        return self._get(question.kind, compute, question.args, *question.inputs)

    def knows(self, key: str) -> bool:
        """Return whether a cell is known, to this or to another process."""
        with self._lock:
            if key not in self._known and self._store:
                with suppress(ValueError):  # not JSON
                    self._known[key] = json.loads(self._store.fields(key) or "")
            return key in self._known

    def learn(self, key: str, cell: Any, seconds: float) -> None:
        """Keep what was computed.

        Parameters
        ----------
        key : str
            `Question.key`.
        cell : dataclass of numbers
        seconds : float, s
            That it took.
        """
        fields = asdict(cell)
        with self._lock:
            self.computed += 1
            self._known[key] = fields
            if self._store:
                row = Row(key, type(cell).__name__, json.dumps(fields), seconds)
                self._batch.append(row)
                if seconds > CHEAP or time.monotonic() - self._written > BATCH:
                    self._write()

    def save(self) -> None:
        """Write what is not written yet; a folder that cannot be written is left alone."""
        with self._lock:
            if self._store:
                self._write()
                self._store.close()

    def _write(self) -> None:
        """Hand over what was computed."""
        if self._store and self._batch:
            self._store.add(self._batch)
            self._batch, self._written = [], time.monotonic()

    def _get(
        self, kind: type[T], compute: Callable[..., T], args: tuple[Any, ...], *inputs: Any
    ) -> T:
        """Return a cell of plain numbers."""
        key = _key(kind, inputs)
        if self.knows(key):
            self.hits += 1
        else:
            start = time.perf_counter()
            cell = compute(*args)
            self.learn(key, cell, time.perf_counter() - start)
        return kind(**self._known[key])


def _key(kind: type, inputs: tuple[Any, ...]) -> str:
    """Return the hash under which a cell is filed."""
    return hashlib.sha256(repr((kind.__name__, inputs)).encode()).hexdigest()[:32]


def default_folder() -> Path | None:
    """Return the folder under the user's cache directory, or None where it is switched off."""
    if os.environ.get("COMPUTESIM_MEMO") == "off":
        return None
    home = os.environ.get("XDG_CACHE_HOME")
    try:
        return (Path(home) if home else Path.home() / ".cache") / "computesim"
    except RuntimeError:
        return None


def store_in(folder: Path) -> CellStore:
    """Return the cells in a folder that this version measured."""
    return CellStore(folder, code_hash())


@cache
def code_hash() -> str:
    """Return a hash of the code, tables and library versions with which cells are computed."""
    digest = hashlib.sha256()
    for name in _COMPUTES_CELLS:
        root = _PACKAGE / name
        for path in sorted(root.rglob("*.py")) if root.is_dir() else [root]:
            digest.update(path.read_bytes())
    digest.update(repr([version(name) for name in _LIBRARIES]).encode())
    return digest.hexdigest()[:16]
