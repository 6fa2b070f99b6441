"""A replica that runs one step after the other, as a process."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

from computesim.arrays import Floats
from computesim.sim.records import (
    DECODING,
    DRAINING,
    FRESH,
    HANDED,
    OFF,
    ON,
    PROMISE,
    READING,
    SWAP,
    SWAPPED,
)
from computesim.sim.reference.events import FINISH, START, Process, after
from computesim.sim.reference.fullest import Fullest
from computesim.sim.reference.prefix import PrefixBlocks
from computesim.sim.reference.sequence import Sequence, blocks
from computesim.sim.reference.totals import Totals


@dataclass(slots=True, eq=False)
class Replica:
    """A machine that runs steps as long as it has work."""

    env: Any
    number: int
    service: Any  #: its row of `service.SERVICE`
    weights: Floats
    rules: Any  #: row of `records.RULES`
    totals: Totals
    pool: int
    hands_over: bool
    state: int
    found_here: Callable[[Replica, int], bool]  #: whether it still has what the stage before read
    on_finish: Callable[[Replica, Sequence], None]
    on_hand_over: Callable[[Sequence], None]
    log: list[tuple[Any, ...]] | None = None  #: steps, for those who want to see them
    waiting: list[deque[Sequence]] = field(default_factory=list)  #: by lane
    admitted: list[list[Sequence]] = field(default_factory=list)  #: by lane, the newest last
    reading: deque[Sequence] = field(default_factory=deque)  #: prompt not complete
    decoding: list[Sequence] = field(default_factory=list)
    cache: PrefixBlocks = field(init=False)
    stall: float = 0.0  #: seconds of swapping before the next step
    since: int = 0  #: steps since the last one that read a prompt
    began: float | None = None  #: when the step in progress began
    epoch: int = 0  #: failures so far
    lives: int = 0  #: failures and starts so far
    wake: Any = None
    unread: int = 0  #: `missing` of the requests without a first token
    sent: int = 0  #: when a request was last sent here, counted in requests

    def __post_init__(self) -> None:
        self.waiting = [deque() for _ in range(self.rules["lanes"])]
        self.admitted = [[] for _ in range(self.rules["lanes"])]
        self.cache = PrefixBlocks(int(self.rules["cache_blocks"]))

    @property
    def running(self) -> int:
        """Admitted sequences."""
        return len(self.reading) + len(self.decoding)

    @property
    def all(self) -> list[Sequence]:
        """Everything that was sent here and is not finished."""
        return [*self.decoding, *self.reading, *(s for lane in self.waiting for s in lane)]

    @property
    def load(self) -> int:
        """Requests sent here and not finished."""
        return len(self.all)

    @property
    def emitting(self) -> list[Sequence]:
        """Those that get a token in the next step: nobody while prompts are read first, alone."""
        reads = bool(self.reading) and not self.pauses
        return self.decoding if self.service["mixes"] or not reads else []

    @property
    def evicts(self) -> bool:
        """Whether admission promises the prompt only."""
        return bool(self.service["when_full"] != PROMISE)

    @property
    def block(self) -> int:
        """Tokens of a block of the KV cache."""
        return int(self.service["block_tokens"])

    def promise(self, sequence: Sequence) -> int:
        """Return the KV cache that an empty replica needs to admit a request."""
        later = 0 if self.evicts else sequence.output
        return blocks(sequence.prompt + later, self.block)

    def own(self, sequence: Sequence) -> int:
        """Return the KV cache that a sequence takes for itself in its state."""
        tokens = sequence.output if not self.evicts else sequence.generated
        if self.evicts and sequence.state not in (FRESH, READING):
            tokens -= 1  # the newest token is not in the cache
        return blocks(tokens + (0 if sequence.shares else sequence.prompt), self.block)

    def held(self) -> int:
        """Return the KV cache that is taken, shared prompts once."""
        prompts = {s.stage: s.prompt for s in [*self.reading, *self.decoding] if s.shares}
        shared = sum(blocks(prompt, self.block) for prompt in prompts.values())
        return shared + sum(self.own(s) for s in [*self.reading, *self.decoding])

    def grows(self, sequence: Sequence) -> bool:
        """Tell whether the next token of a sequence opens a block."""
        own = sequence.context - (sequence.prompt if sequence.shares else 0)
        return own % self.block == 0

    def growth(self) -> int:
        """Return the KV cache that the next step takes besides."""
        return self.block * sum(self.grows(s) for s in self.decoding)

    def has_room(self, sequence: Sequence) -> bool:
        """Tell whether a request would be admitted at once, as far as promises tell."""
        need = sum(map(self.promise, self.all)) + self.promise(sequence)
        fits = need <= self.service["kv_capacity_tokens"]
        return bool(fits and self.load < self.service["max_batch"])

    def missing(self, sequence: Sequence) -> int:
        """Return the prompt tokens that are not cached here."""
        cached = int(sequence.record["cached_tokens"])
        if self.rules["cache_blocks"] > 0:
            cached = self.cache.leading(sequence.blocks) * int(self.rules["block"])
        elif self.rules["local"] and sequence.stage >= 0:
            cached *= self.found_here(self, sequence.stage)
        return sequence.prompt - min(cached, sequence.prompt - 1)

    def accept(self, sequence: Sequence) -> None:
        """Take a request into the queue."""
        self.waiting[sequence.lane].append(sequence)
        if self.wake is not None:
            self.wake.succeed()
            self.wake = None

    def live(self) -> Process:
        """Start a step whenever there is work, and deliver its tokens when it ends."""
        epoch = self.epoch
        while True:
            if not self.load:
                self.wake = self.env.event()
                yield self.wake
            yield after(self.env, 0.0, START)
            if self.epoch != epoch:
                return
            if self.state == OFF:
                continue
            self.stall = 0.0
            if not self.make_room():
                self.admit()
            chunks = self.chunks()
            compute, memory, base = self.sides(chunks)
            base += self.drain(chunks) * (base + max(compute, memory))
            seconds = base + max(compute, memory)
            self.totals.occupy(self.env.now, self.stall, self.running, bool(sum(chunks)))
            self.began = self.env.now + self.stall
            yield after(self.env, self.stall + seconds, FINISH + self.number)
            if self.epoch != epoch:
                return
            self.book(seconds, compute, memory, chunks)
            self.began = None
            self.deliver(chunks)
            self.since = 0 if any(chunks) else self.since + 1

    def make_room(self) -> int:
        """Preempt the newest sequences of the lowest priority until the next step fits."""
        n = 0
        while self.evicts and self.held() + self.growth() > self.service["kv_capacity_tokens"]:
            newest = next(lane for lane in reversed(self.admitted) if lane)
            self.preempt(newest.pop())
            n += 1
        return n

    def preempt(self, sequence: Sequence) -> None:
        """Let a sequence lose its place; it waits in front of its lane."""
        if sequence.state == READING:
            self.reading.remove(sequence)
            sequence.state = FRESH
        else:
            self.decoding.remove(sequence)
            sequence.state = FRESH
            if self.service["when_full"] == SWAP:
                sequence.state = SWAPPED
                self.swap(sequence, self.sharers(sequence) > 0)
        if sequence.shares:
            sequence.record["cached_tokens"] = 0  # unless the others still hold the prompt then
        self.waiting[sequence.lane].appendleft(sequence)
        self.totals.row["preemptions"] += 1

    def swap(self, sequence: Sequence, shared: bool) -> None:
        """Move the KV cache of a sequence; a prompt that running ones share stays where it is."""
        tokens = sequence.context - (sequence.prompt if shared else 0)
        self.stall += self.service["swap_seconds_per_token"] * tokens

    def admit(self) -> None:
        """Admit waiting requests, the highest priority first, while there is room."""
        while self.running < self.service["max_batch"]:
            lane = next((lane for lane in self.waiting if lane), None)
            if lane is None or not self.fits(lane[0]):
                break
            sequence = lane.popleft()
            shared = self.sharers(sequence) > 0
            self.admitted[sequence.lane].append(sequence)
            if sequence.state in (HANDED, SWAPPED):
                if sequence.state == SWAPPED:
                    self.swap(sequence, shared)
                sequence.state = DECODING
                self.decoding.append(sequence)
            else:
                self.find_cached(sequence, shared)
                sequence.read = int(sequence.record["cached_tokens"])
                sequence.state = READING
                self.reading.append(sequence)
        self.totals.peak(self.held())

    def sharers(self, sequence: Sequence) -> int:
        """Return how many admitted sequences hold the prompt that a sequence shares."""
        if not sequence.shares:
            return 0
        return sum(s.stage == sequence.stage for s in [*self.reading, *self.decoding])

    def fits(self, sequence: Sequence) -> bool:
        """Tell whether a request can be admitted now."""
        need = self.own(sequence)
        if sequence.shares and not self.sharers(sequence):
            need += blocks(sequence.prompt, self.block)
        if self.evicts:
            need += self.growth()
            need += int(self.service["watermark_tokens"]) if self.running else 0
            if sequence.state in (HANDED, SWAPPED) and self.grows(sequence):
                need += self.block
        return bool(self.held() + need <= self.service["kv_capacity_tokens"])

    def find_cached(self, sequence: Sequence, shared: bool) -> None:
        """Write down what of the prompt of an admitted request needs no reading."""
        if shared:
            sequence.record["cached_tokens"] = sequence.prompt - 1
        elif self.rules["cache_blocks"] > 0:
            known = self.cache.leading(sequence.blocks)
            self.cache.use(sequence.blocks[:known])
            cached = min(known * self.rules["block"], sequence.prompt - 1)
            sequence.record["cached_tokens"] = cached
        elif self.rules["local"] and sequence.stage >= 0:
            sequence.record["cached_tokens"] *= self.found_here(self, sequence.stage)

    @property
    def microbatches(self) -> int:
        """Parts of a step that run by themselves."""
        return int(self.service["groups"] * self.service["stages"])

    @property
    def fullest(self) -> int:
        """Sequences of the fullest microbatch that get a token in the next step."""
        return -(-len(self.emitting) // self.microbatches)

    @property
    def room(self) -> int:
        """Prompt tokens that a microbatch has room for."""
        return max(int(self.service["token_budget"]) // self.microbatches - self.fullest, 1)

    @property
    def pauses(self) -> bool:
        """Whether prompts wait, so that they are read together; not one that is begun."""
        if not self.decoding or not self.reading or self.since >= self.service["prompt_gap"]:
            return False
        return self.reading[0].read == int(self.reading[0].record["cached_tokens"])

    def chunks(self) -> list[int]:
        """Return how many tokens of each prompt in `reading` the step takes, earliest first.

        A prompt lies in one attention group, which has a microbatch of each stage.
        """
        if self.pauses:
            return [0] * len(self.reading)
        left, most = self.room * self.microbatches, self.room * int(self.service["stages"])
        chunks = []
        for sequence in self.reading:
            chunks.append(min(left, most, sequence.target - sequence.read))
            left -= chunks[-1]
        return chunks

    def drain(self, chunks: list[int]) -> float:
        """Return how much longer the step lasts until the last of several chunks is through.

        Nothing if prompts follow, whose chunks come right behind: then the pipeline stays full.
        """
        rests = [sequence.target - sequence.read for sequence in self.reading]
        if not chunks or chunks != rests:
            return 0.0
        return (max(-(-chunk // self.room) for chunk in chunks) - 1) / int(self.service["stages"])

    def sides(self, chunks: list[int]) -> tuple[float, float, float]:
        """Return the compute side, the memory side and the rest of the step time, s."""
        held = Fullest.of(
            [sequence.context for sequence in self.emitting],
            [(s.read, chunk) for s, chunk in zip(self.reading, chunks, strict=True)],
            self.microbatches,
            self.room,
        )
        return held.sides(self.service, self.weights, sum(chunks), len(self.emitting))

    def book(self, seconds: float, compute: float, memory: float, chunks: list[int]) -> None:
        """Add a step to the totals."""
        if self.evicts and self.emitting:
            self.totals.peak(self.held() + self.growth())
        began, n = self.began or 0.0, len(self.emitting)
        self.totals.step(began, seconds, compute, memory, self.running, sum(chunks), n)
        if self.log is not None:
            self.log.append((self.number, began, seconds, n, sum(chunks)))

    def deliver(self, chunks: list[int]) -> None:
        """Give a token to each that decodes in the step, and the first one to complete prompts."""
        for sequence, chunk in zip(self.reading, chunks, strict=True):
            sequence.read += chunk
        for sequence in sorted(self.emitting, key=lambda s: s.index):
            self.emit(sequence)
        for sequence in [s for s in self.reading if s.read == s.target]:
            self.reading.remove(sequence)
            if sequence.generated == 0:
                sequence.record["first"] = self.env.now
            self.unread -= sequence.missing
            sequence.missing = 0
            self.cache.use(reversed(sequence.blocks))
            self.decoding.append(sequence)
            sequence.state = DECODING
            self.emit(sequence)
            if self.hands_over and sequence.generated < sequence.output:
                self.dismiss(sequence)
                sequence.state = HANDED
                self.on_hand_over(sequence)

    def emit(self, sequence: Sequence) -> None:
        """Give a token to a sequence, and let it go if it was the last one."""
        sequence.generated += 1
        sequence.record["generated"] = sequence.generated
        if sequence.generated == sequence.output:
            self.dismiss(sequence)
            sequence.record["finish"] = self.env.now
            self.on_finish(self, sequence)

    def dismiss(self, sequence: Sequence) -> None:
        """Free the place of a sequence."""
        self.decoding.remove(sequence)
        self.admitted[sequence.lane].remove(sequence)

    def cut(self) -> None:
        """Book the part of the step in progress that has passed."""
        if self.began is not None:
            reads = any(self.chunks())
            self.totals.occupy(self.began, self.env.now - self.began, self.running, reads)
            self.began = None

    def fail(self) -> list[Sequence]:
        """Lose everything, and return the requests that have to be sent again."""
        self.cut()
        lost, self.epoch = self.all, self.epoch + 1
        self.lives += 1
        for sequence in lost:
            sequence.state = FRESH
            if sequence.shares:
                sequence.record["cached_tokens"] = 0  # what the others had read is gone
        self.__post_init__()
        self.reading.clear()
        self.decoding.clear()
        self.since = 0
        self.wake, self.unread = None, 0
        self.totals.row["failures"] += 1
        self.env.process(self.live())
        return lost

    @property
    def takes_requests(self) -> bool:
        """Whether it is on."""
        return self.state == ON

    def retire(self) -> bool:
        """Tell whether a draining replica has nothing left to do."""
        return self.state == DRAINING and not self.load
