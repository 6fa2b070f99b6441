"""The public names exist, and no other function stands in the package without a user."""

from __future__ import annotations

import ast
import re
from importlib import import_module
from pathlib import Path

import pytest

import computesim

ROOT = Path(__file__).parents[1]
DOCUMENTED = re.findall(r"^\| `([\w.]+)` \|", (ROOT / "docs" / "api.md").read_text(), re.MULTILINE)

#: names that are taken through a variable
BY_VARIABLE = {"computesim.sim.kernels.serve"}


def _name(path: Path) -> str:
    return ".".join(path.relative_to(ROOT).with_suffix("").parts).removesuffix(".__init__")


TREES = {
    _name(path): ast.parse(path.read_text(encoding="utf-8"))
    for folder in ("computesim", "tools")
    for path in sorted((ROOT / folder).rglob("*.py"))
}


def imported_names() -> set[tuple[str, str]]:
    """Return module and name of all that one module takes from another."""
    names: set[tuple[str, str]] = set()
    for tree in TREES.values():
        modules: dict[str, str] = {}
        for node in ast.walk(tree):
            if isinstance(node, ast.ImportFrom) and node.module:
                names |= {(node.module, alias.name) for alias in node.names}
                whole = {alias.asname or alias.name: f"{node.module}.{alias.name}"
                         for alias in node.names}  # fmt: skip
                modules |= {name: module for name, module in whole.items() if module in TREES}
        names |= {
            (modules[node.value.id], node.attr) for node in ast.walk(tree)
            if isinstance(node, ast.Attribute) and isinstance(node.value, ast.Name)
            and node.value.id in modules
        }  # fmt: skip
    return names


def defined(node: ast.stmt) -> list[str]:
    """Return the names that a statement of a module defines."""
    if isinstance(node, ast.FunctionDef | ast.ClassDef):
        return [] if node.decorator_list and isinstance(node, ast.FunctionDef) else [node.name]
    targets = node.targets if isinstance(node, ast.Assign) else []
    targets = [node.target] if isinstance(node, ast.AnnAssign) else targets
    return [target.id for target in targets if isinstance(target, ast.Name)]


def unused() -> list[str]:
    """Return what no other statement of its module and no other module names."""
    elsewhere, names = imported_names(), []
    for module, tree in TREES.items():
        loaded = [{n.id for n in ast.walk(node) if isinstance(n, ast.Name)} for node in tree.body]
        for index, node in enumerate(tree.body):
            others = set().union(*loaded[:index], *loaded[index + 1 :])
            names += [
                f"{module}.{name}" for name in defined(node)
                if not name.startswith("__") and name not in others
                and (module, name) not in elsewhere
            ]  # fmt: skip
    return names


def test_nothing_stands_in_the_package_that_only_tests_use() -> None:
    names = set(unused()) - {*DOCUMENTED, *BY_VARIABLE}
    assert sorted(names) == []


@pytest.mark.parametrize("name", DOCUMENTED)
def test_a_documented_name_exists(name: str) -> None:
    place, _, last = name.rpartition(".")
    home = computesim.Results if place == "computesim.Results" else import_module(place)
    assert hasattr(home, last)


def test_every_name_of_the_package_itself_is_documented() -> None:
    assert {f"computesim.{name}" for name in computesim.__all__} <= set(DOCUMENTED)
