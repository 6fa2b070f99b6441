"""Traces to files, in the generic format."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

from computesim.errors import CaseError, Fault
from computesim.sim.trace.requests import OPTIONAL, Trace
from computesim.sim.trace.schemas import GENERIC

ENDINGS = (".csv", ".csv.gz", ".parquet")


def write_trace(trace: Trace, path: str | Path) -> Path:
    """Write a trace in the generic format; readers see the file complete or not at all.

    Parameters
    ----------
    trace : Trace
        Prefix blocks go to Parquet only: a cell of CSV holds no list.
    path : str or Path
        A name that ends in `.csv`, `.csv.gz` or `.parquet`.

    Raises
    ------
    CaseError
        If the name has another ending.
    """
    file = Path(path)
    if not file.name.endswith(ENDINGS):
        accepted = f"expected a name that ends in {', '.join(ENDINGS)}"
        raise CaseError([Fault("trace", "an unknown kind of file", accepted, str(file))])
    file.parent.mkdir(parents=True, exist_ok=True)
    draft = file.with_name(f".{os.getpid()}.{file.name}")
    try:
        _write(_table(trace, blocks=file.suffix == ".parquet"), draft)
        os.replace(draft, file)
    finally:
        draft.unlink(missing_ok=True)
    return file


def _table(trace: Trace, blocks: bool) -> Any:
    """Return the columns of a trace as an Arrow table."""
    import pyarrow

    columns: dict[str, Any] = {
        name: getattr(trace, field) for field, name in GENERIC.required.items()
    }
    if trace.cached_tokens.any():
        columns["cached_tokens"] = trace.cached_tokens
    for name in OPTIONAL:
        if getattr(trace, name) is not None:
            columns[name] = getattr(trace, name)
    if trace.kind is not None and trace.kind_names:
        names = pyarrow.array(trace.kind_names)
        columns["kind"] = pyarrow.DictionaryArray.from_arrays(trace.kind, names).cast("string")
    if blocks and trace.blocks is not None:
        ids, offsets = trace.blocks
        columns[GENERIC.hashes] = pyarrow.LargeListArray.from_arrays(offsets, ids)
    return pyarrow.table(columns)


def _write(table: Any, file: Path) -> None:
    """Write a table in the format that the name asks for."""
    import pyarrow
    from pyarrow import csv, parquet

    if file.suffix == ".parquet":
        parquet.write_table(table, file)
        return
    plain = csv.WriteOptions(quoting_style="needed")
    if file.suffix == ".gz":
        with pyarrow.CompressedOutputStream(str(file), "gzip") as stream:
            csv.write_csv(table, stream, plain)
    else:
        csv.write_csv(table, str(file), plain)
