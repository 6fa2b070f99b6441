"""Faults of options, all of them told at once."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, TypeVar

import typer

from computesim.errors import CaseError, Fault

T = TypeVar("T")


class Faults:
    """What is wrong with the options of a command."""

    def __init__(self, command: str) -> None:
        self._command = command
        self._found: list[Fault] = []

    def add(self, option: str, found: str, accepted: str) -> None:
        """Note a fault.

        Parameters
        ----------
        option : str
        found, accepted : str
            What stands there, and what is accepted.
        """
        self._found.append(Fault(option, found, accepted))

    def read(self, option: str, parser: Callable[..., T], *arguments: Any) -> T | None:
        """Return what a parser makes of an option; None, and a fault, where it cannot.

        Parameters
        ----------
        option : str
        parser : callable
            Called with the arguments and the option; raises typer.BadParameter.
        *arguments
            What it gets.
        """
        try:
            return parser(*arguments, option)
        except typer.BadParameter as error:
            found, _, accepted = error.message.rstrip(".").partition("; ")
            self.add(option, found, accepted or "see --help")
            return None

    def check(self) -> None:
        """Raise what was noted.

        Raises
        ------
        CaseError
            If anything was.
        """
        if self._found:
            raise CaseError(self._found, self._command)
