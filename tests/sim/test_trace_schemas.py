"""Published formats of recorded traces."""

from __future__ import annotations

import gzip
import json
from pathlib import Path

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from numpy.testing import assert_allclose, assert_array_equal

from computesim.errors import CaseError, SimulationError
from computesim.sim.trace import (
    BLOCK,
    Blocks,
    Trace,
    between,
    iter_traces,
    merged,
    read_recording,
    read_trace,
    scaled,
    write_trace,
)
from computesim.sim.trace import reading as trace_reading
from computesim.sim.trace import tables as trace_tables
from computesim.sim.trace.summary import prefix_share

AZURE_2023 = """TIMESTAMP,ContextTokens,GeneratedTokens
2023-11-16 18:15:46.6805900,374,44
2023-11-16 18:15:50.9951690,396,109
2023-11-16 18:15:51.2224670,879,55
"""
AZURE_2024 = """TIMESTAMP,ContextTokens,GeneratedTokens
2024-05-10 00:00:00.009930+00:00,2162,5
2024-05-10 00:00:00.017335+00:00,2399,6
2024-05-11 00:00:00.009930+00:00,76,0
"""
BURSTGPT = """Timestamp,Model,Session ID,Elapsed time,Request tokens,Response tokens,Total tokens,\
Log Type
5,ChatGPT,12,1.5,472,18,490,Conversation log
45,ChatGPT,,1.0,1087,230,1317,API log
118,GPT-4,12,2.0,417,276,693,Conversation log
120,GPT-4,,0.1,35,0,35,API log
"""
MOONCAKE = [
    {"timestamp": 27482, "input_length": 6955, "output_length": 52,
     "hash_ids": [46, 47, 48, 49, 50, 51, 52, 53, 54, 55, 56, 57, 2353, 2354]},
    {"timestamp": 30535, "input_length": 6472, "output_length": 26,
     "hash_ids": [46, 47, 48, 49, 50, 51, 52, 53, 54, 55, 56, 57, 2366]},
]  # fmt: skip


def write(path: Path, text: str) -> Path:
    path.write_text(text, encoding="utf-8")
    return path


def test_azure_timestamps_keep_their_tenth_of_a_microsecond(tmp_path: Path) -> None:
    found = read_recording(write(tmp_path / "a.csv", AZURE_2023))
    assert (found.format, found.rows, found.failures) == ("azure", 3, 0)
    assert_allclose(found.trace.arrival, [0.0, 4.314579, 4.541877], rtol=0, atol=2e-9)
    assert list(found.trace.prompt_tokens) == [374, 396, 879]
    assert list(found.trace.output_tokens) == [44, 109, 55]


def test_azure_2024_has_time_zones_and_requests_that_failed(tmp_path: Path) -> None:
    found = read_recording(write(tmp_path / "a.csv", AZURE_2024))
    assert (found.format, found.rows, found.failures) == ("azure", 3, 1)
    assert_allclose(found.trace.arrival, [0.0, 0.007405], atol=1e-9)


def test_both_readers_of_csv_read_the_same(tmp_path: Path, monkeypatch) -> None:
    for name, text in (("a.csv", AZURE_2023), ("b.csv", AZURE_2024), ("c.csv", BURSTGPT)):
        path = write(tmp_path / name, text)
        fast = read_trace(path)
        with monkeypatch.context() as patch:
            patch.setattr(trace_tables, "_fast_csv", lambda file, found: _give_up())
            careful = read_trace(path)
        assert_same(fast, careful)


def _give_up():
    raise trace_tables.IrregularError
    yield


def test_burstgpt_has_models_sessions_and_failures(tmp_path: Path) -> None:
    found = read_recording(write(tmp_path / "b.csv", BURSTGPT))
    trace = found.trace
    assert (found.format, found.failures) == ("burstgpt", 1)
    assert list(trace.arrival) == [0.0, 40.0, 113.0]
    assert [trace.kind_names[k] for k in trace.kind] == ["ChatGPT", "ChatGPT", "GPT-4"]
    assert trace.session[0] == trace.session[2] == 12
    assert trace.session[1] < 0, "a request without a session is a session of its own"
    short = "\n".join(",".join(np.array(line.split(","))[[0, 1, 4, 5, 6, 7]])
                      for line in BURSTGPT.splitlines())  # fmt: skip
    assert read_recording(write(tmp_path / "s.csv", short)).trace.session is None


