"""From a file to a scenario, or to a list of everything that is wrong with it."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

from pydantic import ValidationError

from computesim.catalog.makers import complaints
from computesim.errors import CatalogError, Fault, ScenarioError, near_miss
from computesim.scenario.alternatives import clashes
from computesim.scenario.context import Context
from computesim.scenario.faults import place_of, plain_faults
from computesim.scenario.gather import Gathering
from computesim.scenario.labs import OTHER_AI_SHARE
from computesim.scenario.overrides import overridden
from computesim.scenario.scenario import Scenario
from computesim.scenario.yaml_loader import Document, Place, dotted

if TYPE_CHECKING:
    from computesim.catalog import Catalog


def load_scenario(
    path_or_name: str | Path,
    overrides: Iterable[str] | Mapping[str, Any] = (),
    catalog_overlay: str | Path | None = None,
) -> Scenario:
    """Return the scenario of a file, or of a shipped name.

    Parameters
    ----------
    path_or_name : str or Path
        `my.yaml`, or a name such as `baseline`.
    overrides : iterable of str, or mapping
        `products.chat.users=2e9`, the value in YAML; or dotted keys with plain data.
    catalog_overlay : str or Path, optional
        Folder of the user's own catalog tables; stronger than the one that the file names.

    Raises
    ------
    ScenarioError
        With all faults of all files and overrides, each with its file and line.
    """
    gathered = Gathering(path_or_name)
    if not gathered.file:
        raise ScenarioError(gathered.faults, str(path_or_name))
    document = overridden(gathered.document, overrides)
    faults = [*gathered.faults, *document.faults]
    faults += clashes(document, gathered.file, gathered.is_complete)
    overlay = Path(catalog_overlay) if catalog_overlay is not None else gathered.overlay
    _fill(document.data, gathered.stem)
    context = _context(document, overlay, faults, gathered)
    try:
        scenario = Scenario.model_validate(document.data, context=context)
    except ValidationError as error:
        faults += plain_faults(error, document.places, gathered.file, gathered.is_complete)
    if faults:
        raise ScenarioError(in_order(faults), gathered.file)
    scenario._places = document.places
    scenario._overlay = overlay
    return scenario


def _fill(data: dict[Any, Any], stem: str) -> None:
    """Write the defaults that depend on other entries."""
    data.setdefault("name", stem)
    data.setdefault("title", data["name"])
    other = data.setdefault("other_ai", {})
    if isinstance(other, dict) and "h100_equivalents" not in other:
        other.setdefault("share", dict(OTHER_AI_SHARE))
    for section in ("products", "labs"):
        for name, entry in _branch(data, section).items():
            if isinstance(entry, dict):
                entry.setdefault("label", str(name))
    for lab in _branch(data, "labs").values():
        post_training = _branch(lab, "post_training")
        if post_training:
            model = _branch(lab, "pretraining").get("model")
            if model is not None:
                post_training.setdefault("model", model)
            post_training.setdefault("rollout_dtype", post_training.get("dtype", "bf16"))


def _branch(data: Any, name: str) -> dict[Any, Any]:
    """Return a mapping below a mapping, empty where there is none."""
    found = data.get(name) if isinstance(data, dict) else None
    return found if isinstance(found, dict) else {}


def _context(
    document: Document, overlay: Path | None, faults: list[Fault], gathered: Gathering
) -> Context:
    catalog = catalog_of(overlay, faults)
    first, last = _horizon(document, faults)
    for name in _branch(_branch(document.data, "prices"), "accelerators"):
        if not catalog.has("accelerators", str(name)):
            key = ("prices", "accelerators", name)
            where = place_of(document.places, key)
            told = (f"unknown name {str(name)!r}", "a name from `computesim list accelerators`")
            hint = near_miss(str(name), catalog.names("accelerators"))
            faults.append(Fault(dotted(key), *told, *(where[:2] if where else ("", 0)), hint))
    makers = [str(name) for name in _branch(_branch(document.data, "supply"), "makers")]
    for name, *wrong, hint in complaints(makers, catalog):
        key = ("supply", "makers", name)
        where = place_of(document.places, key)
        faults.append(
            Fault(dotted(key), wrong[0], wrong[1], *(where[:2] if where else ("", 0)), hint)
        )
    tiers = frozenset(map(str, _branch(document.data, "tiers")))
    sources = frozenset(source.key for source in catalog.sources())
    return Context(first, last, catalog, tiers if gathered.is_complete else None, sources)


def _horizon(document: Document, faults: list[Fault]) -> tuple[int | None, int | None]:
    """Return the first and the last year, or None twice when they are not a horizon."""
    horizon = _branch(document.data, "horizon")
    first, last = horizon.get("first_year"), horizon.get("last_year")
    if not (isinstance(first, int) and isinstance(last, int)):
        return None, None
    if not 1950 <= first <= last <= 2100:
        if first > last:
            place = place_of(document.places, ("horizon", "last_year")) or Place("", 0, 0)
            told = (f"ends in {last}, before it begins in {first}", "first_year <= last_year")
            faults.append(Fault("horizon", *told, place.file, place.value_line))
        return None, None
    return first, last


def catalog_of(overlay: Path | None, faults: list[Fault]) -> Catalog:
    """Return the catalog with its overlay, or the shipped one when the overlay is faulty."""
    from computesim.catalog import load_catalog

    if overlay is None:
        return load_catalog()
    if not overlay.is_dir():
        told = (f"no folder {str(overlay)!r}", "a folder of catalog tables")
        faults.append(Fault("catalog", *told, "--catalog"))
        return load_catalog()
    try:
        return load_catalog(overlay)
    except CatalogError as error:
        faults += error.faults
        return load_catalog()


def in_order(faults: list[Fault]) -> list[Fault]:
    """Return the faults file by file, from the first line to the last, each once."""
    files = list(dict.fromkeys(fault.file for fault in faults))
    unique = dict.fromkeys(faults)
    return sorted(unique, key=lambda fault: (files.index(fault.file), fault.line))
