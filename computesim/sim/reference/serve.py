"""A pool of replicas, its requests, its failures and its autoscaler, as processes."""

from __future__ import annotations

import math
from collections import deque
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import numpy.typing as npt
import simpy

from computesim.arrays import Floats
from computesim.sim.records import (
    DOWN,
    DRAINING,
    GIVEN,
    HANDED,
    IN_TURN,
    OFF,
    ON,
    PREFIX,
    SHARED,
    STARTING,
    TWO_CHOICES,
    Extras,
    Records,
)
from computesim.sim.reference.events import ARRIVE, PLANT, SEND, STOP, TICK, Process, after
from computesim.sim.reference.replica import Replica
from computesim.sim.reference.sequence import Sequence
from computesim.sim.reference.totals import Totals


def serve(
    requests: Records,
    fresh: npt.NDArray[np.int32],
    services: Records,
    weight_seconds: Floats,
    rules: Records,
    replicas: Records,
    extras: Extras | None,
    log: list[tuple[Any, ...]] | None = None,
) -> float:
    """Play requests on replicas until `stop_after` of them are finished, and return the time.

    All but the last argument are those of `kernels.serve.serve`. The log is filled with (replica,
    begin, seconds, decoding sequences, prompt tokens) of each step.
    """
    pool = Pool(requests, services, weight_seconds, rules[0], replicas, extras, log)
    return pool.play(fresh if fresh.size else np.arange(requests.size))


