"""Limits on what is bought: which binds, how exactly it is met, and what relief would give."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

from computesim.fleet.cohorts import build
from computesim.fleet.limits import Limit, Maker, purchased

positive = st.floats(0.1, 100)
YEARS = [2025, 2026, 2027]
MIXES = np.array([[0.7, 0.3, 0.0], [0.3, 0.4, 0.3], [0.0, 0.4, 0.6]])
tables = hnp.arrays(np.float64, (3, 2), elements=positive)
weights = hnp.arrays(np.float64, 3, elements=st.floats(0.5, 20))
shares = st.floats(0.1, 0.95)
NVIDIA = np.array([True, False, True])


def demand(growth: float = 3.0) -> list[np.ndarray]:
    """Return two tasks that grow."""
    return [np.array([100.0, 40.0]) * growth**t for t in range(3)]


def flow(name: str, most: float | np.ndarray, weight: np.ndarray) -> Limit:
    """Return a limit on what is bought in a year."""
    return Limit(name, np.broadcast_to(most, 3).astype(float), np.tile(weight, (3, 1)))


def fleet(goodput: np.ndarray, limits: object = (), makers: object = ()) -> list:
    """Buy the fleet of three years."""
    return build(YEARS, MIXES, [goodput] * 3, demand(), 5.0, None, (*limits, *makers))


def of(year, name: str):
    """Return how a limit stands in a year."""
    return next(s for s in year.standings if s.name == name)


@settings(max_examples=25)
@given(tables, weights)
def test_limits_that_cannot_bind_change_nothing(goodput, weight) -> None:
    free = fleet(goodput)
    far = [
        flow("wafers", 1e15, weight),
        Limit("power", np.full(3, 1e15), np.tile(weight, (3, 1)), stock=True),
        Limit("new", np.full(3, 1e15), np.zeros((3, 3)), plate=np.ones((3, 3)), rate=np.ones(3)),
    ]
    limited = fleet(goodput, far, [Maker("maker", np.full(3, 1e15), NVIDIA)])
    for one, other in zip(free, limited, strict=True):
        assert other.shipped == pytest.approx(one.shipped, rel=1e-9)
        assert other.allocation.units == pytest.approx(one.allocation.units, rel=1e-9)
        assert not any(s.binding or s.relief.any() for s in other.standings)


@settings(max_examples=25)
@given(tables, weights, shares, st.booleans())
def test_a_binding_limit_is_met_exactly_and_cuts_all_work_alike(
    goodput, weight, share, stock
) -> None:
    free = fleet(goodput)
    # a part of what the last year takes
    most = share * float((free[-1].installed if stock else free[-1].shipped) @ weight)
    limit = Limit("limit", np.array([1e15, 1e15, most]), np.tile(weight, (3, 1)), stock=stock)
    last = fleet(goodput, [limit])[-1]
    before = last.installed - last.shipped
    if stock and before @ weight >= most:  # what is there already uses it up
        assert not last.shipped.any()
    else:
        assert of(last, "limit").used == pytest.approx(most, rel=1e-9)
    assert of(last, "limit").binding
    undone = last.allocation.unmet / demand()[-1]
    assert undone[0] > 0
    assert undone == pytest.approx(np.full(2, undone[0]), rel=1e-3, abs=1e-6)


@settings(max_examples=25)
@given(tables, weights, weights, shares, shares)
def test_of_two_limits_the_tighter_binds(goodput, first, second, a, b) -> None:
    free = fleet(goodput)[0].shipped
    one, other = flow("one", a * (free @ first), first), flow("other", b * (free @ second), second)
    both = fleet(goodput, [one, other])[0]
    tighter = "one" if a < b else "other"
    alone = fleet(goodput, [one if a < b else other])[0]
    assert both.shipped == pytest.approx(alone.shipped, rel=1e-9)
    assert of(both, tighter).binding
    assert both.shipped.sum() == pytest.approx(min(a, b) * free.sum(), rel=1e-6)
    if abs(a - b) > 1e-6:
        assert not of(both, "other" if a < b else "one").binding
        assert of(both, tighter).then == ("other" if a < b else "one")


@settings(max_examples=25)
@given(tables, weights, weights, st.tuples(shares, shares, shares))
def test_relief_is_what_solving_the_year_without_the_limit_gives(
    goodput, first, second, part
) -> None:
    free = fleet(goodput)
    limits = [
        flow("one", np.array(part) * [f.shipped @ first for f in free], first),
        flow("other", 0.9 * np.array([f.shipped @ second for f in free]), second),
    ]
    maker = Maker("maker", 0.8 * np.array([f.shipped[NVIDIA].sum() for f in free]) + 1e-9, NVIDIA)
    limited = fleet(goodput, limits, [maker])
    for t, year in enumerate(limited):
        for standing in year.standings:
            if not standing.binding:
                assert not standing.relief.any()
                continue
            lifted = [lift(limit, t) if limit.name == standing.name else limit for limit in limits]
            makers = [lift(maker, t) if maker.name == standing.name else maker]
            again = fleet(goodput, lifted, makers)[t]
            expected = again.shipped - year.shipped
            assert standing.relief == pytest.approx(expected, rel=1e-6, abs=1e-6)
            if standing.then:
                assert of(again, standing.then).binding


def lift(limit, t: int):
    """Return a limit that does not hold in one year."""
    most = limit.limit.copy()
    most[t] = 1e15
    if isinstance(limit, Maker):
        return Maker(limit.name, most, limit.member)
    return Limit(limit.name, most, limit.weight, limit.stock, limit.plate, limit.rate)


@settings(max_examples=40)
@given(tables, weights, st.floats(1, 200), st.floats(1, 500), st.floats(0, 100), st.floats(0.1, 5))
def test_nothing_is_bought_beyond_any_limit(goodput, weight, wafers, power, own, rate) -> None:
    plate = np.tile(weight, (3, 1))
    limits = [
        flow("wafers", wafers, weight[::-1].copy()),
        Limit("power", power * np.arange(1.0, 4.0), plate, stock=True),
        Limit("money", np.full(3, 4 * power), plate, plate=plate, rate=np.full(3, rate)),
    ]
    years = fleet(goodput, limits, [Maker("maker", np.full(3, own), NVIDIA)])
    for t, year in enumerate(years):
        for standing in year.standings:
            over = standing.used - standing.limit
            before = year.installed - year.shipped
            if standing.name != "power" or before @ weight < standing.limit:
                assert over <= 1e-9 * max(standing.limit, 1.0)
        at_work = year.allocation.units.sum(axis=1)
        assert (at_work <= year.installed * (1 + 1e-6) + 1e-6).all()
        done = (year.allocation.units * goodput).sum(axis=0)
        assert done + year.allocation.unmet == pytest.approx(demand()[t], rel=1e-4)
        if year.allocation.unmet.any():
            assert any(s.binding for s in year.standings)


def test_what_a_maker_cannot_ship_the_others_do() -> None:
    goodput = np.array([[1.0], [2.0], [4.0]])
    mixes = np.array([[0.5, 0.25, 0.25]])
    maker = Maker("maker", np.array([30.0]), NVIDIA)
    (year,) = build([1], mixes, [goodput], [np.array([150.0])], 5.0, limits=[maker])
    # 20 and 10 of the maker do 60, the other 45 accelerators do 90
    assert year.shipped == pytest.approx([20.0, 45.0, 10.0], rel=1e-5)
    assert not year.allocation.unmet.any()
    assert of(year, "maker").binding
    assert of(year, "maker").used == pytest.approx(30.0)
    # without the limit 150 / 2 = 75 of the mix, fewer than now
    assert of(year, "maker").relief == pytest.approx([17.5, -26.25, 8.75], rel=1e-4)


def test_where_the_others_cannot_do_the_work_they_do_not_grow_for_it() -> None:
    goodput = np.array([[1.0, 1.0], [1.0, 0.0]])
    maker = Maker("maker", np.array([10.0]), np.array([True, False]))
    mixes = np.array([[0.5, 0.5]])
    (year,) = build([1], mixes, [goodput], [np.array([5.0, 40.0])], 5.0, limits=[maker])
    assert year.shipped == pytest.approx([10.0, 10.0], rel=1e-4)
    assert of(year, "maker").binding
    assert year.allocation.unmet.any()


def test_two_makers_that_are_exhausted_leave_the_rest_to_the_third() -> None:
    makers = [
        Maker(n, np.array([m]), np.arange(3) == i)
        for i, (n, m) in enumerate((("a", 5.0), ("b", 20.0)))
    ]
    mixes = np.array([[0.4, 0.4, 0.2]])
    (year,) = build([1], mixes, [np.ones((3, 1))], [np.array([100.0])], 5.0, limits=makers)
    assert year.shipped == pytest.approx([5.0, 20.0, 75.0], rel=1e-5)
    assert [s.binding for s in year.standings] == [True, True]


def test_the_share_of_a_maker_stays_in_proportion() -> None:
    mix = np.array([0.6, 0.2, 0.2])
    maker = Maker("maker", np.array([4.0]), NVIDIA)
    assert purchased(0, mix, 5.0, [maker]) == pytest.approx([3.0, 1.0, 1.0])
    assert purchased(0, mix, 50.0, [maker]) == pytest.approx([3.0, 10.0, 1.0])


def test_power_that_retired_accelerators_leave_need_not_be_built_again() -> None:
    plate = np.ones((4, 1))
    limit = Limit("new", np.full(4, 60.0), np.zeros((4, 1)), plate=plate, rate=np.ones(4))
    wanted = [np.array([x]) for x in (60.0, 100.0, 60.0, 200.0)]
    years = build([1, 2, 3, 4], np.ones((4, 1)), np.ones((4, 1, 1)), wanted, 2.0, limits=[limit])
    assert [round(float(y.installed.sum())) for y in years] == [60, 100, 60, 160]
    assert [round(y.standings[0].used) for y in years] == [60, 40, 0, 60]
    assert [y.standings[0].binding for y in years] == [False, False, False, True]


def test_money_pays_for_accelerators_and_for_new_facilities_only() -> None:
    limit = Limit("money", np.full(2, 100.0), np.full((2, 1), 2.0), plate=np.ones((2, 1)),
                  rate=np.full(2, 3.0))  # fmt: skip
    wanted = [np.array([10.0]), np.array([100.0])]
    first, second = build([1, 2], np.ones((2, 1)), np.ones((2, 1, 1)), wanted, 1.0, limits=[limit])
    assert first.standings[0].used == pytest.approx(10 * 2 + 10 * 3, rel=1e-5)
    # the ten that retire leave their places: 2 c + 3 (c - 10) = 100
    assert second.shipped[0] == pytest.approx(26.0, rel=1e-5)
    assert second.allocation.unmet[0] == pytest.approx(74.0, rel=1e-5)
