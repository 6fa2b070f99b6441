"""Generators of traffic: gaps, lengths, conversations, clients that come and go."""

from __future__ import annotations

from dataclasses import replace
from math import exp, gamma
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.testing import assert_allclose, assert_array_equal

from computesim.errors import SimulationError
from computesim.sim.streams import stream
from computesim.sim.trace import (
    Client,
    Empirical,
    EmpiricalSplit,
    LengthLaw,
    Population,
    ReasonSplit,
    Sessions,
    Window,
    arrivals_between,
    bursty_arrivals,
    client_trace,
    clients_of,
    clipped,
    expected_requests,
    follow_day,
    lognormal,
    weibull_shape,
)
from computesim.sim.trace.lengths import SplitByLength
from computesim.sim.trace.schemas import NAMES
from computesim.sim.trace.summary import peak_to_mean

N = 40_000
HOUR = 3600.0
#: Two components of outputs, as the project's research fitted to a day of DeepSeek-R1.
R1 = LengthLaw((0.738, 0.262), (6.43, 7.77), (0.70, 0.95))


@pytest.mark.parametrize("law", ["gamma", "weibull"])
@pytest.mark.parametrize("variation", [0.5, 1.0, 2.0, 4.0])
def test_gaps_have_their_mean_and_their_variation(law, variation) -> None:
    gaps = np.diff(bursty_arrivals(5.0, variation, N, stream(3, "arrivals"), law), prepend=0.0)
    assert gaps.mean() == pytest.approx(1 / 5, rel=4 * variation / N**0.5)
    assert gaps.std() / gaps.mean() == pytest.approx(variation, rel=0.15 if variation > 2 else 0.05)


@given(st.floats(0.02, 30.0))
def test_the_weibull_shape_gives_the_variation_in_closed_form(variation: float) -> None:
    k = weibull_shape(variation)
    square = gamma(1 + 2 / k) / gamma(1 + 1 / k) ** 2 - 1
    assert square**0.5 == pytest.approx(variation, rel=1e-6)


def test_the_weibull_law_of_variation_one_is_exponential() -> None:
    assert weibull_shape(1.0) == pytest.approx(1.0)
    with pytest.raises(SimulationError, match=r"0\.02 to 30"):
        weibull_shape(50.0)


@pytest.mark.parametrize("law", ["gamma", "weibull"])
@pytest.mark.parametrize("variation", [0.3, 1.0, 3.0])
def test_a_short_span_of_a_steady_process_has_the_mean_rate(law, variation) -> None:
    counts = [arrivals_between(10.0, 20.0, 1.0, variation, stream(n, "a"), law).size
              for n in range(2000)]  # fmt: skip
    error = 4 * np.std(counts) / len(counts) ** 0.5
    # a process that starts with the span would be off by (variation² - 1)/2, 4 for 3
    assert np.mean(counts) == pytest.approx(10.0, abs=error)
    assert error < 1.0


@settings(max_examples=50, deadline=None)
@given(start=st.floats(0, 1e5), length=st.floats(0.01, 1e4), rate=st.floats(1e-3, 5),
       variation=st.floats(0, 5), seed=st.integers(0, 2**32))  # fmt: skip
def test_arrivals_lie_in_their_span_in_order(start, length, rate, variation, seed) -> None:
    found = arrivals_between(start, start + length, rate, variation, stream(seed, "a"))
    assert np.all(np.diff(found) >= 0)
    assert np.all((found >= start) & (found <= start + length))


def test_a_mixture_has_its_mean_in_closed_form() -> None:
    closed = 0.738 * exp(6.43 + 0.70**2 / 2) + 0.262 * exp(7.77 + 0.95**2 / 2)
    assert R1.mean == pytest.approx(closed)
    drawn = R1.draw(400_000, stream(5, "output_tokens"))
    assert drawn.mean() == pytest.approx(closed, rel=0.01)
    # the law that was fitted to a day of DeepSeek-R1 has its published percentiles
    assert_allclose(np.percentile(drawn, (50, 90, 99)), (791, 3436, 12654), rtol=0.05)
    capped = replace(R1, cap=2000, least=500).draw(N, stream(5, "output_tokens"))
    assert_array_equal(capped, np.clip(R1.draw(N, stream(5, "output_tokens")), 500, 2000))
    with pytest.raises(ValueError, match="sum to 1"):
        LengthLaw((0.5, 0.6), (1, 2), (1, 1)).draw(3, stream(1, "a"))


