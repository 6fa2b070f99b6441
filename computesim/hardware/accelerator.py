"""One accelerator as its datasheet gives it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from types import MappingProxyType
from typing import Final

from computesim.calendar import Constant
from computesim.errors import CapacityError
from computesim.quantities import DTYPE_BYTES
from computesim.traced import most

H100_EIGHT_BIT: Final = Constant(
    1979e12, "FLOP/s", "dense 8-bit peak of one H100 SXM"
)  #: dense 8-bit peak of one H100 SXM, FLOP/s; the unit of Epoch AI

#: for each dtype, the dtypes that can do its arithmetic, narrowest first
WIDER: Final[Mapping[str, tuple[str, ...]]] = MappingProxyType(
    {
        "fp4": ("fp4", "fp8", "bf16", "fp16"),
        "int4": ("int4", "int8", "fp8", "bf16", "fp16"),
        "fp8": ("fp8", "bf16", "fp16"),
        "int8": ("int8", "fp8", "bf16", "fp16"),
        "bf16": ("bf16", "fp16"),
        "fp16": ("fp16", "bf16"),
        "fp32": ("tf32", "fp32", "bf16"),
    }
)


@dataclass(frozen=True, slots=True)
class Accelerator:
    """What can be bought: one package, or what `counting_unit` says.

    All rates are dense (never with 2:4 sparsity) and all bandwidths count one
    direction, so a datasheet's bidirectional NVLink figure is halved.
    """

    name: str
    peak_flop_per_second: Mapping[str, float] = field(hash=False)  #: by dtype, dense, FLOP/s
    memory_bytes: float  #: capacity, B
    memory_bandwidth: float  #: B/s
    tdp: float  #: thermal design power of the unit, W
    vendor: str = ""
    kind: str = "datacenter"  #: datacenter or device
    generation: str = ""  #: key of `efficiency.EFFICIENCY` and `power.POWER_FITS`; see there
    counting_unit: str = "package"
    release_year: float = 0.0  #: 2022.72 is September 2022
    hbm_stacks: float = 0.0
    scaleup_bandwidth: float = 0.0  #: inside the scale-up domain, per direction, B/s
    scaleup_domain: int = 1  #: accelerators of one scale-up domain
    nic_bandwidth: float = 0.0  #: scale-out, per direction, B/s
    price: float = 0.0  #: USD
    price_low: float = 0.0  #: USD
    price_high: float = 0.0  #: USD
    node_overhead: float = 0.0  #: IT watts of the node beside it, per accelerator, full load, W
    packages_per_wafer: float = 0.0  #: per CoWoS wafer
    process: str = ""
    node_accelerators: int = 8  #: accelerators of one node (tray), what fails and is repaired
    host_bandwidth: float = 0.0  #: link to the CPU, per direction; 0: nothing is offloaded, B/s
    host_memory: float = 0.0  #: CPU memory of the node ÷ its accelerators, B
    host_memory_bandwidth: float = 0.0  #: of that memory ÷ accelerators of the node, B/s

    def __post_init__(self) -> None:
        for name in ("memory_bytes", "memory_bandwidth", "tdp"):
            if not getattr(self, name) > 0:
                raise ValueError(f"{self.name}: {name} must be above 0")
        if not any(rate > 0 for rate in self.peak_flop_per_second.values()):
            raise ValueError(f"{self.name}: no peak FLOP/s is given")
        if self.scaleup_domain < 1:
            raise ValueError(f"{self.name}: a scale-up domain holds at least 1 accelerator")

    def supported_dtype(self, dtype: str) -> str:
        """Return the dtype in which the arithmetic of `dtype` is done here.

        Parameters
        ----------
        dtype : str
            bf16, fp16, fp8, int8, fp4, int4 or fp32.

        Returns
        -------
        str
            `dtype` itself, or the next wider one that the accelerator has a rate for. Weights
            stored in fewer bits still cost fewer bytes; only the arithmetic widens.

        Raises
        ------
        CapacityError
            If no rate of this accelerator can do it.
        """
        for candidate in WIDER.get(dtype, (dtype,)):
            if self.peak_flop_per_second.get(candidate, 0.0) > 0:
                return candidate
        return self._narrower(dtype)

    def _narrower(self, dtype: str) -> str:
        """Return the widest rate of chips that list none as wide as `dtype` (device NPUs)."""
        for candidate in ("fp8", "int8", "fp4", "int4"):
            if dtype not in ("fp32", "tf32") and self.peak_flop_per_second.get(candidate, 0.0) > 0:
                return candidate
        raise CapacityError(f"{self.name} has no arithmetic for {dtype}")

    def peak(self, dtype: str) -> float:
        """Return the dense peak rate at which `dtype` is computed, FLOP/s.

        A chip with narrower arithmetic only (device NPUs) takes as many passes as the element
        has more bytes.
        """
        done_in = self.supported_dtype(dtype)
        passes = max(DTYPE_BYTES.get(dtype, 2.0) / DTYPE_BYTES.get(done_in, 2.0), 1.0)
        narrow = done_in not in WIDER.get(dtype, (dtype,))
        return self.peak_flop_per_second[done_in] / (passes if narrow else 1.0)

    @property
    def h100_equivalents(self) -> float:
        """H100 SXM of equal dense 8-bit rate; bf16 stands in where there is no 8-bit rate.

        An accelerator counts by the faster of fp8 and int8, as Epoch AI counts it.
        """
        rates = self.peak_flop_per_second
        eight_bit = most(rates.get("fp8", 0.0), rates.get("int8", 0.0))
        return (eight_bit or most(rates.get("bf16", 0.0), rates.get("fp16", 0.0))) / H100_EIGHT_BIT
