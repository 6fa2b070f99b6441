"""The variables that a run reports: their names, units, what is counted, and which of them add up.

Names are hierarchical, `Power|Facility|Pretraining`. Where a variable is
additive the parts of a name sum to the name; the bare group of some (`Power`,
whose parts are three ways to measure the same watts) is never summed.
"""

from __future__ import annotations

from typing import NamedTuple

from computesim.errors import ComputesimError, near_miss

PRETRAINING = "Pretraining"
RL = "RL post-training"
COT = "CoT inference"
OTHER_INFERENCE = "Other inference"
EXPERIMENTS = "Experiments"
OTHER_AI = "Other AI"

#: The workloads, in the order in which every chart stacks them.
WORKLOADS = (PRETRAINING, RL, COT, OTHER_INFERENCE, EXPERIMENTS, OTHER_AI)
TOKEN_KINDS = ("Prompt", "Cached prompt", "Reasoning", "Answer")
OPTIC_SPEEDS = ("200G", "400G", "800G", "1.6T", "3.2T")
SWITCH_TIERS = ("Leaf", "Spine", "Core")
CAPEX_PARTS = ("Accelerators", "Servers", "Network", "Facility")


class VariableError(ComputesimError, LookupError):
    """A variable that the results do not hold."""


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
        "Revenue",
        "USD/year",
        True,
        "What vendors take for what they ship in the year: accelerators, and NVIDIA's networks.",
    ),
)


def family(name: str) -> Variable | None:
    """Return the family of a variable: the longest prefix that holds it, or None."""
    fitting = [v for v in VARIABLES if name == v.prefix or name.startswith(v.prefix + "|")]
    return max(fitting, key=lambda v: len(v.prefix), default=None)


def unit_of(name: str) -> str:
    """Return the unit in which a variable is stored.

    Parameters
    ----------
    name : str
        A full name such as `Power|Facility|Pretraining`.

    Returns
    -------
    str
        Base units, except that rates count per day (tokens) or per year (FLOP, Wh, USD).

    Raises
    ------
    VariableError
        If no family of variables holds the name.
    """
    found = family(name)
    if found is None:
        hint = near_miss(name.split("|")[0], [v.prefix for v in VARIABLES])
        raise VariableError(f"no family of variables holds '{name}' {hint}".strip())
    return found.unit


def sums(name: str) -> bool:
    """Tell whether the direct parts of a name add up to it."""
    found = family(name)
    if found is not None:
        return found.additive
    return not any(v.prefix.startswith(name + "|") for v in VARIABLES)
