"""The command `rl`: one step of RL post-training, and the run."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import typer

from computesim.cli import options
from computesim.cli.asking import Alias, Subject, aliases, asks
from computesim.cli.output import print_json

if TYPE_CHECKING:
    from computesim.scenario.questions import Draft

USUAL = aliases(
    "accelerator", Alias("count", short="-n"), "prompts", Alias("group_size", "group"),
    "prompt_tokens", "output_tokens", Alias("max_output_tokens", "max-output"), "staleness",
    "steps", "learner", "rollout", "tp_rollout",
)  # fmt: skip
OTHERS = aliases(
    "spread", Alias("partial_rollouts", flag=True), Alias("recompute_cache", flag=True), "dtype",
    "rollout_dtype", "kv_dtype", "minibatches", "updates", "chunks", "keep_share",
    Alias("reference", flag=True), Alias("critic", flag=True), "turns", "tool_seconds",
    "tool_tokens", "verifier_seconds", "verifier_cores", "speculation", "site", "seed",
    Alias("catalog", takes="DIR"),
)  # fmt: skip


@asks(USUAL, OTHERS, Subject("model", "MODEL|FILE", "A model, or a question file."))
def rl(draft: Draft[Any], as_json: options.Json = False) -> None:
    """Time a step of RL post-training, by phase, and the run.

    Rollouts are simulated one by one, with their long tail; learner and new weights are computed
    under the best layouts. Without --learner and --rollout both sides take turns on all
    accelerators, or have half of them each where rollouts run ahead (--staleness). With --steps
    also the run: days, accelerator-hours, energy. The exit code is 1 where the model does not fit.

    Example: computesim rl qwen2.5-32b --accelerator a800 -n 128 --prompts 512 --output-tokens 4500
    """
    from computesim.report.text.rl import text
    from computesim.study.rl.stepping import stepped

    answer = stepped(draft.read())
    print_json(answer) if as_json else typer.echo(text(answer))
