"""How a serving pool is run: routing, prefix cache, disaggregation, autoscaling, failures."""

from __future__ import annotations

import math
from dataclasses import dataclass, field
from typing import Final, Literal

import numpy as np
import numpy.typing as npt

from computesim.arrays import Ints
from computesim.errors import SimulationError
from computesim.sim.records import (
    BIN,
    FAILURE,
    GIVEN,
    IN_TURN,
    PREFIX,
    RULES,
    SHARED,
    SHORTEST,
    TWO_CHOICES,
    Extras,
    Records,
)
from computesim.sim.service import Service
from computesim.sim.streams import stream

Routing = Literal[
    "shortest-queue", "round-robin", "two-choices", "prefix-aware", "shared-queue", "given"
]
ROUTINGS: Final[dict[str, int]] = {
    "shortest-queue": SHORTEST,
    "round-robin": IN_TURN,
    "two-choices": TWO_CHOICES,
    "prefix-aware": PREFIX,
    "shared-queue": SHARED,
    "given": GIVEN,
}


@dataclass(frozen=True, slots=True)
class PrefixCache:
    """Blocks of prompts that each replica keeps, the least recently used ones leave first."""

    blocks: npt.NDArray[np.int64]  #: numbers of the blocks of all prompts, one after the other
    block_start: npt.NDArray[np.int64]  #: where those of each request begin, shape (n + 1,)
    block_tokens: int  #: tokens of a block
    capacity_blocks: int  #: of a replica, besides the KV cache of what runs

    def __post_init__(self) -> None:
        if self.block_tokens < 1 or self.capacity_blocks < 1:
            raise SimulationError("a prefix cache has blocks of at least one token, at least one")
        start = np.asarray(self.block_start)
        if start.ndim != 1 or start.size == 0 or start[0] != 0 or start[-1] != len(self.blocks):
            raise SimulationError("block_start must run from 0 to the number of blocks")
        if np.any(np.diff(start) < 0):
            raise SimulationError("block_start must not decrease")


@dataclass(frozen=True, slots=True)
class DecodePool:
    """Replicas that decode what the others have read."""

    service: Service
    weight_seconds: npt.ArrayLike  #: of weights, see `check_service`, s
    n_replicas: int
    transfer_fixed: float = 0.0  #: latency of a transfer of KV cache, s
    transfer_per_token: float = 0.0  #: s/token


@dataclass(frozen=True, slots=True)
class Autoscaler:
    """Starts and drains replicas by the number of outstanding requests.

    Every `interval` it aims at ``outstanding / wanted`` replicas, rounded up, from `least` to all.
    It shrinks only after `patience` decisions in a row that say so; a draining replica finishes
    what it has.
    """

    interval: float  #: s
    wanted: float  #: outstanding requests of a replica
    least: int = 1
    startup: float = 0.0  #: from the decision until a replica takes requests, paid for, s
    patience: int = 1

    def __post_init__(self) -> None:
        if not (0.0 < self.interval < math.inf and 0.0 < self.wanted < math.inf):
            raise SimulationError("an autoscaler needs an interval and a wanted load above zero")
        if self.least < 1 or self.patience < 1 or not 0.0 <= self.startup < math.inf:
            raise SimulationError(
                "an autoscaler keeps at least one replica and starts them in time"
            )


