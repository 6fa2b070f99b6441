"""Definitions: seconds and hours of the units of time that rates are told in, bits of a byte."""

from __future__ import annotations

from typing import Final


class Constant(float):
    """A definition: a number of the code with a unit and a name."""

    __slots__ = ("name", "unit")
    name: str
    unit: str

    def __new__(cls, value: float, unit: str, name: str) -> Constant:
        """Return the number; it computes as any other."""
        constant = super().__new__(cls, value)
        constant.unit, constant.name = unit, name
        return constant


HOUR: Final = Constant(3600.0, "s/h", "seconds in an hour")
DAY: Final = Constant(86400.0, "s/day", "seconds in a day")
YEAR: Final = Constant(365.25 * 86400.0, "s/year", "seconds in a year")
HOURS: Final = Constant(365.25 * 24.0, "h/year", "hours in a year")
BITS: Final = Constant(8.0, "1/B", "bits in a byte")
DAYS: Final = Constant(365.25, "day/year", "days in a year")
