"""The floors of the house: who may import whom."""

from __future__ import annotations

import ast
from pathlib import Path

import pytest

PACKAGE = Path(__file__).parents[1] / "computesim"
MODULES = sorted(PACKAGE.rglob("*.py"))

#: room -> rooms of ours that it may import besides itself and floor 0
MAY_IMPORT = {
    "errors": set(),
    "units": {"errors"},
    "quantities": set(),
    "workload": set(),
    "hardware": set(),
    "sim": set(),
    "catalog": {"workload", "hardware"},
    "scenario": {"catalog"},
    "projection": {"workload", "hardware", "sim", "catalog", "scenario", "results"},
    "results": set(),
    "pipeline": {"workload", "hardware", "sim", "catalog", "scenario", "projection", "results"},
    "study": {
        "workload",
        "hardware",
        "sim",
        "catalog",
        "scenario",
        "projection",
        "results",
        "pipeline",
    },
    "report": {"results"},
    "docs": {"*"},
    "cli": {"*"},
    "__init__": {"*"},
    "__main__": {"cli"},
}
FLOOR_0 = {"errors", "units", "quantities"}

#: third-party package -> the only places that may import it
ONLY_IN = {
    "numba": ("sim/kernels",),
    "simpy": ("sim/reference",),
    "plotly": ("report",),
    "matplotlib": ("report",),
    "typer": ("cli",),
    "rich": ("cli", "report"),
    "pydantic": ("scenario",),
    "yaml": ("scenario",),
    "pandas": ("results", "report", "study", "cli"),
    "pyarrow": ("results", "sim/trace", "cli"),
}


def room_of(path: Path) -> str:
    return path.relative_to(PACKAGE).parts[0].removesuffix(".py")


def imported(path: Path) -> list[str]:
    names = []
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Import):
            names += [alias.name for alias in node.names]
        elif isinstance(node, ast.ImportFrom):
            assert node.level == 0, f"{path}: relative import"
            names += [f"{node.module}.{alias.name}" for alias in node.names]
    return names


@pytest.mark.parametrize("path", MODULES, ids=lambda p: str(p.relative_to(PACKAGE)))
def test_a_room_imports_only_rooms_below_it(path: Path) -> None:
    room = room_of(path)
    allowed = MAY_IMPORT[room] | {room} | (FLOOR_0 if room not in FLOOR_0 else set())
    for name in imported(path):
        parts = name.split(".")
        if parts[0] == "computesim" and "*" not in allowed and parts[1:2] != ["__version__"]:
            assert parts[1] in allowed, f"{room} imports {name}"


@pytest.mark.parametrize("path", MODULES, ids=lambda p: str(p.relative_to(PACKAGE)))
def test_a_library_is_imported_only_where_it_belongs(path: Path) -> None:
    inside = str(path.relative_to(PACKAGE))
    for name in imported(path):
        places = ONLY_IN.get(name.split(".")[0])
        assert places is None or inside.startswith(places), f"{inside} imports {name}"


@pytest.mark.parametrize("path", MODULES, ids=lambda p: str(p.relative_to(PACKAGE)))
def test_no_module_is_longer_than_400_lines(path: Path) -> None:
    assert path.read_text(encoding="utf-8").count("\n") <= 400


def test_kernel_files_import_only_one_another() -> None:
    for path in (PACKAGE / "sim" / "kernels").glob("*.py"):
        if path.name != "__init__.py":
            roots = {name.split(".")[0] for name in imported(path)}
            assert roots <= {"__future__", "typing", "numpy", "numba", "math", "computesim"}
            ours = {n for n in imported(path) if n.startswith("computesim")}
            # the folder of compiled kernels is named by a hash of all these files
            kernels = ("computesim.sim.kernels.", "computesim.sim.kernel_cache")
            assert all(n.startswith(kernels) for n in ours), f"{path.name} imports {ours}"