def test_mooncake_has_milliseconds_and_prefix_blocks(tmp_path: Path) -> None:
    lines = "\n".join(json.dumps(row) for row in MOONCAKE)
    (tmp_path / "m.jsonl.gz").write_bytes(gzip.compress(lines.encode()))
    trace = read_trace(tmp_path / "m.jsonl.gz")
    assert list(trace.arrival) == [0.0, pytest.approx(3.053)]
    assert trace.blocks is not None
    assert list(np.diff(trace.blocks.offsets)) == [14, 13]
    assert list(trace.blocks.ids[-2:]) == [57, 2366]
    # the second prompt shares the first 12 of its blocks
    assert prefix_share(trace) == pytest.approx(12 * BLOCK / (6955 + 6472))


def test_faults_of_json_lines_are_named(tmp_path: Path) -> None:
    rows = ['{"timestamp": 0, "input_length": 700, "output_length": 5, "hash_ids": [1, 2]}',
            '{"timestamp": 0, "input_length": 700, "output_length": 5, "hash_ids": [1, 2, 3]}',
            "not json",
            "",
            '{"timestamp": "x", "input_length": 1.5, "output_length": 5, "hash_ids": "no"}',
            '{"timestamp": 1, "output_length": -1, "hash_ids": []}']  # fmt: skip
    with pytest.raises(CaseError) as caught:
        read_trace(write(tmp_path / "m.jsonl", "\n".join(rows)))
    assert [(f.line, f.key, f.found) for f in caught.value.faults] == [
        (2, "hash_ids", "[1, 2, 3]"),
        (3, "line", "not json"),
        (5, "hash_ids", "'no'"),
        (5, "input_length", "1.5"),
        (5, "timestamp", "'x'"),
        (6, "input_length", "None"),
        (6, "output_length", "-1"),
    ]


def test_faults_far_down_are_counted_to_the_end_of_the_file(tmp_path: Path, monkeypatch) -> None:
    monkeypatch.setattr(trace_tables, "_BLOCK", 1 << 12)
    monkeypatch.setattr(trace_tables, "ROWS", 100)
    good = "".join(f"{n},10,5\n" for n in range(2000))
    bad = "x,10,5\n" + "2000,10,0\n" * 250
    with pytest.raises(CaseError, match="231 more are not shown") as caught:
        read_trace(write(tmp_path / "a.csv", "t_s,input_tokens,output_tokens\n" + good + bad))
    assert caught.value.faults[0].line == 2002
    assert caught.value.faults[1].line == 2003


def test_an_odd_row_in_the_middle_neither_loses_nor_repeats_rows(
    tmp_path: Path, monkeypatch
) -> None:
    monkeypatch.setattr(trace_tables, "_BLOCK", 1 << 12)
    monkeypatch.setattr(trace_tables, "ROWS", 77)
    rows = [f"{n},{n + 1},5" for n in range(3000)]
    rows[2500] = "2500,2_501,5"  # Python reads it, Arrow does not
    text = "t_s,input_tokens,output_tokens\n" + "\n".join(rows)
    trace = read_trace(write(tmp_path / "a.csv", text))
    assert_array_equal(trace.prompt_tokens, np.arange(1, 3001))


def test_a_format_can_be_named_and_must_fit(tmp_path: Path) -> None:
    path = write(tmp_path / "a.csv", AZURE_2023)
    assert_same(read_trace(path, "azure"), read_trace(path))
    with pytest.raises(CaseError, match=r"expected TIMESTAMP.*|t_s"):
        read_trace(path, "generic")
    with pytest.raises(CaseError, match="did you mean azure"):
        read_trace(path, "azur")
    with pytest.raises(CaseError, match="name that ends in"):
        read_trace(write(tmp_path / "a.xlsx", AZURE_2023))


