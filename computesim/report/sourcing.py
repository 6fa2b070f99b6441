"""Where the numbers of a chart come from, in one line."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence

from computesim.report.text.tables import columns
from computesim.results import Assumption, Results, Source

_MOST_TITLES = 3
_HEADS = ("key", "kind", "date", "title", "url")
ESTIMATE = "estimate"


def is_estimate(source: str, known: dict[str, Source]) -> bool:
    """Tell whether a source key stands for somebody's estimate."""
    return source == ESTIMATE or known.get(source, {}).get("kind") == ESTIMATE


def known_sources(results: Results) -> dict[str, Source]:
    """Return the bibliography of a run by key."""
    return {s["key"]: s for s in results.manifest.get("sources", []) if "key" in s}


def inputs_under(results: Results, heads: Sequence[str]) -> list[Assumption]:
    """Return the assumptions whose path begins with one of these words; all of them for none."""
    rows = results.manifest.get("assumptions", [])
    return [r for r in rows if not heads or r.get("path", "").split(".")[0] in heads]


def count_estimates(results: Results, heads: Sequence[str] = ()) -> tuple[int, int]:
    """Return how many inputs are estimates, and how many inputs there are."""
    known, rows = known_sources(results), inputs_under(results, heads)
    return sum(is_estimate(r.get("source", ""), known) for r in rows), len(rows)


def _short(title: str, most: int = 56) -> str:
    return title if len(title) <= most else title[:most].rsplit(" ", 1)[0].rstrip(" ,;:(") + "…"


def run_name(results: Results) -> str:
    """Return what made the numbers: program, version, scenario and its hash."""
    manifest = results.manifest
    version = f" {manifest['version']}" if "version" in manifest else ""
    digest = f" ({manifest['hash'][:8]})" if "hash" in manifest else ""
    return f"computesim{version}, scenario {results.scenario}{digest}"


def source_line(results: Results, heads: Sequence[str]) -> str:
    """Return the source line of a chart.

    Parameters
    ----------
    results : Results
        Its manifest names the assumptions and their sources.
    heads : sequence of str
        The parts of the scenario that the chart rests on most (`products`); all for none.

    Returns
    -------
    str
        Program, scenario, the sources most used among those inputs, and the estimates.
    """
    known = known_sources(results)
    used = Counter(
        r["source"]
        for r in inputs_under(results, heads)
        if r.get("source") in known and not is_estimate(r["source"], known)
    )
    titles = [_short(known[key].get("title", key)) for key, _ in used.most_common(_MOST_TITLES)]
    if len(used) > _MOST_TITLES:
        titles.append(f"{len(used) - _MOST_TITLES} more")
    estimates, count = count_estimates(results, heads)
    parts = [f"Source: {run_name(results)}."]
    if titles:
        parts.append(f"Inputs: {'; '.join(titles)}.")
    if count:
        parts.append(f"Estimates: {estimates} of {count} inputs.")
    return " ".join(parts)


def ratio_note(results: Results) -> str:
    """Return how many ratios of the bill are estimates, nothing where a run has none."""
    count = results.manifest.get("bill_ratios", 0)
    guessed = results.manifest.get("bill_estimates", 0)
    return f"Of {count} ratios and prices of the bill {guessed} are estimates." if count else ""


def sources_text(results: Results) -> str:
    """Return the bibliography, how many inputs are estimates, and where most of them are.

    Parameters
    ----------
    results : Results
    """
    entries, known = results.manifest.get("sources", []), known_sources(results)
    rows = [[str(entry.get(name, "")) for name in _HEADS] for entry in entries]
    guessed = [
        row["path"].split(".")[0]
        for row in results.manifest.get("assumptions", [])
        if is_estimate(row.get("source", ""), known)
    ]
    most = ", ".join(f"{name} {n}" for name, n in Counter(guessed).most_common(4))
    estimates, count = count_estimates(results)
    told = f"{estimates} of {count} inputs are estimates (most of them: {most})."
    return f"{columns(rows)}\n\n{len(entries)} sources. {told}"
