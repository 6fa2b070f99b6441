"""What a model allows of a replica: the degrees of parallelism that serving engines accept."""

from __future__ import annotations

from collections.abc import Iterator
from typing import NamedTuple

from computesim.hardware.accelerator import Accelerator
from computesim.hardware.replica import ServingLayout
from computesim.quantities import ServingLoad, TrainingLoad


class Misfit(NamedTuple):
    """A degree that no engine would start with."""

    degree: str  #: tp, ep or pp
    why: str  #: `tp 3 does not divide the 40 heads of llama-2-13b`
    accepted: str  #: what is possible instead: `accepted: 1, 2, 4`

    def __str__(self) -> str:
        return f"{self.why}; {self.accepted}"


def divides(load: ServingLoad | TrainingLoad, tp: int) -> bool:
    """Tell whether tensor parallelism of a degree divides a model.

    Parameters
    ----------
    load : ServingLoad or TrainingLoad
        Without heads (`head_counts`) any degree is taken to divide it.
    tp : int

    Notes
    -----
    Each rank takes equal parts of the query heads and of the heads of linear layers. KV heads are
    divided as well; where there are fewer of them than ranks, each is copied to equally many.

    Source
    ------
    vLLM, ModelConfig.verify_with_parallel_config and QKVParallelLinear; the layers of SGLang;
    Megatron-LM, arguments.py (num_attention_heads, num_query_groups).
    """
    equal = all(heads % tp == 0 for heads in load.head_counts)
    return equal and all(heads % tp == 0 or tp % heads == 0 for heads in load.kv_head_counts)


def misfits(
    load: ServingLoad, layout: ServingLayout, accelerator: Accelerator | None = None
) -> Iterator[Misfit]:
    """Yield the degrees of a layout that the model, or the machine, does not allow.

    Parameters
    ----------
    load : ServingLoad
    layout : ServingLayout
    accelerator : Accelerator, optional
        Tensor parallelism stays inside its scale-up domain; any is accepted where it is left out.

    Notes
    -----
    Whether the weights fit is another question (`hardware.serving.serving_step`). Experts need not
    divide: engines fill the ranks with redundant copies, as DeepSeek's 144 ranks of 256 experts.
    """
    tp, most = layout.tp, accelerator.scaleup_domain if accelerator else 0
    if accelerator and tp > most:
        yield Misfit(
            "tp",
            f"tensor parallelism {tp} leaves the scale-up domain of {accelerator.name} "
            f"({most} accelerators)",
            _degrees(load, most),
        )
    elif not divides(load, tp):
        yield Misfit("tp", f"tp {tp} {_undivided(load, tp)}", _degrees(load, most))
    if layout.ep > max(load.n_experts, 1):
        experts, most_ep = load.n_experts or "no", f"1 to {load.n_experts}"
        yield Misfit("ep", f"ep {layout.ep}: {load.name} has {experts} experts",
                     f"accepted: {most_ep if load.n_experts else 1}")  # fmt: skip
    if layout.pp > load.n_layers:
        yield Misfit("pp", f"pp {layout.pp} exceeds the {load.n_layers} layers of {load.name}",
                     f"accepted: 1 to {load.n_layers}")  # fmt: skip


def _degrees(load: ServingLoad, most: int) -> str:
    """Return the degrees of tensor parallelism that divide a model, inside a domain if told."""
    most = most or max(load.head_counts, default=1)
    return f"accepted: {', '.join(str(n) for n in range(1, most + 1) if divides(load, n))}"


def _undivided(load: ServingLoad, tp: int) -> str:
    """Return the words for the heads that a degree does not divide."""
    for heads in load.head_counts:
        if heads % tp:
            return f"does not divide the {heads} heads of {load.name}"
    heads = next(n for n in load.kv_head_counts if n % tp and tp % n)
    return f"neither divides the {heads} KV heads of {load.name} nor is a multiple of them"
