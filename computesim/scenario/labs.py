"""Who trains: groups of labs with their pretraining, post-training and experiments."""

from __future__ import annotations

from typing import Annotated

from computesim.scenario.fields import (
    Accelerators,
    AtLeastOne,
    Count,
    Dtype,
    Model,
    Name,
    Quantity,
    Seconds,
    Tokens,
    Word,
)
from computesim.scenario.part import Part, optional, required
from computesim.scenario.policy import Policy
from computesim.scenario.values import Choice, Value


class Pretraining(Part):
    """The final pretraining runs of one lab of the group."""

    runs_per_year: Count = required("Final runs that one lab finishes in a year.")
    model: Model = required("The architecture trained, a name of `computesim list models`.")
    flop: Annotated[Value, Quantity("FLOP", minimum=0)] = required("Training compute of one run.")
    dtype: Dtype = optional("bf16", "Number format of the matrix multiplications.")
    seq_len: Annotated[Value, Quantity("token", minimum=128)] = optional(
        {"value": "8192 token", "source": "llama3-herd"},
        "Tokens of one training sequence; never more than the model's context.",
    )
    batch_tokens: Annotated[Value, Quantity("token", minimum=128)] = optional(
        {"value": "16e6 token", "source": "llama3-herd"},
        "Tokens of one optimiser step of the final run.",
    )
    accelerators: Accelerators = required("Size of one job, at least.")
    duration: Annotated[Value, Quantity("s", minimum=1)] = optional(
        "90 day", "Longest acceptable time of one run; larger runs need larger jobs."
    )


class Verifier(Part):
    """How a rollout is judged."""

    kind: Annotated[Choice, Word("rule", "reward_model", "sandbox")] = optional(
        "rule",
        "`rule` compares answers, `reward_model` runs a model over each rollout, "
        "`sandbox` executes code or tools.",
    )
    seconds: Seconds = optional("1 s", "Time until the verdict on one rollout, beside model time.")
    model: Annotated[Choice, Name("models", none=True)] = optional(
        "none", "The reward model; `none` takes the trained model's own size."
    )


class Search(Part):
    """Search at rollout time: how many tokens are generated and scored to find one rollout."""

    method: Annotated[Choice, Word("samples", "consensus", "beam", "tree", "mcts", "revision")] = (
        optional(
            "samples",
            "How the search goes: independent samples, majority vote, beam, "
            "tree, Monte Carlo tree search, or revision of one's own answer.",
        )
    )
    depth: AtLeastOne = optional(1, "Sequential expansions: steps of a tree, rounds of revision.")
    branching: AtLeastOne = optional(1, "Continuations tried from one state.")
    width: Count = optional(1, "States kept after each expansion; 0 keeps all of a tree.")
    samples: AtLeastOne = optional(1, "Independent samples per rollout (samples, consensus).")
    simulations: Count = optional(0, "Simulations per move (mcts).")
    step_tokens: Tokens = optional("256 token", "Tokens of one step of a tree.")
    process_reward_model: Annotated[Choice, Name("models", none=True)] = optional(
        "none", "The model that scores steps, or `none`."
    )


class PostTraining(Part):
    """The reinforcement-learning runs of one lab of the group."""

    runs_per_year: Count = required("RL runs that one lab finishes in a year.")
    model: Model = optional(None, "The model trained; the model of pretraining when left out.")
    steps: Count = required("Optimiser-level RL steps of one run.")
    prompts_per_step: AtLeastOne = required("Prompts of one step.")
    group_size: AtLeastOne = required("Rollouts per prompt (the G of GRPO).")
    keep_share: Annotated[Value, Quantity("1", minimum=0.01, maximum=1)] = optional(
        1, "Share of the groups that teach something and are kept (dynamic sampling)."
    )
    updates: Count = optional(1, "Times that the learner passes over the kept tokens of a step.")
    prompt_tokens: Tokens = optional(
        {"value": 1000, "source": "estimate"}, "Mean tokens of one prompt."
    )
    response_tokens: Annotated[Value, Quantity("token", minimum=1)] = required(
        "Mean tokens of one rollout, reasoning included."
    )
    response_spread: Count = optional(
        {"value": 0.8, "source": "estimate"},
        "Spread of the rollout length: standard deviation of its logarithm.",
    )
    max_response_tokens: Tokens = optional("65536 token", "Length at which a rollout is cut.")
    reference: bool = optional(True, "Whether a reference model scores each rollout (KL penalty).")
    critic: bool = optional(False, "Whether a critic is trained beside the policy (PPO).")
    verifier: Verifier = optional({}, "How rollouts are judged.")
    search: Search = optional({}, "Search at rollout time.")
    mode: Annotated[Choice, Word("synchronous", "one-step-off", "asynchronous")] = optional(
        "synchronous", "Whether the learner waits for the rollouts of the same step."
    )
    dtype: Dtype = optional("bf16", "Number format of the learner.")
    rollout_dtype: Dtype = optional(None, "Number format of the rollouts; `dtype` when left out.")
    kv_dtype: Dtype = optional("bf16", "Number format of the KV cache of the rollouts.")


class Experiments(Part):
    """Research compute beside the final runs."""

    multiple: Count = optional(
        {"low": 2.3, "central": 4, "high": 9, "source": "estimate"},
        "Research compute other than final runs, as a multiple of the final runs.",
    )
    efficiency: Annotated[Value, Quantity("1", minimum=0.01, maximum=1)] = optional(
        {"value": 0.7, "source": "estimate"},
        "FLOP/s per accelerator of experiments relative to the final runs.",
    )


class Lab(Part):
    """A group of labs that are alike."""

    label: str = optional("", "Name in charts and tables; the key of the group when left out.")
    count: Count = required("Labs in the group.")
    pretraining: Pretraining = required("Final pretraining runs.")
    post_training: PostTraining = required("Reinforcement-learning runs.")
    experiments: Experiments = optional({}, "Research compute beside the final runs.")
    policy: Policy = optional({}, "Whether RL and chains are given, or balanced.")


#: what other AI takes where a scenario says nothing
OTHER_AI_SHARE = {"low": 0.05, "central": 0.15, "high": 0.3, "source": "estimate"}


class OtherAI(Part):
    """AI that is neither a product nor a lab of this scenario: recommenders, vision, science."""

    share: Annotated[Value | None, Quantity("1", minimum=0, maximum=0.95)] = optional(
        None,
        "Share of all required accelerators that other AI takes; 0.05 to 0.3 with 0.15 in the "
        "middle (estimate) where nothing is said. It grows with all the rest.",
    )
    h100_equivalents: Annotated[Value | None, Quantity("1", minimum=0)] = optional(
        None,
        "Instead of a share: accelerators of other AI by year, weighed by dense 8-bit peak, "
        "whatever language models take.",
    )
