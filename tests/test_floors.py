"""The floors of the house: who may import whom."""

from __future__ import annotations

import ast
from collections.abc import Mapping
from graphlib import CycleError, TopologicalSorter
from pathlib import Path

import pytest

import computesim

PACKAGE = Path(__file__).parents[1] / "computesim"
MODULES = sorted(PACKAGE.rglob("*.py"))

#: floors from the ground up; a room imports only itself and rooms of floors below
FLOORS = (
    ("errors", "arrays", "calendar", "lengths", "records", "version"),
    ("traced",),
    ("units", "quantities"),
    ("workload", "hardware", "sim", "results"),
    ("catalog",),
    ("scenario",),
    ("cells",),
    ("demand",),
    ("fleet",),
    ("accounts",),
    ("published",),
    ("pipeline",),
    ("study",),
    ("report",),
    ("cli",),
    ("__init__", "__main__"),
)
#: rooms that see less of the house than what lies below them
SEES_ONLY = {
    "workload": {"quantities", "units"},
    "hardware": {"quantities", "units"},
    "sim": {"quantities", "units"},
    "results": set(),
    "catalog": {"workload", "hardware", "quantities", "units"},
    "scenario": {"catalog", "quantities", "units"},
    "report": {"results", "study", "quantities", "units"},
}
GROUND = {*FLOORS[0], *FLOORS[1]}
PUBLIC = {*computesim.__all__, "__version__"}  # the face of the package
HEIGHT = {room: height for height, floor in enumerate(FLOORS) for room in floor}

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


def module_of(path: Path) -> str:
    parts = path.relative_to(PACKAGE.parent).with_suffix("").parts
    return ".".join(parts[:-1] if parts[-1] == "__init__" else parts)


NAMES = {module_of(path): path for path in MODULES}


def modules_imported(path: Path) -> set[str]:
    """Our modules that a file imports, in annotations and inside functions too."""
    names = (name for name in imported(path) if name.split(".")[0] == "computesim")
    return {name if name in NAMES else name.rpartition(".")[0] for name in names}


IMPORTS = {name: modules_imported(path) for name, path in NAMES.items()}


def circles(graph: Mapping[str, set[str]]) -> list[str]:
    """Return the circles of a graph of imports, each as its members."""
    try:
        tuple(TopologicalSorter(graph).static_order())
    except CycleError as error:
        return list(error.args[1])
    return []


@pytest.mark.parametrize("path", MODULES, ids=lambda p: str(p.relative_to(PACKAGE)))
def test_a_room_imports_only_rooms_below_it(path: Path) -> None:
    room = room_of(path)
    below = {other for other, height in HEIGHT.items() if height < HEIGHT[room]}
    allowed = (SEES_ONLY.get(room, below) & below) | {room} | (below & GROUND)
    allowed |= PUBLIC if room == "cli" else set()
    for name in imported(path):
        parts = name.split(".")
        if parts[0] == "computesim":
            assert parts[1] in allowed, f"{room} imports {name}"


def test_no_modules_import_one_another_in_a_circle() -> None:
    assert not circles(IMPORTS)


def test_the_search_for_circles_finds_one_of_annotations() -> None:
    assert circles({"a": {"b"}, "b": {"c"}, "c": {"a"}})


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
