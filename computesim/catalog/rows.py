"""Rows of the tables: one figure each, with its unit, its range and its source.

A table is a CSV file with the columns `COLUMNS`. Reading keeps the rows as text;
a row becomes a `Figure` when somebody asks for it, so a run pays only for the
tables and figures that it uses.
"""

from __future__ import annotations

import csv
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from functools import cache
from pathlib import Path
from typing import Final, NamedTuple

from computesim import units
from computesim.errors import CatalogError, Fault
from computesim.traced import Traced, leaf

COLUMNS: Final = (
    "name",
    "parameter",
    "value",
    "unit",
    "low",
    "high",
    "as_of",
    "source",
    "note",
)
SOURCE_COLUMNS: Final = ("key", "title", "url", "date", "kind")
SOURCE_KINDS: Final = (
    "datasheet",
    "paper",
    "filing",
    "measurement",
    "press",
    "estimate",
    "dataset",
)
#: units of values that are no numbers; `list` is separated by semicolons
TEXT_UNITS: Final = ("text", "date", "list")
PACKAGE: Final = Path(__file__).parents[1]
DATA: Final = PACKAGE / "data"
TABLES: Final = (
    "accelerators",
    "models",
    "fabrics",
    "sites",
    "prices",
    "reliability",
    "reasoning",
    "quality",
    "power",
    "collectives",
    "efficiency",
    "history",
    "projections",
    "supply",
    "bill",
    "segments",
)


@dataclass(frozen=True, slots=True)
class Figure:
    """One cited figure, as its row gives it."""

    table: str
    name: str  #: what it is a figure of, `h100-sxm`
    parameter: str  #: which figure, `memory_bandwidth`
    value: float | str  #: in `unit`; text where the unit is text, date or list
    unit: str
    low: float | None
    high: float | None
    as_of: str  #: date of the figure or vintage of the forecast
    source: str  #: key of the sources table
    note: str
    place: tuple[str, int] = field(default=("", 0), compare=False, repr=False)  #: file and line

    @property
    def number(self) -> float:
        """The value in base units."""
        if isinstance(self.value, str):
            raise TypeError(f"{self.table} {self.name} {self.parameter} is text, not a number")
        return self._leaf(self.value, "")

    @property
    def bounds(self) -> tuple[float, float]:
        """Low and high end in base units; the value itself where a row gives no range."""
        low = self.number if self.low is None else self._leaf(self.low, "low ")
        high = self.number if self.high is None else self._leaf(self.high, "high ")
        return low, high

    def _leaf(self, value: float, end: str) -> float:
        """Return a number of the row in base units."""
        number = value * units.scale(self.unit)
        name = f"{end}{self.parameter.replace('_', ' ')} of {self.name}"

        def made() -> Traced:
            unit = units.base(self.unit)
            return Traced(number, "catalog figure", name=name, unit=unit, source=self.source,
                          origin=shown_place(*self.place), note=self.note)  # fmt: skip

        return leaf(number, made)

    @property
    def text(self) -> str:
        """The value as it stands in the table."""
        return self.value if isinstance(self.value, str) else f"{self.value:g}"


def shown_place(file: str, line: int) -> str:
    """Return a file and line, from the folder of the package where it is in it."""
    path = Path(file)
    known = path.relative_to(PACKAGE.parent) if path.is_relative_to(PACKAGE) else path
    return f"{known.as_posix()}:{line}"


@dataclass(frozen=True, slots=True)
class Source:
    """Where figures come from."""

    key: str
    title: str
    url: str
    date: str  #: as exact as it is known: year, month or day
    kind: str  #: one of `SOURCE_KINDS`


class Row(NamedTuple):
    """One line of a table, still text, with the place it came from."""

    fields: tuple[str, ...]  #: in the order of `COLUMNS`
    file: str
    line: int

    @property
    def name(self) -> str:
        """First column."""
        return self.fields[0]

    @property
    def parameter(self) -> str:
        """Second column."""
        return self.fields[1]

    def figure(self, table: str) -> Figure:
        """Return the row as a figure."""
        name, parameter, value, unit, low, high, as_of, source, note = self.fields
        return Figure(
            table=table,
            name=name,
            parameter=parameter,
            value=value if unit in TEXT_UNITS else float(value),
            unit=unit,
            low=float(low) if low else None,
            high=float(high) if high else None,
            as_of=as_of,
            source=source,
            note=note,
            place=(self.file, self.line),
        )


#: name -> parameter -> rows, oldest `as_of` first
Table = Mapping[str, Mapping[str, tuple[Row, ...]]]


def read_rows(path: Path, columns: tuple[str, ...] = COLUMNS) -> Iterator[Row]:
    """Yield the rows of a CSV file in the order of `columns`, missing columns empty.

    Parameters
    ----------
    path : Path
    columns : tuple of str
        Columns that the file may have.

    Raises
    ------
    CatalogError
        If the header holds other columns.
    """
    with path.open(encoding="utf-8-sig", newline="") as stream:
        reader = csv.reader(stream)
        header = next(reader, [])
        unknown = [name for name in header if name not in columns]
        if unknown or columns[0] not in header:
            found = f"columns {', '.join(header) or 'none'}"
            accepted = f"accepted: {', '.join(columns)}"
            raise CatalogError([Fault("header", found, accepted, str(path), 1)], "catalog")
        order = None if tuple(header) == columns else [_index(header, c) for c in columns]
        for fields in reader:
            if fields:
                cells = [f.strip() for f in fields] + [""] * (len(header) - len(fields) + 1)
                picked = cells[: len(columns)] if order is None else [cells[i] for i in order]
                yield Row(tuple(picked), str(path), reader.line_num)


def _index(header: list[str], column: str) -> int:
    return header.index(column) if column in header else -1


def gather(rows: Iterator[Row]) -> dict[str, dict[str, tuple[Row, ...]]]:
    """Return rows by name and parameter, sorted by `as_of`."""
    table: dict[str, dict[str, tuple[Row, ...]]] = {}
    for row in rows:
        figures = table.setdefault(row.name, {})
        figures[row.parameter] = (*figures.get(row.parameter, ()), row)
    for figures in table.values():
        for parameter, several in figures.items():
            if len(several) > 1:
                figures[parameter] = tuple(sorted(several, key=lambda row: row.fields[6]))
    return table


@cache
def shipped_table(table: str) -> dict[str, dict[str, tuple[Row, ...]]]:
    """Return a table of the package, read once per process; not to be changed."""
    return gather(read_rows(DATA / f"{table}.csv"))


@cache
def shipped_sources() -> dict[str, Source]:
    """Return the sources of the package by key; not to be changed."""
    return {s.key: s for s in read_sources(DATA / "sources.csv")}


def read_sources(path: Path) -> list[Source]:
    """Return the sources that a file lists."""
    return [Source(*row.fields) for row in read_rows(path, SOURCE_COLUMNS)]
