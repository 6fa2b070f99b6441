"""What a run leaves behind besides numbers: where they came from."""

from __future__ import annotations

from typing import Any, TypedDict


class Source(TypedDict, total=False):
    """One entry of the bibliography."""

    key: str
    title: str
    url: str
    date: str
    kind: str  #: datasheet, paper, filing, measurement, press, estimate or dataset


class Assumption(TypedDict, total=False):
    """One input of the scenario, as a person reads it."""

    path: str  #: `products.chat.users`
    value: str  #: the value, or the values by year, as text
    unit: str
    low: str
    high: str
    source: str  #: key of a source, or `estimate`
    origin: str  #: file and line, or `default`
    note: str


class Anchor(TypedDict, total=False):
    """One result beside what was published about it."""

    name: str
    year: int
    unit: str
    ours: float
    actual: float
    low: float | None  #: published range of the actual
    high: float | None
    factor: float  #: how far apart we allow the two to be, as a ratio
    within: bool
    source: str  #: key of a source
    variable: str  #: the variable whose chart shows this actual, when there is one


class Segment(TypedDict, total=False):
    """One segment of the supply chain, as a table without advice."""

    key: str
    label: str
    label_zh: str
    chain: str  #: compute, on-device or applications
    driver: str  #: what moves it
    quantity: str  #: the variable that counts it
    unit_zh: str  #: unit of Chinese reports
    factor_zh: float  #: base units in that unit
    value: str  #: the variable that prices it
    inside: list[str]  #: segments that its value is a part of; empty where it is spent by itself
    names_seed: list[str]  #: companies named by the article that the project started from
    names_other: list[str]  #: commonly listed
    note: str


class BillCheck(TypedDict, total=False):
    """One total of the bill beside a published market."""

    name: str
    year: int
    unit: str
    ours: float  #: of the accelerators that were shipped, as published
    ours_low: float
    ours_high: float
    scenario: float  #: of the accelerators that the scenario ships
    actual: float
    low: float | None
    high: float | None
    source: str


class Told(TypedDict, total=False):
    """One figure of somebody else: what happened, or what somebody projects."""

    year: float  #: 2026.0 is the end of 2026
    value: float
    low: float | None
    high: float | None
    vintage: str  #: when it was said
    family: str  #: actual, trend (an exponential) or pipeline (shipments, projects, plans)
    publisher: str  #: short name
    source: str  #: key of a source
    scope: str  #: what is counted, where it differs from ours


class Overlay(TypedDict, total=False):
    """One quantity of ours beside what others say of it."""

    key: str
    title: str
    quantity: str  #: what the axis says
    unit: str
    counts: str  #: what is counted
    ours: dict[int, float]
    low: dict[int, float]  #: p10 and p90 over replications; empty with one
    high: dict[int, float]
    told: list[Told]


class Manifest(TypedDict, total=False):
    """Everything needed to say where results came from, and to make them again."""

    version: str  #: of computesim
    name: str  #: of the scenario
    title: str
    question: str
    scenario: dict[str, Any]  #: the resolved scenario
    hash: str  #: of the resolved scenario
    seed: int
    sources: list[Source]
    assumptions: list[Assumption]
    anchors: list[Anchor]
    segments: list[Segment]
    bill_checks: list[BillCheck]
    bill_ratios: int  #: ratios that the bill is computed with
    bill_estimates: int  #: how many of them are estimates
    cny_per_usd: float  #: for values in 亿元
    overlays: list[Overlay]
    wall_time: float  #: s
    libraries: dict[str, str]
    warnings: list[str]
