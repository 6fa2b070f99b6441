"""Commands whose options are the fields of records."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import MISSING, Field, fields, is_dataclass
from inspect import Parameter, Signature, signature
from typing import Annotated, Any, get_origin, get_type_hints

import typer

Command = Callable[..., None]


def with_records(function: Command) -> Command:
    """Return a command that takes the fields of its records as arguments and options.

    Parameters
    ----------
    function : callable
        A parameter whose type is a dataclass stands for all fields of it; each field is a
        `computesim.records.parameter`, or `Annotated` with a `typer.Option` or `typer.Argument`.
        Other parameters stay.

    Returns
    -------
    callable
        For `app.command()`, which reads the signature.

    Examples
    --------
    A record with two options, in the order of the help::

        @dataclass(frozen=True, kw_only=True)
        class Options:
            seed: Annotated[int, typer.Option(help="Of the draws.")] = 1
            as_json: options.Json = False

        @app.command()
        @with_records
        def draw(shown: Options) -> None: ...
    """
    hints = get_type_hints(function, include_extras=True)
    records = {n: hints[n] for n in signature(function).parameters if is_dataclass(hints[n])}
    parameters = list(_parameters(function, hints))

    def command(**values: Any) -> None:
        for name, record in records.items():
            taken = {one.name: values.pop(one.name) for one in fields(record)}
            values[name] = record(**taken)
        function(**values)

    command.__name__, command.__doc__ = function.__name__, function.__doc__
    command.__module__ = function.__module__
    command.__annotations__ = {p.name: p.annotation for p in parameters}
    command.__signature__ = Signature(parameters)  # type: ignore[attr-defined]
    return command


def _parameters(function: Command, hints: dict[str, Any]) -> Iterator[Parameter]:
    """Yield the parameters of a function, records replaced by their fields."""
    for name, parameter in signature(function).parameters.items():
        if not is_dataclass(hints[name]):
            yield Parameter(name, Parameter.KEYWORD_ONLY, default=parameter.default,
                            annotation=hints[name])  # fmt: skip
            continue
        types = get_type_hints(hints[name], include_extras=True)
        for one in fields(hints[name]):
            yield Parameter(one.name, Parameter.KEYWORD_ONLY, default=_default(one),
                            annotation=_option(one, types[one.name]))  # fmt: skip


def _option(one: Field[Any], kind: Any) -> Any:
    """Return the type of a field with the option that it is."""
    about = one.metadata
    if get_origin(kind) is Annotated or "help" not in about:
        return kind
    shown = {"help": about["help"], "metavar": about.get("metavar")}
    if "argument" in about:
        return Annotated[kind, typer.Argument(help=about["help"], metavar=about["argument"])]
    if kind not in (str, list[str]):  # numbers that are texts are read with their units
        shown |= {"min": about.get("least"), "max": about.get("most")}
    shown |= {"rich_help_panel": about["group"]} if "group" in about else {}
    names = (about["option"],) if "option" in about else ()
    return Annotated[kind, typer.Option(*names, **shown)]


def _default(one: Field[Any]) -> Any:
    """Return the default of a field as a signature has it."""
    if one.default_factory is not MISSING:
        return one.default_factory()
    return Parameter.empty if one.default is MISSING else one.default
