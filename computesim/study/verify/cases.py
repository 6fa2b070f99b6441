"""Case files of `verify`: published figures as CSV, read with all faults named at once.

An empty cell is unknown and left to the model to choose. Columns beyond those of
the kind are kept and come back in the result.
"""

from __future__ import annotations

import csv
import gzip
import io
import math
import zlib
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from computesim.catalog import load_catalog
from computesim.catalog.rows import DATA, Source
from computesim.errors import CaseError, Fault, near_miss

SHIPPED: Final = DATA / "cases"


@dataclass(frozen=True, slots=True)
class Column:
    """One column of a case file."""

    kind: str = "text"  #: text, number, count (a whole number) or word
    required: bool = False  #: the column must be there and filled
    least: float = 0.0  #: smallest number accepted
    most: float = math.inf  #: largest number accepted
    words: tuple[str, ...] = ()  #: accepted words

    def fault(self, text: str) -> tuple[str, str] | None:
        """Return what is accepted and a hint if a cell is wrong."""
        if not text:
            return ("accepted: a value", "")
        if self.kind == "word" and text.lower() not in self.words:
            return (f"accepted: {', '.join(self.words)}", near_miss(text.lower(), self.words))
        if self.kind in ("number", "count"):
            return self._number_fault(text)
        return None

    def _number_fault(self, text: str) -> tuple[str, str] | None:
        """Return what is accepted if a number is wrong."""
        try:
            number = float(text)
        except ValueError:
            plain = text.replace(",", "").replace("_", "").split(" ")[0]
            hint = f"write {plain}, without separators and units" if _is_number(plain) else ""
            return ("accepted: a plain number such as 64 or 1.5e13", hint)
        if self.kind == "count" and number != int(number if math.isfinite(number) else 0):
            return ("accepted: a whole number", "")
        if not math.isfinite(number) or not self.least <= number <= self.most:
            most = f" and at most {self.most:g}" if math.isfinite(self.most) else ""
            return (f"accepted: a finite number, at least {self.least:g}{most}", "")
        return None


@dataclass(frozen=True, slots=True)
class CaseFormat:
    """What a kind of case file holds."""

    name: str
    columns: Mapping[str, Column]
    in_points: bool = False  #: values are percent, errors differences of them

    @property
    def metrics(self) -> tuple[str, ...]:
        """Accepted metrics."""
        return self.columns["metric"].words


@dataclass(frozen=True, slots=True)
class Case:
    """One row of a case file."""

    line: int
    cells: Mapping[str, str]  #: all columns as they stand in the file

    def text(self, column: str, default: str = "") -> str:
        """Return a cell, or the default where it is empty or the column absent."""
        return self.cells.get(column, "") or default

    def number(self, column: str) -> float | None:
        """Return a number, or None where it is unknown."""
        text = self.cells.get(column, "")
        return float(text) if text else None

    def count(self, column: str) -> int | None:
        """Return a whole number, or None where it is unknown."""
        number = self.number(column)
        return None if number is None else int(number)

    def typed(self, form: CaseFormat) -> dict[str, str | float | None]:
        """Return the cells with numbers as numbers and unknown ones as None.

        Parameters
        ----------
        form : CaseFormat
        """
        kinds = {name: column.kind for name, column in form.columns.items()}
        counted = {"number": self.number, "count": self.count}
        return {
            name: counted[kinds[name]](name) if kinds.get(name) in counted else text
            for name, text in self.cells.items()
        }

    @property
    def metric(self) -> str:
        """What was measured."""
        return self.cells["metric"].lower()

    @property
    def value(self) -> float:
        """What was published."""
        return float(self.cells["value"])


_TEXT, _SIZE = Column(), Column("count", least=1)
_POSITIVE = Column("number", least=1e-12)
_NOT_NEGATIVE = Column("number")
_NAMED = {
    "id": Column(required=True),
    "model": Column(required=True),
    "accelerator": Column(required=True),
}
_PUBLISHED = {"value": Column("number", True, least=1e-12), "source": _TEXT}


