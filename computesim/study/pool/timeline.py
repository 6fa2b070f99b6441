"""What a simulated pool did over time, interval by interval."""

from __future__ import annotations

from typing import Any

from computesim.cells.serving_power import PHASES, PowerTimeline
from computesim.study.pool.run import Played

_SECONDS = ("prefill_seconds", "decode_seconds", "compute_seconds", "memory_seconds", "on_seconds")


def pool_names(played: Played) -> tuple[str, ...]:
    """Return the names of the kinds of replicas of a run."""
    return ("prefill", "decode") if played.inputs.operation.decode_pool else ("all",)


def rows_of(played: Played, power: PowerTimeline) -> list[dict[str, Any]]:
    """Return what each pool did in each interval, in base units.

    Parameters
    ----------
    played : Played
        With a timeline.
    power : PowerTimeline
        Of it.

    Returns
    -------
    list of dict
        `pool`, `start_s`, `seconds`; seconds of work summed over replicas; `running` sequences
        and `replicas_on` on average; tokens; watts at the meter by phase, and of IT.
    """
    timeline = played.run.timeline
    assert timeline is not None
    rows = []
    for k, pool in enumerate(pool_names(played)):
        for b, start in enumerate(timeline.start):
            cell, width = timeline.bins[k, b], timeline.width
            row = {"pool": pool, "start_s": float(start), "seconds": width}
            row |= {name: float(cell[name]) for name in _SECONDS}
            row["running"] = float(cell["batch_seconds"]) / width
            row["replicas_on"] = float(cell["on_seconds"]) / width
            row |= {n: float(cell[n]) for n in ("prefill_tokens", "decode_tokens")}
            watts = zip(PHASES, power.facility[k, :, b], strict=True)
            row |= {f"{phase}_watts": float(value) for phase, value in watts}
            row["it_watts"] = float(power.it[k, :, b].sum())
            rows.append(row)
    return rows
