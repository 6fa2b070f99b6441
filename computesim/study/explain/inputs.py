"""The leaves: values of the scenario, figures of the catalog."""

from __future__ import annotations

from typing import cast

from computesim.catalog import Catalog
from computesim.scenario import Scenario
from computesim.scenario.values import Choice, Value
from computesim.scenario.yaml_loader import dotted
from computesim.study.explain.node import (
    DEFINITION,
    FIGURE,
    INPUT,
    WORD,
    Node,
    constant,
)
from computesim.study.explain.registry import ExplainError
from computesim.study.explain.world import World, remembered

ESTIMATE = "estimate"
SECONDS_PER_DAY = constant("seconds in a day", 86400.0, "s/day")
SECONDS_PER_YEAR = constant("seconds in a year", 365.25 * 86400.0, "s/year")
HOURS_PER_YEAR = constant("hours in a year", 365.25 * 24.0, "h/year")

#: how often a run is made decides how many accelerators it takes, not what one of them does
_HOW_OFTEN = ("runs_per_year", "post_training.steps")


def entry_of(scenario: Scenario, key: str) -> object:
    """Return what stands at a dotted key.

    Parameters
    ----------
    scenario : Scenario
    key : str

    Raises
    ------
    ExplainError
        If the scenario says it in another way that the tree does not know.
    """
    try:
        leaf: object = scenario.leaf(key)
    except KeyError:
        leaf = None
    if leaf is None:
        raise ExplainError(f"{scenario.name} has no {key}: what it says instead is not walked back")
    return leaf


def value(world: World, key: str, t: int) -> Node:
    """Return a number of the scenario in a year.

    Parameters
    ----------
    world : World
    key : str
        Dotted, `products.chat.users`.
    t : int
        Index of the year.
    """
    return value_at(world, key, world.key(t))


@remembered
def value_at(world: World, key: str, year: float) -> Node:
    """Return a number of the scenario at a time, which need not be the end of a year.

    Parameters
    ----------
    world : World
    key : str
    year : float
        2025.5 is the middle of 2026.
    """
    scenario: Scenario = world.scenario
    leaf = entry_of(scenario, key)
    origin = str(scenario.origin(key))
    if isinstance(leaf, Value):
        unit = leaf.base or leaf.unit
        number, source = leaf.at(year), leaf.source or ESTIMATE
        note = leaf.note
    else:  # a plain setting
        number, unit = float(cast("float", leaf)), "1"
        source, note = DEFINITION, "a setting of the run"
    return Node(key, number, unit, INPUT, source=source, origin=origin, note=note)


@remembered
def word(world: World, key: str, t: int) -> Node:
    """Return a word of the scenario in a year."""
    leaf = entry_of(world.scenario, key)
    told = leaf if isinstance(leaf, Choice) else None
    text = told.at(world.key(t)) if told else str(leaf).lower()
    source = (told.source or ESTIMATE) if told else DEFINITION
    origin = str(world.scenario.origin(key))
    note = told.note if told else "a setting of the run"
    return Node(key, None, "", WORD, text=text, source=source, origin=origin, note=note)


def entry(world: World, key: str, t: int) -> Node:
    """Return an entry of the scenario, be it a number or a word."""
    leaf = entry_of(world.scenario, key)
    is_word = isinstance(leaf, (str, bool, Choice))
    return word(world, key, t) if is_word else value(world, key, t)


def branch(world: World, t: int, head: str) -> tuple[Node, ...]:
    """Return all entries of a branch of the scenario, but for how often runs are made.

    Parameters
    ----------
    world : World
    t : int
    head : str
        `limits.`
    """
    keys = (dotted(leaf.key) for leaf in world.scenario.leaves())
    return tuple(
        entry(world, key, t)
        for key in keys
        if key.startswith(head) and not key.endswith(_HOW_OFTEN)
    )


@remembered
def shipment_share(world: World, t: int, index: int) -> Node:
    """Return the share of an accelerator in what is sold in a year; all shares sum to 1."""
    name = world.road.accelerators[index].name
    return shipment(world, name, float(world.road.mixes[t, index]))


def shipment(world: World, name: str, number: float) -> Node:
    """Return a share of an accelerator in what is sold, with what the scenario says of it.

    Parameters
    ----------
    world : World
    name : str
        Of the accelerator, not an alias.
    number : float
        The share.
    """
    key, mix = "fleet.shipments", world.scenario.fleet.shipments
    own = [
        share
        for part in mix.parts
        for alias, share in part.items()
        if world.catalog.resolve("accelerators", alias) == name
    ]
    source = next((share.source for share in own if share.source), mix.source) or ESTIMATE
    note = next((share.note for share in own if share.note), mix.note)
    return Node(
        f"{key}.{name}",
        number,
        "1",
        INPUT,
        source=source,
        origin=str(world.scenario.origin(key)),
        note=note,
    )


@remembered
def figure(
    world: World, table: str, name: str, parameter: str, unit: str = "1", default: float = 0.0
) -> Node:
    """Return a figure of the catalog in base units.

    Parameters
    ----------
    world : World
    table, name, parameter : str
    unit : str
        The base unit of the parameter.
    default : float
        What the model takes where the table is silent.
    """
    catalog: Catalog = world.catalog
    label = f"{parameter.replace('_', ' ')} of {name}"
    if not catalog.has(table, name, parameter):
        note = "the table gives none; what the model takes then"
        return constant(label, default, unit, ESTIMATE, f"computesim/data/{table}.csv", note)
    found = catalog.figure(table, name, parameter)
    origin = catalog.origin(table, name, parameter)
    return Node(
        label, found.number, unit, FIGURE, source=found.source, origin=origin, note=found.note
    )
