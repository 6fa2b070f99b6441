"""YAML 1.2 text as plain data, with the file and the line of every key and value.

Plain PyYAML speaks YAML 1.1: it reads `1e15` as a text, `on` as a boolean, a date
as a date and lets a key stand twice. Here the C parser only builds the tree of
nodes; scalars are resolved by the rules of YAML 1.2 (and `1_000_000` is a number).
"""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any, NamedTuple

import yaml

from computesim.errors import Fault

Key = tuple[str | int | float, ...]  #: where a value stands: ("products", "chat", "users", 2025)

_CORE = "tag:yaml.org,2002:"
_TAGS = ("map", "seq", "str", "int", "float", "bool", "null", "timestamp", "merge", "value")

MAX_NODES = 200_000  #: more than any scenario; stops texts whose aliases multiply


class Place(NamedTuple):
    """Where a key and its value stand."""

    file: str
    line: int  #: of the key, counted from 1
    value_line: int  #: of a scalar value; of the key for anything else


@dataclass(slots=True)
class Document:
    """The data of one file, the place of everything in it, and what was wrong with its text."""

    data: dict[Any, Any] = field(default_factory=dict)
    places: dict[Key, Place] = field(default_factory=dict)
    faults: list[Fault] = field(default_factory=list)


_SCALARS: tuple[tuple[re.Pattern[str], Callable[[str], Any]], ...] = (
    (re.compile(r"~|null|Null|NULL|"), lambda text: None),
    (re.compile(r"true|True|TRUE"), lambda text: True),
    (re.compile(r"false|False|FALSE"), lambda text: False),
    (re.compile(r"[-+]?[0-9][0-9_]*"), lambda text: int(text.replace("_", ""))),
    (re.compile(r"0o[0-7]+"), lambda text: int(text, 8)),
    (re.compile(r"0x[0-9a-fA-F]+"), lambda text: int(text, 16)),
    (
        re.compile(r"[-+]?(\.[0-9][0-9_]*|[0-9][0-9_]*(\.[0-9_]*)?)([eE][-+]?[0-9]+)?"),
        lambda text: float(text.replace("_", "")),
    ),
    (re.compile(r"[-+]?\.(inf|Inf|INF)"), lambda text: float(text.replace(".", ""))),
    (re.compile(r"\.(nan|NaN|NAN)"), lambda text: float("nan")),
)


def scalar(text: str) -> Any:
    """Return what an unquoted scalar means in YAML 1.2: None, a boolean, a number or a text."""
    for pattern, make in _SCALARS:
        if pattern.fullmatch(text):
            try:
                return make(text)
            except ValueError:  # thousands of digits
                return text
    return text


@dataclass(slots=True)
class _Builder:
    """Turns the nodes of one file into a document."""

    file: str
    first_line: int
    document: Document = field(default_factory=Document)
    n_nodes: int = 0
    open: set[int] = field(default_factory=set)  #: nodes being built; one met twice holds itself

    def fault(self, node: yaml.Node, key: Key, found: str, accepted: str, hint: str = "") -> None:
        line = node.start_mark.line + self.first_line
        self.document.faults.append(Fault(dotted(key), found, accepted, self.file, line, hint))

    def build(self, node: yaml.Node, key: Key) -> Any:
        self.n_nodes += 1
        if id(node) in self.open or self.n_nodes > MAX_NODES:
            if self.n_nodes <= MAX_NODES + 1:
                self.fault(node, key, "an alias that multiplies or holds itself", "write it out")
            return None
        if node.tag.removeprefix(_CORE) not in _TAGS:
            tag = node.tag.replace(_CORE, "!!")
            self.fault(node, key, f"the tag {tag}", "plain values without tags")
        if isinstance(node, yaml.ScalarNode):
            return scalar(node.value) if not node.style else node.value
        self.open.add(id(node))
        try:
            if isinstance(node, yaml.SequenceNode):
                return [self.build(item, (*key, i)) for i, item in enumerate(node.value)]
            return self.mapping(node, key)
        finally:
            self.open.discard(id(node))

    def mapping(self, node: yaml.Node, key: Key) -> dict[Any, Any]:
        data: dict[Any, Any] = {}
        for key_node, value_node in node.value:
            if not isinstance(key_node, yaml.ScalarNode):
                self.fault(key_node, key, "a key that is a list or a mapping", "a word or a year")
                continue
            name = _key(key_node)
            own = (*key, name)
            line = key_node.start_mark.line + self.first_line
            if name in data:
                first = self.document.places[own].line
                self.fault(key_node, own, "a duplicate key", f"it stands on line {first} already")
                for below in [k for k in self.document.places if k[: len(own)] == own]:
                    del self.document.places[below]  # the last one counts
            value_line = line
            if isinstance(value_node, yaml.ScalarNode):
                value_line = value_node.start_mark.line + self.first_line
            self.document.places[own] = Place(self.file, line, value_line)
            data[name] = self.build(value_node, own)
        return data


def _key(node: yaml.ScalarNode) -> str | int | float:
    """Return a key: a number stays one (a year), anything else is the text that stands there."""
    value = scalar(node.value) if not node.style else node.value
    is_number = isinstance(value, (int, float)) and not isinstance(value, bool)
    return value if is_number else str(node.value)


def read_yaml(text: str, file: str, first_line: int = 1) -> Document:
    """Return a YAML text as data with places and faults; it never raises for what the text says.

    Parameters
    ----------
    text : str
        One YAML document whose top level is a mapping.
    file : str
        The name that faults and places carry.
    first_line : int
        Number of the first line.
    """
    builder = _Builder(file, first_line)
    try:
        node = yaml.compose(text, Loader=yaml.CSafeLoader)
    except yaml.YAMLError as error:
        builder.document.faults.append(_syntax_fault(error, file, first_line))
        return builder.document
    if not isinstance(node, yaml.MappingNode):
        found = "an empty file" if node is None else "a value without a key"
        fault = Fault("(file)", found, "keys and values, such as `name: my-scenario`", file, 1)
        builder.document.faults.append(fault)
        return builder.document
    builder.document.data = builder.build(node, ())
    return builder.document


def _syntax_fault(error: yaml.YAMLError, file: str, first_line: int) -> Fault:
    """Return what the YAML parser did not understand, in one line."""
    mark = getattr(error, "problem_mark", None)
    problem = getattr(error, "problem", None) or getattr(error, "reason", None) or str(error)
    line = mark.line + first_line if mark is not None else 0
    hint = "a tab? indent with spaces" if "'\\t'" in problem or "tab" in problem else ""
    return Fault("(syntax)", str(problem).splitlines()[0], "YAML text", file, line, hint)


def read_value(text: str) -> Any:
    """Return the value of an override, `2e9` or `{2025: 1, 2030: 4}`.

    Raises
    ------
    ValueError
        If the text is not YAML.
    """
    document = read_yaml(f"value: {text}", "--set")
    if document.faults:
        raise ValueError(document.faults[0].found)
    return document.data["value"]


def dotted(key: Key) -> str:
    """Return a key as it is written on the command line: `products.chat.users`.

    A part that holds a dot is quoted, `"llama-3.1-70b"`; see `split` for the way back.
    """
    return ".".join(f'"{part}"' if "." in str(part) else str(part) for part in key)


def split(text: str) -> tuple[str, ...]:
    """Return the parts of a dotted key; a quoted part keeps its dots."""
    return tuple(quoted or plain for quoted, plain in _PART.findall(text))


_PART = re.compile(r'"([^"]*)"|([^."]+)')
