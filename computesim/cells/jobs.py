"""What a cell is asked to do: streams of requests, pretraining runs, RL runs.

Plain frozen values; `computesim.demand.asked` makes them of a scenario.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field, replace
from typing import Protocol

from computesim.cells.serving_options import PrefixCache, ServingOptions
from computesim.quantities import ENGINES, ServingLoad, Work
from computesim.workload.architecture import Architecture
from computesim.workload.requests import RequestStream
from computesim.workload.rl_recipe import RLRecipe
from computesim.workload.transformer import serving_load

COT, OTHER = "CoT inference", "Other inference"
PRETRAINING, RL, EXPERIMENTS = "Pretraining", "RL post-training", "Experiments"
OTHER_AI = "Other AI"


@dataclass(frozen=True, slots=True)
class ServingDemand:
    """The requests of one workload that one tier serves."""

    workload: str
    tier: str
    model: Architecture
    dtype: str
    kv_dtype: str
    ttft: float  #: s, for 90 % of the requests
    tpot: float  #: s/token, for 90 % of the requests
    streams: tuple[RequestStream, ...]
    algorithms: float = 1.0  #: by how much less FLOP a request takes than the model says
    engine: str = ENGINES[0]  #: the program that serves
    options: ServingOptions = field(default_factory=ServingOptions)
    caches: tuple[PrefixCache, ...] = ()  #: of each stream; alike, of the default kind, where empty

    @property
    def cached(self) -> Iterator[tuple[RequestStream, PrefixCache]]:
        """Every stream, and where its prompts wait."""
        return zip(self.streams, self.caches or [PrefixCache()] * len(self.streams), strict=True)

    @property
    def requests(self) -> float:
        """Requests/s, mean of the day."""
        return sum(stream.rate for stream in self.streams)

    @property
    def load(self) -> ServingLoad:
        """What the model asks of a replica, at the mean position of what it writes."""
        written = [s.rate * s.output_tokens for s in self.streams]
        places = [s.prompt_tokens + s.sample_tokens / 2.0 for s in self.streams]
        total = sum(written)
        mean = sum(w * at for w, at in zip(written, places, strict=True)) / total if total else None
        mean = None if mean is None else round(mean, 6)  # whatever the rate of the same mix
        return serving_load(self.model, self.dtype, self.kv_dtype, context=mean)

    @property
    def mix(self) -> tuple[object, ...]:
        """All that a serving cell depends on: the mix of requests, not their rate or owners."""
        total = self.requests
        streams = tuple(replace(s, rate=round(s.rate / total, 12), name="") for s in self.streams)
        caches = tuple(cache for _, cache in self.cached)
        level = (self.ttft, self.tpot)
        served = (self.model, self.dtype, self.kv_dtype, self.engine, *level)
        return (*served, streams, self.options, caches)

    def flop(self) -> dict[str, float]:
        """Return the FLOP/s of prefill and of decode, mean of the day."""
        parts = [self.stream_flop(s) for s in self.streams]
        return {name: sum(part[name] for part in parts) for name in ("Prefill", "Decode")}

    def stream_flop(self, stream: RequestStream) -> dict[str, float]:
        """Return the FLOP/s of prefill and of decode of one stream, mean of the day."""
        return {
            "Prefill": stream.prefill_flop(self.model) / self.algorithms,
            "Decode": stream.decode_flop(self.model) / self.algorithms,
        }


@dataclass(frozen=True, slots=True)
class PretrainingDemand:
    """The final pretraining runs of a group of labs."""

    lab: str
    model: Architecture
    runs: float  #: runs/s, all labs of the group
    run_flop: float  #: of one run, FLOP
    dtype: str
    seq_len: int
    batch_tokens: float
    accelerators: float  #: of one job, at least
    duration: float  #: of one run, at most, s

    @property
    def flop(self) -> float:
        """FLOP/s, mean of the year."""
        return self.runs * self.run_flop

    @property
    def job(self) -> PretrainingDemand:
        """All that a cell depends on: one run, whoever does it and however often."""
        return replace(self, lab="", runs=0.0)


@dataclass(frozen=True, slots=True)
class RLDemand:
    """The RL runs of a group of labs."""

    lab: str
    model: Architecture
    steps: float  #: RL steps/s, all labs of the group
    recipe: RLRecipe
    response_tokens: float  #: mean of one response, search left out
    response_spread: float
    max_response_tokens: float
    verifier_seconds: float
    dtype: str  #: of the learner
    works: dict[str, Work] = field(hash=False)  #: of one step, by part

    @property
    def job(self) -> RLDemand:
        """All that a cell depends on: one step, whoever takes it and however often."""
        return replace(self, lab="", steps=0.0)

    def flop(self) -> dict[str, float]:
        """Return the FLOP/s by part, mean of the year."""
        part = {name: work.flop * self.steps for name, work in self.works.items()}
        return {
            "Rollout": part["prefill"] + part["decode"],
            "Verification": part["search_scoring"] + part["verification"],
            "Log-probabilities": part["old_log_probs"] + part["reference"],
            "Learner": part["learner"] + part["critic"],
        }


class Asked(Protocol):
    """What a year asks of cells."""

    @property
    def serving(self) -> tuple[ServingDemand, ...]:
        """Workloads by tier."""
        ...

    @property
    def pretraining(self) -> tuple[PretrainingDemand, ...]:
        """Final pretraining runs by group of labs."""
        ...

    @property
    def rl(self) -> tuple[RLDemand, ...]:
        """RL runs by group of labs."""
        ...
