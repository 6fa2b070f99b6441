"""The numbers of a run by name, with the hierarchy that their names spell."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from computesim.errors import near_miss
from computesim.results.variables import VariableError, sums

Cells = dict[int, dict[int, float]]  #: year -> replication -> value


class Tree:
    """Numbers by name, year and replication, and the direct parts of every name."""

    def __init__(self, columns: Mapping[str, Sequence[Any]]) -> None:
        self.cells: dict[str, Cells] = {}  #: names with rows of their own
        self.units: dict[str, str] = dict(zip(columns["variable"], columns["unit"], strict=True))
        self.children: dict[str, list[str]] = {}  #: direct parts, groups without rows included
        names = ("variable", "year", "replication", "value")
        for variable, year, replication, value in zip(*(columns[n] for n in names), strict=True):
            row = self.cells.setdefault(variable, {}).setdefault(int(year), {})
            if replication in row:
                raise ValueError(f"{variable} in {year} is given twice")
            row[int(replication)] = float(value)
        for variable in self.cells:
            self._place(variable)

    def _place(self, variable: str) -> None:
        """Enter a name and the groups above it among the parts of their parents."""
        parts = variable.split("|")
        for depth in range(1, len(parts)):
            child = "|".join(parts[: depth + 1])
            siblings = self.children.setdefault("|".join(parts[:depth]), [])
            if child not in siblings:
                siblings.append(child)

    def unknown(self, variable: str) -> VariableError:
        """Return the complaint about a name that is not here."""
        hint = near_miss(variable, [*self.cells, *self.children])
        return VariableError(f"these results hold no variable '{variable}' {hint}".strip())

    def unit(self, variable: str) -> str:
        """Return the unit of a name or, for a group, of its first part."""
        name = variable
        while name not in self.units:
            if name not in self.children:
                raise self.unknown(variable)
            name = self.children[name][0]
        return self.units[name]

    def values(self, variable: str) -> Cells:
        """Return the rows of a name, or the sums over its parts where it has none."""
        if variable in self.cells:
            return self.cells[variable]
        if variable not in self.children:
            raise self.unknown(variable)
        if not sums(variable):
            raise VariableError(f"the parts of '{variable}' do not add up; name one of them")
        return self.sum(variable)

    def sum(self, variable: str) -> Cells:
        """Return the sums over the direct parts of a name."""
        total: Cells = {}
        for child in self.children[variable]:
            for year, row in self.values(child).items():
                cell = total.setdefault(year, {})
                for replication, value in row.items():
                    cell[replication] = cell.get(replication, 0.0) + value
        return total
