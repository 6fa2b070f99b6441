from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from computesim.hardware.accelerator import Accelerator
from computesim.hardware.efficiency import EFFICIENCY, efficiency
from computesim.hardware.roofline import matmul_seconds, memory_seconds, work_seconds
from computesim.quantities import Work

# Model FLOP utilisation of one weight matrix by rows of activations: medians over shapes of the
# vLLM GEMM tables of aiconfigurator (bytes: weights of the same dtype).
MEASURED = [
    ("h100-sxm", "bf16", 2, {16: 0.0431, 64: 0.170, 256: 0.623, 1024: 0.834, 4096: 0.801}),
    ("h100-sxm", "fp8", 1, {16: 0.0335, 64: 0.134, 256: 0.399, 1024: 0.551, 4096: 0.535}),
    ("b200-sxm", "bf16", 2, {16: 0.0386, 64: 0.152, 256: 0.494, 1024: 0.661, 4096: 0.693}),
    ("b200-sxm", "fp8", 1, {64: 0.0925, 256: 0.251, 1024: 0.434, 4096: 0.465}),
    ("gb200", "bf16", 2, {16: 0.0355, 64: 0.143, 256: 0.460, 1024: 0.676, 4096: 0.707}),
    ("a100-sxm-80gb", "bf16", 2, {16: 0.0704, 64: 0.278, 256: 0.673, 1024: 0.834, 4096: 0.881}),
]


@pytest.mark.parametrize(("machine", "dtype", "element", "table"), MEASURED)
def test_matrix_multiplication_follows_measured_utilisation(
    machines: dict[str, Accelerator],
    machine: str,
    dtype: str,
    element: int,
    table: dict[int, float],
) -> None:
    # one curve of two coefficients per generation over three decades of rows: within 25 %, and
    # 50 % for fp8 on B200, whose library kernels stream weights at 0.43 of the bandwidth
    chip = machines[machine]
    weights = 8192 * 28672  # a large layer, so that fixed costs do not show
    tolerance = 0.5 if (machine, dtype) == ("b200-sxm", "fp8") else 0.25
    for rows, utilisation in table.items():
        work = Work(flop=2.0 * rows * weights, hbm_bytes=weights * element)
        attained = work.flop / work_seconds(work, chip, dtype, rows) / chip.peak(dtype)
        assert attained == pytest.approx(utilisation, rel=tolerance), rows


def test_half_of_the_ceiling_is_reached_at_half_rows(machines: dict[str, Accelerator]) -> None:
    chip = machines["h100-sxm"]
    own = efficiency(chip)
    full = 1e15 / (chip.peak("bf16") * own.serving_gemm["bf16"])
    assert matmul_seconds(1e15, own.half_rows, chip, "bf16", own) == pytest.approx(2 * full)


def test_small_reads_do_not_reach_the_bandwidth(machines: dict[str, Accelerator]) -> None:
    # decode attention on H100 attains 0.33 of the bandwidth at 10–100 MB and 0.9 above 1 GB
    chip = machines["h100-sxm"]
    own = efficiency(chip)
    attained = [s / memory_seconds(s, chip, own) / chip.memory_bandwidth for s in (1e6, 3e7, 2e9)]
    assert attained == sorted(attained)
    assert attained[0] < 0.1
    assert attained[-1] == pytest.approx(own.hbm, rel=0.02)


def test_an_unknown_generation_takes_the_general_row() -> None:
    chip = Accelerator("new", {"bf16": 1e15}, 1e11, 1e12, 500.0, generation="next-year")
    phone = Accelerator("phone", {"int8": 1e13}, 1e10, 1e11, 9.0, kind="device")
    assert efficiency(chip) is EFFICIENCY["general"]
    assert efficiency(phone) is EFFICIENCY["device"]


def test_wire_without_a_link_is_an_error() -> None:
    phone = Accelerator("phone", {"int8": 1e13}, 1e10, 1e11, 9.0, kind="device")
    with pytest.raises(ValueError, match="no link"):
        work_seconds(Work(wire_bytes=1.0), phone, "int8")


@given(
    flop=st.floats(0, 1e18),
    size=st.floats(0, 1e13),
    wire=st.floats(0, 1e12),
    more=st.floats(1, 100),
    rows=st.floats(1, 1e5),
)
def test_more_work_is_never_faster(
    flop: float, size: float, wire: float, more: float, rows: float
) -> None:
    chip = Accelerator("a", {"bf16": 1e15}, 1e11, 3e12, 700.0, scaleup_bandwidth=1e11,
                       scaleup_domain=8)  # fmt: skip
    less = work_seconds(Work(flop, size, wire), chip, "bf16", rows)
    assert work_seconds(Work(flop * more, size, wire), chip, "bf16", rows) >= less
    assert work_seconds(Work(flop, size * more, wire), chip, "bf16", rows) >= less
    assert work_seconds(Work(flop, size, wire * more), chip, "bf16", rows) >= less
