"""The charts of a simulated pool."""

from __future__ import annotations

import pytest

from computesim.report.serving_figures import MOST_POINTS, pool_charts


def charts(n: int, width: float):
    watts = {"prefill": [1e3] * n, "decode": [2e3] * n, "idle": [0.0] * (n - 1) + [500.0]}
    return pool_charts(width, watts, {"Running": list(range(n))}, "a pool", "a source")


def test_phases_are_stacked_in_a_unit_that_people_read() -> None:
    power, batch = charts(4, 60.0)
    assert power.y_label == "Power at the meter, kW"
    assert [s.name for s in power.layers] == ["Prefill", "Decode", "Idle"]
    assert power.layers[1].y == (2.0, 2.0, 2.0, 2.0)
    assert power.layers[2].y == (0.0, 0.0, 0.0, 0.5)
    assert power.x == batch.x == ("0:00", "1:00", "2:00", "3:00")
    assert batch.lines[0].y == (0.0, 1.0, 2.0, 3.0)


@pytest.mark.parametrize(("n", "width"), [(121, 60.0), (1441, 60.0), (5000, 0.5)])
def test_many_intervals_are_averaged_and_keep_their_sum(n: int, width: float) -> None:
    _, batch = charts(n, width)
    assert len(batch.x) <= MOST_POINTS
    group = -(-n // MOST_POINTS)
    size = [min(group, n - start) for start in range(0, n, group)]
    total = sum(y * k for y, k in zip(batch.lines[0].y, size, strict=True) if y is not None)
    assert total == pytest.approx(n * (n - 1) / 2)


@pytest.mark.parametrize(
    ("n", "width", "label", "second"),
    [
        (10, 5.0, "Time, s", "5"),
        (10, 60.0, "Time, min:s", "1:00"),
        (144, 600.0, "Time, h:min", "0:20"),
    ],
)
def test_times_are_read_off_a_clock(n: int, width: float, label: str, second: str) -> None:
    power, _ = charts(n, width)
    assert power.x_label == label
    assert power.x[1] == second
