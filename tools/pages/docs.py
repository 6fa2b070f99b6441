"""The generated pages and pictures of docs/: `python -m tools.pages.docs` writes them again."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from functools import partial
from pathlib import Path

BAR = "\\|"  #: a bar within a cell of a table
_VARIABLES = """\
# The variables of a run

<!-- Written by tools.pages from data/variables.csv; a test keeps it current. -->

Every row of `results.csv` belongs to the family with the longest prefix of its name. Where parts
add up, the parts of a name (`Power|Facility|Pretraining`) sum to the name.

| prefix | unit | parts | what is counted |
| --- | --- | --- | --- |
"""
DOCS = Path(__file__).resolve().parents[2] / "docs"


def pages() -> dict[str, Callable[[], str]]:
    """Return what writes the generated pages, by file name."""
    from computesim.cli.asking import QUESTIONS, question_of
    from tools.pages.commands import reference_page
    from tools.pages.question_files import question_page
    from tools.pages.scenario_format import format_page
    from tools.pages.verification import page

    return {
        "scenario-format.md": format_page,
        "question-files.md": partial(
            question_page, {name: question_of(home) for name, home in QUESTIONS.items()}
        ),
        "commands.md": reference_page,
        "variables.md": variables_page,
        "verification.md": lambda: page((DOCS / "verification.md").read_text(encoding="utf-8")),
    }


def variables_page() -> str:
    """Return the page of the families of results."""
    from computesim.results import VARIABLES

    rows = (
        (v.prefix.replace("|", BAR), v.unit, "add up" if v.additive else "", v.counts)
        for v in VARIABLES
    )
    return _VARIABLES + "".join(f"| `{p}` | {u} | {add} | {what} |\n" for p, u, add, what in rows)


def pictures(folder: Path) -> list[Path]:
    """Run the baseline and draw the pictures of the README.

    Parameters
    ----------
    folder : Path
        Where they go.
    """
    from computesim.pipeline import project
    from computesim.report.export import draw
    from computesim.report.figures import charts
    from computesim.scenario import load_scenario

    drawn = {chart.key: chart for chart in charts(project(load_scenario("baseline")))}
    split = replace(drawn["compute-by-workload"], key="workload-split")
    return draw([split], folder, ["svg"])


def main() -> None:
    """Write every generated page and picture."""
    from computesim.results.files import write_text

    for name, write in pages().items():
        print(write_text(DOCS / name, write()))
    for picture in pictures(DOCS / "images"):
        print(picture)


if __name__ == "__main__":
    main()