@dataclass(frozen=True, slots=True)
class Operation:
    """How a pool is run, beyond its routing."""

    slack: int = 8
    """outstanding requests by which a replica may be ahead of the shortest queue and still take a
    request whose prefix it knows"""
    local_prefix: bool = False
    """what a later stage finds cached is on the replica where the stage before ended, only there"""
    prefix_cache: PrefixCache | None = None  #: instead of given `cached_tokens`
    decode_pool: DecodePool | None = None
    autoscaler: Autoscaler | None = None
    failures: Records = field(default_factory=lambda: np.zeros(0, FAILURE))
    bin_seconds: float = 0.0  #: width of the intervals of the timeline; 0: none
    seed: int = 1  #: of the two choices

    def check(self, n_requests: int, n_replicas: int, shares: bool) -> None:
        """Refuse what does not go together.

        Parameters
        ----------
        n_requests, n_replicas : int
            Of the run; the replicas of a decode pool counted.
        shares : bool
            Some stage keeps its prompt once.

        Raises
        ------
        SimulationError
        """
        if self.decode_pool and (self.autoscaler or shares):
            raise SimulationError(
                "a pool with separate decode replicas has no autoscaler and no shared prompts"
            )
        if self.prefix_cache and len(self.prefix_cache.block_start) != n_requests + 1:
            raise SimulationError("block_start of the prefix cache needs one entry a request")
        if self.autoscaler and self.autoscaler.least > n_replicas:
            raise SimulationError("the autoscaler keeps more replicas than there are")
        if not 0.0 <= self.bin_seconds < math.inf or self.slack < 0:
            raise SimulationError("bin_seconds and slack are not negative")
        f = self.failures
        if f.size and not (
            np.all(np.diff(f["time"]) >= 0)
            and np.all((f["replica"] >= 0) & (f["replica"] < n_replicas))
            and np.all((f["repair"] >= 0) & (f["repair"] < np.inf) & (f["time"] >= 0))
        ):
            raise SimulationError("failures come in order of time, at replicas that exist")

    def rules(self, routing: str, stop_after: int, lanes: int) -> Records:
        """Return the numbers that the kernel needs.

        Parameters
        ----------
        routing : str
            One of `ROUTINGS`.
        stop_after : int
            Finished requests at which to stop.
        lanes : int
            Priorities.

        Returns
        -------
        ndarray of RULES, shape (1,)
        """
        if routing not in ROUTINGS:
            raise SimulationError(f"unknown routing '{routing}'; expected {', '.join(ROUTINGS)}")
        pool, scaler, cache = self.decode_pool, self.autoscaler, self.prefix_cache
        rules = np.zeros(1, RULES)
        rules["routing"], rules["stop_after"] = ROUTINGS[routing], stop_after
        rules["lanes"], rules["slack"], rules["local"] = lanes, self.slack, self.local_prefix
        rules["tick"], rules["bin"], rules["block"] = math.inf, self.bin_seconds, 1
        if pool:
            for name in ("transfer_fixed", "transfer_per_token"):
                rules[name] = getattr(pool, name)
        if scaler:
            rules["tick"] = scaler.interval
            for name in ("wanted", "least", "patience", "startup"):
                rules[name] = getattr(scaler, name)
        if cache:
            rules["block"], rules["cache_blocks"] = cache.block_tokens, cache.capacity_blocks
        return rules

    def extras(
        self,
        routing: str,
        stages: Records,
        requests: Records,
        services: Records,
        n_replicas: int,
        n_bins: int,
    ) -> Extras | None:
        """Return the arrays that the kernel needs besides, None if it needs none of them.

        Parameters
        ----------
        routing : str
        stages : ndarray of STAGE, shape (s,)
        requests : ndarray of REQUEST, shape (n,)
        services : ndarray of SERVICE, shape (k,)
        n_replicas, n_bins : int
        """
        evicts = bool(services["when_full"].any())
        two, prefix = (ROUTINGS[routing] == rule for rule in (TWO_CHOICES, PREFIX))
        special = (self.prefix_cache, self.decode_pool, self.autoscaler)
        plain = not any(special) and ROUTINGS[routing] <= GIVEN and not evicts
        if plain and not stages.size and not self.failures.size and not self.bin_seconds:
            return None
        n, n_failures = requests.size, self.failures.size
        blocks, start = self._blocks()
        n_blocks = int(blocks.max()) + 1 if blocks.size else 0
        coming, events = n + stages.size, n_failures + n_replicas
        draw = stream(self.seed, "two_choices")
        return Extras(
            stages=stages,
            phases=np.zeros(n_replicas * int(services["block_tokens"][0]) * evicts, np.int64),
            draws=draw.integers(0, n_replicas, (n * two, 2), dtype=np.int32),
            blocks=blocks,
            block_start=start,
            links=np.full((n_replicas * (n_blocks > 0), 2, n_blocks), -2, np.int32),
            failures=np.ascontiguousarray(self.failures),
            timeline=np.zeros((services.size, n_bins), BIN),
            times=np.empty(coming),
            codes=np.empty(coming, np.int64),
            size=np.zeros(1, np.int64),
            plant_times=np.empty(events),
            plant_codes=np.empty(events, np.int64),
            plant_size=np.zeros(1, np.int64),
            patience=np.zeros(1, np.int64),
            missing=np.zeros(n * prefix, np.int64),
            unread=np.zeros(n_replicas * prefix, np.int64),
            sent=np.zeros(n_replicas * prefix, np.int64),
        )

    def _blocks(self) -> tuple[npt.NDArray[np.int32], Ints]:
        """Return the prefix blocks numbered from 0, so that they index an array."""
        if self.prefix_cache is None:
            return np.zeros(0, np.int32), np.zeros(1, np.int64)
        _, dense = np.unique(np.asarray(self.prefix_cache.blocks), return_inverse=True)
        start = np.ascontiguousarray(self.prefix_cache.block_start, dtype=np.int64)
        return dense.astype(np.int32), start


def draw_failures(
    n_replicas: int, mtbf: float, repair: float, horizon: float, seed: int
) -> Records:
    """Return the failures of replicas, each with exponential times between and to repair.

    Parameters
    ----------
    n_replicas : int
    mtbf : float, s
        Mean time between failures of one replica.
    repair : float, s
        Mean time to repair.
    horizon : float, s
        No failure comes later.
    seed : int
        Of the streams `failures` and `repairs`, one for each replica.

    Returns
    -------
    ndarray of FAILURE
        In order of time.
    """
    if min(mtbf, horizon) <= 0.0 or repair < 0.0:
        raise SimulationError(
            "time between failures and horizon are positive, repair is not below 0"
        )
    rows: list[tuple[float, int, float]] = []
    for r in range(n_replicas):
        gaps, repairs = stream(seed, "failures", r), stream(seed, "repairs", r)
        time = float(gaps.exponential(mtbf))
        while time < horizon:
            down = float(repairs.exponential(repair)) if repair else 0.0
            rows.append((time, r, down))
            time += down + float(gaps.exponential(mtbf))
    return np.sort(np.array(rows, FAILURE), order=["time", "replica"])
