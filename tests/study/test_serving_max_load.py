"""Serving as fast as it goes, against published throughput that nothing was fitted to."""

from __future__ import annotations

import numpy as np

from computesim.catalog import load_catalog
from computesim.cells.serving import as_service
from computesim.hardware.serving import ServingLayout, serving_step
from computesim.hardware.serving_efficiency import engine_named
from computesim.sim.chains import closed_loop
from computesim.sim.engine import simulate_serving
from computesim.sim.service import Replicas
from computesim.sim.trace import Trace
from computesim.workload.transformer import serving_load

CATALOG = load_catalog()
TRTLLM = engine_named("trtllm")
ROUNDS = 3

# NVIDIA TensorRT-LLM, docs/source/developer-guide/perf-overview.md (commit 03e27c7): output tokens
# per second and GPU at maximal load. DEPn: attention data parallel, experts over n GPUs.
# model, accelerator, layout, dtype, input, output, token/s per GPU
BLACKWELL = [
    ("deepseek-r1", "b200-sxm", "DEP4", "fp4", 1024, 8192, 3862),
    ("deepseek-r1", "gb200", "DEP4", "fp4", 1024, 8192, 4379),
    ("deepseek-r1", "b200-sxm", "DEP4", "fp4", 1024, 32768, 1451),
    ("deepseek-r1", "gb200", "DEP4", "fp4", 1024, 32768, 1465),
    ("deepseek-r1", "b200-sxm", "DEP4", "fp4", 8192, 1024, 1168),
    ("llama-3.1-70b", "b200-sxm", "TP1", "fp4", 1024, 1024, 6842),
    ("llama-3.1-70b", "gb200", "TP1", "fp4", 1024, 8192, 3805),
    ("llama-3.1-70b", "b200-sxm", "TP1", "fp4", 32768, 1024, 274),
    ("qwen3-235b-a22b", "b200-sxm", "DEP4", "fp4", 1024, 8192, 3389),
    ("qwen3-235b-a22b", "b200-sxm", "DEP4", "fp4", 1024, 32768, 1255),
    ("qwen3-235b-a22b", "gb200", "DEP4", "fp4", 8192, 1024, 1464),
    ("qwen3-30b-a3b", "b200-sxm", "TP1", "fp4", 1024, 8192, 13497),
    ("qwen3-30b-a3b", "gb200", "TP1", "fp4", 1024, 32768, 4925),
    ("qwen3-30b-a3b", "gb200", "TP1", "fp4", 32768, 1024, 1380),
    ("gpt-oss-120b", "gb200", "TP1", "fp4", 1024, 8192, 14800),
    ("gpt-oss-120b", "b200-sxm", "DEP2", "fp4", 8192, 1024, 6111),
    ("llama-4-maverick", "b200-sxm", "DEP4", "fp4", 1024, 1024, 11227),
    ("llama-4-maverick", "gb200", "DEP4", "fp4", 8192, 1024, 3444),
]
HOPPER = [
    ("llama-3.1-70b", "h200-sxm", "TP2", "fp8", 1024, 1024, 2582),
    ("llama-3.1-70b", "h200-sxm", "TP2", "fp8", 1024, 8192, 2009),
    ("llama-3.1-70b", "h200-sxm", "TP2", "fp8", 8192, 1024, 537),
    ("llama-3.1-70b", "h100-sxm", "TP2", "fp8", 1000, 1000, 2209),
    ("qwen3-235b-a22b", "h200-sxm", "DEP4", "fp8", 1024, 8192, 1417),
    ("qwen3-235b-a22b", "h200-sxm", "DEP4", "fp8", 32768, 1024, 134),
]


def _rate(model, accelerator, layout, dtype, prompt, output) -> float:
    """Return output tokens per second and GPU with as many clients as the cache has room for."""
    n = int(layout.lstrip("DEPT"))
    spread = ServingLayout(dp=n, ep=n) if layout.startswith("DEP") else ServingLayout(tp=n)
    arch = CATALOG.model(model)
    dense = "bf16" if dtype == "fp4" and arch.n_experts else ""
    step = serving_step(
        serving_load(arch, dtype, "fp8", dense),
        CATALOG.accelerator(accelerator),
        spread,
        token_budget=16384 * n,
        max_batch=2048 * n,
        engine=TRTLLM,
    )
    clients = int(min(step.kv_capacity_tokens / (prompt + output), step.max_batch))
    share = np.random.default_rng(1).uniform(0.9, 1.1, (2, ROUNDS * clients))
    prompts, outputs = (prompt * share[0]).astype(int), (output * share[1]).astype(int)
    requests = Trace(np.zeros(outputs.size), prompts, np.zeros(outputs.size, int), outputs)
    run = simulate_serving(
        requests,
        Replicas(as_service(step, TRTLLM, 0.0), step.weight_seconds, 1),
        chains=closed_loop(outputs.size, clients),
    )
    return float(outputs.sum()) / run.makespan / n


def _errors(rows) -> np.ndarray:
    return np.array([_rate(*row[:-1]) / row[-1] - 1 for row in rows])


def test_blackwell_at_maximal_load_is_as_fast_as_published() -> None:
    # worst: gpt-oss-120b (too fast), Llama 4 Maverick (too slow: its chunked attention counts as
    # full in the catalog)
    errors = _errors(BLACKWELL)
    assert np.median(np.abs(errors)) < 0.15
    assert np.quantile(np.abs(errors), 0.9) < 0.40
    assert abs(np.median(errors)) < 0.10


def test_hopper_at_maximal_load_is_as_fast_as_published() -> None:
    # not here: DeepSeek-R1 and gpt-oss of this engine on Hopper, half as fast as we say and as
    # other engines are (DeepSeek 1,850, vLLM 2,200 token/s per GPU against 1,620)
    errors = _errors(HOPPER)
    assert np.median(np.abs(errors)) < 0.12
    assert np.abs(errors).max() < 0.40