@dataclass(slots=True, eq=False)
class Pool:
    """Replicas, and the line of requests in front of them."""

    requests: Records
    services: Records
    weight_seconds: Floats
    rules: Any
    rows: Records  #: of the replicas
    extras: Extras | None
    log: list[tuple[Any, ...]] | None = None
    env: simpy.Environment = field(default_factory=simpy.Environment)
    replicas: list[Replica] = field(default_factory=list)
    sequences: list[Sequence] = field(default_factory=list)
    line: list[deque[int]] = field(default_factory=list)  #: by lane; requests not yet sent
    turns: dict[int, int] = field(default_factory=lambda: {0: 0, 1: 0})
    finished: int = 0
    shrink: int = 0  #: decisions in a row to have fewer replicas
    stop: Any = None

    def play(self, fresh: npt.NDArray[Any]) -> float:
        """Let everything happen, and return when it ended, s."""
        self.stop = self.env.event()
        self.line = [deque() for _ in range(self.rules["lanes"])]
        self.sequences = [self.sequence(i) for i in range(self.requests.size)]
        self.replicas = [self.replica(r) for r in range(self.rows.size)]
        for i in fresh:
            self.env.process(self.arrive(float(self.requests[i]["arrival"]), [int(i)], int(i)))
        for replica in self.replicas:
            self.env.process(replica.live())
        for f in range(self.extras.failures.size if self.extras else 0):
            self.env.process(self.failure(f))
        if self.rules["tick"] < math.inf:
            self.env.process(self.autoscale())
        self.env.run(until=self.stop)
        for replica in self.replicas:
            replica.cut()
            if replica.state != OFF:
                replica.totals.paid(self.env.now)
        return float(self.env.now)

    def sequence(self, i: int) -> Sequence:
        """Return a request as the replicas see it."""
        record, blocks = self.requests[i], []
        stage, shares = int(record["stage"]), False
        if self.extras is not None:
            shares = stage >= 0 and bool(self.extras.stages[stage]["shares"])
            if self.rules["cache_blocks"]:
                start, end = self.extras.block_start[i : i + 2]
                blocks = self.extras.blocks[start:end].tolist()
        prompt, output = int(record["prompt_tokens"]), int(record["output_tokens"])
        return Sequence(i, record, prompt, output, stage, shares, int(record["priority"]), blocks)

    def replica(self, r: int) -> Replica:
        """Return a replica that has done nothing yet."""
        row = self.rows[r]
        kind, width = int(row["kind"]), float(self.rules["bin"])
        bins = self.extras.timeline[kind] if self.extras is not None and width else None
        return Replica(
            self.env,
            r,
            self.services[kind],
            self.weight_seconds[kind],
            self.rules,
            Totals(row, bins, width),
            int(row["pool"]),
            bool(row["hands_over"]),
            int(row["state"]),
            self.found_at,
            self.on_finish,
            self.on_hand_over,
            self.log,
        )

    @property
    def stages(self) -> Records:
        """Stages of requests."""
        assert self.extras is not None
        return self.extras.stages

    def on_finish(self, replica: Replica, sequence: Sequence) -> None:
        """Count a request, and let the stage come that follows its stage."""
        self.finished += 1
        if self.finished == self.rules["stop_after"]:
            after(self.env, 0.0, STOP, self.stop)
        if replica.retire():
            self.switch_off(replica)
        after(self.env, 0.0, SEND).callbacks.append(lambda _: self.send())
        if sequence.stage >= 0:
            stage = self.stages[sequence.stage]
            stage["left"] -= 1
            if stage["left"] == 0 and stage["next"] >= 0:
                self.follow(int(stage["next"]), replica)

    def found_at(self, replica: Replica, s: int) -> bool:
        """Tell whether a replica still has what the stage before read; a first stage has none."""
        origin, life = int(self.stages[s]["origin"]), int(self.stages[s]["life"])
        return origin < 0 or (replica.number, replica.lives) == (origin, life)

    def follow(self, s: int, origin: Replica) -> None:
        """Send a stage after its pause."""
        stage = self.stages[s]
        stage["origin"], stage["life"] = origin.number, origin.lives
        members = [int(stage["first"])]
        while self.requests[members[-1]]["following"] >= 0:
            members.append(int(self.requests[members[-1]]["following"]))
        number = self.requests.size + s
        self.env.process(self.arrive(float(stage["pause"]), members, number))

    def on_hand_over(self, sequence: Sequence) -> None:
        """Send a request whose prompt is read to where it decodes."""
        tokens = sequence.context
        seconds = self.rules["transfer_fixed"] + self.rules["transfer_per_token"] * tokens
        after(self.env, 0.0, SEND).callbacks.append(lambda _: self.send())
        self.env.process(self.arrive(seconds, [sequence.index], sequence.index))

    def arrive(self, seconds: float, members: list[int], number: int) -> Process:
        """Let requests come after some seconds."""
        yield after(self.env, seconds, ARRIVE + number)
        for i in members:
            if self.requests[i]["arrival"] == math.inf:
                self.requests[i]["arrival"] = self.env.now
            self.line[self.sequences[i].lane].append(i)
        after(self.env, 0.0, SEND).callbacks.append(lambda _: self.send())

    def send(self) -> None:
        """Send requests to replicas, the highest priority first, then first come first served."""
        while any(self.line):
            lane = next(lane for lane in self.line if lane)
            sequence = self.sequences[lane[0]]
            chosen = self.choose(sequence)
            if chosen is None:
                break
            lane.popleft()
            sequence.record["replica"] = chosen.number
            chosen.accept(sequence)

    def choose(self, sequence: Sequence) -> Replica | None:
        """Return the replica of a request, None while it has to wait."""
        pool = int(self.rows["pool"].max() > 0 and sequence.state == HANDED)
        ready = [p for p in self.replicas if p.takes_requests and p.pool == pool]
        if not ready:
            return None
        if sequence.shares:
            home = int(self.stages[sequence.stage]["home"])
            if home >= 0 and self.replicas[home].state in (ON, DRAINING):
                return self.replicas[home]
        chosen = self.by_rule(sequence, pool, ready)
        if chosen is not None and sequence.shares:
            self.stages[sequence.stage]["home"] = chosen.number
        return chosen

    def by_rule(self, sequence: Sequence, pool: int, ready: list[Replica]) -> Replica | None:
        """Return the replica that the routing picks among those that take requests."""
        shortest = min(ready, key=lambda p: p.load)
        routing = self.rules["routing"]
        if routing == IN_TURN:
            turn, n = self.turns[pool], len(self.replicas)
            chosen = min(ready, key=lambda p: (p.number - turn) % n)
            self.turns[pool] = turn + (chosen.number - turn) % n + 1
            return chosen
        if routing == SHARED:
            open_ones = [p for p in ready if p.has_room(sequence)]
            return min(open_ones, key=lambda p: p.load, default=None)
        if routing == GIVEN:
            given = int(sequence.record["replica"])
            return next((p for p in ready if p.number == given), shortest)
        if routing == TWO_CHOICES:
            assert self.extras is not None
            drawn = [self.replicas[r] for r in self.extras.draws[sequence.index]]
            return min((p for p in drawn if p in ready), key=lambda p: p.load, default=shortest)
        if routing == PREFIX:
            return self.by_prefix(sequence, ready, shortest)
        return shortest

    def by_prefix(self, sequence: Sequence, ready: list[Replica], shortest: Replica) -> Replica:
        """Return the replica with the fewest tokens to read until the first one of a request.

        Those of its own prompt that are not cached there, and of the requests before it; equals
        take turns. None is sent to a replica that is too far ahead of the shortest queue.
        """
        if sequence.state == HANDED:
            return shortest  # nothing is read where it decodes
        near = [p for p in ready if p.load - shortest.load <= self.rules["slack"]]
        chosen = min(near, key=lambda p: (p.unread + p.missing(sequence), p.sent))
        self.turns[0] += 1
        chosen.sent = self.turns[0]
        sequence.missing = chosen.missing(sequence)
        chosen.unread += sequence.missing
        return chosen

    def failure(self, f: int) -> Process:
        """Let a replica fail, and come back after its repair."""
        assert self.extras is not None
        failure = self.extras.failures[f]
        yield after(self.env, float(failure["time"]), PLANT + f)
        replica = self.replicas[int(failure["replica"])]
        if replica.state not in (ON, DRAINING):
            return
        for sequence in replica.fail():
            sequence.missing = 0
            if sequence.shares:
                self.stages[sequence.stage]["home"] = -1
            self.env.process(self.arrive(0.0, [sequence.index], sequence.index))
        if replica.state == DRAINING:
            self.switch_off(replica)
        else:
            replica.state = DOWN
            self.env.process(self.ready(replica, float(failure["repair"])))

    def ready(self, replica: Replica, seconds: float) -> Process:
        """Let a replica take requests after some seconds."""
        assert self.extras is not None
        yield after(self.env, seconds, PLANT + self.extras.failures.size + replica.number)
        replica.state = ON
        after(self.env, 0.0, SEND).callbacks.append(lambda _: self.send())

    def autoscale(self) -> Process:
        """Decide every now and then how many replicas there should be."""
        while True:
            yield after(self.env, float(self.rules["tick"]), TICK)
            outstanding = sum(map(len, self.line)) + sum(p.load for p in self.replicas)
            target = math.ceil(outstanding / self.rules["wanted"])
            target = max(int(self.rules["least"]), min(target, len(self.replicas)))
            kept = [p for p in self.replicas if p.state not in (OFF, DRAINING)]
            self.shrink = 0 if target >= len(kept) else self.shrink + 1
            idle = [p for p in self.replicas if p.state == DRAINING]
            idle += [p for p in self.replicas if p.state == OFF]
            for replica in idle[: max(target - len(kept), 0)]:
                self.bring_back(replica)
            if self.shrink >= self.rules["patience"]:
                on = [p for p in reversed(self.replicas) if p.state == ON]
                for replica in on[: max(len(kept) - target, 0)]:
                    replica.state = DRAINING
                    if not replica.load:
                        self.switch_off(replica)
            after(self.env, 0.0, SEND).callbacks.append(lambda _: self.send())

    def bring_back(self, replica: Replica) -> None:
        """Let a draining replica take requests again, or start one that is off."""
        if replica.state == DRAINING:
            replica.state = ON
        else:
            replica.state, replica.totals.on_since = STARTING, self.env.now
            replica.lives += 1
            replica.cache.clear()
            self.env.process(self.ready(replica, float(self.rules["startup"])))

    def switch_off(self, replica: Replica) -> None:
        """Stop paying for a replica."""
        replica.state = OFF
        replica.totals.paid(self.env.now)
