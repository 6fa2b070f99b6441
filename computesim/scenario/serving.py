"""How the requests of a tier are served."""

from __future__ import annotations

from typing import Annotated

from computesim.scenario.fields import EngineName
from computesim.scenario.part import Part, optional
from computesim.scenario.values import Choice


class Serving(Part):
    """How requests are served."""

    engine: Annotated[Choice, EngineName()] = optional(
        "general",
        "The program that serves: `vllm`, `sglang` or `trtllm`, with or without a version; "
        "`general` lies between them.",
    )
