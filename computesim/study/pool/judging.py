"""From the run of a pool to its answer: warm-up, percentiles, promises, watts."""

from __future__ import annotations

import math
from dataclasses import replace
from typing import Any

import numpy as np

from computesim.arrays import Floats, Ints
from computesim.catalog import Catalog
from computesim.cells.serving_power import PowerTimeline, power_over_time, token_work
from computesim.errors import QuestionError
from computesim.hardware.power import Site
from computesim.sim.demand import JUDGED, JUDGED_OF_CLIENTS
from computesim.sim.fluid import mean_lengths
from computesim.sim.output import quantile
from computesim.sim.summary import (
    by_class,
    judged,
    summarise,
    tasks,
    throughput,
    warm_up_seconds,
    within,
)
from computesim.study.pool.answer import (
    Energy,
    PoolAnswer,
    PoolFacts,
    PoolFigures,
    RequestFacts,
    StepFacts,
    TaskFigures,
)
from computesim.study.pool.possible import layout_faults, length_faults
from computesim.study.pool.question import PoolQuestion
from computesim.study.pool.remarks import routing_remarks, window_remarks
from computesim.study.pool.run import Played, Pool, arrivals_needed, play, pool_of
from computesim.study.pool.timeline import rows_of
from computesim.study.pool.traffic import Requests, requests_of
from computesim.study.pool.window import Window, stay_of, window_of


def simulated(question: PoolQuestion, catalog: Catalog | None = None) -> tuple[PoolAnswer, Played]:
    """Simulate a pool.

    Parameters
    ----------
    question : PoolQuestion
    catalog : Catalog, optional
        That of the question by default.

    Returns
    -------
    PoolAnswer
    Played
        The run itself.

    Raises
    ------
    QuestionError
        With all that the requests cannot be asked.
    CapacityError
        If the model does not fit.
    """
    catalog = catalog or question.tables()
    model, chip = catalog.model(question.model), catalog.accelerator(question.accelerator)
    faults = [*layout_faults(question, question.load(model, chip), chip)]
    if not question.traffic.trace:
        lengths = question.traffic.prompt_tokens, question.traffic.output_tokens
        faults += length_faults(question, model.name, model.context_length, "traffic", lengths)
    if faults:
        raise QuestionError(faults, "simulate")
    context = model.context_length
    requests = requests_of(question, context)
    pool = pool_of(question, catalog, requests.trace)
    least = arrivals_needed(question, pool, requests)
    if least > len(requests.trace):
        requests = requests_of(question, context, least)
    played = play(question, pool, requests)
    answer = _answer(question, pool, played)
    if not question.timeline:
        return answer, played
    power = _power(pool, played, catalog.site(question.site))
    rows = rows_of(played, power)
    timeline = {name: [row[name] for row in rows] for name in rows[0]}
    energy = _energy(power, answer.figures, question.site)
    return replace(answer, energy=energy, timeline=timeline), played


def _answer(question: PoolQuestion, pool: Pool, played: Played) -> PoolAnswer:
    requests, run, skip = played.inputs.requests, played.run, played.inputs.skip
    rounds = question.traffic.rounds
    last = run.makespan if rounds else _observed_until(played)
    end = float("inf") if requests.recorded else last  # a recording is judged to its end
    warm_up = 0.0 if rounds else question.warm_up
    if warm_up is None:  # MSER for a pool that starts empty with drawn requests
        is_empty = not requests.recorded and not skip
        warm_up = warm_up_seconds(run.requests[judged(run, skip, 0.0, last)]) if is_empty else 0.0
        if question.traffic.clients and not skip:  # all begin at once: short outputs are met first
            warm_up = max(warm_up, min(stay_of(run, _request(played), skip), last / 2))
    begin = skip  # of the first one that is judged
    if skip and question.traffic.at_work:  # as `sim.trial` judges both
        begin, end = 2 * skip, JUDGED_OF_CLIENTS * last
    elif skip:
        end = float(requests.trace.arrival[round(JUDGED * len(requests.trace)) - 1])
    index = judged(run, begin, warm_up, end)
    if index.size == 0:
        fault = question.fault("warm_up", f"nothing is left to judge after {warm_up:g} s",
                               f"less than {last:,.0f} s")  # fmt: skip
        raise QuestionError([fault], "simulate")
    numbers: dict[str, Any] = summarise(run, begin, start=warm_up, last=end)
    window = window_of(run, _request(played), warm_up, last, skip, numbers["saturated"])
    numbers |= _counted(numbers, played, window)
    numbers |= {"observed_until": last, "window_start": window.start, "window_end": window.end,
                "window_needed": window.needed, "window_is_short": window.is_short}  # fmt: skip
    each = numbers["output_tokens_per_second"] / pool.n_accelerators
    numbers["output_tokens_per_second_per_accelerator"] = each
    figures = PoolFigures(**numbers, **_goodput(question, played, index, numbers))
    kinds, names = requests.kind, requests.kind_names
    classes = {}
    if kinds is not None and len(names) > 1:
        classes = by_class(run.requests[index], kinds[index], names)
        for seen in classes.values() if requests.sequences_per_request > 1 else ():
            seen["requests"] /= requests.sequences_per_request
    return PoolAnswer(
        _pool_facts(question, pool, played),
        _step_facts(pool, played),
        _request_facts(requests),
        figures,
        classes,
        _tasks(played, warm_up),
        _verdict(question, figures, classes),
        remarks=(*requests.remarks, *window_remarks(question, played, window, last),
                 *routing_remarks(question, played, index)),
    )  # fmt: skip


