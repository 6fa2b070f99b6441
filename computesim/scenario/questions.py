"""Question files: what a study is asked, from a file, options and overrides, checked as a whole."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any, ClassVar, Generic, TypeVar, get_args, get_origin

from pydantic import PrivateAttr, ValidationError

from computesim.errors import Fault, QuestionError
from computesim.scenario.context import Context
from computesim.scenario.editor_schema import DIALECT, without_required
from computesim.scenario.faults import place_of, plain_faults
from computesim.scenario.load import catalog_of, in_order
from computesim.scenario.merge import child_kind, merge
from computesim.scenario.overrides import nested, overridden
from computesim.scenario.part import Part, optional
from computesim.scenario.yaml_loader import Document, Key, Place, read_yaml, split

if TYPE_CHECKING:
    from computesim.catalog import Catalog


class Question(Part):
    """What a study is asked. Its kinds stand beside their studies."""

    FILES: ClassVar[tuple[str, ...]] = ("catalog",)  #: keys of files, from the folder of this one

    catalog: str = optional("", "Folder of your own catalog tables.")

    _places: Mapping[Key, Place] = PrivateAttr(default_factory=dict)

    @classmethod
    def clashes(cls, draft: Draft[Any]) -> None:
        """Note in the draft what its keys cannot say together."""

    def tables(self) -> Catalog:
        """Return the catalog, with the tables that the question adds to it."""
        from computesim.catalog import load_catalog

        return load_catalog(self.catalog or None)

    def fault(self, key: str, found: str, accepted: str, hint: str = "") -> Fault:
        """Return a fault of a key, with the file and line or the option that says it.

        Parameters
        ----------
        key : str
            `traffic.rate`; of several keys the first one has the place.
        found, accepted, hint : str
        """
        return _fault(self._places, key, (found, accepted, hint))


Q = TypeVar("Q", bound=Question)


class Draft(Generic[Q]):
    """A question while it is gathered: keys with their places, and what is wrong with them.

    Parameters
    ----------
    kind : type of Question
    title : str
        What is blamed where there is no file: the command.
    file : Path, optional
        A question file in YAML.

    Raises
    ------
    OSError
        If the file cannot be read.
    """

    def __init__(self, kind: type[Q], title: str, file: Path | None = None) -> None:
        self.kind = kind
        self.title = str(file or title)
        self.document = Document()
        self.faults: list[Fault] = []
        if file is not None:
            self.document = document_of(file)
            for key in kind.FILES:
                self._from_folder(split(key), file.parent)

    def _from_folder(self, key: tuple[str, ...], folder: Path) -> None:
        """Let a path be one from the folder of the question file."""
        branch: Any = self.document.data
        for name in key[:-1]:
            branch = branch.get(name) if isinstance(branch, dict) else None
        if isinstance(branch, dict) and isinstance(path := branch.get(key[-1]), str):
            branch[key[-1]] = str(folder / path)

    def value(self, key: str) -> Any:
        """Return what stands at a key, as it was written; None where nothing does."""
        branch: Any = self.document.data
        for name in split(key):
            branch = branch.get(name) if isinstance(branch, Mapping) else None
        return branch

    def stated(self, *keys: str) -> list[str]:
        """Return those keys at which something stands."""
        return [key for key in keys if self.value(key) is not None]

    def assign(self, key: str, value: Any, option: str) -> None:
        """Let an option say a key, instead of the file.

        Parameters
        ----------
        key : str
            `traffic.rate`.
        value : Any
            Plain data; a text is read as a quantity.
        option : str
            Its name, for the faults.
        """
        self.add(nested(split(key), value, option))

    def add(self, over: Document) -> None:
        """Let another document say what it says, instead of this one."""
        self.document = merge(self.document, over, self.kind)

    def override(self, pairs: Iterable[str]) -> None:
        """Apply `traffic.rate=8`, the value in YAML."""
        self.document = overridden(self.document, pairs, self.kind)

    def fault(self, key: str, found: str, accepted: str, hint: str = "") -> None:
        """Note a fault of a key; of several keys the first one has the place."""
        self.faults.append(_fault(self.document.places, key, (found, accepted, hint)))

    def read(self) -> Q:
        """Return the question.

        Raises
        ------
        QuestionError
            With all faults of the file, the options and the overrides.
        """
        document = self.document
        folder = self.value("catalog")
        faults = [*self.faults, *document.faults]
        catalog = catalog_of(Path(folder) if isinstance(folder, str) and folder else None, faults)
        self.faults = []
        self.kind.clashes(self)
        faults += self.faults
        try:
            question = self.kind.model_validate(document.data, context=Context(catalog=catalog))
        except ValidationError as error:
            faults += plain_faults(error, document.places, "", True, self.kind)
        if faults:
            raise QuestionError(in_order(faults), self.title)
        question._places = document.places
        return question


def document_of(file: Path) -> Document:
    """Return what a YAML file says, with its faults.

    Parameters
    ----------
    file : Path
    """
    try:
        return read_yaml(file.read_text(encoding="utf-8-sig"), str(file))
    except UnicodeDecodeError:
        fault = Fault("(file)", "not UTF-8 text", "a readable question file", str(file))
        return Document(faults=[fault])


def _fault(places: Mapping[Key, Place], key: str, words: tuple[str, str, str]) -> Fault:
    place = place_of(places, split(key.split(", ")[0])) or Place("", 0, 0)
    return Fault(key, *words[:2], place.file, place.value_line, words[2])


def field_of(kind: type[Part], key: str) -> Any:
    """Return the field of a dotted key: its description, its default, its form.

    Parameters
    ----------
    kind : type of Part
    key : str

    Raises
    ------
    KeyError
        If there is no such key.
    """
    *branches, last = split(key)
    part: Any = kind
    for name in branches:
        part = child_kind(part, name)
    return part.model_fields[last]


def question_schema(kind: type[Question]) -> dict[str, Any]:
    """Return the JSON Schema (draft 2020-12) of a kind of question file, for editors.

    Parameters
    ----------
    kind : type of Question
        No key is required in the schema: options may say what a file leaves out.
    """
    made = without_required(kind.model_json_schema())
    return {"$schema": DIALECT, **made}


def parts_of(kind: type[Part], path: str = "") -> Iterator[tuple[str, type[Part]]]:
    """Yield all parts of a question by their keys, the question itself first."""
    yield path, kind
    for name in kind.model_fields:
        below: Any = child_kind(kind, name)
        where = f"{path}.{name}".strip(".")
        if get_origin(below) is dict:
            below, where = get_args(below)[1], f"{where}.<name>"
        if isinstance(below, type) and issubclass(below, Part):
            yield from parts_of(below, where)