def _metric(*words: str) -> dict[str, Column]:
    return {"metric": Column("word", True, words=words), **_PUBLISHED}


TRAINING: Final = CaseFormat(
    "training",
    {
        **_NAMED,
        "n_accelerators": _SIZE,
        "tokens": _POSITIVE,
        "seq_len": _SIZE,
        "global_batch_tokens": _POSITIVE,
        **dict.fromkeys(("micro_batch", "tp", "pp", "dp", "ep", "cp", "vp"), _SIZE),
        "dtype": _TEXT,
        "recompute": Column("word", words=("none", "selective", "full")),
        "zero": Column("word", words=("0", "1", "2", "3")),
        "mtp": Column("word", words=("yes", "no")),
        **_metric(
            "tokens_per_s_per_accelerator",
            "model_tflops_per_accelerator",
            "hardware_tflops_per_accelerator",
            "mfu",
            "step_seconds",
            "accelerator_hours",
            "days",
            "flop_per_token",
        ),
    },
)

RL: Final = CaseFormat(
    "rl",
    {
        **_NAMED,
        "n_accelerators": _SIZE,
        "n_learner": Column("count"),
        "n_rollout": Column("count"),
        "algorithm": _TEXT,
        **dict.fromkeys(("prompts_per_step", "group_size", "samples_per_step"), _SIZE),
        **dict.fromkeys(("mean_output_tokens", "max_output_tokens"), _POSITIVE),
        "prompt_tokens": _NOT_NEGATIVE,
        "staleness": _NOT_NEGATIVE,
        "steps": _POSITIVE,
        "dtype": _TEXT,
        "rollout_dtype": _TEXT,
        "tp_rollout": _SIZE,
        **dict.fromkeys(("updates", "minibatches", "chunks"), _SIZE),
        **dict.fromkeys(("old_log_probs", "recompute_cache"), Column("word", words=("yes", "no"))),
        "speculation": Column("number", least=1.0),
        **_metric(
            "step_seconds", "rollout_fraction", "tokens_per_s_per_accelerator", "accelerator_hours"
        ),
    },
)

SERVING: Final = CaseFormat(
    "serving",
    {
        **_NAMED,
        **dict.fromkeys(("dtype", "kv_dtype", "gemm_dtype", "moe_dtype"), _TEXT),
        **dict.fromkeys(("engine", "engine_version"), _TEXT),
        **dict.fromkeys(("tp", "pp", "ep", "dp"), Column("count")),  # 0: unknown
        **dict.fromkeys(("isl", "osl", "concurrency"), Column("count", True, 1)),
        "stream_interval": _NOT_NEGATIVE,
        "statistic": Column("word", words=("mean", "median")),
        **_metric("tpot_ms", "ttft_ms", "output_tokens_per_s_per_accelerator"),
    },
)

NETWORK: Final = CaseFormat(
    "network",
    {
        "id": Column(required=True),
        "fabric": Column(required=True),
        "accelerators": Column("count", True, 1),
        "tiers": _SIZE,
        **_metric(
            "leaf_switches",
            "spine_switches",
            "core_switches",
            "cables",
            "cables_node_leaf",
            "cables_leaf_spine",
            "cables_spine_core",
            "transceivers_per_accelerator",
        ),
        "value": Column("number", True),  # there may be no core switch
    },
)

#: what a quality case is for: a law is told it, its coefficients are fitted to it, or neither
GIVEN, FIT, HELD_OUT = "given", "fit", "held-out"

QUALITY: Final = CaseFormat(
    "quality",
    {
        **dict.fromkeys(("id", "benchmark", "model"), Column(required=True)),
        "answers": Column("word", words=("open", "choice", "mixed", "program")),
        **_metric(
            "coverage",
            "coverage_tuned",
            "consensus",
            "best_of",
            "effort",
            "loss",
            "before_rl",
            "stale",
            "pretraining",
            "rating",
        ),
        "x": Column("number", True),
        "value": Column("number", True, most=100.0),
        "problems": _SIZE,
        "held_out": Column("word", True, words=(GIVEN, FIT, HELD_OUT)),
    },
    in_points=True,
)

