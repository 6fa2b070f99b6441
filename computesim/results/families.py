"""Families of variables that a run reports: names, units, what is counted, which add up."""

from __future__ import annotations

from typing import NamedTuple

from computesim.results.bill_variables import BILL_VARIABLES


class Variable(NamedTuple):
    """One family of variables: everything that begins with `prefix`."""

    prefix: str
    unit: str
    additive: bool  #: parts below the prefix sum to the prefix
    counts: str  #: what is counted, for captions


VARIABLES = (
    Variable("Tokens", "token/day", True, "Tokens processed by data centres on a mean day."),
    Variable("Device tokens", "token/day", True, "Tokens processed on phones and PCs, mean day."),
    Variable("FLOP", "FLOP/year", True, "Model FLOP of the work asked for, without recomputation."),
    Variable(
        "Accelerators|Required",
        "accelerator",
        True,
        "Accelerator packages that the work of the year needs, spares and peak load included.",
    ),
    Variable("Accelerators|Installed", "accelerator", True, "Packages sold and not retired."),
    Variable("Accelerators|Shipped", "accelerator", True, "Packages shipped in the calendar year."),
    Variable("Accelerators|Retired", "accelerator", True, "Packages taken out in the year."),
    Variable(
        "H100-equivalents",
        "H100e",
        True,
        "Required accelerators, weighed by dense 8-bit peak (an H100 is 1,979 TFLOP/s).",
    ),
    Variable(
        "H100-equivalents by generation",
        "H100e",
        True,
        "Accelerators sold and not retired, weighed by dense 8-bit peak.",
    ),
    Variable("Power|Accelerator TDP", "W", True, "Thermal design power of the chips in service."),
    Variable("Power|IT", "W", True, "Mean electric power of the IT equipment over the year."),
    Variable(
        "Power|Facility", "W", True, "Mean power at the meter of the data centres (with PUE)."
    ),
    Variable("Power|Provisioned", "W", True, "Facility power that must be built for the peak."),
    Variable("Energy", "Wh/year", True, "Electricity at the meter of the data centres."),
    Variable("Electricity cost", "USD/year", True, "Electricity at the price of the site."),
    Variable(
        "Emissions", "gCO2/year", True, "Carbon dioxide of that electricity, where it is made."
    ),
    Variable("Network|Switches", "switch", True, "Scale-out switches in service."),
    Variable("Network|Optics", "transceiver", True, "Optical transceivers in service, by speed."),
    Variable("Network|NICs", "NIC", True, "Network adapters of the scale-out fabric in service."),
    Variable("Network|Copper cables", "cable", True, "Copper cables of the scale-out fabric."),
    Variable("Network shipped|Switches", "switch", True, "Scale-out switches bought in the year."),
    Variable("Network shipped|Optics", "transceiver", True, "Transceivers bought in the year."),
    Variable("Network shipped|NICs", "NIC", True, "Network adapters bought in the year."),
    Variable("Network shipped|Copper cables", "cable", True, "Copper cables bought in the year."),
    Variable("Capex", "USD/year", True, "Capital spending on what is shipped in the year."),
    Variable(
        "Goodput",
        "token/s",
        False,
        "Output tokens/s of one accelerator of a pool at its level.",
    ),
    Variable("MFU", "1", False, "Model FLOP over the dense bf16 peak, causal attention."),
    Variable("Utilisation", "1", False, "Share of time in which required accelerators work."),
    Variable("Service", "s", False, "Latency at the 90th percentile."),
    Variable("Unmet", "accelerator", True, "Required accelerators beyond what the limits allow."),
    Variable(
        "TCO",
        "USD/h",
        False,
        "Total cost of ownership of an accelerator with server, network and facility, per hour in "
        "service.",
    ),
    Variable("TCO per used hour", "USD/h", False, "The same per hour in which it works."),
    Variable(
        "Cost of compute",
        "USD/year",
        True,
        "Annualised capital, operations and electricity at the rate of the year's end.",
    ),
    Variable(
        "Cost of serving", "USD/year", True, "The same of inference, by product and workload."
    ),
    Variable(
        "Cost of tokens",
        "USD/Mtoken",
        False,
        "Cost of ownership over tokens served, per million tokens: cached, read and written.",
    ),
    Variable("Cost of tokens by tier", "USD/Mtoken", False, "The same by class of service."),
    Variable("Cost of a request", "USD", False, "Cost of ownership over requests served."),
    Variable("Energy of a request", "Wh", False, "Electricity at the meter over requests served."),
    Variable("Cost of run", "USD", False, "Cost of ownership of one run of one lab of the group."),
    Variable(
        "Accelerator-hours of run", "accelerator-hour", False, "Hours of the job itself, one run."
    ),
    Variable("Energy of run", "Wh", False, "Electricity at the meter of one run."),
    Variable("Energy by region", "Wh/year", True, "Electricity at the meter, by region."),
    Variable("Power by region", "W", True, "Mean power at the meter at the year's end, by region."),
    Variable("Electricity cost by region", "USD/year", True, "Electricity at the region's price."),
    Variable("Emissions by region", "gCO2/year", True, "Carbon dioxide where it is made."),
    Variable(
        "Unconstrained|H100-equivalents",
        "H100e",
        True,
        "What would be required and in service if nothing limited the supply, by dense 8-bit peak.",
    ),
    Variable(
        "Unconstrained|Accelerators|Shipped",
        "accelerator",
        True,
        "Packages that would be shipped in the year if nothing limited the supply.",
    ),
    Variable(
        "Unconstrained|Power|Provisioned",
        "W",
        True,
        "Facility power that would be built if nothing limited the supply.",
    ),
    Variable(
        "Unconstrained|Energy",
        "Wh/year",
        True,
        "Electricity of the fleet that would be bought if nothing limited the supply.",
    ),
    Variable(
        "Unconstrained|Capex",
        "USD/year",
        True,
        "Capital spending of the year if nothing limited the supply.",
    ),
    *(
        Variable(f"Supply|{part}|{name}", unit, False, counts)
        for part, counts in (
            ("Available", "What the supply offers accelerators in the year."),
            ("Used", "What the accelerators of the year take of it."),
        )
        for name, unit in (
            ("Packaging wafers", "wafer/year"),
            ("HBM", "B/year"),
            ("Facility power", "W"),
            ("Added power", "W/year"),
            ("Capital", "USD/year"),
            ("Makers", "accelerator/year"),
        )
    ),
    Variable("Supply|Binding", "1", False, "1 where this limit holds back purchases, else 0."),
    Variable(
        "Supply|Relief",
        "H100e",
        False,
        "Compute that would be bought more in the year without this limit, up to the next limit "
        "or to what is asked.",
    ),
    Variable(
        "Supply|Next", "1", False, "1 where this limit would bind if the binding one were lifted."
    ),
    *(Variable(*row) for row in BILL_VARIABLES),
    Variable("Balance|RL compute", "FLOP", False, "RL compute of one run that a lab chose."),
    Variable("Balance|Chain length", "token", False, "Mean response to a problem of the skill."),
    Variable("Balance|Samples", "1", False, "Samples of a reasoning request that a lab chose."),
    Variable("Balance|Accuracy", "1", False, "Accuracy on the skill that a lab aims at."),
    Variable("Balance|RL share of spending", "1", False, "RL over RL and requests of a model."),
    Variable("Balance|Requests", "request", False, "Reasoning requests to a model in its life."),
    Variable("Tokens by product", "token/day", True, "Tokens of data centres on a mean day."),
    Variable("Device tokens by product", "token/day", True, "Tokens of devices on a mean day."),
    Variable("Requests by product", "request/day", True, "Requests to data centres, mean day."),
    Variable(
        "H100-equivalents by product",
        "H100e",
        True,
        "Required accelerators of serving, split by the time that a product's requests take.",
    ),
    Variable("H100-equivalents by tier", "H100e", True, "Required accelerators of serving."),
    Variable("H100-equivalents by lab", "H100e", True, "Required accelerators of labs."),
    Variable("Accelerators by product", "accelerator", True, "Required packages of serving."),
    Variable("Accelerators by tier", "accelerator", True, "Required packages of serving."),
    Variable("Accelerators by lab", "accelerator", True, "Required packages of labs."),
    Variable(
        "Progress",
        "1",
        False,
        "Work of one accelerator over the first year (hardware), or over the calibrated engines.",
    ),
    Variable("Price", "1", False, "Price of a token over that of the product's reference year."),
    Variable("Price response", "1", False, "Use over that at the price of the reference year."),
    Variable(
        "Revenue",
        "USD/year",
        True,
        "What vendors take for what they ship in the year: accelerators, and NVIDIA's networks.",
    ),
)
