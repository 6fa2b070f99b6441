"""The scenarios that come with computesim."""

from __future__ import annotations

from pathlib import Path

_PACKAGE = Path(__file__).resolve().parent.parent


def shipped_scenarios() -> dict[str, Path]:
    """Return the shipped scenarios by name: the wheel's, or the repository's beside the package."""
    folders = (_PACKAGE / "data" / "scenarios", _PACKAGE.parent / "scenarios")
    folder = next((folder for folder in folders if folder.is_dir()), None)
    files = sorted(folder.glob("*.yaml")) if folder else []
    return {file.stem: file for file in files}


def shown_path(path: Path) -> str:
    """Return a path as a reader wants to see it, the same for a shipped scenario everywhere."""
    if path in shipped_scenarios().values():
        return f"scenarios/{path.name}"
    try:
        return str(path.resolve().relative_to(Path.cwd()))
    except ValueError:
        return str(path)
