"""The application: its commands are registered by the modules beside this one.

Exit codes: 0 well, 1 a check failed or nothing can do what was asked, 2 wrong
input, 130 interrupted.
"""

from __future__ import annotations

import os
import sys
import warnings
from collections import Counter
from typing import Annotated, Any, NoReturn

import typer
from typer.core import TyperGroup

from computesim.errors import (
    CapacityError,
    ComputesimError,
    Fault,
    QuestionError,
    SimulationError,
)

CHECK_FAILED, WRONG_INPUT, INTERRUPTED, PIPE_CLOSED = 1, 2, 130, 141


def stop(message: str, code: int) -> NoReturn:
    """End the command with a message on stderr.

    Parameters
    ----------
    message : str
        One line, or a list of faults.
    code : int
        The exit code.
    """
    typer.echo(message, err=True)
    raise typer.Exit(code)


class Commands(TyperGroup):
    """All commands, with one way of saying what is wrong."""

    def resolve_command(self, ctx: Any, args: list[str]) -> Any:
        """Return the command that is called; an option of it that is given twice is refused."""
        name, command, rest = super().resolve_command(ctx, args)
        if command is not None and (faults := _repeated(command, ctx, rest)):
            raise QuestionError(faults, str(name))
        return name, command, rest

    def invoke(self, ctx: Any) -> Any:
        """Run a command; an error that the user can mend is a message, not a traceback."""
        try:
            result = super().invoke(ctx)
            sys.stdout.flush()
        except (CapacityError, SimulationError) as error:
            stop(str(error), CHECK_FAILED)
        except ComputesimError as error:
            stop(str(error), WRONG_INPUT)
        except BrokenPipeError:  # the reader, for instance `head`, has seen enough
            os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
            raise typer.Exit(PIPE_CLOSED) from None
        except OSError as error:
            stop(f"{error.filename or 'file'}: {error.strerror or error}", WRONG_INPUT)
        except KeyboardInterrupt:
            stop("interrupted", INTERRUPTED)
        return result


def _repeated(command: Any, ctx: Any, args: list[str]) -> list[Fault]:
    """Return the options that are given more than once and of which only the last would count."""
    # resilient: what is wrong besides the command says itself
    inner = command.context_class(command, info_name="", parent=ctx, resilient_parsing=True)
    order = command.make_parser(inner).parse_args(list(args))[2]
    times = Counter(option for option in order if option.param_type_name == "option")
    return [
        Fault(max(option.opts, key=len), f"given {n} times", "give it once")
        for option, n in times.items()
        if n > 1 and not (option.multiple or option.count or option.is_flag)
    ]


app = typer.Typer(
    cls=Commands,
    add_completion=False,
    no_args_is_help=True,
    pretty_exceptions_enable=False,
    rich_markup_mode=None,
    context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 100},
)


def _version(wanted: bool) -> None:
    if wanted:
        from computesim import __version__

        typer.echo(f"computesim {__version__}")
        raise typer.Exit


@app.callback()
def about(
    version: Annotated[
        bool, typer.Option("--version", callback=_version, is_eager=True, help="Print the version.")
    ] = False,
) -> None:
    """Compute demand of RL and chain-of-thought AI: from a scenario to accelerators and megawatts.

    A SCENARIO is a file or a shipped name (`computesim list scenarios`). Exit codes: 0 well, 1 a
    check failed or nothing can do what was asked, 2 wrong input.
    """


def main() -> None:
    """Run the command line."""
    for stream in (sys.stdout, sys.stderr):
        if hasattr(stream, "reconfigure"):  # a terminal without `÷` prints `?` and goes on
            stream.reconfigure(errors="replace")
    warnings.showwarning = _say
    app(prog_name="computesim")


def _say(message: Warning | str, *_: object, **__: object) -> None:
    """Say a warning without the place in the code where it arose."""
    typer.echo(f"note: {message}", err=True)
