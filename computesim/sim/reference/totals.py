"""What a replica has done, added up step by step."""

from __future__ import annotations

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

    def interval(self, time: float) -> Any:
        """Return the interval of a time; the last one takes all that is later."""
        assert self.bins is not None
        return self.bins[min(int(time // self.width), len(self.bins) - 1)]

    def peak(self, held: int) -> None:
        """Note how much KV cache is taken."""
        self.row["peak_kv_tokens"] = max(self.row["peak_kv_tokens"], held)

    def occupy(self, since: float, seconds: float, running: int, reads: bool) -> None:
        """Add busy time outside of whole steps: of swapping, or of a step that does not end.

        Seconds below zero take back what was added for swapping that does not come to its end.
        """
        self.row["busy_seconds"] += seconds
        self.row["batch_seconds"] += running * seconds
        time, end = sorted((since, since + seconds))
        while self.bins is not None and time < end:
            edge = min((int(time // self.width) + 1) * self.width, end)
            part = edge - time if seconds > 0 else time - edge
            cell = self.interval(time)
            cell["prefill_seconds" if reads else "decode_seconds"] += part
            cell["batch_seconds"] += running * part
            time = edge

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
        found = {
            "busy_seconds": seconds,
            "batch_seconds": running * seconds,
            "compute_seconds": compute,
            "memory_seconds": memory,
            "iterations": 1,
            "prefill_tokens": chunk,
            "decode_tokens": decoding,
        }
        for name, value in found.items():
            self.row[name] += value
        if self.bins is None:
            return
        found["prefill_seconds" if chunk else "decode_seconds"] = seconds
        for name in ("busy_seconds", "iterations"):
            del found[name]
        time, end = began, began + seconds
        while time < end:
            edge = min((int(time // self.width) + 1) * self.width, end)
            for name, value in found.items():
                self.interval(time)[name] += value * (edge - time) / seconds
            time = edge

    def paid(self, now: float) -> None:
        """Add the time since it was switched on."""
        self.row["on_seconds"] += now - self.on_since
        time = self.on_since
        while self.bins is not None and time < now:
            edge = min((int(time // self.width) + 1) * self.width, now)
            self.interval(time)["on_seconds"] += edge - time
            time = edge
