"""trace: what recorded requests are like."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from typer.testing import Result

from computesim.sim.trace import Client, ReasonSplit, Window, client_trace, lognormal, read_trace
from computesim.sim.trace import write_trace as write

Command = Callable[..., Result]


@pytest.fixture
def hours() -> str:
    """The path of two hours of two clients."""
    first = Window(
        0.0, 7200.0, 0.4, lognormal(900, 0.8), lognormal(700, 0.7), reasoning=ReasonSplit()
    )
    second = first._replace(rate=0.1, variation=3.0, cached_share=0.5)
    trace = client_trace([Client((first,)), Client((second,), kind=1)], seed=8)
    return str(write(trace, Path("hours.parquet")))


def test_the_statistics_are_printed_for_people_and_for_programs(command: Command, hours) -> None:
    text = command("trace", hours).stdout
    trace = read_trace(hours)
    data = json.loads(command("trace", hours, "--json").stdout)
    assert data["requests"] == len(trace)
    assert data["format"] == "generic"
    assert data["rate"] == pytest.approx(trace.rate)
    assert data["output_tokens"]["mean"] == pytest.approx(trace.output_tokens.mean())
    assert data["peak_to_mean"]["1 d"]["requests"] is None
    for told in (f"{len(trace):,} in", "generic format", "2; the largest 5 send 100.0%",
                 f"{trace.output_tokens.mean():,.0f}", "LN(", "reasoning", "classes"):  # fmt: skip
        assert told in text, told


def test_a_span_at_another_rate_is_written(command: Command, hours) -> None:
    command(
        "trace", hours, "--from", "30 min", "--to", "1 h", "--rate", 2, "--write", "part.csv.gz"
    )
    part, whole = read_trace("part.csv.gz"), read_trace(hours)
    inside = (whole.arrival >= 1800) & (whole.arrival < 3600)
    assert len(part) == inside.sum()
    assert part.rate == pytest.approx(2.0)
    assert np.array_equal(part.reason_tokens, whole.reason_tokens[inside])


def test_synthetic_requests_are_like_the_recorded_ones(command: Command, hours) -> None:
    text = command("trace", hours, "--synthetic", "like.csv", "--seed", 3).stdout
    assert "like.csv" in text
    like, whole = read_trace("like.csv"), read_trace(hours)
    assert len(like) == pytest.approx(len(whole), rel=0.1)
    assert not np.array_equal(like.arrival[:50], whole.arrival[:50])
    for name in ("prompt_tokens", "cached_tokens", "output_tokens", "reason_tokens"):
        expected = getattr(whole, name).mean()
        assert getattr(like, name).mean() == pytest.approx(expected, rel=0.1), name
    assert sorted(path.name for path in Path().iterdir()) == ["hours.parquet", "like.csv"]


def test_a_folder_of_servegen_is_drawn(command: Command) -> None:
    Path("chunk-0-trace.csv").write_text("0,1,1.0,Gamma,1.0,1.0\n600,2,1.0,Gamma,1.0,0.5\n")
    laws = {"input_tokens": "{100: 1.0}", "output_tokens": "{20: 0.5, 40: 0.5}"}
    Path("chunk-0-dataset.json").write_text(json.dumps({"0": laws}))
    data = json.loads(command("trace", ".", "--json").stdout)
    assert data["format"] == "servegen"
    assert data["requests"] == pytest.approx(1800, rel=0.1)
    assert data["output_tokens"]["mean"] == pytest.approx(30, rel=0.05)
    run = command("simulate", "--model", "llama-3.1-8b", "--accelerator", "h100-sxm", "--trace",
                  ".", "--from", 600, "--json")  # fmt: skip
    assert json.loads(run.stdout)["requests"]["rate"] == pytest.approx(2.0, rel=0.15)
    # another rate is more requests in the same time, not a faster clock
    more = json.loads(command("trace", ".", "--rate", 15, "--json").stdout)
    assert more["requests"] == pytest.approx(15 * 1200, rel=0.05)
    assert more["seconds"] == pytest.approx(1200, rel=0.01)
    assert "no requests in the span" in command("trace", ".", "--from", "2 h", code=2).stderr


@pytest.mark.parametrize(
    ("options", "told"),
    [
        (("nowhere.csv",), "nowhere.csv"),
        (("hours.parquet", "--format", "azur"), "did you mean azure"),
        (("hours.parquet", "--format", "azure"), "TIMESTAMP"),
        (("hours.parquet", "--from", "2 GB"), "expected s"),
        (("hours.parquet", "--from", "2 h", "--to", "1 h"), "nothing lies before"),
        (("hours.parquet", "--from", "9 h"), "no rows in the span"),
        (("hours.parquet", "--write", "out.xlsx"), "name that ends in"),
        (("hours.parquet", "--rate", "0"), "--rate"),
    ],
)
def test_wrong_input_is_exit_code_2(command: Command, hours, options, told) -> None:
    assert told in command("trace", *options, code=2).stderr
