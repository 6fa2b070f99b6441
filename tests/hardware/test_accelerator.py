from __future__ import annotations

import pytest

from computesim.errors import CapacityError
from computesim.hardware.accelerator import Accelerator


def _chip(**peaks: float) -> Accelerator:
    return Accelerator(
        "chip",
        {dtype: rate * 1e12 for dtype, rate in peaks.items()},
        memory_bytes=80e9,
        memory_bandwidth=2e12,
        tdp=400.0,
    )


def test_h100_equivalents_follow_epoch(machines: dict[str, Accelerator]) -> None:
    # Epoch AI counts by dense 8-bit rate: A100 (int8 624) 0.32, B200 2.27, GB200 2.53
    expected = {"h100-sxm": 1.0, "h800-sxm": 1.0, "a100-sxm-80gb": 0.315, "b200-sxm": 2.274}
    for name, equivalents in expected.items():
        assert machines[name].h100_equivalents == pytest.approx(equivalents, abs=0.001)


def test_without_an_eight_bit_rate_the_bf16_rate_counts() -> None:
    assert _chip(bf16=275.0).h100_equivalents == pytest.approx(275 / 1979)


def test_a_vanished_int8_rate_does_not_shrink_a_chip() -> None:
    # B300: int8 fell to 154 TOPS while fp8 stayed at 4,500 TFLOP/s
    assert _chip(bf16=2250, fp8=4500, int8=154).h100_equivalents == pytest.approx(4500 / 1979)


@pytest.mark.parametrize(
    ("machine", "asked", "done_in"),
    [
        ("a100-sxm-80gb", "fp8", "bf16"),
        ("a100-sxm-80gb", "fp4", "bf16"),
        ("h100-sxm", "fp4", "fp8"),
        ("b200-sxm", "fp4", "fp4"),
        ("a100-sxm-80gb", "int8", "int8"),
    ],
)
def test_a_missing_dtype_is_computed_in_the_next_wider_one(
    machines: dict[str, Accelerator], machine: str, asked: str, done_in: str
) -> None:
    chip = machines[machine]
    assert chip.supported_dtype(asked) == done_in
    assert chip.peak(asked) == chip.peak_flop_per_second[done_in]


def test_a_chip_with_narrow_arithmetic_only_takes_more_passes() -> None:
    npu = _chip(int8=38.0)
    assert npu.peak("int8") == pytest.approx(38e12)
    assert npu.peak("bf16") == pytest.approx(19e12)
    assert npu.peak("fp4") <= npu.peak("int8")


def test_a_dtype_that_no_rate_serves_is_an_error() -> None:
    with pytest.raises(CapacityError, match="no arithmetic for fp32"):
        _chip(fp8=1000.0).supported_dtype("fp32")


def test_an_impossible_datasheet_is_refused() -> None:
    with pytest.raises(ValueError, match="no peak"):
        _chip()
    with pytest.raises(ValueError, match="memory_bytes"):
        Accelerator("chip", {"bf16": 1e12}, memory_bytes=0, memory_bandwidth=1e12, tdp=1.0)
