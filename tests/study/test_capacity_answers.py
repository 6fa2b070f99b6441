"""How many accelerators a service needs."""

from __future__ import annotations

import re
from dataclasses import fields
from functools import cache
from typing import Any

import numpy as np
import pytest

from computesim import load_catalog
from computesim.hardware.power import node_watts, power_fit
from computesim.hardware.serving import ServingLayout, serving_layouts
from computesim.hardware.transfer import transfer_seconds
from computesim.sim.levels import ServiceLevel
from computesim.sim.records import RECOMPUTE
from computesim.sim.trace import Trace
from computesim.study.capacity.answers import Answer, Goal, capacity, layout_text
from computesim.study.capacity.demand import Question, RequestClass, of_recorded
from computesim.study.capacity.figures import Machine, machine_of
from computesim.study.capacity.front import Point, front, pareto
from computesim.study.capacity.pool import Policy
from computesim.workload.transformer import serving_load

CATALOG = load_catalog()
LOAD = serving_load(CATALOG.model("llama-3.1-70b"), "fp8", "fp8")
LEVEL = ServiceLevel(ttft=2.0, tpot=0.04)
CHAT = RequestClass(20.0, 1000, answer_tokens=250, spread=0.6, name="chat", level=LEVEL)
PLAIN = Question((CHAT,))


@cache
def machine(name: str) -> Machine:
    return machine_of(CATALOG, name)


@cache
def need(
    question: Question = PLAIN, name: str = "h200-sxm", split: bool = False, **options: Any
) -> Answer:
    return capacity(question, LOAD, machine(name), split=split, **options)


def asks(**changes: Any) -> Question:
    values = {field.name: getattr(CHAT, field.name) for field in fields(CHAT)} | changes
    return Question((RequestClass(**values),))


@pytest.mark.parametrize("split", [False, True])
@pytest.mark.parametrize("name", ["h100-sxm", "b200-sxm"])
def test_what_is_found_keeps_the_promises_and_one_replica_fewer_does_not(
    name: str, split: bool
) -> None:
    found = need(name=name, split=split)
    assert found.plant is not None
    assert found.kept
    assert all(one.kept for one in found.outcomes)
    assert not found.figures.saturated
    assert "fewer: " in found.edge
    if not split:
        fewer = capacity(PLAIN, LOAD, machine(name), Goal("check", sum(found.counts) - 1),
                         found.plant.layouts)  # fmt: skip
        assert not fewer.kept
        assert fewer.edge.startswith("MISSED")


def test_no_other_layout_needs_fewer_accelerators() -> None:
    best = need()
    for layout in serving_layouts(LOAD, machine("h200-sxm").accelerator):
        alone = capacity(PLAIN, LOAD, machine("h200-sxm"), layouts=[layout])
        assert alone.plant is None or alone.accelerators >= best.accelerators


def test_stricter_promises_and_more_requests_never_need_fewer() -> None:
    orders = [
        [asks(level=ServiceLevel(2.0, tpot)) for tpot in (0.1, 0.04, 0.02, 0.012)],
        [asks(level=ServiceLevel(ttft, 0.04)) for ttft in (5.0, 0.5, 0.15)],
        [asks(level=ServiceLevel(2.0, 0.04, e2e=e2e)) for e2e in (1e9, 12.0, 6.0)],
        [asks(level=ServiceLevel(2.0, 0.04, share)) for share in (0.5, 0.9, 0.99)],
        [asks(rate=rate) for rate in (2.0, 8.0, 20.0, 45.0)],
    ]
    for order in orders:
        counts = [need(question).accelerators for question in order]
        assert counts == sorted(counts)
        assert counts[0] > 0
    assert counts[-1] > counts[0]


def test_the_highest_rate_and_the_fewest_replicas_agree() -> None:
    found = need()
    assert found.plant is not None
    layouts = found.plant.layouts
    n = found.counts[0]
    rates = [
        capacity(PLAIN, LOAD, machine("h200-sxm"), Goal("highest", count), layouts).rate
        for count in (n - 1, n)
    ]
    assert rates[0] < 20.0 * 1.05
    assert rates[1] > 20.0 / 1.05


