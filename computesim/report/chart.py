"""What a chart says, apart from how it is drawn."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Literal

Kind = Literal["stacked-column", "stacked-area", "lines", "ranges"]


@dataclass(frozen=True, slots=True)
class Series:
    """Numbers along the axis of the chart: a layer of a stack, or a line."""

    name: str
    y: tuple[float | None, ...]  #: one for each of the chart's `x`
    colour: str
    line: bool = False  #: drawn as a line over the stack
    dash: bool = False
    low: tuple[float | None, ...] = ()  #: lower edge of the band behind a line
    high: tuple[float | None, ...] = ()  #: upper edge of that band


@dataclass(frozen=True, slots=True)
class Points:
    """Single numbers with whiskers: what was observed, or how far replications spread."""

    name: str
    x: tuple[float, ...]
    y: tuple[float, ...]
    low: tuple[float | None, ...]
    high: tuple[float | None, ...]
    colour: str
    observed: bool = True  #: a diamond; otherwise a dash on the total
    labels: tuple[str, ...] = ()  #: what stands beside each; empty for none

    @property
    def whiskers(self) -> tuple[list[float], list[float]]:
        """How far the whiskers reach down and up; not at all where a range is not known."""
        down = [
            0.0 if w is None else max(y - w, 0.0) for y, w in zip(self.y, self.low, strict=True)
        ]
        up = [0.0 if h is None else max(h - y, 0.0) for y, h in zip(self.y, self.high, strict=True)]
        return down, up


@dataclass(frozen=True, slots=True)
class Range:
    """Ours over an actual, beside the range that is allowed."""

    label: str
    value: float  #: ours over actual
    low: float  #: end of what is allowed, over actual
    high: float
    inside: bool
    text: str  #: both numbers with their unit


@dataclass(frozen=True, slots=True)
class Chart:
    """One chart: what it answers, what it shows, what is counted and where it comes from."""

    key: str  #: name of the file
    title: str
    question: str  #: what the chart answers, under the title
    kind: Kind
    y_label: str  #: quantity and unit
    counts: str  #: what is counted, for the caption
    source: str  #: the source line
    x: tuple[float | str, ...] = ()
    x_label: str = ""
    series: tuple[Series, ...] = ()  #: in the order of the stack, from below
    points: tuple[Points, ...] = ()
    ranges: tuple[Range, ...] = ()
    log_y: bool = False
    log_x: bool = False
    y_max: float | None = None
    notes: tuple[str, ...] = field(default=())

    @property
    def layers(self) -> tuple[Series, ...]:
        """The series that are stacked."""
        return () if self.kind == "lines" else tuple(s for s in self.series if not s.line)

    @property
    def lines(self) -> tuple[Series, ...]:
        """The series that are drawn as lines."""
        return tuple(s for s in self.series if s.line or self.kind == "lines")

    @property
    def marked(self) -> bool:
        """Whether lines have a mark at every number; a curve of many has none."""
        return not (self.log_x and len(self.x) > 20)

    @property
    def x_span(self) -> tuple[float, float]:
        """The ends of a horizontal axis of numbers."""
        numbers = [x for x in self.x if not isinstance(x, str)]
        numbers += [x for p in self.points for x in p.x]
        return min(numbers, default=1.0), max(numbers, default=10.0)

    @property
    def caption(self) -> str:
        """What is counted, and the notes."""
        return " ".join((self.counts, *self.notes)).strip()

    @property
    def legend(self) -> tuple[Series, ...]:
        """The series as the legend lists them: lines from the highest end, stacks from the top."""
        last = [next((v for v in reversed(s.y) if v is not None), 0.0) for s in self.lines]
        highest = sorted(zip(last, self.lines, strict=True), key=lambda pair: -pair[0])
        return (*(line for _, line in highest), *reversed(self.layers))

    @property
    def log_span(self) -> tuple[float, float]:
        """The smallest and the largest number above zero that a logarithmic axis must hold."""
        numbers = [
            v for s in self.series for v in (*s.y, *s.low, *s.high) if v is not None and v > 0
        ]
        numbers += [v for r in self.ranges for v in (r.value, r.low, r.high, 1.0) if v > 0]
        numbers += [v for p in self.points for v in p.y if v > 0]
        numbers += [v for p in self.points for v in (*p.low, *p.high) if v is not None and v > 0]
        return min(numbers, default=1.0), max(numbers, default=10.0)
