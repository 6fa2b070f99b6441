"""What a run returns: one long table of variables by year, and where it came from."""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping, Sequence
from fnmatch import fnmatchcase
from html import escape
from typing import TYPE_CHECKING, Any, Literal

from computesim.results.files import save_results
from computesim.results.manifest import Manifest
from computesim.results.rows import COLUMNS, Difference, Row, SumFault
from computesim.results.tree import Tree
from computesim.results.variables import sums

if TYPE_CHECKING:
    from pathlib import Path

    import pandas as pd


class Results:
    """One scenario's numbers: a long table with hierarchical variables, and a manifest.

    Parameters
    ----------
    columns : mapping of str to sequence
        `scenario, variable, unit, year, replication, value`, all of one length.
    manifest : Manifest
        Where the numbers came from.

    Raises
    ------
    ValueError
        If a column lacks, the lengths differ, there are several scenarios, or a
        number is given twice.
    """

    def __init__(self, columns: Mapping[str, Sequence[Any]], manifest: Manifest) -> None:
        if missing := [name for name in COLUMNS if name not in columns]:
            raise ValueError(f"the table lacks the column {', '.join(missing)}")
        self._columns: dict[str, Sequence[Any]] = {name: columns[name] for name in COLUMNS}
        if len({len(column) for column in self._columns.values()}) > 1:
            raise ValueError("the columns differ in length")
        if len(names := set(self._columns["scenario"])) > 1:
            raise ValueError(f"one scenario at a time; found {', '.join(sorted(names))}")
        self._tree = Tree(self._columns)
        self._years = sorted({int(year) for year in self._columns["year"]})
        self.manifest = manifest
        self.scenario: str = next(iter(names), manifest.get("name", ""))  #: name of the scenario

    @classmethod
    def from_rows(cls, rows: Iterable[Row], manifest: Manifest) -> Results:
        """Return results of rows, in the order given.

        Parameters
        ----------
        rows : iterable of Row
            `Row(variable, unit, year, value, replication=0)`.
        manifest : Manifest
            Its `name` becomes the scenario of every row.

        Returns
        -------
        Results
            With every number as a Python int or float.
        """
        listed = list(rows)
        return cls(
            {
                "scenario": [manifest.get("name", "")] * len(listed),
                "variable": [row.variable for row in listed],
                "unit": [row.unit for row in listed],
                "year": [int(row.year) for row in listed],
                "replication": [int(row.replication) for row in listed],
                "value": [float(row.value) for row in listed],
            },
            manifest,
        )

    @property
    def years(self) -> list[int]:
        """The years, ascending."""
        return list(self._years)

    @property
    def replications(self) -> list[int]:
        """The numbers of the replications, ascending."""
        return sorted(set(self._columns["replication"]))

    def __len__(self) -> int:
        return len(self._columns["value"])

    def __contains__(self, variable: object) -> bool:
        return variable in self._tree.cells or (
            isinstance(variable, str) and variable in self._tree.children and sums(variable)
        )

    def variables(self, pattern: str = "*") -> list[str]:
        """Return the names with rows of their own that fit a pattern, in the order of the table.

        Parameters
        ----------
        pattern : str
            `*` stands for anything, `|` included: `Power|Facility|*`.

        Returns
        -------
        list of str
            Empty when nothing fits.
        """
        return [name for name in self._tree.cells if fnmatchcase(name, pattern)]

    def children(self, variable: str) -> list[str]:
        """Return the full names of the direct parts of a variable, in the order of the table.

        Parameters
        ----------
        variable : str
            A name or the group of names, `Power|Facility`.

        Returns
        -------
        list of str
            Empty when it has no parts.
        """
        return list(self._tree.children.get(variable, ()))

    def unit(self, variable: str) -> str:
        """Return the unit of a variable or, for a group, of its parts.

        Parameters
        ----------
        variable : str
            A name or the group of names.

        Returns
        -------
        str
            As it stands in the table.
        """
        return self._tree.unit(variable)

    def series(
        self, variable: str, replication: int | Literal["mean"] = "mean"
    ) -> dict[int, float]:
        """Return a variable by year; a group without rows of its own is the sum of its parts.

        Parameters
        ----------
        variable : str
            A name, or the group of additive names.
        replication : int or "mean"
            One replication, or the mean over all of them.

        Returns
        -------
        dict of int to float
            In the unit of `unit(variable)`, years ascending.

        Raises
        ------
        VariableError
            If the table does not hold it, or its parts do not add up.
        """
        rows = sorted(self._tree.values(variable).items())
        if replication == "mean":
            return {year: math.fsum(row.values()) / len(row) for year, row in rows}
        return {year: row[replication] for year, row in rows if replication in row}

    def quantile(self, variable: str, probability: float) -> dict[int, float]:
        """Return a quantile over replications by year, interpolated linearly.

        Parameters
        ----------
        variable : str
            A name, or the group of additive names.
        probability : float
            Between 0 and 1.

        Returns
        -------
        dict of int to float
            In the unit of `unit(variable)`, years ascending.
        """
        result = {}
        for year, row in sorted(self._tree.values(variable).items()):
            ordered = sorted(row.values())
            place = probability * (len(ordered) - 1)
            below = min(int(place), len(ordered) - 2) if len(ordered) > 1 else 0
            above = min(below + 1, len(ordered) - 1)
            result[year] = ordered[below] + (place - below) * (ordered[above] - ordered[below])
        return result

    def select(self, pattern: str) -> Results:
        """Return the results whose variable fits a pattern.

        Parameters
        ----------
        pattern : str
            `*` stands for anything, `|` included: `Power|Facility|*`.

        Returns
        -------
        Results
            With the same manifest.
        """
        keep = set(self.variables(pattern))
        rows = [i for i, name in enumerate(self._columns["variable"]) if name in keep]
        return Results(
            {name: [column[i] for i in rows] for name, column in self._columns.items()},
            self.manifest,
        )

    def compare(self, other: Results) -> list[Difference]:
        """Return what two scenarios have in common, with difference and ratio.

        Parameters
        ----------
        other : Results
            The scenario to hold against this one.

        Returns
        -------
        list of Difference
            In the order of this table; `pandas.DataFrame(...)` makes a table of it.
        """
        rows = []
        for variable in self._tree.cells:
            if variable not in other._tree.cells:
                continue
            theirs = other.series(variable)
            for year, value in self.series(variable).items():
                if year in theirs:
                    ratio = theirs[year] / value if value else math.nan
                    change = theirs[year] - value
                    unit = self._tree.units[variable]
                    rows.append(
                        Difference(variable, unit, year, value, theirs[year], change, ratio)
                    )
        return rows

    def check_sums(self, tolerance: float = 1e-9) -> list[SumFault]:
        """Return every number that is not the sum of its parts; an empty list is the proof.

        Parameters
        ----------
        tolerance : float
            Largest difference that rounding may cause, relative to the number.

        Returns
        -------
        list of SumFault
            Only names with rows of their own, whose parts are said to add up, are judged.
        """
        faults = []
        for variable in self._tree.children:
            if variable not in self._tree.cells or not sums(variable):
                continue
            parts = self._tree.sum(variable)
            for year, row in self._tree.cells[variable].items():
                for replication, value in row.items():
                    added = parts.get(year, {}).get(replication, 0.0)
                    if not math.isclose(value, added, rel_tol=tolerance, abs_tol=1e-300):
                        faults.append(SumFault(variable, year, replication, value, added))
        return faults

    def columns(self) -> dict[str, Sequence[Any]]:
        """Return the six columns of the long table.

        Returns
        -------
        dict of str to sequence
            Keys as in `COLUMNS`.
        """
        return dict(self._columns)

    @property
    def table(self) -> pd.DataFrame:
        """The long table as a pandas frame (importing pandas takes half a second)."""
        import pandas as pd

        return pd.DataFrame(self._columns)

    def pivot(self, pattern: str = "*") -> pd.DataFrame:
        """Return variables by years as a pandas frame, means over replications.

        Parameters
        ----------
        pattern : str
            `*` stands for anything: `Accelerators|Required|*`.

        Returns
        -------
        pandas.DataFrame
            Indexed by variable and unit, one column per year, missing years as NaN.
        """
        import pandas as pd

        names = self.variables(pattern)
        index = pd.MultiIndex.from_tuples(
            [(name, self._tree.units[name]) for name in names], names=["variable", "unit"]
        )
        frame = pd.DataFrame([self.series(name) for name in names], index=index)
        frame = frame.reindex(columns=sorted(frame.columns))
        return frame.rename_axis(columns="year")

    def save(self, folder: Path | str) -> list[Path]:
        """Write `results.parquet`, `results.csv` and `manifest.json` into a folder.

        Parameters
        ----------
        folder : Path or str
            Made when it is not there.

        Returns
        -------
        list of Path
            The files.
        """
        return save_results(self, folder)

    def _facts(self) -> list[tuple[str, str]]:
        """Return what a person wants to know first."""
        years = self.years
        return [
            ("scenario", f"{self.scenario} ({self.manifest.get('hash', '')[:8]})"),
            ("years", f"{years[0]}-{years[-1]}" if years else "none"),
            ("replications", str(len(self.replications))),
            ("variables", str(len(self._tree.cells))),
            ("seed", str(self.manifest.get("seed", ""))),
        ]

    def _head(self, count: int = 6) -> list[tuple[str, str, str]]:
        """Return the first variables with their last value."""
        rows = []
        for name in list(self._tree.cells)[:count]:
            year, value = max(self.series(name).items())
            rows.append((name, str(year), f"{value:.4g} {self._tree.units[name]}"))
        return rows

    def __repr__(self) -> str:
        lines = [f"  {label:<13}{text}" for label, text in self._facts()]
        lines += [f"  {name:<44}{year}  {value}" for name, year, value in self._head()]
        more = len(self._tree.cells) - 6
        return "\n".join(["Results", *lines, *([f"  ... {more} more"] if more > 0 else [])])

    def _repr_html_(self) -> str:
        facts = "".join(f"<li>{label}: {escape(text)}</li>" for label, text in self._facts())
        rows = "".join(
            f"<tr><td>{escape(name)}</td><td>{year}</td><td>{escape(value)}</td></tr>"
            for name, year, value in self._head(12)
        )
        return (
            f"<b>Results</b><ul>{facts}</ul><table><tr><th>variable</th><th>year</th>"
            f"<th>value</th></tr>{rows}</table>"
        )
