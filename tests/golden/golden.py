"""Ask the command line, store what it says, and hold it against what was stored.

Only the command line is used, so that everything behind it may move.
"""

from __future__ import annotations

import csv
import difflib
import gzip
import hashlib
import io
import json
import math
import os
import re
import subprocess
import sys
import tempfile
import traceback
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from decimal import Decimal
from pathlib import Path
from typing import Any

from cases import CASES, RAN, Case, write_inputs

HERE = Path(__file__).resolve().parent
ROOT = HERE.parents[1]
DATA = HERE / "data"
SHIPPED = tuple(sorted(path.stem for path in (ROOT / "scenarios").glob("*.yaml")))
SMALL = "small"
PARTS = ("results.csv", "manifest.json", "files.txt")  #: what is stored of a world

#: The asking process has these, so that the last bit does not depend on the processor:
#: matrix products of OpenBLAS round otherwise on each kind of it.
PINNED = {"OPENBLAS_CORETYPE": "Haswell", "OPENBLAS_NUM_THREADS": "1", "COLUMNS": "80"}
CLOSE = 1e-7  #: relative; where the stored results are of other libraries or processors
SHOWN = 20
_LARGE = 20_000  # characters from which on a text is stored compressed
_FILES = "=== files\n"
_ERRORS = "=== stderr\n"
UNEXPECTED = "=== unexpected: "  #: stands before what must not be stored
_DRAWN = (".svg", ".html")
_BINARY = (".png", ".pdf", ".parquet")  # hold versions of libraries, and the rest holds their data
_NUMBER = re.compile(r"(?<![\w.])[-+]?\d[\d,]*(?:\.\d+)?(?:[eE][-+]?\d+)?(?![\w])")


# ---- what is left out of what is compared: everything in this one place


def stable(text: str, workplace: Path) -> str:
    """Return an output without times, versions, places on this machine and places in the code.

    Parameters
    ----------
    text : str
        As printed or written.
    workplace : Path
        The folder in which the command ran.
    """
    for folder, name in ((workplace, "."), (ROOT, "<root>"), (Path.home(), "<home>")):
        text = text.replace(str(folder), name)
    # modules of the package, not its data; a line is not broken by the length of their names
    text = re.sub(r"computesim/(?:\w+/)*\w+\.py(?::\d+)?", "<module>", text)
    text = re.sub(r"\n[│ ]+(\([^()\n]*<module>)", r"  \1", text)
    # the hash of a scenario moves with each new entry of the schema; files.txt keeps it
    text = re.sub(rf"\b({'|'.join((SMALL, 'twice', *SHIPPED))})(-| \()[0-9a-f]{{8}}\b",
                  r"\1\2<hash>", text)  # fmt: skip
    text = re.sub(r"\b[0-9a-f]{64}\b|(?<=\bhash )[0-9a-f]{8}\b", "<hash>", text)
    text = re.sub(r'"wall_time": [^,\n]+', '"wall_time": "<time>"', text)
    text = re.sub(
        r'("(?:numpy|numba|scipy|version|computesim)"): "[\d.]+[\w.+-]*"', r'\1: "<version>"', text
    )
    return re.sub(r"computesim \d+\.\d[^<]* · scenario|ran in [^<]*", "<version and time>", text)


def _stable_page(text: str, workplace: Path) -> str:
    """Return a page without the library that draws in the browser."""
    kept = [line for line in text.split("\n") if "plotly.js v" not in line]
    scripts = re.compile(r"<script>(?:(?!</script>).){200000,}?</script>", re.DOTALL)
    return stable(scripts.sub("<script>...</script>", "\n".join(kept)), workplace)


def _hash(path: Path, workplace: Path) -> str:
    """Return the hash of what is stable in a text file."""
    text = path.read_text(encoding="utf-8")
    page = path.suffix == ".html"
    text = _stable_page(text, workplace) if page else stable(text, workplace)
    return hashlib.sha256(text.encode()).hexdigest()


# ---- asking, in a process of its own: see ask.py


def call(arguments: Sequence[str], code: int, workplace: Path) -> str:
    """Return what a command prints, on stdout and on stderr; a wrong exit code is told there too.

    Parameters
    ----------
    arguments : sequence of str
        Of the command line.
    code : int
        The exit code that is right.
    workplace : Path
        The present folder.
    """
    from typer.testing import CliRunner

    from computesim.cli import app

    result = CliRunner().invoke(app, list(arguments))
    text = result.stdout
    errors = result.stderr
    if result.exception is not None and not isinstance(result.exception, SystemExit):
        errors += f"{UNEXPECTED}{''.join(traceback.format_exception(result.exception))}"
    elif result.exit_code != code:
        errors += f"{UNEXPECTED}exit code {result.exit_code}, not {code}: {errors}"
    return stable(text + (_ERRORS + errors if errors else ""), workplace)


