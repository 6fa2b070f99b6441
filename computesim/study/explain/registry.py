"""Who explains which family of variables; a new family is one file in `families`."""

from __future__ import annotations

from collections.abc import Callable
from functools import cache
from importlib import import_module
from pkgutil import iter_modules

from computesim.errors import ComputesimError
from computesim.results.families import VARIABLES
from computesim.study.explain import families
from computesim.study.explain.node import Node
from computesim.study.explain.world import World

#: (world, index of the year, what follows the prefix) -> the tree
Explainer = Callable[[World, int, tuple[str, ...]], Node]
_KNOWN: dict[str, Explainer] = {}


class ExplainError(ComputesimError, LookupError):
    """A figure that cannot be walked back."""


def explains(*prefixes: str) -> Callable[[Explainer], Explainer]:
    """Register a function that explains every variable which begins with a prefix.

    Parameters
    ----------
    *prefixes : str
        `Network shipped`; the longest one that fits a variable is taken.
    """

    def register(explainer: Explainer) -> Explainer:
        _KNOWN.update(dict.fromkeys(prefixes, explainer))
        return explainer

    return register


def explainers() -> dict[str, Explainer]:
    """Return all explainers by prefix."""
    _load()
    return dict(_KNOWN)


@cache
def _load() -> None:
    """Import every module of families; each registers its own."""
    for module in iter_modules(families.__path__):
        import_module(f"{families.__name__}.{module.name}")


def explainer_of(variable: str) -> tuple[Explainer, tuple[str, ...]]:
    """Return the explainer of a variable, and what follows its prefix.

    Parameters
    ----------
    variable : str
        A full name such as `Power|Facility|Pretraining`.

    Raises
    ------
    ExplainError
        If nothing explains its family.
    """
    known = explainers()
    fitting = [p for p in known if variable == p or variable.startswith(f"{p}|")]
    if not fitting:
        head = variable.split("|")[0]
        raise ExplainError(
            f"nothing walks '{head}' back yet; explained are {', '.join(sorted(known))}"
        )
    prefix = max(fitting, key=len)
    rest = variable[len(prefix) :].strip("|")
    return known[prefix], tuple(rest.split("|")) if rest else ()


def unexplained() -> tuple[str, ...]:
    """Return the families of the results that nothing explains."""
    known = explainers()
    return tuple(
        v.prefix
        for v in VARIABLES
        if not any(v.prefix == p or v.prefix.startswith(f"{p}|") for p in known)
    )
