"""Recorded traces from files, whole or chunk by chunk.

All faults of a file are reported at once, with their lines.
"""

from __future__ import annotations

import csv
import zlib
from collections.abc import Iterator
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np

from computesim.errors import CaseError, Fault
from computesim.sim.trace.requests import OPTIONAL, Blocks, Trace, joined, replay, scaled
from computesim.sim.trace.schemas import Schema, columns_in, schema_of
from computesim.sim.trace.tables import IrregularError, Raw, names_in, sources, unreadable
from computesim.sim.trace.values import Complaint, Reader, cells

MOST_FAULTS = 20  #: that are shown; the rest is counted
MOST_REQUESTS = 50_000_000  #: that are held and sorted in memory
_ENDINGS = (".csv", ".csv.gz", ".parquet", ".jsonl", ".jsonl.gz", ".ndjson", ".ndjson.gz", ".json")
_READING = (OSError, EOFError, UnicodeDecodeError, csv.Error, zlib.error)


class Recording(NamedTuple):
    """A recorded trace and how it was read."""

    trace: Trace
    format: str  #: name of the file's format
    rows: int  #: in the file
    failures: int  #: rows left out because the request failed


def read_trace(
    path: str | Path,
    format: str | None = None,
    start: float = -np.inf,
    end: float = np.inf,
    factor: float = 1.0,
) -> Trace:
    """Return a recorded trace, ordered by arrival and counted from its first request.

    Parameters
    ----------
    path : str or Path
        A file `.csv`, `.csv.gz`, `.parquet`, `.jsonl` or `.jsonl.gz`.
    format : str, optional
        A name of `schemas.NAMES`; told by the columns where left out.
    start, end : float, s
        Span of time to keep, counted from the first row of the file; `end` is not included.
    factor : float
        How many times faster the requests come than they did.

    Raises
    ------
    CaseError
        If the file cannot be read, lacks a column, or holds impossible values.
    """
    return read_recording(path, format, start, end, factor).trace


def read_recording(
    path: str | Path,
    format: str | None = None,
    start: float = -np.inf,
    end: float = np.inf,
    factor: float = 1.0,
) -> Recording:
    """Return a recorded trace with what is to be said about it; arguments are `read_trace`'s."""
    file = Path(path)
    schema, reader, chunks = _opened(file, format)
    store = _Store()
    for chunk in chunks:
        store.add(_kept(chunk, start, end))
        if store.size > MOST_REQUESTS:
            accepted = "expected a shorter span of time, or iter_traces"
            raise CaseError([_about(file, f"more than {MOST_REQUESTS:,} requests", accepted)])
    if not store.size:
        span = "" if reader.rows in (0, reader.failures) else " in the span of time"
        raise CaseError([_about(file, f"no rows{span}", "expected at least one request", 1)])
    trace = replay(**store.columns(), kind_names=tuple(reader.names.get("kind", ())))
    return Recording(
        trace if factor == 1.0 else scaled(trace, factor), schema.name, reader.rows, reader.failures
    )


def iter_traces(path: str | Path, format: str | None = None) -> Iterator[Trace]:
    """Yield a recorded trace in pieces that follow one another, whatever its length.

    Parameters
    ----------
    path : str or Path
        The file; its rows must be in order of arrival.
    format : str, optional
        A name of `schemas.NAMES`.

    Yields
    ------
    Trace
        Arrivals are counted from the first row of the file. Classes keep their numbers;
        `kind_names` holds the names seen so far.

    Raises
    ------
    CaseError
        If the file cannot be used, or a request comes before the one in the row above.
    """
    file = Path(path)
    _, reader, chunks = _opened(file, format)
    last = 0.0
    for chunk in chunks:
        arrival = chunk["arrival"]
        if not arrival.size:
            continue
        if arrival[0] < last or np.any(arrival[1:] < arrival[:-1]):
            accepted = "expected rows in order of arrival (read_trace sorts them)"
            raise CaseError([_about(file, f"a row before number {reader.rows} steps back in time",
                                    accepted)])  # fmt: skip
        last = float(arrival[-1])
        blocks = _blocks([chunk.pop("blocks")]) if "blocks" in chunk else None
        chunk.setdefault("cached_tokens", np.zeros_like(chunk["prompt_tokens"]))
        yield Trace(**chunk, blocks=blocks, kind_names=tuple(reader.names.get("kind", ())))


def _about(file: Path, found: str, accepted: str, line: int = 0) -> Fault:
    """Return a fault of a whole file."""
    return Fault("trace", found, accepted, str(file), line)