def hashes(place: Path, workplace: Path) -> str:
    """Return the hashes of all text files that a command wrote, one a line.

    Parameters
    ----------
    place : Path
        A folder or a file.
    workplace : Path
        Names are told from here on.
    """
    files = sorted(path for path in place.rglob("*") if path.is_file()) or [place]
    return "".join(
        f"{_hash(path, workplace)}  {stable(path.relative_to(workplace).as_posix(), workplace)}\n"
        for path in files
        if path.suffix not in _BINARY and path.name != "manifest.json"
    )


def ask_case(case: Case, workplace: Path) -> str:
    """Return the document of a case.

    Parameters
    ----------
    case : Case
        What is asked.
    workplace : Path
        The present folder, with the inputs.
    """
    arguments = case.arguments
    if RAN in arguments:
        ran = str(_ran(workplace, SMALL, "small.yaml").relative_to(workplace))
        arguments = tuple(ran if word == RAN else word for word in arguments)
    text = call(arguments, case.code, workplace)
    if case.writes and UNEXPECTED not in text:
        text += _FILES + hashes(workplace / case.writes, workplace)
    return text


def _ran(workplace: Path, name: str, scenario: str) -> Path:
    """Return the folder of a run, made where it is not there."""
    place = workplace / "ran" / name
    if not place.is_dir():
        said = call(("run", scenario, "--out", f"ran/{name}", "--quiet"), 0, workplace)
        if UNEXPECTED in said:
            raise RuntimeError(said)
    (folder,) = place.iterdir()
    return folder


def ask_world(name: str, workplace: Path) -> dict[str, str]:
    """Return the documents of a scenario: its table, its manifest, and hashes of the rest.

    Parameters
    ----------
    name : str
        A shipped scenario, or `small`.
    workplace : Path
        The present folder, with the inputs.
    """
    folder = _ran(workplace, name, "small.yaml" if name == SMALL else name)
    manifest = json.loads((folder / "manifest.json").read_text(encoding="utf-8"))
    for key in ("wall_time", "libraries", "version"):
        manifest.pop(key, None)
    told = json.dumps(manifest, indent=1, ensure_ascii=False)
    bill = call(("bill", str(folder.relative_to(workplace)), "--json"), 0, workplace)
    return {
        "results.csv": compact(folder / "results.csv"),
        "manifest.json": stable(told, workplace) + "\n",
        "files.txt": f"{hashes(folder, workplace)}{hashlib.sha256(bill.encode()).hexdigest()}"
        f"  bill --json\n{manifest['hash']}  scenario\n",
    }


def compact(table: Path) -> str:
    """Return a results table with one row a variable and one column a year.

    Parameters
    ----------
    table : Path
        `results.csv` as `run` writes it; its figures are kept letter by letter.
    """
    rows: dict[tuple[str, str], dict[tuple[int, int], str]] = {}
    with table.open(encoding="utf-8", newline="") as file:
        for row in csv.DictReader(file):
            by_year = rows.setdefault((row["variable"], row["unit"]), {})
            by_year[int(row["year"]), int(row["replication"])] = row["value"]
    columns = sorted({place for by_year in rows.values() for place in by_year})
    text = io.StringIO()
    writer = csv.writer(text, lineterminator="\n")
    writer.writerow(["variable", "unit", *(f"{y}#{r}" if r else str(y) for y, r in columns)])
    for names, by_year in rows.items():
        writer.writerow([*names, *(by_year.get(place, "") for place in columns)])
    return text.getvalue()


def ask(worlds: Iterable[str], cases: Iterable[str]) -> Iterator[tuple[str, str]]:
    """Give the documents of scenarios and cases as name and text.

    They are asked in a process of its own, whose environment pins what rounds.

    Parameters
    ----------
    worlds : iterable of str
        Shipped scenarios, and `small`.
    cases : iterable of str
        Names of cases.
    """
    with tempfile.TemporaryDirectory() as scratch:
        workplace, answers = Path(scratch).resolve() / "asked", Path(scratch).resolve() / "told"
        workplace.mkdir()
        answers.mkdir()
        write_inputs(workplace)
        names = [*(f"world:{name}" for name in worlds), *(f"case:{name}" for name in cases)]
        subprocess.run(
            [sys.executable, str(HERE / "ask.py"), str(answers), *names],
            cwd=workplace,
            env=_environment(),
            check=True,
        )
        for path in sorted(answers.rglob("*")):
            if path.is_file():
                yield path.relative_to(answers).as_posix(), path.read_text(encoding="utf-8")


