"""Entries that stand for one another: which may be given together, and which must be.

It looks at the plain data of a scenario, so that its faults are told together with
those of the single values.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any, NamedTuple

from computesim.errors import Fault
from computesim.scenario.faults import place_of
from computesim.scenario.yaml_loader import Document, Key, Place, dotted


class Ways(NamedTuple):
    """Several ways to say one thing; a way is one entry, or several that go together."""

    what: str
    ways: tuple[tuple[str, ...], ...]
    required: bool = True

    @property
    def text(self) -> str:
        """Name the ways as an author would."""
        return ", or ".join(" with ".join(f"`{name}`" for name in way) for way in self.ways)


USERS = Ways("the number of users", (("users",), ("diffusion",)))
REQUESTS = Ways(
    "the number of requests",
    (("requests_per_user_per_day",), ("sessions_per_user_per_day", "turns_per_session")),
)
CACHED = Ways("the cached share", (("cached_share",), ("context_growth",)), required=False)
PRICE = Ways("the price", (("level",), ("follows",)))
OTHER_AI = Ways("other AI", (("share",), ("h100_equivalents",)), required=False)
LAWS = {
    "logistic": Ways("a logistic curve", (("midpoint", "rate"), ("first", "second"))),
    "bass": Ways("a Bass curve", (("innovation", "imitation", "launch"),)),
}


def clashes(document: Document, file: str, is_complete: bool) -> list[Fault]:
    """Return the faults of entries that say one thing twice, by halves, or not at all.

    Parameters
    ----------
    document : Document
        The merged scenario.
    file : str
        The file that is blamed for what stands nowhere.
    is_complete : bool
        False when a file of the chain is missing: then nobody is blamed for missing entries.
    """
    found = _found(document.data)
    return [
        _fault(document, file, *told)
        for told in found
        if is_complete or not told[1].startswith(_MISSING)
    ]


_MISSING = "missing"
_Told = tuple[Key, str, str, str]  # key, found, accepted, hint


def _found(data: Any) -> Iterator[_Told]:
    """Yield what is wrong in the whole tree."""
    for name, product in _mappings(_below(data, "products")):
        yield from _product(("products", name), product)
    yield from _ways(("other_ai",), _below(data, "other_ai"), OTHER_AI)


def _product(key: Key, product: Mapping[Any, Any]) -> Iterator[_Told]:
    """Yield what is wrong in a product."""
    for ways in (USERS, REQUESTS, CACHED):
        yield from _ways(key, product, ways)
    if "context_growth" in product and "turns_per_session" not in product:
        told = ("a prompt that grows, without turns", "`turns_per_session` beside it", "")
        yield ((*key, "context_growth"), *told)
    if isinstance(price := product.get("price"), Mapping):
        yield from _ways((*key, "price"), price, PRICE)
    diffusion = product.get("diffusion")
    if isinstance(diffusion, Mapping):
        law = diffusion.get("law", "logistic")
        if isinstance(law, str) and law in LAWS:
            yield from _law((*key, "diffusion"), diffusion, law)


def _law(key: Key, diffusion: Mapping[Any, Any], law: str) -> Iterator[_Told]:
    """Yield what is wrong in the parameters of a law of diffusion."""
    own = {name for way in LAWS[law].ways for name in way}
    others = {name for ways in LAWS.values() for way in ways.ways for name in way} - own
    yield from _ways(key, diffusion, LAWS[law])
    for name in diffusion:
        if name in others:
            yield ((*key, name), f"no parameter of `{law}`", LAWS[law].text, "")


def _ways(key: Key, data: Mapping[Any, Any], ways: Ways) -> Iterator[_Told]:
    """Yield what is wrong when exactly one way must be taken, or at most one may be."""
    taken = [way for way in ways.ways if any(name in data for name in way)]
    if len(taken) > 1:
        given = [name for way in taken for name in way if name in data]
        hint = f"take one away: `{given[0]}: null`"
        told = (f"{ways.what} twice: {', '.join(given)}", f"either {ways.text}", hint)
        yield ((*key, given[-1]), *told)
    elif taken:
        for name in (name for name in taken[0] if name not in data):
            yield ((*key, name), _MISSING, f"it goes with the others of {ways.text}", "")
    elif ways.required:
        accepted = f"{ways.what} is required: {ways.text}"
        yield ((*key, ways.ways[0][0]), _MISSING, accepted, "")


def _fault(document: Document, file: str, key: Key, found: str, told: str, hint: str) -> Fault:
    """Return a fault with the line of the key, or of what stands around it."""
    place = place_of(document.places, key) or Place(file, 0, 0)
    return Fault(dotted(key), found, told, place.file, place.line, hint)


def _below(data: Any, name: str) -> Mapping[Any, Any]:
    """Return a mapping below a mapping, empty where there is none."""
    found = data.get(name) if isinstance(data, Mapping) else None
    return found if isinstance(found, Mapping) else {}


def _mappings(data: Mapping[Any, Any]) -> Iterator[tuple[Any, Mapping[Any, Any]]]:
    """Yield the entries that are mappings themselves."""
    return ((name, entry) for name, entry in data.items() if isinstance(entry, Mapping))
