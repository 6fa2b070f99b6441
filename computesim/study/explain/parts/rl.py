"""FLOP of one RL step: rollouts with their search, verdicts, log-probabilities, learner."""

from __future__ import annotations

from collections.abc import Sequence

from computesim.study.explain.inputs import value, word
from computesim.study.explain.node import Node, computed, constant, difference, product, total
from computesim.study.explain.parts import forward, searching
from computesim.study.explain.parts.shapes import matmul_parameters
from computesim.study.explain.world import World, remembered

#: part of the results -> parts of a step
PARTS = {
    "Rollout": ("prefill", "decode"),
    "Verification": ("search_scoring", "verification"),
    "Log-probabilities": ("old_log_probs", "reference"),
    "Learner": ("learner", "critic"),
}
N_LENGTHS = constant("equally likely lengths", 8)


def policy(world: World, t: int, lab: str) -> Node:
    """Return the model that a group of labs post-trains."""
    own = world.scenario.labs[lab].post_training.model
    stage = "post_training" if own is not None else "pretraining"
    return word(world, f"labs.{lab}.{stage}.model", t)


def read(world: World, t: int, lab: str, key: str) -> Node:
    """Return a number of the post-training of a group of labs."""
    return value(world, f"labs.{lab}.post_training.{key}", t)


@remembered
def lengths(world: World, t: int, lab: str) -> tuple[Node, ...]:
    """Return the lengths of responses over which a step is averaged."""
    law = [
        read(world, t, lab, key)
        for key in ("response_tokens", "response_spread", "max_response_tokens")
    ]
    return tuple(
        computed(
            f"response {i} of 8 of {lab}",
            "token",
            "representative length",
            (*law, N_LENGTHS, constant("which one", i)),
        )
        for i in range(1, 9)
    )


@remembered
def works(world: World, t: int, lab: str) -> dict[str, Node]:
    """Return the FLOP of one step by part, means over the lengths of responses."""
    each = [_at(world, t, lab, length) for length in lengths(world, t, lab)]
    own = next(d for d in world.years[t].demand.rl if d.lab == lab).works
    return {
        name: computed(
            f"{name.replace('_', ' ')} FLOP of a step of {lab}",
            "FLOP",
            "mean",
            [one[name] for one in each],
            own[name].flop,
        )
        for part in PARTS.values()
        for name in part
    }


@remembered
def groups(world: World, t: int, lab: str) -> tuple[Node, Node]:
    """Return the groups that are generated in a step, and the searches of all of them."""
    found = computed(
        f"groups of a step of {lab}",
        "1",
        "quotient",
        (read(world, t, lab, "prompts_per_step"), read(world, t, lab, "keep_share")),
    )
    searches = product(
        f"searches of a step of {lab}", "1", found, read(world, t, lab, "group_size")
    )
    return found, searches


def _at(world: World, t: int, lab: str, length: Node) -> dict[str, Node]:
    """Return the FLOP of a step whose responses have all the same length."""
    model, plan = policy(world, t, lab).text, world.scenario.labs[lab].post_training
    prompt = read(world, t, lab, "prompt_tokens")
    found, searches = groups(world, t, lab)
    search = searching.search(world, t, lab, length, lengths(world, t, lab)[0])
    kept = product(
        "sequences that are learnt from",
        "1",
        read(world, t, lab, "prompts_per_step"),
        read(world, t, lab, "group_size"),
        search.sequences,
    )
    sequence = total("prompt and response", "token", (prompt, search.sequence_tokens))
    scored = forward.prefill(world, model, sequence, all_logits=True)
    log_probs = product("log-probabilities, FLOP", "FLOP", kept, scored)
    updates = read(world, t, lab, "updates")
    return {
        "prefill": product("prefill, FLOP", "FLOP", found, forward.prefill(world, model, prompt)),
        "decode": product(
            "decode, FLOP", "FLOP", searches, _searched(world, model, search, prompt, absorbed=True)
        ),
        "search_scoring": _scoring(world, t, lab, search, searches),
        "verification": _verdicts(world, t, lab, search, searches, sequence),
        "old_log_probs": log_probs,
        "reference": log_probs if plan.reference else _none("reference"),
        "learner": product(
            "learner, FLOP", "FLOP", kept, updates, forward.train(world, model, sequence)
        ),
        "critic": _critic(world, model, kept, updates, sequence)
        if plan.critic
        else _none("critic"),
    }


def _none(what: str) -> Node:
    """Return the FLOP of a part that the recipe does not have."""
    return constant(f"{what}, FLOP", 0.0, "FLOP", note="the recipe has none")


def _searched(
    world: World, model: str, search: searching.Search, prompt: Node, absorbed: bool
) -> Node:
    """Return the FLOP that generate, or read, the tokens of one search."""
    parts = [
        product(
            "matrices of the search, FLOP",
            "FLOP",
            forward.TWO,
            matmul_parameters(world, model),
            search.generated,
        )
    ]
    for segment in search.segments:
        start = prompt
        if segment.prefix.value:
            start = total("prompt and prefix", "token", (prompt, segment.prefix))
        end = total("end of the segment", "token", (start, segment.tokens))
        scores = forward.attention(world, model, end, start, absorbed)
        parts.append(product("attention of a segment, FLOP", "FLOP", segment.n, scores))
    return total(f"FLOP of a search on {model}", "FLOP", parts)


def _scoring(world: World, t: int, lab: str, search: searching.Search, searches: Node) -> Node:
    """Return the reading of all searches by the process reward model."""
    scorer = word(world, f"labs.{lab}.post_training.search.process_reward_model", t).text
    if scorer == "none":
        return _none("scores of a search")
    prompt = read(world, t, lab, "prompt_tokens")
    every = total(
        "FLOP with the LM head",
        "FLOP",
        (
            forward.headless(world, scorer, prompt),
            _searched(world, scorer, search, prompt, absorbed=False),
        ),
    )
    one = difference(
        "scores of one search, FLOP", "FLOP", every, forward.head(world, scorer, search.generated)
    )
    return product("scores of a search, FLOP", "FLOP", searches, one)


def _verdicts(
    world: World,
    t: int,
    lab: str,
    search: searching.Search,
    searches: Node,
    sequence: Node,
) -> Node:
    """Return the reading of finished responses by the reward model."""
    key = f"labs.{lab}.post_training.verifier"
    if word(world, f"{key}.kind", t).text != "reward_model":
        return _none("reward model")
    named = word(world, f"{key}.model", t).text
    judge = policy(world, t, lab).text if named == "none" else named
    ends = product("finished responses", "1", searches, search.completions)
    return product("reward model, FLOP", "FLOP", ends, forward.headless(world, judge, sequence))


def _critic(world: World, model: str, kept: Node, updates: Node, sequence: Node) -> Node:
    """Return the values of all kept sequences, and the critic's own training on them."""
    trained = difference(
        "training of the critic on a sequence, FLOP",
        "FLOP",
        forward.train(world, model, sequence),
        forward.head(world, model, sequence, forward.SIX),
    )
    one: Sequence[Node] = (
        forward.headless(world, model, sequence),
        product("training of the critic, FLOP", "FLOP", updates, trained),
    )
    return product("critic, FLOP", "FLOP", kept, total("critic of a sequence", "FLOP", one))