def test_a_span_of_time_counts_from_the_first_row(tmp_path: Path) -> None:
    rows = "\n".join(f"{100 + n},10,{n + 1}" for n in range(50))
    path = write(tmp_path / "a.csv", "t_s,input_tokens,output_tokens\n" + rows)
    part = read_trace(path, start=10.0, end=20.0, factor=2.0)
    assert list(part.output_tokens) == list(range(11, 21))
    assert_allclose(part.arrival, np.arange(10) / 2)
    with pytest.raises(CaseError, match="no rows in the span"):
        read_trace(path, start=1000.0)


def test_rows_out_of_order_are_sorted_whole_and_refused_piece_by_piece(tmp_path: Path) -> None:
    text = "t_s,input_tokens,output_tokens,client\n5,1,1,7\n3,2,2,8\n4,3,3,9\n"
    path = write(tmp_path / "a.csv", text)
    trace = read_trace(path)
    assert list(trace.arrival) == [0.0, 1.0, 2.0]
    assert list(trace.client) == [8, 9, 7]
    with pytest.raises(CaseError, match="order of arrival"):
        list(iter_traces(path))


def test_pieces_make_the_whole(tmp_path: Path, monkeypatch) -> None:
    monkeypatch.setattr(trace_tables, "_BLOCK", 1 << 12)
    path = write_trace(rich_trace(2000), tmp_path / "a.csv")
    pieces = list(iter_traces(path))
    assert len(pieces) > 5
    assert_same(merged(pieces), read_trace(path))


def test_too_many_requests_for_memory_are_refused(tmp_path: Path, monkeypatch) -> None:
    monkeypatch.setattr(trace_reading, "MOST_REQUESTS", 10)
    with pytest.raises(CaseError, match="more than 10 requests"):
        read_trace(write_trace(rich_trace(20), tmp_path / "a.csv"))


