"""Units of the nodes of a tree: those of leaves, carried through every operation."""

from __future__ import annotations

import math
import re
from collections.abc import Iterable
from functools import cache
from typing import NamedTuple

from computesim.traced import Traced, ordered

Powers = tuple[tuple[str, float], ...]  #: sorted by symbol
#: things that are counted have no dimension
_COUNTED = frozenset(
    ("1", "day", "year", "user", "request", "accelerator", "node", "wafer", "core", "H100e", "AD",
     "transceiver", "switch", "NIC", "cable", "engine", "part", "run", "step", "sequence", "device",
     "stack", "package", "server", "score", "Elo", "index", "chip", "rack")
)  # fmt: skip
#: counted as well, but told
_TOLD = frozenset(("FLOP", "token"))
#: another word for a product of others
_SAME: dict[str, Powers] = {
    "W": (("J", 1.0), ("s", -1.0)),
    "Wh": (("J", 1.0), ("h", 1.0), ("s", -1.0)),
    "OP": (("FLOP", 1.0),),
    "gCO2": (("g", 1.0),),
    "token2": (("token", 2.0),),
    "Mtoken": (("token", 1.0),),
    "bit": (("B", 1.0),),
    "accelerator-hour": (("h", 1.0),),
}
_ALIKE = (
    *("sum", "mean", "difference", "minimum", "maximum", "remainder", "negative", "absolute"),
    *("rounded", "rounded up", "rounded down", "mean of a path"),
)
_PURE = ("exp", "log", "expm1", "log1p", "tanh")


class Misfit(NamedTuple):
    """A node whose operands do not go together, or whose unit is not what they give."""

    node: Traced
    units: tuple[str, ...]

    def __str__(self) -> str:
        return f"{self.node.name or self.node.operation}: {', '.join(self.units)}"


@cache
def powers(unit: str) -> Powers:
    """Return the powers of the symbols of a unit; counted things have none."""
    total: dict[str, float] = {}
    for sign, symbol in re.findall(r"(^|[*/·])\s*([^*/·]+)", unit):
        word = symbol.strip()
        for name, power in _SAME.get(word, () if word in _COUNTED else ((word, 1.0),)):
            total[name] = total.get(name, 0.0) + (-power if sign == "/" else power)
    return _sorted(total)


def _sorted(total: dict[str, float]) -> Powers:
    return tuple(sorted((n, round(p, 9)) for n, p in total.items() if abs(p) > 1e-9))


def _strict(unit: Powers) -> Powers:
    """Return what has to agree of a unit."""
    return tuple(part for part in unit if part[0] not in _TOLD)


def written(unit: Powers) -> str:
    """Return powers as a unit, `W` for `J/s`."""
    total = dict(unit)
    if total.get("J", 0.0) == 1.0 and total.get("s") == -1.0:
        del total["J"], total["s"]
        total = {"Wh" if total.pop("h", 0.0) == 1.0 else "W": 1.0} | total
    above = "*".join(_power(n, p) for n, p in total.items() if p > 0)
    return "/".join([above or "1", *(_power(n, -p) for n, p in total.items() if p < 0)])


def _power(name: str, power: float) -> str:
    return name if power == 1.0 else f"{name}^{power:g}"


class Units:
    """Units of nodes, worked out when they are asked for; those of their operands come first.

    Notes
    -----
    FLOP, tokens, days and years are counted: two FLOP for each parameter and token, an amount
    of one year. Time, energy, bytes, money and mass must agree.
    Zero, infinity and bare constants of the code go with any unit in a sum, and have none in a
    product. A unit that a node brings along stands: that of a row of the results must be what
    its operands give, that of a law with coefficients of its own (FLOP per token) need not.
    """

    def __init__(self) -> None:
        self._known: dict[int, Powers | None] = {}
        self._nodes: list[Traced] = []  # whose identities are known
        self.misfits: list[Misfit] = []  #: what does not go together, so far

    def of(self, node: Traced) -> str:
        """Return the unit of a node."""
        for each in ordered([node], given=False, seen=self._known):
            self._known[id(each)] = self._found(each)
            self._nodes.append(each)
        return node.unit or written(self._known[id(node)] or ())

    def _found(self, node: Traced) -> Powers | None:
        """Return the unit that a node brings along, or else that of its operands."""
        unit = _unit(node, self._known, self.misfits)
        if not node.unit:
            return unit
        own = powers(node.unit)
        if node.final and unit is not None and _strict(unit) != _strict(own):
            self.misfits.append(Misfit(node, (written(own), written(unit))))
        return own


def misfits(roots: Iterable[Traced]) -> list[Misfit]:
    """Return what does not go together below some roots, conditions of leaves included."""
    units = Units()
    for node in ordered(roots):
        units.of(node)
    return units.misfits


def _unit(node: Traced, known: dict[int, Powers | None], misfits: list[Misfit]) -> Powers | None:
    """Return the unit that the operands give; None for a number that goes with any."""
    units = [known[id(n)] for n in node.operands]
    if not units:
        free = not node.unit or isinstance(node.value, str)
        return None if free else powers(node.unit)
    if node.value == 0 or math.isinf(node.value):
        return None
    if node.operation in _ALIKE:
        told = list(dict.fromkeys(u for u in units if u is not None))
        if len(set(map(_strict, told))) > 1:
            misfits.append(Misfit(node, tuple(map(written, told))))
        return max(told, key=len, default=None)
    total: dict[str, float] = {}
    if node.operation in ("product", "quotient", "whole quotient"):
        for place, unit in enumerate(units):
            sign = -1.0 if place and node.operation != "product" else 1.0
            for name, power in unit or ():
                total[name] = total.get(name, 0.0) + sign * power
        return None if all(u is None for u in units) else _sorted(total)
    if node.operation == "power":
        exponent = float(node.operands[1].value)
        return _sorted({name: power * exponent for name, power in units[0] or ()})
    if node.operation in _PURE and _strict(units[0] or ()):
        misfits.append(Misfit(node, (written(units[0] or ()),)))
    return () if node.operation in _PURE else units[0]
