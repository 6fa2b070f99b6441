"""One question, one answer: a benchmark asked of `verify serving`, `simulate` and `capacity`."""

from __future__ import annotations

import json
from typing import Any

import pytest
from typer.testing import CliRunner

from computesim.catalog import load_catalog
from computesim.cli import app
from computesim.study.verify.cases import Case
from computesim.study.verify.serving import ServingPredictor

CATALOG = load_catalog()
#: a benchmark, as the options of `simulate` and `capacity`, and as a case of `verify`
BENCHMARKS = [
    ("deepseek-r1", "h200-sxm", "fp8", "sglang-0.5.7", 8, 1024, 1024, 32),
    ("llama-3.1-70b", "h100-sxm", "fp8", "vllm", 4, 8192, 1024, 16),
    ("gpt-oss-120b", "b200-sxm", "fp4", "trtllm", 2, 1024, 1024, 64),
    ("deepseek-r1", "b200-sxm", "fp4", "sglang", 4, 8192, 1024, 8),
    ("qwen3-32b", "h200-sxm", "fp8", "", 2, 1024, 1024, 200),
]


#: pools at work: clients, or requests that come by themselves
AT_WORK = [
    ("deepseek-r1", "h200-sxm", 8, 1, "sglang", ("--clients", 40, "--spread", 0.3)),
    ("llama-3.1-70b", "h100-sxm", 4, 2, "general", ("--rate", 5, "--output-tokens", 300)),
    ("qwen3-32b", "b200-sxm", 1, 3, "trtllm", ("--clients", 60, "--think", "2s")),
]


def answered(*arguments: object) -> dict[str, Any]:
    """Return what a command prints with --json."""
    result = CliRunner().invoke(app, [str(a) for a in arguments])
    assert result.exit_code == 0, result.output
    found: dict[str, Any] = json.loads(result.stdout)
    return found


@pytest.mark.parametrize("benchmark", BENCHMARKS)
def test_verify_simulate_and_capacity_agree(benchmark) -> None:
    model, machine, dtype, engine, tp, prompt, output, clients = benchmark
    cells = {"model": model, "accelerator": machine, "dtype": dtype, "engine": engine,
             "tp": str(tp), "isl": str(prompt), "osl": str(output), "concurrency": str(clients),
             "value": "1"}  # fmt: skip
    predictor = ServingPredictor()

    def predicted(metric: str, statistic: str = "") -> float:
        case = Case(1, {**cells, "metric": metric, "statistic": statistic})
        found = predictor.predict(case, CATALOG).predicted
        assert found is not None
        return found

    common = (
        "--model", model, "--accelerator", machine, "--dtype", dtype, "--tp", tp, "--replicas", 1,
        "--clients", clients, "--rounds", 10, "--range", "0.8,1", "--prompt-tokens", prompt,
        "--output-tokens", output, "--json", *(("--serving-engine", engine) if engine else ()),
    )  # fmt: skip
    figures = answered("simulate", *common)["figures"]
    throughput = predicted("output_tokens_per_s_per_accelerator")
    assert figures["ttft_mean"] * 1e3 == pytest.approx(predicted("ttft_ms"), rel=0.01)
    assert figures["tpot_mean"] * 1e3 == pytest.approx(predicted("tpot_ms"), rel=0.01)
    each = "output_tokens_per_second_per_accelerator"
    assert figures[each] == pytest.approx(throughput, rel=0.01)

    median = ("--share", 0.5, "--disaggregated", "no")
    answer = answered("capacity", *common, *median)["answers"][0]
    seen = {one["metric"]: 1e3 * one["value"] for one in answer["percentiles"]}
    assert seen["ttft"] == pytest.approx(predicted("ttft_ms", "median"), rel=0.01)
    assert seen["tpot"] == pytest.approx(predicted("tpot_ms", "median"), rel=0.01)
    assert answer["figures"][each] == pytest.approx(throughput, rel=0.01)


@pytest.mark.parametrize(("model", "machine", "tp", "replicas", "engine", "asked"), AT_WORK)
def test_simulate_and_capacity_agree_on_a_pool_at_work(
    model, machine, tp, replicas, engine, asked
) -> None:
    common = ("--model", model, "--accelerator", machine, "--tp", tp, "--replicas", replicas,
              "--serving-engine", engine, *asked, "--json")  # fmt: skip
    figures = answered("simulate", *common)["figures"]
    answer = answered("capacity", *common, "--disaggregated", "no")["answers"][0]
    for one in answer["percentiles"]:
        assert figures[f"{one['metric']}_p90"] == pytest.approx(one["value"], rel=0.01)
    for name in ("requests_per_second", "output_tokens_per_second"):
        assert figures[name] == pytest.approx(answer["figures"][name], rel=0.01)
