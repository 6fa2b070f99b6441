"""A command whose help lists its options by group."""

from __future__ import annotations

from typing import Any

from typer.core import TyperCommand


class Grouped(TyperCommand):
    """Options stand under the `rich_help_panel` that they name, without rich."""

    def format_options(self, ctx: Any, formatter: Any) -> None:
        """Write one section of the help for each group, in the order of their first options."""
        groups: dict[str, list[Any]] = {}
        for parameter in self.get_params(ctx):
            record = parameter.get_help_record(ctx)
            if record is not None:
                name = getattr(parameter, "rich_help_panel", None) or "Options"
                groups.setdefault(name, []).append(record)
        for name, records in groups.items():
            with formatter.section(name):
                formatter.write_dl(records)
