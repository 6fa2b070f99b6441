"""Notebooks: one question each, short, without functions and outputs, and they run."""

from __future__ import annotations

import ast
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import nbformat
import pytest

FOLDER = Path(__file__).parents[1] / "notebooks"
NOTEBOOKS = sorted(FOLDER.glob("*.ipynb"))
EXECUTE = """
import sys
import nbformat
from jupyter_client.manager import KernelManager
from nbclient import NotebookClient
source, target, folder = sys.argv[1:]
kernel = KernelManager()  # this interpreter, whatever kernels are registered
kernel.kernel_cmd = [sys.executable, "-m", "ipykernel_launcher", "-f", "{connection_file}"]
notebook = nbformat.read(source, as_version=4)
client = NotebookClient(notebook, timeout=300, km=kernel, resources={"metadata": {"path": folder}})
client.execute()
nbformat.write(notebook, target)
"""
by_notebook = pytest.mark.parametrize("path", NOTEBOOKS, ids=lambda p: p.stem)


def read(path: Path) -> Any:
    return nbformat.read(path, as_version=4)


@by_notebook
def test_a_notebook_asks_one_question_in_few_cells(path: Path) -> None:
    cells = read(path).cells
    assert len(cells) < 20
    assert cells[0].source.splitlines()[0].startswith("# ")
    assert cells[0].source.splitlines()[0].endswith("?")
    trees = [ast.parse(cell.source) for cell in cells if cell.cell_type == "code"]
    nodes = [node for tree in trees for node in ast.walk(tree)]
    assert not [n for n in nodes if isinstance(n, ast.FunctionDef | ast.Lambda | ast.ClassDef)]


@by_notebook
def test_a_notebook_is_kept_without_outputs(path: Path) -> None:
    for cell in read(path).cells:
        if cell.cell_type == "code":
            assert cell.outputs == []
            assert cell.execution_count is None


@by_notebook
def test_a_notebook_runs(path: Path, tmp_path: Path) -> None:
    """In a process of its own: the client of the kernel leaves sockets open."""
    executed = tmp_path / path.name
    done = subprocess.run(
        [sys.executable, "-c", EXECUTE, str(path), str(executed), str(tmp_path)],
        env={**os.environ, "IPYTHONDIR": str(tmp_path)},  # no profile of the user
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    printed = [o for cell in read(executed).cells for o in cell.get("outputs", ())]
    assert not [o for o in printed if o.get("name") == "stderr"], "a warning"
    kinds = {kind for o in printed for kind in o.get("data", {})}
    assert "application/vnd.plotly.v1+json" in kinds  # a chart was drawn
    assert "text/html" in kinds  # and a table
