"""The command `doctor`: what this machine has, and whether it works."""

from __future__ import annotations

import os
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import NamedTuple

import typer

from computesim.cli import options
from computesim.cli.app import CHECK_FAILED, app
from computesim.cli.output import print_json, progress
from computesim.report.text.tables import columns

_REQUIRED = ("numpy", "scipy", "pandas", "numba", "simpy", "pydantic", "yaml", "pyarrow", "plotly",
             "matplotlib", "rich", "typer")  # fmt: skip
_OPTIONAL = {"kaleido": "plotly pictures", "distributed": "studies on several machines",
             "ipykernel": "notebooks"}  # fmt: skip
_NAMES = {"yaml": "PyYAML"}
_BROWSERS = ("google-chrome", "chromium", "chromium-browser", "chrome", "microsoft-edge")


class Finding(NamedTuple):
    """One thing that was looked at."""

    name: str
    ok: bool
    required: bool
    text: str


@app.command()
def doctor(as_json: options.Json = False) -> None:
    """Look whether this machine has what is needed.

    Libraries, kernels, caches, fonts, cores; the exit code is 1 if something required is broken.

    Example: computesim doctor
    """
    findings: list[Finding] = []
    with progress() as tell:
        for done, look in enumerate(_LOOKS):
            if tell:
                tell(done, len(_LOOKS), "looking")
            findings += look()
    broken = [f for f in findings if f.required and not f.ok]
    if as_json:
        print_json({"ok": not broken, "findings": [f._asdict() for f in findings]})
    else:
        typer.echo(columns([(_mark(f), f.name, f.text) for f in findings]))
        typer.echo(f"\n{len(broken)} broken" if broken else "\neverything required works")
    if broken:
        raise typer.Exit(CHECK_FAILED)


def _mark(finding: Finding) -> str:
    if finding.ok:
        return "ok"
    return "BROKEN" if finding.required else "absent"


def _python() -> Iterator[Finding]:
    from computesim import __version__
    from computesim.cells.processes import usable_cores
    from computesim.errors import ComputesimError

    yield Finding("computesim", True, True, f"{__version__} in {Path(__file__).parents[1]}")
    version = ".".join(map(str, sys.version_info[:3]))
    yield Finding("python", sys.version_info >= (3, 11), True, f"{version} (3.11 or newer)")
    try:
        yield Finding("cores", True, False, f"{usable_cores()} usable of {os.cpu_count()}")
    except ComputesimError as error:
        yield Finding("cores", False, True, str(error))
    limits = {n: os.environ[n] for n in ("NUMBA_NUM_THREADS", "OMP_NUM_THREADS") if n in os.environ}
    threads = ", ".join(f"{name}={value}" for name, value in limits.items()) or "not limited"
    yield Finding("threads", True, False, threads)


def _libraries() -> Iterator[Finding]:
    """Import every library that is needed, and look whether the others are there."""
    from importlib import import_module
    from importlib.metadata import PackageNotFoundError, version

    for module in _REQUIRED:
        try:
            import_module(module)
            yield Finding(module, True, True, version(_NAMES.get(module, module)))
        except (ImportError, PackageNotFoundError) as error:
            yield Finding(module, False, True, str(error))
    for module, purpose in _OPTIONAL.items():
        try:
            yield Finding(module, True, False, f"{version(module)} ({purpose})")
        except PackageNotFoundError:
            yield Finding(module, False, False, f"not installed ({purpose})")


def _kernels() -> Iterator[Finding]:
    """Play a small queue with the compiled kernel and with its twin."""
    import numpy as np

    from computesim.sim.engine import simulate_queue
    from computesim.sim.kernel_cache import cache_folder

    yield Finding("kernel cache", True, False, str(cache_folder()))
    arrival, service = np.arange(50.0), np.full(50, 1.75)
    fast = simulate_queue(arrival, service, 2)
    slow = simulate_queue(arrival, service, 2, engine="simpy")
    same = bool(np.array_equal(fast.finish, slow.finish))
    yield Finding("kernels", same, True, "equal to their twins" if same else "differ from twins")


def _memo() -> Iterator[Finding]:
    from computesim.cells.memo import default_folder, store_in

    folder = default_folder()
    if folder is None:
        yield Finding("memo", False, False, "switched off: every run computes all cells")
        return
    existing = next(p for p in (folder, *folder.parents) if p.exists())
    if not os.access(existing, os.W_OK):
        yield Finding("memo", False, False, f"{existing} cannot be written")
        return
    store = store_in(folder)
    held = store.holding()
    text = f"{store.path}, {held.size / 1e6:.1f} MB, {held.cells} cells of this version"
    yield Finding("memo", True, False, text)


def _pictures() -> Iterator[Finding]:
    import shutil

    from computesim.report.matplotlib_render import fonts_here
    from computesim.report.theme import FONTS

    fonts = ", ".join(fonts_here())
    yield Finding("fonts", bool(fonts), False, fonts or f"none of {', '.join(FONTS)}")
    browser = next((path for name in _BROWSERS if (path := shutil.which(name))), "")
    yield Finding("browser", bool(browser), False, browser or "none: only kaleido needs one")


def _inputs() -> Iterator[Finding]:
    """Read the catalog and the baseline."""
    from computesim import load_catalog, load_scenario
    from computesim.errors import ComputesimError

    try:
        names = len(load_catalog().names("accelerators"))
        yield Finding("catalog", names > 0, True, f"{names} accelerators")
        yield Finding("scenario", True, True, str(load_scenario("baseline")))
    except ComputesimError as error:
        yield Finding("scenario", False, True, str(error))


_LOOKS: tuple[Callable[[], Iterator[Finding]], ...] = (
    _python, _libraries, _kernels, _memo, _pictures, _inputs,
)  # fmt: skip
