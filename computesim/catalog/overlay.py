"""A user's own tables on top of the shipped ones, checked before anything uses them.

An overlay is a folder with files of the same names and columns. A row replaces
every shipped row of the same name and parameter; other rows are added. All
faults of all files are reported at once.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import fields
from functools import cache
from pathlib import Path
from typing import Final

from computesim import units
from computesim.catalog.rows import (
    SOURCE_COLUMNS,
    SOURCE_KINDS,
    TABLES,
    TEXT_UNITS,
    Row,
    Source,
    Table,
    gather,
    read_rows,
    shipped_sources,
    shipped_table,
)
from computesim.errors import CatalogError, Fault, UnitError, near_miss
from computesim.hardware.accelerator import WIDER
from computesim.workload.architecture import Architecture

#: tables whose parameters become fields, so that a misspelt one is a fault
_TYPED: Final = ("accelerators", "models", "fabrics", "sites")
#: parameters of such tables that no shipped row has
_MORE: Final = {"accelerators": ("scaleup_bandwidth", *(f"peak_{dtype}" for dtype in WIDER))}


def read_overlay(folder: Path) -> tuple[dict[str, Table], dict[str, Source]]:
    """Return the tables that an overlay changes, merged with the shipped ones, and all sources.

    Parameters
    ----------
    folder : Path
        Holds files such as `accelerators.csv` and `sources.csv`.

    Returns
    -------
    tuple of dict
        Changed tables by name, and sources by key.

    Raises
    ------
    CatalogError
        With every fault of every file.
    """
    if not folder.is_dir():
        fault = Fault("catalog", f"no folder '{folder}'", "expected a folder with CSV tables")
        raise CatalogError([fault], "catalog overlay")
    faults: list[Fault] = []
    files = {path.stem: path for path in sorted(folder.glob("*.csv"))}
    sources = dict(shipped_sources())
    if "sources" in files:
        sources |= _read_sources(files.pop("sources"), faults)
    tables = {}
    for name, path in files.items():
        if name in TABLES:
            tables[name] = _merged(name, _checked(name, path, sources, faults))
        else:
            hint = near_miss(name, TABLES)
            accepted = f"accepted: {', '.join(TABLES)}, sources"
            faults.append(Fault("file", f"unknown table '{name}'", accepted, str(path), 0, hint))
    if faults:
        raise CatalogError(faults, "catalog overlay")
    return tables, sources


def _merged(name: str, rows: list[Row]) -> Table:
    """Return the shipped table with the overlay's rows in place of its own."""
    merged = {key: dict(figures) for key, figures in shipped_table(name).items()}
    for key, figures in gather(iter(rows)).items():
        merged.setdefault(key, {}).update(figures)
    return merged


def _rows(path: Path, faults: list[Fault]) -> list[Row]:
    try:
        if path.stem == "sources":
            return list(read_rows(path, SOURCE_COLUMNS))
        return list(read_rows(path))
    except CatalogError as error:
        faults.extend(error.faults)
        return []


def _read_sources(path: Path, faults: list[Fault]) -> dict[str, Source]:
    """Return the sources of an overlay by key, noting what is wrong with them."""
    sources = {}
    for row in _rows(path, faults):
        source = Source(*row.fields)
        if not source.key or not source.title:
            faults.append(_fault(row, "key", "no key or no title", "both are needed"))
        if source.kind not in SOURCE_KINDS:
            accepted = f"accepted: {', '.join(SOURCE_KINDS)}"
            hint = near_miss(source.kind, SOURCE_KINDS)
            faults.append(_fault(row, "kind", f"'{source.kind}'", accepted, hint))
        sources[source.key] = source
    return sources


def _checked(
    table: str, path: Path, sources: Mapping[str, Source], faults: list[Fault]
) -> list[Row]:
    """Return the rows of an overlay file, noting what is wrong with them."""
    seen: set[tuple[str, str, str]] = set()
    rows = _rows(path, faults)
    for row in rows:
        faults.extend(row_faults(table, row, sources))
        key = (row.name, row.parameter, row.fields[6])
        if key in seen:
            faults.append(_fault(row, row.parameter, "given twice", "one row per as_of"))
        seen.add(key)
    return rows


