"""Seconds of a `Work` on one accelerator: the roofline with attainable ceilings."""

from __future__ import annotations

from computesim.hardware.accelerator import Accelerator
from computesim.hardware.efficiency import Efficiency, ceiling, efficiency
from computesim.quantities import Work


def matmul_seconds(
    flop: float, rows: float, accelerator: Accelerator, dtype: str, coefficients: Efficiency
) -> float:
    """Return the seconds of serving matrix multiplications with `rows` rows.

    Parameters
    ----------
    flop : float, FLOP
        Floating-point operations on this accelerator.
    rows : float
        Rows of the activations (tokens); efficiency saturates as rows / (rows + half_rows).
    accelerator : Accelerator
        The machine.
    dtype : str
        Of the multiplication; a dtype without a rate falls back to a wider one.
    coefficients : Efficiency
        Of the machine's generation.

    Returns
    -------
    float, s

    Notes
    -----
    ``flop / (peak · ceiling) · (1 + half_rows / rows)``: affine in rows when flop is.

    Source
    ------
    aiconfigurator GEMM table, 256 to 32,768 rows.
    """
    done_in = accelerator.supported_dtype(dtype)
    rate = accelerator.peak(dtype) * ceiling(coefficients.serving_gemm, done_in)
    return flop / rate * (1.0 + coefficients.half_rows / max(rows, 1.0))


def memory_seconds(size: float, accelerator: Accelerator, coefficients: Efficiency) -> float:
    """Return the seconds in which `size` bytes cross the memory interface.

    Parameters
    ----------
    size : float, B
        Bytes of one transfer; small ones do not reach the full bandwidth.
    accelerator : Accelerator
        The machine.
    coefficients : Efficiency
        Of the machine's generation.

    Returns
    -------
    float, s

    Notes
    -----
    ``(size + hbm_half_bytes) / (hbm · bandwidth)``, 0 for no bytes.
    """
    if size <= 0:
        return 0.0
    rate = accelerator.memory_bandwidth * coefficients.hbm
    return (size + coefficients.hbm_half_bytes) / rate


def work_seconds(
    work: Work,
    accelerator: Accelerator,
    dtype: str = "bf16",
    rows: float = 4096.0,
    coefficients: Efficiency | None = None,
) -> float:
    """Return the seconds of a piece of work on one accelerator.

    Parameters
    ----------
    work : Work
        What one accelerator does: FLOP, bytes of memory, bytes on the wire.
    accelerator : Accelerator
        The machine.
    dtype : str
        Of the multiplications.
    rows : float
        Tokens that share the weights; a decode batch is small, a prefill large.
    coefficients : Efficiency, optional
        Another table than the one of the machine's generation.

    Returns
    -------
    float, s

    Notes
    -----
    ``max(matmul_seconds, memory_seconds) + wire_bytes / (all_to_all · scale-up bandwidth)``;
    the wire counts in the open, overlap is a matter of the layout. Wire bytes of a machine
    without a scale-up link leave by the NIC.
    """
    own = coefficients or efficiency(accelerator)
    compute = matmul_seconds(work.flop, rows, accelerator, dtype, own)
    memory = memory_seconds(work.hbm_bytes, accelerator, own)
    return max(compute, memory) + _wire_seconds(work.wire_bytes, accelerator, own)


def _wire_seconds(size: float, accelerator: Accelerator, own: Efficiency) -> float:
    """Return the seconds of bytes that leave the accelerator, by its fastest link."""
    if size <= 0:
        return 0.0
    if accelerator.scaleup_domain > 1 and accelerator.scaleup_bandwidth > 0:
        return size / (accelerator.scaleup_bandwidth * own.all_to_all)
    if accelerator.nic_bandwidth > 0:
        return size / (accelerator.nic_bandwidth * own.nic)
    raise ValueError(f"{accelerator.name} has no link for {size:g} bytes on the wire")
