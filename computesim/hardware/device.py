"""How fast a phone or a PC writes and reads tokens: memory bandwidth and NPU are the bounds."""

from __future__ import annotations

from dataclasses import dataclass

from computesim.calendar import BITS


@dataclass(frozen=True, slots=True)
class Device:
    """A mean device that is in use, and the model that it holds."""

    active_parameters: float  #: parameters that one token meets
    weight_bits: float  #: of one parameter
    memory_bandwidth: float  #: B/s
    bandwidth_share: float  #: of the bandwidth, that decoding reaches
    npu: float  #: dense int8 peak, OP/s
    npu_share: float  #: of the peak, that reading a prompt reaches
    watts: float  #: of the device while it works, above idle, W

    @property
    def decode(self) -> float:
        """Output tokens/s of one sequence: every token reads all active weights once."""
        weights = self.active_parameters * self.weight_bits / BITS
        return self.memory_bandwidth * self.bandwidth_share / weights

    @property
    def prefill(self) -> float:
        """Prompt tokens/s: two operations per parameter and token."""
        return self.npu * self.npu_share / (2.0 * self.active_parameters)

    def seconds(self, prompt: float, output: float) -> float:
        """Return the time that so many tokens keep one device busy, s.

        Parameters
        ----------
        prompt, output : float, token
        """
        return prompt / self.prefill + output / self.decode
