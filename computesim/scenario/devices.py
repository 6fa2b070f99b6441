"""Phones and PCs that answer requests themselves, see `on_device_share` of products."""

from __future__ import annotations

from typing import Annotated

from computesim.scenario.fields import Count, Quantity, Seconds, Share
from computesim.scenario.part import Part, optional
from computesim.scenario.values import Value

_HOLD = {"interpolation": "geometric", "beyond": "hold"}


class Devices(Part):
    """What stands in pockets and on desks; it changes nothing in data centres."""

    shipments: Count = optional(
        {
            "path": {2022: 1e6, 2023: 29e6, 2024: 284e6, 2025: 500e6, 2028: 1079e6, 2030: 1250e6},
            **_HOLD,
            "source": "idc-genai-smartphones",
            "note": "phones and PCs with an NPU of 30 TOPS or more; estimates after 2028",
        },
        "Devices shipped in a year that can hold the model.",
    )
    lifetime: Annotated[Value, Quantity("s", minimum=1)] = optional(
        {"low": "3 year", "central": "4 year", "high": "5 year", "source": "estimate"},
        "Time that a device is used.",
    )
    active_parameters: Annotated[Value, Quantity("1", minimum=1)] = optional(
        {"low": 2e9, "central": 3e9, "high": 8e9, "source": "estimate"},
        "Parameters of the model on the device that one token meets.",
    )
    weight_bits: Annotated[Value, Quantity("1", minimum=0.5, maximum=32)] = optional(
        {"low": 2, "central": 4, "high": 8, "source": "estimate"}, "Bits of one parameter."
    )
    memory_bandwidth: Annotated[Value, Quantity("B/s", minimum=1)] = optional(
        {
            "path": {2022: 45e9, 2025: 65e9, 2030: 130e9},
            **_HOLD,
            "source": "estimate",
            "note": "mean in use; phones of 2025 have 60 to 76 GB/s, PCs 120 to 153",
        },
        "Memory bandwidth of a mean device in use.",
    )
    bandwidth_share: Annotated[Value, Quantity("1", minimum=0.01, maximum=1)] = optional(
        {"low": 0.5, "central": 0.7, "high": 0.85, "source": "estimate"},
        "Share of that bandwidth that decoding reaches.",
    )
    npu: Annotated[Value, Quantity("OP/s", minimum=1)] = optional(
        {"path": {2022: 16e12, 2025: 38e12, 2030: 100e12}, **_HOLD, "source": "estimate",
         "note": "35 to 45 TOPS in 2024 and 2025, dense int8; 80 in a PC of 2026"},
        "Dense int8 peak of the NPU of a mean device shipped.",
    )  # fmt: skip
    npu_share: Annotated[Value, Quantity("1", minimum=0.01, maximum=1)] = optional(
        {"low": 0.15, "central": 0.3, "high": 0.5, "source": "estimate"},
        "Share of that peak that reading a prompt reaches.",
    )
    power: Annotated[Value, Quantity("W", minimum=0)] = optional(
        {"low": 3, "central": 5, "high": 10, "source": "estimate"},
        "Power of a device at work above its idle power.",
    )
    charging: Annotated[Value, Quantity("1", minimum=0.1, maximum=1)] = optional(
        {"low": 0.7, "central": 0.8, "high": 0.9, "source": "estimate"},
        "Energy that reaches the device over energy at the plug.",
    )
    active_time: Seconds = optional(
        {"low": "10 min", "central": "30 min", "high": "120 min", "source": "estimate"},
        "Time of a day for which a user lets the model work.",
    )
    use: Share = optional(
        {"low": 0.2, "central": 0.5, "high": 0.8, "source": "estimate"},
        "Share of the devices in use whose owner uses the model.",
    )
    npu_price: Annotated[Value, Quantity("USD", minimum=0)] = optional(
        {"low": 5, "central": 10, "high": 20, "source": "estimate",
         "note": "about a tenth of a system on chip of 50 to 160 USD"},
        "Value of the NPU in one device.",
    )  # fmt: skip
    memory_price: Annotated[Value, Quantity("USD/GB", minimum=0, base="USD/B")] = optional(
        {"low": 2.5, "central": 4, "high": 9, "source": "estimate"},
        "Price of the memory that the model takes.",
    )
    model_memory: Annotated[Value, Quantity("B", minimum=0)] = optional(
        {"low": "2 GB", "central": "4 GB", "high": "8 GB", "source": "estimate",
         "note": "weights, KV cache and working space"},
        "Memory that one device holds for the model.",
    )  # fmt: skip
