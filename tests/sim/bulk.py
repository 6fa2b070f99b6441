"""Bulk files that the repository does not hold."""

from __future__ import annotations

from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]


def trace_file(name: str) -> Path:
    """Return a request trace of the folder `shared` beside the repository, or skip the test."""
    for folder in ROOT.parents:
        path = folder / "shared" / "traces" / name
        if path.exists():
            return path
    pytest.skip(f"needs the bulk file shared/traces/{name}, which is not here")
