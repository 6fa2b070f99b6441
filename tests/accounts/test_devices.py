"""Devices that answer requests themselves."""

from __future__ import annotations

from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from computesim import load_scenario
from computesim.accounts.devices import in_use
from computesim.cells.memo import Memo
from computesim.hardware.device import Device
from computesim.pipeline import project
from computesim.results import Results

SMALL = Path(__file__).parents[1] / "data" / "small.yaml"
PHONE = Device(5e9, 4, 76e9, 1.0, 35e12, 0.3, 5.0)
MEMO = Memo(None)


def run(*overrides: str) -> Results:
    return project(load_scenario(SMALL, list(overrides)), memo=MEMO)


def test_a_phone_of_2025_writes_about_thirty_tokens_a_second() -> None:
    """76 GB/s over 2.5 GB of weights; a chain of 8,000 tokens takes four and a half minutes."""
    assert PHONE.decode == pytest.approx(30.4)
    assert PHONE.seconds(0, 8000) / 60 == pytest.approx(4.4, rel=0.01)
    assert PHONE.prefill == pytest.approx(35e12 * 0.3 / 1e10)


@given(st.floats(0, 1e9), st.floats(0, 1e9))
def test_time_on_a_device_adds_up(prompt: float, output: float) -> None:
    both = PHONE.seconds(prompt, output)
    assert both == pytest.approx(PHONE.seconds(prompt, 0) + PHONE.seconds(0, output))


def test_devices_needed_are_their_work_over_the_time_that_users_allow() -> None:
    """A tenth of 100 million requests of 4,000 tokens (80 % cached) and 150 answered."""
    found = run("devices.active_time=1800 s")
    requests = 1e6 * 100 * 0.1
    decode = found.series("Device speed|Decode")[2025]
    prefill = found.series("Device speed|Prefill")[2025]
    seconds = requests * (800 / prefill + 150 / decode)
    assert found.series("Devices|Needed")[2025] == pytest.approx(seconds / 1800)
    assert found.series("Devices|Busy")[2025] == pytest.approx(seconds / 86400)
    energy = seconds * 5 / 0.8 * 365.25 / 3600
    assert found.series("Device energy")[2025] == pytest.approx(energy)


def test_nothing_on_devices_needs_no_device_and_changes_no_data_centre() -> None:
    found = run("products.coding.on_device_share=0")
    assert found.series("Devices|Needed") == {2025: 0.0, 2026: 0.0}
    before, after = run(), run("devices.active_parameters=40e9", "devices.use=0.01")
    assert before.series("Capex") == after.series("Capex")
    assert before.series("Energy") == after.series("Energy")


def test_moving_tokens_to_devices_moves_all_of_them() -> None:
    before, after = run(), run("products.coding.on_device_share=0.5")
    whole = [sum(r.series(n)[2026] for n in ("Tokens", "Device tokens")) for r in (before, after)]
    assert whole[0] == pytest.approx(whole[1])
    assert after.series("Devices|Needed")[2026] > before.series("Devices|Needed")[2026]
    assert (
        after.series("Accelerators|Required|Other inference")[2026]
        < (before.series("Accelerators|Required|Other inference")[2026])
    )


def test_devices_in_use_are_those_of_a_lifetime() -> None:
    devices = load_scenario(
        SMALL,
        ["devices.shipments={path: {2023: 10e6, 2024: 20e6, 2025: 40e6, 2026: 80e6}}",
         "devices.lifetime=2.5 year"],
    ).devices  # fmt: skip
    assert in_use(devices, 2026) == pytest.approx(80e6 + 40e6 + 10e6)


def test_too_few_devices_are_a_warning() -> None:
    few = run("devices.shipments=1000", "devices.active_time=60 s")
    assert any("million devices would have to answer" in w for w in few.manifest["warnings"])
    assert not any("million devices" in w for w in run().manifest["warnings"])


def test_content_of_devices_is_shipments_times_price() -> None:
    found = run("devices.shipments=100e6")
    assert found.series("Device content|NPU")[2026] == pytest.approx(100e6 * 10)
    assert found.series("Device content|Memory")[2026] == pytest.approx(100e6 * 4 * 4)
    assert found.series("Device content low|NPU")[2026] == pytest.approx(100e6 * 5)
    assert found.series("Device NPU|Shipped")[2026] > 100e6 * 38e12
