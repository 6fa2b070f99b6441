"""What the options of `capacity` ask, and everything that is wrong with them at once."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

if TYPE_CHECKING:
    from computesim.cli.recorded import Excerpt
    from computesim.errors import Fault
    from computesim.hardware.serving import ServingLayout
    from computesim.study.capacity.demand import Question, RequestClass
    from computesim.study.capacity.pool import Policy

#: key of a class -> field of `RequestClass` or `ServiceLevel`, unit, least, most
KEYS: Final[dict[str, tuple[str, str, float, float]]] = {
    "rate": ("rate", "1", 1e-9, math.inf),
    "prompt": ("prompt_tokens", "token", 1.0, 1e7),
    "output": ("answer_tokens", "token", 1.0, 1e7),
    "spread": ("spread", "1", 0.0, 4.0),
    "prompt_spread": ("prompt_spread", "1", 0.0, 4.0),
    "cached": ("cached_share", "1", 0.0, 1.0),
    "burstiness": ("burstiness", "1", 0.0, 100.0),
    "priority": ("priority", "1", 0.0, 63.0),
    "ttft": ("ttft", "s", 1e-9, math.inf),
    "tpot": ("tpot", "s", 1e-9, math.inf),
    "e2e": ("e2e", "s", 1e-9, math.inf),
    "share": ("share", "1", 0.01, 0.9999),
}
_PROMISES = ("ttft", "tpot", "e2e", "share")
WHEN_FULL: Final = ("promise", "recompute")
SPLITS: Final = ("no", "yes", "both")


@dataclass(frozen=True, slots=True)
class Asked:
    """The options of `capacity`."""

    model: str
    accelerators: tuple[str, ...]
    common: dict[str, Any]  #: keys of `KEYS`, for all classes that do not say otherwise
    classes: tuple[str, ...] = ()  #: `chat:rate=3,ttft=2 s`
    file: Path | None = None  #: the same as YAML
    excerpt: Excerpt | None = None
    replicas: int | None = None
    clients: int | None = None
    think: str = ""
    requests: int = 2000
    seed: int = 1
    dtypes: tuple[str, str] = ("fp8", "bf16")
    degrees: tuple[int | None, int | None, int | None] = (None, None, None)
    when_full: str = "promise"
    split: str = "both"
    limits: tuple[int | None, int | None] = (None, None)  #: token budget, batch of a replica
    pareto: bool = False
    overlay: Path | None = None


@dataclass(slots=True)
class Reader:
    """Reads the options and collects what is wrong with them."""

    asked: Asked
    faults: list[Fault] = field(default_factory=list)

    def question(self) -> Question:
        """Return the question.

        Raises
        ------
        FaultyInputError
            With every fault.
        """
        from computesim.cli.recorded import recorded
        from computesim.errors import FaultyInputError
        from computesim.study.capacity.demand import Question, of_recorded

        asked = self.asked
        classes = self._classes()
        think = self._number("--think", asked.think or "0", "s", 0.0, math.inf)
        self.faults += [*_words(asked), *_exclusions(asked)]
        if self.faults:
            raise FaultyInputError(self.faults, "capacity")
        trace = None
        if asked.excerpt is not None:
            trace = recorded(asked.excerpt, asked.common.get("rate"), asked.seed).trace
            try:
                classes = of_recorded(trace, classes)
            except ValueError as error:
                fault = _fault("--class", str(error), "name classes of the trace")
                raise FaultyInputError([fault], "capacity") from error
        return Question(
            classes, trace, asked.clients or 0, think or 0.0, asked.requests, asked.seed
        )

    def _classes(self) -> tuple[RequestClass, ...]:
        """Return the classes of requests, with what all of them have in common."""
        named = [*map(self._spelled, self.asked.classes), *self._from_file()]
        common = self._read("", self.asked.common, lambda key: f"--{_OPTIONS.get(key, key)}")
        names = [name for name, _ in named]
        for name in sorted({name for name in names if names.count(name) > 1}):
            self.faults.append(_fault(f"class {name}", "is given twice", "give it once"))
        classes = [self._made(name, common | own) for name, own in named]
        return tuple(classes) or (self._made("requests", common),)

    def _made(self, name: str, values: dict[str, float]) -> RequestClass:
        """Return a class of its values."""
        from computesim.sim.levels import ServiceLevel
        from computesim.study.capacity.demand import RequestClass

        level = ServiceLevel(**{key: values[key] for key in _PROMISES if key in values})
        own = {KEYS[key][0]: value for key, value in values.items() if key not in _PROMISES}
        if "priority" in own:
            own["priority"] = int(own["priority"])
        return replace(RequestClass(name=name, level=level), **own)  # type: ignore[arg-type]

    def _spelled(self, text: str) -> tuple[str, dict[str, float]]:
        """Return name and values of `chat:rate=3,ttft=2 s`."""
        name, _, rest = text.partition(":")
        pairs = [part.partition("=") for part in rest.split(",") if part.strip()]
        for key, sign, _ in pairs:
            if not sign:
                told = f"{key.strip()!r} has no value"
                self.faults.append(_fault(f"--class {name}", told, "write key=value"))
        if not name.strip():
            self.faults.append(_fault("--class", repr(text), "begin with a name: `chat:rate=3`"))
        values = {key.strip(): value.strip() for key, sign, value in pairs if sign}
        return name.strip(), self._read(f"--class {name}", values, lambda key: key)

    def _from_file(self) -> Iterator[tuple[str, dict[str, float]]]:
        """Yield name and values of the classes of a YAML file."""
        from computesim.scenario.yaml_loader import read_yaml

        file = self.asked.file
        if file is None:
            return
        document = read_yaml(file.read_text(encoding="utf-8"), str(file))
        self.faults += document.faults
        for name, values in document.data.items():
            line = document.places[(name,)].line
            if not isinstance(values, dict):
                accepted = "keys and values, such as `chat: {rate: 3, ttft: 2 s}`"
                self.faults.append(_fault(str(name), repr(values), accepted, str(file), line))
                continue
            lines = {key: document.places[(name, key)].line for key in values}
            read = self._read(str(name), values, lambda key: str(key), str(file), lines)
            yield str(name), read

    def _read(
        self, of: str, values: dict[Any, Any], call: Callable[[str], str], file: str = "",
        lines: dict[Any, int] | None = None,
    ) -> dict[str, float]:  # fmt: skip
        """Return the values of a class as numbers."""
        from computesim.errors import near_miss

        found = {}
        for key, value in values.items():
            name = ": ".join(filter(None, (of, call(key))))
            place = (file, (lines or {}).get(key, 0))
            if key not in KEYS:
                hint = near_miss(str(key), KEYS)
                accepted = f"keys are {', '.join(KEYS)}"
                self.faults.append(_fault(name, "is not known", accepted, *place, hint))
            elif value not in (None, ""):
                number = self._number(name, value, *KEYS[key][1:], *place)
                if number is not None and key == "priority" and number % 1:
                    self.faults.append(_fault(name, repr(value), "a whole number", *place))
                elif number is not None:
                    found[key] = number
        return found

    def _number(
        self, name: str, value: Any, unit: str, least: float, most: float, file: str = "",
        line: int = 0,
    ) -> float | None:  # fmt: skip
        """Return a quantity as a number in base units, None if it is none."""
        from computesim.errors import UnitError
        from computesim.units import parse

        kind = {"s": "a time such as `2 s`", "token": "a number of tokens"}.get(unit, "a number")
        accepted = kind if most == math.inf else f"{kind} from {least:g} to {most:g}"
        if unit == "s":
            accepted = f"{kind}, above zero" if least else kind
        try:
            if isinstance(value, bool):
                raise UnitError(repr(value))
            number = parse(value, unit)
        except UnitError as error:
            self.faults.append(_fault(name, str(error), accepted, file, line))
            return None
        if not least <= number <= most or math.isinf(number):
            self.faults.append(_fault(name, repr(value), accepted, file, line))
            return None
        return number


#: keys of `KEYS` whose option has another name
_OPTIONS = {
    "prompt": "prompt-tokens", "output": "output-tokens", "cached": "cached-share",
    "prompt_spread": "prompt-spread",
}  # fmt: skip


def _fault(
    key: str, found: str, accepted: str, file: str = "", line: int = 0, hint: str = ""
) -> Fault:
    """Return a fault; the errors are imported only when there is one."""
    from computesim.errors import Fault

    return Fault(key, found, accepted, file, line, hint)


def _words(asked: Asked) -> Iterator[Fault]:
    """Yield the faults of names: of the catalog, of dtypes, of policies."""
    from computesim import load_catalog
    from computesim.errors import CatalogError, near_miss
    from computesim.quantities import DTYPE_BYTES

    catalog = load_catalog(asked.overlay)
    looked: list[tuple[str, str, Callable[[str], Any]]] = [("--model", asked.model, catalog.model)]
    looked += [("--accelerator", name, catalog.accelerator) for name in asked.accelerators]
    for option, name, find in looked:
        try:
            find(name)
        except CatalogError as error:
            for fault in error.faults:
                yield _fault(option, fault.found, fault.accepted, hint=fault.hint)
    for option, word, known in (
        ("--dtype", asked.dtypes[0], tuple(DTYPE_BYTES)),
        ("--kv-dtype", asked.dtypes[1], tuple(DTYPE_BYTES)),
        ("--when-full", asked.when_full, WHEN_FULL),
        ("--disaggregated", asked.split, SPLITS),
    ):
        if word not in known:
            accepted = f"is not one of {', '.join(known)}"
            yield _fault(option, repr(word), accepted, hint=near_miss(word, known))
    if any(asked.degrees):
        try:
            layout(asked.degrees)
        except ValueError as error:
            yield _fault("--tp, --ep, --pp", str(error), "give degrees that divide one another")


def _exclusions(asked: Asked) -> Iterator[Fault]:
    """Yield what is missing and what excludes one another."""
    rate, several = asked.common.get("rate"), bool(asked.classes or asked.file)
    if asked.clients and rate is not None:
        yield _fault("--rate, --clients", "both are given", "a closed loop makes its own rate")
    if asked.think and not asked.clients:
        yield _fault("--think", "there are no --clients", "only clients of a closed loop think")
    if asked.pareto:
        if asked.replicas:
            yield _fault("--replicas", "not used by --pareto", "a front is one of single replicas")
        return
    asks = (rate, asked.clients, asked.replicas, asked.excerpt, several or None)
    if all(one is None for one in asks):
        yield _fault("--rate", "nothing is asked", "give --rate, --clients, --trace, --class, or "
                     "--replicas for the highest rate")  # fmt: skip
    if several and rate is not None and asked.excerpt is None:
        yield _fault("--rate", "classes have rates of their own", "leave it out")


def layout(degrees: tuple[int | None, int | None, int | None]) -> ServingLayout:
    """Return the layout of tp, ep and pp.

    Parameters
    ----------
    degrees : tuple of int or None
        At least one of them given.
    """
    from computesim.hardware.serving import ServingLayout

    tp, ep, pp = (degree or 1 for degree in degrees)
    return ServingLayout(tp=tp, ep=ep, pp=pp, dp=max(1, ep // tp))


def policy(asked: Asked) -> Policy:
    """Return what a replica does with its KV cache and its steps.

    Parameters
    ----------
    asked : Asked
    """
    from computesim.sim.service import PROMISE, RECOMPUTE
    from computesim.study.capacity.pool import Policy

    gives_way = asked.when_full == "recompute"
    return Policy(RECOMPUTE if gives_way else PROMISE, 16 if gives_way else 1, *asked.limits)
