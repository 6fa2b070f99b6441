"""The SimPy twins of the kernels: the specification, one event at a time.

Same signatures and same results as `kernels`, at the pace of a person reading.
At equal times events happen in the order of their ranks: steps end, the
simulation may stop, requests arrive and are sent to replicas, steps start.
"""

from __future__ import annotations

import math
from collections import deque
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import simpy

from computesim.sim.service import Floats, Records, Service

FINISH, STOP, ARRIVE, START = range(4)  #: ranks of events at equal times
Process = Iterator[Any]  #: what SimPy runs


def after(env: simpy.Environment, seconds: float, rank: int, event: Any = None) -> Any:
    """Let an event happen after some seconds, at its rank among those of that time."""
    event = env.event() if event is None else event
    event._ok, event._value = True, None  # the event has no value and no error to carry
    env.schedule(event, rank, seconds)
    return event


def queue(arrival: Floats, service: Floats, servers: int, start: Floats, finish: Floats) -> int:
    """Fill in start and finish of each job and return their number.

    Parameters
    ----------
    arrival, service : ndarray of float64, shape (n,), s
        Arrivals, not decreasing, and service times.
    servers : int
        Servers, at least one.
    start, finish : ndarray of float64, shape (n,), s
        Filled in.

    Returns
    -------
    int
        Jobs served.
    """
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


@dataclass(slots=True)
class Sequence:
    """A request on its way through a replica."""

    record: Any  #: its row in the requests
    prompt: int  #: tokens
    output: int  #: tokens
    cached: int  #: tokens of the prompt in the KV cache
    generated: int = 0  #: output tokens so far

    @property
    def need(self) -> int:
        """KV cache that is reserved for it, tokens."""
        return self.prompt + self.output

    @property
    def context(self) -> int:
        """Tokens in the KV cache while it decodes: all but the newest."""
        return self.prompt + self.generated - 1


@dataclass(slots=True)
class Replica:
    """A machine that runs one step after the other as long as it has work."""

    env: Any
    service: Service
    weight_seconds: Floats
    total: Any  #: its row of `service.REPLICA`
    on_finish: Callable[[Replica, Sequence], None]
    waiting: deque[Sequence] = field(default_factory=deque)
    reading: deque[Sequence] = field(default_factory=deque)  #: admitted, prompt not complete
    decoding: list[Sequence] = field(default_factory=list)
    load: int = 0  #: requests sent here and not finished
    promised: int = 0  #: KV cache that they need, tokens
    reserved: int = 0  #: KV cache of the admitted ones, tokens
    began: float | None = None  #: when the step in progress began
    wake: Any = None

    @property
    def running(self) -> int:
        """Admitted sequences."""
        return len(self.reading) + len(self.decoding)

    def has_room(self, sequence: Sequence) -> bool:
        """Tell whether a sequence would be admitted at once."""
        fits = self.promised + sequence.need <= self.service.kv_capacity_tokens
        return fits and self.load < self.service.max_batch

    def accept(self, sequence: Sequence) -> None:
        """Take a request into the queue."""
        self.load += 1
        self.promised += sequence.need
        self.waiting.append(sequence)
        if self.wake is not None:
            self.wake.succeed()
            self.wake = None

    def live(self) -> Process:
        """Start a step whenever there is work, and deliver its tokens when it ends."""
        while True:
            if not self.waiting and not self.running:
                self.wake = self.env.event()
                yield self.wake
            yield after(self.env, 0.0, START)
            self.admit()
            chunks = self.chunks()
            compute, memory, base = self.sides(chunks)
            seconds = base + max(compute, memory)
            self.began = self.env.now
            yield after(self.env, seconds, FINISH)
            self.began = None
            self.book(seconds, compute, memory, chunks)
            self.deliver(chunks)

    def admit(self) -> None:
        """Admit waiting requests, first come first served, while there is room."""
        while self.waiting and self.running < self.service.max_batch:
            if self.reserved + self.waiting[0].need > self.service.kv_capacity_tokens:
                break
            self.reserved += self.waiting[0].need
            self.reading.append(self.waiting.popleft())
        self.total["peak_kv_tokens"] = max(self.total["peak_kv_tokens"], self.reserved)

    def chunks(self) -> list[int]:
        """Return how many tokens of each prompt in `reading` the step takes, earliest first."""
        left = self.service.token_budget - len(self.decoding)
        chunks = []
        for sequence in self.reading:
            chunks.append(min(left, sequence.prompt - sequence.cached))
            left -= chunks[-1]
        return chunks

    def sides(self, chunks: list[int]) -> tuple[float, float, float]:
        """Return the compute side, the memory side and the rest of the step time, s."""
        cost, n = self.service, len(self.decoding)
        tokens = n + sum(chunks)
        resident = sum(sequence.context for sequence in self.decoding)
        pairs = resident + n  # a token attends to its context and to itself
        for sequence, chunk in zip(self.reading, chunks, strict=True):
            pairs += chunk * sequence.cached + chunk * (chunk + 1) // 2
        compute = cost.compute_offset + cost.per_token * tokens + cost.per_pair * pairs
        reading = cost.per_kv_token * resident + cost.per_sequence * n
        return compute, self.weight_seconds[tokens] + reading, cost.fixed + cost.wire * tokens

    def book(self, seconds: float, compute: float, memory: float, chunks: list[int]) -> None:
        """Add a step to the totals."""
        self.occupy(seconds)
        self.total["compute_seconds"] += compute
        self.total["memory_seconds"] += memory
        self.total["iterations"] += 1
        self.total["prefill_tokens"] += sum(chunks)
        self.total["decode_tokens"] += len(self.decoding)

    def occupy(self, seconds: float) -> None:
        """Add busy time to the totals."""
        self.total["busy_seconds"] += seconds
        self.total["batch_seconds"] += self.running * seconds

    def deliver(self, chunks: list[int]) -> None:
        """Give a token to each decoding sequence, and the first one to each complete prompt."""
        delivered = list(self.decoding)
        for sequence, chunk in zip(self.reading, chunks, strict=True):
            sequence.cached += chunk
        while self.reading and self.reading[0].cached == self.reading[0].prompt:
            sequence = self.reading.popleft()
            sequence.record["first"] = self.env.now
            self.decoding.append(sequence)
            delivered.append(sequence)
        for sequence in delivered:
            sequence.generated += 1
            sequence.record["generated"] = sequence.generated
            if sequence.generated == sequence.output:
                self.decoding.remove(sequence)
                self.dismiss(sequence)

    def dismiss(self, sequence: Sequence) -> None:
        """Write down that a sequence is finished and free its place."""
        sequence.record["finish"] = self.env.now
        self.load -= 1
        self.promised -= sequence.need
        self.reserved -= sequence.need
        self.on_finish(self, sequence)