def _request(played: Played) -> Ints:
    """Return the request of each sequence."""
    requests = played.inputs.requests
    if requests.task is None or requests.sequences_per_request == 1:
        return np.arange(len(played.run.requests))
    return requests.task


def _counted(numbers: dict[str, Any], played: Played, window: Window) -> dict[str, float]:
    """Return counts and rates of requests, and rates of sequences and tokens."""
    run, skip, size = played.run, played.inputs.skip, played.inputs.requests.sequences_per_request
    rates = throughput(run, window.start, window.end, skip)
    each = rates.pop("requests_per_second")
    return {
        **rates,
        "requests": (len(run.requests) - skip) // size,
        "judged": numbers["judged"] / size,
        "finished": float(np.isfinite(run.requests["finish"][skip:]).sum()) / size,
        "window_ended": window.ended,
        "sequences_per_second": each,
        "requests_per_second": each / size,
    }


def _observed_until(played: Played) -> float:
    """Return when the pool begins to empty, s.

    That is when the last session or request begins. Clients are all there at the start: for them
    it is when the first of them has no more to ask.
    """
    requests, chains = played.run.requests, played.inputs.requests.chains
    arrival = requests["arrival"]
    if chains is not None:
        begun = float(arrival[~chains.follows].max())
        ends = ~np.isin(chains.stage, chains.after)  # requests that no other follows
        if begun > 0.0:
            return begun
        if ends.sum() * 2 <= len(requests):
            return float(requests["finish"][ends].min())
    return float(arrival[np.isfinite(arrival)].max())


def _levels(promise: dict[str, float], requests: Requests, n: int) -> Floats:
    """Return what each request is promised; infinity for nothing."""
    if "" in promise or requests.kind is None:
        return np.full(n, promise.get("", np.inf))
    by_name = [promise.get(name, np.inf) for name in requests.kind_names]
    return np.array(by_name)[requests.kind]


def _goodput(
    question: PoolQuestion, played: Played, index: Ints, numbers: dict[str, Any]
) -> dict[str, Any]:
    """Return which share of requests and tokens came within the service level.

    A request counts with the share of its sequences. Those that a pool cannot keep up with are
    not within: in a saturated one that goes on the shares are of what comes in the window.
    """
    promise, requests = question.promise, played.inputs.requests
    if not (promise.ttft or promise.tpot):
        return {}
    n = len(played.run.requests)
    seen = played.run.requests[index]
    ttft, tpot = (_levels(levels, requests, n)[index] for levels in (promise.ttft, promise.tpot))
    in_time = within(seen, ttft, tpot)
    tokens = seen["output_tokens"].astype(np.float64)
    share, of_tokens = float(in_time.mean()), float(tokens[in_time].sum() / tokens.sum())
    served = _served(played, numbers) if numbers["saturated"] and _is_endless(question) else 1.0
    return {
        "within_level": share * served,
        "within_level_tokens": of_tokens * served,
        "goodput_requests_per_second": share * numbers["requests_per_second"],
        "goodput_tokens_per_second": of_tokens * numbers["output_tokens_per_second"],
    }


def _served(played: Played, numbers: dict[str, Any]) -> float:
    """Return the share of what comes that a saturated pool keeps up with."""
    arrival = played.run.requests["arrival"][played.inputs.skip :]
    start, end = numbers["warm_up"], numbers["observed_until"]
    came = int(((arrival > start) & (arrival <= end)).sum())
    return min(1.0, numbers["sequences_per_second"] * (end - start) / came) if came else 1.0


