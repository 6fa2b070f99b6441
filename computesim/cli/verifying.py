"""The command `verify`: ours, theirs and the error."""

from __future__ import annotations

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
    found = {name: _found(name, cases, catalog) for name in ([kind] if kind else KINDS)}
    if as_json:
        data = {name: one.data for name, one in found.items()}
        print_json(data[kind] if kind else data)
    else:
        typer.echo("\n\n".join(one.text(name) for name, one in found.items()))
    if not all(one.holds for one in found.values()):
        raise typer.Exit(CHECK_FAILED)


class _Found:
    """What one kind of verification found: data for JSON, tables, and whether it holds."""

    def __init__(self, data: dict[str, Any], tables: list[Any], holds: bool = True) -> None:
        self.data, self.tables, self.holds = data, tables, holds

    def text(self, name: str) -> str:
        """Return the tables below a title."""
        return "\n\n".join([name.upper(), *(columns(table) for table in self.tables if table)])


def _found(name: str, cases: Path | None, catalog: Path | None) -> _Found:
    """Return the findings of one kind."""
    from computesim.study.verify import text as verify_text

    if name in WITH_CASES:
        from computesim.study.verify.checks import verify as compare
        from computesim.study.verify.quality_o1 import o1_figures

        with progress() as tell:
            found = compare(name, cases, catalog, tell)
        tables = [
            verify_text.case_rows(found),
            verify_text.ratio_rows(found),
            verify_text.summary_of(found),
        ]
        data = found.as_dict()
        if name == "quality":
            tables.append(verify_text.o1_rows())
            data["o1"] = [figure.row for figure in o1_figures()]
        return _Found(data, tables)
    from computesim.study.verify.sim import CHECKS

    checks = CHECKS[name]()
    failed = sum(not check.holds for check in checks)
    summary = {"n": len(checks), "n_failed": failed}
    data = {"rows": [check.row for check in checks], "summary": summary}
    return _Found(data, [verify_text.check_rows(checks)], not failed)
