"""Which requests come: the keys below `traffic` of the questions about serving."""

from __future__ import annotations

from typing import Annotated

from computesim.scenario.context import Complaint, rejected
from computesim.scenario.part import Part, optional, required
from computesim.scenario.question_fields import (
    ByClass,
    Count,
    Info,
    Moment,
    Number,
    Share,
    SomeCount,
    Spread,
    Tokens,
    Word,
    checks,
)
from computesim.sim.demand import ROUNDS_AT_WORK
from computesim.sim.trace import Even, TokenLaw, lognormal

LANES = 64  #: priorities


class Recording(Part):
    """Part of a recorded trace."""

    file: str = required(
        "Recorded requests, in a format of docs/traces.md, or a folder of ServeGen's clients."
    )
    format: Annotated[str | None, Word("generic", "azure", "burstgpt", "mooncake")] = optional(
        None, "Of the file; left out, the columns tell."
    )
    start: Moment = optional(None, "Keep requests from here on: `10 h` after the first row.")
    end: Moment = optional(None, "Keep requests before this.")

    @property
    def span(self) -> tuple[float, float]:
        """First and last moment, s after the first row."""
        first = -float("inf") if self.start is None else self.start
        return first, float("inf") if self.end is None else self.end


class Range(Part):
    """Between which shares of their means lengths are drawn, evenly."""

    least: Annotated[float, Number(minimum=0.01, maximum=1)] = required("Of the mean.")
    most: Annotated[float, Number(minimum=0.01, maximum=10)] = required("Of the mean.")

    @checks("most")
    @classmethod
    def _is_no_less(cls, most: float, info: Info) -> float:
        """Refuse an empty range."""
        least = info.data.get("least", most)
        if most < least:
            raise rejected([Complaint((), f"{most:g}", f"at least {least:g}, the least")])
        return most


class Drawn(Part):
    """Which requests come."""

    rate: Annotated[float | None, Number("request/s", positive=True)] = optional(
        None, "Requests/s; of a trace: at which it is replayed."
    )
    clients: SomeCount = optional(None, "Closed loop: so many clients, each waits for its answer.")
    think: Annotated[float | None, Number("s", minimum=0)] = optional(
        None, "Of a client or a person, from an answer to the next request: `5 s`."
    )
    rounds: SomeCount = optional(
        None,
        "Play a benchmark: each client sends so many requests, the first ones all at once to an "
        "empty pool, and every one is judged; InferenceX takes 10.",
    )
    trace: Recording | None = optional(None, "Recorded requests instead of drawn ones.")
    requests: Annotated[int, Number(minimum=10, whole=True)] = optional(
        2000, "Requests drawn; at least, where more are needed to judge."
    )
    prompt_tokens: Tokens = optional(1000, "Mean of the requests that are drawn.")
    output_tokens: Tokens = optional(2000, "Mean of the requests that are drawn.")
    spread: Spread = optional(0.9, "Sd of ln(output tokens).")
    range: Range | None = optional(
        None,
        "Instead of a spread: prompts and outputs are drawn evenly between LEAST and MOST times "
        "these numbers; InferenceX takes `0.8,1`.",
    )
    cached_share: Share = optional(0.0, "Share of the prompt in a prefix cache.")
    burstiness: Annotated[float, Number(minimum=0, maximum=100)] = optional(
        1.0, "Variation of the gaps; 1 is a Poisson stream."
    )

    @property
    def drawn(self) -> int:
        """Requests that are drawn."""
        clients = self.clients or 0
        if self.rounds:
            return clients * self.rounds
        return max(self.requests, ROUNDS_AT_WORK * clients)

    @property
    def at_work(self) -> int:
        """Clients that are in the middle of an answer at first; those of a benchmark are not."""
        return 0 if self.rounds else self.clients or 0

    def law(self, mean: float, spread: float) -> TokenLaw:
        """Return the law of lengths with a mean: even within the range, else lognormal.

        Parameters
        ----------
        mean : float, token
        spread : float
            Sd of ln(tokens).
        """
        if self.range is None:
            return lognormal(mean, spread)
        return Even(self.range.least * mean, self.range.most * mean)


class Search(Part):
    """A beam search."""

    depth: Count = required("Levels.")
    width: Count = required("Chains that go on.")
    branching: Count = required("Continuations of each.")


class Traffic(Drawn):
    """Which requests come, and how they follow one another."""

    turns: Annotated[float | None, Number(minimum=1)] = optional(
        None, "Draw sessions with so many turns on average."
    )
    samples: Count = optional(1, "Consensus or best of K: K answers from one prompt.")
    search: Search | None = optional(None, "Beam search: D levels, W chains, B continuations each.")
    priority: Annotated[
        dict[str, float], ByClass(Number(minimum=0, maximum=LANES - 1, whole=True))
    ] = optional({}, "Of classes of a trace, as an option `chat=0,batch=1`; 0 goes first.")
