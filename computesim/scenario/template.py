"""The text with which a new scenario begins."""

from __future__ import annotations

import re

_TEXT = """\
# What differs from the baseline; everything else comes from it.
#
# Take away the `# ` before a line to set it. Every number may be
#   a number             1e9
#   a quantity           30 ms
#   a path over years    {{2022: 1e9, 2030: 3e9, interpolation: geometric, beyond: hold}}
#   a range              {{low: 1, central: 2, high: 4}}
#   a distribution       {{distribution: lognormal, median: 2, sigma: 0.5}}
# and may carry `source:` (a key of `computesim list sources`, or `estimate`) and `note:`.
# All keys: docs/scenario-format.md. Check with `computesim validate {name}.yaml`.

extends: baseline
name: {name}
title: {title}
# question: What if every chat request reasons?

# horizon: {{first_year: 2022, last_year: 2030}}

# Who asks, how often, and with how many tokens.
# products:
#   chat:
#     users: {{path: {{2022: 10e6, 2025: 1e9, 2030: 4e9}}, interpolation: geometric}}
#     reasoning_share: {{path: {{2022: 0, 2024: 0.01, 2030: 1.0}}, source: estimate}}
#     reasoning_tokens: {{low: 2000, central: 8000, high: 30000, source: estimate}}
#     samples: 4
#     on_device_share: 10 %
#   search: null   # takes the product away
#   tutoring:      # a product of your own
#     users: 50 million
#     requests_per_user_per_day: 20
#     prompt_tokens: 3000
#     answer_tokens: 300
#     reasoning_share: 0.5
#     reasoning_tokens: 4000
#     tier: flagship
#   helpers:       # users by diffusion, sessions whose context grows, a price
#     diffusion: {{law: bass, ceiling: 3e8, launch: 2024.5, innovation: 0.01, imitation: 1.2}}
#     sessions_per_user_per_day: 2
#     turns_per_session: 40
#     prompt_tokens: 8000
#     context_growth: {{tokens_per_turn: 900, hits: 0.95}}
#     price: {{follows: progress, reference_year: 2025, elasticity: 0.8}}
#     answer_tokens: 300
#     reasoning_share: 0.5
#     reasoning_tokens: 600
#     tier: pro

# Software and algorithms, apart from hardware.
# progress:
#   serving_software: {{2022: 1, 2025: 1, 2030: 4, interpolation: geometric}}
#   algorithms: {{inference: {{2022: 1, 2025: 1, 2030: 10, interpolation: geometric}}}}

# Which models answer, and how fast.
# tiers:
#   flagship:
#     model: {{2022: gpt-3-175b, 2025: deepseek-v3}}
#     dtype: {{2022: bf16, 2024: fp8, 2026: fp4}}
#     ttft: 1 s
#     tpot: 15 ms

# traffic: {{peak_to_mean: 2, burstiness: 1.5}}

# Who trains, with how much pretraining and how much reinforcement learning.
# labs:
#   frontier:
#     pretraining:
#       flop: {{path: {{2022: 3e24, 2030: 1e27}}, interpolation: geometric, source: estimate}}
#     post_training:
#       steps: {{path: {{2022: 200, 2030: 100_000}}, interpolation: geometric, source: estimate}}
#       group_size: 32
#       response_tokens: {{path: {{2022: 400, 2030: 60_000}}, interpolation: geometric}}
#       search: {{method: tree, depth: 8, branching: 4, width: 2, step_tokens: 512}}
#       mode: asynchronous
#     experiments: {{multiple: 5}}

# Which accelerators are shipped (shares of units), how long they serve, how they fail.
# fleet:
#   shipments: {{2022: {{a100-sxm-80gb: 1.0}}, 2024: {{h100-sxm: 0.7, b200-sxm: 0.3}}}}
#   lifetime: 4 year
# reliability: {{failures_per_node_day: 0.002, spare_share: 3 %}}

# site: {{pue: 1.1}}
# network: {{topology: clos, oversubscription: 2}}
# prices: {{electricity: 0.06 USD/kWh, accelerators: {{h100-sxm: 25000}}}}
# limits: {{facility_power: {{2022: 2 GW, 2025: 30 GW, 2030: 150 GW, interpolation: geometric}}}}
# finance: {{cost_of_capital: 10 %, it_lifetime: 4 year}}
# regions: {{shares: {{hyperscale-us: 0.7, norway: 0.1, china: 0.2}}}}

# simulation: {{replications: 5, requests: 2000}}
"""


def starter(name: str) -> str:
    """Return the text of a new scenario: it extends the baseline and shows the commonest changes.

    Parameters
    ----------
    name : str
        Name of the scenario; letters, digits, `-` and `_`.

    Raises
    ------
    ValueError
        If the name holds anything else.
    """
    if not re.fullmatch(r"\w[\w-]*", name):
        raise ValueError(f"{name!r} is no scenario name; use letters, digits, - and _")
    return _TEXT.format(name=name, title=name.replace("-", " ").replace("_", " ").capitalize())
