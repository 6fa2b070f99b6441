"""A service as its operator disclosed it: nodes from tokens, and slots of a full cache."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Final

from computesim.calendar import DAY
from computesim.catalog import Catalog, load_catalog
from computesim.hardware.serving import ServingLayout, serving_step
from computesim.hardware.step import StepModel
from computesim.study.verify.cases import Case
from computesim.study.verify.serving import ServingPredictor, benchmark_of
from computesim.workload.transformer import serving_load

# DeepSeek, open-infra index, day 6: inference system overview (2025-02-27 to 28), per 24 h
INPUT: Final = 608e9  #: tokens
CACHED: Final = 0.563  #: share of the input
OUTPUT: Final = 168e9  #: tokens
CONTEXT: Final = 4989.0  #: mean tokens in the cache of a decoding sequence
SPEED: Final = 21.0  #: tokens/s of a user, 20 to 22
NODES: Final = 226.75  #: of 8 H800, mean of the day
PREFILL_SHARE: Final = 0.42  #: of the nodes, from the disclosed tokens/s of either kind
DECODE_GROUP, PREFILL_GROUP = 144, 32  #: accelerators over which experts are spread
NODE: Final = 8  #: accelerators
#: accelerator, dtype, sequences that run of 128 clients: 128 · t / (t + TTFT) with the time t of
#: 8,192 tokens, from times that were handed to us without a record; an estimate
SLOTS: Final = (("h200-sxm", "fp8", 52.0), ("b200-sxm", "fp4", 97.0))


def disclosed(catalog: Catalog | None = None) -> Iterator[tuple[str, float, float]]:
    """Yield name, ours and theirs of what operators disclosed of their services.

    Parameters
    ----------
    catalog : Catalog, optional
    """
    book = catalog or load_catalog()
    prefill, decode = deepseek_nodes(book)
    yield "H800 nodes of DeepSeek, 2025-02", prefill + decode, NODES
    yield "prefill share of these nodes", prefill / (prefill + decode), PREFILL_SHARE
    for machine, dtype, slots in SLOTS:
        name = f"running of 128 clients, Llama-3.1-70B {dtype}, one {machine}"
        yield name, slots_in_use(book, machine, dtype), slots


def deepseek_nodes(catalog: Catalog) -> tuple[float, float]:
    """Return the nodes that read and that decode DeepSeek's tokens of a day.

    Parameters
    ----------
    catalog : Catalog

    Returns
    -------
    tuple of float
        Of 8 H800, full at all times: the service grew and shrank with its load.

    Notes
    -----
    Decode: the largest batch of EP144 at 21 tokens/s a user. Prefill: full steps of EP32, prompts
    of the mean length that the context says.

    Source
    ------
    DeepSeek inference system overview (2025).
    """
    load = serving_load(catalog.model("deepseek-v3"), "fp8", "bf16")
    machine = catalog.accelerator("h800-sxm")
    wide = ServingLayout(ep=DECODE_GROUP, dp=DECODE_GROUP)
    step = serving_step(load, machine, wide)
    batch = _batch(step, 1.0 / SPEED)
    decoded = batch / step.decode_seconds(batch, CONTEXT) / DECODE_GROUP
    step = serving_step(load, machine, ServingLayout(ep=PREFILL_GROUP, dp=PREFILL_GROUP))
    tokens = float(step.token_budget)
    read = tokens / step.step_seconds(tokens, tokens * CONTEXT / 2, 0.0, 0.0) / PREFILL_GROUP
    rates = NODE * DAY
    return INPUT * (1.0 - CACHED) / read / rates, OUTPUT / decoded / rates


def _batch(step: StepModel, tpot: float) -> int:
    """Return the largest batch that decodes in time and fits."""
    low, high = 1, int(min(step.max_batch, step.kv_capacity_tokens / CONTEXT))
    while low < high:
        middle = (low + high + 1) // 2
        if step.decode_seconds(middle, CONTEXT) <= tpot:
            low = middle
        else:
            high = middle - 1
    return low


def slots_in_use(catalog: Catalog, machine: str, dtype: str) -> float:
    """Return the mean sequences that run where 128 clients ask for 8,192 tokens of one accelerator.

    Parameters
    ----------
    catalog : Catalog
    machine, dtype : str

    Returns
    -------
    float
    """
    cells = {
        "model": "llama-3.1-70b",
        "accelerator": machine,
        "dtype": dtype,
        "engine": "trtllm",
        "tp": "1",
        "isl": "1024",
        "osl": "8192",
        "concurrency": "128",
    }
    benchmark = benchmark_of(Case(0, cells), catalog)
    return ServingPredictor().played(benchmark, catalog).figures.mean_batch
