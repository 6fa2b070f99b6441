"""One look for every chart: colours, fonts, sizes."""

from __future__ import annotations

import re

from computesim.results.variables import (
    COT,
    EXPERIMENTS,
    OTHER_AI,
    OTHER_INFERENCE,
    PRETRAINING,
    RL,
)

INK, MUTED, GRID, PAPER = "#1f2933", "#5f6b7a", "#e3e8ee", "#ffffff"
GOOD, BAD = "#0072b2", "#d55e00"  # told apart with any colour vision
FONTS = ("Helvetica Neue", "Arial", "Liberation Sans", "DejaVu Sans")
WIDTH, HEIGHT = 900, 500  #: of a chart, px at 100 px per inch
ROW_HEIGHT = 26  #: of one row of a comparison, px
RANGE = "#d5dbe3"  #: of the bar of what is allowed

# Okabe and Ito (2008): eight colours that are told apart with any colour vision. The two
# workloads that this program is about are the warm ones.
WORKLOAD_COLOURS = {
    PRETRAINING: "#0072b2",
    RL: "#d55e00",
    COT: "#e69f00",
    OTHER_INFERENCE: "#56b4e9",
    EXPERIMENTS: "#009e73",
    OTHER_AI: "#a3acb8",
}
PART_COLOURS = {
    "Prompt": "#0072b2",
    "Cached prompt": "#56b4e9",
    "Reasoning": "#d55e00",
    "Answer": "#009e73",
    "200G": "#a3acb8",
    "400G": "#56b4e9",
    "800G": "#0072b2",
    "1.6T": "#e69f00",
    "3.2T": "#d55e00",
    "Leaf": "#56b4e9",
    "Spine": "#0072b2",
    "Core": "#d55e00",
    "Accelerators": "#0072b2",
    "Servers": "#56b4e9",
    "Network": "#d55e00",
    "Facility": "#009e73",
    # segments: one hue for each part of capital spending, as above
    "GPU": "#0072b2",
    "ASIC": "#4f9fd0",
    "Hosts and integration": "#a3acb8",
    "Scale-up fabric": "#5f6b7a",
    "Liquid cooling": "#cc79a7",
    "Power supplies": "#6a3d9a",
    "Switches": "#d55e00",
    "Optics": "#e69f00",
    "NICs": "#b8860b",
    "Copper cables": "#8c5a2b",
    "Site power": "#00664b",
    "Site cooling": "#009e73",
    "Buildings": "#7fc4ad",
}
CYCLE = ("#0072b2", "#d55e00", "#009e73", "#cc79a7", "#e69f00", "#56b4e9", "#6a3d9a", "#7f7f7f")
REMAINDER = "#c3cad3"

# A hue for each family of accelerators, from light (old) to dark (new). The number is the rank
# of the generation inside its family, so a colour stays with its generation in every chart.
_RAMPS = {
    "nvidia": "cfe3a4 a5d49b 7cc8ac 55b9c1 2fa4c2 1f83b9 2263a5 24488f 23317c 141b4d",
    "google": "fee8b6 fdd07a f9ad45 ec8227 cc5c12 983c08",
    "amazon": "ddd0ee b9a1dc 8d6bc2 5b3a97",
    "amd": "f4b6c2 e0708a b83a5b 7d1f3a",
    "huawei": "e4dfcb c7bd92 9d925c 6f6636",
    "custom": "bfe3a5 7fb768 3f8a3f 14602a",
    "other": "d9dee5 b5bdc9 8b95a5 5f6b7a",
}
_GENERATIONS = (
    (r"v100|a100|a800", "nvidia", 0),
    (r"h100|h800|gh200", "nvidia", 1),
    (r"h200|h20\b", "nvidia", 2),
    (r"b300", "nvidia", 4),
    (r"b[12]00", "nvidia", 3),
    (r"rubin-ultra|vr300", "nvidia", 6),
    (r"rubin|vr\d00", "nvidia", 5),
    (r"feynman|gpu-2028", "nvidia", 7),
    (r"gpu-20(29|30|31)", "nvidia", 8),
    (r"gpu-20", "nvidia", 9),
    (r"tpu-v[234]", "google", 0),
    (r"tpu-v5e", "google", 1),
    (r"tpu-v5p", "google", 2),
    (r"tpu-v6|trillium", "google", 3),
    (r"tpu-v7|ironwood", "google", 4),
    (r"tpu", "google", 5),
    (r"trainium-?1|inferentia", "amazon", 0),
    (r"trainium-?2", "amazon", 1),
    (r"trainium-?3", "amazon", 2),
    (r"trainium", "amazon", 3),
    (r"mi325|mi308", "amd", 1),
    (r"mi35\d", "amd", 2),
    (r"mi[45]\d\d", "amd", 3),
    (r"mi\d\d\d", "amd", 0),
    (r"ascend-?910b", "huawei", 0),
    (r"ascend-?910", "huawei", 1),
    (r"ascend-?950", "huawei", 2),
    (r"ascend", "huawei", 3),
    (r"asic-20(27|28)", "custom", 1),
    (r"asic-20(29|30|31)", "custom", 2),
    (r"asic-20", "custom", 3),
    (r"asic", "custom", 0),
    (r"mtia", "other", 0),
    (r"maia", "other", 1),
    (r"gaudi|mlu", "other", 2),
)


def generation(name: str) -> tuple[str, int]:
    """Return the family of an accelerator and the rank of its generation in it."""
    for pattern, group, rank in _GENERATIONS:
        if re.search(pattern, name.lower()):
            return group, rank
    return "other", 3


def accelerator_colour(name: str) -> str:
    """Return the colour of an accelerator's generation."""
    group, rank = generation(name)
    return "#" + _RAMPS[group].split()[rank]
