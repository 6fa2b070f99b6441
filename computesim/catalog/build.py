"""From rows to the types of the rooms: accelerators, architectures, fabrics and sites."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import fields
from types import MappingProxyType
from typing import Any, Final, TypeVar

from computesim.catalog.rows import Figure
from computesim.errors import CatalogError, Fault
from computesim.hardware.accelerator import Accelerator
from computesim.hardware.fabric import Fabric
from computesim.hardware.power import Site
from computesim.workload.architecture import Architecture

Figures = Mapping[str, Figure]
_T = TypeVar("_T")

_DEVICE_WIDTHS: Final = ("bf16", "fp16", "fp8", "int8")


def accelerator(name: str, figures: Figures) -> Accelerator:
    """Return the accelerator that these figures describe.

    Parameters
    ----------
    name : str
    figures : mapping of str to Figure
        By parameter; bandwidths that count both directions are halved.

    Raises
    ------
    CatalogError
        If a figure without which nothing can be computed is not known.
    """
    peaks = {
        parameter.removeprefix("peak_"): figure.number
        for parameter, figure in figures.items()
        if parameter.startswith("peak_")
    }
    _require_accelerator(name, figures, peaks)
    values = _plain(Accelerator, figures)
    if "scaleup_bandwidth_bidirectional" in figures:
        both = figures["scaleup_bandwidth_bidirectional"].number
        values.setdefault("scaleup_bandwidth", both / 2)
    if "price" in figures:
        values["price_low"], values["price_high"] = figures["price"].bounds
    values["memory_bytes"] = figures["memory"].number
    values["peak_flop_per_second"] = MappingProxyType(peaks)
    return _build(Accelerator, "accelerators", name, values | _released(figures))


def _require_accelerator(name: str, figures: Figures, peaks: Mapping[str, float]) -> None:
    """Refuse an accelerator of which something essential was never published."""
    missing = [p for p in ("memory", "memory_bandwidth", "tdp") if p not in figures]
    device = "kind" in figures and figures["kind"].value == "device"
    widths = _DEVICE_WIDTHS if device else _DEVICE_WIDTHS[:2]
    if not any(width in peaks for width in widths):
        missing.insert(0, f"{widths[0]} rate")
    if missing:
        status = f" ({figures['status'].text})" if "status" in figures else ""
        fault = Fault(
            f"accelerators.{name}",
            f"{name}{status} has no {', no '.join(missing)}",
            "an accelerator needs them to be computed with",
            hint="give the rows in a catalog overlay",
        )
        raise CatalogError([fault], "catalog")


def architecture(name: str, figures: Figures) -> Architecture:
    """Return the architecture that these figures describe."""
    return _build(Architecture, "models", name, _plain(Architecture, figures))


def fabric(name: str, figures: Figures) -> Fabric:
    """Return the switch generation that these figures describe."""
    return _build(Fabric, "fabrics", name, _plain(Fabric, figures) | _released(figures))


def site(name: str, figures: Figures) -> Site:
    """Return the site that these figures describe."""
    return _build(Site, "sites", name, _plain(Site, figures))


def _build(cls: Callable[..., _T], table: str, name: str, values: Mapping[str, Any]) -> _T:
    try:
        return cls(name=name, **values)
    except (TypeError, ValueError) as error:
        accepted = "expected all figures that this kind of thing needs"
        raise CatalogError([Fault(f"{table}.{name}", str(error), accepted)], "catalog") from error


def _released(figures: Figures) -> dict[str, float]:
    return {"release_year": _year(figures["release"].text)} if "release" in figures else {}


def _plain(cls: type[Any], figures: Figures) -> dict[str, Any]:
    """Return the figures that are fields of a type, cast to the field's type, in base units."""
    values: dict[str, Any] = {}
    for field in fields(cls):
        figure = figures.get(field.name)
        if figure is None or field.name == "name":
            continue
        if field.type == "str":
            values[field.name] = figure.text
        elif field.type == "bool":
            values[field.name] = bool(figure.number)
        elif field.type == "int":
            values[field.name] = round(figure.number)
        else:
            values[field.name] = figure.number
    return values


def _year(date: str) -> float:
    """Return `2022-09-20`, `2022-09` or `2022` as a fraction of years; the middle if not exact."""
    parts = [int(part) for part in date.split("-")]
    if len(parts) == 1:
        return parts[0] + 0.5
    day = parts[2] if len(parts) > 2 else 15
    return round(parts[0] + (parts[1] - 1 + (day - 1) / 30.44) / 12, 3)
