"""Reading recorded traces."""

from __future__ import annotations

import gzip
from pathlib import Path

import numpy as np
import pytest

from computesim.errors import CaseError
from computesim.sim.trace import read_trace

GOOD = "service,t_s,input_tokens,output_tokens\nchat,1.5,100,20\nchat,1.0,300,1\n"


def write(path: Path, text: str) -> Path:
    path.write_text(text, encoding="utf-8")
    return path


def test_a_csv_file_is_read_whatever_its_other_columns(tmp_path) -> None:
    trace = read_trace(write(tmp_path / "a.csv", GOOD))
    assert list(trace.arrival) == [0.0, 0.5]
    assert list(trace.prompt_tokens) == [300, 100]
    assert list(trace.output_tokens) == [1, 20]
    assert list(trace.cached_tokens) == [0, 0]


def test_gzip_and_parquet_give_the_same_trace(tmp_path) -> None:
    from pyarrow import parquet, table

    text = "t_s,output_tokens,cached_tokens,input_tokens\n0,5,3,7\n2.5,6,0,8\n"
    plain = read_trace(write(tmp_path / "a.csv", text))
    (tmp_path / "a.csv.gz").write_bytes(gzip.compress(text.encode()))
    columns = {"t_s": [0.0, 2.5], "output_tokens": [5, 6], "cached_tokens": [3, 0]}
    parquet.write_table(table(columns | {"input_tokens": [7, 8]}), tmp_path / "a.parquet")
    for name in ("a.csv.gz", "a.parquet"):
        other = read_trace(tmp_path / name)
        for column in ("arrival", "prompt_tokens", "cached_tokens", "output_tokens"):
            assert np.array_equal(getattr(other, column), getattr(plain, column))


def test_all_faults_are_reported_at_once_with_their_lines(tmp_path) -> None:
    text = (
        "t_s,input_tokens,output_tokens,cached_tokens\n"
        "0,10,1,0\n"
        "soon,10,1,0\n"
        "\n"
        "2,0,1.5,0\n"
        "3,10,1,11\n"
        "4,10\n"
    )
    with pytest.raises(CaseError) as caught:
        read_trace(write(tmp_path / "bad.csv", text))
    found = [(f.line, f.key, f.found) for f in caught.value.faults]
    assert found == [
        (3, "t_s", "'soon'"),
        (5, "input_tokens", "'0'"),
        (5, "output_tokens", "'1.5'"),
        (6, "cached_tokens", "'11'"),
        (7, "cached_tokens", "''"),
        (7, "output_tokens", "''"),
    ]
    assert "bad.csv:3: t_s: 'soon'; expected seconds" in str(caught.value)


def test_a_file_full_of_faults_shows_twenty_and_counts_the_rest(tmp_path) -> None:
    text = "t_s,input_tokens,output_tokens\n" + "0,0,1\n" * 33
    with pytest.raises(CaseError, match="13 more are not shown") as caught:
        read_trace(write(tmp_path / "bad.csv", text))
    assert len(caught.value.faults) == 20


def test_a_missing_column_is_named_with_its_near_miss(tmp_path) -> None:
    with pytest.raises(CaseError, match=r"output_tokens.*did you mean output_token, "):
        read_trace(write(tmp_path / "a.csv", "t_s,input_tokens,output_token\n0,1,1\n"))


@pytest.mark.parametrize(
    ("name", "content", "words"),
    [
        ("empty.csv", b"", "no columns"),
        ("head.csv", b"t_s,input_tokens,output_tokens\n", "no rows"),
        ("no.csv.gz", b"not gzip", "readable"),
        ("no.parquet", b"not parquet", "readable"),
        ("latin.csv", b"t_s,input_tokens,output_tokens\n\xff,1,1\n", "readable"),
    ],
)
def test_what_is_no_table_is_a_case_error(tmp_path, name, content, words) -> None:
    (tmp_path / name).write_bytes(content)
    with pytest.raises(CaseError, match=words):
        read_trace(tmp_path / name)


def test_a_file_that_does_not_exist_is_a_case_error(tmp_path) -> None:
    with pytest.raises(CaseError, match="No such file"):
        read_trace(tmp_path / "nothing.csv")
