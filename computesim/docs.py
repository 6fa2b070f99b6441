"""The generated pages and pictures of docs/: `python -m computesim.docs` writes them again."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from functools import partial
from pathlib import Path

DOCS = Path(__file__).resolve().parents[1] / "docs"


def pages() -> dict[str, Callable[[], str]]:
    """Return what writes the generated pages, by file name."""
    from computesim.cli.reference import reference_page
    from computesim.report.text.verify import page
    from computesim.scenario import format_page
    from computesim.scenario.question_document import question_page
    from computesim.study.capacity.question import CapacityQuestion
    from computesim.study.pool.question import PoolQuestion

    return {
        "scenario-format.md": format_page,
        "question-files.md": partial(
            question_page, {"simulate": PoolQuestion, "capacity": CapacityQuestion}
        ),
        "commands.md": reference_page,
        "verification.md": page,
    }


def pictures(folder: Path) -> list[Path]:
    """Run the baseline and draw the pictures of the README.

    Parameters
    ----------
    folder : Path
        Where they go.
    """
    from computesim.pipeline import project
    from computesim.report.export import draw
    from computesim.report.figures import compute_by_workload
    from computesim.scenario import load_scenario

    chart = compute_by_workload(project(load_scenario("baseline")))
    return draw([replace(chart, key="workload-split")], folder, ["svg"]) if chart else []


def main() -> None:
    """Write every generated page and picture."""
    from computesim.results.files import write_text

    for name, write in pages().items():
        print(write_text(DOCS / name, write()))
    for picture in pictures(DOCS / "images"):
        print(picture)


if __name__ == "__main__":
    main()
