"""What commands print: text, JSON, and how far long work is."""

from __future__ import annotations

import json
import shutil
import sys
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from typing import Any

import typer

Progress = Callable[[int, int, str], None]
_PATIENCE = 0.5  # s before a bar appears: quick work does not pay for importing it


def print_json(data: Any) -> None:
    """Print data as JSON; infinities become null.

    Parameters
    ----------
    data : Any
        Mappings, sequences, numbers and texts.
    """
    from computesim.results.manifest import plain

    typer.echo(json.dumps(plain(data), indent=1, ensure_ascii=False))


def columns(rows: Sequence[Sequence[str]]) -> str:
    """Return rows of text as columns, all to the left.

    Parameters
    ----------
    rows : sequence of sequence of str
        Of one length.
    """
    widths = [max(map(len, column)) for column in zip(*rows, strict=True)]
    lines = ("  ".join(map(str.ljust, row, widths)) for row in rows)
    return "\n".join(line.rstrip() for line in lines)


def fitting(years: Sequence[int], label: int, number: int = 9) -> list[int]:
    """Return the years whose columns fit the terminal, the last one always among them.

    Parameters
    ----------
    years : sequence of int
        All of them fit where the output is no terminal.
    label, number : int
        Width of the first column and of the others, characters.
    """
    if not sys.stdout.isatty():
        return list(years)
    room = max(2, (shutil.get_terminal_size().columns - label) // number)
    stride = -(-len(years) // room)
    return list(years[::-1][::stride][::-1])


@contextmanager
def progress(quiet: bool = False) -> Iterator[Progress | None]:
    """Give a function that shows how far long work is, or None where nobody looks.

    Parameters
    ----------
    quiet : bool
        Never show anything.

    Yields
    ------
    callable or None
        Called with steps done, steps in all, and what is being done.
    """
    if quiet or not sys.stderr.isatty():
        yield None
        return
    bar = _Bar()
    try:
        yield bar.tell
    finally:
        bar.close()


class _Bar:
    """A bar on stderr that appears when the work turns out to be long."""

    def __init__(self) -> None:
        self._began = time.monotonic()
        self._shown: Any = None
        self._task: Any = None

    def tell(self, done: int, total: int, text: str) -> None:
        """Show how far the work is."""
        if self._shown is None and time.monotonic() - self._began > _PATIENCE:
            from rich.console import Console
            from rich.progress import Progress as RichProgress

            self._shown = RichProgress(console=Console(stderr=True), transient=True)
            self._shown.start()
            self._task = self._shown.add_task(text, total=total)
        if self._shown is not None:
            self._shown.update(self._task, completed=done, total=total, description=text)

    def close(self) -> None:
        """Take the bar away."""
        if self._shown is not None:
            self._shown.stop()