@settings(
    max_examples=25, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
@given(n=st.integers(1, 60), seed=st.integers(0, 2**32), kind=st.sampled_from(["a.csv", "a.csv.gz",
       "a.parquet"]))  # fmt: skip
def test_what_is_written_is_read_again(tmp_path: Path, n: int, seed: int, kind: str) -> None:
    trace = rich_trace(n, seed, blocks=kind == "a.parquet")
    found = read_trace(write_trace(trace, tmp_path / kind))
    assert_same(found, trace)
    assert [p.name for p in tmp_path.iterdir() if p.name.startswith(".")] == []


def test_a_file_that_cannot_be_written_leaves_the_old_one(tmp_path: Path, monkeypatch) -> None:
    path = write_trace(rich_trace(5), tmp_path / "a.csv")
    before = path.read_bytes()
    monkeypatch.setattr("os.replace", lambda *_: (_ for _ in ()).throw(OSError("disk")))
    with pytest.raises(OSError, match="disk"):
        write_trace(rich_trace(9), path)
    assert path.read_bytes() == before
    assert list(tmp_path.iterdir()) == [path]
    with pytest.raises(CaseError, match="name that ends in"):
        write_trace(rich_trace(5), tmp_path / "a.txt")


def test_parts_and_faster_traces_keep_what_belongs_to_a_request() -> None:
    trace = rich_trace(200, blocks=True)
    part = between(trace, 20.0, 60.0)
    first, last = np.searchsorted(trace.arrival, (20.0, 60.0))
    assert len(part) == last - first > 5
    assert_array_equal(part.reason_tokens, trace.reason_tokens[first:last])
    assert part.blocks is not None
    assert trace.blocks is not None
    at = trace.blocks.offsets
    assert_array_equal(part.blocks.ids, trace.blocks.ids[at[first] : at[last]])
    assert_array_equal(scaled(trace, 3.0).think_seconds, trace.think_seconds)
    halves = [trace.pick(np.arange(0, 200, 2)), trace.pick(np.arange(1, 200, 2))]
    assert_same(merged(halves), trace)


@pytest.mark.parametrize(
    ("columns", "words"),
    [
        ({"kind": [-1]}, "counted from 0"),
        ({"think_seconds": [np.nan]}, "finite"),
        ({"reason_tokens": [6]}, "output's tokens"),
        ({"client": [1, 2]}, "another length"),
        ({"blocks": Blocks(np.arange(3), np.array([0, 3]))}, "at most one block"),
        ({"blocks": Blocks(np.arange(1), np.array([0, 2]))}, "lead from 0"),
    ],
)
def test_impossible_optional_columns_say_what_is_wrong(columns, words) -> None:
    with pytest.raises(SimulationError, match=words):
        Trace([0.0], [10], [0], [5], **columns)


def rich_trace(n: int, seed: int = 1, blocks: bool = False) -> Trace:
    """Return a trace that has every optional column."""
    draw = np.random.default_rng(seed)
    prompt, output = draw.integers(1, 5000, n), draw.integers(1, 5000, n)
    count = draw.integers(0, -(-prompt // BLOCK) + 1)
    hashes = Blocks(draw.integers(0, 2**62, count.sum()), np.append(0, np.cumsum(count)))
    arrival = np.cumsum(draw.exponential(1.0, n))
    kind = np.minimum(np.arange(n), draw.integers(0, 3, n))  # names appear in their order
    names = np.unique(kind, return_inverse=True)
    order = np.argsort(np.unique(names[1], return_index=True)[1])
    kind = np.argsort(order)[names[1]]
    return Trace(
        arrival - arrival[0],
        prompt,
        draw.integers(0, prompt + 1),
        output,
        kind=kind,
        session=draw.integers(0, 10, n),
        think_seconds=draw.exponential(5.0, n),
        reason_tokens=draw.integers(0, output + 1),
        client=draw.integers(0, 5, n),
        blocks=hashes if blocks else None,
        kind_names=tuple("abc"[: kind.max() + 1]),
    )


def assert_same(one: Trace, two: Trace) -> None:
    for name in ("arrival", "prompt_tokens", "cached_tokens", "output_tokens", "kind", "session",
                 "think_seconds", "reason_tokens", "client"):  # fmt: skip
        a, b = getattr(one, name), getattr(two, name)
        assert (a is None) == (b is None), name
        if a is not None:
            assert_array_equal(a, b, err_msg=name)
    assert one.kind_names == two.kind_names
    assert (one.blocks is None) == (two.blocks is None)
    if one.blocks is not None and two.blocks is not None:
        assert_array_equal(one.blocks.ids, two.blocks.ids)
        assert_array_equal(one.blocks.offsets, two.blocks.offsets)


def test_a_column_of_numbers_stays_one_and_a_column_of_names_too(
    tmp_path: Path, monkeypatch
) -> None:
    monkeypatch.setattr(trace_tables, "_BLOCK", 1 << 12)
    monkeypatch.setattr(trace_tables, "ROWS", 100)
    head = "t_s,input_tokens,output_tokens,client,class,session\n"
    good = "".join(f"{n},10,5,{n % 3},{'ab'[n % 2]},{n % 5 or ''}\n" for n in range(1000))
    trace = read_trace(write(tmp_path / "a.csv", head + good + "1000,10,5,1,7,\n"))
    assert trace.kind_names == ("a", "b", "7")
    assert list(trace.client[:4]) == [0, 1, 2, 0]
    alone = trace.session[trace.session < 0]
    assert alone.size == np.unique(alone).size == 201
    with pytest.raises(CaseError, match="as in the rows before") as caught:
        read_trace(write(tmp_path / "b.csv", head + good + "1000,10,5,bob,a,1\n1001,10,5,1,a,x\n"))
    assert [(f.line, f.key, f.found) for f in caught.value.faults] == [
        (1002, "client", "'bob'"),
        (1003, "session", "'x'"),
    ]
    with pytest.raises(CaseError, match="class: '-1'"):
        read_trace(write(tmp_path / "c.csv", head + "0,1,1,1,0,1\n" * 2000 + "0,1,1,1,-1,1\n"))


def test_a_damaged_archive_is_a_case_error(tmp_path: Path) -> None:
    whole = gzip.compress(b"t_s,input_tokens,output_tokens\n" + b"1,2,3\n" * 50_000)
    for name, data in (("cut.csv.gz", whole[:-20]), ("bad.csv.gz", whole[:60] + b"?" * 60)):
        (tmp_path / name).write_bytes(data)
        with pytest.raises(CaseError, match="readable"):
            read_trace(tmp_path / name)
