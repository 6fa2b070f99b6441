"""Rollouts and a learner that wait for each other, event by event."""

from __future__ import annotations

import math

import numpy as np
import simpy

from computesim.arrays import Floats
from computesim.sim.reference.events import Process


def rollout_loop(
    latency: Floats, occupancy: Floats, learner: Floats, sync: float, staleness: float
) -> tuple[Floats, Floats, Floats, Floats]:
    """Return when batches start, are ready, begin to be learnt from and are done.

    Arguments are those of `loop.rollout_loop`.

    Returns
    -------
    tuple of four ndarray of float64, shape (n,), s
        Start of the generation, batch ready, begin and end of the learner's step.
    """
    env, whole = simpy.Environment(), math.floor(staleness)
    share = staleness - whole
    times = np.zeros((4, len(latency)))
    start, ready, begin, finish = times
    generated = [env.event() for _ in latency]
    published = [env.event() for _ in latency]  # weights of a step have reached the engine

    def generate(i: int, seconds: float) -> Process:
        yield env.timeout(seconds)
        ready[i] = env.now
        generated[i].succeed()

    def rollouts() -> Process:
        for i in range(len(latency)):
            newest = i - 1 - whole
            if share and newest > 0:
                yield published[newest - 1]
            elif not share and newest >= 0:
                yield published[newest]
            start[i] = env.now
            yield env.timeout(share * occupancy[i])
            if newest >= 0:
                yield published[newest]
            ahead = min(share * occupancy[i], latency[i])
            env.process(generate(i, latency[i] - ahead))
            yield env.timeout((1.0 - share) * occupancy[i])

    def publish(i: int) -> Process:
        yield env.timeout(sync)
        published[i].succeed()

    def learn() -> Process:
        for i in range(len(latency)):
            yield generated[i]
            begin[i] = env.now
            yield env.timeout(learner[i])
            finish[i] = env.now
            env.process(publish(i))

    env.process(rollouts())
    env.process(learn())
    env.run()
    return start, ready, begin, finish
