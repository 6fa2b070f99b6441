"""What is wrong with the options of `plan`, all of it at once."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from computesim.catalog import Catalog
    from computesim.cli.planned import Asked
    from computesim.errors import Fault

_USED_BY_SCALING = ("model", "accelerator", "dtype", "seq_len")


def check(asked: Asked, catalog: Catalog, scaling: bool) -> None:
    """Complain about options that are wrong, missing or exclude one another.

    Parameters
    ----------
    asked : Asked
    catalog : Catalog
    scaling : bool
        Whether the scaling curve is asked for instead of a plan.

    Raises
    ------
    FaultyInputError
        With every fault.
    """
    from computesim.errors import FaultyInputError

    faults = [*_words(asked, catalog), *(_unused(asked) if scaling else _job(asked))]
    if faults:
        raise FaultyInputError(faults, "plan")


def _words(asked: Asked, catalog: Catalog) -> Iterator[Fault]:
    """Yield the faults of names: of the catalog, of dtypes, of ways to offload."""
    from computesim.errors import CatalogError, Fault, near_miss
    from computesim.hardware.training_job import OFFLOADING
    from computesim.quantities import DTYPE_BYTES

    for option, name, find in (
        ("MODEL", asked.model, catalog.model),
        ("--accelerator", asked.accelerator, catalog.accelerator),
        ("--site", asked.site, catalog.site),
    ):
        found: Callable[[str], Any] = find
        try:
            found(name)
        except CatalogError as error:
            for fault in error.faults:
                yield Fault(option, fault.found, fault.accepted, hint=fault.hint)
    for option, word, known in (
        ("--dtype", asked.dtype, tuple(DTYPE_BYTES)),
        ("--offload", asked.offload, OFFLOADING),
    ):
        if word not in known:
            accepted = f"is not one of {', '.join(known)}"
            yield Fault(option, repr(word), accepted, hint=near_miss(word, known))


def _unused(asked: Asked) -> Iterator[Fault]:
    """Yield the options that --scaling does not use."""
    from computesim.errors import Fault

    given = {
        "--count": asked.count,
        "--batch-tokens": asked.batch_tokens,
        "--batch-schedule": asked.batch_schedule,
        "--tokens": asked.tokens,
        "--flop": asked.flop,
        "--deadline": asked.deadline,
    }
    for option, value in given.items():
        if value:
            used = ", ".join(f"--{name.replace('_', '-')}" for name in _USED_BY_SCALING[1:])
            yield Fault(option, "not used by --scaling", f"which takes MODEL, {used}")


def _job(asked: Asked) -> Iterator[Fault]:
    """Yield what is missing, what excludes one another, and values that cannot be."""
    from computesim.errors import Fault, UnitError
    from computesim.study.plan.batch import batch_schedule

    if asked.tokens is not None and asked.flop is not None:
        yield Fault("--tokens, --flop", "both are given", "give one of both")
    if asked.deadline and asked.tokens is None and asked.flop is None:
        yield Fault("--deadline", "the run is not given", "needs --tokens or --flop")
    if asked.count is None and not asked.deadline:
        yield Fault("--count", "not given", "needed, or --deadline")
    if asked.batch_tokens is not None and asked.batch_schedule:
        yield Fault("--batch-tokens, --batch-schedule", "both are given", "give one")
    try:
        if asked.seconds is not None and asked.seconds <= 0:
            yield Fault("--deadline", repr(asked.deadline), "is not a positive time")
    except UnitError as error:
        yield Fault("--deadline", str(error), "give a time such as '90 day'")
    batch = asked.batch_tokens
    if asked.batch_schedule:
        try:
            batch = batch_schedule(asked.batch_schedule)[0].batch_tokens
        except ValueError as error:
            yield Fault("--batch-schedule", str(error), "or give --batch-tokens")
    if batch is not None and batch < asked.seq_len:
        found = f"a step of {batch:,.0f} tokens is shorter than a sequence of {asked.seq_len:,}"
        yield Fault("--batch-tokens", found, "give more, or a shorter --seq-len")
