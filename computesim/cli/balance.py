"""The command `balance`: how much RL, how long chains and how many samples for a quality."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from computesim.cli import options
from computesim.cli.app import app
from computesim.cli.output import print_json, progress

if TYPE_CHECKING:
    from computesim.cli.balance_ask import Asked

#: parameters that count where a scenario is asked
_OF_SCENARIO = ("subject", "overrides", "catalog", "as_json", "quiet")
_USE = "Share of its paid time that an accelerator works at full load"


@app.command()
def balance(
    ctx: typer.Context,
    subject: Annotated[
        str,
        typer.Argument(metavar="SKILL|SCENARIO", help="A skill, or a scenario whose labs balance."),
    ],
    target: Annotated[str, typer.Option(help="Accuracy to reach at least cost: `75 %`.")] = "",
    budget: Annotated[
        str, typer.Option(help="Instead: what may be spent, FLOP, USD or mean W at the meter.")
    ] = "",
    objective: Annotated[
        str, typer.Option(metavar="flop|cost|power", help="What is least, or budgeted.")
    ] = "cost",
    requests: Annotated[str, typer.Option(help="Reasoning requests a day.")] = "1e8",
    life: Annotated[str, typer.Option(help="For which the model is served.")] = "180 day",
    method: Annotated[
        str,
        typer.Option(
            metavar="single|consensus|best_of|coverage", help="How several samples are used."
        ),
    ] = "consensus",
    samples: Annotated[int, typer.Option(min=1, max=4096, help="Of a request, at most.")] = 16,
    model: Annotated[str, typer.Option(help="Trained and served.")] = "deepseek-v3",
    accelerator: Annotated[
        list[str] | None, typer.Option(help="That serves, h200-sxm if left out; repeatable.")
    ] = None,
    rl_accelerator: Annotated[
        str, typer.Option(help="Of RL; the one that serves if left out.")
    ] = "",
    price: Annotated[
        str, typer.Option(help="Rent while serving, USD/h; that of the catalog if left out.")
    ] = "",
    rl_price: Annotated[str, typer.Option(help="Rent during RL, likewise.")] = "",
    prompt_tokens: Annotated[str, typer.Option(help="Of a request.")] = "1000",
    cached_share: Annotated[str, typer.Option(help="Of the prompt, in a prefix cache.")] = "0",
    answer_tokens: Annotated[str, typer.Option(help="Visible, beside the reasoning.")] = "400",
    length_ratio: Annotated[
        str, typer.Option(help="Reasoning tokens of a request over those of a problem.")
    ] = "1",
    spread: Annotated[str, typer.Option(help="Sd of ln(output tokens).")] = "1.03",
    tpot: Annotated[str, typer.Option(help="Time per output token, at most.")] = "50 ms",
    rl_scale: Annotated[
        str, typer.Option(help="RL compute of the run over that of the skill alone.")
    ] = "1",
    research: Annotated[
        str, typer.Option(help="Accelerator time of experiments over that of the RL run.")
    ] = "0",
    pretraining: Annotated[
        str, typer.Option(help="FLOP of the base model; of the skill's family if left out.")
    ] = "",
    staleness: Annotated[
        int, typer.Option(min=0, max=64, help="Steps by which rollouts lag behind the learner.")
    ] = 1,
    rollout_tokens: Annotated[str, typer.Option(help="Mean response in RL.")] = "10000",
    serving_use: Annotated[str, typer.Option(help=f"{_USE}: peaks, spares.")] = "0.3",
    rl_use: Annotated[str, typer.Option(help=f"{_USE}: gaps between runs.")] = "0.8",
    dtype: Annotated[str, typer.Option(help="Of weights, served and in rollouts.")] = "fp8",
    kv_dtype: Annotated[str, typer.Option(help="Of the KV cache.")] = "fp8",
    site: Annotated[str, typer.Option(help="Where the watts are drawn.")] = "hyperscale-global",
    out: Annotated[
        Path | None, typer.Option(metavar="DIR", help="Write charts, page and tables here.")
    ] = None,
    overrides: options.Overrides = None,
    catalog: options.Catalog = None,
    as_json: options.Json = False,
    quiet: Annotated[bool, typer.Option("--quiet", help="No progress bar.")] = False,
) -> None:
    """Balance RL compute, chain length and samples for an accuracy.

    The least spending for a target, or the best accuracy for a budget, over the life of a model:
    one RL run and all its requests.

    With --out also iso-quality curves, and how the balance moves with volume, price, target and
    hardware. Of a scenario, what its labs with `policy: {kind: least_cost}` decide by year. What
    lies outside of the points that a skill was fitted to is marked. The exit code is 1 where
    nothing reaches the target. Method and limits: docs/balance.md.

    Example: computesim balance aime-2024 --target 75% --requests 1e7 --accelerator h200-sxm
    """
    from computesim import load_catalog
    from computesim.cli.balance_ask import Asked
    from computesim.workload.skill import skills

    known = load_catalog(catalog)
    is_scenario = subject not in skills(known) and _is_scenario(subject)
    _refuse_ignored(ctx, subject, is_scenario)
    if is_scenario:
        _scenario(subject, overrides, catalog, as_json)
        return
    numbers = {
        "target": target, "requests": requests, "life": life, "prompt_tokens": prompt_tokens,
        "cached_share": cached_share, "answer_tokens": answer_tokens,
        "length_ratio": length_ratio, "spread": spread, "tpot": tpot, "rl_scale": rl_scale,
        "research": research, "rollout_tokens": rollout_tokens, "price": price,
        "rl_price": rl_price, "pretraining": pretraining, "serving_use": serving_use,
        "rl_use": rl_use,
    }  # fmt: skip
    asked = Asked(
        subject, numbers, budget, objective, method, 1 if method == "single" else samples,
        staleness, model, tuple(dict.fromkeys(accelerator or ["h200-sxm"])), rl_accelerator,
        (dtype, kv_dtype), site, catalog,
    )  # fmt: skip
    _skill(asked, known, out, as_json, quiet)


def _refuse_ignored(ctx: typer.Context, subject: str, is_scenario: bool) -> None:
    """Refuse options that would not count: those of a skill with a scenario, and vice versa."""
    from computesim.errors import Fault, FaultyInputError

    faults = []
    for option in ctx.command.params:
        name = option.name or ""
        source = ctx.get_parameter_source(name)
        if source is None or source.name != "COMMANDLINE":
            continue
        if is_scenario and name not in _OF_SCENARIO:
            told = f"does not count for a scenario: the labs of {subject} say it"
            faults.append(Fault(option.opts[0], told, "`--set labs.GROUP.policy.KEY=VALUE`"))
        elif not is_scenario and name == "overrides":
            told = f"does not count for a skill: {subject} is no scenario"
            faults.append(Fault(option.opts[0], told, "the other options of this command"))
    if faults:
        raise FaultyInputError(faults, "balance")


def _skill(asked: Asked, catalog: Any, out: Path | None, as_json: bool, quiet: bool) -> None:
    """Solve for a skill; print, and write where files are wanted."""
    from computesim.cli import balance_text
    from computesim.cli.balance_ask import Reader
    from computesim.cli.balance_found import found

    questions, target, budget = Reader(asked, catalog).questions()
    if out is not None:
        out.mkdir(parents=True, exist_ok=True)  # a place that cannot be written says so now
    with progress(quiet) as tell:
        told = found(questions, target, budget, out is not None, tell)
    files: list[Path] = []
    if out is not None:
        from computesim.cli.balance_files import write

        files = write(told, out)
    if as_json:
        print_json({**told, "files": files})
    else:
        typer.echo(balance_text.text(told))
        typer.echo("".join(f"\nWritten: {file}" for file in files), nl=bool(files))


def _is_scenario(subject: str) -> bool:
    """Tell whether a scenario has this name, or a file."""
    from computesim.scenario.gather import find_scenario

    return find_scenario(subject) is not None


def _scenario(
    subject: str, overrides: list[str] | None, catalog: Path | None, as_json: bool
) -> None:
    """Print what the labs of a scenario decide by year."""
    from computesim import load_scenario
    from computesim.cli import balance_text
    from computesim.cli.balance_found import of_scenario

    rows = of_scenario(load_scenario(subject, overrides or (), catalog))
    if as_json:
        print_json({"scenario": subject, "balances": rows})
    else:
        typer.echo(balance_text.scenario_text(subject, rows))