def test_throughput_power_and_money_add_up() -> None:
    found = need()
    figures, n = found.figures, found.accelerators
    assert figures.requests_per_second == pytest.approx(20.0, rel=0.05)
    assert figures.output_tokens_per_second == pytest.approx(20.0 * 250, rel=0.06)
    chip = machine("h200-sxm").accelerator
    idle = node_watts(chip, chip.tdp * power_fit(chip).idle, 0.0)
    most = node_watts(chip, chip.tdp, 1.0)
    assert idle < figures.it_watts_per_accelerator < most
    assert figures.it_watts == pytest.approx(n * figures.it_watts_per_accelerator)
    rent = CATALOG.value("prices", "h200-sxm", "rental_three_years")
    assert figures.usd_per_second == pytest.approx(n * rent)
    tokens = figures.output_tokens_per_second
    assert figures.usd_per_output_token == pytest.approx(n * rent / tokens)
    # Little's law: running sequences are arrivals times their stay
    stay = figures.mean_batch * found.counts[0] / 20.0
    p90 = next(o.value for o in found.outcomes if o.metric == "e2e")
    assert 0.3 * p90 < stay < p90


def test_less_load_draws_fewer_watts() -> None:
    layouts = (ServingLayout(tp=4),)
    watts = [
        capacity(asks(rate=rate), LOAD, machine("h200-sxm"), Goal("check", 4), layouts).figures
        for rate in (0.2, 2.0, 20.0)
    ]
    each = [figures.it_watts_per_accelerator for figures in watts]
    assert each == sorted(each)
    busy = [figures.utilisation for figures in watts]
    assert busy[0] < 0.5 < busy[2]


@pytest.mark.parametrize(
    ("level", "told"),
    [
        (ServiceLevel(tpot=0.002), "a single sequence already takes"),
        (ServiceLevel(ttft=0.005), "a request alone already takes .* to its first token"),
        (ServiceLevel(e2e=0.2), "from end to end"),
    ],
)
def test_an_impossible_promise_says_what_binds(level: ServiceLevel, told: str) -> None:
    for split in (False, True):
        found = need(asks(level=level), split=split)
        assert found.plant is None
        assert found.accelerators == 0
        assert re.search(told, found.reason)
        assert "promised" in found.reason


def test_a_model_or_a_request_that_does_not_fit_is_said() -> None:
    huge = serving_load(CATALOG.model("deepseek-v3"), "bf16", "bf16")
    found = capacity(PLAIN, huge, machine("h100-sxm"), layouts=[ServingLayout(tp=2)])
    assert "does not fit on 2 x h100-sxm" in found.reason
    long = capacity(asks(prompt_tokens=300_000.0), LOAD, machine("h100-sxm"),
                    layouts=[ServingLayout(tp=1)])  # fmt: skip
    assert "KV cache" in long.reason or "does not fit" in long.reason


def test_separate_prefill_replicas_spare_decodes_the_prompts() -> None:
    """Long prompts and a strict time per token: the reason why pools are divided."""
    question = asks(prompt_tokens=4000.0, level=ServiceLevel(3.0, 0.02))
    together, apart = need(question), need(question, split=True)
    assert apart.plant is not None
    assert len(apart.counts) == 2
    assert apart.accelerators < together.accelerators
    shares = [
        need(asks(prompt_tokens=p, level=ServiceLevel(3.0, 0.03)), split=True)
        for p in (500.0, 4000.0)
    ]
    ratio = [found.counts[0] * found.plant.sizes[0] / found.accelerators for found in shares]
    assert ratio[1] > ratio[0]  # longer prompts, more accelerators that read them


def test_the_cache_travels_over_the_nics_of_one_attention_group() -> None:
    chip = machine("h100-sxm").accelerator
    fixed, each = transfer_seconds(LOAD, chip, ServingLayout(tp=4), ServingLayout(tp=2))
    line_rate = 2 * chip.nic_bandwidth
    assert 1.0 < each / (LOAD.kv_bytes_per_token / line_rate) < 1.15  # 94 % of it is attained
    assert 0.0 < fixed < 1e-3
    wide = transfer_seconds(LOAD, chip, ServingLayout(tp=8), ServingLayout(tp=8))[1]
    assert wide == pytest.approx(each / 4)


def test_classes_keep_their_own_promises() -> None:
    slow = RequestClass(
        2.0, 2000, spread=0.6, name="batch", level=ServiceLevel(60.0, 0.2), priority=1
    )
    both = need(Question((CHAT, slow)))
    assert {one.kind for one in both.outcomes} == {0, 1}
    assert both.kept
    assert both.accelerators >= need().accelerators
    hurried = RequestClass(2.0, 2000, spread=0.6, name="batch", level=ServiceLevel(0.5, 0.01))
    assert need(Question((CHAT, hurried))).accelerators > both.accelerators


