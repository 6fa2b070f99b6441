"""What `plan` is asked, and everything that is wrong with it at once."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from computesim.errors import Fault, FaultyInputError, UnitError
from computesim.quantities import DTYPE_BYTES
from computesim.records import parameter
from computesim.study.questions import name_faults, option, word_faults

if TYPE_CHECKING:
    from computesim.catalog import Catalog

_OF_A_RUN: Final = ("count", "batch_tokens", "batch_schedule", "tokens", "flop", "deadline")


@dataclass(frozen=True, slots=True, kw_only=True)
class Question:
    """What is to be planned."""

    model: str = parameter("As in `computesim list models`.", names="models", argument="MODEL")
    accelerator: str = parameter("As in `computesim list accelerators`.", names="accelerators")
    count: int | None = parameter("Accelerators; with --deadline at most so many.", None, least=1)
    batch_tokens: float | None = parameter(
        "Tokens of a step; by default a power law of the run's FLOP.", None, least=1
    )
    batch_schedule: str = parameter("Batch sizes as published for this model.", "", metavar="MODEL")
    seq_len: int = parameter("Tokens of a sequence.", 8192, least=1)
    dtype: str = parameter("Of the matrix multiplications.", "bf16", words=tuple(DTYPE_BYTES))
    tokens: float | None = parameter("Tokens of the run.", None, least=1)
    flop: float | None = parameter("Or its training FLOP.", None, least=1)
    deadline: str = parameter("Find the smallest machine that is done by then: `90 day`.", "")
    site: str = parameter("As in `computesim list sites`.", "hyperscale-us", names="sites")
    offload: str = parameter(
        "State in host memory; auto: where nothing fits without.", "auto",
        words=("auto", "never", "optimiser", "all"), metavar="auto|never|optimiser|all",
    )  # fmt: skip
    top: int = parameter("Layouts printed.", 15, least=1)

    @property
    def seconds(self) -> float | None:
        """The deadline, s; None where there is none.

        Raises
        ------
        UnitError
            If it is no time.
        """
        from computesim.units import parse

        return parse(self.deadline, "s") if self.deadline else None

    def check(self, catalog: Catalog, scaling: bool = False) -> None:
        """Complain about what is wrong, missing or excludes one another.

        Parameters
        ----------
        catalog : Catalog
        scaling : bool
            Whether the scaling curve is asked for instead of a plan.

        Raises
        ------
        FaultyInputError
            With every fault.
        """
        of_run = self._unused() if scaling else self._run()
        faults = [*name_faults(self, catalog), *word_faults(self), *of_run]
        if faults:
            raise FaultyInputError(faults, "plan")

    def _unused(self) -> Iterator[Fault]:
        """Yield the options that --scaling does not use."""
        used = "which takes MODEL, --accelerator, --dtype, --seq-len"
        for name in _OF_A_RUN:
            if getattr(self, name):
                yield Fault(option(self, name), "not used by --scaling", used)

    def _run(self) -> Iterator[Fault]:
        """Yield what is missing, what excludes one another, and values that cannot be."""
        if self.tokens is not None and self.flop is not None:
            yield Fault("--tokens, --flop", "both are given", "give one of both")
        if self.deadline and self.tokens is None and self.flop is None:
            yield Fault("--deadline", "the run is not given", "needs --tokens or --flop")
        if self.count is None and not self.deadline:
            yield Fault("--count", "not given", "needed, or --deadline")
        if self.batch_tokens is not None and self.batch_schedule:
            yield Fault("--batch-tokens, --batch-schedule", "both are given", "give one")
        try:
            if self.seconds is not None and self.seconds <= 0:
                yield Fault("--deadline", repr(self.deadline), "is not a positive time")
        except UnitError as error:
            yield Fault("--deadline", str(error), "give a time such as '90 day'")
        yield from self._batch()

    def _batch(self) -> Iterator[Fault]:
        """Yield the faults of the batch."""
        from computesim.study.plan.batch import batch_schedule

        batch = self.batch_tokens
        if self.batch_schedule:
            try:
                batch = batch_schedule(self.batch_schedule)[0].batch_tokens
            except ValueError as error:
                yield Fault("--batch-schedule", str(error), "or give --batch-tokens")
        if batch is not None and batch < self.seq_len:
            short = f"a step of {batch:,.0f} tokens is shorter than a sequence of {self.seq_len:,}"
            yield Fault("--batch-tokens", short, "give more, or a shorter --seq-len")
