"""The command `balance`: how much RL, how long chains and how many samples for a quality."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from computesim.cli import options
from computesim.cli.asking import Alias, Subject, aliases, asks, is_question_file
from computesim.cli.output import print_json, progress
from computesim.records import as_data

if TYPE_CHECKING:
    from computesim.scenario.questions import Draft

USUAL = aliases(
    "target",
    Alias("budget", takes="NUMBER"),
    "objective", "requests", "life", "method", "samples", "model",
    Alias("accelerators", "accelerator", "NAME", many=True),
)  # fmt: skip
OTHERS = aliases(
    "rl_accelerator", "price", "rl_price", "prompt_tokens", "cached_share", "answer_tokens",
    "length_ratio", "spread", "tpot", "rl_scale", "research", "pretraining", "staleness",
    "rollout_tokens", "serving_use", "rl_use", "dtype", "kv_dtype", "site",
    Alias("catalog", takes="DIR"),
)  # fmt: skip


def _scenario_answered(
    subject: str, overrides: Sequence[str], said: Mapping[Alias, Any], out: Path | None,
    quiet: bool, as_json: bool,
) -> bool:  # fmt: skip
    """Print what the labs of a scenario decide by year, if that is what is asked.

    What was said are options of a skill, which would not count, and likewise a folder.
    """
    from computesim import load_scenario
    from computesim.errors import Fault, FaultyInputError
    from computesim.report.text.balance import scenario_text
    from computesim.study.balance.whole import of_scenario

    catalog = next((value for alias, value in said.items() if alias.key == "catalog"), None)
    if not _is_scenario(subject, catalog):
        return False
    ignored = [alias.option for alias in said if alias.key != "catalog"]
    ignored += ["--out"] if out is not None else []
    if ignored:
        reason = f"does not count for a scenario: the labs of {subject} say it"
        accepted = "`--set labs.GROUP.policy.KEY=VALUE`"
        raise FaultyInputError([Fault(option, reason, accepted) for option in ignored], "balance")
    rows = of_scenario(load_scenario(subject, overrides, catalog))
    if as_json:
        print_json({"scenario": subject, "balances": rows})
    else:
        typer.echo(scenario_text(subject, rows))
    return True


def _is_scenario(subject: str, catalog: str | None) -> bool:
    """Tell whether a scenario has this name or file; a file with a `skill` is a question."""
    from computesim import load_catalog
    from computesim.scenario.gather import find_scenario
    from computesim.scenario.questions import document_of
    from computesim.workload.skill import skills

    file = find_scenario(subject) if subject else None
    if file is None or not is_question_file(subject):
        return file is not None and subject not in skills(load_catalog(catalog))
    return "skill" not in document_of(file).data


@asks(USUAL, OTHERS, Subject("skill", "SKILL|FILE|SCENARIO", "A skill, a question file, or a "
                             "scenario whose labs balance.", _scenario_answered))  # fmt: skip
def balance(
    draft: Draft[Any],
    out: Annotated[
        Path | None, typer.Option(metavar="DIR", help="Write charts, page and tables here.")
    ] = None,
    quiet: Annotated[bool, typer.Option("--quiet", help="No progress bar.")] = False,
    as_json: options.Json = False,
) -> None:
    """Balance RL compute, chain length and samples for an accuracy.

    The least spending for a target, or the best accuracy for a budget, over the life of a model:
    one RL run and all its requests.

    With --out also iso-quality curves, and how the balance moves with volume, price, target and
    hardware. Of a scenario, what its labs with `policy: {kind: least_cost}` decide by year; --set
    then sets its entries. What lies outside of the points that a skill was fitted to is marked. The
    exit code is 1 where nothing reaches the target. Method and limits: docs/balance.md.

    Example: computesim balance aime-2024 --target 75% --requests 1e7 --accelerator h200-sxm
    """
    from computesim.report.text.balance import balance_text
    from computesim.study.balance.question import problem_of
    from computesim.study.balance.whole import balances

    problem = problem_of(draft.read())
    if out is not None:
        out.mkdir(parents=True, exist_ok=True)  # a place that cannot be written says so now
    with progress(quiet) as tell:
        answer = balances(problem.questions, problem.target, problem.budget, out is not None, tell)
    files: list[Path] = []
    if out is not None:
        from computesim.report.balance_html import write_balance

        files = write_balance(answer, out)
    if as_json:
        print_json({**as_data(answer), "files": files})
    else:
        typer.echo(balance_text(answer))
        typer.echo("".join(f"\nWritten: {file}" for file in files), nl=bool(files))
