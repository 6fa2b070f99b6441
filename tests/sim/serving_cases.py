"""Random small cases for the serving kernel and its twin."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from hypothesis import strategies as st
from numpy.typing import NDArray

from computesim.sim.service import Service
from computesim.sim.trace import Trace

TICK = 2.0**-10  #: dyadic: sums are exact, and ties are ties


@dataclass(frozen=True)
class Case:
    trace: Trace
    service: Service
    weight_seconds: NDArray[np.float64]
    n_replicas: int


def cases(tick: bool = True, most: int = 25) -> st.SearchStrategy[Case]:
    """Draw a case from one seed; with `tick` all its times are multiples of a power of two."""
    return st.builds(
        lambda seed, n: draw(np.random.default_rng(seed), n, tick),
        st.integers(0, 2**32 - 1),
        st.integers(1, most),
    )


def draw(rng: np.random.Generator, n: int, tick: bool) -> Case:
    def cost(most: int) -> float:
        return float(rng.integers(0, most + 1)) if tick else float(rng.uniform(0, most))

    sizes = [1, 2, 4] if tick else [1, 2, 3, 5]
    groups, stages = (int(x) for x in rng.choice(sizes, 2))
    if rng.random() < 0.5:  # one microbatch, like most replicas
        groups = stages = 1
    each = int(rng.integers(1, 40 if groups * stages == 1 else 20))
    budget = each * groups * stages
    service = Service(
        fixed=(cost(20) + 1) * TICK,
        wire=cost(2) * TICK,
        compute_offset=cost(30) * TICK,
        per_token=cost(8) * TICK,
        per_pair=cost(2) * TICK / 16,
        per_kv_token=cost(2) * TICK / 8,
        per_sequence=cost(4) * TICK,
        kv_capacity_tokens=int(rng.integers(60, 400)) * groups,
        max_batch=int(rng.integers(1, budget + 1)),
        token_budget=budget,
        groups=groups,
        prompt_gap=int(rng.choice([0, 0, 3, 8])),
        stages=stages,
        per_shared_token=cost(4) * TICK if groups > 1 else 0.0,
    )
    weight_seconds = np.array([cost(60) * TICK for _ in range(3 * (each + 1))]).reshape(3, -1)
    weight_seconds[:2] = np.sort(weight_seconds[:2], axis=0)[::-1]
    prompt = rng.integers(1, 40, n)
    # arrivals often coincide with each other and with ends of steps
    arrival = rng.integers(0, 400, n) * 4 * TICK if tick else rng.uniform(0, 1.6, n)
    trace = Trace(
        np.sort(arrival),
        prompt,
        np.minimum(rng.integers(0, 60, n), prompt),
        rng.integers(1, 21, n),
    )
    service = service._replace(mixes=int(rng.random() < 0.6))
    return Case(trace, service, weight_seconds, int(rng.integers(1, 6)))
