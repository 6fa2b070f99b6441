"""Statistics of traces against what was published, and traces drawn after others."""

from __future__ import annotations

import json
from functools import cache
from pathlib import Path

import numpy as np
import pytest
from bulk import trace_file
from numpy.testing import assert_allclose
from scipy import optimize, stats

from computesim.calendar import DAY
from computesim.errors import CaseError, SimulationError
from computesim.sim.streams import stream
from computesim.sim.trace import (
    Client,
    LengthLaw,
    ReasonSplit,
    Trace,
    Window,
    bursty_arrivals,
    client_trace,
    clients_like,
    lognormal,
    poisson_arrivals,
    profile_arrivals,
    read_clients,
    read_trace,
    summarise_trace,
)
from computesim.sim.trace.laws import fit_mixture, fit_reason, hill_tail
from computesim.sim.trace.summary import dispersion, peak_to_mean, window_variation

#: What the project's research read off the day of DeepSeek-R1 that ServeGen published.
R1_DAY = {"mean": 1528, "p50": 791, "p90": 3436, "p99": 12654, "ln_mean": 6.779, "ln_sd": 0.973}
R1_FIT = LengthLaw((0.738, 0.262), (6.426, 7.774), (0.70, 0.945))


@cache
def r1_day() -> Trace:
    return read_trace(trace_file("servegen_deepseek_r1_24h_reconstructed.parquet"))


@cache
def r1_summary() -> dict:
    return summarise_trace(r1_day())


def test_the_day_of_deepseek_r1_has_its_published_statistics() -> None:
    found = r1_summary()
    assert found["requests"] == 1_383_669
    assert found["seconds"] == pytest.approx(DAY, rel=1e-4)
    output = found["output_tokens"]
    for name, published in R1_DAY.items():
        assert output[name] == pytest.approx(published, rel=0.003), name
    assert output["tail_exponent"] == pytest.approx(2.9, abs=0.05)
    assert found["peak_to_mean"]["1 h"]["requests"] == pytest.approx(2.2, abs=0.05)
    assert found["peak_to_mean"]["10 min"]["requests"] == pytest.approx(2.66, abs=0.02)
    assert found["dispersion"] == pytest.approx(7.0, abs=0.1)
    assert found["clients"]["number"] == 73
    assert found["clients"]["share_of_top_5"] == pytest.approx(0.52, abs=0.01)
    reasoning = found["reasoning"]
    assert reasoning["share_of_tokens"] == pytest.approx(0.74, abs=0.005)
    assert reasoning["requests_30_to_40_percent"] == pytest.approx(0.12, abs=0.005)
    assert reasoning["requests_80_percent_or_more"] == pytest.approx(0.44, abs=0.005)


def likelihood(law: LengthLaw, tokens: np.ndarray) -> float:
    """Return the mean log-likelihood of ln(tokens), by scipy's own densities."""
    logs = np.log(tokens)
    parts = zip(law.weights, law.log_means, law.log_sds, strict=True)
    return float(np.log(sum(w * stats.norm.pdf(logs, m, s) for w, m, s in parts)).mean())


def test_the_mixture_of_the_day_is_at_least_as_likely_as_the_published_one() -> None:
    tokens = r1_day().output_tokens[::50]
    found = fit_mixture(r1_day().output_tokens)
    gain = likelihood(found, tokens) - likelihood(R1_FIT, tokens)
    # the published one stopped before its likelihood was highest, but it describes the same law
    assert 0.0 < gain < 0.002
    assert found.mean == pytest.approx(R1_FIT.mean, rel=0.03)


def test_azure_2023_has_its_published_rows() -> None:
    trace = read_trace(trace_file("azure_llm_2023.csv.gz"))
    assert len(trace) == 28_185
    assert dict(zip(trace.kind_names, np.bincount(trace.kind), strict=True)) == {
        "conv": 19_366,
        "code": 8_819,
    }
    assert trace.arrival[-1] == pytest.approx(3600, rel=0.03), "about an hour"


