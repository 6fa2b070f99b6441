"""What a replica has done, added up step by step."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from computesim.sim.records import Records


@dataclass(slots=True)
class Totals:
    """A row of totals, and the intervals of the timeline of its kind."""

    row: Any  #: of `records.REPLICA`
    bins: Records | None  #: dtype `records.BIN`, shape (bins,)
    width: float  #: of an interval, s
    on_since: float = 0.0

    def intervals(self, since: float, until: float) -> Iterator[tuple[Any, float]]:
        """Yield the intervals between two times and the seconds in each; the last has no end."""
        while self.bins is not None and since < until:
            place = int(since // self.width)
            edge = min((place + 1) * self.width, until)
            yield self.bins[min(place, len(self.bins) - 1)], edge - since
            since = edge

    def peak(self, held: int) -> None:
        """Note how much KV cache is taken."""
        self.row["peak_kv_tokens"] = max(self.row["peak_kv_tokens"], held)

    def occupy(self, since: float, seconds: float, running: int, reads: bool) -> None:
        """Add busy time outside of whole steps: of swapping, or of a step that does not end.

        Seconds below zero take back what was added for swapping that does not come to its end.
        """
        self.row["busy_seconds"] += seconds
        self.row["batch_seconds"] += running * seconds
        for cell, part in self.intervals(*sorted((since, since + seconds))):
            signed = part if seconds > 0 else -part
            cell["prefill_seconds" if reads else "decode_seconds"] += signed
            cell["batch_seconds"] += running * signed

    def step(
        self,
        began: float,
        seconds: float,
        compute: float,
        memory: float,
        running: int,
        chunk: int,
        decoding: int,
    ) -> None:
        """Add a step."""
        added = {
            "busy_seconds": seconds,
            "batch_seconds": running * seconds,
            "compute_seconds": compute,
            "memory_seconds": memory,
            "iterations": 1,
            "prefill_tokens": chunk,
            "decode_tokens": decoding,
        }
        for name, value in added.items():
            self.row[name] += value
        added["prefill_seconds" if chunk else "decode_seconds"] = seconds
        for name in ("busy_seconds", "iterations"):
            del added[name]
        for cell, part in self.intervals(began, began + seconds):
            for name, value in added.items():
                cell[name] += value * part / seconds

    def paid(self, now: float) -> None:
        """Add the time since it was switched on."""
        self.row["on_seconds"] += now - self.on_since
        for cell, part in self.intervals(self.on_since, now):
            cell["on_seconds"] += part
