"""The time of one round of a serving replica, as a handful of numbers.

A replica of `groups` attention groups and `stages` pipeline stages works on
``groups · stages`` microbatches at once. In a round each of them passes all
layers: every decoding sequence gets a token, prompts are read in chunks. A
sequence lies in one microbatch, and the fullest microbatch sets the pace:

    seconds = fixed + wire · b
            + max(compute_offset + per_token · b + per_shared_token · t + per_pair · A,
                  weights(b, t) + per_kv_token · R + per_sequence · n)

b, A, R and n are those of the fullest microbatch: its tokens, the sum of their
context lengths, the resident cache that its decodes read, its decoding
sequences. t is the mean of the attention groups, whose tokens share experts.
Affine pieces and one table: a simulation sums thousands of rounds in closed form.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass, field

import numpy as np
import numpy.typing as npt


@dataclass(frozen=True, slots=True)
class StepModel:
    """Coefficients of the step time of one replica; a step is a round of its microbatches."""

    fixed: float  #: launches, scheduling and latencies, s/step
    wire: float  #: exposed collectives, s per token of the fullest microbatch
    compute_offset: float  #: constant part of the compute side, s/step
    per_token: float  #: matrix multiplications, s per token of the fullest microbatch
    per_pair: float  #: attention scores of one (token, context token) pair of it, s
    per_kv_token: float  #: reading the cache of one of its context tokens, s
    per_sequence: float  #: reading fixed-size state and sampling, s per sequence of it
    weight_seconds: npt.NDArray[np.float64] = field(hash=False, compare=False)
    """Multiplications of b tokens in every microbatch, never less than reading their weights, the
    part of it in experts that attention groups share, and the least that the rest and any share
    of them take, s; (3, token_budget / microbatches + 1)"""
    weight_stream: npt.NDArray[np.float64] = field(hash=False, compare=False)
    """Reading the weights that b tokens of every microbatch touch, of the above, s; (… + 1,)"""
    kv_capacity_tokens: float  #: context tokens that fit beside the weights, all groups together
    max_batch: int  #: sequences that may decode together
    token_budget: int  #: most tokens of one step, a multiple of the microbatches
    n_accelerators: int
    weight_hbm: float = 1.0  #: fraction of the memory bandwidth that reading weights attains
    kv_hbm: float = 1.0  #: likewise reading the cache and the state of sequences
    activation_seconds: float = 0.0
    """Of activations crossing memory, inside the above, s per token of a microbatch"""
    state_seconds: float = 0.0  #: of reading fixed-size state, inside `per_sequence`, s/sequence
    groups: int = 1  #: attention groups; they share experts
    stages: int = 1  #: of the pipeline
    per_shared_token: float = 0.0  #: experts that groups share, s per token of the mean group
    prompt_gap: int = 0  #: steps without prompts between those that read some

    @property
    def microbatches(self) -> int:
        """Parts of a round that run by themselves."""
        return self.groups * self.stages

    @property
    def sequence_tokens(self) -> float:
        """Context tokens that one sequence can have: its cache lies in one attention group."""
        return self.kv_capacity_tokens / self.groups

    def busiest(self, sequences: float) -> float:
        """Return the decoding sequences of the fullest microbatch, which are spread evenly.

        Parameters
        ----------
        sequences : float
            Of the replica.
        """
        return min(sequences, float(math.ceil(sequences / self.microbatches)))

    def room(self, sequences: float) -> float:
        """Return the tokens of prompts that a microbatch has room for beside the decodes.

        Parameters
        ----------
        sequences : float
            That decode.
        """
        return self.token_budget // self.microbatches - self.busiest(sequences)

    def traffic_seconds(self, tokens: float, resident: float, sequences: float) -> float:
        """Return the seconds in which memory at its full bandwidth would move a step's bytes.

        Parameters
        ----------
        tokens, resident, sequences : float
            As for `step_seconds`.

        Returns
        -------
        float, s
            Over the seconds of the step, the fraction of the memory bandwidth in use: weights,
            activations, cache and state. Scheduler, gaps and sampling move nothing. The mean
            accelerator counts, not the busiest.
        """
        each = tokens / self.microbatches
        index = min(max(round(each), 1), self.weight_stream.size - 1)
        passing = min(max(tokens, 1.0) / self.stages, 1.0)  # microbatches of a group that exist
        streamed = passing * float(self.weight_stream[index]) + self.activation_seconds * each
        cached = self.per_kv_token * resident + self.state_seconds * sequences
        return self.weight_hbm * streamed + self.kv_hbm * cached / self.microbatches

    def step_seconds(self, tokens: float, pairs: float, resident: float, sequences: float) -> float:
        """Return the seconds of one step whose prompts fill all microbatches alike.

        Parameters
        ----------
        tokens : float, token
            Prefill and decode together, of the replica; at most `token_budget`.
        pairs : float
            The sum over those tokens of their context length.
        resident : float, token
            Context tokens that the decodes read.
        sequences : float
            Decoding sequences.

        Returns
        -------
        float, s
        """
        return self._mixed(tokens - sequences, pairs - resident, resident, sequences, 0.0)

    def decode_seconds(self, batch: float, context: float) -> float:
        """Return the seconds in which `batch` sequences of `context` tokens get one token each."""
        return self._mixed(0.0, 0.0, batch * context, batch, 0.0)

    def prefill_seconds(self, tokens: float, cached: float = 0.0, queued: bool = False) -> float:
        """Return the seconds that read a prompt, in chunks of the token budget.

        Parameters
        ----------
        tokens : float, token
            New tokens of the prompt.
        cached : float, token
            Prefix that is already in the cache and that new tokens attend to.
        queued : bool
            Other prompts fill all microbatches beside it, and what is returned is its share of
            the time; otherwise it is alone.

        Returns
        -------
        float, s

        Notes
        -----
        Chunks of a prompt that is alone follow one another through the stages of one attention
        group: c equal ones take ``(c + stages - 1) / stages`` times as long as one.
        """
        seconds, done = 0.0, 0.0
        room = self.room(0.0)
        while done < tokens:
            chunk = min(room * (1 if queued else self.stages), tokens - done)
            pairs = chunk * (cached + done + (chunk + 1.0) / 2.0)
            if queued:
                n = self.microbatches
                took = self._mixed(n * chunk, n * pairs, 0.0, 0.0, 0.0) / n
            else:
                took = self._mixed(chunk, pairs, 0.0, 0.0, min(chunk, room))
            done += chunk
            seconds += took
            if done >= tokens and not queued:  # its last chunk has still to pass the stages
                seconds += (math.ceil(chunk / room) - 1) / self.stages * took
        return seconds

    def steady_seconds(
        self,
        batch: float,
        prompt: float,
        output: float,
        cached: float = 0.0,
        longest: float = 0.0,
    ) -> float:
        """Return the mean seconds of a step when `batch` requests run at all times.

        Parameters
        ----------
        batch : float
            Requests that decode together, each replaced by a new one when it ends.
        prompt, output : float, token
            Lengths of every request; of the prompt its new tokens.
        cached : float, token
            Prefix that is already in the cache.
        longest : float, token
            New tokens of the longest one of ten prompts, if they are not all alike.

        Returns
        -------
        float, s
            What a client sees as the mean time per output token.

        Notes
        -----
        A request joins every ``output / batch`` steps; its prompt is read in the same steps, up
        to the token budget. Mean context is ``cached + prompt + output / 2``.
        """
        resident = batch * (cached + prompt + output / 2.0)
        plain = self._mixed(0.0, 0.0, resident, batch, 0.0)
        joining = batch * prompt / output  # prefill tokens per step
        if prompt <= 0.0:
            return plain
        room = self.room(batch)
        if room <= 0:
            raise ValueError(f"{batch:g} sequences leave no room in {self.token_budget} tokens")
        together = max(prompt, joining * (1 + self.prompt_gap))  # tokens of prompts
        piece = longest_of(together / prompt, prompt, longest)
        if piece > room:  # its chunks follow one another through the stages
            piece = max(room, piece / self.stages)
        pace = max(together / self.microbatches, piece)
        chunk = together if pace <= room else room * (together / pace)
        if self.prompt_gap and pace > room:  # whoever comes meanwhile is read as well
            arriving = joining / prompt * pace / room
            busy = pace / room * math.expm1(min(arriving, 50.0)) / arriving
            chunk = joining * (1.0 + max(self.prompt_gap, prompt / joining) / busy)
        elif self.microbatches > 1 and not self.prompt_gap:  # in any group, any number at once
            chunk = joining / -math.expm1(-joining / chunk)
        chunk = min(chunk, room * self.microbatches)
        share = joining / chunk  # steps that carry a chunk; above 1 the prompts pile up
        pairs = chunk * (cached + (prompt + 1.0) / 2.0)
        mixed = self._mixed(chunk, pairs, resident, batch, min(pace, room))
        return max(1.0 - share, 0.0) * plain + share * mixed

    def _mixed(
        self, chunk: float, pairs: float, resident: float, sequences: float, longest: float
    ) -> float:
        """Return the seconds of a step that decodes and reads prompts.

        Parameters
        ----------
        chunk, pairs : float
            Tokens of all prompts, and the sum over them of their context length.
        resident, sequences : float
            Context tokens of the decodes, and how many they are.
        longest : float, token
            Largest piece of a prompt that one microbatch holds; 0 where all hold as much.
        """
        decoding = self.busiest(sequences)
        part = decoding / sequences if sequences > 0 else 1.0
        pace = max(chunk / self.microbatches, longest)
        of_prompts = pace / chunk if chunk > 0 else 1.0
        tokens = decoding + pace
        shared = sequences / self.microbatches + max(pace, chunk / self.stages) / self.groups
        compute = self.compute_offset + self.per_token * tokens + self.per_shared_token * shared
        compute += self.per_pair * (pairs * of_prompts + resident * part)
        memory = self._weights(tokens, shared)
        memory += self.per_kv_token * (resident * part) + self.per_sequence * decoding
        return self.fixed + self.wire * tokens + max(compute, memory)

    def _weights(self, tokens: float, shared: float) -> float:
        """Return the seconds of the multiplications of a step."""
        table, top = self.weight_seconds, self.weight_seconds.shape[1] - 1
        index = min(math.ceil(tokens), top)
        seconds = float(table[0, index])
        if self.groups > 1:
            below = min(int(shared), top - 1)
            before, after = float(table[1, below]), float(table[1, below + 1])
            seconds += before + (shared - below) * (after - before) - float(table[1, index])
            seconds = max(seconds, float(table[2, index]))
        return seconds


def largest_batch(
    step_seconds: Callable[[int], float], most: int, tpot: float
) -> tuple[int, float]:
    """Return the largest batch that keeps a time per output token, and the seconds of its step.

    Parameters
    ----------
    step_seconds : callable
        Of a batch, s; not decreasing.
    most : int
        Largest batch that there is room for.
    tpot : float, s/token
        If not even one sequence keeps it, the answer is 1.

    Returns
    -------
    tuple of int and float, s

    Notes
    -----
    Step time grows with the batch, nearly linearly: interpolation comes near at once, and where it
    does not halve what is left, the next one does.
    """
    low, high = (1, step_seconds(1)), (most, step_seconds(most))
    if low[1] > tpot:
        return low
    if high[1] <= tpot:
        return high
    halve = False
    while high[0] - low[0] > 1:
        width = high[0] - low[0]
        share = 0.5 if halve or high[1] == math.inf else (tpot - low[1]) / (high[1] - low[1])
        middle = min(max(low[0] + int(share * width), low[0] + 1), high[0] - 1)
        seconds = step_seconds(middle)
        low, high = ((middle, seconds), high) if seconds <= tpot else (low, (middle, seconds))
        halve = not halve and 2 * (high[0] - low[0]) > width
    return low


def longest_of(n: float, mean: float, of_ten: float) -> float:
    """Return about how long the longest of some prompts is.

    Parameters
    ----------
    n : float
        Prompts.
    mean, of_ten : float, token
        Mean length, and that of the longest one of ten. Lengths are taken to grow by the same
        factor from one to ten and from ten to a hundred.
    """
    if n <= 1.0 or of_ten <= mean:
        return mean
    return float(mean * (of_ten / mean) ** min(math.log10(n), 2.0))
