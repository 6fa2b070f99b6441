"""One step of RL post-training, part by part, and the short-chain baselines.

    prompts ÷ keep share × group × search ─▶ rollouts ─▶ scores ─▶ kept groups
    kept groups ─▶ old and reference log-probs, critic ─▶ learner × updates ─▶ weights

Per generated token and without attention that is 2N + 6N for GRPO on policy, 2N more
for each of old and reference log-probs, and 8N for a critic of the same size.
"""

from __future__ import annotations

from dataclasses import dataclass, fields

from computesim.quantities import DTYPE_BYTES, Work
from computesim.traced import named
from computesim.workload.architecture import Architecture
from computesim.workload.attention import attention_flop, cache_bytes_read
from computesim.workload.parameters import parameter_count, weight_bytes
from computesim.workload.rl_recipe import RLRecipe, Verifier
from computesim.workload.search import (
    SearchCost,
    search_cache_bytes,
    search_cost,
    search_flop,
)
from computesim.workload.transformer import prefill_flop, train_flop_per_token


@dataclass(frozen=True, slots=True)
class RLStep:
    """What one RL step (or, multiplied, a run) asks for.

    `hbm_bytes` is cache read while decoding; weights are read once per step of a batch whose size
    only the hardware floor knows. `wire_bytes` is one copy of the weights to one rollout replica.
    """

    prefill: Work
    decode: Work
    search_scoring: Work  #: process reward model
    verification: Work  #: reward model on finished responses
    old_log_probs: Work
    reference: Work
    critic: Work  #: its values and its training
    learner: Work
    weight_sync: Work
    generated_tokens: float
    prefilled_tokens: float  #: prompts and tool answers read by the rollout engine
    learner_tokens: float  #: tokens of the kept sequences, prompts included, once per update
    trajectories: float  #: sequences generated to an end
    kept_trajectories: float  #: of them, those that are learnt from
    critical_tokens: float  #: mean tokens generated one after another, summed over steps
    critical_seconds: float  #: mean wait for tools and verifier of one trajectory, s
    core_seconds: float  #: processor cores of sandboxes and tools, core·s

    def __mul__(self, steps: float) -> RLStep:
        return RLStep(*(getattr(self, f.name) * steps for f in fields(self)))

    __rmul__ = __mul__

    @property
    def parts(self) -> dict[str, Work]:
        """The works by name; they sum to `total`."""
        works = {f.name: getattr(self, f.name) for f in fields(self)}
        return {name: work for name, work in works.items() if isinstance(work, Work)}

    @property
    def total(self) -> Work:
        """All parts together."""
        return sum(self.parts.values(), Work())

    @property
    def rollout_flop(self) -> float:
        """FLOP of the rollout engine: prefill, decode and the scores inside a search."""
        return self.prefill.flop + self.decode.flop + self.search_scoring.flop


def rl_step(arch: Architecture, recipe: RLRecipe) -> RLStep:
    """Return the work of one RL step.

    Parameters
    ----------
    arch : Architecture
        The policy.
    recipe : RLRecipe

    Returns
    -------
    RLStep
        Means over the response lengths.

    Notes
    -----
    A group shares the prefill of its prompt. The learner sees the prompt with every sequence.
    Verification reads every generated response, the rest only the kept groups. Value and
    reward models have no LM head.
    """
    lengths = recipe.response_lengths
    steps = [_step_at(arch, recipe, length) for length in lengths]
    total = steps[0]
    for step in steps[1:]:
        total = RLStep(*(getattr(total, f.name) + getattr(step, f.name) for f in fields(RLStep)))
    return total * (1.0 / len(lengths))


def _step_at(arch: Architecture, recipe: RLRecipe, length: float) -> RLStep:
    """Return the step where every response has the same length."""
    cost = search_cost(recipe.search, length)
    groups = recipe.prompts / recipe.keep_share
    searches = groups * recipe.group_size
    kept = recipe.prompts * recipe.group_size * (recipe.trained_per_search or cost.sequences)
    waits = recipe.turns.turns - 1
    observed = waits * recipe.turns.tool_tokens
    sequence = recipe.prompt_tokens + cost.sequence_tokens + observed
    prefill, decode = _rollout(arch, recipe, cost, length)
    tool_seconds = waits * recipe.turns.tool_seconds
    ends = searches * cost.completions
    core_seconds = recipe.verifier.seconds * recipe.verifier.cores
    core_seconds += tool_seconds * recipe.turns.cores
    policy = prefill_flop(arch, sequence, all_logits=True)
    teacher = recipe.reference_model or arch
    return RLStep(
        prefill=groups * Work(prefill_flop(arch, recipe.prompt_tokens)) + searches * prefill,
        decode=searches * decode,
        search_scoring=searches * _search_scoring(recipe, cost),
        verification=ends * _verification(recipe.verifier, sequence),
        old_log_probs=Work(kept * policy if recipe.old_log_probs else 0.0),
        reference=Work(
            kept * prefill_flop(teacher, sequence, all_logits=True) if recipe.reference else 0.0
        ),
        critic=Work(kept * _critic_flop(recipe, sequence)),
        learner=Work(kept * recipe.updates * _train_flop(arch, sequence)),
        weight_sync=Work(wire_bytes=weight_bytes(arch, recipe.rollout_dtype)),
        generated_tokens=searches * cost.generated_tokens,
        prefilled_tokens=groups * recipe.prompt_tokens + ends * _tool_tokens(recipe, length),
        learner_tokens=kept * recipe.updates * sequence,
        trajectories=ends,
        kept_trajectories=kept,
        critical_tokens=cost.critical_tokens,
        critical_seconds=tool_seconds + recipe.verifier.seconds,
        core_seconds=ends * core_seconds,
    )


