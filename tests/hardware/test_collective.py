from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from computesim.errors import CapacityError
from computesim.hardware.accelerator import Accelerator
from computesim.hardware.collective import (
    Link,
    all_gather,
    all_reduce,
    all_to_all,
    scaleout_link,
    scaleup_link,
)

KIB, MIB = 2.0**10, 2.0**20
SIZES = (8 * KIB, 64 * KIB, 1 * MIB, 16 * MIB, 64 * MIB, 256 * MIB, 512 * MIB)
# Bus bandwidth in GB/s by message size, NCCL on 8 GPUs (aiconfigurator nccl_perf tables).
MEASURED = {
    ("a100-sxm-80gb", "all_reduce"): (0.7, 4.1, 47.2, 135.6, 197.3, 215.2, 222.3),
    ("a100-sxm-80gb", "all_gather"): (0.5, 2.7, 34.2, 108.7, 167.0, 193.0, 205.3),
    ("a100-sxm-80gb", "all_to_all"): (0.4, 4.0, 35.5, 128.4, 168.9, 196.1, 203.1),
    ("h100-sxm", "all_reduce"): (0.9, 6.1, 72.2, 240.8, 361.9, 430.1, 445.0),
    ("h100-sxm", "all_gather"): (0.7, 4.4, 53.6, 213.2, 282.1, 322.3, 335.2),
    ("h100-sxm", "all_to_all"): (1.0, 6.6, 58.8, 194.0, 265.4, 307.5, 315.2),
    ("b200-sxm", "all_reduce"): (0.6, 4.0, 60.9, 296.4, 421.9, 656.6, 704.0),
    ("b200-sxm", "all_gather"): (0.4, 2.9, 49.2, 141.3, 427.0, 597.5, 617.0),
    ("b200-sxm", "all_to_all"): (0.7, 4.3, 48.9, 293.1, 422.9, 536.6, 563.1),
}
BUS = {"all_reduce": 2 * 7 / 8, "all_gather": 7 / 8, "all_to_all": 7 / 8}
OPERATIONS = {"all_reduce": all_reduce, "all_gather": all_gather, "all_to_all": all_to_all}


def _errors(machines: dict[str, Accelerator]) -> dict[tuple[str, str], np.ndarray]:
    size = np.array(SIZES)
    result = {}
    for (machine, operation), measured in MEASURED.items():
        link = scaleup_link(machines[machine])
        seconds = OPERATIONS[operation](size, 8, link)
        result[machine, operation] = BUS[operation] * size / seconds / 1e9 / measured - 1
    return result


def test_bus_bandwidth_of_large_messages_is_the_measured_one(
    machines: dict[str, Accelerator],
) -> None:
    for case, error in _errors(machines).items():
        assert abs(error[-1]) < 0.10, case  # 512 MiB
        assert abs(error[-2]) < 0.15, case  # 256 MiB


def test_bus_bandwidth_follows_the_measured_message_sizes(
    machines: dict[str, Accelerator],
) -> None:
    # one latency and one bandwidth per generation cover five decades of message size: half of
    # the 63 points within 10 %, nine in ten within 30 % (the worst is a protocol switch of
    # B200 all-gather at 16 MiB, which the library itself gets wrong by 2x)
    error = np.abs(np.concatenate(list(_errors(machines).values())))
    assert np.median(error) < 0.10
    assert np.quantile(error, 0.9) < 0.30


def test_all_reduce_is_two_all_gathers_on_the_wire() -> None:
    link = Link(all_reduce=1e11, gather=1e11, all_to_all=1e11, latency=0.0)
    assert all_reduce(1e9, 8, link) == pytest.approx(2 * all_gather(1e9, 8, link))


def test_a_member_alone_waits_for_nobody() -> None:
    link = Link(1e11, 1e11, 1e11, latency=1e-5, protocol=0.5)
    for operation in OPERATIONS.values():
        assert operation(1e9, 1, link) == 0.0


def test_congestion_stretches_the_wire_in_proportion(machines: dict[str, Accelerator]) -> None:
    free = scaleout_link(machines["h100-sxm"])
    half = scaleout_link(machines["h100-sxm"], congestion=0.5)
    assert half.all_reduce == pytest.approx(free.all_reduce / 2)
    with pytest.raises(ValueError, match="congestion"):
        scaleout_link(machines["h100-sxm"], congestion=0.0)


def test_a_machine_without_links_says_so() -> None:
    phone = Accelerator(
        "phone",
        {"int8": 38e12},
        memory_bytes=12e9,
        memory_bandwidth=76e9,
        tdp=9.0,
        kind="device",
    )
    with pytest.raises(CapacityError, match="no scale-up link"):
        scaleup_link(phone)
    with pytest.raises(CapacityError, match="no NIC"):
        scaleout_link(phone)


@given(
    size=st.floats(1.0, 1e12),
    factor=st.floats(1.0, 1e3),
    n=st.integers(2, 4096),
    latency=st.floats(0.0, 1e-3),
    protocol=st.floats(0.0, 2.0),
)
def test_more_bytes_and_more_members_are_never_faster(
    size: float, factor: float, n: int, latency: float, protocol: float
) -> None:
    link = Link(3e11, 2e11, 1e11, latency, protocol)
    for operation in OPERATIONS.values():
        assert operation(size * factor, n, link) >= operation(size, n, link)
        assert operation(size, n + 1, link) >= operation(size, n, link)
