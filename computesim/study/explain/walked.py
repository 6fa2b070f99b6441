"""The figures of a run, traced: the projection once more, on numbers that remember."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Set
from dataclasses import fields, is_dataclass
from typing import Any

import numpy as np

from computesim.accounts import table
from computesim.cells.memo import Memo
from computesim.fleet.world import World, simulate
from computesim.fleet.year import Year
from computesim.results.variables import unit_of
from computesim.scenario import Scenario
from computesim.traced import CONSTANT, Cited, Traced, tracing

Figure = tuple[str, int]  #: variable and year
#: fields that say where something stands, not what it is
_PLACES = ("fleet", "around", "allocation", "request", "requests", "balance", "known")
_READ = {"it": "IT watts", "facility": "watts at the meter", "units": "accelerators"}
_AT_HAND = ("moment", "accelerators", "tasks", "scenario", "catalog", "memo", "years")


def walked(
    scenario: Scenario,
    memo: Memo,
    wanted: Set[Figure] | None = None,
    replication: int = 0,
) -> dict[Figure, Traced]:
    """Return figures of a run with the trees that they grew on.

    Parameters
    ----------
    scenario : Scenario
    memo : Memo
        Measured cells; those of a run that was made with it are not measured again.
    wanted : set of tuple of str and int, optional
        Variables and years; all by default.
    replication : int

    Returns
    -------
    dict of (variable, year) to Traced
        Figures that are a constant of the code are leaves.
    """
    placed, figures = scenario.placed(), dict[Figure, Traced]()
    with tracing():
        world = simulate(placed, placed.catalog(), memo, replication)
        for row in table.rows(world):
            if wanted is None or (row.variable, row.year) in wanted:
                figures[row.variable, row.year] = _root(row.variable, row.year, row.value)
                if wanted is not None and len(figures) == len(wanted):
                    break
        name_world(world)
    return figures


def _root(variable: str, year: int, value: object) -> Traced:
    """Return the value of a row as a node with the name and unit of its variable."""
    name, unit = f"{variable} in {year}", unit_of(variable)
    if not isinstance(value, Traced):
        value = Traced(value, CONSTANT, cited=Cited(note="as the model has it"))
    elif value.name or not value.operands:  # it is something else already
        value = Traced(value.value, "sum", (value,))
    value.name, value.unit, value.final = name, unit, True
    return value


def name_world(world: World) -> None:
    """Name all that a world holds by the fields in which it stands."""
    for year in world.years:
        _name_year(year, str(year.year))
    for make, what in world._known.items():
        for year, part in _by_year(world, what):
            _name(part, (make.__name__.strip("_"),), (), year, str(year.year))
    for label, what in vars(world).items():
        if label not in (*_AT_HAND, "_known", "unlimited"):
            for year, part in _by_year(world, what):
                _name(part, (label,), (), year, str(year.year))
    if unlimited := vars(world).get("unlimited"):
        for year in unlimited.years:
            _name_year(year, f"{year.year} without limits")


def _name_year(year: Year, when: str) -> None:
    """Name all that a year holds."""
    for label, part in vars(year).items():
        if label not in _AT_HAND:
            words = () if label in _PLACES else (_READ.get(label, label.replace("_", " ")),)
            _name(part, words, (), year, when)


def _by_year(world: World, what: object) -> Iterator[tuple[Year, object]]:
    """Yield what a world knows of every year."""
    if isinstance(what, (list, tuple)) and len(what) == len(world.years):
        yield from zip(world.years, what, strict=True)


def _name(x: Any, words: tuple[str, ...], keys: tuple[str, ...], year: Year, when: str) -> None:
    """Name the nodes in anything; `words` are the fields on the way to it, `keys` the indices."""
    if isinstance(x, Traced):
        if (x.operands and not x.name) or x.name.startswith("purchase:"):
            of = f" of {', '.join(keys)}" if keys else ""
            x.name = f"{': '.join(words[-2:])}{of} in {when}"
        return
    if isinstance(x, (str, int, float, World, Year)) or x is None:
        return
    if isinstance(x, np.ndarray):
        if x.dtype == object:
            for place, node in np.ndenumerate(x):
                _name(node, words, (*keys, *_indices(place, x.shape, year)), year, when)
        return
    for label, part, is_field in _parts(x):
        if label in _AT_HAND or str(label).startswith("_"):
            continue
        if is_field:
            word = _READ.get(label, label.replace("_", " "))
            _name(part, words if label in _PLACES else (*words, word), keys, year, when)
        else:
            _name(part, words, (*keys, _key(label, x, year)), year, when)


def _parts(x: Any) -> Iterator[tuple[Any, Any, bool]]:
    """Yield name and value of the parts of anything, and whether the name is that of a field."""
    if is_dataclass(x) and not isinstance(x, type):
        yield from ((f.name, getattr(x, f.name), True) for f in fields(x))
        yield from ((n, v, True) for n, v in getattr(x, "__dict__", {}).items() if n not in
                    {f.name for f in fields(x)})  # fmt: skip
    elif isinstance(x, tuple) and hasattr(x, "_fields"):
        yield from ((n, v, True) for n, v in zip(x._fields, x, strict=True))
    elif isinstance(x, (tuple, list)):
        yield from ((i, v, False) for i, v in enumerate(x))
    elif isinstance(x, Mapping):
        yield from ((k, v, False) for k, v in x.items())


def _key(label: Any, x: Any, year: Year) -> str:
    """Return what an index or a key of a mapping stands for."""
    if isinstance(label, int) and isinstance(x, (list, tuple)):
        return _indices((label,), (len(x),), year)[0]
    parts = label if isinstance(label, tuple) else (label,)
    return " of ".join(str(p) for p in parts if p)


def _indices(place: tuple[int, ...], shape: tuple[int, ...], year: Year) -> tuple[str, ...]:
    """Return the accelerator and the task of a place in an array."""
    kinds = [machine.name for machine in year.accelerators]
    tasks = [" of ".join(filter(None, task)) for task in year.tasks]
    names: list[str] = []
    for index, size, known in zip(place, shape, (kinds, tasks), strict=False):
        names.append(known[index] if size == len(known) else str(index + 1))
    return tuple(names)
