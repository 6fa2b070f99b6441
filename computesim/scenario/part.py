"""What all parts of the scenario tree have in common."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, ClassVar

from pydantic import BaseModel, ConfigDict, Field


class Part(BaseModel):
    """A mapping of the scenario file: known keys only, never changed after it was read."""

    model_config = ConfigDict(
        extra="forbid",
        frozen=True,
        strict=True,
        validate_default=True,
        arbitrary_types_allowed=True,
        protected_namespaces=(),
        defer_build=True,  # each part is built once, inside the tree: half the start-up time
    )

    RENAMED: ClassVar[Mapping[str, str]] = {}  #: what is meant by keys that have another name now


def required(description: str, **bounds: Any) -> Any:
    """Return a field without which a scenario is incomplete."""
    return Field(description=description, **bounds)


def optional(default: Any, description: str, **bounds: Any) -> Any:
    """Return a field with a default, written as an author would write it."""
    return Field(default=default, description=description, **bounds)