def test_histograms_are_drawn_in_proportion() -> None:
    law = Empirical(np.array([10, 20, 40]), np.array([0.5, 0.0, 0.5]))
    drawn = law.draw(N, stream(5, "output_tokens"))
    assert set(drawn) == {10, 40}
    assert (drawn == 10).mean() == pytest.approx(0.5, abs=4 * 0.5 / N**0.5)
    split = EmpiricalSplit(np.array([0.25, 1.0]), np.array([0.2, 0.8]))
    reason = split.draw(np.full(N, 400), stream(5, "reason_tokens"))
    assert set(reason) == {100, 400}


def test_reasoning_has_two_modes_with_their_means() -> None:
    split = ReasonSplit((0.2, 0.8), (0.35, 0.85), (60.0, 60.0))
    output = np.full(N, 10_000)
    share = split.draw(output, stream(6, "reason_tokens")) / output
    assert share.mean() == pytest.approx(0.2 * 0.35 + 0.8 * 0.85, rel=0.01)
    assert (share < 0.55).mean() == pytest.approx(0.2, abs=0.01)
    # a beta law of certainty c has the variance m(1 - m)/(c + 1)
    assert share[share > 0.55].std() == pytest.approx((0.85 * 0.15 / 61) ** 0.5, rel=0.05)
    long = SplitByLength((100.0,), (ReasonSplit(mean=(0.2,)), ReasonSplit(mean=(0.9,))))
    found = long.draw(np.array([50] * N + [1000] * N), stream(6, "reason_tokens"))
    assert found[:N].mean() / 50 == pytest.approx(0.2, abs=0.01)
    assert found[N:].mean() / 1000 == pytest.approx(0.9, abs=0.01)


def window(**changes) -> Window:
    """Return an hour of somebody."""
    given = Window(0.0, HOUR, 0.5, lognormal(800, 0.8), lognormal(600, 0.9, cap=32768))
    return given._replace(**changes)


def test_a_conversation_carries_what_was_said() -> None:
    sessions = Sessions(turns=5.0, think_seconds=20.0, cache_block=1)
    trace = client_trace([Client((window(sessions=sessions),))], seed=3)
    assert trace.session is not None
    assert trace.think_seconds is not None
    turns = np.unique(trace.session, return_counts=True)[1]
    assert turns.mean() == pytest.approx(5.0, rel=4 * (0.8**0.5) / turns.size**0.5)
    for number in range(20):
        own = np.flatnonzero(trace.session == number)
        prompt, cached, output = (trace.prompt_tokens[own], trace.cached_tokens[own],
                                  trace.output_tokens[own])  # fmt: skip
        assert cached[0] == 0
        assert trace.think_seconds[own[0]] == 0.0
        assert_array_equal(cached[1:], prompt[:-1] + output[:-1] - 1)
        assert np.all(prompt[1:] > prompt[:-1] + output[:-1]), "a turn says something new"
        waited = np.diff(trace.arrival[own])
        assert_allclose(waited, output[:-1] * 0.03 + trace.think_seconds[own[1:]])
    later = trace.think_seconds[trace.cached_tokens > 0]
    assert later.mean() == pytest.approx(20.0, rel=0.2)


