"""Every public module, class and function says what it is; documented parameters exist."""

from __future__ import annotations

import ast
import re
from pathlib import Path

import pytest

PACKAGE = Path(__file__).parents[1] / "computesim"
MODULES = sorted(PACKAGE.rglob("*.py"))
Function = ast.FunctionDef | ast.AsyncFunctionDef


def public(tree: ast.Module) -> list[tuple[str, ast.ClassDef | Function]]:
    """Return the public classes and functions of a module, methods included."""
    found: list[tuple[str, ast.ClassDef | Function]] = []

    def visit(body: list[ast.stmt], prefix: str) -> None:
        for node in body:
            if isinstance(node, ast.ClassDef | Function) and not node.name.startswith("_"):
                found.append((prefix + node.name, node))
                if isinstance(node, ast.ClassDef):
                    visit(node.body, f"{prefix}{node.name}.")

    visit(tree.body, "")
    return found


def documented(text: str) -> list[str]:
    """Return the names in the Parameters section of a numpydoc docstring, stars left out."""
    section = re.search(r"^Parameters\n-+\n(.*?)(?=^\S[^\n]*\n-{3,}$|\Z)", text, re.M | re.S)
    if section is None:
        return []
    heads = re.findall(r"^([\w*][\w*, ]*?)(?: *:.*)?$", section[1], re.M)
    return [name.strip(" *") for head in heads for name in head.split(",") if name.strip()]


def signature(node: Function) -> list[str]:
    a = node.args
    every = [*a.posonlyargs, *a.args, *([a.vararg] if a.vararg else []), *a.kwonlyargs,
             *([a.kwarg] if a.kwarg else [])]  # fmt: skip
    return [argument.arg for argument in every if argument.arg not in ("self", "cls")]


@pytest.mark.parametrize("path", MODULES, ids=lambda p: str(p.relative_to(PACKAGE)))
def test_public_things_say_what_they_are(path: Path) -> None:
    tree = ast.parse(path.read_text(encoding="utf-8"))
    assert ast.get_docstring(tree), "the module has no docstring"
    for name, node in public(tree):
        if any(getattr(d, "id", "") == "overload" for d in node.decorator_list):
            continue
        text = ast.get_docstring(node)
        assert text, f"{name} has no docstring"
        assert re.search(r"[.:?]$", text.split("\n\n")[0]), f"{name}: no stop after the summary"


@pytest.mark.parametrize("path", MODULES, ids=lambda p: str(p.relative_to(PACKAGE)))
def test_documented_parameters_are_those_of_the_signature(path: Path) -> None:
    for name, node in public(ast.parse(path.read_text(encoding="utf-8"))):
        names = documented(ast.get_docstring(node) or "")
        if names and isinstance(node, Function):
            assert names == signature(node), name


def test_the_reader_of_docstrings_sees_what_is_there() -> None:
    text = (
        "Return a thing.\n\nParameters\n----------\na, b : int\n    Two.\n*rest\n    More: of it.\n"
        "\nReturns\n-------\nint\n"
    )
    assert documented(text) == ["a", "b", "rest"]
    tree = ast.parse(
        "def f(a, b, *rest): ...\nclass C:\n    def g(self, x): ...\n    def _h(self): ..."
    )
    found = dict(public(tree))
    assert list(found) == ["f", "C", "C.g"]
    assert isinstance(found["f"], ast.FunctionDef)
    assert signature(found["f"]) == ["a", "b", "rest"]
