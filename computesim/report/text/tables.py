"""Records and rows of text as tables: for a terminal, and as CSV."""

from __future__ import annotations

import csv
import shutil
import sys
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import is_dataclass
from pathlib import Path
from typing import Any

from computesim.records import entries, units

Cell = str | Callable[[Any], str]


def columns(rows: Sequence[Sequence[str]]) -> str:
    """Return rows of text as columns, all to the left.

    Parameters
    ----------
    rows : sequence of sequence of str
        Of one length.
    """
    widths = [max(map(len, column)) for column in zip(*rows, strict=True)]
    lines = ("  ".join(map(str.ljust, row, widths)) for row in rows)
    return "\n".join(line.rstrip() for line in lines)


def fitting(years: Sequence[int], label: int, number: int = 9) -> list[int]:
    """Return the years whose columns fit the terminal, the last one always among them.

    Parameters
    ----------
    years : sequence of int
        All of them fit where the output is no terminal.
    label, number : int
        Width of the first column and of the others, characters.
    """
    if not sys.stdout.isatty():
        return list(years)
    room = max(2, (shutil.get_terminal_size().columns - label) // number)
    stride = -(-len(years) // room)
    return list(years[::-1][::stride][::-1])


def table(records: Iterable[object], cells: Mapping[str, Cell]) -> list[list[str]]:
    """Return records as rows of text below their heads.

    Parameters
    ----------
    records : iterable of object
        One for each row.
    cells : mapping of str to str or callable
        By head: a format of the record such as `"{0.accuracy:.1%}"`, or what makes the text.
    """
    makers = [cell.format if isinstance(cell, str) else cell for cell in cells.values()]
    return [list(cells), *([make(record) for make in makers] for record in records)]


def tables(answer: Any) -> dict[str, list[list[Any]]]:
    """Return every list of records that an answer holds as a table, and its numbers as one.

    Parameters
    ----------
    answer : dataclass

    Returns
    -------
    dict
        Rows below their heads by name of the field; what is no list under an empty name, with
        the units. Empty lists are left out.
    """
    known_units, single = units(answer), []
    parts: dict[str, list[list[Any]]] = {}
    for name, value in entries(answer):
        if isinstance(value, (list, tuple)) and all(map(_is_record, value)):
            if value:
                parts[name] = record_table(value)
        elif not isinstance(value, Mapping) and not _is_record(value):
            single.append([name, value, known_units.get(name, "")])
    return parts | ({"": [["quantity", "value", "unit"], *single]} if single else {})


def record_table(records: Sequence[object]) -> list[list[Any]]:
    """Return records with all that any of them holds; what one lacks is empty.

    Parameters
    ----------
    records : sequence of dataclass
    """
    rows = [dict(entries(record)) for record in records]
    heads = list(dict.fromkeys(name for row in rows for name in row))
    return [heads, *([_cell(row.get(head)) for head in heads] for row in rows)]


def write_table(path: Path, rows: Iterable[Iterable[object]]) -> Path:
    """Write rows as CSV, the file whole or not at all.

    Parameters
    ----------
    path : Path
    rows : iterable of iterable
        The heads first.
    """
    from computesim.results import written_whole

    with written_whole(path) as draft, draft.open("w", encoding="utf-8", newline="") as file:
        csv.writer(file, lineterminator="\n").writerows(rows)
    return path


def _is_record(value: object) -> bool:
    return is_dataclass(value) and not isinstance(value, type)


def _cell(value: object) -> object:
    """Return a value as one cell: nothing is empty, lists are separated by semicolons."""
    if isinstance(value, (list, tuple)):
        return ";".join(map(str, value))
    return "" if value is None else value