def _opened(file: Path, format: str | None) -> tuple[Schema, Reader, Iterator[dict[str, Any]]]:
    """Return the format of a file, what reads it, and its chunks."""
    if not file.name.endswith(_ENDINGS):
        accepted = f"expected a name that ends in {', '.join(_ENDINGS)}"
        raise CaseError([_about(file, "an unknown kind of file", accepted)])
    try:
        names = names_in(file)
    except _READING as error:
        raise unreadable(file, error) from error
    schema = schema_of(str(file), names, format)
    found = columns_in(schema, names)
    if file.name.removesuffix(".gz").endswith(".csv"):
        found.pop("blocks", None)  # a cell of text holds no list
    reader = Reader(schema.clock, schema.drops_failures)
    return schema, reader, _chunks(file, found, names, reader)


def _chunks(
    file: Path, found: dict[str, str], header: list[str], reader: Reader
) -> Iterator[dict[str, Any]]:
    """Yield the columns of each chunk; the second reader goes on where the first one gave up."""
    *fast, last = sources(file, found, header)
    done = 0
    for source in (*fast, last):
        rows = _read(file, source(done))
        try:
            for raw in rows:
                columns, complaints = reader.read(raw)
                if complaints and source is not last:
                    raise IrregularError
                if complaints:
                    raise _faults(file, found, reader, raw, complaints, rows)
                done += raw.size
                yield columns
        except IrregularError:
            continue
        return


def _read(file: Path, rows: Iterator[Raw]) -> Iterator[Raw]:
    """Yield raw chunks, or say that the file cannot be read."""
    try:
        yield from rows
    except _READING as error:
        raise unreadable(file, error) from error


def _faults(
    file: Path,
    found: dict[str, str],
    reader: Reader,
    raw: Raw,
    complaints: list[Complaint],
    rows: Iterator[Raw],
) -> CaseError:
    """Return what is wrong from this chunk to the end of the file."""
    faults: list[Fault] = []
    count = 0
    while True:
        count += len(complaints)
        ordered = sorted(complaints, key=lambda c: (c[0], found.get(c[1], "")))
        for row, name, accepted in ordered[: MOST_FAULTS - len(faults)]:
            cell = raw.broken.get(row) or repr(cells(raw.columns[name])[row])
            faults.append(Fault(found.get(name, "line"), cell, accepted, str(file), raw.lines[row]))
        following = next(rows, None)
        if following is None:
            break
        raw = following
        _, complaints = reader.read(raw)
    hidden = count - len(faults)
    return CaseError(faults, f"{file} ({hidden} more are not shown)" if hidden else str(file))


def _kept(chunk: dict[str, Any], start: float, end: float) -> dict[str, Any]:
    """Return the requests of a chunk that come in a span of time."""
    arrival = chunk["arrival"]
    inside = (arrival >= start) & (arrival < end)
    if inside.all():
        return chunk
    kept = np.flatnonzero(inside)
    lists = chunk.pop("blocks", None)
    found = {name: column[kept] for name, column in chunk.items()}
    return found if lists is None else {**found, "blocks": [lists[row] for row in kept]}


class _Store:
    """Columns that grow in place, so that a long trace is never held twice."""

    def __init__(self) -> None:
        self.size = 0
        self._columns: dict[str, Any] = {}
        self._blocks: list[Blocks] = []

    def add(self, chunk: dict[str, Any]) -> None:
        """Append the requests of a chunk."""
        if "blocks" in chunk:
            self._blocks.append(_blocks([chunk.pop("blocks")]))
        size = self.size + chunk["arrival"].size
        for name, part in chunk.items():
            column = self._columns.setdefault(name, np.empty(0, _type(name)))
            if size > column.size:
                column.resize(max(size, column.size * 5 // 4), refcheck=False)
            column[self.size : size] = part
        self.size = size

    def columns(self) -> dict[str, Any]:
        """Return the whole columns, ordered by arrival."""
        for column in self._columns.values():
            column.resize(self.size, refcheck=False)
        blocks = {"blocks": joined(self._blocks)} if self._blocks else {}
        arrival = self._columns["arrival"]
        if np.any(arrival[1:] < arrival[:-1]):
            order = np.argsort(arrival, kind="stable")
            for column in self._columns.values():
                column[:] = column[order]
            blocks = {name: part.of(order) for name, part in blocks.items()}
        return {**self._columns, **blocks}


def _type(name: str) -> type:
    """Return the type of a column."""
    return np.float64 if name == "arrival" else OPTIONAL.get(name, np.int64)


def _blocks(parts: list[list[list[int]]]) -> Blocks:
    """Return lists of hashes as one array."""
    lists = [hashes for part in parts for hashes in part]
    offsets = np.concatenate(([0], np.cumsum([len(hashes) for hashes in lists], dtype=np.int64)))
    ids = np.fromiter((h for hashes in lists for h in hashes), np.int64, int(offsets[-1]))
    return Blocks(ids, offsets)
