"""Jobs that are not as they were asked for are said: once a job and year, with the reason."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from computesim import load_scenario, project
from computesim.cells.memo import Memo

SMALL = Path(__file__).parents[1] / "data" / "small.yaml"
PRETRAINING = "labs.lab.pretraining"


def said(memo: Memo, *overrides: str) -> list[str]:
    results = project(load_scenario(SMALL, list(overrides)), memo=memo)
    return [text for text in results.manifest["warnings"] if "jobs of" in text]


@pytest.fixture(scope="module")
def memo() -> Memo:
    return Memo(None)


def test_a_job_that_fails_too_often_is_said_once_a_year(memo: Memo) -> None:
    size = (f"{PRETRAINING}.accelerators=524288", f"{PRETRAINING}.batch_tokens=4e9",
            f"{PRETRAINING}.model=llama-3.1-70b", f"{PRETRAINING}.flop=2e26")  # fmt: skip
    texts = said(memo, *size)
    assert [text[:4] for text in texts] == ["2025", "2026"]
    for text in texts:
        assert "jobs of Pretraining (lab) have" in text
        assert re.search(
            r"[\d,]+ accelerators instead of 524,288 \(more would fail too often", text
        )


def test_a_job_that_its_batch_does_not_feed_is_said(memo: Memo) -> None:
    size = (f"{PRETRAINING}.accelerators=65536", f"{PRETRAINING}.batch_tokens=262144")
    assert all("instead of 65,536 (its batch feeds no more)" in text for text in said(memo, *size))
    assert len(said(memo, *size)) == 2


def test_runs_that_take_longer_than_asked_are_said_with_their_days(memo: Memo) -> None:
    late = said(memo, f"{PRETRAINING}.batch_tokens=262144", f"{PRETRAINING}.accelerators=64")
    assert late
    days = re.search(r"take ([\d,]+) days on .* instead of 60 days", late[0])
    assert days is not None
    assert float(days[1].replace(",", "")) > 60


def test_jobs_that_are_as_asked_are_not_mentioned(memo: Memo) -> None:
    assert not said(memo, f"{PRETRAINING}.duration=400 day")