@pytest.mark.slow
def test_a_trace_drawn_after_the_day_is_like_it() -> None:
    found, given = summarise_trace(client_trace(clients_like(r1_day()), seed=4)), r1_summary()
    assert found["requests"] == pytest.approx(given["requests"], rel=0.01)
    for name, tolerance in (("mean", 0.02), ("p50", 0.02), ("p90", 0.02), ("p99", 0.03)):
        for which in ("prompt_tokens", "output_tokens"):
            assert found[which][name] == pytest.approx(given[which][name], rel=tolerance), name
    for window, tolerance in (("10 min", 0.1), ("1 h", 0.05)):
        for what in ("requests", "output_tokens"):
            expected = given["peak_to_mean"][window][what]
            assert found["peak_to_mean"][window][what] == pytest.approx(expected, rel=tolerance)
    assert found["window_variation"] == pytest.approx(given["window_variation"], rel=0.15)
    for name in ("share_of_tokens", "requests_30_to_40_percent", "requests_80_percent_or_more"):
        assert found["reasoning"][name] == pytest.approx(given["reasoning"][name], abs=0.01)
    assert found["clients"]["share_of_top_5"] == pytest.approx(0.525, abs=0.01)


def test_a_trace_drawn_after_a_quarter_of_an_hour_is_like_it() -> None:
    given = read_trace(trace_file("servegen_r1_sample_10k.csv.gz"))
    found = client_trace(clients_like(given), seed=4)
    assert len(found) == pytest.approx(len(given), rel=0.07)
    for name in ("prompt_tokens", "output_tokens", "reason_tokens"):
        expected = getattr(given, name).mean()
        assert getattr(found, name).mean() == pytest.approx(expected, rel=0.07), name


def test_a_fit_finds_the_law_that_was_drawn() -> None:
    law = LengthLaw((0.7, 0.3), (5.0, 8.0), (0.5, 0.8))
    found = fit_mixture(law.draw(200_000, stream(1, "a")))
    for field in ("weights", "log_means", "log_sds"):
        assert_allclose(getattr(found, field), getattr(law, field), atol=0.02)
    one = fit_mixture(lognormal(900, 0.6).draw(100_000, stream(1, "a")))
    assert one.mean == pytest.approx(900, rel=0.02), "two components of one law have its mean"
    assert fit_mixture([7] * 100) == LengthLaw((1.0,), (np.log(7),), (0.0,), 7.0, 7.0)
    with pytest.raises(SimulationError, match="at least 1 token"):
        fit_mixture([])


def test_an_optimiser_finds_no_mixture_that_is_likelier() -> None:
    tokens = LengthLaw((0.7, 0.3), (6.4, 7.8), (0.7, 0.9)).draw(3000, stream(4, "a"))
    found = fit_mixture(tokens)

    def loss(p: np.ndarray) -> float:
        share = 1 / (1 + np.exp(-p[0]))
        law = LengthLaw((share, 1 - share), tuple(p[1:3]), tuple(np.exp(p[3:])))
        return -likelihood(law, tokens)

    odds = np.log(found.weights[0] / found.weights[1])
    start = [odds, *found.log_means, *np.log(found.log_sds)]
    best = optimize.minimize(loss, start, method="Nelder-Mead", options={"maxiter": 600})
    assert loss(np.array(start)) == pytest.approx(best.fun, abs=2e-4)


def test_a_fit_finds_the_modes_of_reasoning_that_were_drawn() -> None:
    split = ReasonSplit((0.3, 0.7), (0.35, 0.85), (60.0, 20.0))
    output = np.full(100_000, 20_000)
    found = fit_reason(split.draw(output, stream(1, "a")), output)
    assert_allclose(found.weight, split.weight, atol=0.02)
    assert_allclose(found.mean, split.mean, atol=0.01)
    assert_allclose(found.certainty, split.certainty, rtol=0.1)
    few = fit_reason(np.array([3, 4]), np.array([10, 10]))
    assert few.mean == (pytest.approx(0.35),)


def test_the_tail_of_a_pareto_law_has_its_exponent() -> None:
    values = 1.0 + stream(1, "a").pareto(2.5, 200_000)
    assert hill_tail(values) == pytest.approx(2.5, rel=4 / (0.02 * values.size) ** 0.5)
    assert np.isnan(hill_tail(values[:100]))
    assert hill_tail(np.ones(1000)) == np.inf


def test_the_statistics_of_arrivals_have_their_closed_forms() -> None:
    arrival = poisson_arrivals(20.0, 200_000, stream(2, "arrivals"))
    assert dispersion(arrival) == pytest.approx(1.0, abs=0.06)
    assert window_variation(arrival, 600.0) == pytest.approx(1.0, abs=0.02)
    bursty = bursty_arrivals(20.0, 2.0, 200_000, stream(2, "arrivals"))
    assert window_variation(bursty, 600.0) == pytest.approx(2.0, rel=0.05)
    # counts of a renewal process: variance/mean tends to the squared variation of the gaps
    assert dispersion(bursty, 10.0) == pytest.approx(4.0, rel=0.1)
    daily = profile_arrivals(1.0, [1, 3], 10 * 86_400 + 9000, stream(2, "arrivals"), period=DAY)
    assert peak_to_mean(daily, DAY / 2) == pytest.approx(1.5, rel=0.02)
    assert np.isnan(peak_to_mean(daily, 30 * DAY))
    # a moving rate is no burstiness within a window
    assert window_variation(daily, 600.0) == pytest.approx(1.0, abs=0.02)


