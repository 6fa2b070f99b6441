"""The words of a chart: a row of a table; what is drawn under them comes from the results."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from computesim.report.chart import Chart, Kind, Points, Series
from computesim.report.sourcing import source_line
from computesim.results import Results


@dataclass(frozen=True)
class Heading:
    """What a chart is called, what it answers, what it measures and on what inputs it rests."""

    key: str  #: name of the file
    title: str
    question: str
    quantity: str  #: of the vertical axis
    inputs: tuple[str, ...]  #: parts of the scenario that the source line speaks of

    def chart(
        self,
        results: Results,
        unit: str,
        series: Sequence[Series],
        counts: str,
        kind: Kind = "lines",
        log_y: bool = False,
        points: tuple[Points, ...] = (),
    ) -> Chart:
        """Return series along the years of the results under these words.

        Parameters
        ----------
        results : Results
        unit : str
            As shown beside the quantity; empty for none.
        series : sequence of Series
        counts : str
            What is counted, for the caption.
        kind : str
            As in `Chart`.
        log_y : bool
        points : tuple of Points
        """
        return Chart(
            self.key,
            self.title,
            self.question,
            kind,
            f"{self.quantity}, {unit}" if unit else self.quantity,
            counts,
            source_line(results, self.inputs),
            tuple(results.years),
            series=tuple(series),
            points=points,
            log_y=log_y,
        )
