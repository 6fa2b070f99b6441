"""The command line: `computesim run baseline`, and what goes with it.

Each command is a few lines over the library. Whatever is heavy is imported
inside the command that needs it, so that `computesim --help` answers at once.
"""

from computesim.cli import running, planning, rl, serving, capacity, balance  # noqa: F401, I001  in the order of the help
from computesim.cli import bill, tracing, reading, explain, verifying, backcasting  # noqa: F401
from computesim.cli import catalog, doctor  # noqa: F401
from computesim.cli.app import app, main

__all__ = ["app", "main"]
