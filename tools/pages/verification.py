"""The page docs/verification.md: every check and every shipped case."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

from computesim.report.text.verify import (
    KINDS,
    case_rows,
    check_rows,
    o1_rows,
    ratio_rows,
    summary_of,
)
from computesim.study.verify.cases import FORMATS, cited_sources
from computesim.study.verify.checks import verify
from computesim.study.verify.sim import CHECKS

_FORMAT: Final = """\
CSV in UTF-8 with a header, gzipped or not. An empty cell is unknown; other columns are kept. Names
are those of the catalog or aliases (`computesim list models`); `--catalog DIR` adds your own.
"""


def page(about: str) -> str:
    """Return docs/verification.md: every check and every shipped case.

    Parameters
    ----------
    about : str
        The page as it stands: what is above its first section is kept.
    """
    parts = [about[: about.index("\n## ")]]
    for kind, title in KINDS.items():
        verification = verify(kind)
        parts += [f"## {title}", "", _table(summary_of(verification)), ""]
        if kind == "quality":
            parts += ["### What OpenAI published about o1", "", _table(o1_rows()), ""]
        if pairs := ratio_rows(verification):
            parts += ["### Gains and scaling", "", _table(pairs), ""]
        parts += ["### Every case", "", _table(case_rows(verification)), ""]
    for name, check in CHECKS.items():
        parts += [f"## {name.capitalize()}", "", _table(check_rows(check())), ""]
    parts += ["## Format of case files", "", _FORMAT]
    for kind, form in FORMATS.items():
        columns = ", ".join(f"`{name}`" for name in form.columns)
        metrics = ", ".join(f"`{name}`" for name in form.metrics)
        parts += [f"- **{kind}**: {columns}; `metric` is one of {metrics}."]
    return "\n".join([*parts, "", "## Sources", "", *_sources(), ""])


def _sources() -> list[str]:
    lines = []
    for source in cited_sources():
        where = f"<{source.url}>" if source.url else "no address"
        lines.append(f"- `{source.key}`: {source.title}, {source.date}. {where}")
    return lines


def _table(rows: Sequence[Sequence[str]]) -> str:
    head, *body = ([cell.replace("|", "\\|") for cell in row] for row in rows)
    lines = [head, ["---"] * len(head), *body]
    return "\n".join(f"| {' | '.join(line)} |" for line in lines)
