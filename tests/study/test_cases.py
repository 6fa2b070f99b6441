"""Case files: what is read, and how every fault is named at once."""

from __future__ import annotations

import gzip
from pathlib import Path

import pytest

from computesim.catalog import load_catalog
from computesim.errors import CaseError
from computesim.study.verify.cases import FORMATS, RL, TRAINING, read_cases, shipped_cases

GOOD = """\
id,model,accelerator,n_accelerators,seq_len,metric,value,source,mine
a,llama-3.1-8b,h100-sxm,8,8192,mfu,0.4,here,x
b,llama-3.1-8b,h100-sxm,,8192,Step_Seconds,1.5,,
"""


def written(folder: Path, text: str) -> Path:
    path = folder / "cases.csv"
    path.write_text(text, encoding="utf-8")
    return path


def test_an_empty_cell_is_unknown_and_other_columns_are_kept(tmp_path: Path) -> None:
    first, second = read_cases(written(tmp_path, GOOD), TRAINING)
    assert (first.count("n_accelerators"), second.count("n_accelerators")) == (8, None)
    assert first.number("tokens") is None  # a column that the file does not have
    assert first.cells["mine"] == "x"
    assert (second.metric, second.value, second.line) == ("step_seconds", 1.5, 3)


def test_a_gzipped_file_with_a_byte_order_mark_reads_the_same(tmp_path: Path) -> None:
    packed = tmp_path / "cases.csv.gz"
    packed.write_bytes(gzip.compress(b"\xef\xbb\xbf" + GOOD.encode()))
    plain = read_cases(written(tmp_path, GOOD), TRAINING)
    assert [case.cells for case in read_cases(packed, TRAINING)] == [c.cells for c in plain]


def test_all_faults_are_named_with_line_column_and_near_miss(tmp_path: Path) -> None:
    text = (
        "id,model,accelerator,tp,recompute,metric,value,source\n"
        "a,llama-3.1-8b,h100-sxm,1.5,ful,step_second,ten,\n"
        "b,,h100-sxm,8,,mfu,0,\n"
        "c,llama-3.1-8b,h100-sxm\n"
        'd,llama-3.1-8b,h100-sxm,8,,days,"1,000",\n'
    )
    with pytest.raises(CaseError) as caught:
        read_cases(written(tmp_path, text), TRAINING)
    found = {(fault.line, fault.key) for fault in caught.value.faults}
    assert found == {
        (2, "tp"), (2, "recompute"), (2, "metric"), (2, "value"),
        (3, "model"), (3, "value"), (4, "row"), (5, "value"),
    }  # fmt: skip
    words = str(caught.value)
    assert "did you mean step_seconds?" in words
    assert "did you mean full?" in words
    assert "write 1000, without separators" in words
    assert "cases.csv:3: model: empty" in words


def test_a_missing_column_names_the_near_miss_of_the_header(tmp_path: Path) -> None:
    text = "id,models,accelerator,metric,value\na,b,c,mfu,1\n"
    with pytest.raises(CaseError, match=r"model: missing column.*did you mean models\?"):
        read_cases(written(tmp_path, text), TRAINING)


@pytest.mark.parametrize("data", [b"\x1f\x8bnot gzip", b"\xff\xfe\x00", b""])
def test_what_is_no_text_is_a_fault_and_no_traceback(tmp_path: Path, data: bytes) -> None:
    path = tmp_path / "cases.csv"
    path.write_bytes(data)
    with pytest.raises(CaseError, match="accepted"):
        read_cases(path, RL)


def test_a_header_without_rows_is_a_fault(tmp_path: Path) -> None:
    with pytest.raises(CaseError, match="no case"):
        read_cases(written(tmp_path, GOOD.splitlines()[0] + "\n"), TRAINING)


@pytest.mark.parametrize("kind", FORMATS)
def test_shipped_cases_name_what_the_catalog_knows_and_cite_sources(kind: str) -> None:
    catalog, cases = load_catalog(), shipped_cases(FORMATS[kind])
    for case in cases:
        # models of quality are families, efforts and recipes, not architectures
        for column in (
            {"model", "accelerator", "fabric"} & set(case.cells) if kind != "quality" else ()
        ):
            assert catalog.resolve(f"{column}s", case.text(column))
        assert catalog.source(case.text("source")).title
    keys = [(case.text("id"), case.metric) for case in cases]
    assert len(set(keys)) == len(keys)


def test_training_cases_are_held_out_by_model() -> None:
    splits: dict[str, set[str]] = {}
    for case in shipped_cases(FORMATS["training"]):
        if case.metric != "flop_per_token":  # nothing is calibrated there
            splits.setdefault(case.text("model"), set()).add(case.text("held_out"))
    assert all(split in ({"fit"}, {"held-out"}) for split in splits.values()), splits
    assert {word for split in splits.values() for word in split} == {"fit", "held-out"}
