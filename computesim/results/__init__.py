"""The results of a run: one long table, a manifest, and the files they live in."""

from computesim.results.families import VARIABLES
from computesim.results.files import output_folder, save_results, written_whole
from computesim.results.loading import load_results
from computesim.results.manifest import (
    Anchor,
    Assumption,
    BillCheck,
    Manifest,
    Overlay,
    Segment,
    Source,
    Told,
)
from computesim.results.rows import COLUMNS, Difference, Pairs, Row, SumFault, Yearly
from computesim.results.table import Results
from computesim.results.variables import WORKLOADS, VariableError, family, rows_of, unit_of

__all__ = [
    "COLUMNS",
    "VARIABLES",
    "WORKLOADS",
    "Anchor",
    "Assumption",
    "BillCheck",
    "Difference",
    "Manifest",
    "Overlay",
    "Pairs",
    "Results",
    "Row",
    "Segment",
    "Source",
    "SumFault",
    "Told",
    "VariableError",
    "Yearly",
    "family",
    "load_results",
    "output_folder",
    "rows_of",
    "save_results",
    "unit_of",
    "written_whole",
]
