"""The client windows that ServeGen publishes: rates, gaps and lengths of each client.

Source
------
github.com/alibaba/ServeGen: `chunk-<client>-trace.csv` holds start (s), rate (1/s), coefficient
of variation, law of the gaps, its shape and scale; `chunk-<client>-dataset.json` holds, by start
of a longer window, probabilities of `input_tokens`, `output_tokens` and `reason_ratio`, each
written as a Python dict.
"""

from __future__ import annotations

import csv
import json
from bisect import bisect_right
from collections.abc import Mapping
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np

from computesim.arrays import Floats
from computesim.errors import CaseError, Fault
from computesim.sim.trace.clients import Client, Window
from computesim.sim.trace.lengths import Empirical, EmpiricalSplit

_LAST = 600.0  # s that the last window of a client lasts where it is the only one
_GAPS = ("Gamma", "Weibull")


class _Laws(NamedTuple):
    """Lengths of a client's requests in one of the longer windows."""

    prompt: Empirical
    output: Empirical
    reasoning: EmpiricalSplit | None


def is_servegen(folder: Path) -> bool:
    """Tell whether a folder holds client windows."""
    return folder.is_dir() and any(folder.glob("chunk-*-trace.csv"))


def read_clients(folder: str | Path) -> list[Client]:
    """Return the clients of a ServeGen folder such as `data/reason/deepseek-r1`.

    Parameters
    ----------
    folder : str or Path
        With `chunk-*-trace.csv` and `chunk-*-dataset.json`.

    Returns
    -------
    list of Client
        In order of their numbers. Windows without requests or without published lengths are
        left out, as ServeGen does.

    Raises
    ------
    CaseError
        If a file is missing or holds impossible values; all faults are listed.
    """
    where = Path(folder)
    files = sorted(where.glob("chunk-*-trace.csv"), key=lambda f: (len(f.name), f.name))
    if not files:
        found = "no chunk-*-trace.csv"
        raise CaseError([Fault("trace", found, "expected a ServeGen folder", str(where))])
    faults: list[Fault] = []
    clients = [_client(file, faults) for file in files]
    if faults:
        hidden = len(faults) - 20
        raise CaseError(faults[:20], f"{where} ({hidden} more are not shown)" if hidden > 0 else "")
    return clients


def _client(file: Path, faults: list[Fault]) -> Client:
    """Return one client; what is wrong with its files goes to `faults`."""
    lengths = _lengths(file.with_name(file.name.replace("-trace.csv", "-dataset.json")), faults)
    starts = sorted(lengths)
    rows = _rows(file, faults)
    windows = []
    for place, (start, rate, variation, gaps) in enumerate(rows):
        nearest = bisect_right(starts, start) - 1
        if gaps not in _GAPS or rate <= 0.0 or nearest < 0:
            continue
        after = rows[place + 1 : place + 2] or [(start + _step(rows), 0.0, 0.0, "")]
        laws = lengths[starts[nearest]]
        windows.append(
            Window(start, after[0][0], rate, laws.prompt, laws.output, variation,
                   "gamma" if gaps == "Gamma" else "weibull", laws.reasoning)
        )  # fmt: skip
    return Client(tuple(windows))


def _step(rows: list[tuple[float, float, float, str]]) -> float:
    """Return how long the last window lasts: as long as the one before."""
    return rows[-1][0] - rows[-2][0] if len(rows) > 1 else _LAST


def _rows(file: Path, faults: list[Fault]) -> list[tuple[float, float, float, str]]:
    """Return start, rate, variation and law of the gaps of each window."""
    rows: list[tuple[float, float, float, str]] = []
    with file.open(encoding="utf-8", newline="") as text:
        for line, cells in enumerate(csv.reader(text), start=1):
            try:
                start, rate, variation, gaps, _, _ = cells
                row = (float(start), float(rate), float(variation), gaps)
            except ValueError:
                row = (-1.0, np.nan, np.nan, "")
            fits = row[0] > (rows[-1][0] if rows else -1.0)
            if not fits or not all(0.0 <= number < np.inf for number in row[:3]):
                accepted = "expected start (rising), rate, variation, law, shape, scale"
                faults.append(Fault("window", ",".join(cells), accepted, str(file), line))
                continue
            rows.append(row)
    return rows


def _lengths(file: Path, faults: list[Fault]) -> dict[float, _Laws]:
    """Return the length laws of a client by the start of their window."""
    try:
        data = json.loads(file.read_text(encoding="utf-8"))
        windows = {float(start): fields for start, fields in data.items()}
    except (OSError, ValueError, AttributeError) as error:
        faults.append(Fault("lengths", str(error), "expected a JSON object by start", str(file)))
        return {}
    found = {}
    for start, fields in windows.items():
        try:
            laws = _laws(fields)
        except (KeyError, ValueError, TypeError, AttributeError) as error:
            accepted = "expected input_tokens and output_tokens with probabilities"
            faults.append(Fault(f"{start:g}", str(error) or "nothing", accepted, str(file)))
            continue
        if laws is not None:
            found[start] = laws
    return found


def _laws(fields: Mapping[str, Any]) -> _Laws | None:
    """Return the laws of one window; nothing where it has no requests."""
    if "{}" in (fields["input_tokens"], fields["output_tokens"]):
        return None
    prompt, output = (_histogram(fields[n]) for n in ("input_tokens", "output_tokens"))
    split = None
    if fields.get("reason_ratio", "{}") != "{}":
        share, probability = _histogram(fields["reason_ratio"])
        split = EmpiricalSplit(share, probability)
    return _Laws(_tokens(*prompt), _tokens(*output), split)


def _histogram(text: str) -> tuple[Floats, Floats]:
    """Return values and probabilities of `{39: 0.25, 40: 0.75}`."""
    flat = text.strip().strip("{}").replace(":", ",").strip(", ").split(",")
    value, probability = np.array(flat, dtype=np.float64).reshape(-1, 2).T
    if value.size == 0 or probability.min() < 0.0 or not 0.0 < probability.sum() < np.inf:
        raise ValueError("probabilities that are negative or all zero")
    return value, probability / probability.sum()


def _tokens(value: Floats, probability: Floats) -> Empirical:
    """Return a law of token counts; a request without a token counts as one with one."""
    return Empirical(np.maximum(np.rint(value), 1).astype(np.int64), probability)
