"""What a simulated pool comes to, as plain data in base units."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt

from computesim.arrays import Floats
from computesim.cli.cell import Played, Pool, Promise
from computesim.cli.operating import How
from computesim.cli.traffic import Asked
from computesim.errors import CaseError, Fault

if TYPE_CHECKING:
    from computesim.cells.serving_power import PowerTimeline
    from computesim.hardware.power import Site


def found_of(
    pool: Pool, asked: Asked, how: How, promise: Promise, played: Played, warm_up: float | None
) -> dict[str, Any]:
    """Return what is worth telling of a run.

    Parameters
    ----------
    pool : Pool
    asked : Asked
    how : How
    promise : Promise
    played : Played
    warm_up : float or None, s
        Arrivals before it are not judged. None: a pool that starts empty with drawn requests
        is given the time that MSER finds, a recording is judged from its beginning.

    Returns
    -------
    dict
        Keys `pool`, `step`, `requests`, `figures` (`sim.summary.summarise`, throughputs while
        requests arrive), `classes`, `tasks`, `promise`.
    """
    from computesim.sim.summary import by_class, judged, summarise, throughput, warm_up_seconds

    run, skip = played.run, played.inputs.skip
    last = _observed_until(asked, played)
    end = float("inf") if asked.recorded else last  # a recording is judged to its end
    if warm_up is None:
        empty = not asked.recorded and not skip
        warm_up = warm_up_seconds(run.requests[judged(run, skip, 0.0, last)]) if empty else 0.0
    index = judged(run, skip, warm_up, end)
    if index.size == 0:
        fault = Fault("--warm-up", f"nothing is left to judge after {warm_up:g} s",
                      f"expected less than {last:,.0f} s")  # fmt: skip
        raise CaseError([fault], "simulate")
    figures: dict[str, Any] = summarise(run, skip, start=warm_up, last=end)
    figures |= throughput(run, warm_up, last)
    figures["requests"] = len(run.requests) - skip
    figures["observed_until"] = last
    figures["output_tokens_per_second_per_accelerator"] = (
        figures["output_tokens_per_second"] / pool.machines
    )
    figures |= _goodput(promise, asked, played, index, figures)
    classes = {}
    if asked.kind is not None and len(asked.kind_names) > 1:
        classes = by_class(run.requests[index], asked.kind[index], asked.kind_names)
    return {
        "pool": _pool_data(pool, how, asked),
        "step": _step_data(pool, played, asked),
        "requests": _request_data(asked),
        "figures": figures,
        "classes": classes,
        "tasks": _tasks(asked, played, warm_up),
        "promise": _verdict(promise, figures, classes),
    }


def _observed_until(asked: Asked, played: Played) -> float:
    """Return when the pool begins to empty, s.

    That is when the last session or request begins. Clients are all there at the start: for them
    it is when the first of them has no more to ask.
    """
    requests, chains = played.run.requests, asked.chains
    arrival = requests["arrival"]
    if chains is not None:
        begun = float(arrival[~chains.follows].max())
        ends = ~np.isin(chains.stage, chains.after)  # requests that no other follows
        if begun > 0.0:
            return begun
        if ends.sum() * 2 <= len(requests):
            return float(requests["finish"][ends].min())
    return float(arrival[np.isfinite(arrival)].max())


def _levels(promise: dict[str, float], asked: Asked, n: int) -> Floats:
    """Return what each request is promised; infinity for nothing."""
    if "" in promise or asked.kind is None:
        return np.full(n, promise.get("", np.inf))
    return np.array([promise.get(name, np.inf) for name in asked.kind_names])[asked.kind]


def _goodput(
    promise: Promise,
    asked: Asked,
    played: Played,
    index: npt.NDArray[np.int64],
    figures: dict[str, Any],
) -> dict[str, float]:
    """Return which share of requests and tokens came within the service level."""
    from computesim.sim.summary import within

    if not (promise.ttft or promise.tpot):
        return {}
    n = len(played.run.requests)
    seen = played.run.requests[index]
    kept = within(seen, _levels(promise.ttft, asked, n)[index],
                  _levels(promise.tpot, asked, n)[index])  # fmt: skip
    tokens = seen["output_tokens"].astype(np.float64)
    share, of_tokens = float(kept.mean()), float(tokens[kept].sum() / tokens.sum())
    return {
        "within_level": share,
        "within_level_tokens": of_tokens,
        "goodput_requests_per_second": share * figures["requests_per_second"],
        "goodput_tokens_per_second": of_tokens * figures["output_tokens_per_second"],
    }


def _verdict(
    promise: Promise, figures: dict[str, Any], classes: dict[str, dict[str, Any]]
) -> dict[str, Any]:
    """Return what was promised and whether it is kept; nothing where nothing was."""
    terms, kept = {}, []
    for name, levels in promise._asdict().items():
        for kind, level in levels.items():
            seen = figures if kind == "" else classes.get(kind, figures)
            kept.append(not seen[f"{name}_p90"] > level)
        if levels:
            terms[name] = levels.get("", levels)
    if not terms:
        return {}
    return {**terms, "kept": all(kept) and not figures["saturated"]}


def _tasks(asked: Asked, played: Played, warm_up: float) -> dict[str, Any]:
    """Return how long tasks of several requests take, from first arrival to last token."""
    from computesim.sim.output import quantile
    from computesim.sim.summary import tasks

    if asked.task is None:
        return {}
    found = tasks(played.run.requests, asked.task)
    chosen = found.begin >= warm_up
    seconds = (found.end - found.begin)[chosen]
    return {
        "name": asked.task_name,
        "number": int(chosen.sum()),
        "requests": float(np.bincount(asked.task)[chosen].mean()),
        "output_tokens": float(found.output_tokens[chosen].mean()),
        "mean": float(seconds.mean()),
        **{f"p{percent}": quantile(seconds, percent / 100) for percent in (50, 90, 99)},
    }


def _pool_data(pool: Pool, how: How, asked: Asked) -> dict[str, Any]:
    """Return what serves, and how."""
    layout = pool.layout
    return {
        "model": pool.model,
        "dtype": pool.load.weight_dtype,
        "accelerator": pool.chip.name,
        "replicas": pool.replicas,
        "prefill_replicas": pool.prefill_replicas,
        "accelerators_per_replica": layout.n_accelerators,
        "accelerators": pool.machines,
        "tp": layout.tp,
        "ep": layout.ep,
        "pp": layout.pp,
        "dp": layout.dp,
        "routing": how.routing_of(asked),
        "when_full": how.when_full,
        "block": how.block,
    }


def _step_data(pool: Pool, played: Played, asked: Asked) -> dict[str, float]:
    """Return what a step takes, s, and what a replica holds."""
    from computesim.sim.fluid import mean_lengths

    step, context = pool.step, mean_lengths(asked.trace).context
    capacity = played.inputs.service.kv_capacity_tokens
    most = max(1.0, min(float(step.max_batch), capacity / context))
    pool_ = played.inputs.operation.decode_pool
    cache = played.inputs.operation.prefix_cache
    found = {
        "fixed": step.fixed,
        "decode_one": step.decode_seconds(1.0, context),
        "decode_full": step.decode_seconds(math.floor(most), context),
        "full_batch": math.floor(most),
        "prefill": step.prefill_seconds(float(asked.trace.prompt_tokens.mean())),
        "context": context,
        "kv_capacity_tokens": capacity,
        "token_budget": step.token_budget,
    }
    if pool_:
        found["transfer_fixed"] = pool_.transfer_fixed
        found["transfer_per_token"] = pool_.transfer_per_token
    if cache:
        found["prefix_cache_tokens"] = cache.capacity_blocks * cache.block_tokens
    return found


def _request_data(asked: Asked) -> dict[str, Any]:
    """Return what is asked."""
    trace = asked.trace
    return {
        "trace": asked.recorded,
        "pattern": asked.pattern,
        "closed": asked.follows,
        "rate": trace.rate,
        "prompt_tokens": float(trace.prompt_tokens.mean()),
        "cached_tokens": float(trace.cached_tokens.mean()),
        "output_tokens": float(trace.output_tokens.mean()),
    }


def power_of(pool: Pool, asked: Asked, played: Played, site: Site) -> PowerTimeline:
    """Return the watts of a pool over time.

    Parameters
    ----------
    pool : Pool
    asked : Asked
    played : Played
        With a timeline.
    site : Site
    """
    from computesim.cells.serving_power import power_over_time, token_work
    from computesim.sim.fluid import mean_lengths

    assert played.run.timeline is not None
    work = token_work(pool.load, mean_lengths(asked.trace))
    return power_over_time(
        played.run.timeline, pool.chip, site, pool.step, work,
        pool.load.weight_dtype,
    )  # fmt: skip


def energy_data(power: PowerTimeline, figures: dict[str, Any], site: str) -> dict[str, Any]:
    """Return what a pool draws: of the whole run, and while requests arrive.

    Parameters
    ----------
    power : PowerTimeline
    figures : dict
        Of the run.
    site : str
        Its name.
    """
    watts = power.mean_watts(figures["warm_up"], figures["observed_until"])
    rates = figures["output_tokens_per_second"], figures["requests_per_second"]
    token, request = (watts / rate if rate else float("inf") for rate in rates)
    return {
        "site": site,
        "watts": watts,
        "peak_watts": float(power.facility.sum(axis=(0, 1)).max()),
        "joules": power.joules,
        "joules_per_output_token": token,
        "joules_per_request": request,
    }
