"""Numbers and names as people read them."""

from __future__ import annotations

import math
import re
import textwrap

_ACRONYMS = {"mtia", "asic", "pcie"}


def _word(word: str) -> str:
    """Return one word of a catalog name as people write it."""
    if re.fullmatch(r"v\d\w*", word):  # a version: TPU v5p
        return word
    letters = re.match(r"[a-z]*", word)
    named = len(letters[0]) > 3 if letters else False  # Ascend, Trainium2, Ultra
    return word.capitalize() if named and word not in _ACRONYMS else word.upper()


def accelerator_label(name: str) -> str:
    """Return a catalog name as people write it: `tpu-v5p` is `TPU v5p`, `h100-sxm` `H100 SXM`."""
    return " ".join(_word(word) for word in re.split("[-_ ]", name))


_SCALES: dict[str, tuple[tuple[float, str], ...]] = {
    "accelerator": ((1e6, "million accelerators"), (1e3, "thousand accelerators"),
                    (1.0, "accelerators")),
    "H100e": ((1e6, "million H100-equivalents"), (1e3, "thousand H100-equivalents"),
              (1.0, "H100-equivalents")),
    "transceiver": ((1e6, "million transceivers"), (1e3, "thousand transceivers"),
                    (1.0, "transceivers")),
    "switch": ((1e6, "million switches"), (1e3, "thousand switches"), (1.0, "switches")),
    "wafer/year": ((1e6, "million wafers/year"), (1e3, "thousand wafers/year"),
                   (1.0, "wafers/year")),
    "B/year": ((1e18, "EB/year"), (1e15, "PB/year"), (1e12, "TB/year")),
    "W/year": ((1e9, "GW/year"), (1e6, "MW/year"), (1e3, "kW/year")),
    "accelerator/year": ((1e6, "million accelerators/year"),
                         (1e3, "thousand accelerators/year"), (1.0, "accelerators/year")),
    "B": ((1e18, "billion GB"), (1e15, "million GB"), (1e12, "thousand GB"), (1e9, "GB")),
    "stack": ((1e6, "million stacks"), (1e3, "thousand stacks"), (1.0, "stacks")),
    "wafer": ((1e6, "million wafers"), (1e3, "thousand wafers"), (1.0, "wafers")),
    "rack": ((1e6, "million racks"), (1e3, "thousand racks"), (1.0, "racks")),
    "chip": ((1e6, "million chips"), (1e3, "thousand chips"), (1.0, "chips")),
    "cable": ((1e6, "million cables"), (1e3, "thousand cables"), (1.0, "cables")),
    "engine": ((1e6, "million engines"), (1e3, "thousand engines"), (1.0, "engines")),
    "NIC": ((1e6, "million NICs"), (1e3, "thousand NICs"), (1.0, "NICs")),
    "device": ((1e9, "billion devices"), (1e6, "million devices"), (1e3, "thousand devices"),
               (1.0, "devices")),
    "OP/s": ((1e21, "thousand EOPS"), (1e18, "EOPS"), (1e15, "POPS"), (1e12, "TOPS")),
    "W": ((1e9, "GW"), (1e6, "MW"), (1e3, "kW"), (1.0, "W")),
    "Wh/year": ((1e12, "TWh/year"), (1e9, "GWh/year"), (1e6, "MWh/year"), (1e3, "kWh/year")),
    "USD/year": ((1e9, "$ billion/year"), (1e6, "$ million/year"), (1e3, "$ thousand/year"),
                 (1.0, "$/year")),
    "token/day": ((1e15, "quadrillion tokens/day"),
                  (1e12, "trillion tokens/day"), (1e9, "billion tokens/day"),
                  (1e6, "million tokens/day"), (1.0, "tokens/day")),
    "token/s": ((1.0, "tokens/s per accelerator"),),
    "USD": ((1e9, "$ billion"), (1e6, "$ million"), (1e3, "$ thousand"), (1.0, "$")),
    "USD/h": ((1.0, "$/h"),),
    "USD/Mtoken": ((1.0, "$/million tokens"),),
    "gCO2/year": ((1e12, "million t CO₂/year"), (1e9, "thousand t CO₂/year"),
                  (1e6, "t CO₂/year")),
    "1": ((1.0, ""),),
    "%": ((0.01, "%"),),
}  # fmt: skip
_SUPERSCRIPT = str.maketrans("-0123456789", "⁻⁰¹²³⁴⁵⁶⁷⁸⁹")


