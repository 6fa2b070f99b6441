"""The makers that a scenario limits: vendors and single accelerators, none counted twice."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import TYPE_CHECKING

from computesim.errors import near_miss

if TYPE_CHECKING:
    from computesim.catalog import Catalog

Complaint = tuple[str, str, str, str]  #: name, what was found, what is accepted, near miss


def vendors(catalog: Catalog) -> dict[str, str]:
    """Return the vendor of every accelerator of the catalog."""
    rows = catalog.rows("accelerators")
    return {row.name: row.text for row in rows if row.parameter == "vendor"}


def members(name: str, catalog: Catalog) -> frozenset[str]:
    """Return the accelerators that a maker's limit counts; none where the name is unknown.

    Parameters
    ----------
    name : str
        A vendor in any case (`nvidia`), or an accelerator or its alias.
    catalog : Catalog
    """
    own = frozenset(n for n, v in vendors(catalog).items() if v.lower() == name.lower())
    if own or not catalog.has("accelerators", name):
        return own
    return frozenset({catalog.resolve("accelerators", name)})


def complaints(names: Iterable[str], catalog: Catalog) -> list[Complaint]:
    """Return what is wrong with the names of makers: unknown ones, and accelerators named twice."""
    found: list[Complaint] = []
    known: dict[str, str] = {}  # accelerator -> the maker that counts it
    for name in names:
        own = members(name, catalog)
        if not own:
            words = sorted({*vendors(catalog).values(), *catalog.names("accelerators")})
            accepted = f"a vendor ({_few(vendors(catalog))}) or an accelerator"
            found.append((name, f"unknown maker {name!r}", accepted, near_miss(name, words)))
        elif both := sorted(own & known.keys()):
            told = f"{both[0]} is limited by {known[both[0]]!r} already"
            found.append((name, told, "makers without an accelerator in common", ""))
        known |= dict.fromkeys(own, name)
    return found


def _few(known: Mapping[str, str]) -> str:
    """Return the vendors with most accelerators."""
    counted = sorted(set(known.values()), key=lambda v: -list(known.values()).count(v))
    return ", ".join([*counted[:4], "…"])
