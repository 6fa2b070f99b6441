"""Every command that the README and the commands themselves show is run, and so is the Python.

In an empty folder where `baseline.yaml` is a short version of the baseline: a file comes before
a shipped name, so that the commands are run as they stand and take seconds. `requests.csv` is a
trace of an hour.
"""

from __future__ import annotations

import re
import shlex
import subprocess
import sys
from glob import glob
from pathlib import Path

import pytest
from typer.testing import CliRunner

from computesim.cli import app
from computesim.scenario import shipped_scenarios
from tools.pages.docs import pages

ROOT = Path(__file__).parents[1]
README = (ROOT / "README.md").read_text(encoding="utf-8")
SETS_UP = ("make", "pip")
SHORT = f"""\
extends: {shipped_scenarios()["baseline"]}
name: baseline
horizon: {{first_year: 2022, last_year: 2023}}
simulation: {{requests: 100}}
"""


def blocks(language: str) -> list[str]:
    return re.findall(rf"```{language}\n(.*?)```", README, re.DOTALL)


def readme_commands() -> list[str]:
    lines = [
        line.partition("  #")[0].strip() for block in blocks("sh") for line in block.split("\n")
    ]
    return [line for line in lines if line and shlex.split(line)[0] not in SETS_UP]


def examples() -> list[str]:
    """Return the example of every command, `init` and `run` first: others need their files."""
    found = []
    for info in app.registered_commands:
        assert info.callback is not None
        lines = re.findall(r"^ *Example: (.*)$", info.callback.__doc__ or "", re.MULTILINE)
        assert len(lines) == 1, f"{info.callback.__name__} has {len(lines)} examples"
        found += lines
    return sorted(found, key=lambda line: (line.split()[1] not in ("init", "run"), line))


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    (tmp_path / "baseline.yaml").write_text(SHORT)
    rows = "".join(f"{30 * n},{500 + n},{100 + n % 7}\n" for n in range(120))
    (tmp_path / "requests.csv").write_text(f"t_s,input_tokens,output_tokens\n{rows}")
    monkeypatch.chdir(tmp_path)
    return tmp_path


def run(line: str) -> None:
    """Run a command of ours as a shell would, in this process: that saves a second each."""
    program, *words = shlex.split(line)
    assert program == "computesim", line
    arguments = [name for word in words for name in (sorted(glob(word)) or [word])]
    result = CliRunner().invoke(app, arguments)
    assert result.exit_code == 0, f"{line}\n{result.output}\n{result.exception!r}"


def test_every_command_of_the_readme_runs(folder: Path) -> None:
    commands = readme_commands()
    assert len(commands) >= 9
    for line in commands:
        run(line)
    assert (
        len(list((folder / "out").glob("*/report.html"))) == 3
    )  # as is, with samples, in two regions
    assert (folder / "out" / "compare.html").exists()


def test_every_example_of_a_command_runs(folder: Path) -> None:
    lines = examples()
    assert {line.split()[1] for line in lines} >= {"run", "compare", "simulate", "init", "list"}
    for line in lines:
        run(line)


def test_the_python_of_the_readme_runs(folder: Path) -> None:
    for block in blocks("python"):
        done = subprocess.run(
            [sys.executable, "-c", block], cwd=folder, capture_output=True, text=True, check=True
        )
        assert "H100-equivalents|Pretraining" in done.stdout


def test_everything_that_the_readme_points_to_is_there() -> None:
    targets = re.findall(r"\]\(([^)#]+)", README)
    assert "docs/images/workload-split.svg" in targets
    for target in targets:
        assert "://" in target or (ROOT / target).exists(), target


def test_every_target_of_make_in_the_readme_exists() -> None:
    targets = re.findall(r"^make (\S+)", "\n".join(blocks("sh")), re.MULTILINE)
    makefile = (ROOT / "Makefile").read_text()
    assert targets == ["run", "test"]
    assert all(re.search(rf"^{target}:", makefile, re.MULTILINE) for target in targets)


@pytest.mark.parametrize("name", sorted(pages()))
def test_a_generated_page_is_current(name: str) -> None:
    written = (ROOT / "docs" / name).read_text(encoding="utf-8")
    assert written == pages()[name](), "run `make docs`"


@pytest.mark.parametrize("page", sorted((ROOT / "docs").glob("*.md")), ids=lambda p: p.name)
def test_links_of_a_page_lead_somewhere(page: Path) -> None:
    for target in re.findall(r"\]\(([^)#]+)", page.read_text(encoding="utf-8")):
        assert "://" in target or (page.parent / target).exists(), target
