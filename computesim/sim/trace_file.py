"""Recorded traces: `t_s, input_tokens, output_tokens` and perhaps `cached_tokens`.

Read from CSV (also gzipped) and Parquet; other columns are left alone. All
faults of a file are reported at once, with their lines.
"""

from __future__ import annotations

import csv
import gzip
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import IO, Any, cast

import numpy as np
import numpy.typing as npt

from computesim.errors import CaseError, Fault, near_miss
from computesim.sim.service import Floats
from computesim.sim.trace import Trace, replay

COLUMNS = ("t_s", "input_tokens", "output_tokens")
CACHED = "cached_tokens"
MOST_FAULTS = 20  #: that are shown; the rest is counted
_COUNT = "expected a whole number of tokens, at least 1"

Table = tuple[Mapping[str, Sequence[Any]], Sequence[int]]


def read_trace(path: str | Path) -> Trace:
    """Return a recorded trace, ordered by arrival and counted from its first request.

    Parameters
    ----------
    path : str or Path
        A file `.csv`, `.csv.gz` or `.parquet` with the columns `t_s` (s), `input_tokens`,
        `output_tokens` and optionally `cached_tokens`.

    Returns
    -------
    Trace

    Raises
    ------
    CaseError
        If the file cannot be read, lacks a column, or holds impossible values.
    """
    file = Path(path)
    try:
        columns, lines = (_read_parquet if file.suffix == ".parquet" else _read_csv)(file)
    except (OSError, EOFError, UnicodeDecodeError, csv.Error) as error:
        raise CaseError([Fault("trace", str(error), "a readable file", str(file))]) from error
    values = {name: _numbers(column) for name, column in columns.items()}
    faults = [
        Fault(name, repr(columns[name][row]), accepted, str(file), lines[row])
        for row, name, accepted in sorted(_complaints(values))
    ]
    if not faults and not lines:
        faults.append(Fault("trace", "no rows", "expected at least one request", str(file), 1))
    if faults:
        hidden = len(faults) - MOST_FAULTS
        title = f"{file} ({hidden} more are not shown)" if hidden > 0 else str(file)
        raise CaseError(faults[:MOST_FAULTS], title)
    return replay(*(values[name] for name in (*COLUMNS, CACHED) if name in values))


def _read_csv(file: Path) -> Table:
    """Return the columns of a text file as they stand there, and the line of each row."""
    opener = gzip.open if file.suffix == ".gz" else open
    with opener(file, "rt", encoding="utf-8-sig", newline="") as text:
        table = csv.reader(cast("IO[str]", text))
        names = next(table, [])
        places = {name: names.index(name) for name in _wanted(file, names)}
        columns: dict[str, list[Any]] = {name: [] for name in places}
        lines = []
        for row in table:
            if row:
                lines.append(table.line_num)
                for name, place in places.items():
                    columns[name].append(row[place] if place < len(row) else "")
    return columns, lines


def _read_parquet(file: Path) -> Table:
    """Return the columns of a Parquet file, and the number of each row."""
    from pyarrow import ArrowInvalid, parquet

    try:
        wanted = _wanted(file, parquet.read_schema(file).names)
        table = parquet.read_table(file, columns=wanted)
    except ArrowInvalid as error:
        raise OSError(str(error)) from error
    columns = {name: table[name].to_numpy(zero_copy_only=False) for name in wanted}
    return columns, range(1, table.num_rows + 1)


def _wanted(file: Path, names: list[str]) -> list[str]:
    """Return the columns to read, or say which ones a table lacks."""
    missing = [name for name in COLUMNS if name not in names]
    if missing:
        found = f"columns {', '.join(names)}" if names else "no columns"
        accepted = f"expected {', '.join(COLUMNS)} and optionally {CACHED}"
        raise CaseError(
            [Fault(n, found, accepted, str(file), 1, near_miss(n, names)) for n in missing]
        )
    return [name for name in (*COLUMNS, CACHED) if name in names]


def _numbers(column: Sequence[Any]) -> Floats:
    """Return a column as numbers, nan where a cell is none."""
    try:
        return np.asarray(column, dtype=np.float64)
    except (TypeError, ValueError):
        return np.array([_number(cell) for cell in column])


def _number(cell: Any) -> float:
    """Return a cell as a number, or nan."""
    try:
        return float(cell)
    except (TypeError, ValueError):
        return np.nan


def _complaints(values: Mapping[str, Floats]) -> Iterator[tuple[int, str, str]]:
    """Yield row, column and what is accepted for each impossible value."""
    rules = {
        "t_s": (np.isfinite(values["t_s"]), "expected seconds"),
        "input_tokens": (_is_count(values["input_tokens"], 1.0), _COUNT),
        "output_tokens": (_is_count(values["output_tokens"], 1.0), _COUNT),
    }
    if CACHED in values:
        fits = values[CACHED] <= values["input_tokens"]
        accepted = "expected a whole number from 0 to input_tokens"
        rules[CACHED] = (_is_count(values[CACHED], 0.0) & fits, accepted)
    for name, (good, accepted) in rules.items():
        for row in np.flatnonzero(~good):
            yield int(row), name, accepted


def _is_count(values: Floats, least: float) -> npt.NDArray[np.bool_]:
    """Tell which values are whole numbers from `least` to a quadrillion."""
    return np.asarray((values >= least) & (values <= 1e15) & (np.rint(values) == values))
