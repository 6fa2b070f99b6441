"""Unit strings at the edges, base numbers inside.

`parse("3.35 TB/s", "B/s")` is 3.35e12. Decimal and binary prefixes are kept
apart (`GB` is 1e9 B, `GiB` is 2**30 B), a bit is an eighth of a byte, a FLOP is
a count and FLOP/s a rate. A wrong dimension is a `UnitError` that says so.
"""

from __future__ import annotations

import math
import re

from computesim.errors import UnitError, near_miss

_DECIMAL = {"k": 1e3, "M": 1e6, "G": 1e9, "T": 1e12, "P": 1e15, "E": 1e18, "Z": 1e21, "Y": 1e24}
_SMALL = {"m": 1e-3, "u": 1e-6, "µ": 1e-6, "n": 1e-9}
_BINARY = {f"{p}i": 2.0 ** (10 * n) for n, p in enumerate("KMGTPE", start=1)}

# symbol -> (dimension, factor to the base unit). Prefixes are added below where they make sense.
_PREFIXED: dict[str, tuple[str, float]] = {
    "B": ("B", 1.0),
    "bit": ("B", 0.125),
    "b": ("B", 0.125),
    "FLOP": ("FLOP", 1.0),
    "OP": ("FLOP", 1.0),
    "W": ("W", 1.0),
    "J": ("J", 1.0),
    "token": ("token", 1.0),
    "USD": ("USD", 1.0),
}
_PLAIN: dict[str, tuple[str, float]] = {
    "1": ("1", 1.0),
    "%": ("1", 0.01),
    "percent": ("1", 0.01),
    "thousand": ("1", 1e3),
    "million": ("1", 1e6),
    "billion": ("1", 1e9),
    "trillion": ("1", 1e12),
    "quadrillion": ("1", 1e15),
    "s": ("s", 1.0),
    "min": ("s", 60.0),
    "h": ("s", 3600.0),
    "hour": ("s", 3600.0),
    "day": ("s", 86400.0),
    "d": ("s", 86400.0),
    "week": ("s", 7 * 86400.0),
    "month": ("s", 365.25 * 86400.0 / 12),
    "year": ("s", 365.25 * 86400.0),
    "tokens": ("token", 1.0),
    "$": ("USD", 1.0),
    "usd": ("USD", 1.0),
    "g": ("g", 1.0),
    "kg": ("g", 1e3),
    "t": ("g", 1e6),
    "gCO2": ("g", 1.0),
    "kgCO2": ("g", 1e3),
    "K": ("K", 1.0),
    "m2": ("m2", 1.0),
    "mm2": ("m2", 1e-6),
    "accelerator": ("accelerator", 1.0),
    "node": ("node", 1.0),
    "wafer": ("wafer", 1.0),
    "request": ("request", 1.0),
    "user": ("user", 1.0),
    "core": ("core", 1.0),
    "AD": ("AD", 1.0),  # a calendar year is a date, not a duration
}


def _symbols() -> dict[str, tuple[str, float]]:
    table = dict(_PLAIN)
    for symbol, (dimension, factor) in _PREFIXED.items():
        table[symbol] = (dimension, factor)
        table |= {p + symbol: (dimension, factor * f) for p, f in _DECIMAL.items()}
    table |= {p + "B": ("B", f) for p, f in _BINARY.items()}
    table |= {p + "s": ("s", f) for p, f in _SMALL.items()}
    table |= {
        p + s: (d, k * f)
        for s, (d, k) in (("W", ("W", 1.0)), ("J", ("J", 1.0)))
        for p, f in _SMALL.items()
    }
    for prefix in ("", *_DECIMAL):  # watt-hours are energy
        table[prefix + "Wh"] = ("J", _DECIMAL.get(prefix, 1.0) * 3600.0)
    table |= {f"{p}bps": ("B/s", f * 0.125) for p, f in _DECIMAL.items()}
    return table


_SYMBOLS = _symbols()
_NUMBER = re.compile(r"\s*([+-]?(?:\d[\d_,]*\.?\d*|\.\d+)(?:[eE][+-]?\d+)?)\s*(.*?)\s*$")
_Dimension = tuple[tuple[str, int], ...]