def serve(
    requests: Records,
    service: Service,
    weight_seconds: Floats,
    routing: int,
    stop_after: int,
    replicas: Records,
) -> float:
    """Play requests on replicas until `stop_after` of them are finished, and return the time.

    Parameters
    ----------
    requests : ndarray of service.REQUEST, shape (n,)
        Arrivals, not decreasing, and lengths. `first`, `finish`, `generated` and `replica` are
        filled in; they stay as they are for a request that does not get there.
    service : service.Service
        Step time and limits of one replica.
    weight_seconds : ndarray of float64, shape (token_budget + 1,), s
        Seconds of reading the weights in a step of T tokens.
    routing : int
        0: fewest outstanding requests; 1: in turn; 2: shared queue, the head goes to the replica
        with the fewest requests among those with room; 3: as `replica` of the request says.
    stop_after : int
        Finished requests at which to stop, 1 to n.
    replicas : ndarray of service.REPLICA, shape (r,)
        The totals are filled in; zero at the start.

    Returns
    -------
    float, s
        When the last step ended.
    """
    env = simpy.Environment()
    stop = env.event()
    line: deque[int] = deque()  # requests that are not yet sent to a replica
    finished = 0

    def on_finish(replica: Replica, sequence: Sequence) -> None:
        nonlocal finished
        finished += 1
        if finished == stop_after:
            after(env, 0.0, STOP, stop)
        after(env, 0.0, ARRIVE).callbacks.append(lambda _: dispatch())

    pool = [Replica(env, service, weight_seconds, total, on_finish) for total in replicas]

    def choose(index: int, sequence: Sequence) -> int | None:
        """Return the replica of a request, None while it has to wait in the shared queue."""
        if routing == 1:
            return index % len(pool)
        if routing == 3:
            return int(requests[index]["replica"])
        open_ones = [r for r, p in enumerate(pool) if routing == 0 or p.has_room(sequence)]
        return min(open_ones, key=lambda r: pool[r].load, default=None)

    def dispatch() -> None:
        """Send requests to replicas, first come first served."""
        while line:
            record = requests[line[0]]
            lengths = (record[f"{name}_tokens"] for name in ("prompt", "output", "cached"))
            sequence = Sequence(record, *map(int, lengths))
            chosen = choose(line[0], sequence)
            if chosen is None:
                break
            record["replica"] = chosen
            pool[chosen].accept(sequence)
            line.popleft()

    def arrive(index: int) -> Process:
        yield after(env, requests[index]["arrival"], ARRIVE)  # absolute: not rounded twice
        line.append(index)
        dispatch()

    for index in range(requests.size):
        env.process(arrive(index))
    for replica in pool:
        env.process(replica.live())
    env.run(until=stop)
    for replica in pool:
        if replica.began is not None:
            replica.occupy(env.now - replica.began)
    return float(env.now)


def rollout_loop(
    latency: Floats, occupancy: Floats, learner: Floats, sync: float, staleness: float
) -> tuple[Floats, Floats, Floats, Floats]:
    """Return when batches start, are ready, begin to be learnt from and are done.

    Parameters
    ----------
    latency, occupancy, learner : ndarray of float64, shape (n,), s
    sync : float, s
    staleness : float
        As for `loop.rollout_loop`.

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
