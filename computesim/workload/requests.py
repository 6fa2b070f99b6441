"""A stream of requests: what anybody asks of a model, whoever counts, prices or plays it."""

from __future__ import annotations

from dataclasses import dataclass, field

from computesim.workload.architecture import Architecture
from computesim.workload.transformer import decode_flop, prefill_flop


@dataclass(frozen=True, slots=True)
class RequestStream:
    """Requests that are alike: how many come, and their mean lengths."""

    rate: float  #: requests/s, or relative to other streams where only their mix matters
    prompt_tokens: float  #: cached prefix included
    cached_share: float = 0.0  #: of the prompt tokens
    answer_tokens: float = 0.0  #: visible, of one sample
    reasoning_tokens: float = 0.0  #: of one sample; 0 for requests that do not reason
    spread: float = 0.0  #: sd of ln tokens of the reasoning; of the output where nothing reasons
    samples: float = 1.0  #: chains in parallel, a mean
    name: str = field(default="", compare=False, repr=False)  #: whose requests these are

    def __post_init__(self) -> None:
        if not 0 <= self.cached_share <= 1:
            raise ValueError(f"cached_share of {self.cached_share:g} is not between 0 and 1")
        for name in ("prompt_tokens", "answer_tokens", "reasoning_tokens", "spread"):
            if getattr(self, name) < 0:
                raise ValueError(f"{name} must not be negative")
        if self.samples < 1:
            raise ValueError(f"samples of {self.samples:g} are less than one")

    @property
    def cached_tokens(self) -> float:
        """Tokens of the prompt that a prefix cache holds."""
        return self.prompt_tokens * self.cached_share

    @property
    def sample_tokens(self) -> float:
        """Mean tokens of one sample, reasoning and answer."""
        return self.reasoning_tokens + self.answer_tokens

    @property
    def output_tokens(self) -> float:
        """Mean tokens that a request generates, all samples together."""
        return self.samples * self.sample_tokens

    def prefill_flop(self, model: Architecture) -> float:
        """Return the FLOP/s that read the prompts; FLOP of one request where the rate is 1."""
        return self.rate * prefill_flop(model, self.prompt_tokens, self.cached_tokens)

    def decode_flop(self, model: Architecture) -> float:
        """Return the FLOP/s that write all samples; FLOP of one request where the rate is 1."""
        each = decode_flop(model, self.prompt_tokens, self.sample_tokens)
        return self.rate * self.samples * each
