"""The reference page of the commands, written from the commands themselves."""

from __future__ import annotations

import inspect
from typing import Any

import typer

from computesim.cli.app import app

_HEAD = """\
# Commands

<!-- Written by tools.pages from the commands; a test keeps it current. -->

Exit codes: 0 well, 1 a check failed or nothing can do what was asked, 2 wrong input, 130
interrupted. Results go to stdout, complaints to stderr. Every command has `--help`.
"""


def reference_page() -> str:
    """Return the reference page of all commands, in Markdown."""
    group: Any = typer.main.get_command(app)
    return "\n".join([_HEAD, *(_section(name, c) for name, c in group.commands.items())])


def _section(name: str, command: Any) -> str:
    text, _, example = inspect.cleandoc(command.callback.__doc__ or "").partition("Example: ")
    arguments = [p for p in command.params if p.param_type_name == "argument"]
    getattr(command, "described", lambda: None)()  # options that are keys of a question
    words = [p.metavar or p.name.upper() for p in arguments]
    shown = [w if p.required else f"[{w}]" for p, w in zip(arguments, words, strict=True)]
    usage = " ".join([f"computesim {name}", *shown])
    rows = [f"| `{_shown(p)}` | {_default(p)} | {p.help or ''} |" for p in command.params]
    table = ["| | default | |", "|---|---|---|", *rows]
    return "\n".join([f"## `{usage}`", "", text.strip(), "", *table, "",
                      "```sh", example.strip(), "```", ""])  # fmt: skip


def _shown(parameter: Any) -> str:
    if parameter.param_type_name == "argument":
        return str(parameter.metavar or parameter.name.upper())
    takes = "" if parameter.is_flag else f" {parameter.metavar or ''}".rstrip()
    return f"{parameter.opts[0]}{takes}"


def _default(parameter: Any) -> str:
    if parameter.required:
        return "**required**"
    default = parameter.default
    plain = default is None or default == "" or callable(default) or default is False
    return "" if plain else f"`{default}`"
