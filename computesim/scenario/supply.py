"""What can be made, powered and paid for: the supply of accelerators."""

from __future__ import annotations

from typing import Annotated

from computesim.scenario.fields import Quantity, Share
from computesim.scenario.part import Part, optional
from computesim.scenario.values import Value


class Supply(Part):
    """What the industry can deliver; what is left out is no limit."""

    packaging: Annotated[Value | None, Quantity("wafer/month", minimum=0, base="wafer/s")] = (
        optional(
            None,
            "Capacity of advanced packaging (CoWoS and the like) at the end of a year, in 300 mm "
            "wafers. A path should begin a year before the horizon; before it, its start holds.",
        )
    )
    packaging_share: Share = optional(
        {"low": 0.58, "central": 0.74, "high": 0.94, "source": "estimate"},
        "Part of that capacity that ends in accelerators sold: utilisation, yield and what other "
        "chips take. The default is fitted to 2023 and 2024; see docs/supply.md.",
    )
    hbm: Annotated[Value | None, Quantity("GiB/year", minimum=0, base="B/s")] = optional(
        None, "High-bandwidth memory that is made in a year; its makers' GB are GiB."
    )
    hbm_share: Share = optional(
        {"low": 0.47, "central": 0.6, "high": 0.76, "source": "estimate"},
        "Part of that memory that ends in accelerators sold: stocks, losses and other chips take "
        "the rest. The default is fitted to 2023 and 2024; see docs/supply.md.",
    )
    lead_time: Annotated[Value, Quantity("s", minimum=0, maximum=31557600)] = optional(
        {"low": "0.1 year", "central": "0.25 year", "high": "0.5 year", "source": "estimate"},
        "From a packaged wafer or a memory stack to the accelerator sold, at most a year.",
    )
    power_added: Annotated[Value | None, Quantity("W/year", minimum=0, base="W/s")] = optional(
        None, "Power of facilities that can be built anew in a year; see `limits` for a total."
    )
    capital: Annotated[Value | None, Quantity("USD/year", minimum=0, base="USD/s")] = optional(
        None, "Capital spending of a year on accelerators, servers, network and facilities."
    )
    makers: dict[
        str, Annotated[Value, Quantity("accelerator/year", minimum=0, base="accelerator/s")]
    ] = optional(
        {},
        "Accelerators that can be shipped in a year, by vendor (`NVIDIA`) or by accelerator. The "
        "rest of the mix grows to fill the gap.",
    )