def test_a_trace_of_one_request_has_a_summary_and_a_likeness() -> None:
    trace = Trace([0.0], [10], [5], [3], reason_tokens=[2])
    found = summarise_trace(trace)
    assert found["cached_share"] == 0.5
    assert np.isnan(found["gap_variation"])
    assert sum(len(client.windows) for client in clients_like(trace)) == 1
    assert clients_like(trace)[0].windows[0].cached_share == 0.5


def test_small_clients_are_drawn_together() -> None:
    windows = Window(0.0, 3600.0, 0.05, lognormal(100, 0.5), lognormal(100, 0.5), cached_share=0.5)
    trace = client_trace([Client((windows,))] * 12, seed=1)
    clients = clients_like(trace, most=4)
    assert len(clients) == 4
    like = client_trace(clients, seed=2)
    assert len(like) == pytest.approx(len(trace), rel=4 * (2 / len(trace)) ** 0.5)
    assert like.cached_tokens.sum() / like.prompt_tokens.sum() == pytest.approx(0.5, abs=0.02)


def servegen(folder: Path, trace: str, dataset: object) -> Path:
    (folder / "chunk-3-trace.csv").write_text(trace, encoding="utf-8")
    (folder / "chunk-3-dataset.json").write_text(json.dumps(dataset), encoding="utf-8")
    return folder


SIX_HOURS = {"input_tokens": "{39: 0.25, 40: 0.75}", "output_tokens": "{0: 0.5, 500: 0.5}",
             "reason_ratio": "{0.0: 0.0, 0.5: 1.0}"}  # fmt: skip


def test_client_windows_of_servegen_are_drawn(tmp_path: Path) -> None:
    rows = "0,5,2.0,Gamma,0.25,0.8\n600,0,0,,0,0\n1200,10,0.5,Weibull,2.1,0.11\n"
    other = {**SIX_HOURS, "input_tokens": "{7: 1.0}"}
    empty = {"input_tokens": "{}", "output_tokens": "{}", "reason_ratio": "{}"}
    (client,) = read_clients(servegen(tmp_path, rows, {"0": SIX_HOURS, "1200": other, "9": empty}))
    assert [(w.start, w.end, w.rate, w.variation, w.gaps) for w in client.windows] == [
        (0.0, 600.0, 5.0, 2.0, "gamma"),
        (1200.0, 1800.0, 10.0, 0.5, "weibull"),
    ]
    trace = client_trace([client], seed=1)
    early = trace.arrival < 600.0
    assert early.sum() == pytest.approx(3000, rel=4 * 2 / 3000**0.5)
    assert (~early).sum() == pytest.approx(6000, rel=4 * 0.5 / 6000**0.5)
    assert not np.any((trace.arrival >= 600.0) & (trace.arrival < 1200.0))
    assert trace.prompt_tokens[early].mean() == pytest.approx(39.75, abs=0.05)
    assert set(trace.prompt_tokens[~early]) == {7}
    assert set(trace.output_tokens) == {1, 500}, "an output of no token counts as one"
    assert trace.reason_tokens is not None
    assert set(trace.reason_tokens[trace.output_tokens == 500]) == {250}


def test_all_faults_of_servegen_files_come_at_once(tmp_path: Path) -> None:
    rows = "0,5,2.0,Gamma,0.25,0.8\nx,5,2.0,Gamma,0.25,0.8\n600,-1,1,Gamma,1,1\n600\n"
    broken = {"0": {"input_tokens": "{1: 1.0}"}, "600": {**SIX_HOURS, "output_tokens": "{1: -1}"}}
    with pytest.raises(CaseError) as caught:
        read_clients(servegen(tmp_path, rows, broken))
    assert [(Path(f.file).name, f.line, f.key) for f in caught.value.faults] == [
        ("chunk-3-dataset.json", 0, "0"),
        ("chunk-3-dataset.json", 0, "600"),
        ("chunk-3-trace.csv", 2, "window"),
        ("chunk-3-trace.csv", 3, "window"),
        ("chunk-3-trace.csv", 4, "window"),
    ]
    with pytest.raises(CaseError, match="ServeGen folder"):
        read_clients(tmp_path / "nowhere")
