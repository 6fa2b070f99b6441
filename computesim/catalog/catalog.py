"""The catalog: what is known, found by name, with a record of what was used."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final, TypeVar, cast

from computesim.catalog.rows import (
    TABLES,
    Figure,
    Row,
    Source,
    Table,
    shipped_sources,
    shipped_table,
    shown_place,
)
from computesim.errors import CatalogError, Fault, near_miss
from computesim.traced import Word, on

if TYPE_CHECKING:
    from computesim.hardware.accelerator import Accelerator
    from computesim.hardware.fabric import Fabric
    from computesim.hardware.power import Site
    from computesim.workload.architecture import Architecture

_T = TypeVar("_T")
_NAMING: Final = ("label", "aliases")  #: rows that nothing is computed from


@dataclass(frozen=True, slots=True)
class Catalog:
    """Figures by table, name and parameter; remembers the sources of those it handed out."""

    overlay: Path | None = None
    _changed: Mapping[str, Table] = field(default_factory=dict, repr=False)
    _sources: Mapping[str, Source] = field(default_factory=shipped_sources, repr=False)
    _used: set[str] = field(default_factory=set, repr=False)
    _built: dict[tuple[str, str, bool], Any] = field(default_factory=dict, repr=False)
    _aliases: dict[str, dict[str, str]] = field(default_factory=dict, repr=False)

    def accelerator(self, name: str) -> Accelerator:
        """Return an accelerator by name or alias.

        Parameters
        ----------
        name : str
            `h100-sxm`, or an alias such as `h100`.

        Raises
        ------
        CatalogError
            If the name is unknown, or an essential figure of it was never published.
        """
        from computesim.catalog import build

        return self._build("accelerators", name, build.accelerator)

    def model(self, name: str) -> Architecture:
        """Return the architecture of a model by name or alias."""
        from computesim.catalog import build

        return self._build("models", name, build.architecture)

    def fabric(self, name: str) -> Fabric:
        """Return a switch generation by name or alias."""
        from computesim.catalog import build

        return self._build("fabrics", name, build.fabric)

    def site(self, name: str) -> Site:
        """Return a site by name or alias."""
        from computesim.catalog import build

        return self._build("sites", name, build.site)

    def figure(self, table: str, name: str, parameter: str, as_of: str | None = None) -> Figure:
        """Return one figure with its provenance.

        Parameters
        ----------
        table, name, parameter : str
        as_of : str, optional
            Vintage; the latest one if not given.

        Raises
        ------
        CatalogError
            If there is no such figure, with the near misses.
        """
        figures = self._named(table, name)
        if parameter not in figures:
            raise _unknown(f"{table}.{name}", "parameter", parameter, figures)
        vintages = {row.fields[6]: row for row in figures[parameter]}
        if as_of is not None and as_of not in vintages:
            raise _unknown(f"{table}.{name}.{parameter}", "date", as_of, vintages)
        row = figures[parameter][-1] if as_of is None else vintages[as_of]
        figure = row.figure(table)
        self._used.add(figure.source)
        return figure

    def origin(self, table: str, name: str, parameter: str, as_of: str | None = None) -> str:
        """Return the file and line of a figure, of its latest vintage if no date is given."""
        rows = self._named(table, name)[parameter]
        row = next((r for r in rows if r.fields[6] == as_of), rows[-1])
        return shown_place(row.file, row.line)

    def value(self, table: str, name: str, parameter: str, as_of: str | None = None) -> float:
        """Return the value of a figure in base units."""
        return self.figure(table, name, parameter, as_of).number

    def vintages(self, table: str, name: str, parameter: str) -> tuple[Figure, ...]:
        """Return all figures of a parameter, the latest last; none where there are none."""
        if not self.has(table, name, parameter):
            return ()
        figures = tuple(row.figure(table) for row in self._named(table, name)[parameter])
        self._used.update(figure.source for figure in figures)
        return figures

    def series(self, table: str, name: str) -> dict[str, Figure]:
        """Return all figures of a name by parameter, for instance a history by year."""
        return {p: self.figure(table, name, p) for p in self._named(table, name)}

    def has(self, table: str, name: str, parameter: str = "") -> bool:
        """Tell whether a name (or one figure of it) is there."""
        try:
            figures = self._named(table, name)
        except CatalogError:
            return False
        return not parameter or parameter in figures

    def names(self, table: str) -> tuple[str, ...]:
        """Return the names in a table, in its order."""
        return tuple(self._table(table))

    def parameters(self, table: str, name: str) -> tuple[str, ...]:
        """Return the parameters that a table holds of a name or alias."""
        return tuple(self._named(table, name))

    def rows(self, table: str) -> tuple[Figure, ...]:
        """Return every figure of a table, all vintages; does not count as use."""
        return tuple(
            row.figure(table)
            for figures in self._table(table).values()
            for several in figures.values()
            for row in several
        )

    def label(self, table: str, name: str) -> str:
        """Return the readable name of something, or its key if it has none."""
        rows = self._named(table, name).get("label")
        return rows[-1].fields[2] if rows else name

    def source(self, key: str) -> Source:
        """Return a source by its key."""
        if key not in self._sources:
            raise _unknown("sources", "source", key, self._sources)
        return self._sources[key]

    def sources(self) -> tuple[Source, ...]:
        """Return every source."""
        return tuple(self._sources.values())

    def used(self) -> tuple[str, ...]:
        """Return the sorted keys of the sources of all figures handed out so far."""
        return tuple(sorted(self._used))

    def resolve(self, table: str, name: str) -> str:
        """Return the name behind a name or alias, in any case.

        Raises
        ------
        CatalogError
            If the table holds neither, with the near misses.
        """
        rows = self._table(table)
        for word in (name, name.lower()):
            if word in rows:
                return word
            if word in self._alias_names(table):
                return self._alias_names(table)[word]
        raise _unknown(table, "name", name, [*rows, *self._alias_names(table)])

    def _alias_names(self, table: str) -> Mapping[str, str]:
        """Return the names behind the aliases of a table."""
        if table not in self._aliases:
            self._aliases[table] = {
                alias.strip(): name
                for name, figures in self._table(table).items()
                for row in figures.get("aliases", ())[-1:]
                for alias in row.fields[2].split(";")
            }
        return self._aliases[table]

    def _build(self, table: str, name: str, build: Callable[[str, Any], _T]) -> _T:
        """Return a thing of a room, built once; all figures of it count as used."""
        word, name = name, self.resolve(table, name)
        key = (table, name, on())  # traced things and plain ones are different
        if key not in self._built:
            wanted = (p for p in self._named(table, name) if p not in _NAMING)
            figures = {parameter: self.figure(table, name, parameter) for parameter in wanted}
            self._built[key] = build(name, figures)
        thing: Any = self._built[key]
        if isinstance(word, Word):  # who rests on it rests on the word that chose it as well
            thing = replace(thing, name=Word(name, word.node))
        return cast("_T", thing)

    def _named(self, table: str, name: str) -> Mapping[str, tuple[Row, ...]]:
        """Return the rows of a name or alias by parameter."""
        return self._table(table)[self.resolve(table, name)]

    def _table(self, table: str) -> Table:
        if table in self._changed:
            return self._changed[table]
        if table not in TABLES:
            raise _unknown("catalog", "table", table, TABLES)
        return shipped_table(table)


def _unknown(key: str, what: str, found: str, known: Any) -> CatalogError:
    """Return the error for a name that is not there."""
    words = list(known)
    accepted = f"{len(words)} are known" if len(words) > 12 else f"accepted: {', '.join(words)}"
    fault = Fault(key, f"unknown {what} '{found}'", accepted, hint=near_miss(found, words))
    return CatalogError([fault], "catalog")


def load_catalog(overlay: str | Path | None = None) -> Catalog:
    """Return the catalog, with a folder of own tables on top if one is given.

    Tables are read when they are first needed and once per process; each catalog keeps its own
    record of what was used.

    Parameters
    ----------
    overlay : str or Path, optional
        Folder with tables of the same names and columns as those of the package.

    Raises
    ------
    CatalogError
        With all faults of the overlay.
    """
    if overlay is None:
        return Catalog()
    tables, sources = _overlay(Path(overlay), _stamp(Path(overlay)))
    return Catalog(Path(overlay), tables, sources)


def _stamp(folder: Path) -> tuple[tuple[str, int, int], ...]:
    """Return what tells one state of an overlay folder from another."""
    stats = [(path.name, path.stat()) for path in sorted(folder.glob("*.csv"))]
    return tuple((name, stat.st_mtime_ns, stat.st_size) for name, stat in stats)


@cache
def _overlay(
    folder: Path, stamp: tuple[tuple[str, int, int], ...]
) -> tuple[dict[str, Table], dict[str, Source]]:
    """Return a checked overlay; read again when a file of it has changed."""
    from computesim.catalog.overlay import read_overlay

    return read_overlay(folder)
