"""A scenario as text: every entry with its value, unit, range, source and origin."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any, Protocol

from computesim.scenario.context import ESTIMATE
from computesim.scenario.entries import Leaf, Origin
from computesim.scenario.shapes import Case, Path
from computesim.scenario.values import Choice, Mix, Value
from computesim.scenario.yaml_loader import dotted
from computesim.units import number_text, unit_beside


class Entries(Protocol):
    """What is described: a scenario."""

    @property
    def years(self) -> tuple[int, ...]:
        """The calendar years."""
        ...

    def leaves(self) -> Iterable[Leaf]:
        """Return every entry."""
        ...

    def origin(self, key: str) -> Origin:
        """Return where an entry was written."""
        ...


@dataclass(frozen=True, slots=True)
class Row:
    """One entry of a scenario."""

    key: str  #: `products.chat.users`
    text: str  #: the central value: `3.7`, `1 billion (2025), 2.5 billion (2030)`
    unit: str  #: the unit in which the text counts; empty where it names its own or has none
    low: str  #: the low end; empty where there is no range
    high: str
    source: str  #: a key of the sources table, or `estimate`; empty for plain settings
    note: str
    origin: str  #: `scenarios/baseline.yaml:31`, `--set` or `default`
    description: str


def describe(scenario: Entries) -> list[Row]:
    """Return a row for every entry of a scenario, in the order of the schema."""
    return [
        _row(scenario, dotted(leaf.key), leaf.value, leaf.description) for leaf in scenario.leaves()
    ]


def _row(scenario: Entries, key: str, value: Any, description: str) -> Row:
    origin = str(scenario.origin(key))
    years = tuple(map(float, scenario.years))
    if isinstance(value, Value):
        low = _value_text(value, years, "low") if value.is_uncertain else ""
        high = _value_text(value, years, "high") if value.is_uncertain else ""
        unit = unit_beside(value.unit)
        text = _value_text(value, years)
        source = value.source or ESTIMATE
        return Row(key, text, unit, low, high, source, value.note, origin, description)
    if isinstance(value, (Choice, Mix)):
        text = choice_text(value) if isinstance(value, Choice) else mix_text(value)
        source = value.source or ESTIMATE
        return Row(key, text, "", "", "", source, value.note, origin, description)
    text = str(value).lower() if isinstance(value, bool) else str(value)
    return Row(key, text, "", "", "", "", "", origin, description)


def _value_text(value: Value, years: tuple[float, ...], case: Case = "central") -> str:
    """Return a value as text, at the years of its path that lie in the horizon, or once."""
    if not value.varies:
        return number_text(value.at(years[0], case), value.unit)
    kept = [year for year in _turns(value) if years[0] <= year <= years[-1]]
    kept = sorted({years[0], *kept, years[-1]})
    return ", ".join(f"{number_text(value.at(y, case), value.unit)} ({y:g})" for y in kept)


def _turns(value: Value) -> set[float]:
    """Return the years at which a path of the value has a point."""
    from computesim.scenario.values import parts

    return {year for part in parts(value.shape) if isinstance(part, Path) for year in part.years}


def choice_text(choice: Choice) -> str:
    """Return a choice as text: `bf16 (2022), fp8 (2025)`."""
    if not choice.years:
        return choice.words[0]
    return ", ".join(f"{w} ({y:g})" for w, y in zip(choice.words, choice.years, strict=True))


def mix_text(mix: Mix) -> str:
    """Return a mix as text: `2025: h100-sxm 60 %, b200-sxm 40 %; ...`."""
    texts = []
    for year in mix.years or (0.0,):
        shares = ", ".join(f"{name} {100 * share:.3g} %" for name, share in mix.at(year).items())
        texts.append(f"{year:g}: {shares}" if mix.years else shares)
    return "; ".join(texts)


def entry_text(row: Row) -> str:
    """Return one entry as a line, and a second one that says where it comes from."""
    value = " ".join(part for part in (row.text, row.unit) if part)
    span = f"range {row.low} – {row.high}" if row.low or row.high else ""
    source = f"source {row.source}" if row.source else ""
    facts = "; ".join(part for part in (span, source, row.origin, row.note) if part)
    return f"{row.key} = {value}\n    {facts}"