def scaled(unit: str, peak: float) -> tuple[float, str]:
    """Return the factor and the name of the unit in which a person reads a number.

    Parameters
    ----------
    unit : str
        The stored unit, such as `W` or `token/day`.
    peak : float
        The largest number to be shown, in that unit.

    Returns
    -------
    tuple of float and str
        Divide by the factor; `(1e9, "GW")`. Units that are not known keep their name.
    """
    if unit in ("FLOP/year", "FLOP") and peak > 0:
        power = 3 * math.floor(math.log10(peak) / 3)
        return 10.0**power, f"10{str(power).translate(_SUPERSCRIPT)} {unit}"
    steps = _SCALES.get(unit, ((1.0, unit),))
    return next((step for step in steps if peak >= step[0]), steps[-1])


def rounded(value: float | None, digits: int = 3) -> str:
    """Return a number with three significant digits and thousands separated, `–` for none."""
    if value is None or not math.isfinite(value):
        return "–"
    if value == 0:
        return "0"
    power = math.floor(math.log10(abs(value)))
    if power < -4 or power > 14:
        return f"{value:.{digits - 1}e}"
    places = digits - 1 - power
    number = round(value, places)
    if number and math.floor(math.log10(abs(number))) > power:  # 9.996 became 10.00
        places -= 1
    return f"{number:,.{max(places, 0)}f}"


def log_ticks(low: float, high: float) -> list[float]:
    """Return the ticks of a logarithmic axis: decades, or 1, 2 and 5 where there are few.

    Parameters
    ----------
    low, high : float
        The smallest and the largest number to be shown, both above zero.

    Returns
    -------
    list of float
        From at or below `low` to at or above `high`.
    """
    first, last = math.floor(math.log10(low)), math.ceil(math.log10(high))
    steps = (1, 2, 5) if math.log10(high / low) < 2.5 else (1,)
    ticks = [float(f"{step}e{power}") for power in range(first, last + 1) for step in steps]
    begin = max((t for t in ticks if t <= low * (1 + 1e-9)), default=ticks[0])
    end = min((t for t in ticks if t >= high * (1 - 1e-9)), default=ticks[-1])
    return [tick for tick in ticks if begin <= tick <= end]


def year_ticks(years: tuple[float | str, ...]) -> list[float | str]:
    """Return the labels of the horizontal axis: every year, or every second of many."""
    strides = (1, 2, 5, *(s * 10**p for p in range(1, 9) for s in (1, 2, 5)))
    return list(years[:: next(s for s in strides if len(years) <= 14 * s)])


def tick_text(value: float) -> str:
    """Return a tick as people write it: `0.02`, `5`, `2,000`, `2·10²³`."""
    return f"{value:,.12g}" if abs(value) < 1e15 else power_text(value)


def log_texts(ticks: list[float]) -> list[str]:
    """Return the texts of the ticks of a logarithmic axis, all of one kind.

    Parameters
    ----------
    ticks : list of float
        As from `log_ticks`.

    Returns
    -------
    list of str
        Powers of ten where the numbers become long.
    """
    write = power_text if ticks[-1] >= 1e8 else tick_text
    return [write(tick) for tick in ticks]


def power_text(value: float, digits: int = 1) -> str:
    """Return a number as a power of ten: `10²³`, `2·10²³`.

    Parameters
    ----------
    value : float
        Above zero.
    digits : int
        Of the factor; a factor of 1 is not written.
    """
    factor, power = f"{value:.{digits - 1}e}".split("e")
    shown = f"10{str(int(power)).translate(_SUPERSCRIPT)}"
    return shown if float(factor) == 1.0 else f"{factor}·{shown}"


def wrapped(text: str, width: int) -> list[str]:
    """Return a text as lines of at most so many characters."""
    return textwrap.wrap(text, width, break_on_hyphens=False) or [""]
