"""A service as its operator disclosed it: nodes from tokens, and slots of a full cache."""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Final

from computesim.calendar import DAY
from computesim.catalog import Catalog, load_catalog
from computesim.cells.jobs import COT, ServingDemand
from computesim.cells.serving import Play
from computesim.cells.serving_cell import measure
from computesim.cells.serving_options import PrefixCache, ServingOptions
from computesim.hardware.replica import ServingLayout
from computesim.hardware.speculation import Speculation
from computesim.study.verify.cases import Case
from computesim.study.verify.serving import ServingPredictor, benchmark_of
from computesim.workload.requests import RequestStream

# DeepSeek, open-infra index, day 6: inference system overview (2025-02-27 to 28), per 24 h
INPUT: Final = 608e9  #: tokens
CACHED: Final = 0.563  #: share of the input, found on disk
OUTPUT: Final = 168e9  #: tokens
CONTEXT: Final = 4989.0  #: mean tokens in the cache of a decoding sequence
SPEED: Final = 21.0  #: tokens/s of a user, 20 to 22
NODES: Final = 226.75  #: of 8 H800, mean of the day
READS, WRITES = 73.7e3, 14.8e3  #: tokens/s of a node that reads, cached ones included; that writes
PREFILL_SHARE: Final = 0.42  #: of the nodes, from these tokens/s
#: load of a node in the busiest hour ÷ mean of the day: 31.1 kUSD of 278 nodes, 562 of 5,442
#: node-hours; from the theoretical income and the nodes of every hour, read off the charts
BUSIEST: Final = 1.083
DECODE_GROUP, PREFILL_GROUP = 144, 32  #: accelerators over which experts are spread
NODE: Final = 8  #: accelerators
#: units of 4 nodes that read and of 18 that decode, as near to the disclosed share as few can be
UNITS: Final = (13, 4)
FIRST_TOKEN: Final = 4.0  #: s; not disclosed
LENGTHS: Final = 1.03  #: sd of ln tokens of R1's outputs in production (servegen)
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
    service = deepseek_service(book)
    yield "H800 nodes of DeepSeek, 2025-02", service.nodes, NODES
    yield "thousand input tokens/s of a node that reads", service.reads / 1e3, READS / 1e3
    yield "thousand output tokens/s of a node that decodes", service.writes / 1e3, WRITES / 1e3
    found = deepseek_service(book, split=False)
    yield "nodes with the split of nodes that we find", found.nodes, NODES
    yield "prefill share of these nodes", found.prefill_share, PREFILL_SHARE
    drafted = deepseek_service(book, Speculation(1, 0.85))
    yield "nodes if a token were drafted, which they do not say", drafted.nodes, NODES
    for machine, dtype, slots in SLOTS:
        name = f"running of 128 clients, Llama-3.1-70B {dtype}, one {machine}"
        yield name, slots_in_use(book, machine, dtype), slots


@dataclass(frozen=True, slots=True)
class DisclosedService:
    """A service of nodes that read and nodes that decode, over a mean day."""

    nodes: float
    prefill_share: float  #: of them

    @property
    def reads(self) -> float:
        """Input tokens/s of a node that reads, cached ones included."""
        return INPUT / DAY / (self.nodes * self.prefill_share)

    @property
    def writes(self) -> float:
        """Output tokens/s of a node that decodes."""
        return OUTPUT / DAY / (self.nodes * (1.0 - self.prefill_share))


def deepseek_service(
    catalog: Catalog, speculation: Speculation | None = None, split: bool = True
) -> DisclosedService:
    """Return DeepSeek's service as a serving cell, set up as its overview describes it.

    Parameters
    ----------
    catalog : Catalog
    speculation : Speculation, optional
        Drafted tokens, of which the overview says nothing.
    split : bool
        With its own share of nodes that read; otherwise the cell finds it.

    Notes
    -----
    Prefill at EP32, decode at EP144, prefixes on a storage service, batches in two halves. 90 % of
    the requests get their tokens at the disclosed mean speed. Outputs are as long as the mean
    context says: ``context = input + output exp(s²) / 2`` of the sequence found decoding, s their
    log-spread. The nodes are sized for the busiest hour, as they were counted. No coefficient is
    fitted to it.

    Source
    ------
    DeepSeek inference system overview (2025).
    """
    output = CONTEXT / (INPUT / OUTPUT + math.exp(LENGTHS**2) / 2.0)
    stream = RequestStream(1.0, output * INPUT / OUTPUT, CACHED, 0.0, output, LENGTHS)
    groups = (PREFILL_GROUP, DECODE_GROUP)
    options = ServingOptions(
        separate_prefill=True,
        two_batches=True,
        speculation=speculation,
        layouts=tuple(ServingLayout(ep=n, dp=n) for n in groups),
        counts=UNITS if split else (),
    )
    model, machine = catalog.model("deepseek-v3"), catalog.accelerator("h800-sxm")
    tier = (model, "fp8", "bf16", FIRST_TOKEN, 1.0 / SPEED)
    demand = ServingDemand(
        COT, "deepseek", *tier, (stream,), options=options, caches=(PrefixCache("storage"),)
    )
    cell = measure(demand, machine, Play())
    nodes = OUTPUT / output / DAY / cell.requests / NODE * BUSIEST
    return DisclosedService(nodes, cell.reading)


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