FORMATS: Final = {form.name: form for form in (TRAINING, SERVING, RL, NETWORK, QUALITY)}


def read_cases(path: str | Path, form: CaseFormat) -> list[Case]:
    """Return the cases of a file.

    Parameters
    ----------
    path : str or Path
        CSV in UTF-8, with a header; may be gzipped.
    form : CaseFormat
        One of `FORMATS`.

    Raises
    ------
    CaseError
        Naming every fault: file, line, column, what was found, what is accepted, near miss.
    """
    rows = _rows(Path(path))
    line, header = next(rows, (1, []))
    header = [name.strip().lower() for name in header]
    faults = list(_header_faults(header, form, str(path), line))
    if faults:
        raise CaseError(faults, f"{form.name} cases")
    cases = []
    for line, cells in rows:
        if not any(cell.strip() for cell in cells):
            continue
        if len(cells) != len(header):
            found, accepted = f"{len(cells)} cells", f"accepted: {len(header)}, as in the header"
            faults.append(Fault("row", found, accepted, str(path), line))
            continue
        row = {name: cell.strip() for name, cell in zip(header, cells, strict=True)}
        faults += _cell_faults(row, form, str(path), line)
        cases.append(Case(line, row))
    if not cases and not faults:
        faults = [Fault("rows", "no case", "accepted: at least one row", str(path), line)]
    if faults:
        raise CaseError(faults, f"{form.name} cases")
    return cases


def shipped_cases(form: CaseFormat) -> list[Case]:
    """Return the cases of the package for a kind."""
    return read_cases(SHIPPED / f"{form.name}.csv", form)


def _rows(path: Path) -> Iterator[tuple[int, list[str]]]:
    reader = csv.reader(io.StringIO(_text(path), newline=""))
    try:
        for cells in reader:
            yield reader.line_num, cells
    except csv.Error as error:
        fault = Fault("file", str(error), "accepted: CSV", str(path), reader.line_num)
        raise CaseError([fault], "cases") from error


def _text(path: Path) -> str:
    data = path.read_bytes()
    try:
        plain = gzip.decompress(data) if data[:2] == b"\x1f\x8b" else data
        return plain.decode("utf-8-sig")
    except (OSError, EOFError, zlib.error, UnicodeDecodeError) as error:
        fault = Fault("file", str(error), "accepted: UTF-8 text, gzipped or not", str(path))
        raise CaseError([fault], "cases") from error


def _header_faults(
    header: Sequence[str], form: CaseFormat, file: str, line: int
) -> Iterator[Fault]:
    """Yield the required columns that are missing and the names that stand twice."""
    for name, column in form.columns.items():
        if column.required and name not in header:
            others = [word for word in header if word not in form.columns]
            accepted = f"accepted columns: {', '.join(form.columns)}"
            yield Fault(name, "missing column", accepted, file, line, near_miss(name, others))
    for name in sorted({n for n in header if n and header.count(n) > 1}):
        yield Fault(name, "column stands twice", "accepted: each name once", file, line)


def _cell_faults(row: Mapping[str, str], form: CaseFormat, file: str, line: int) -> Iterator[Fault]:
    for name, column in form.columns.items():
        text = row.get(name, "")
        wrong = column.fault(text) if text or column.required else None
        if wrong:
            yield Fault(name, f"'{text}'" if text else "empty", wrong[0], file, line, wrong[1])


def _is_number(text: str) -> bool:
    try:
        float(text)
    except ValueError:
        return False
    return True


def cited_sources() -> list[Source]:
    """Return the sources of the shipped cases, in the order of their keys."""
    cited = {case.text("source") for form in FORMATS.values() for case in shipped_cases(form)}
    catalog = load_catalog()
    return [catalog.source(key) for key in sorted(cited)]
