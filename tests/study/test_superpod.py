"""Every count of the SuperPOD reference architectures is a network case."""

from __future__ import annotations

import csv
import re
from pathlib import Path

import pytest

from computesim.study.verify.checks import verify

NAMES = {
    "DGX SuperPOD B200/H100-class NDR": "infiniband-ndr",
    "DGX SuperPOD B300 Spectrum-X dual-plane": "spectrum-x-800",
    "DGX SuperPOD B300 XDR": "infiniband-xdr",
}


def published() -> list[tuple[str, str, str, float]]:
    """Return fabric, accelerators, metric and value of every published count, or skip."""
    for folder in Path(__file__).parents[2].parents:
        path = folder / "shared" / "facts" / "facts_network.csv"
        if path.exists():
            with path.open(encoding="utf-8", newline="") as file:
                return [
                    (NAMES[r["item"]], match[1], r["parameter"], float(r["value"]))
                    for r in csv.DictReader(file)
                    if r["category"] == "ref_arch"
                    and r["item"] in NAMES
                    and (match := re.search(r"(\d+) GPUs", r["condition"]))
                ]
    pytest.skip("needs the bulk file shared/facts/facts_network.csv, which is not here")


def test_every_published_count_is_a_case_with_its_value_and_predicted_exactly() -> None:
    ours = {
        (v.case.text("fabric"), v.case.text("accelerators"), v.case.metric): v
        for v in verify("network").verdicts
    }
    counts = published()
    assert len(counts) == 76
    for fabric, accelerators, metric, value in counts:
        verdict = ours[fabric, accelerators, metric]
        assert verdict.case.value == value
        assert verdict.predicted == value
