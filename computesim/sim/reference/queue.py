"""A first-come-first-served queue with several servers, job by job."""

from __future__ import annotations

import simpy

from computesim.arrays import Floats
from computesim.sim.reference.events import Process


def queue(arrival: Floats, service: Floats, servers: int, start: Floats, finish: Floats) -> int:
    """Fill in start and finish of each job and return their number, as `kernels.queue` does."""
    env = simpy.Environment()
    staff = simpy.Resource(env, capacity=servers)

    def job(index: int) -> Process:
        yield env.timeout(arrival[index])
        with staff.request() as turn:
            yield turn
            start[index] = env.now
            yield env.timeout(service[index])
            finish[index] = env.now

    for index in range(arrival.size):
        env.process(job(index))
    env.run()
    return int(arrival.size)
