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


REPEATABLE = ("--set", "--class", "--json", "--quiet")


def _once(words: list[str]) -> list[str]:
    """Return the words with each option as it is given last, but for those that may be repeated."""
    several = REPEATABLE if words[:1] == ["simulate"] else (*REPEATABLE, "--accelerator")
    again = {
        place
        for place, word in enumerate(words)
        if word.startswith("--") and word not in several and word in words[place + 1 :]
    }
    return [word for n, word in enumerate(words) if n not in again and n - 1 not in again]


@pytest.fixture
def command() -> Command:
    """Call a command; an exception that is no exit would be a traceback for the user.

    An option replaces the same one before it, so that a test says what differs from its usual
    call; `as_typed` leaves both.
    """

    def call(*arguments: object, code: int = 0, as_typed: bool = False) -> Result:
        words = [str(a) for a in arguments]
        result = CliRunner().invoke(app, words if as_typed else _once(words))
        if result.exception is not None and not isinstance(result.exception, SystemExit):
            raise result.exception
        assert result.exit_code == code, result.output
        return result

    return call
