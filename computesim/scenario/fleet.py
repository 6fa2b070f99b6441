"""What answers: shipments of accelerators, failures, sites, networks, prices and limits."""

from __future__ import annotations

from typing import Annotated

from computesim.scenario.fields import (
    Accelerators,
    AtLeastOne,
    Count,
    Name,
    Quantity,
    Seconds,
    Share,
    Shares,
    Word,
)
from computesim.scenario.part import Part, optional, required
from computesim.scenario.values import Choice, Mix, Value


class Fleet(Part):
    """Which accelerators are shipped, and how long they serve."""

    shipments: Annotated[Mix, Shares("accelerators")] = required(
        "Shares of the units shipped in a year, by accelerator; they sum to 1. A year's mix holds "
        "until the next one unless `interpolation: linear` is written."
    )
    lifetime: Annotated[Value, Quantity("s", minimum=1)] = optional(
        {"low": "3 year", "central": "5 year", "high": "7 year", "source": "estimate"},
        "Time in service before an accelerator is retired.",
    )
    deployment_lag: Annotated[Value, Quantity("s", minimum=0, maximum=31557600)] = optional(
        {"low": "0.125 year", "central": "0.25 year", "high": "0.5 year", "source": "estimate"},
        "Time from shipment to service, at most a year.",
    )


class Reliability(Part):
    """How often machines fail, and what a failure costs."""

    failures_per_node_day: Count = optional(
        {"low": 0.00234, "central": 0.00379, "high": 0.025, "source": "llama3-herd"},
        "Failures of one node on one day that stop the job; a plain number per day.",
    )
    repair: Seconds = optional(
        {"low": "0.2 day", "central": "1 day", "high": "5 day", "source": "estimate"},
        "Time until a failed node is back.",
    )
    restart: Seconds = optional(
        {"low": "3 min", "central": "10 min", "high": "25 min", "source": "megascale"},
        "Time from a failure to the resumed job.",
    )
    checkpoint_interval: Annotated[Value, Quantity("s", minimum=1)] = optional(
        {"low": "2 min", "central": "30 min", "high": "180 min", "source": "meta-reliability"},
        "Longest time between two checkpoints; jobs that fail often save at the interval of least "
        "waste.",
    )
    checkpoint_stall: Seconds = optional(
        {"low": "0.5 s", "central": "5 s", "high": "60 s", "source": "bytecheckpoint"},
        "Time for which a checkpoint stops the job.",
    )
    spare_share: Share = optional(
        {"low": 0.02, "central": 0.05, "high": 0.1, "source": "stas00-ml-engineering"},
        "Spare nodes over nodes in use; a job waits while more are in repair.",
    )
    operational_share: Annotated[Value, Quantity("1", minimum=0.01, maximum=1)] = optional(
        {"low": 0.75, "central": 0.8, "high": 0.85, "source": "uptime-gpu-utilisation"},
        "Share of the training accelerators that have a job on them; the rest is between jobs, "
        "in test or in maintenance.",
    )


class Site(Part):
    """Where the machines stand."""

    name: Annotated[Choice, Name("sites")] = required("A site of `computesim list sites`.")
    pue: Annotated[Value | None, Quantity("1", minimum=1, maximum=5)] = optional(
        None, "Facility power over IT power; the site's own figure when left out."
    )
    carbon_intensity: Annotated[Value | None, Quantity("g/kWh", minimum=0, base="g/J")] = optional(
        None, "Carbon dioxide per energy; the site's own figure when left out."
    )


class Network(Part):
    """The scale-out network of the clusters."""

    topology: Annotated[Choice, Word("clos", "rail-optimised", "rail-only", "torus")] = optional(
        "rail-optimised", "How the switches are arranged."
    )
    fabric: Annotated[Choice, Name("fabrics")] = required(
        "The generation of switches and optics, a name of `computesim list fabrics`."
    )
    cluster_accelerators: Accelerators = required("Accelerators that one network joins.")
    oversubscription: AtLeastOne = optional(
        1, "Bandwidth below the first switch over bandwidth above it."
    )
    first_hop: Annotated[Choice, Word("optical", "copper")] = optional(
        "optical", "What joins an accelerator to its first switch."
    )


class Prices(Part):
    """What things cost; accelerators cost what the catalog says unless a price is given here."""

    accelerators: dict[str, Annotated[Value, Quantity("USD", minimum=0)]] = optional(
        {}, "Prices of accelerators that replace the catalog's, by name."
    )
    server_share: Count = optional(
        {"low": 0.15, "central": 0.22, "high": 0.4, "source": "estimate"},
        "Price of the rest of a server over the price of its accelerators.",
    )
    electricity: Annotated[Value | None, Quantity("USD/kWh", minimum=0, base="USD/J")] = optional(
        None, "Price of electricity; the site's own figure when left out."
    )
    facility: Annotated[Value | None, Quantity("USD/W", minimum=0)] = optional(
        None,
        "Price of buildings, power and cooling per watt of IT load; "
        "the site's own figure when left out.",
    )

    host_memory: Annotated[Value, Quantity("USD/GB", minimum=0, base="USD/B")] = optional(
        {
            "low": 4,
            "central": 7,
            "high": 11,
            "source": "counterpoint-server-memory",
            "note": "an RDIMM of 64 GB: 255 USD in mid-2025, 450 in late 2025, 700 expected next",
        },
        "Price of server memory in which prompts wait.",
    )
    storage: Annotated[Value, Quantity("USD/GB", minimum=0, base="USD/B")] = optional(
        {"low": 0.08, "central": 0.15, "high": 0.3, "source": "estimate"},
        "Price of flash storage in which prompts wait, servers around it included.",
    )


class Limits(Part):
    """What cannot be exceeded; what it leaves unmet is reported."""

    facility_power: Annotated[Value | None, Quantity("W", minimum=0)] = optional(
        None, "Power of all facilities together, a path over years; no limit when left out."
    )