def _environment() -> dict[str, str]:
    """Return the environment of the process that asks.

    Cells kept by a process with other kernels of OpenBLAS would bring its last bits along.
    """
    pinned = {**os.environ, **PINNED}
    if os.environ.get("OPENBLAS_CORETYPE") != PINNED["OPENBLAS_CORETYPE"]:
        caches = os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache"
        pinned["XDG_CACHE_HOME"] = str(Path(caches) / "computesim-golden")
    return pinned


def answer(names: Iterable[str], answers: Path) -> None:
    """Ask in this process and write the documents into a folder.

    Parameters
    ----------
    names : iterable of str
        `world:NAME` and `case:NAME`.
    answers : Path
        Takes the documents.
    """
    workplace = Path.cwd()
    for word in names:
        kind, _, name = word.partition(":")
        try:
            documents = (
                {f"worlds/{name}/{part}": text for part, text in ask_world(name, workplace).items()}
                if kind == "world"
                else {f"cases/{name}": ask_case(CASES[name], workplace)}
            )
        except Exception:  # the other documents are told all the same
            places = [f"worlds/{name}/{p}" for p in PARTS] if kind == "world" else [f"cases/{name}"]
            documents = dict.fromkeys(places, f"{UNEXPECTED}{traceback.format_exc()}")
        for place, text in documents.items():
            path = answers / place
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(text, encoding="utf-8", newline="\n")


# ---- storing


def store(name: str, text: str) -> Path:
    """Write a document into the stored data, compressed where it is large.

    Parameters
    ----------
    name : str
        As `ask` gives it.
    text : str
        The document.
    """
    plain, packed = DATA / name, DATA / f"{name}.gz"
    path, other = (packed, plain) if len(text) > _LARGE else (plain, packed)
    other.unlink(missing_ok=True)
    path.parent.mkdir(parents=True, exist_ok=True)
    content = text.encode()
    # no time and no name within, so that the same text gives the same file
    path.write_bytes(gzip.compress(content, 9, mtime=0) if path == packed else content)
    return path


def stored(name: str) -> str | None:
    """Return a stored document, or None where there is none.

    Parameters
    ----------
    name : str
        As `ask` gives it.
    """
    if (packed := DATA / f"{name}.gz").is_file():
        return gzip.decompress(packed.read_bytes()).decode()
    return (DATA / name).read_text(encoding="utf-8") if (DATA / name).is_file() else None


def machine() -> dict[str, dict[str, str]]:
    """Return what the last bit of a figure, and of a drawing, may depend on."""
    import platform

    import llvmlite
    import llvmlite.binding
    import matplotlib
    import numba
    import numpy as np
    import plotly
    import scipy

    return {
        "figures": {
            "architecture": platform.machine(),
            "python": ".".join(platform.python_version_tuple()[:2]),
            "numpy": np.__version__,
            "scipy": scipy.__version__,
            "numba": numba.__version__,
            "llvmlite": llvmlite.__version__,
            "processor": llvmlite.binding.get_host_cpu_name(),
        },
        "drawings": {"matplotlib": matplotlib.__version__, "plotly": plotly.__version__},
    }


def unlike() -> dict[str, list[str]]:
    """Return how this machine differs from that of the stored results, by what it may move."""
    known = json.loads((DATA / "machine.json").read_text(encoding="utf-8"))
    return {
        kind: [
            f"{name} {value}, stored {known[kind].get(name)}"
            for name, value in parts.items()
            if known[kind].get(name) != value
        ]
        for kind, parts in machine().items()
    }


def unlike_lines() -> list[str]:
    """Return all of `unlike` in one list."""
    return [line for lines in unlike().values() for line in lines]


def exact(kind: str = "figures") -> bool:
    """Tell whether the same code must give the same bits here.

    Parameters
    ----------
    kind : str
        `figures` or `drawings`.
    """
    asked = os.environ.get("COMPUTESIM_GOLDEN", "")
    if asked in ("exact", "close"):
        return asked == "exact"
    return not unlike()[kind]


# ---- holding one against the other


def differences(name: str, old: str | None, new: str) -> str:
    """Return what moved in a document, as a message; empty where nothing that counts did.

    Parameters
    ----------
    name : str
        Of the document.
    old : str or None
        As stored.
    new : str
        As it is now.
    """
    renew = f"make golden ONLY={name.split('/')[1]}"
    if old is None:
        return f"{name} was never stored: {renew}"
    if old == new:
        return ""
    if UNEXPECTED in new:
        return f"{name}: {new.partition(UNEXPECTED)[2]}"
    changes = sorted(_moved(figures(name, old), figures(name, new)))
    every_bit = exact() and exact("drawings")
    counts = [change for change in changes if every_bit or not _excused(*change)]
    if changes and not counts:
        return ""
    return f"{_told(name, counts, old, new)}\nIf that is meant: {renew}, and say so in CHANGELOG.md"


