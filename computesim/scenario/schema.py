"""The whole scenario tree."""

from __future__ import annotations

from typing import Annotated, ClassVar, Literal

from pydantic import Field

from computesim.scenario.devices import Devices
from computesim.scenario.finance import Finance, Regions
from computesim.scenario.fleet import Fleet, Limits, Network, Prices, Reliability, Site
from computesim.scenario.labs import Lab, OtherAI
from computesim.scenario.part import Part, optional, required
from computesim.scenario.products import Product, Tier, Traffic
from computesim.scenario.progress import Progress
from computesim.scenario.serving import Serving
from computesim.scenario.supply import Supply

Year = Annotated[int, Field(ge=1950, le=2100)]


class Horizon(Part):
    """The calendar years that are computed."""

    first_year: Year = required("First calendar year.")
    last_year: Year = required("Last calendar year, included.")


class Simulation(Part):
    """How the discrete-event simulation is run."""

    seed: int = optional(1, "Seed of all random streams.", ge=0, lt=2**63)
    replications: int = optional(1, "Independent replications.", ge=1, le=10_000)
    requests: int = optional(1000, "Requests of each serving cell.", ge=10, le=100_000_000)
    kernel: Literal["numba", "simpy"] = optional(
        "numba",
        "The event loop: `numba` for speed; `simpy` runs the readable twin, with the same result.",
    )

    RENAMED: ClassVar[dict[str, str]] = {
        "engine": "kernel is meant; the program that serves is tiers.….serving.engine"
    }


class Tree(Part):
    """A scenario: who asks, who trains, what answers, and at what price."""

    name: str = optional(
        "",
        "Short name in file names and tables; the name of the file when left out.",
        min_length=1,
        max_length=80,
    )
    title: str = optional("", "Title of charts and reports; the name when left out.")
    question: str = optional("", "The question that the scenario asks.")
    horizon: Horizon = required("The years that are computed.")
    simulation: Simulation = optional({}, "How the simulation is run.")
    products: dict[str, Product] = required("Products, by a name of your own.")
    tiers: dict[str, Tier] = required("Classes of service, by a name of your own.")
    traffic: Traffic = optional({}, "How requests arrive.")
    serving: Serving = optional({}, "How products are served: what of production engines is used.")
    labs: dict[str, Lab] = required("Groups of labs, by a name of your own.")
    other_ai: OtherAI = optional({}, "AI outside this scenario's products and labs.")
    progress: Progress = optional({}, "Software and algorithms that get better over the years.")
    fleet: Fleet = required("Accelerators shipped and retired.")
    reliability: Reliability = optional({}, "Failures and what they cost.")
    site: Site = required("Where the machines stand.")
    network: Network = required("The scale-out network.")
    prices: Prices = optional({}, "Prices.")
    limits: Limits = optional({}, "What cannot be exceeded.")
    finance: Finance = optional({}, "What capital costs, and how long it is used.")
    regions: Regions = optional({}, "In which places the fleet stands.")
    supply: Supply = optional({}, "What can be made and paid for.")
    devices: Devices = optional({}, "Phones and PCs that answer requests themselves.")
