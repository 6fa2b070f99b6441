"""The command line in an empty folder."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest
from typer.testing import CliRunner, Result

from computesim.cli import app

Command = Callable[..., Result]
MINIMAL = str(Path(__file__).parents[1] / "scenario" / "data" / "minimal.yaml")


@pytest.fixture(autouse=True)
def _empty_folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)


@pytest.fixture
def minimal() -> str:
    """The path of a small scenario that is quick to run."""
    return MINIMAL


@pytest.fixture
def command() -> Command:
    """Call a command; an exception that is no exit would be a traceback for the user."""

    def call(*arguments: object, code: int = 0) -> Result:
        result = CliRunner().invoke(app, [str(a) for a in arguments])
        if result.exception is not None and not isinstance(result.exception, SystemExit):
            raise result.exception
        assert result.exit_code == code, result.output
        return result

    return call
