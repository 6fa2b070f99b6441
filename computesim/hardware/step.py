"""The time of one step of a serving replica, as a handful of numbers.

A step takes T tokens (a chunk of prefill and one token of each decoding
sequence) through all layers:

    seconds = fixed + wire · T
            + max(compute_offset + per_token · T + per_pair · A,
                  weight_seconds[T] + per_kv_token · R + per_sequence · n)

A sums the context length of those tokens, R the resident cache that decodes
read, n the decoding sequences. Affine pieces and one table: a simulation can
sum thousands of steps in closed form.
"""

from __future__ import annotations

import math
from dataclasses import dataclass, field

import numpy as np
import numpy.typing as npt


@dataclass(frozen=True, slots=True)
class StepModel:
    """Coefficients of the step time of one replica; T counts the tokens of the whole replica."""

    fixed: float  #: launches, scheduling and latencies, s/step
    wire: float  #: exposed collectives, s/token
    compute_offset: float  #: constant part of the compute side, s/step
    per_token: float  #: matrix multiplications, s/token
    per_pair: float  #: attention scores of one (token, context token) pair, s
    per_kv_token: float  #: reading the cache of one context token, s
    per_sequence: float  #: reading fixed-size state and sampling, s/sequence
    weight_seconds: npt.NDArray[np.float64] = field(hash=False, compare=False)
    """Multiplications of T tokens, never less than reading their weights, s; (token_budget + 1,)"""
    weight_stream: npt.NDArray[np.float64] = field(hash=False, compare=False)
    """Reading the weights that T tokens touch, of the above, s; (token_budget + 1,)"""
    kv_capacity_tokens: float  #: context tokens that fit beside the weights
    max_batch: int  #: sequences that may decode together
    token_budget: int  #: most tokens of one step
    n_accelerators: int
    weight_hbm: float = 1.0  #: fraction of the memory bandwidth that reading weights attains
    kv_hbm: float = 1.0  #: likewise reading the cache and the state of sequences
    activation_seconds: float = 0.0  #: of activations crossing memory, inside the above, s/token
    state_seconds: float = 0.0  #: of reading fixed-size state, inside `per_sequence`, s/sequence

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
            activations, cache and state. Scheduler, gaps and sampling move nothing.
        """
        index = min(max(round(tokens), 1), self.token_budget)
        streamed = float(self.weight_stream[index]) + self.activation_seconds * tokens
        cached = self.per_kv_token * resident + self.state_seconds * sequences
        return self.weight_hbm * streamed + self.kv_hbm * cached

    def step_seconds(self, tokens: float, pairs: float, resident: float, sequences: float) -> float:
        """Return the seconds of one step.

        Parameters
        ----------
        tokens : float, token
            T, prefill and decode together; at most `token_budget`.
        pairs : float
            A, the sum over those tokens of their context length.
        resident : float, token
            R, context tokens that the decodes read.
        sequences : float
            n, decoding sequences.

        Returns
        -------
        float, s
        """
        compute = self.compute_offset + self.per_token * tokens + self.per_pair * pairs
        index = min(math.ceil(tokens), self.token_budget)
        memory = float(self.weight_seconds[index])
        memory += self.per_kv_token * resident + self.per_sequence * sequences
        return self.fixed + self.wire * tokens + max(compute, memory)

    def decode_seconds(self, batch: float, context: float) -> float:
        """Return the seconds in which `batch` sequences of `context` tokens get one token each."""
        return self.step_seconds(batch, batch * context, batch * context, batch)

    def prefill_seconds(self, tokens: float, cached: float = 0.0) -> float:
        """Return the seconds that read a prompt alone, in chunks of the token budget.

        Parameters
        ----------
        tokens : float, token
            New tokens of the prompt (of all prompts that are read together, one after another).
        cached : float, token
            Prefix that is already in the cache and that new tokens attend to.

        Returns
        -------
        float, s
        """
        seconds, done = 0.0, 0.0
        while done < tokens:
            chunk = min(float(self.token_budget), tokens - done)
            context = cached + done + (chunk + 1.0) / 2.0
            seconds += self.step_seconds(chunk, chunk * context, 0.0, 0.0)
            done += chunk
        return seconds

    def steady_seconds(self, batch: float, prompt: float, output: float) -> float:
        """Return the mean seconds of a step when `batch` requests run at all times.

        Parameters
        ----------
        batch : float
            Requests that decode together, each replaced by a new one when it ends.
        prompt, output : float, token
            Lengths of every request.

        Returns
        -------
        float, s
            What a client sees as the mean time per output token.

        Notes
        -----
        A request joins every ``output / batch`` steps; its prompt is read in the same steps, up
        to the token budget. Mean context is ``prompt + output / 2``.
        """
        resident = batch * (prompt + output / 2.0)
        plain = self.step_seconds(batch, resident, resident, batch)
        joining = batch * prompt / output  # prefill tokens per step
        chunk = min(max(prompt, joining), float(self.token_budget) - batch)
        if chunk <= 0:
            raise ValueError(f"{batch:g} sequences leave no room in {self.token_budget} tokens")
        share = joining / chunk  # steps that carry a chunk; above 1 the prompts pile up
        pairs = resident + chunk * (prompt + 1.0) / 2.0
        mixed = self.step_seconds(batch + chunk, pairs, resident, batch)
        return max(1.0 - share, 0.0) * plain + share * mixed
