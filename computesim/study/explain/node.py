"""A figure and what it was made of: the nodes of an expression tree, and how to build them."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass

from computesim.study.explain.operations import OPERATIONS

INPUT = "input"  #: a value of the scenario
FIGURE = "catalog figure"
CONSTANT = "constant"  #: a definition, or a coefficient of the model
SIMULATED = "simulated"  #: measured in a cell of the discrete-event simulation
MODELLED = "training model"  #: the best layout of a training job
TIMED = "step model"  #: seconds of a phase on a replica, see `cells.serving_phases`
ALLOCATED = "linear program"  #: who buys and does what, see `fleet.cohorts`
BALANCED = "least cost"  #: what a lab decides that follows the least cost, see `demand.policy`
WORD = "choice"  #: a choice that is no number: a model, a dtype
LEAVES = (INPUT, FIGURE, CONSTANT, SIMULATED, MODELLED, TIMED, ALLOCATED, BALANCED, WORD)

DEFINITION = "definition"  #: the source of seconds in a day, and of numbers that are counted


@dataclass(frozen=True, slots=True, eq=False)
class Node:
    """One number with its expression. Nodes are shared: the same figure is the same object."""

    name: str
    value: float | None  #: in `unit`; None for a word
    unit: str = "1"  #: a base unit, or that of the results table
    operation: str = CONSTANT  #: a key of `OPERATIONS`, or one of `LEAVES`
    children: tuple[Node, ...] = ()  #: the operands, in their order; none for a leaf
    text: str = ""  #: of a word
    source: str = ""  #: a key of the sources table, `estimate` or `definition`; leaves only
    origin: str = ""  #: file and line; leaves only
    note: str = ""
    rests_on: Callable[[], tuple[Node, ...]] = tuple  #: gives `given`; made when asked for

    @property
    def given(self) -> tuple[Node, ...]:
        """What it depends on beside operands: of a leaf its conditions, else choices."""
        return self.rests_on()

    def number(self) -> float:
        """Return the value of a node that is a number."""
        if self.value is None:
            raise TypeError(f"{self.name} is a word, not a number")
        return self.value

    def recomputed(self) -> float | None:
        """Return the operation applied to the children; the value itself for a leaf."""
        if not self.children:
            return self.value
        return OPERATIONS[self.operation](*[child.number() for child in self.children])


def walk(root: Node, given: bool = True) -> Iterator[Node]:
    """Yield every node below a root once.

    Parameters
    ----------
    root : Node
    given : bool
        Follow what nodes are given as well, not only their operands.
    """
    seen: set[int] = set()
    waiting = [root]
    while waiting:
        node = waiting.pop()
        if id(node) not in seen:
            seen.add(id(node))
            yield node
            waiting += [*(reversed(node.given) if given else ()), *reversed(node.children)]


def computed(
    name: str,
    unit: str,
    operation: str,
    children: Sequence[Node],
    value: float | None = None,
    given: Sequence[Node] = (),
    note: str = "",
) -> Node:
    """Return an inner node.

    Parameters
    ----------
    name, unit : str
    operation : str
        A key of `OPERATIONS`.
    children : sequence of Node
        The operands.
    value : float, optional
        What the model itself says; the operation applied to the children if not given.
    given : sequence of Node
        Choices that led to this expression.
    note : str
    """
    if value is None:
        value = OPERATIONS[operation](*[child.number() for child in children])
    return Node(name, float(value), unit, operation, tuple(children), note=note,
                rests_on=lambda: tuple(given))  # fmt: skip


def constant(
    name: str,
    value: float,
    unit: str = "1",
    source: str = DEFINITION,
    origin: str = "",
    note: str = "",
) -> Node:
    """Return a leaf that is a definition or a coefficient of the model.

    Parameters
    ----------
    name : str
    value : float
    unit : str
    source : str
        A key of the sources table, `estimate`, or `definition`.
    origin : str
        The module that holds it.
    note : str
    """
    return Node(name, float(value), unit, CONSTANT, source=source, origin=origin, note=note)


def total(
    name: str,
    unit: str,
    terms: Sequence[Node],
    value: float | None = None,
    note: str = "",
    every: bool = False,
) -> Node:
    """Return the sum of terms; a sum of nothing is a constant 0.

    Parameters
    ----------
    name, unit : str
    terms : sequence of Node
    value : float, optional
        As in `computed`.
    note : str
    every : bool
        Keep terms that are zero: an input made them so, and could make them more.
    """
    kept = [term for term in terms if every or term.value] or list(terms[:1])
    if not kept:
        return constant(name, 0.0, unit, note=note or "nothing of the kind")
    return computed(name, unit, "sum", kept, value, note=note)


def product(name: str, unit: str, *factors: Node, value: float | None = None) -> Node:
    """Return the product of nodes."""
    return computed(name, unit, "product", factors, value)


def quotient(
    name: str, unit: str, over: Node, under: Node, value: float | None = None, note: str = ""
) -> Node:
    """Return one node over another."""
    return computed(name, unit, "quotient", (over, under), value, note=note)


def difference(name: str, unit: str, whole: Node, part: Node) -> Node:
    """Return one node less another."""
    return computed(name, unit, "difference", (whole, part))


def complement(name: str, share: Node) -> Node:
    """Return what a share leaves of one."""
    return computed(name, "1", "complement", (share,))


def weighted_mean(
    name: str, unit: str, pairs: Sequence[tuple[Node, Node]], value: float | None = None
) -> Node:
    """Return the mean of nodes by weight; the pairs are (value, weight)."""
    return computed(name, unit, "weighted mean", [n for pair in pairs for n in pair], value)
