"""The balance against a closed form, brute-force grids, duality and what economics says of it."""

from __future__ import annotations

import math
import random
from collections.abc import Iterator
from dataclasses import dataclass, replace
from itertools import pairwise

import numpy as np
import pytest
from scipy.special import gammaln

from computesim import load_catalog
from computesim.errors import UnreachableError
from computesim.workload.balance import Balance, Spending, best, chain, least, made, span
from computesim.workload.room import Quality, Room, room_of
from computesim.workload.skill import skill_named

PER_TOKEN = 2 * 37e9  # FLOP


@dataclass(frozen=True)
class Sigmoids:
    """A skill of two sigmoids and a Beta law of problems, in numpy as well."""

    ceiling: float
    rl_midpoint: float
    rl_slope: float
    head: float
    token_midpoint: float
    token_slope: float
    concentration: float

    def pass_at_1(self, rl_flop: float, tokens: float) -> float:
        learnt = 1.0 / (1.0 + (self.rl_midpoint / rl_flop) ** self.rl_slope)
        thought = 1.0 / (1.0 + (self.token_midpoint / tokens) ** self.token_slope)
        return self.ceiling * (self.head + (1.0 - self.head) * learnt) * thought

    def accuracy(self, rl_flop: float, tokens: float, samples: float, method: str) -> float:
        p = self.pass_at_1(rl_flop, tokens)
        a, b = p * self.concentration, (1.0 - p) * self.concentration
        failed = gammaln(b + samples) - gammaln(b) + gammaln(a + b) - gammaln(a + b + samples)
        return -np.expm1(failed)


@dataclass(frozen=True)
class Powers:
    """Accuracy as a product of powers: the balance is that of Cobb and Douglas."""

    by_rl: float = 0.1
    by_tokens: float = 0.05
    rl_midpoint: float = 1e23
    token_midpoint: float = 1e3

    def pass_at_1(self, rl_flop: float, tokens: float) -> float:
        return 0.1 * (rl_flop / 1e23) ** self.by_rl * (tokens / 1e3) ** self.by_tokens

    def accuracy(self, rl_flop: float, tokens: float, samples: float, method: str) -> float:
        return self.pass_at_1(rl_flop, tokens)


def request(tokens: float, samples: float) -> float:
    """Return the FLOP of a request: a prompt, and chains whose attention grows."""
    return PER_TOKEN * (1000 + samples * (tokens + tokens**2 / 1e5))


def problems(n: int) -> Iterator[tuple[Quality, Spending, float]]:
    """Yield random problems, reachable and not."""
    rng = random.Random(7)
    for _ in range(n):
        skill = Sigmoids(
            rng.uniform(0.5, 0.98), 10 ** rng.uniform(22, 26), rng.uniform(0.3, 2.0),
            rng.uniform(0.0, 0.5), 10 ** rng.uniform(2.5, 4.5), rng.uniform(0.5, 2.0),
            10 ** rng.uniform(-0.5, 1.5),
        )  # fmt: skip
        room = Room((1e20, 1e28), (50, 200_000), rng.choice([1, 3, 12]))
        spending = Spending(10 ** rng.uniform(-1, 1), request, 10 ** rng.uniform(6, 12))
        yield Quality(skill, "coverage", room), spending, rng.uniform(0.05, 0.99)


def grid_optimum(quality: Quality, spending: Spending, target: float) -> float:
    """Return the least spending on a grid, infinite where no point reaches the target."""
    room = quality.room
    rl = np.geomspace(*room.rl_flop, 240)[:, None]
    tokens = np.geomspace(*room.tokens, 160)[None, :]
    found = math.inf
    for samples in range(1, room.samples + 1):
        reached = quality.skill.accuracy(rl, tokens, samples, "coverage") >= target
        spent = spending.rl * rl + spending.requests * request(tokens, samples)
        found = min(found, float(np.where(reached, spent, np.inf).min()))
    return found


def test_the_balance_is_never_above_the_best_of_a_grid() -> None:
    unreachable = 0
    for quality, spending, target in problems(50):
        if quality.highest() < target:
            unreachable += 1
            assert grid_optimum(quality, spending, target) == math.inf
            with pytest.raises(UnreachableError, match=f"the highest is {quality.highest():.4g}"):
                least(quality, spending, target)
            continue
        solved = least(quality, spending, target)
        assert solved.accuracy == pytest.approx(target, abs=1e-8) or solved.accuracy > target
        assert solved.total <= grid_optimum(quality, spending, target) * (1 + 1e-9)
        assert isinstance(solved.samples, int)
    assert 3 < unreachable < 40


