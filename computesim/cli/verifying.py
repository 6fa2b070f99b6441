"""The command `verify`: ours, theirs and the error."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Any

import typer

from computesim.cli import options
from computesim.cli.app import CHECK_FAILED, app
from computesim.cli.output import print_json, progress
from computesim.report.text.tables import columns

KINDS = ("training", "serving", "rl", "network", "quality", "kernels", "queueing")
WITH_CASES = KINDS[:5]


@app.command()
def verify(
    kind: Annotated[
        str, typer.Argument(metavar="KIND", help=f"{', '.join(KINDS)}; all of them if left out.")
    ] = "",
    cases: Annotated[
        Path | None,
        typer.Option(metavar="FILE", help="Your own cases: CSV, may be gzipped."),
    ] = None,
    catalog: options.Catalog = None,
    as_json: options.Json = False,
) -> None:
    """Hold predictions against published figures and twins.

    Prints ours, theirs, the error and the source of every case, and a summary by metric. A case
    that cannot be predicted says why. The exit code is 1 where a check of kernels or queueing does
    not hold. The format of case files is in docs/verification.md.

    Example: computesim verify network
    """
    if kind:
        options.one_of(kind, KINDS, "KIND")
    if cases is not None and kind not in WITH_CASES:
        raise typer.BadParameter(
            f"only {', '.join(WITH_CASES)} take cases: computesim verify training --cases FILE",
            param_hint="--cases",
        )
    findings = {name: _findings(name, cases, catalog) for name in ([kind] if kind else KINDS)}
    if as_json:
        data = {name: one.data for name, one in findings.items()}
        print_json(data[kind] if kind else data)
    else:
        typer.echo("\n\n".join(one.text(name) for name, one in findings.items()))
    if not all(one.holds for one in findings.values()):
        raise typer.Exit(CHECK_FAILED)


@dataclass(frozen=True)
class _Findings:
    """What one kind of verification says."""

    data: dict[str, Any]
    tables: Sequence[Sequence[Sequence[str]]]
    holds: bool = True

    def text(self, name: str) -> str:
        """Return the tables below a title."""
        return "\n\n".join([name.upper(), *map(columns, self.tables)])


def _findings(name: str, cases: Path | None, catalog: Path | None) -> _Findings:
    from computesim.report.text.verify import check_rows, verification_tables

    if name in WITH_CASES:
        from computesim.study.verify.checks import verify as compare
        from computesim.study.verify.quality_o1 import o1_figures

        with progress() as tell:
            verification = compare(name, cases, catalog, tell)
        data = verification.as_dict()
        if name == "quality":
            data["o1"] = [figure.row for figure in o1_figures()]
        return _Findings(data, verification_tables(verification))
    from computesim.study.verify.sim import CHECKS

    checks = CHECKS[name]()
    failed = sum(not check.holds for check in checks)
    summary = {"n": len(checks), "n_failed": failed}
    data = {"rows": [check.row for check in checks], "summary": summary}
    return _Findings(data, [check_rows(checks)], not failed)
