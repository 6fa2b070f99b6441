"""What commands print: text, JSON, and how far long work is."""

from __future__ import annotations

import json
import sys
import time
from collections.abc import Callable, Iterator
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
    from computesim.records import as_data

    typer.echo(json.dumps(as_data(data), indent=1, ensure_ascii=False))


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
