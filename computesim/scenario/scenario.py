"""A scenario that has been read: its tree, and where every value of it came from."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterator, Mapping
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any, cast

from pydantic import PrivateAttr

from computesim.scenario.entries import Leaf, Origin
from computesim.scenario.part import Part
from computesim.scenario.schema import Tree
from computesim.scenario.shapes import Case
from computesim.scenario.show import Row, describe
from computesim.scenario.values import INPUT, Address, Choice, Mix, Value
from computesim.scenario.yaml_loader import Key, Place, dotted, split
from computesim.traced import Cited, Traced, leaf

if TYPE_CHECKING:
    from computesim.catalog import Catalog
    from computesim.scenario.show import Row

DEFINITION = "definition"  #: the source of a setting, which is no assumption
DEFAULT = "default"  #: the file of what no file says


class Scenario(Tree):
    """A complete, checked scenario.

    The parts are attributes (`scenario.products["chat"].users.at(2026)`), values answer in
    base units. `load_scenario` makes one; it is never changed afterwards.
    """

    _places: Mapping[Key, Place] = PrivateAttr(default_factory=dict)
    _overlay: Path | None = PrivateAttr(default=None)

    def __repr__(self) -> str:
        years = f"{self.horizon.first_year}-{self.horizon.last_year}"
        entries = f"products: {len(self.products)}, labs: {len(self.labs)}"
        return f"<Scenario {self.name}: {years}, {entries}, {self.hash[:12]}>"

    __str__ = __repr__

    @property
    def years(self) -> tuple[int, ...]:
        """The calendar years of the horizon."""
        return tuple(range(self.horizon.first_year, self.horizon.last_year + 1))

    @property
    def hash(self) -> str:
        """SHA-256 of everything that is computed with.

        It knows the resolved values and the user's own catalog tables, and nothing of file
        names, comments and the order of keys.
        """
        digest = hashlib.sha256()
        canonical = json.dumps(self.resolved(), sort_keys=True, separators=(",", ":"))
        digest.update(canonical.encode())
        for table in sorted(self._overlay.glob("*.csv")) if self._overlay else ():
            digest.update(table.name.encode() + b"\0" + table.read_bytes())
        return digest.hexdigest()

    def catalog(self) -> Catalog:
        """Return the catalog, with the tables that the scenario adds to it."""
        from computesim.catalog import load_catalog

        return load_catalog(self._overlay)

    def leaf(self, key: str) -> Any:
        """Return what stands at a dotted key: a value, a choice, a mix or a plain setting.

        Parameters
        ----------
        key : str
            `products.chat.users`; a part with a dot is quoted.

        Raises
        ------
        KeyError
            If there is no such entry.
        """
        found: Any = self
        for name in split(key):
            if isinstance(found, Part) and name in type(found).model_fields:
                found = getattr(found, name)
            elif isinstance(found, Mapping) and name in found:
                found = found[name]
            else:
                raise KeyError(f"the scenario has no {key}")
        return found

    def at(self, key: str, year: float, case: Case = "central") -> Any:
        """Return the number (base units), the word or the shares at a dotted key in a year."""
        found = self.leaf(key)
        return found.at(year, case) if isinstance(found, (Value, Choice, Mix)) else found

    def leaves(self) -> Iterator[Leaf]:
        """Yield every entry of the tree, defaults included, in the order of the schema."""
        yield from _leaves(self, ())

    def pinned(self, probabilities: Mapping[str, float]) -> Scenario:
        """Return the scenario with some uncertain values at a quantile of their range.

        Parameters
        ----------
        probabilities : mapping
            Dotted key to probability (0 < p < 1); 0.5 is the central value.
        """
        pinned = self
        for key, p in probabilities.items():
            pinned = _replaced(pinned, split(key), self.leaf(key).pinned(p))
        return pinned

    def resolved(self) -> dict[str, Any]:
        """Return the whole scenario as plain data in base units, defaults written out.

        It is a scenario itself: written to a file it loads, and resolves to the same data.
        """
        data: dict[str, Any] = {}
        for entry in self.leaves():
            branch = data
            for name in entry.key[:-1]:
                branch = branch.setdefault(str(name), {})
            is_value = isinstance(entry.value, (Value, Choice, Mix))
            branch[str(entry.key[-1])] = entry.value.plain() if is_value else entry.value
        return data

    def origin(self, key: str) -> Origin:
        """Return where an entry was written."""
        self.leaf(key)
        place = self._places.get(split(key))
        return Origin(place.file, place.line) if place else Origin(DEFAULT)

    def setting(self, key: str) -> Any:
        """Return a plain setting of the run, `simulation.seed`; a leaf where it is traced."""
        setting = self.leaf(key)
        origin = str(self.origin(key))

        def made() -> Traced:
            cited = Cited(DEFINITION, origin, "a setting of the run")
            return Traced(setting, INPUT, name=key, unit="1", cited=cited)

        return leaf(setting, made)

    def placed(self) -> Scenario:
        """Return the same scenario in which every value knows where it stands."""
        return cast("Scenario", _placed(self, (), self))

    def source_keys(self) -> tuple[str, ...]:
        """Return the sorted keys of all sources, `estimate` for values that name none."""
        return tuple(sorted({row.source for row in self.assumptions() if row.source}))

    def assumptions(self) -> list[Row]:
        """Return one row for every number, word and mix: the assumptions table of a report."""
        kinds = (Value, Choice, Mix)
        keys = {dotted(e.key) for e in self.leaves() if isinstance(e.value, kinds)}
        return [row for row in describe(self) if row.key in keys]


def _leaves(branch: Any, key: Key) -> Iterator[Leaf]:
    if isinstance(branch, Part):
        entries = [
            (n, getattr(branch, n), f.description or "")
            for n, f in type(branch).model_fields.items()
        ]
    else:
        entries = [(name, value, "") for name, value in branch.items()]
    for name, value, description in entries:
        if isinstance(value, (Part, dict)):
            yield from _leaves(value, (*key, name))
        elif value is not None:
            yield Leaf((*key, name), value, description)


def _placed(branch: Any, key: Key, scenario: Scenario) -> Any:
    """Return a part, a mapping or a leaf whose values know where they stand."""
    if isinstance(branch, Part):
        names = type(branch).model_fields
        parts = {n: _placed(getattr(branch, n), (*key, n), scenario) for n in names}
        return branch.model_copy(update=parts)
    if isinstance(branch, dict):
        return {name: _placed(part, (*key, name), scenario) for name, part in branch.items()}
    if not isinstance(branch, (Value, Choice, Mix)):
        return branch
    place = Address(dotted(key), str(scenario.origin(dotted(key))))
    return branch.placed(*place) if isinstance(branch, Mix) else replace(branch, place=place)


def _replaced(branch: Any, key: tuple[str, ...], value: Any) -> Any:
    """Return a part or mapping with one entry replaced."""
    if not key:
        return value
    name, rest = key[0], key[1:]
    if isinstance(branch, Part):
        return branch.model_copy(update={name: _replaced(getattr(branch, name), rest, value)})
    return {**branch, name: _replaced(branch[name], rest, value)}
