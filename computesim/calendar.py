"""Seconds and hours of the units of time that rates are told in."""

from __future__ import annotations

from typing import Final

HOUR: Final = 3600.0  #: s
DAY: Final = 86400.0  #: s
YEAR: Final = 365.25 * 86400.0  #: s
HOURS: Final = 365.25 * 24.0  #: of a year, h