def test_a_closed_loop_of_a_full_cache_queues() -> None:
    question = Question(
        (RequestClass(1.0, 1024, answer_tokens=8192, spread=0.0, name="long"),), clients=128
    )
    tp1 = (ServingLayout(tp=1),)
    kept = capacity(question, LOAD, machine("h200-sxm"), Goal("check", 1), tp1)
    places = kept.plant.steps[0].kv_capacity_tokens // 9217
    assert kept.figures.mean_batch == pytest.approx(places, rel=0.03)
    assert kept.figures.waiting == pytest.approx(128 - places, rel=0.05)
    assert kept.figures.saturated
    assert kept.figures.preemptions == 0
    assert kept.figures.kv_peak > 0.95
    policy = Policy(RECOMPUTE, 16)
    given_way = capacity(question, LOAD, machine("h200-sxm"), Goal("check", 1), tp1, policy)
    assert given_way.figures.preemptions > 0
    assert given_way.figures.mean_batch > kept.figures.mean_batch
    assert given_way.figures.kv_share <= 1.01


def test_a_recorded_trace_is_replayed_and_its_classes_keep_their_names() -> None:
    n = 400
    kind = np.arange(n) % 2
    trace = Trace(np.arange(n) / 8.0, np.full(n, 500), np.zeros(n), 50 + 200 * kind, kind=kind,
                  kind_names=("code", "chat"))  # fmt: skip
    strict = RequestClass(name="chat", level=ServiceLevel(tpot=0.02))
    classes = of_recorded(trace, [strict])
    assert [one.name for one in classes] == ["code", "chat"]
    question = Question(classes, trace)
    assert question.rate == pytest.approx(8.0, rel=0.01)
    found = need_uncached(question)
    limits = {(o.kind, o.metric): o.limit for o in found.outcomes}
    assert limits[1, "tpot"] == 0.02
    assert limits[0, "tpot"] == np.inf
    assert found.kept
    one = of_recorded(trace, [RequestClass(level=LEVEL)])
    assert len(one) == 1  # a promise without a name is one to all
    assert need_uncached(Question(one, trace)).accelerators <= found.accelerators
    with pytest.raises(ValueError, match="it has code, chat"):
        of_recorded(trace, [strict, RequestClass(name="cat")])


def need_uncached(question: Question) -> Answer:
    return capacity(question, LOAD, machine("h200-sxm"))


def test_longer_traces_begin_with_the_same_requests() -> None:
    short, long = PLAIN.demand(), PLAIN.demand(5000.0)
    n = len(short.trace)
    assert len(long.trace) > 3 * n
    assert np.array_equal(short.trace.prompt_tokens, long.trace.prompt_tokens[:n])
    assert np.allclose(short.trace.arrival, long.trace.arrival[:n])


@cache
def points() -> list[Point]:
    return front(PLAIN, LOAD, machine("h200-sxm"))


def test_on_the_front_speed_is_paid_with_throughput() -> None:
    found = points()
    speed = [p.tokens_per_second_per_user for p in found]
    each = [p.tokens_per_second_per_accelerator for p in found]
    assert len(found) > 8
    assert speed == sorted(speed, reverse=True)
    assert each == sorted(each)
    assert speed[0] > 3 * speed[-1]
    for p in found:
        # all clients decode nearly all the time: throughput is users times speed
        assert each[found.index(p)] * p.layout.n_accelerators == pytest.approx(
            p.clients * p.tokens_per_second_per_user, rel=0.25
        )
        assert p.tokens_per_usd is not None
        assert not p.figures.saturated


def test_a_user_alone_gets_one_token_a_step() -> None:
    first = points()[0]
    assert first.clients == 1
    answer = capacity(PLAIN, LOAD, machine("h200-sxm"), Goal("check", 1), (first.layout,))
    step = answer.plant.steps[0]
    seconds = step.decode_seconds(1, 1125)
    assert first.tokens_per_second_per_user == pytest.approx(1 / seconds, rel=0.02)


def test_points_that_another_beats_in_both_are_no_part_of_the_front() -> None:
    assert pareto([(1, 5, "a"), (2, 4, "b"), (2, 3, "c"), (0.5, 5, "d")]) == ["b", "a"]


def test_layouts_are_named_by_what_is_divided() -> None:
    assert layout_text(ServingLayout()) == "tp 1"
    assert layout_text(ServingLayout(ep=8, dp=8)) == "ep 8 dp 8"
