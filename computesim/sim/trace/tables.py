"""Trace files as chunks of raw columns: CSV (also gzipped), Parquet and JSON lines.

CSV is read twice as it were: by Arrow, fast, as long as the file is regular, and
from the first irregularity on by Python's own reader, which knows in which line
it is.
"""

from __future__ import annotations

import csv
import gzip
import json
from collections.abc import Callable, Iterator, Mapping, Sequence
from itertools import islice
from pathlib import Path
from typing import IO, Any, NamedTuple, cast

from computesim.errors import CaseError, Fault

ROWS = 1 << 16  #: of a chunk, about
_BLOCK = 1 << 22  # bytes of CSV that become a chunk


class Raw(NamedTuple):
    """Some rows of a file, as they stand there."""

    columns: Mapping[str, Any]  #: column of the trace -> Arrow array or list of cells
    lines: Sequence[int]  #: line (or row, in Parquet) of each; empty where nobody knows
    size: int
    broken: Mapping[int, str] = {}  #: rows that are none -> what stands there


class IrregularError(Exception):
    """A file that the fast reader does not understand."""


Source = Callable[[int], Iterator[Raw]]  #: from a row on; 0 but for the last of several


def unreadable(file: Path, error: Exception) -> CaseError:
    """Return the complaint about a file that cannot be read."""
    return CaseError([Fault("trace", str(error), "a readable file", str(file))])


def names_in(file: Path) -> list[str]:
    """Return the columns of a file.

    Parameters
    ----------
    file : Path
        CSV, CSV.gz, Parquet or JSON lines.

    Returns
    -------
    list of str
        Empty where the file is.
    """
    if file.suffix == ".parquet":
        from pyarrow import ArrowInvalid, parquet

        try:
            return list(parquet.read_schema(file).names)
        except ArrowInvalid as error:
            raise OSError(str(error)) from error
    with _text(file) as text:
        if not _is_json(file):
            return next(csv.reader(text), [])
        for line in text:
            if line.strip():
                row = _object(line)
                return list(row) if row is not None else []
    return []


def sources(file: Path, found: Mapping[str, str], header: Sequence[str]) -> list[Source]:
    """Return the readers of a file, each for what the one before does not understand.

    Parameters
    ----------
    file : Path
        CSV, CSV.gz, Parquet or JSON lines.
    found : mapping of str to str
        Column of the trace -> column of the file.
    header : sequence of str
        All columns of the file.

    Returns
    -------
    list of callable
        A reader may raise `IrregularError` except the last.
    """
    if file.suffix == ".parquet":
        return [lambda _: _parquet(file, found)]
    if _is_json(file):
        return [lambda _: _json(file, found)]
    places = {field: header.index(name) for field, name in found.items()}
    careful: list[Source] = [lambda first: _careful_csv(file, places, first)]
    if len(set(header)) < len(header):  # Arrow would not know which one is meant
        return careful
    return [lambda _: _fast_csv(file, found), *careful]


def _is_json(file: Path) -> bool:
    """Tell JSON lines by the file's name."""
    return file.name.removesuffix(".gz").endswith((".jsonl", ".ndjson", ".json"))


def _text(file: Path) -> IO[str]:
    """Open a text file, gzipped or not."""
    opener = gzip.open if file.suffix == ".gz" else open
    return cast("IO[str]", opener(file, "rt", encoding="utf-8-sig", newline=""))


def _fast_csv(file: Path, found: Mapping[str, str]) -> Iterator[Raw]:
    """Yield the chunks of a regular file."""
    import pyarrow
    from pyarrow import csv as table

    numbers = {f: pyarrow.int64() for f in ("prompt_tokens", "output_tokens", "cached_tokens",
                                            "reason_tokens")}  # fmt: skip
    types = {name: numbers.get(f, pyarrow.string()) for f, name in found.items()}
    try:
        reader = table.open_csv(
            file,
            read_options=table.ReadOptions(block_size=_BLOCK),
            convert_options=table.ConvertOptions(
                column_types=types, include_columns=list(found.values())
            ),
        )
        for batch in reader:
            yield Raw({f: batch.column(name) for f, name in found.items()}, (), batch.num_rows)
    except (pyarrow.ArrowInvalid, pyarrow.ArrowKeyError, OSError) as error:
        raise IrregularError(str(error)) from error


def _careful_csv(file: Path, places: Mapping[str, int], first: int) -> Iterator[Raw]:
    """Yield the chunks of any file from a row on, with the line of each row."""
    with _text(file) as text:
        table = csv.reader(text)
        next(table, None)
        filled = ((table.line_num, row) for row in table if row)
        rows = islice(filled, first, None)
        while part := list(islice(rows, ROWS)):
            columns = {f: [r[p] if p < len(r) else "" for _, r in part] for f, p in places.items()}
            yield Raw(columns, [line for line, _ in part], len(part))


def _parquet(file: Path, found: Mapping[str, str]) -> Iterator[Raw]:
    """Yield the chunks of a Parquet file, with the number of each row."""
    from pyarrow import ArrowInvalid, parquet

    first = 1
    wanted = list(found.values())
    try:
        table = parquet.ParquetFile(file, pre_buffer=False)
        for batch in table.iter_batches(ROWS, columns=wanted, use_threads=False):
            columns = {f: batch.column(name) for f, name in found.items()}
            yield Raw(columns, range(first, first + batch.num_rows), batch.num_rows)
            first += batch.num_rows
    except ArrowInvalid as error:
        raise OSError(str(error)) from error


def _json(file: Path, found: Mapping[str, str]) -> Iterator[Raw]:
    """Yield the chunks of a file with one JSON object in each line."""
    with _text(file) as text:
        numbered = ((n, line) for n, line in enumerate(text, start=1) if line.strip())
        while part := list(islice(numbered, ROWS)):
            rows = [_object(line) for _, line in part]
            broken = {i: part[i][1].strip()[:40] for i, row in enumerate(rows) if row is None}
            columns = {f: [(row or {}).get(n) for row in rows] for f, n in found.items()}
            yield Raw(columns, [n for n, _ in part], len(part), broken)


def _object(line: str) -> dict[str, Any] | None:
    """Return the object of a line of JSON, or nothing."""
    try:
        row = json.loads(line)
    except ValueError:
        return None
    return row if isinstance(row, dict) else None
