"""What can be asked of one pool of replicas: the keys of the question file of `simulate`."""

from __future__ import annotations

import math
from typing import Annotated, Any, ClassVar

from computesim.cells.serving import as_service
from computesim.hardware.accelerator import Accelerator
from computesim.hardware.replica import ServingLayout
from computesim.hardware.serving_efficiency import Engine, engine_named
from computesim.hardware.step import StepModel
from computesim.quantities import ENGINES, ServingLoad
from computesim.scenario.part import Part, optional, required
from computesim.scenario.question_fields import (
    ByClass,
    Count,
    Dtype,
    EngineName,
    Name,
    Number,
    OptionalDtype,
    Seconds,
    Share,
    SomeCount,
    Word,
)
from computesim.scenario.questions import Draft, Question
from computesim.sim.service import Service
from computesim.study.pool.asked import Traffic
from computesim.workload.architecture import Architecture
from computesim.workload.transformer import serving_load

#: seconds between decisions of the autoscaler, and decisions in a row before it shrinks: the
#: defaults of the Kubernetes horizontal pod autoscaler, 15 s and five minutes of stabilisation
INTERVAL, PATIENCE = 15.0, 20
FOUR_BITS = ("fp4", "int4")  #: checkpoints with experts keep 16 bits in everything else
_DEGREE = "parallel size; all three left out, the best layout is chosen."
Levels = Annotated[dict[str, float], ByClass(Number("s", positive=True), alone=True)]


