"""A node as a formula of the nodes that are shown below it; steps without a name stay inside."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import NamedTuple

from computesim.traced import CONSTANT, Traced

MOST = 12  #: operands of one formula; of longer ones a step is shown by itself
_SIGNS = {"sum": (" + ", 1), "difference": (" - ", 1), "product": (" * ", 2),
          "quotient": (" / ", 2), "power": (" ^ ", 3)}  # fmt: skip


class Formula(NamedTuple):
    """What a node is made of, as it is shown."""

    node: Traced
    operands: tuple[Traced, ...]  #: nodes with a name, in the order of their first use
    given: tuple[Traced, ...] = ()  #: what it rests on besides, and what its steps do

    def written(self, names: Mapping[int, str] | None = None) -> str:
        """Return the formula, operands by letters or by what their identity stands for."""
        if not self.node.operands:
            return ""
        if names is None:
            letters = [*"abcdefghijklmnopqrstuvwxyz", *(f"x{n}" for n in range(len(self.operands)))]
            names = {id(n): letter for n, letter in zip(self.operands, letters, strict=False)}
        known = names
        return _written(self.node, lambda node: known.get(id(node), ""), root=True)[0]


def _written(node: Traced, name: Callable[[Traced], str], root: bool = False) -> tuple[str, int]:
    """Return a node as text, and how strongly its parts hold together."""
    if not root and (text := name(node)):
        return text, 9
    if not node.operands:
        return f"{node.value:,.12g}", 9
    parts = [_written(n, name) for n in node.operands]
    if node.operation not in _SIGNS:
        return f"{node.operation}({', '.join(text for text, _ in parts)})", 9
    sign, strength = _SIGNS[node.operation]
    grouped = node.operation in ("sum", "product")  # in any way
    own = [
        f"({text})" if hold < strength or (place and hold == strength and not grouped) else text
        for place, (text, hold) in enumerate(parts)
    ]
    return sign.join(own), strength


def formula(node: Traced) -> Formula:
    """Return a node as a formula of nodes with names.

    Parameters
    ----------
    node : Traced

    Returns
    -------
    Formula
        Steps without a name are part of the formula as long as it has no more than `MOST`
        operands; the others get the name of a step, and are operands.
    """
    shown, given = _inlined(node.operands), [*node.given]
    while steps := [n for n in shown if _is_step(n)]:
        step = min(steps, key=lambda n: len(_inlined(n.operands)))
        place = next(i for i, n in enumerate(shown) if n is step)
        wider = _once([*shown[:place], *_inlined(step.operands), *shown[place + 1 :]])
        if len(wider) > MOST:
            break
        shown, given = wider, [*given, *step.given]
    for number, step in enumerate((n for n in shown if _is_step(n)), 1):
        step.name = f"step {number} of {node.name}"
    for number, step in enumerate((n for n in given if _is_step(n)), 1):
        step.name = f"condition {number} of {node.name}"
    return Formula(node, tuple(shown), tuple(_once(given)))


def _is_step(node: Traced) -> bool:
    """Tell whether a node is an operation without a name."""
    return bool(node.operands) and not node.name


def _inlined(nodes: Sequence[Traced]) -> list[Traced]:
    """Return nodes once, without bare constants, which stand in the formula as numbers."""
    return _once([n for n in nodes if n.name or n.operation != CONSTANT])


def _once(nodes: Sequence[Traced]) -> list[Traced]:
    """Return nodes once each; equal values are not the same node."""
    return list({id(n): n for n in nodes}.values())
