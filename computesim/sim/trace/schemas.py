"""The formats of published request traces, and which one a file has.

Sources
-------
Azure LLM inference dataset 2023 and 2024: github.com/Azure/AzurePublicDataset
(AzureLLMInferenceDataset2023.md, …2024.md). BurstGPT: github.com/HPMLL/BurstGPT. Mooncake:
github.com/kvcache-ai/Mooncake, FAST25-release. ServeGen: github.com/alibaba/ServeGen.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Literal, NamedTuple

from computesim.errors import CaseError, Fault, near_miss

Clock = Literal["s", "ms", "timestamp"]


class Schema(NamedTuple):
    """Which column of a file is which column of a trace."""

    name: str
    clock: Clock  #: what the arrivals are given in
    required: Mapping[str, str]  #: column of the trace -> column of the file
    optional: Mapping[str, tuple[str, ...]] = {}  #: -> columns of the file, the first that is there
    drops_failures: bool = False  #: the log keeps requests that failed, as outputs of 0 tokens
    hashes: str = ""  #: column with the prefix block hashes


_OURS = ("t_s", "input_tokens", "output_tokens")
_FIELDS = ("arrival", "prompt_tokens", "output_tokens")

GENERIC = Schema(
    "generic",
    "s",
    dict(zip(_FIELDS, _OURS, strict=True)),
    {
        "cached_tokens": ("cached_tokens",),
        "kind": ("kind", "class", "service"),
        "session": ("session", "session_id"),
        "think_seconds": ("think_seconds",),
        "reason_tokens": ("reason_tokens",),
        "client": ("client", "client_id"),
    },
    hashes="hash_ids",
)
SCHEMAS = (
    GENERIC,
    Schema(
        "azure",
        "timestamp",
        dict(zip(_FIELDS, ("TIMESTAMP", "ContextTokens", "GeneratedTokens"), strict=True)),
        {"kind": ("service", "Service")},
        drops_failures=True,
    ),
    Schema(
        "burstgpt",
        "s",
        dict(zip(_FIELDS, ("Timestamp", "Request tokens", "Response tokens"), strict=True)),
        {"kind": ("Model",), "session": ("Session ID",)},
        drops_failures=True,
    ),
    Schema(
        "mooncake",
        "ms",
        dict(zip(_FIELDS, ("timestamp", "input_length", "output_length"), strict=True)),
        drops_failures=True,
        hashes="hash_ids",
    ),
)
NAMES = tuple(schema.name for schema in SCHEMAS)


def columns_in(schema: Schema, names: Sequence[str]) -> dict[str, str]:
    """Return which column of a file is which column of a trace, of those that are there.

    Parameters
    ----------
    schema : Schema
        The format.
    names : sequence of str
        Columns of the file.

    Returns
    -------
    dict
        Column of the trace -> column of the file; the required ones are not checked.
    """
    found = {field: name for field, name in schema.required.items() if name in names}
    for field, choices in schema.optional.items():
        for name in choices:
            if name in names:
                found.setdefault(field, name)
    if schema.hashes and schema.hashes in names:
        found["blocks"] = schema.hashes
    return found


def schema_of(file: str, names: Sequence[str], wanted: str | None = None) -> Schema:
    """Return the format of a file by its columns.

    Parameters
    ----------
    file : str
        The file, for messages.
    names : sequence of str
        Its columns.
    wanted : str, optional
        The format that it is said to have.

    Raises
    ------
    CaseError
        If no format fits; the complaint is about the one that fits best.
    """
    if wanted is not None and wanted not in NAMES:
        hint = near_miss(wanted, NAMES)
        raise CaseError([Fault("format", wanted, f"expected one of {', '.join(NAMES)}", file, 0,
                               hint)])  # fmt: skip
    choices = [s for s in SCHEMAS if wanted in (None, s.name)]
    missing = {s.name: [n for n in s.required.values() if n not in names] for s in SCHEMAS}
    best = min(choices, key=lambda s: len(missing[s.name]))  # the generic one where none is better
    if not missing[best.name]:
        return best
    found = f"columns {', '.join(names)}" if names else "no columns"
    others = [name for choices in best.optional.values() for name in choices]
    more = f" and optionally {', '.join(others)}" if others else ""
    accepted = f"expected {', '.join(best.required.values())}{more} ({best.name} format)"
    raise CaseError(
        [Fault(n, found, accepted, file, 1, near_miss(n, names)) for n in missing[best.name]]
    )
