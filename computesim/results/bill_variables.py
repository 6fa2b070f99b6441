"""The variables of the bill and of devices: prefix, unit, whether parts add up, what is counted."""

from __future__ import annotations

#: quantities: name, unit, what is counted
_QUANTITIES = (
    ("Accelerators", "accelerator", "Packages shipped, GPUs and custom chips apart."),
    ("HBM", "B", "High-bandwidth memory on what is shipped."),
    ("HBM stacks", "stack", "Stacks of high-bandwidth memory on what is shipped."),
    ("Packaging wafers", "wafer", "300 mm wafers of CoWoS-class packaging, yield included."),
    ("Racks", "rack", "Racks that hold what is shipped."),
    ("Liquid-cooled power", "W", "Nameplate power whose heat leaves the rack with liquid."),
    ("Power supplies", "W", "Installed rating of the power supplies of nodes and racks."),
    ("Switch silicon", "chip", "Switch chips of the scale-out network and scale-up domains."),
    ("Switch capacity", "bit/s", "What these chips switch, one direction."),
    ("Circuit switches", "switch", "Optical circuit switches bought."),
    ("Optics", "transceiver", "Pluggable modules bought; the same as `Network shipped`."),
    ("Optical engines", "engine", "Optical engines co-packaged with switches."),
    ("NICs", "NIC", "Network adapters bought; the same as `Network shipped`."),
    ("Copper cables", "cable", "Copper cables of the scale-out network and scale-up domains."),
    ("Site power", "W", "Facility power that is built in the year."),
)
_CASES = (
    ("", ""),
    (" low", " Low end of its ratio; lows do not add up to a low."),
    (" high", " High end of its ratio; highs do not add up to a high."),
)
_INSIDE = (
    "Value inside other segments: memory and packaging in accelerators, boards in all hardware, "
    "chips in switches; never added to the rest."
)

BILL_VARIABLES: tuple[tuple[str, str, bool, str], ...] = (
    *(
        (f"Bill{case}|{name}", unit, True, counts + note)
        for case, note in _CASES
        for name, unit, counts in _QUANTITIES
    ),
    ("Bill value", "USD/year", True, "Capital spending of the year by segment."),
    *(
        (f"Bill value{case}", "USD/year", False, "Value of a segment alone." + note)
        for case, note in _CASES[1:]
    ),
    *((f"Bill content{case}", "USD/year", False, _INSIDE + note) for case, note in _CASES),
    ("Devices", "device", False, "Phones and PCs that can hold a model."),
    ("Device speed", "token/s", False, "Tokens/s of a mean device in use, one sequence."),
    ("Device NPU", "OP/s", True, "Dense int8 peak of the NPUs shipped in the year."),
    ("Device energy", "Wh/year", True, "Electricity at the plug for models on devices."),
    ("Device content", "USD/year", True, "Value in devices shipped that a model takes."),
    *(
        (f"Device content{case}", "USD/year", False, "The same, one end of the range.")
        for case, _ in _CASES[1:]
    ),
)
