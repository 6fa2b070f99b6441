"""Results on disk: one folder per resolved scenario, every file written whole or not at all."""

from __future__ import annotations

import csv
import json
import os
import re
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from io import StringIO
from pathlib import Path
from typing import Any, Protocol, TextIO

from computesim.records import as_data
from computesim.results.manifest import Manifest
from computesim.results.rows import COLUMNS


class Table(Protocol):
    """What is written: columns and a manifest."""

    manifest: Manifest

    def columns(self) -> Mapping[str, Sequence[Any]]:
        """Return the columns of the long table."""
        ...


FORMATS = ("parquet", "csv")


@contextmanager
def written_whole(path: Path) -> Iterator[Path]:
    """Give a temporary name beside `path`, renamed to it when the block ends well.

    Parameters
    ----------
    path : Path
        The file that readers see either as it was before or complete.

    Yields
    ------
    Path
        The name to write to.
    """
    path.parent.mkdir(parents=True, exist_ok=True)
    draft = path.with_name(f".{path.stem}.{os.getpid()}{path.suffix}")
    try:
        yield draft
        os.replace(draft, path)
    finally:
        draft.unlink(missing_ok=True)


def write_text(path: Path, text: str) -> Path:
    """Write a text file whole."""
    with written_whole(path) as draft:
        draft.write_text(text, encoding="utf-8", newline="\n")
    return path


def output_folder(out: Path | str, name: str, digest: str) -> Path:
    """Return the folder of a scenario's results: `out/<name>-<first 8 of the hash>`.

    Parameters
    ----------
    out : Path or str
        The folder that holds all results.
    name : str
        Name of the scenario; what a file system may refuse is replaced.
    digest : str
        Hash of the resolved scenario.

    Returns
    -------
    Path
        The same for the same scenario, so that a second run overwrites the first.
    """
    slug = re.sub(r"[^\w.-]+", "-", name).strip("-.") or "scenario"
    return Path(out) / f"{slug[:80]}-{digest[:8]}"


def _write_parquet(results: Table, path: Path) -> None:
    """Write the long table with pyarrow, texts dictionary-encoded.

    It takes the way over CSV, which keeps every float: arrays made of lists import pandas.
    """
    import pyarrow as pa
    import pyarrow.csv as pc
    import pyarrow.parquet as pq

    text = pa.dictionary(pa.int32(), pa.string())
    types = (text, text, text, pa.int32(), pa.int32(), pa.float64())
    written = StringIO()
    _write_rows(results, written)
    table = pc.read_csv(
        pa.BufferReader(written.getvalue().encode()),
        parse_options=pc.ParseOptions(newlines_in_values=True),
        convert_options=pc.ConvertOptions(
            column_types=dict(zip(COLUMNS, types, strict=True)), null_values=[]
        ),
    )
    with written_whole(path) as draft:
        pq.write_table(table, draft)


def _write_csv(results: Table, path: Path) -> None:
    """Write the long table as CSV."""
    with written_whole(path) as draft, draft.open("w", encoding="utf-8", newline="") as file:
        _write_rows(results, file)


def _write_rows(results: Table, file: TextIO) -> None:
    """Write the long table; a float is written so that it reads back as the same float."""
    writer = csv.writer(file, lineterminator="\n")
    writer.writerow(COLUMNS)
    writer.writerows(zip(*results.columns().values(), strict=True))


def save_results(
    results: Table, folder: Path | str, formats: Sequence[str] = FORMATS
) -> list[Path]:
    """Write the table and the manifest into a folder.

    Parameters
    ----------
    results : Results
        What to write.
    folder : Path or str
        Made when it is not there; see `output_folder`.
    formats : sequence of str
        Of `parquet` and `csv`.

    Returns
    -------
    list of Path
        The files, the manifest last: where it stands, the rest is complete.

    Raises
    ------
    ValueError
        If a format is neither of the two.
    """
    writers = {"parquet": _write_parquet, "csv": _write_csv}
    if unknown := set(formats) - set(writers):
        raise ValueError(f"unknown format {', '.join(sorted(unknown))}; choose parquet or csv")
    paths = []
    for name in formats:
        paths.append(Path(folder) / f"results.{name}")
        writers[name](results, paths[-1])
    manifest = json.dumps(as_data(results.manifest), indent=1, ensure_ascii=False, allow_nan=False)
    return [*paths, write_text(Path(folder) / "manifest.json", manifest + "\n")]
