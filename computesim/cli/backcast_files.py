"""A back-cast as files: tables, charts, and others' projections."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from computesim.study.backcast.checks import Backcast


def write_backcast(found: Backcast, folder: Path, formats: Sequence[str]) -> list[Path]:
    """Write everything of a back-cast.

    Parameters
    ----------
    found : Backcast
    folder : Path
        Made when it is not there.
    formats : sequence of str
        Of the charts: `svg`, `png`, `pdf`.

    Returns
    -------
    list of Path
        `comparisons.csv` and `calibrated.csv` in base units, `vintages.csv` (what others project,
        by vintage), `backcast.json`, and the charts.
    """
    import json

    from computesim.records import as_data
    from computesim.report.backcast_figures import backcast_figures
    from computesim.report.export import draw, write_rows
    from computesim.report.overlay_figures import VINTAGE_HEADS, overlay_figures, vintage_rows
    from computesim.results.files import write_text

    data, results = found.as_dict(), found.results
    files = []
    for name in ("comparisons", "calibrated"):
        heads = list(data[name][0]) if data[name] else []
        body = [["" if v is None else v for v in row.values()] for row in data[name]]
        files.append(write_rows(folder / f"{name}.csv", [heads, *body]))
    files.append(write_rows(folder / "vintages.csv", [VINTAGE_HEADS, *vintage_rows(results)]))
    text = json.dumps(as_data(data), indent=1, ensure_ascii=False)
    files.append(write_text(folder / "backcast.json", text + "\n"))
    charts = backcast_figures(data["comparisons"], results)
    charts += [chart for figure in overlay_figures() if (chart := figure(results)) is not None]
    return [*files, *draw(charts, folder / "charts", formats)]
