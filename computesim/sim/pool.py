"""Replicas of one kind, or some that read prompts and others that decode; their fluid limit."""

from __future__ import annotations

from dataclasses import dataclass, field

import numpy as np

from computesim.arrays import Floats
from computesim.sim.fluid import MeanLengths, fluid_rate, steady_state
from computesim.sim.operation import DecodePool, Operation, Routing
from computesim.sim.service import Service


@dataclass(frozen=True, slots=True)
class Pool:
    """Replicas of one kind; or those that read prompts, and others that decode."""

    service: Service
    weight_seconds: Floats = field(repr=False)  #: of `check_service`, shape (3, rows), s
    decoder: Pool | None = None  #: of the replicas that decode; None: all do both
    transfer_fixed: float = 0.0  #: of the KV cache from the one to the other, s
    transfer_per_token: float = 0.0  #: s/token
    routing: Routing = "shortest-queue"

    def rate(self, counts: tuple[int, ...], lengths: MeanLengths, tpot: float) -> float:
        """Return the rate at which the fluid limit reaches its batch or a step time.

        Parameters
        ----------
        counts : tuple of int
            Replicas; with a decoder, those that read and those that decode.
        lengths : MeanLengths
            Of the requests.
        tpot : float, s/token
            Mean step time of decodes at most.

        Returns
        -------
        float, 1/s
        """
        if self.decoder is None:
            return counts[0] * fluid_rate(lengths, self.service, self.weight_seconds, tpot)
        reads, writes = self.halves(lengths, tpot)
        return min(counts[0] * reads, counts[1] * writes)

    def reading_rate(self, lengths: MeanLengths, step_limit: float = np.inf) -> float:
        """Return the rate at which one replica that only reads prompts is full.

        Parameters
        ----------
        lengths : MeanLengths
            Of the requests.
        step_limit : float, s
            Mean time of its steps at most: a prompt waits for the one in progress.

        Returns
        -------
        float, 1/s
        """
        return fluid_rate(_read_only(lengths), self.service, self.weight_seconds, step_limit)

    def halves(
        self, lengths: MeanLengths, tpot: float, step_limit: float = np.inf
    ) -> tuple[float, float]:
        """Return the rates of one replica that reads and of one that decodes.

        Parameters
        ----------
        lengths : MeanLengths
            Of the requests.
        tpot : float, s/token
            Mean step time of decodes at most.
        step_limit : float, s
            Mean time of steps that read prompts at most.

        Returns
        -------
        tuple of float, 1/s
        """
        assert self.decoder is not None
        decoding = self.decoder.rate((1,), _decode_only(lengths), tpot)
        return self.reading_rate(lengths, step_limit), decoding

    def parts(self, lengths: MeanLengths) -> tuple[MeanLengths, ...]:
        """Return what each kind of replicas does of the requests.

        Parameters
        ----------
        lengths : MeanLengths
            Of the requests.
        """
        if self.decoder is None:
            return (lengths,)
        return _read_only(lengths), _decode_only(lengths)

    def flying(self, rate: float, counts: tuple[int, ...], lengths: MeanLengths) -> int:
        """Return the sequences that decode at a rate in the fluid limit.

        Parameters
        ----------
        rate : float, 1/s
            Of the whole pool.
        counts : tuple of int
            Replicas, as in `rate`.
        lengths : MeanLengths
        """
        if self.decoder is not None:
            return self.decoder.flying(rate, counts[1:], _decode_only(lengths))
        state = steady_state(rate / counts[0], lengths, self.service, self.weight_seconds)
        return round(state.batch * counts[0])

    def operation(self, counts: tuple[int, ...], bin_seconds: float = 0.0) -> Operation | None:
        """Return how the pool is run, for the engine."""
        if self.decoder is None:
            return Operation(bin_seconds=bin_seconds) if bin_seconds else None
        pool = DecodePool(
            self.decoder.service, self.decoder.weight_seconds, counts[1],
            self.transfer_fixed, self.transfer_per_token,
        )  # fmt: skip
        return Operation(decode_pool=pool, bin_seconds=bin_seconds)

    @property
    def kinds(self) -> tuple[Pool, ...]:
        """The kinds of replicas."""
        return (self,) if self.decoder is None else (self, self.decoder)


def _read_only(lengths: MeanLengths) -> MeanLengths:
    """Return requests whose first token is the last one."""
    return lengths._replace(later=0.0, need=max(lengths.fresh, 1.0))


def _decode_only(lengths: MeanLengths) -> MeanLengths:
    """Return requests whose prompt somebody else has read."""
    return lengths._replace(fresh=0.0, pairs=0.0, kept=0.0)
