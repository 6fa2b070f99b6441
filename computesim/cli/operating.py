"""How a simulated pool is run: options as numbers, and these as what the simulation takes."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final

from computesim.cli.faults import Faults
from computesim.cli.serving_options import Scaling
from computesim.cli.traffic import Asked
from computesim.errors import CapacityError

if TYPE_CHECKING:
    from computesim.hardware.accelerator import Accelerator
    from computesim.hardware.serving import ServingLayout
    from computesim.quantities import ServingLoad
    from computesim.sim.operation import Autoscaler, DecodePool, Operation, PrefixCache
    from computesim.sim.service import Service

#: seconds between decisions of the autoscaler, and decisions in a row before it shrinks: the
#: defaults of the Kubernetes horizontal pod autoscaler, 15 s and five minutes of stabilisation
INTERVAL: Final = 15.0
PATIENCE: Final = 20
WHEN_FULL: Final = ("promise", "recompute", "swap")
ROUTING: Final = ("shortest-queue", "round-robin", "two-choices", "prefix-aware", "shared-queue")


@dataclass(frozen=True, slots=True)
class How:
    """How a pool is run."""

    when_full: str = "promise"
    block: int = 16  #: tokens of a block of the KV cache
    routing: str = ""  #: empty: prefix-aware where prefixes matter, else the shortest queue
    prefix_share: float = 0.0  #: of the KV cache's memory
    prefix_bytes: float = 0.0  #: of other memory, B a replica
    prefill_replicas: int = 0
    autoscale: Scaling | None = None
    mtbf: float = 0.0  #: s; 0: nothing fails
    repair: float = 0.0  #: s
    bin_seconds: float = 0.0  #: 0: no timeline

    @property
    def plain(self) -> bool:
        """Whether the steady state of the fluid limit is where a run may start."""
        return not (self.prefill_replicas or self.autoscale or self.mtbf)

    def check(self, asked: Asked, replicas: int, faults: Faults) -> None:
        """Note what does not go together.

        Parameters
        ----------
        asked : Asked
        replicas : int
        faults : Faults
        """
        if (self.prefix_share or self.prefix_bytes) and asked.trace.blocks is None:
            faults.add("--prefix-cache", "the requests do not tell which prefixes they share",
                       "expected a trace with hash_ids, as those of Mooncake")  # fmt: skip
        if self.prefill_replicas and asked.shares:
            faults.add("--prefill-replicas", "samples and searches share a prompt in one cache",
                       "expected neither --samples nor --search")  # fmt: skip
        if self.prefill_replicas and self.autoscale:
            faults.add("--prefill-replicas", "the autoscaler knows one kind of replicas",
                       "expected no --autoscale")  # fmt: skip
        if self.autoscale and self.autoscale.least > replicas:
            faults.add("--autoscale", f"keeps {self.autoscale.least} of {replicas} replicas",
                       "expected at most --replicas")  # fmt: skip

    def routing_of(self, asked: Asked) -> Any:
        """Return the name of the routing."""
        prefixes = asked.follows and asked.task is not None
        if self.routing:
            return self.routing
        known = self.prefix_share or self.prefix_bytes or prefixes
        return "prefix-aware" if known else "shortest-queue"

    def service(
        self, service: Service, load: ServingLoad, chip: Accelerator, layout: ServingLayout
    ) -> Service:
        """Return the service of a replica that is run this way.

        Parameters
        ----------
        service : Service
        load : ServingLoad
        chip : Accelerator
        layout : ServingLayout

        Raises
        ------
        CapacityError
            If there is no link to swap over.
        """
        from computesim.sim.service import PROMISE, RECOMPUTE, SWAP

        rule = dict(zip(WHEN_FULL, (PROMISE, RECOMPUTE, SWAP), strict=True))[self.when_full]
        seconds = 0.0
        if rule == SWAP:
            link = chip.host_bandwidth * layout.tp * layout.pp
            if not link > 0:
                raise CapacityError(f"{chip.name}: the link to host memory is not known: no swap")
            seconds = load.kv_bytes_per_token / link
        left = int(service.kv_capacity_tokens * (1.0 - self.prefix_share))
        return service._replace(
            block_tokens=min(self.block, left),
            kv_capacity_tokens=left,
            when_full=rule,
            swap_seconds_per_token=seconds,
        )

    def operation(
        self,
        asked: Asked,
        capacity: float,
        load: ServingLoad,
        decode_pool: DecodePool | None,
        seed: int,
    ) -> Operation:
        """Return how the pool is run, failures left out.

        Parameters
        ----------
        asked : Asked
        capacity : float, token
            KV cache of a replica before a prefix cache takes its share.
        load : ServingLoad
        decode_pool : DecodePool or None
        seed : int
        """
        from computesim.sim.operation import Operation

        return Operation(
            # with separate pools the cache is one that all replicas reach
            local_prefix=asked.follows and asked.task is not None and not decode_pool,
            prefix_cache=self._prefix_cache(asked, capacity, load),
            decode_pool=decode_pool,
            autoscaler=self._autoscaler(),
            bin_seconds=self.bin_seconds,
            seed=seed,
        )

    def _autoscaler(self) -> Autoscaler | None:
        """Return the autoscaler."""
        from computesim.sim.operation import Autoscaler

        own = self.autoscale
        if own is None:
            return None
        return Autoscaler(INTERVAL, own.wanted, own.least, own.startup, PATIENCE)

    def _prefix_cache(self, asked: Asked, capacity: float, load: ServingLoad) -> PrefixCache | None:
        """Return the prefix cache in blocks of the trace."""
        from computesim.sim.operation import PrefixCache
        from computesim.sim.trace import BLOCK

        if not (self.prefix_share or self.prefix_bytes):
            return None
        assert asked.trace.blocks is not None
        if load.kv_bytes_per_token <= 0:
            raise CapacityError(f"{load.name} has no cache that grows: prefixes are not kept")
        tokens = capacity * self.prefix_share + self.prefix_bytes / load.kv_bytes_per_token
        if tokens < BLOCK:
            raise CapacityError(f"a prefix cache of {tokens:,.0f} tokens holds no block of {BLOCK}")
        blocks = asked.trace.blocks
        return PrefixCache(blocks.ids, blocks.offsets, BLOCK, int(tokens // BLOCK))


def transfer(load: ServingLoad, chip: Accelerator, layout: ServingLayout) -> tuple[float, float]:
    """Return latency and seconds per token of handing KV cache from one replica to another.

    Parameters
    ----------
    load : ServingLoad
    chip : Accelerator
    layout : ServingLayout
        Each accelerator that holds a part of a sequence sends it over its own NIC.

    Returns
    -------
    tuple of float, s and s/token

    Raises
    ------
    CapacityError
        If the accelerator has no NIC.
    """
    from computesim.hardware.collective import scaleout_link

    link = scaleout_link(chip)
    rate = link.all_to_all * layout.tp * layout.pp
    state = load.state_bytes_per_sequence / rate
    return link.latency / 4.0 + state, load.kv_bytes_per_token / rate  # α of two, half: see p2p