@named(unit="FLOP")
def _train_flop(arch: Architecture, sequence: float) -> float:
    """Return forward and backward of one sequence, prediction layers left out."""
    return train_flop_per_token(arch, sequence, mtp=False) * sequence


@named(unit="FLOP")
def _rollout(
    arch: Architecture, recipe: RLRecipe, cost: SearchCost, length: float
) -> tuple[Work, Work]:
    """Return what one search prefills beyond its prompt, and what it decodes."""
    element = DTYPE_BYTES[recipe.kv_dtype]
    if recipe.turns.turns > 1:
        prefill, decode = _agent_rollout(arch, recipe, length, element)
        return cost.completions * prefill, cost.completions * decode
    flop = search_flop(arch, cost, recipe.prompt_tokens, absorbed=True)
    read = search_cache_bytes(arch, cost, recipe.prompt_tokens, element)
    return Work(), Work(flop, read)


@named(unit="FLOP")
def _agent_rollout(
    arch: Architecture, recipe: RLRecipe, length: float, element: float
) -> tuple[Work, Work]:
    """Return prefill of tool answers and decode of one trajectory of several turns."""
    turns, own = recipe.turns, length / recipe.turns.turns
    matmul = 2.0 * parameter_count(arch).matmul
    prefill, decode = Work(), Work()
    start = recipe.prompt_tokens
    for turn in range(turns.turns):
        end = start + own
        flop = matmul * own + attention_flop(arch, end, start, absorbed=True)
        decode += Work(flop, cache_bytes_read(arch, end, start, element))
        start = end
        if turn < turns.turns - 1:
            start = end + turns.tool_tokens
            kept, lost = prefill_flop(arch, start, end), prefill_flop(arch, start)
            prefill += Work(turns.cached_share * kept + (1.0 - turns.cached_share) * lost)
    return prefill, decode


@named()
def _tool_tokens(recipe: RLRecipe, length: float) -> float:
    """Return what one trajectory prefills after its prompt: tool answers and lost contexts."""
    turns = recipe.turns
    own, waits = length / turns.turns, turns.turns - 1
    lost = waits * recipe.prompt_tokens + own * waits * (waits + 1) / 2
    lost += turns.tool_tokens * waits * (waits - 1) / 2
    return waits * turns.tool_tokens + (1.0 - turns.cached_share) * lost


@named(unit="FLOP")
def _headless_flop(model: Architecture, tokens: float) -> float:
    """Return the forward FLOP of a value or reward model, whose head is one number."""
    head = 2.0 * model.d_model * model.vocab_size
    return prefill_flop(model, tokens, all_logits=True) - head * tokens


@named(unit="FLOP")
def _search_scoring(recipe: RLRecipe, cost: SearchCost) -> Work:
    """Return the reading of one search by the process reward model, its prompt included."""
    model = recipe.process_reward_model
    if model is None or not cost.scored:
        return Work()
    prompt = recipe.prompt_tokens
    head = 2.0 * model.d_model * model.vocab_size * cost.scored_tokens
    return Work(_headless_flop(model, prompt) + search_flop(model, cost, prompt) - head)


@named(unit="FLOP")
def _verification(verifier: Verifier, sequence: float) -> Work:
    """Return the reading of one finished response by the reward model."""
    if verifier.kind != "reward_model" or verifier.model is None:
        return Work()
    return Work(_headless_flop(verifier.model, sequence))


@named(unit="FLOP")
def _critic_flop(recipe: RLRecipe, sequence: float) -> float:
    """Return the values of one sequence, and the critic's own training on it."""
    critic = recipe.critic
    if critic is None:
        return 0.0
    head = 6.0 * critic.d_model * critic.vocab_size * sequence
    return _headless_flop(critic, sequence) + recipe.updates * (
        _train_flop(critic, sequence) - head
    )