def figures(name: str, document: str) -> dict[str, str]:
    """Return the figures of a document by their place in it.

    Parameters
    ----------
    name : str
        Tells what it is: a table, JSON or text.
    document : str
        As stored.
    """
    text, _, files = document.partition(_FILES)
    text, _, errors = text.partition(_ERRORS)
    parts = {f"stderr {n:04}": line for n, line in enumerate(errors.splitlines(), 1)}
    if name.endswith("files.txt"):
        text, files = "", document
    for line in files.splitlines():
        digest, _, file = line.partition("  ")
        parts[f"file {file}"] = digest
    if name.endswith("results.csv"):
        for row in csv.DictReader(io.StringIO(text)):
            variable, unit = row.pop("variable"), row.pop("unit")
            parts |= {f"{variable} [{unit}] {year}": value for year, value in row.items() if value}
        return parts
    if name.endswith(".json"):
        try:
            return parts | dict(_leaves(json.loads(text)))
        except ValueError:  # it failed, and says so on stderr
            pass
    return parts | {f"line {n:04}": line for n, line in enumerate(text.splitlines(), 1)}


def _leaves(data: Any, place: str = "") -> Iterator[tuple[str, str]]:
    """Give the leaves of JSON data with their places."""
    parts: Iterable[tuple[object, Any]] = ()
    if isinstance(data, Mapping):
        parts = data.items()
    elif isinstance(data, list):
        parts = ((f"{n:04}", part) for n, part in enumerate(data))
    if not parts or not data:
        yield place, json.dumps(data, ensure_ascii=False)
        return
    for key, part in parts:
        yield from _leaves(part, f"{place}|{key}" if place else str(key))


def _moved(old: dict[str, str], new: dict[str, str]) -> Iterator[tuple[str, str, str]]:
    """Give the places where the two differ, with both."""
    for place in old.keys() | new.keys():
        pair = (old.get(place, "-"), new.get(place, "-"))
        if pair[0] != pair[1]:
            yield (place, *pair)


def _excused(place: str, old: str, new: str) -> bool:
    """Tell whether a difference may come from another library or processor."""
    if place.startswith("file "):
        drawn = place.endswith(_DRAWN) or not exact()
        return drawn and "-" not in (old, new)
    if exact():
        return False
    if _NUMBER.sub("#", old) != _NUMBER.sub("#", new):
        return False
    printed = place.startswith("line ")
    pairs = zip(_NUMBER.findall(old), _NUMBER.findall(new), strict=True)
    return all(_alike(one, two, printed) for one, two in pairs)


def _alike(old: str, new: str, printed: bool) -> bool:
    """Tell whether two numbers are the same but for rounding; printed ones to their last digit."""
    one, two = Decimal(old.replace(",", "")), Decimal(new.replace(",", ""))
    if math.isclose(one, two, rel_tol=CLOSE):
        return True
    if not printed:
        return False
    last = Decimal(1).scaleb(max(int(n.as_tuple().exponent) for n in (one, two)))
    counted = "." not in old + new and not math.isclose(one, two, rel_tol=0.005)
    return abs(one - two) <= last and not counted


def _told(name: str, changes: list[tuple[str, str, str]], old: str, new: str) -> str:
    """Return the message about what moved."""
    if not changes:
        lines = difflib.unified_diff(
            old.splitlines(), new.splitlines(), "stored", "now", n=0, lineterm=""
        )
        head = [line for _, line in zip(range(SHOWN), lines, strict=False)]
        return "\n".join([f"{name}: the same figures, written otherwise", *head])
    families = Counter(re.split(r"[|\[]", place)[0].strip() for place, *_ in changes)
    if families.keys() and all(family.startswith("line ") for family in families):
        families = Counter({"lines": len(changes)})
    rows = [f"  {place}: {one} -> {two}{_relative(one, two)}" for place, one, two in changes]
    more = [f"  ... {len(rows) - SHOWN} more"] if len(rows) > SHOWN else []
    counted = ", ".join(f"{family} {count}" for family, count in families.most_common())
    return "\n".join([f"{name}: {len(changes)} differ: {counted}", *rows[:SHOWN], *more])


def _relative(old: str, new: str) -> str:
    """Return the relative difference of two figures as text, or nothing where there is none."""
    try:
        one, two = float(old), float(new)
    except ValueError:
        return ""
    return f"  ({(two - one) / abs(one):+.3g})" if one else ""
