"""Results on disk: the same back, whole or not at all."""

from __future__ import annotations

import csv
import json
import math
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from computesim.errors import CaseError
from computesim.results import (
    COLUMNS,
    Manifest,
    Results,
    Row,
    load_results,
    output_folder,
    save_results,
    written_whole,
)

MANIFEST: Manifest = {"name": "長い鎖, \"quoted\"", "hash": "0123456789abcdef", "seed": 3,
                      "warnings": ["a\nb"]}  # fmt: skip
ROWS = [
    Row("Energy|Pretraining", "Wh/year", 2030, 0.1 + 0.2, 0),
    Row("Energy|Pretraining", "Wh/year", 2030, 1e300, 1),
    Row('FLOP|"x", y', "FLOP/year", 2031, 5e-324, 0),
]
RESULTS = Results.from_rows(ROWS, MANIFEST)


@pytest.mark.parametrize("formats", [("parquet",), ("csv",), ("parquet", "csv")])
def test_what_is_saved_reads_back_the_same(tmp_path: Path, formats: tuple[str, ...]) -> None:
    save_results(RESULTS, tmp_path, formats)
    back = load_results(tmp_path)
    assert back.columns() == RESULTS.columns()
    assert back.manifest == MANIFEST


@given(st.lists(st.floats(allow_nan=False), min_size=1, max_size=20))
def test_csv_keeps_every_float(
    tmp_path_factory: pytest.TempPathFactory, values: list[float]
) -> None:
    folder = tmp_path_factory.mktemp("floats")
    rows = [Row("Energy", "Wh/year", 2000 + n, value) for n, value in enumerate(values)]
    save_results(Results.from_rows(rows, MANIFEST), folder, ("csv",))
    assert load_results(folder).columns()["value"] == values


def test_parquet_and_csv_hold_the_same_table(tmp_path: Path) -> None:
    import pyarrow.parquet as pq

    RESULTS.save(tmp_path)
    with (tmp_path / "results.csv").open(encoding="utf-8", newline="") as file:
        heads, *rows = list(csv.reader(file))
    parquet = pq.read_table(tmp_path / "results.parquet")
    assert tuple(heads) == COLUMNS == tuple(parquet.column_names)
    assert [float(row[-1]) for row in rows] == parquet.column("value").to_pylist()


def test_the_same_results_are_the_same_files(tmp_path: Path) -> None:
    for name in ("a", "b"):
        RESULTS.save(tmp_path / name)
    for name in ("results.parquet", "results.csv", "manifest.json"):
        assert (tmp_path / "a" / name).read_bytes() == (tmp_path / "b" / name).read_bytes()


def test_an_empty_table_reads_back_empty(tmp_path: Path) -> None:
    save_results(Results.from_rows([], {"name": "none"}), tmp_path, ("csv",))
    back = load_results(tmp_path)
    assert len(back) == 0
    assert back.scenario == "none"
    assert back.years == []


def test_a_write_that_fails_leaves_the_old_file_and_no_draft(tmp_path: Path) -> None:
    path = tmp_path / "a.txt"
    path.write_text("old")

    def fail() -> None:
        with written_whole(path) as draft:
            draft.write_text("half")
            raise RuntimeError

    with pytest.raises(RuntimeError):
        fail()
    assert path.read_text() == "old"
    assert list(tmp_path.iterdir()) == [path]


def test_a_reader_never_sees_half_a_file(tmp_path: Path) -> None:
    path = tmp_path / "a.txt"
    with written_whole(path) as draft:
        draft.write_text("whole")
        assert not path.exists()
    assert path.read_text() == "whole"


def test_the_manifest_is_strict_json(tmp_path: Path) -> None:
    import numpy as np

    odd: Manifest = {"name": "s", "wall_time": math.inf,
                     "scenario": {"path": Path("x"), 2025: np.float64(1.5), "n": np.int64(2)}}  # type: ignore[dict-item]  # fmt: skip
    save_results(Results.from_rows([], odd), tmp_path, ("csv",))

    def refuse(word: str) -> None:
        raise AssertionError(word)

    text = (tmp_path / "manifest.json").read_text()
    read = json.loads(text, parse_constant=refuse)
    assert read["wall_time"] is None
    assert read["scenario"] == {"path": "x", "2025": 1.5, "n": 2}


def test_a_folder_without_results_says_what_it_needs(tmp_path: Path) -> None:
    with pytest.raises(CaseError, match=r"manifest\.json"):
        load_results(tmp_path)


def test_a_csv_with_other_columns_is_named(tmp_path: Path) -> None:
    RESULTS.save(tmp_path)
    (tmp_path / "results.parquet").unlink()
    (tmp_path / "results.csv").write_text("a,b\n1,2\n")
    with pytest.raises(CaseError, match=r"results\.csv:1: header: a,b"):
        load_results(tmp_path)


def test_an_unknown_format_is_refused_before_anything_is_written(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match="xlsx"):
        save_results(RESULTS, tmp_path, ("csv", "xlsx"))
    assert not list(tmp_path.iterdir())


@pytest.mark.parametrize(
    ("name", "slug"),
    [
        ("baseline", "baseline-01234567"),
        ("../a b/c", "a-b-c-01234567"),
        ("///", "scenario-01234567"),
        ("推理", "推理-01234567"),
    ],
)
def test_the_folder_is_named_by_scenario_and_hash(tmp_path: Path, name: str, slug: str) -> None:
    assert output_folder(tmp_path, name, "0123456789ab") == tmp_path / slug