def test_reasoning_is_dropped_from_the_history_and_from_the_cache() -> None:
    sessions = Sessions(turns=6.0, cache_block=64)
    trace = client_trace([Client((window(sessions=sessions, reasoning=ReasonSplit()),))], seed=3)
    assert trace.session is not None
    assert trace.reason_tokens is not None
    own = np.flatnonzero(trace.session == np.argmax(np.bincount(trace.session)))
    prompt, reason = trace.prompt_tokens[own], trace.reason_tokens[own]
    answer = trace.output_tokens[own] - reason
    assert np.all(reason > 0)
    assert_array_equal(trace.cached_tokens[own[1:]], prompt[:-1] // 64 * 64)
    assert np.all(prompt[1:] > prompt[:-1] + answer[:-1])


def built(make, **fields):
    """Return things made of drawn fields; `builds` would look at the types of all others."""
    return st.fixed_dictionaries(fields).map(lambda drawn: make(**drawn))


laws = built(lognormal, mean=st.floats(2, 5000), spread=st.floats(0, 1.5), cap=st.floats(100, 1e5))
some_sessions = built(
    Sessions,
    turns=st.floats(1, 8),
    most_turns=st.integers(1, 20),
    think_seconds=st.floats(0, 100),
    most_context=st.floats(1000, 1e6),
    cache_block=st.integers(1, 600),
)
windows = built(
    Window,
    start=st.floats(0, 1000),
    end=st.floats(1001, 2000),
    rate=st.floats(0.01, 0.3),
    prompt=laws,
    output=laws | st.just(R1),
    variation=st.floats(0, 4),
    gaps=st.just("gamma"),
    reasoning=st.none() | st.just(ReasonSplit((0.3, 0.7), (0.3, 0.9), (20.0, 9.0))),
    sessions=st.none() | some_sessions,
    cached_share=st.floats(0, 0.99),
)


clients_drawn = built(Client, windows=st.tuples(windows), kind=st.integers(0, 3))


@settings(max_examples=60, deadline=None)
@given(st.lists(clients_drawn, min_size=1, max_size=4), st.integers(0, 2**32))
def test_any_traffic_is_a_possible_trace(clients: list[Client], seed: int) -> None:
    always = Client((window(end=500.0, rate=0.1, variation=0.0),))  # who sends for certain
    clients = [*clients, always]
    trace = client_trace(clients, seed)
    assert np.all(np.diff(trace.arrival) >= 0)
    assert min(trace.prompt_tokens.min(), trace.output_tokens.min()) >= 1
    assert np.all((trace.cached_tokens < trace.prompt_tokens) | (trace.prompt_tokens == 1))
    if trace.reason_tokens is not None:
        assert np.all((trace.reason_tokens >= 0) & (trace.reason_tokens <= trace.output_tokens))
    assert trace.client is not None
    assert trace.kind is not None
    assert_array_equal(trace.kind, np.array([c.kind for c in clients])[trace.client])
    if trace.session is not None:
        for number in np.unique(trace.session):
            own = trace.session == number
            assert np.unique(trace.client[own]).size == 1, "a session belongs to one client"
            assert np.all(np.diff(trace.prompt_tokens[own]) > 0), "turns come in order"
    assert_array_equal(client_trace(clients, seed).arrival, trace.arrival)


def test_one_more_client_leaves_the_others_alone() -> None:
    few = [Client((window(),)), Client((window(rate=0.1),), kind=1)]
    alone = client_trace(few, 9)
    more = client_trace([*few, Client((window(rate=2.0),))], 9)
    assert more.client is not None
    others = more.pick(np.flatnonzero(more.client < 2))
    assert_array_equal(others.arrival, alone.arrival)
    assert_array_equal(others.output_tokens, alone.output_tokens)


def test_a_day_shapes_the_rate_of_a_client() -> None:
    day = follow_day(Client((window(end=24 * HOUR, rate=1.0),)), [1, 1, 4, 2])
    arrival = client_trace([day], 5).arrival
    count = np.bincount((arrival // (6 * HOUR)).astype(int), minlength=4)
    assert_allclose(count / (24 * HOUR), np.array([1, 1, 4, 2]) / 8, rtol=0.05)
    with pytest.raises(SimulationError, match="profile"):
        follow_day(day, [0.0])


def population(**changes) -> Population:
    """Return people like those of a reasoning service."""
    return Population(73, 16.0, lognormal(1271, 1.8), R1, **changes)


def test_clients_come_and_go_and_keep_the_mean_rate() -> None:
    duration, counts, present = 30 * 24 * HOUR, [], []
    for seed in range(8):
        clients = clients_of(population(), duration, seed)
        counts.append(sum(w.rate * (w.end - w.start) for c in clients for w in c.windows))
        present += [sum(w.end - w.start for w in c.windows) / duration for c in clients]
        for client in clients:
            edges = [t for w in client.windows for t in (w.start, w.end)]
            assert edges == sorted(edges)
            assert not edges or edges[-1] <= duration
    assert np.mean(counts) / duration == pytest.approx(16.0, rel=0.1)
    assert np.mean(present) == pytest.approx(4 / 12, rel=0.05)


def test_churn_moves_hourly_demand_more_than_independent_draws_could() -> None:
    day = 24 * HOUR

    def peak(seed: int, **changes) -> float:
        clients = clients_of(population(**changes)._replace(rate=1.0), day, seed)
        trace = client_trace(clients, seed)
        return peak_to_mean(trace.arrival, HOUR, trace.output_tokens)

    churn = np.median([peak(seed) for seed in range(6)])
    steady = np.median([peak(seed, away=0.0) for seed in range(6)])
    assert steady < 1.25 < 1.5 < churn, "a production day of DeepSeek-R1 has 1.7"


def test_a_population_keeps_its_mean_output() -> None:
    clients = clients_of(population(away=0.0), HOUR, 3)
    windows = [client.windows[0] for client in clients]
    rate = np.array([w.rate for w in windows])
    means = np.array([w.output.mean for w in windows if isinstance(w.output, LengthLaw)])
    assert rate @ means / rate.sum() == pytest.approx(R1.mean)
    assert means.std() / means.mean() > 0.3


@pytest.mark.parametrize(
    ("clients", "words"),
    [
        ([], "no request"),
        ([Client((window(rate=0.0),))], "no request"),
        ([Client((window(end=0.0),))], "a window lasts"),
        ([Client((window(rate=-1.0),))], "rate -0.5|rate -1"),
        ([Client((window(cached_share=2.0),))], "cached share"),
        ([Client((window(sessions=Sessions(turns=0.5)),))], "at least one turn"),
        ([Client((window(sessions=Sessions(think_seconds=-1.0)),))], "waits must be"),
    ],
)
def test_impossible_clients_say_what_is_wrong(clients, words) -> None:
    with pytest.raises(SimulationError, match=words):
        client_trace(clients, 1)
    with pytest.raises(SimulationError, match="present for a while"):
        clients_of(population(present=0.0), HOUR, 1)


def test_clients_cut_to_a_span_send_what_they_would_have_sent_on_average() -> None:
    clients = clients_of(population(), 24 * HOUR, 2)
    part = clipped(clients, 6 * HOUR, 8 * HOUR)
    assert [len(c.windows) for c in part] == [len(c.windows) for c in clients]
    trace = client_trace(part, 2)
    assert 6 * HOUR <= trace.arrival[0] <= trace.arrival[-1] <= 8 * HOUR
    expected = expected_requests(part)
    assert len(trace) == pytest.approx(expected, rel=4 / expected**0.5)
    half = client_trace(part, 2, factor=0.5)
    assert len(half) == pytest.approx(expected / 2, rel=4 / (expected / 2) ** 0.5)


def test_more_requests_than_memory_holds_are_refused_before_they_are_drawn() -> None:
    many = [Client((window(rate=1e6, end=100 * HOUR),))]
    with pytest.raises(SimulationError, match="shorter span"):
        client_trace(many, 1)


def test_the_example_of_the_documentation_runs() -> None:
    page = (Path(__file__).parents[2] / "docs" / "traces.md").read_text(encoding="utf-8")
    names: dict[str, Any] = {}
    exec(page.split("```python\n")[1].split("```")[0], names)
    assert names["day"].client.max() < 73
    assert names["chat"].session is not None
    assert all(f"| `{name}` |" in page for name in NAMES), "every format is in the table"