def _verdict(
    question: PoolQuestion, figures: PoolFigures, classes: dict[str, Any]
) -> dict[str, Any]:
    """Return what was promised, whether it is kept, and which terms are not."""
    terms: dict[str, Any] = {}
    missed = []
    for name in ("ttft", "tpot"):
        levels: dict[str, float] = getattr(question.promise, name)
        for kind, level in levels.items():
            whole = getattr(figures, f"{name}_p90")
            p90 = classes[kind][f"{name}_p90"] if kind in classes else whole
            if p90 > level:
                missed.append(f"{name} {kind}".strip())
        if levels:
            terms[name] = levels.get("", levels)
    if not terms:
        return {}
    overrun = figures.saturated and _is_endless(question)
    if not missed and not overrun:
        return {**terms, "kept": True}
    return {**terms, "kept": False, "missed": missed, "saturated": overrun}


def _is_endless(question: PoolQuestion) -> bool:
    """Tell whether a run stands for one that goes on, in which a growing backlog breaks a promise.

    A recording ends, and all of it is judged; clients wait for their answers.
    """
    return not question.traffic.trace and not question.traffic.clients


def _tasks(played: Played, warm_up: float) -> TaskFigures | dict[str, float]:
    requests = played.inputs.requests
    if requests.task is None:
        return {}
    times = tasks(played.run.requests, requests.task)
    chosen = times.begin >= warm_up
    seconds = (times.end - times.begin)[chosen]
    return TaskFigures(
        requests.task_name,
        int(chosen.sum()),
        float(np.bincount(requests.task)[chosen].mean()),
        float(times.output_tokens[chosen].mean()),
        float(seconds.mean()),
        *(quantile(seconds, percent / 100) for percent in (50, 90, 99)),
    )


def _pool_facts(question: PoolQuestion, pool: Pool, played: Played) -> PoolFacts:
    layout, serving = pool.layout, question.serving
    return PoolFacts(
        pool.model, question.engine.name, pool.load.weight_dtype, pool.chip.name,
        pool.replicas, pool.prefill_replicas, layout.n_accelerators, pool.n_accelerators,
        layout.tp, layout.ep, layout.pp, layout.dp,
        played.inputs.routing, serving.when_full, serving.block,
    )  # fmt: skip


def _step_facts(pool: Pool, played: Played) -> StepFacts:
    step, trace = pool.step, played.inputs.requests.trace
    context = mean_lengths(trace).context
    capacity = played.inputs.replicas.service.kv_capacity_tokens
    batch = math.floor(max(1.0, min(float(step.max_batch), capacity / context)))
    decoding = played.inputs.operation.decode_pool
    cache = played.inputs.operation.prefix_cache
    return StepFacts(
        step.fixed,
        step.decode_seconds(1.0, context),
        step.decode_seconds(batch, context),
        batch,
        step.prefill_seconds(float(trace.prompt_tokens.mean())),
        context,
        capacity,
        step.token_budget,
        decoding.transfer_fixed if decoding else None,
        decoding.transfer_per_token if decoding else None,
        cache.capacity_blocks * cache.block_tokens if cache else None,
    )


def _request_facts(requests: Requests) -> RequestFacts:
    trace, size = requests.trace, requests.sequences_per_request
    lengths = (trace.prompt_tokens, trace.cached_tokens, trace.output_tokens)
    means = (float(tokens.mean()) for tokens in lengths)
    rate = trace.rate / size
    return RequestFacts(requests.recorded, requests.pattern, requests.follows, size, rate, *means)


def _power(pool: Pool, played: Played, site: Site) -> PowerTimeline:
    assert played.run.timeline is not None
    work = token_work(pool.load, mean_lengths(played.inputs.requests.trace))
    return power_over_time(
        played.run.timeline, pool.chip, site, pool.step, work, pool.load.weight_dtype
    )


def _energy(power: PowerTimeline, figures: PoolFigures, site: str) -> Energy:
    watts = power.mean_watts(figures.window_start, figures.window_end)
    rates = (figures.output_tokens_per_second, figures.sequences_per_second,
             figures.requests_per_second)  # fmt: skip
    each = (watts / rate if rate else float("inf") for rate in rates)
    peak = float(power.facility.sum(axis=(0, 1)).max())
    return Energy(site, watts, peak, power.joules, *each)
