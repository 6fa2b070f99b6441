"""What a value is read against: the horizon, the catalog's names, the tiers of the scenario."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, NamedTuple

from pydantic_core import PydanticCustomError

from computesim.errors import near_miss
from computesim.scenario.yaml_loader import Key

if TYPE_CHECKING:
    from computesim.catalog import Catalog

ESTIMATE = "estimate"  #: the source of a figure that nobody published


class Complaint(NamedTuple):
    """One thing that is wrong inside a value."""

    key: Key  #: below the value's own key
    found: str
    accepted: str
    hint: str = ""


def rejected(complaints: Sequence[Complaint]) -> PydanticCustomError:
    """Return the error of a validator that says what is wrong.

    Parameters
    ----------
    complaints : sequence of Complaint
    """
    return PydanticCustomError("rejected", "rejected", {"all": complaints})


@dataclass(slots=True)
class Context:
    """The rest of the scenario, as far as it could be read before its values are."""

    first_year: int | None = None
    last_year: int | None = None
    catalog: Catalog | None = None
    tiers: frozenset[str] | None = None  #: None when the scenario is incomplete
    sources: frozenset[str] = field(default_factory=frozenset)

    @property
    def years(self) -> tuple[int, ...]:
        """The years of the horizon; empty when the horizon is not known."""
        if self.first_year is None or self.last_year is None:
            return ()
        return tuple(range(self.first_year, self.last_year + 1))

    def name_fault(self, table: str, name: str) -> tuple[str, str] | None:
        """Return what is accepted and the near miss of a name that a table does not hold."""
        if table == "tiers":
            if self.tiers is None or name in self.tiers:
                return None
            return "the name of a tier of this scenario", remedy(name, self.tiers)
        if self.catalog is None or self.catalog.has(table, name):
            return None
        known = self.catalog.names(table)
        return f"a name from `computesim list {table}`", near_miss(name.lower(), known)


def remedy(word: str, known: Iterable[str]) -> str:
    """Return the near miss of a word, or all that is known when that is short."""
    words: Sequence[str] = sorted(known)
    if close := near_miss(word, words) or _beginning(word, words):
        return close
    return f"known: {', '.join(words)}" if 0 < len(words) <= 12 else ""


def _beginning(word: str, words: Sequence[str]) -> str:
    """Return the first words that begin with a word of at least three letters."""
    found = [known for known in words if len(word) > 2 and known.startswith(word)]
    return f"did you mean {', '.join(found[:3])}?" if found else ""


def quoted(found: Any) -> str:
    """Return what was found, as the author wrote it, shortened."""
    if isinstance(found, bool):
        return str(found).lower()
    if isinstance(found, dict):
        return "a mapping"
    if isinstance(found, (list, tuple)):
        return "a list"
    if found is None:
        return "nothing"
    text = repr(found) if isinstance(found, str) else f"{found}"
    return text if len(text) <= 60 else text[:57] + "..."