def test_the_budget_of_the_balance_buys_its_target_back() -> None:
    for quality, spending, target in problems(25):
        try:
            solved = least(quality, spending, target)
        except UnreachableError:
            continue
        bought = best(quality, spending, solved.total)
        assert bought.accuracy == pytest.approx(solved.accuracy, abs=2e-6)
        assert bought.total <= solved.total * (1 + 1e-9)


@pytest.mark.parametrize("method", ["single", "consensus", "best_of"])
def test_a_shipped_skill_is_balanced_as_a_grid_that_closes_in_says(method: str) -> None:
    skill = skill_named("gpqa-diamond", load_catalog())
    room = Room((1e20, 1e26), (50, 50_000), 1 if method == "single" else 5)
    quality = Quality(skill, method, room)
    spending = Spending(1.0, request, 1e8)
    solved = least(quality, spending, 0.72)
    found = math.inf
    for samples in range(1, room.samples + 1):
        rl, tokens = room.rl_flop, room.tokens
        for _ in range(4):
            points = [
                made(quality, spending, c, t, samples)
                for c in np.geomspace(*rl, 13).tolist()
                for t in np.geomspace(*tokens, 13).tolist()
            ]
            good = [one for one in points if one.accuracy >= 0.72]
            if not good:
                break
            top = min(good, key=lambda one: one.total)
            found = min(found, top.total)
            wide = (rl[1] / rl[0]) ** (1 / 6), (tokens[1] / tokens[0]) ** (1 / 6)
            rl = max(top.rl_flop / wide[0], 1e20), min(top.rl_flop * wide[0], 1e26)
            tokens = max(top.tokens / wide[1], 50), min(top.tokens * wide[1], 50_000)
    assert solved.total <= found
    assert solved.total == pytest.approx(found, rel=0.01)


def test_powers_share_spending_as_their_exponents() -> None:
    quality = Quality(Powers(), "single", Room((1e18, 1e30), (1e-3, 1e9)))
    spending = Spending(3.0, lambda tokens, samples: PER_TOKEN * tokens, 1e9)
    solved = least(quality, spending, 0.11)
    assert solved.rl_share == pytest.approx(0.1 / 0.15, rel=1e-5)
    # p = 0.1 (C / 1e23)^a (T / 1e3)^b with 3 C / (V N T) = a / b
    ratio = 2.0 * 1e9 * PER_TOKEN / 3.0
    rl_flop = (1.1 * 1e23**0.1 * (1e3 * ratio) ** 0.05) ** (1 / 0.15)
    assert solved.rl_flop == pytest.approx(rl_flop, rel=1e-4)
    assert solved.tokens == pytest.approx(rl_flop / ratio, rel=1e-4)


def moved(values: list[float]) -> list[Balance]:
    """Return the balances of a sigmoid skill for several served volumes."""
    skill = Sigmoids(0.95, 1e24, 0.8, 0.2, 2000, 1.0, 1.0)
    quality = Quality(skill, "single", Room((1e20, 1e30), (50, 500_000)))
    return [least(quality, Spending(1.0, request, v), 0.7) for v in values]


def test_more_requests_mean_more_rl_shorter_chains_and_a_smaller_share_of_rl() -> None:
    rows = moved([1e6, 1e8, 1e10, 1e12])
    assert [r.rl_flop for r in rows] == sorted(r.rl_flop for r in rows)
    assert [r.tokens for r in rows] == sorted((r.tokens for r in rows), reverse=True)
    for before, after in pairwise(rows):
        assert after.rl_flop > 1.1 * before.rl_flop
        assert after.rl_share < before.rl_share
        assert after.total < 100 * before.total  # spending grows less than requests do


def test_only_the_ratio_of_prices_moves_the_choice() -> None:
    quality = Quality(Sigmoids(0.95, 1e24, 0.8, 0.2, 2000, 1.0, 1.0), "single",
                      Room((1e20, 1e30), (50, 500_000)))  # fmt: skip
    one = least(quality, Spending(1.0, request, 1e9), 0.7)
    both = least(quality, Spending(5.0, lambda t, k: 5.0 * request(t, k), 1e9), 0.7)
    dear = least(quality, Spending(5.0, request, 1e9), 0.7)
    assert both.rl_flop == pytest.approx(one.rl_flop, rel=1e-5)
    assert both.total == pytest.approx(5 * one.total, rel=1e-9)
    assert dear.rl_flop < one.rl_flop
    assert dear.tokens > one.tokens


