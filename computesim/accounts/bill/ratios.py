"""Ratios of the bill: how much of a segment comes with one accelerator, rack, watt or module.

Every figure has three cases, low, central and high, as an array of shape (3,).
A ratio is looked up for the accelerator itself, then for its class (`gpu`,
`asic`), then for `any`.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Final

import numpy as np

from computesim.arrays import Floats
from computesim.hardware.accelerator import Accelerator
from computesim.traced import interp, number, to_power

if TYPE_CHECKING:
    from computesim.catalog import Catalog, Figure

CASES: Final = ("low", "central", "high")
TABLE: Final = "bill"
GPU, ASIC = "GPU", "ASIC"
_GPU_VENDORS: Final = ("NVIDIA", "AMD")


def class_of(accelerator: Accelerator) -> str:
    """Return `GPU` for what is sold to everybody, `ASIC` for what a cloud has made for itself.

    Parameters
    ----------
    accelerator : Accelerator
        NVIDIA's and AMD's, and projections that are named after them, are GPUs.
    """
    named = accelerator.name.startswith("gpu")
    return GPU if accelerator.vendor in _GPU_VENDORS or named else ASIC


def cases(figure: Figure) -> Floats:
    """Return low, central and high of a figure in base units."""
    low, high = figure.bounds
    return np.array([low, figure.number, high])


@dataclass(frozen=True, slots=True)
class Ratios:
    """The table of ratios, asked for one accelerator, one fabric, one speed or one year."""

    catalog: Catalog
    _known: dict[tuple[str, ...], Floats] = field(default_factory=dict, repr=False)

    def of(self, name: str, accelerator: Accelerator) -> Floats:
        """Return a ratio of an accelerator: its own, that of its class, or that of any.

        Raises
        ------
        CatalogError
            If the table holds none of them.
        """
        return self.first(name, accelerator.name, class_of(accelerator).lower())

    def first(self, name: str, *parameters: str) -> Floats:
        """Return the first of several parameters that the table holds, else that of `any`."""
        key = (name, *parameters)
        if key not in self._known:
            known = (p for p in parameters if self.catalog.has(TABLE, name, p))
            self._known[key] = cases(self.catalog.figure(TABLE, name, next(known, "any")))
        return self._known[key]

    def other(self, table: str, name: str, parameter: str, default: Floats | None = None) -> Floats:
        """Return a figure of another table, or the default where it holds none."""
        key = (table, name, parameter)
        if key not in self._known:
            if default is None or self.catalog.has(table, name, parameter):
                default = cases(self.catalog.figure(table, name, parameter))
            self._known[key] = default
        return self._known[key]

    def has(self, name: str, parameter: str) -> bool:
        """Tell whether the table holds a figure."""
        return self.catalog.has(TABLE, name, parameter)

    def path(self, name: str, year: float) -> Floats:
        """Return a figure that is given by year, straight lines between them, flat beyond."""
        key = (name, "path", f"{year}")
        if key not in self._known:
            rows = self.catalog.series(TABLE, name)
            years = [number(parameter) for parameter in rows]
            columns = np.stack([cases(figure) for figure in rows.values()])
            self._known[key] = np.array([interp(year, years, column) for column in columns.T])
        return self._known[key]

    def module_price(self, speed: str, year: float) -> Floats:
        """Return the contract price of an optical module in a year, USD.

        Parameters
        ----------
        speed : str
            `800G`, `1.6T`.
        year : float

        Notes
        -----
        ``p (1 − d)^(year − y)``, p the price at the date y of its row and d the fall in a year. The
        low case of later years takes the fast fall, that of earlier years the slow one.

        Source
        ------
        Supply-chain minutes of January 2026; see the rows `optics-price` and `optics-decline`.
        """
        own = self.has("optics-price", speed)
        figure = self.catalog.figure(TABLE, "optics-price", speed if own else "other")
        price = cases(figure) * (1.0 if own else gigabits(speed))
        after = year - number(figure.as_of[:4])
        fall = self.first("optics-decline")
        return price * to_power(1.0 - (fall[::-1] if after > 0 else fall), after)


def gigabits(speed: str) -> float:
    """Return the Gbit/s of a trade name: `800G` is 800, `1.6T` is 1,600."""
    return number(speed[:-1]) * (1000.0 if speed.endswith("T") else 1.0)
