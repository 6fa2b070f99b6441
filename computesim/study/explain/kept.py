"""Audit trails kept between runs: a run that was made before is not walked back again."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Sequence
from contextlib import suppress
from pathlib import Path

from computesim.cells.memo import Memo
from computesim.results import Results
from computesim.results.files import write_text
from computesim.scenario import Scenario
from computesim.study.explain.trail import audit, write_table

_PACKAGE = Path(__file__).parents[2]
_MOST = 20  #: trails kept; one of a shipped scenario is about 0.7 MB


def write_audit(
    path: Path, scenario: Scenario, memo: Memo, results: Results, variables: Sequence[str]
) -> Path:
    """Write the audit trail of some figures in the last year, known or walked anew.

    Parameters
    ----------
    path : Path
        Usually `tables/audit_trail.csv` of the output folder.
    scenario : Scenario
    memo : Memo
        Where cells are kept there is room for trails; without a folder every trail is walked.
    results : Results
        Of the scenario.
    variables : sequence of str
        Names and groups; those that the results lack are left out.

    Notes
    -----
    A trail is filed under a hash of the results, of their manifest (values, sources, files and
    lines of all inputs) and of the package: code, tables and scenarios.
    """
    folder = memo.folder / "trails" if memo.folder else None
    place = folder / f"{_digest(results, variables)}.csv" if folder else None
    if place is not None:
        with suppress(OSError):
            return write_text(path, place.read_text(encoding="utf-8"))
    write_table(path, audit(scenario, memo, results, variables, results.years[-1]))
    if folder is not None and place is not None:
        with suppress(OSError):
            write_text(place, path.read_text(encoding="utf-8"))
            for old in sorted(folder.glob("*.csv"), key=_age)[:-_MOST]:
                old.unlink()
    return path


def _digest(results: Results, variables: Sequence[str]) -> str:
    """Return a hash of everything that a trail rests on."""
    facts = {key: part for key, part in results.manifest.items() if key != "wall_time"}
    digest = hashlib.sha256(json.dumps([facts, list(variables)], default=str).encode())
    digest.update(repr(list(results.columns().values())).encode())
    for path in sorted(p for p in _PACKAGE.rglob("*") if p.suffix in (".py", ".csv", ".yaml")):
        digest.update(path.read_bytes())
    return digest.hexdigest()[:32]


def _age(path: Path) -> float:
    return path.stat().st_mtime
