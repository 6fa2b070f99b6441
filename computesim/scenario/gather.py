"""A scenario file and all that it extends, read into one document."""

from __future__ import annotations

from pathlib import Path

from computesim.errors import Fault, near_miss
from computesim.scenario.merge import merge
from computesim.scenario.shipped import shipped_scenarios, shown_path
from computesim.scenario.yaml_loader import Document, Place, read_yaml

IDENTITY = ("name", "title", "question")  #: a file's own, never its parent's
FILE_KEYS = ("extends", "catalog")  #: keys about files; they are not part of the tree

_NOWHERE = Place("", 0, 0)


class Gathering:
    """A scenario file with all its forerunners, merged, and the faults met on the way."""

    def __init__(self, path_or_name: str | Path) -> None:
        self.file = ""  #: the scenario's own file, as shown
        self.document = Document()
        self.is_complete = True  #: False when a file of the chain could not be read
        self.overlay: Path | None = None  #: the catalog folder that the scenario names
        self.faults: list[Fault] = []
        path = find_scenario(path_or_name)
        if path is None:
            self._unknown(str(path_or_name), _NOWHERE)
        else:
            self.stem = path.stem
            self.file = str(path_or_name) if path == Path(path_or_name) else shown_path(path)
            self.document = self._read(path, self.file, ())

    def _read(self, path: Path, file: str, chain: tuple[Path, ...]) -> Document:
        """Return a file merged over what it extends."""
        try:
            text = path.read_text(encoding="utf-8-sig")
        except (OSError, UnicodeDecodeError) as error:
            why = getattr(error, "strerror", None) or "not UTF-8 text"
            self._fault("(file)", why, "a readable scenario file", Place(file, 0, 0))
            return Document()
        document = read_yaml(text, file)
        if document.faults:
            self.is_complete = self.is_complete and bool(document.data)
        parent = self._parent(document, path, (*chain, path.resolve()))
        self._catalog(document, path)
        for key in FILE_KEYS:
            document.data.pop(key, None)
        return merge(parent, document)

    def _parent(self, document: Document, path: Path, chain: tuple[Path, ...]) -> Document:
        """Return the document that a file extends; an empty one when it extends nothing."""
        target = document.data.get("extends")
        place = document.places.get(("extends",), _NOWHERE)
        if target is None:
            return Document()
        if not isinstance(target, str):
            self._fault("extends", "not a text", "a file or a shipped scenario", place)
            return Document()
        found = find_scenario(target, path.parent)
        if found is None:
            self._unknown(target, place)
            return Document()
        if found.resolve() in chain:
            names = " -> ".join(p.name for p in (*chain[chain.index(found.resolve()) :], found))
            self._fault("extends", f"a circle: {names}", "a chain that ends", place)
            return Document()
        parent = self._read(found, shown_path(found), chain)
        for key in IDENTITY:
            parent.data.pop(key, None)
            parent.places.pop((key,), None)
        return parent

    def _catalog(self, document: Document, path: Path) -> None:
        folder = document.data.get("catalog")
        if folder is None:
            return
        place = document.places.get(("catalog",), _NOWHERE)
        if not isinstance(folder, str):
            self._fault("catalog", "not a text", "a folder of catalog tables", place)
        elif not (path.parent / folder).is_dir():
            self._fault("catalog", f"no folder {folder!r}", "a folder of catalog tables", place)
        else:
            self.overlay = path.parent / folder

    def _unknown(self, name: str, place: Place) -> None:
        hint = near_miss(name, shipped_scenarios())
        known = ", ".join(shipped_scenarios())
        self._fault(
            "extends" if place.line else "(file)",
            f"no file and no scenario {name!r}",
            f"a file, or one of {known}",
            place,
            hint,
        )

    def _fault(self, key: str, found: str, accepted: str, place: Place, hint: str = "") -> None:
        self.is_complete = self.is_complete and key == "catalog"
        self.faults.append(Fault(key, found, accepted, place.file, place.value_line, hint))


def find_scenario(name: str | Path, folder: Path | None = None) -> Path | None:
    """Return the file of a scenario: a path (from `folder`), or the name of a shipped scenario."""
    base = folder or Path()
    for path in (base / name, base / f"{name}.yaml"):
        if path.is_file():
            return path
    return shipped_scenarios().get(str(name).removesuffix(".yaml"))
