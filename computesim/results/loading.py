"""Results read back from the folder that a run wrote."""

from __future__ import annotations

import csv
import json
from pathlib import Path
from typing import Any

from computesim.errors import CaseError, Fault
from computesim.results.manifest import Manifest
from computesim.results.rows import COLUMNS
from computesim.results.table import Results


def _read_parquet(path: Path) -> dict[str, list[Any]]:
    """Read the columns of a Parquet file as lists."""
    import pyarrow.parquet as pq

    table = pq.read_table(path, columns=list(COLUMNS))
    return {name: table.column(name).to_pylist() for name in COLUMNS}


def _read_csv(path: Path) -> dict[str, list[Any]]:
    """Read the columns of a CSV file as lists."""
    with path.open(encoding="utf-8", newline="") as file:
        rows = list(csv.reader(file))
    if not rows or tuple(rows[0]) != COLUMNS:
        found = ",".join(rows[0]) if rows else "an empty file"
        raise CaseError([Fault("header", found, f"expected {','.join(COLUMNS)}", str(path), 1)])
    parts = list(zip(*rows[1:], strict=True)) or [()] * len(COLUMNS)
    readers = (str, str, str, int, int, float)
    return {
        name: [read(cell) for cell in cells]
        for name, read, cells in zip(COLUMNS, readers, parts, strict=True)
    }


def load_results(folder: Path | str) -> Results:
    """Read what `save_results` wrote.

    Parameters
    ----------
    folder : Path or str
        Holds `manifest.json` and one of `results.parquet` and `results.csv`.

    Returns
    -------
    Results
        Equal to what was saved.

    Raises
    ------
    CaseError
        If the folder does not hold results.
    """
    place = Path(folder)
    readers = {"results.parquet": _read_parquet, "results.csv": _read_csv}
    found = [name for name in readers if (place / name).is_file()]
    if not found or not (place / "manifest.json").is_file():
        accepted = "expected manifest.json with results.parquet or results.csv (computesim run)"
        raise CaseError([Fault(str(place), "no results here", accepted)])
    manifest: Manifest = json.loads((place / "manifest.json").read_text(encoding="utf-8"))
    return Results(readers[found[0]](place / found[0]), manifest)