def test_samples_are_used_only_where_they_pay() -> None:
    skill = Sigmoids(0.95, 1e24, 0.8, 0.2, 2000, 1.0, 1.0)
    room = Room((1e20, 1e30), (50, 500_000), 64)
    cheap = least(Quality(skill, "coverage", room), Spending(1.0, request, 1e6), 0.9)
    dear = least(
        Quality(skill, "coverage", room), Spending(1.0, lambda t, k: 1e18 * k * t, 1e6), 0.3
    )
    assert cheap.samples > 1
    assert dear.samples == 1


def test_the_whole_numbers_between_the_rungs_are_found() -> None:
    assert Room((1e20, 1e24), (50, 5000), 1).rungs == (1,)
    rungs = Room((1e20, 1e24), (50, 5000), 40).rungs
    assert rungs[:4] == (1, 2, 3, 4)
    assert rungs[-1] == 40
    skill = Sigmoids(0.6, 1e22, 1.5, 0.4, 500, 1.0, 3.0)
    picked = set()
    for requests in (1e5, 1e6, 1e7, 1e8, 1e9):
        spending = Spending(1.0, request, requests)
        room = Room((1e20, 1e24), (50, 3000), 40)
        solved = least(Quality(skill, "coverage", room), spending, 0.9)
        one_by_one = []
        for samples in range(1, 41):
            quality = Quality(skill, "coverage", replace(room, samples=samples))
            try:
                one_by_one.append(least(quality, spending, 0.9))
            except UnreachableError:
                continue
        assert solved.total == pytest.approx(min(o.total for o in one_by_one), rel=1e-9)
        picked.add(solved.samples)
    assert len(picked) > 1


def test_a_curve_ends_where_its_chains_end() -> None:
    quality = Quality(Sigmoids(0.95, 1e24, 0.8, 0.2, 2000, 1.0, 1.0), "single",
                      Room((1e20, 1e30), (50, 500_000)))  # fmt: skip
    low, high = span(quality, 0.5)
    assert quality.single(low, math.log(500_000)) == pytest.approx(0.5)
    assert chain(quality, 0.5, low) == pytest.approx(math.log(500_000), abs=1e-6)
    assert high == pytest.approx(math.log(1e30))  # the shortest chain never reaches it
    assert chain(quality, 0.5, high) < chain(quality, 0.5, low)


def test_a_target_that_anything_reaches_takes_the_least_of_everything() -> None:
    quality = Quality(Sigmoids(0.95, 1e20, 1.0, 0.9, 10, 1.0, 1.0), "coverage",
                      Room((1e22, 1e26), (1000, 5000), 8))  # fmt: skip
    solved = least(quality, Spending(1.0, request, 1e6), 0.3)
    assert (solved.rl_flop, solved.tokens, solved.samples) == pytest.approx((1e22, 1000, 1))
    assert solved.accuracy > 0.3


def test_a_budget_below_the_least_says_what_is_least() -> None:
    quality = Quality(Sigmoids(0.95, 1e24, 0.8, 0.2, 2000, 1.0, 1.0), "single",
                      Room((1e20, 1e30), (50, 500_000)))  # fmt: skip
    spending = Spending(1.0, request, 1e9)
    with pytest.raises(UnreachableError, match="the least is") as told:
        best(quality, spending, 1e10)
    floor = told.value.limit
    assert floor == pytest.approx(1e20 + 1e9 * request(50, 1))
    assert best(quality, spending, floor * 1.0001).tokens == pytest.approx(50, rel=0.01)


def test_a_room_without_space_is_refused() -> None:
    with pytest.raises(ValueError, match="is none"):
        Room((1e24, 1e20), (50, 100))
    with pytest.raises(ValueError, match="less than one"):
        Room((1e20, 1e24), (50, 100), 0)
    skill = Sigmoids(0.95, 1e24, 0.8, 0.2, 2000, 1.0, 1.0)
    room = room_of(skill, 30_000.0, 4)
    assert room.rl_flop == pytest.approx((1e20, 1e28))
    assert room.tokens == (20.0, 30_000.0)
