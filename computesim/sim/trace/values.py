"""Raw columns as numbers, and what is wrong with them."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any

import numpy as np
import numpy.typing as npt

from computesim.arrays import Floats, Ints
from computesim.sim.trace.requests import BLOCK
from computesim.sim.trace.schemas import Clock
from computesim.sim.trace.tables import Raw

Complaint = tuple[int, str, str]  #: row of the chunk, column of the trace, what is accepted
Bools = npt.NDArray[np.bool_]

_MOST = 1e15  # tokens; floats count exactly as far as this
_NS = 1e9  # ns in a second
_PER_SECOND = {"s": 1.0, "ms": 1e3}
_ACCEPTED = {"s": "expected seconds", "ms": "expected milliseconds",
             "timestamp": "expected a time such as 2024-05-10 00:00:00.009930"}  # fmt: skip
_COUNT = "expected a whole number of tokens, at least 1"


def cells(column: Any) -> list[Any]:
    """Return a raw column as plain Python values."""
    return column if isinstance(column, list) else list(column.to_pylist())


def reals(column: Any) -> Floats:
    """Return a raw column as numbers, nan where a cell is none."""
    if isinstance(column, list):
        return np.array([_real(cell) for cell in column], dtype=np.float64)
    import pyarrow

    try:
        return np.asarray(column.cast(pyarrow.float64(), safe=False).to_numpy(False), np.float64)
    except pyarrow.ArrowException:
        return reals(cells(column))


def _real(cell: Any) -> float:
    """Return a cell as a number, or nan."""
    try:
        return np.nan if isinstance(cell, bool) else float(cell)
    except (TypeError, ValueError):
        return np.nan


def _instants(column: Any) -> tuple[Ints, Bools]:
    """Return times as nanoseconds since 1970, and which cells are times."""
    if not isinstance(column, list):
        import pyarrow

        zoned = pyarrow.timestamp("ns", "UTC")
        for kind in (pyarrow.timestamp("ns"), zoned):
            try:
                found = column.cast(kind)
                good = found.is_valid().to_numpy(False)
                return found.cast(pyarrow.int64()).fill_null(0).to_numpy(False), good
            except pyarrow.ArrowException:
                continue
        column = cells(column)
    pairs = [_instant(cell) for cell in column]
    return np.array([p or 0 for p in pairs], np.int64), np.array([p is not None for p in pairs])


def _instant(cell: Any) -> int | None:
    """Return a time as nanoseconds since 1970 in UTC, or nothing."""
    if isinstance(cell, datetime):
        cell = cell.isoformat()
    text = str(cell).strip()
    head, _, tail = text.partition(".")
    digits = tail[: len(tail) - len(tail.lstrip("0123456789"))]
    try:
        moment = datetime.fromisoformat(head + tail[len(digits) :])  # it knows 3 or 6 digits only
    except ValueError:
        return None
    if moment.tzinfo is None:
        moment = moment.replace(tzinfo=UTC)
    return int(moment.timestamp()) * 10**9 + int(digits[:9].ljust(9, "0"))


@dataclass
class Reader:
    """Turns chunk after chunk into columns of a trace; remembers what was before.

    Attributes
    ----------
    clock : Clock
        What the arrivals are given in.
    drops_failures : bool
        Requests without output are failures to leave out, not faults.
    """

    clock: Clock
    drops_failures: bool = False
    rows: int = 0  #: read so far
    failures: int = 0  #: left out so far
    names: dict[str, dict[str, int]] = field(default_factory=dict)  #: column -> name -> number
    _start: Any = None  # clock of the first row, as the file gives it; ns for timestamps
    _named: dict[str, bool] = field(default_factory=dict)

    def read(self, raw: Raw) -> tuple[dict[str, Any], list[Complaint]]:
        """Return the columns of a chunk and what is wrong with it.

        Parameters
        ----------
        raw : Raw

        Returns
        -------
        tuple of dict and list
            Arrays by column of the trace, arrivals counted from the first row of the file;
            complaints in any order. The columns are of use only where there are none.
        """
        arrival, good = self._arrival(raw.columns["arrival"])
        complaints = [(int(row), "arrival", _ACCEPTED[self.clock]) for row in np.flatnonzero(~good)]
        numbers = {n: reals(c) for n, c in raw.columns.items() if n.endswith(("_tokens", "conds"))}
        complaints += _number_faults(numbers, 0.0 if self.drops_failures else 1.0)
        columns: dict[str, Any] = {"arrival": arrival}
        if not complaints:
            types = {"think_seconds": np.float64}
            columns |= {n: v.astype(types.get(n, np.int64)) for n, v in numbers.items()}
        for name in ("kind", "session", "client"):
            if name in raw.columns:
                columns[name], faults = self._labels(name, raw.columns[name])
                complaints += faults
        if "blocks" in raw.columns:
            lists = cells(raw.columns["blocks"])
            complaints += _block_faults(lists, numbers["prompt_tokens"])
            columns["blocks"] = lists
        complaints = [c for c in complaints if c[0] not in raw.broken]
        complaints += [(row, "", "expected a JSON object") for row in raw.broken]
        if not complaints:
            self.rows += raw.size
            columns = self._without_failures(columns) if self.drops_failures else columns
        return columns, complaints

    def _arrival(self, column: Any) -> tuple[Floats, Bools]:
        """Return seconds since the first row, and which cells are times."""
        clock: Any
        if self.clock == "timestamp":
            clock, good = _instants(column)
            per_second = _NS
        else:
            clock = reals(column)
            per_second, good = _PER_SECOND[self.clock], np.isfinite(clock)
        if self._start is None and good.any():
            self._start = clock[good][0]
        return (clock - (self._start or 0)) / per_second, good

    def _labels(self, name: str, column: Any) -> tuple[Ints, list[Complaint]]:
        """Return numbers, or names numbered as they appear; no session is one of its own."""
        labels, place = _encoded(column)
        value = np.array([_real(label) for label in labels])
        empty = np.array([not label for label in labels])
        whole = (np.rint(value) == value) & (abs(value) <= _MOST)
        whole &= (value >= 0) if name == "kind" else True
        if name not in self._named:  # the first chunk tells whether a column holds names
            self._named[name] = not np.all(whole | empty)
        if self._named[name]:
            known = self.names.setdefault(name, {})
            number = np.array([known.setdefault(label, len(known)) for label in labels], np.int64)
            whole[:] = True
        else:
            number = np.where(whole, value, 0).astype(np.int64)
        found = number[place]
        if name == "session":
            alone = empty[place]
            found[alone] = -1 - self.rows - np.flatnonzero(alone)
            whole |= empty
        accepted = "expected a whole number, as in the rows before"
        return found, [(int(row), name, accepted) for row in np.flatnonzero(~whole[place])]

    def _without_failures(self, columns: dict[str, Any]) -> dict[str, Any]:
        """Return the columns without the requests that gave no output."""
        kept = columns["output_tokens"] > 0
        if kept.all():
            return columns
        self.failures += int((~kept).sum())
        lists = columns.pop("blocks", None)
        columns = {name: column[kept] for name, column in columns.items()}
        if lists is not None:
            columns["blocks"] = [hashes for hashes, keep in zip(lists, kept, strict=True) if keep]
        return columns


def _encoded(column: Any) -> tuple[list[str], Ints]:
    """Return the different cells as texts in order of appearance, and which one each cell is."""
    if isinstance(column, list):
        known: dict[str, int] = {}
        place = [known.setdefault(_label(cell), len(known)) for cell in column]
        return list(known), np.array(place, np.int64)
    import pyarrow

    try:
        coded = column.cast(pyarrow.string()).fill_null("").dictionary_encode()
    except pyarrow.ArrowException:
        return _encoded(cells(column))
    labels = [_label(cell) for cell in coded.dictionary.to_pylist()]
    return labels, np.asarray(coded.indices.to_numpy(), np.int64)


def _label(cell: Any) -> str:
    """Return a cell as a name."""
    return "" if cell is None else str(cell).strip()


def _number_faults(values: dict[str, Floats], least_output: float) -> Iterator[Complaint]:
    """Yield what is accepted for each impossible number."""
    prompt, output = values["prompt_tokens"], values["output_tokens"]
    count = _COUNT if least_output else _COUNT.replace("1", "0 (a failure)")
    rules: dict[str, tuple[Bools, str]] = {
        "prompt_tokens": (_is_count(prompt, 1.0), _COUNT),
        "output_tokens": (_is_count(output, least_output), count),
    }
    for name, most, whose in (
        ("cached_tokens", prompt, "prompt"),
        ("reason_tokens", output, "output"),
    ):
        if name in values:
            fits = _is_count(values[name], 0.0) & (values[name] <= most)
            rules[name] = (fits, f"expected a whole number from 0 to the tokens of the {whose}")
    if "think_seconds" in values:
        wait = values["think_seconds"]
        rules["think_seconds"] = (np.isfinite(wait) & (wait >= 0.0), "expected seconds, 0 or more")
    for name, (good, accepted) in rules.items():
        for row in np.flatnonzero(~good):
            yield int(row), name, accepted


def _is_count(values: Floats, least: float) -> Bools:
    """Tell which values are whole numbers from `least` to a quadrillion."""
    return np.asarray((values >= least) & (values <= _MOST) & (np.rint(values) == values))


def _block_faults(lists: Sequence[Any], prompt: Floats) -> Iterator[Complaint]:
    """Yield what is accepted for each list of hashes that is none."""
    for row, (hashes, tokens) in enumerate(zip(lists, prompt, strict=True)):
        if not isinstance(hashes, list) or not all(type(h) is int for h in hashes):
            yield row, "blocks", "expected a list of whole numbers"
        elif len(hashes) > -(-tokens // BLOCK):
            yield row, "blocks", f"expected at most one hash for each {BLOCK} prompt tokens"