def row_faults(table: str, row: Row, sources: Mapping[str, Source]) -> Iterator[Fault]:
    """Yield what is wrong with one row.

    Parameters
    ----------
    table : str
    row : Row
    sources : mapping of str to Source
        Keys that the row may cite.
    """
    name, parameter, value, unit, low, high, _, source, _ = row.fields
    if not name or not parameter:
        yield _fault(row, parameter or "name", "no name or no parameter", "both are needed")
    if source not in sources:
        found = f"source '{source}'" if source else "no source"
        accepted = "expected a key of sources.csv, or estimate"
        yield _fault(row, f"{name}.{parameter}", found, accepted, near_miss(source, sources))
    if table in _TYPED and parameter not in _known_units(table):
        accepted = f"a parameter of {table}"
        hint = near_miss(parameter, _known_units(table))
        yield _fault(row, f"{name}.{parameter}", f"unknown parameter '{parameter}'", accepted, hint)
    usual = _usual_unit(table, name, parameter)
    if unit in TEXT_UNITS:
        if not value:
            yield _fault(row, f"{name}.{parameter}", "no value", "expected text")
        if usual and usual not in TEXT_UNITS:
            yield _fault(row, f"{name}.{parameter}", f"unit '{unit}'", f"expected {usual}")
        return
    yield from _unit_faults(row, usual)
    yield from _number_faults(row, value, low, high)


def _unit_faults(row: Row, usual: str) -> Iterator[Fault]:
    """Yield a fault if the unit is unknown or has another dimension than the shipped rows."""
    name, parameter, _, unit = row.fields[:4]
    key = f"{name}.{parameter}"
    try:
        units.scale(unit)
    except UnitError as error:
        yield _fault(row, key, str(error), f"expected a unit such as {usual or 'GB/s'}")
        return
    if usual in TEXT_UNITS:
        yield _fault(row, key, f"unit '{unit}'", f"expected {usual}")
    elif usual and not units.same_dimension(unit, usual):
        yield _fault(row, key, f"unit '{unit}'", f"expected {usual} or a multiple of it")


def _number_faults(row: Row, value: str, low: str, high: str) -> Iterator[Fault]:
    """Yield faults of a value or range that is no number, or out of order."""
    key = f"{row.name}.{row.parameter}"
    numbers = {}
    for column, text in (("value", value), ("low", low), ("high", high)):
        if not text and column != "value":
            continue
        try:
            numbers[column] = float(text)
        except ValueError:
            yield _fault(row, key, f"{column} '{text}'", "expected a number")
    if "value" in numbers:
        bottom, top = numbers.get("low", numbers["value"]), numbers.get("high", numbers["value"])
        if not bottom <= numbers["value"] <= top:
            found = f"value {value} outside low {low or '-'} and high {high or '-'}"
            yield _fault(row, key, found, "expected low <= value <= high")


@cache
def _known_units(table: str) -> dict[str, str]:
    """Return the parameters of a table whose rows become fields, with a unit of each.

    Fields that no shipped row gives have an empty unit: any is accepted.
    """
    known = dict.fromkeys(_MORE.get(table, ()), "")
    if table == "models":
        known |= {field.name: "" for field in fields(Architecture)}
    for figures in shipped_table(table).values():
        for parameter, rows in figures.items():
            known[parameter] = rows[0].fields[3]
    return known


def _usual_unit(table: str, name: str, parameter: str) -> str:
    """Return the unit of the shipped figure that a row stands beside, or an empty string."""
    if table in _TYPED:
        return _known_units(table).get(parameter, "")
    rows = shipped_table(table).get(name, {}).get(parameter)
    return rows[0].fields[3] if rows else ""


def _fault(row: Row, key: str, found: str, accepted: str, hint: str = "") -> Fault:
    return Fault(key, found, accepted, row.file, row.line, hint)
