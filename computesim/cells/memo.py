"""Measured cells, kept between runs.

A cell (a serving pool, a training job, an RL job on one accelerator) is a pure
function of its inputs, so its result is filed under a hash of them. The file is
named by a hash of the code, the tables and the libraries that compute cells: a
change of any of them forgets everything, a change of anything else nothing.
`COMPUTESIM_MEMO=off` computes every cell anew.
"""

from __future__ import annotations

import hashlib
import json
import os
import tempfile
from collections.abc import Callable
from dataclasses import asdict
from functools import cache, partial, wraps
from importlib.metadata import version
from pathlib import Path
from typing import Any, TypeVar

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


class Memo:
    """Results by the hash of their inputs; a folder of `None` keeps them in memory only."""

    def __init__(self, folder: Path | None) -> None:
        self.path = folder / f"cells-{code_hash()}.json" if folder else None
        self.hits = 0
        self.computed = 0
        self._known: dict[str, dict[str, Any]] = {}
        if self.path:
            try:
                self._known = json.loads(self.path.read_text(encoding="utf-8"))
            except (OSError, ValueError):
                self._known = {}

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
        if on():
            act = partial(self._get, kind, compute, plain(args))
            return measured(what, wraps(compute)(act), *inputs)
        return self._get(kind, compute, args, *inputs)

    def _get(
        self, kind: type[T], compute: Callable[..., T], args: tuple[Any, ...], *inputs: Any
    ) -> T:
        """Return a cell of plain numbers."""
        key = hashlib.sha256(repr((kind.__name__, inputs)).encode()).hexdigest()[:32]
        if key in self._known:
            self.hits += 1
            return kind(**self._known[key])
        self.computed += 1
        result = compute(*args)
        self._known[key] = asdict(result)  # type: ignore[call-overload]
        return result

    def save(self) -> None:
        """Write what was added, in one piece; a folder that cannot be written is left alone."""
        if not self.path or not self.computed:
            return
        try:
            self.path.parent.mkdir(parents=True, exist_ok=True)
            with tempfile.NamedTemporaryFile(
                "w", encoding="utf-8", dir=self.path.parent, delete=False
            ) as scratch:
                json.dump(self._known, scratch)
            Path(scratch.name).replace(self.path)
        except OSError:
            return


def default_folder() -> Path | None:
    """Return the folder under the user's cache directory, or None where it is switched off."""
    if os.environ.get("COMPUTESIM_MEMO") == "off":
        return None
    home = os.environ.get("XDG_CACHE_HOME")
    try:
        return (Path(home) if home else Path.home() / ".cache") / "computesim"
    except RuntimeError:
        return None


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
