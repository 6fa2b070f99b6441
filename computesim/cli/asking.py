"""Commands that take a question file: its keys are options as well."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from importlib import import_module
from inspect import Parameter, Signature, signature
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, get_type_hints

import typer

from computesim.cli.app import app
from computesim.cli.grouped import Grouped

if TYPE_CHECKING:
    from computesim.scenario.questions import Draft, Question

#: where the questions of commands stand, imported only when one is asked
QUESTIONS = {
    "simulate": "computesim.study.pool.question:PoolQuestion",
    "capacity": "computesim.study.capacity.question:CapacityQuestion",
    "plan": "computesim.study.plan.question:PlanQuestion",
    "rl": "computesim.study.rl.question:RLQuestion",
    "balance": "computesim.study.balance.question:BalanceQuestion",
}
ALSO = "Also keys of the question file"
Reader = Callable[["Draft[Any]", str, str, str], None]  # draft, key, text, option
Overrides = Annotated[
    list[str] | None,
    typer.Option("--set", metavar="KEY=VALUE", help="Set a key of the question; repeatable."),
]


@dataclass(frozen=True, slots=True)
class Subject:
    """The argument of a command: a question file, or what else it may be.

    Parameters
    ----------
    key : str
        That it says where it is no file; empty where it is always one.
    metavar, text : str
        For the help.
    instead : callable, optional
        Gets the argument, the overrides, the options that were said, and further options; true
        where it has answered, because what it got is no question.
    """

    key: str = ""
    metavar: str = "FILE"
    text: str = "A question file; options say it otherwise."
    instead: Callable[..., bool] | None = None

    def draft(self, kind: type[Question], title: str, subject: str) -> Draft[Any]:
        """Return the draft of a question, with what the argument says."""
        from computesim.scenario.questions import Draft

        is_file = not self.key or is_question_file(subject)
        draft = Draft(kind, title, Path(subject) if is_file and subject else None)
        if subject and not is_file:
            draft.assign(self.key, subject, self.metavar.split("|")[0])
        return draft


def is_question_file(subject: str) -> bool:
    """Tell whether an argument names a file."""
    return subject.endswith((".yaml", ".yml")) or Path(subject).is_file()


@dataclass(frozen=True, slots=True)
class Alias:
    """An option that says a key of the question.

    Parameters
    ----------
    key : str
        `traffic.rate`; its field has the help, the default, and what is accepted.
    name : str
        Of the option; the last part of the key by default.
    takes : str
        What the option takes, where the field does not tell.
    read : callable, optional
        Says keys in a draft by the text of the option; by default the text is the value.
    many : bool
        The option may be repeated.
    flag : bool
        The option takes nothing and says true.
    short : str
        The same in one letter: `-n`.
    """

    key: str
    name: str = ""
    takes: str = ""
    read: Reader | None = None
    many: bool = False
    flag: bool = False
    short: str = ""

    @property
    def option(self) -> str:
        """The option."""
        return f"--{self.name or self.key.split('.')[-1].replace('_', '-')}"

    def say(self, draft: Draft[Any], value: Any) -> None:
        """Say in a draft what the option says."""
        if self.read is None:
            draft.assign(self.key, list(value) if self.many else value, self.option)
            return
        for text in value if self.many else [value]:
            self.read(draft, self.key, text, self.option)


def aliases(*options: str | Alias) -> tuple[Alias, ...]:
    """Return options; a key stands for the one that is called as its last part.

    Parameters
    ----------
    *options : str or Alias
    """
    return tuple(Alias(one) if isinstance(one, str) else one for one in options)


def asks(
    usual: Sequence[Alias], others: Sequence[Alias], subject: Subject = Subject()
) -> Callable[[Callable[..., None]], Callable[..., None]]:
    """Return a decorator for a command that answers a question of `QUESTIONS`.

    Parameters
    ----------
    usual : sequence of Alias
        Options that people type every day.
    others : sequence of Alias
        Those that stand in a second part of the help.
    subject : Subject
        The argument; a question file by default.

    Notes
    -----
    The function gets a `Draft` of the question, in which the options and `--set` have been said
    over the file, and its own further options.
    """

    def decorated(function: Callable[..., None]) -> Callable[..., None]:
        name = function.__name__
        home = QUESTIONS[name]
        # the draft itself is no option; its class is imported only when something is asked
        hints = get_type_hints(function, localns={"Draft": list}, include_extras=True)
        first, *own = signature(function).parameters.values()

        def command(**values: Any) -> None:
            argument, overrides = values.pop("subject") or "", values.pop("overrides") or ()
            options = {alias: values.pop(_parameter(alias)) for alias in (*usual, *others)}
            said = {a: value for a, value in options.items() if value not in (None, False, "", [])}
            if subject.instead and subject.instead(argument, overrides, said, **values):
                return
            draft = subject.draft(question_of(home), name, argument)
            draft.override(overrides)
            for alias, value in said.items():
                alias.say(draft, value)
            function(**{first.name: draft}, **values)

        shown = typer.Argument(metavar=subject.metavar, help=subject.text)
        parameters = [
            _made("subject", Annotated[str | None, shown], None),
            *(_made(_parameter(alias), _option(alias, "Options")) for alias in usual),
            *(_made(one.name, hints[one.name], one.default) for one in own),
            _made("overrides", Overrides, None),
            *(_made(_parameter(alias), _option(alias, ALSO)) for alias in others),
        ]
        command.__name__, command.__doc__ = name, function.__doc__
        command.__annotations__ = {one.name: one.annotation for one in parameters}
        command.__signature__ = Signature(parameters)  # type: ignore[attr-defined]
        aliases = {_parameter(alias): alias for alias in (*usual, *others)}
        kind = type("Asking", (Asking,), {"home": home, "aliases": aliases})
        app.command(cls=kind)(command)
        return command

    return decorated


class Asking(Grouped):
    """A command whose options tell what the fields of its question tell."""

    home = ""
    aliases: dict[str, Alias]

    def described(self) -> None:
        """Fill in help, metavar and default of the options, for whoever reads them."""
        from computesim.scenario.questions import field_of

        kind = question_of(self.home)
        for parameter in self.params:
            alias = self.aliases.get(str(parameter.name))
            if alias is None:
                continue
            field: Any = field_of(kind, alias.key)
            option: Any = parameter
            form = next((one for one in field.metadata if hasattr(one, "takes")), None)
            option.help = field.description
            if not alias.flag:
                option.metavar = alias.takes or getattr(form, "takes", "TEXT")
            option.default = str(field.default) if _is_shown(field) else None
            option.show_default, option.required = (
                True,
                field.is_required() and "." not in alias.key,
            )

    def format_options(self, ctx: Any, formatter: Any) -> None:
        """Write the options with what their fields tell."""
        self.described()
        super().format_options(ctx, formatter)


def by_name(*names: str) -> Reader:
    """Return what reads `4,4,2` as keys below the one of the option.

    Parameters
    ----------
    *names : str
        The keys, in order.
    """

    def read(draft: Draft[Any], key: str, text: str, option: str) -> None:
        words = [word.strip() for word in text.split(",")]
        if len(words) == len(names):
            draft.assign(key, dict(zip(names, words, strict=True)), option)
        else:
            draft.fault(option, f"{text!r} has {len(words)} parts", ",".join(names).upper())

    return read


def by_class(draft: Draft[Any], key: str, text: str, option: str) -> None:
    """Read `2 s`, or `chat=2s,batch=1min`."""
    value: Any = text
    if "=" in text:
        pairs = [part.partition("=") for part in text.split(",")]
        value = {name.strip(): number.strip() for name, _, number in pairs}
    draft.assign(key, value, option)


def by_size(draft: Draft[Any], key: str, text: str, option: str) -> None:
    """Read `20%` as a share, `500 GB` as memory."""
    share = text.strip().endswith("%")
    draft.assign(f"{key}.{'share' if share else 'memory'}", text, option)


def noted(draft: Draft[Any], option: str, read: Callable[[str], Any], text: str) -> Any:
    """Return what an option says that is no key; a fault is noted with the others.

    Parameters
    ----------
    draft : Draft
    option : str
    read : callable
        Raises typer.BadParameter.
    text : str
    """
    try:
        return read(text)
    except typer.BadParameter as error:
        found, _, accepted = error.message.rstrip(".").partition("; ")
        draft.fault(option, found, accepted or "see --help")
        return None


def question_of(home: str) -> type[Question]:
    """Return the kind of question of `module:Class`."""
    module, _, name = home.partition(":")
    kind: type[Question] = getattr(import_module(module), name)
    return kind


def _parameter(alias: Alias) -> str:
    return f"{alias.key}_{alias.option}".replace(".", "_").replace("-", "_")


def _made(name: str, annotation: Any, default: Any = None) -> Parameter:
    return Parameter(name, Parameter.KEYWORD_ONLY, default=default, annotation=annotation)


def _option(alias: Alias, panel: str) -> Any:
    kind: Any = bool if alias.flag else list[str] if alias.many else str
    names = [name for name in (alias.option, alias.short) if name]
    return Annotated[kind | None, typer.Option(*names, rich_help_panel=panel)]


def _is_shown(field: Any) -> bool:
    """Tell whether a default is worth telling."""
    return not field.is_required() and field.default not in (None, "", {}, 0, False)