def _unit(text: str) -> tuple[float, _Dimension]:
    """Return the factor to base units and the sorted (dimension, power) pairs of a unit string."""
    factor = 1.0
    powers: dict[str, int] = {}
    sign = 1
    for part in re.split(r"([*/·]| per )", text.strip() or "1"):
        if part in ("/", " per "):
            sign = -1
        elif part in ("*", "·") or not part.strip():
            continue
        else:
            for word in part.split():  # "million token" is a product
                if word not in _SYMBOLS:
                    raise UnitError(f"unknown unit '{word}' {near_miss(word, _SYMBOLS)}".strip())
                dimension, scale = _SYMBOLS[word]
                factor *= scale**sign
                for name, power in _unit(dimension)[1] if "/" in dimension else ((dimension, 1),):
                    powers[name] = powers.get(name, 0) + sign * power
            sign = 1
    powers.pop("1", None)
    return factor, tuple(sorted((n, p) for n, p in powers.items() if p))


def parse(text: str | float, unit: str = "1") -> float:
    """Return a quantity string as a number in base units.

    Parameters
    ----------
    text : str or float
        `"3.35 TB/s"`, `"20 kW"`, `"30 ms"`; a bare number is taken to be in `unit`.
    unit : str
        The unit whose dimension is expected, for instance `B/s`; a bare number counts in it.

    Returns
    -------
    float
        In the base units of that dimension (s, B, FLOP, W, J, token, USD).

    Raises
    ------
    UnitError
        If the text is no quantity, or has another dimension.
    """
    _factor, dimension = _unit(unit)
    if isinstance(text, bool):
        raise UnitError(f"'{text}' is not a quantity; expected {unit}")
    if isinstance(text, (int, float)):
        number, own = float(text), unit
    else:
        match = _NUMBER.match(text)
        if not match:
            raise UnitError(f"'{text}' is not a quantity; expected a number with {unit}")
        number, own = float(match[1].replace(",", "").replace("_", "")), match[2] or unit
    own_factor, own_dimension = _unit(own)
    if own_dimension != dimension:
        raise UnitError(f"'{text}' is in {own}; expected {unit}")
    if not math.isfinite(number):
        raise UnitError(f"'{text}' is not a finite number; expected {unit}")
    return number * own_factor


def scale(unit: str) -> float:
    """Return the factor from `unit` to base units."""
    return _unit(unit)[0]


def base(unit: str) -> str:
    """Return a unit in base units: `B/s` of `GB/s`, `1` of `%`."""
    _, powers = _unit(unit)
    above = [name for name, power in powers for _ in range(power)]
    below = [name for name, power in powers for _ in range(-power)]
    return "/".join(["*".join(above) or "1", *below])


def same_dimension(first: str, second: str) -> bool:
    """Tell whether two unit strings have the same dimension."""
    return _unit(first)[1] == _unit(second)[1]


def show(value: float, unit: str = "", digits: int = 3) -> str:
    """Return a number with a readable decimal prefix: `show(3.35e12, "B/s")` is `3.35 TB/s`."""
    if value == 0 or not math.isfinite(value):
        return f"{value:g} {unit}".strip()
    exponent = min(max(math.floor(math.log10(abs(value)) / 3), 0), 8)
    prefix = ["", "k", "M", "G", "T", "P", "E", "Z", "Y"][exponent]
    number = f"{value / 10 ** (3 * exponent):.{digits}g}"
    if "e" in number:
        number = f"{value / 10 ** (3 * exponent):.0f}"
    return f"{number} {prefix}{unit}".strip()


_TIMES = {name: scale(name) for name in ("year", "day", "h", "min", "s", "ms", "us")}
_MAGNITUDES = ((1e15, "quadrillion"), (1e12, "trillion"), (1e9, "billion"), (1e6, "million"))
_READ_WITH_PREFIX = ("B", "FLOP", "W", "J")


def number_text(number: float, unit: str) -> str:
    """Return a number in base units as a reader says it: `90 day`, `20 GW`, `2.5 billion`.

    Times and units with prefixes are named in the text; any other number counts in `unit`.
    """
    if unit == "s":
        name = next((n for n, size in _TIMES.items() if abs(number) >= size), "s")
        return f"{number / _TIMES[name]:.4g} {name}"
    shown = number / scale(unit)
    if unit == "AD":
        return f"{shown:.8g}"
    if unit in _READ_WITH_PREFIX:
        return show(shown, unit) if abs(shown) < 1e21 else f"{shown:.3g} {unit}"
    for size, name in _MAGNITUDES:
        if abs(shown) >= size:
            return f"{shown / size:.4g} {name}"
    return f"{shown:,.0f}" if abs(shown) >= 1000 else f"{shown:.4g}"


def unit_beside(unit: str) -> str:
    """Return the unit that stands beside a text of `number_text`, empty where the text names it."""
    return "" if unit in ("1", "s", "AD", *_READ_WITH_PREFIX) else unit