class Layout(Part):
    """How a replica is laid out."""

    tp: SomeCount = optional(None, f"Tensor {_DEGREE}")
    ep: SomeCount = optional(None, f"Expert {_DEGREE}")
    pp: SomeCount = optional(None, f"Pipeline {_DEGREE}")

    @property
    def serving(self) -> ServingLayout | None:
        """The layout of tp, ep and pp; None where none of them is said."""
        if not (self.tp or self.ep or self.pp):
            return None
        tp, ep, pp = (degree or 1 for degree in (self.tp, self.ep, self.pp))
        return ServingLayout(tp=tp, ep=ep, pp=pp, dp=max(1, ep // tp))


class Speculation(Part):
    """Speculative decoding."""

    drafted: Count = required("Tokens drafted in a step.")
    acceptance: Share = required("Probability that each is kept.")


class PrefixCache(Part):
    """Where prefixes (hash_ids of a trace) are kept."""

    share: Annotated[float, Number(minimum=0, maximum=0.99)] = optional(
        0.0, "Of the KV cache: `20 %`."
    )
    memory: Annotated[float, Number("B", minimum=0)] = optional(
        0.0, "Beside the KV cache, of a replica: `500 GB`."
    )


class Autoscaler(Part):
    """An autoscaler of replicas."""

    least: Count = required("Replicas at least; at most all of them.")
    load: Annotated[float, Number(positive=True)] = required("Outstanding requests on each.")
    startup: Annotated[float, Number("s", positive=True)] = required("How long one starts.")


class Failures(Part):
    """Failures of replicas."""

    mtbf: Annotated[float, Number("s", positive=True)] = required(
        "Mean time between failures of a replica: `30 d`."
    )
    repair: Annotated[float, Number("s", minimum=0)] = optional(
        0.0, "Mean time to repair one: `20 min`."
    )


class Serving(Part):
    """How requests are served."""

    routing: Annotated[
        str | None,
        Word("shortest-queue", "round-robin", "two-choices", "prefix-aware", "shared-queue"),
    ] = optional(
        None,
        "shortest-queue, round-robin, two-choices, prefix-aware, shared-queue; left out, "
        "prefix-aware where prefixes matter.",
    )
    when_full: Annotated[str, Word("promise", "recompute", "swap")] = optional(
        "promise",
        "The KV cache: promise it to whole outputs, or preempt by recompute or swap.",
    )
    block: Count = optional(16, "Tokens of a block of the KV cache.")
    prefix_cache: PrefixCache = optional(
        {}, "Keep prefixes: `20%` of the KV cache, or `500 GB` beside it, a replica."
    )
    speculation: Speculation | None = optional(
        None, "K drafted tokens a step, each kept with probability A."
    )
    autoscale: Autoscaler | None = optional(
        None, "From MIN replicas to all, LOAD requests on each; start-up takes TIME."
    )
    failures: Failures | None = optional(None, "Failures of replicas.")

    @property
    def caches_prefixes(self) -> bool:
        """Whether prefixes are kept."""
        return bool(self.prefix_cache.share or self.prefix_cache.memory)


class Promise(Part):
    """What 90 % of the requests are promised, by class; the class `""` is all of them."""

    ttft: Levels = optional(
        {}, "To the first token: `2 s`; by class, as an option `chat=2s,batch=1min`."
    )
    tpot: Levels = optional({}, "Per later token, likewise: `30 ms`.")


class ServingQuestion(Question):
    """What serves, whatever is asked of it."""

    model: Annotated[str, Name("models")] = required("A model of `computesim list models`.")
    dtype: Dtype = optional("fp8", "Of weights and matrix multiplications.")
    kv_dtype: OptionalDtype = optional(
        None,
        "Of the KV cache; left out, what the engine takes: bf16, but fp8 beside quantised weights "
        "on Blackwell, and everywhere in TensorRT-LLM.",
    )
    dense_dtype: OptionalDtype = optional(
        None,
        "Of all weights but routed experts; left out, as `dtype`, but bf16 beside experts of "
        "four bits.",
    )
    serving_engine: Annotated[str, EngineName()] = optional(
        ENGINES[0],
        "The program that serves: vllm, sglang, trtllm, with or without a version; general lies "
        "between them.",
    )
    held_steps: Annotated[float | None, Number(minimum=0, maximum=1000)] = optional(
        None,
        "Steps until the scheduler looks at a request and its first token is streamed; left out, "
        "what the engine takes.",
    )
    layout: Layout = optional({}, "Of a replica; left out, the best layout is chosen.")
    seed: Annotated[int, Number(minimum=0, whole=True)] = optional(1, "Seed of all random streams.")

    FILES: ClassVar[tuple[str, ...]] = ("catalog", "traffic.trace.file")

    @property
    def engine(self) -> Engine:
        """The program that serves."""
        return engine_named(self.serving_engine)

    def load(
        self, model: Architecture, machine: Accelerator, context: float | None = None
    ) -> ServingLoad:
        """Return what the model asks of a machine.

        Parameters
        ----------
        model : Architecture
        machine : Accelerator
        context : float, token
            Mean position of the sequences that decode.
        """
        four_bits = model.n_experts and self.dtype in FOUR_BITS
        dense = self.dense_dtype or ("bf16" if four_bits else "")
        kv_dtype = self.kv_dtype or self.engine.kv_dtype(self.dtype, machine)
        return serving_load(model, self.dtype, kv_dtype, dense, context)

    def service(self, step: StepModel, machine: Accelerator, clients: int | None) -> Service:
        """Return a replica for the simulation, its engine and what is around it included.

        Parameters
        ----------
        step : StepModel
        machine : Accelerator
        clients : int or None
            That wait for their answers; None where requests come by themselves.
        """
        held = self.held_steps
        held = self.engine.held(machine, clients or math.inf) if held is None else held
        return as_service(step, self.engine, held)

    @classmethod
    def clashes(cls, draft: Draft[Any]) -> None:
        """Note degrees that do not divide one another, clients with a rate, an empty span."""
        degrees = {name: str(draft.value(f"layout.{name}") or 1) for name in ("tp", "ep", "pp")}
        if all(text.isdigit() and int(text) for text in degrees.values()):
            layout = Layout.model_construct(None, **{name: int(n) for name, n in degrees.items()})
            try:
                layout.serving  # noqa: B018 - whether there is one
            except ValueError as error:
                draft.fault(", ".join(draft.stated(*(f"layout.{name}" for name in degrees))),
                            str(error), "degrees that divide one another")  # fmt: skip
        if len(draft.stated("traffic.clients", "traffic.rate")) > 1:
            draft.fault("traffic.rate, traffic.clients", "both are given",
                        "one of them: clients send when they are answered")  # fmt: skip
        if draft.stated("traffic.rounds") and not draft.stated("traffic.clients"):
            draft.fault("traffic.rounds", "there are no clients", "traffic.clients")
        for one, other in (("traffic.rounds", "traffic.requests"),
                           ("traffic.range", "traffic.spread"),
                           ("traffic.rounds", "traffic.trace"),
                           ("traffic.rounds", "warm_up"),
                           ("traffic.range", "traffic.trace")):  # fmt: skip
            if len(draft.stated(one, other)) > 1:
                draft.fault(f"{one}, {other}", "do not go together", "one of them")


class PoolQuestion(ServingQuestion):
    """One pool of replicas that serves one model, simulated request by request."""

    accelerator: Annotated[str, Name("accelerators")] = required(
        "An accelerator of `computesim list accelerators`."
    )
    replicas: Count = optional(4, "Copies of the model.")
    prefill_replicas: Annotated[int, Number(minimum=0, whole=True)] = optional(
        0, "So many more that only read prompts; `replicas` then decode."
    )
    traffic: Traffic = optional({}, "Which requests come.")
    serving: Serving = optional({}, "How they are served.")
    promise: Promise = optional({}, "To 90 % of the requests, of each of their samples.")
    warm_up: Annotated[float | None, Number("s", minimum=0)] = optional(
        None, "Do not judge arrivals before; left out: what MSER finds, 0 for a trace."
    )
    timeline: Seconds = optional(None, "Power and load by intervals of so long: `60 s`.")
    site: Annotated[str, Name("sites")] = optional(
        "hyperscale-us", "As in `computesim list sites`: PUE of the energy."
    )
    kernel: Annotated[str, Word("numba", "simpy")] = optional(
        "numba", "The event loop: compiled, or its twin."
    )

    RENAMED: ClassVar[dict[str, str]] = {
        "engine": "kernel is meant, or serving_engine, the program that serves"
    }

    @classmethod
    def clashes(cls, draft: Draft[Any]) -> None:
        """Note what excludes one another, and what lacks its other half."""
        super().clashes(draft)
        several = str(draft.value("traffic.samples") or 1).strip() != "1"
        patterns = draft.stated("traffic.clients", "traffic.turns", "traffic.search")
        patterns += ["traffic.samples"] if several else []
        if len(patterns) > 1:
            draft.fault(", ".join(patterns), "do not go together", "one of them")
        if draft.stated("traffic.think") and not draft.stated("traffic.clients", "traffic.turns"):
            draft.fault("traffic.think", "nobody thinks", "traffic.clients or traffic.turns")
        if len(draft.stated("traffic.turns", "traffic.trace")) > 1:
            draft.fault("traffic.turns", "sessions are drawn or recorded", "no traffic.trace")
        if draft.value("prefill_replicas") in (None, 0, "0"):
            return
        if draft.stated("serving.autoscale"):
            draft.fault("prefill_replicas", "the autoscaler knows one kind of replicas",
                        "no serving.autoscale")  # fmt: skip
        if several or draft.stated("traffic.search"):
            draft.fault("prefill_replicas", "samples and searches share a prompt in one cache",
                        "neither traffic.samples nor traffic.search")  # fmt: skip

    @property
    def is_plain(self) -> bool:
        """Whether the steady state of the fluid limit is where a run may start."""
        serving = self.serving
        return not (self.prefill_replicas or serving.autoscale or serving.failures)
