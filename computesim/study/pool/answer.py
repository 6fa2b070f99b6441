"""What a simulated pool comes to: records whose numbers know their units."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from computesim.records import quantity


@dataclass(frozen=True, slots=True)
class PoolFacts:
    """What serves, and how."""

    model: str
    engine: str
    dtype: str
    accelerator: str
    replicas: int
    prefill_replicas: int
    accelerators_per_replica: int
    accelerators: int
    tp: int
    ep: int
    pp: int
    dp: int
    routing: str
    when_full: str
    block: int = quantity("token")


@dataclass(frozen=True, slots=True)
class StepFacts:
    """What a step takes, and what a replica holds."""

    fixed: float = quantity("s")
    decode_one: float = quantity("s")  #: of one sequence
    decode_full: float = quantity("s")  #: of a full batch
    full_batch: int = quantity("1")
    prefill: float = quantity("s")  #: of a mean prompt alone
    context: float = quantity("token")
    kv_capacity_tokens: float = quantity("token")
    token_budget: int = quantity("token")
    transfer_fixed: float | None = quantity("s", None, optional=True)
    transfer_per_token: float | None = quantity("s/token", None, optional=True)
    prefix_cache_tokens: int | None = quantity("token", None, optional=True)


@dataclass(frozen=True, slots=True)
class RequestFacts:
    """What is asked."""

    trace: str  #: the file; empty where requests are drawn
    pattern: str
    closed: bool  #: requests wait for others
    sequences_per_request: int = quantity("1")  #: samples, or continuations of a search
    rate: float = quantity("request/s")
    prompt_tokens: float = quantity("token")  #: of a sequence, as the two below
    cached_tokens: float = quantity("token")
    output_tokens: float = quantity("token")


@dataclass(frozen=True, slots=True, kw_only=True)
class PoolFigures:
    """What came of it: rates over one window, latencies of the sequences that are judged.

    A request is what a user asks once, with all of its samples; a sequence is one of these. The
    window begins after the warm-up and ends when the pool begins to empty.
    """

    requests: int = quantity("request")
    judged: float = quantity("request")
    finished: float = quantity("request")
    warm_up: float = quantity("s")
    makespan: float = quantity("s")
    window_start: float = quantity("s")
    window_end: float = quantity("s")
    window_ended: float = quantity("request")  #: those that ended in it
    window_needed: float = quantity("s")  #: for rates of a steady state, at least
    window_is_short: bool
    requests_per_second: float = quantity("request/s")
    sequences_per_second: float = quantity("1/s")
    prompt_tokens_per_second: float = quantity("token/s")
    output_tokens_per_second: float = quantity("token/s")
    utilisation: float = quantity("1")
    on_seconds: float = quantity("s")
    mean_batch: float = quantity("1")
    peak_kv_tokens: float = quantity("token")
    cached_share: float = quantity("1")
    preemptions: int = quantity("1")
    failures: int = quantity("1")
    saturated: bool
    ttft_p50: float = quantity("s")
    ttft_p90: float = quantity("s")
    ttft_p99: float = quantity("s")
    tpot_p50: float = quantity("s/token")
    tpot_p90: float = quantity("s/token")
    tpot_p99: float = quantity("s/token")
    e2e_p50: float = quantity("s")
    e2e_p90: float = quantity("s")
    e2e_p99: float = quantity("s")
    ttft_mean: float = quantity("s")
    ttft_half_width: float = quantity("s")
    tpot_mean: float = quantity("s/token")
    tpot_half_width: float = quantity("s/token")
    e2e_mean: float = quantity("s")
    e2e_half_width: float = quantity("s")
    observed_until: float = quantity("s")
    output_tokens_per_second_per_accelerator: float = quantity("token/s")
    within_level: float = quantity("1", None, optional=True)
    within_level_tokens: float = quantity("1", None, optional=True)
    goodput_requests_per_second: float = quantity("request/s", None, optional=True)
    goodput_tokens_per_second: float = quantity("token/s", None, optional=True)


@dataclass(frozen=True, slots=True)
class TaskFigures:
    """How long tasks of several sequences take, from first arrival to last token."""

    name: str
    number: int
    sequences: float = quantity("1")  #: of a task, mean: samples, or turns of a session
    output_tokens: float = quantity("token")
    mean: float = quantity("s")
    p50: float = quantity("s")
    p90: float = quantity("s")
    p99: float = quantity("s")


@dataclass(frozen=True, slots=True)
class Energy:
    """What a pool draws: joules of the whole run; watts, and what is divided, over the window."""

    site: str
    watts: float = quantity("W")
    peak_watts: float = quantity("W")
    joules: Mapping[str, float] = quantity("J")  #: of the run, by phase
    joules_per_output_token: float = quantity("J/token")
    joules_per_sequence: float = quantity("J")
    joules_per_request: float = quantity("J/request")  #: all of its sequences


@dataclass(frozen=True, slots=True)
class PoolAnswer:
    """What is worth telling of a run.

    Parameters
    ----------
    classes : mapping of str to mapping
        Percentiles by class of request, s; empty where there is one class.
    tasks : TaskFigures or empty mapping
    promise : mapping
        What was promised by name, and whether it is `kept`; if not, which terms are `missed`, and
        whether they are since the pool is `saturated`. Empty where nothing was promised.
    remarks : tuple of str
        What a reader must know first.
    timeline : mapping of str to sequence, optional
        Columns of `timeline.rows_of`.
    """

    pool: PoolFacts
    step: StepFacts
    requests: RequestFacts
    figures: PoolFigures
    classes: Mapping[str, Mapping[str, float]]
    tasks: TaskFigures | Mapping[str, float]
    promise: Mapping[str, Any]
    files: tuple[str, ...] = ()
    remarks: tuple[str, ...] = ()
    energy: Energy | None = field(default=None, metadata={"optional": True})
    timeline: Mapping[str, Sequence[Any]] | None = field(default=None, metadata={"optional": True})
