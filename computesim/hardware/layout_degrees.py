"""The degrees of parallelism that training frameworks accept, and which laws a layout breaks.

Megatron-Core: tp divides the heads, and the key-value heads or is a multiple of them; stages hold
equal layers, where the embedding and the loss may count as a layer each, and interleaving divides
the layers of a stage; ep divides the experts; a sequence is cut into 2 · cp equal pieces.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, fields
from typing import Final, NamedTuple

from computesim.hardware.possible import divides
from computesim.quantities import TrainingLoad

LARGEST_TP: Final = 16
MOST_EP: Final = 256
MOST_SPLIT: Final = 8  #: pieces of one expert
MOST_PIECES: Final = 16  #: interleaved pieces of one stage that are tried
MOST_MICROBATCH: Final = 4  #: sequences of a microbatch that are tried, and of short ones
MICROBATCH_TOKENS: Final = 16_384  #: as many as make up this: NeMo RL and verl pack 16 to 32 k
LISTED: Final = 16  #: degrees that a message lists


@dataclass(frozen=True, slots=True)
class FixedDegrees:
    """Degrees of a layout that are settled; None is searched."""

    tp: int | None = None
    pp: int | None = None
    dp: int | None = None
    ep: int | None = None
    cp: int | None = None
    vp: int | None = None
    zero: int | None = None
    microbatch: int | None = None
    recompute: str | None = None

    @property
    def settled(self) -> dict[str, int | str]:
        """Those degrees that are not searched."""
        degrees = {f.name: getattr(self, f.name) for f in fields(self)}
        return {name: degree for name, degree in degrees.items() if degree is not None}


SEARCHED: Final = FixedDegrees()  #: nothing is settled


class Breach(NamedTuple):
    """A law that settled degrees break."""

    degrees: tuple[str, ...]  #: which of them
    what: str
    possible: str


def divisors(n: int) -> list[int]:
    """Return the divisors of a whole number, rising.

    Parameters
    ----------
    n : int
        At least 1.
    """
    small = [d for d in range(1, math.isqrt(n) + 1) if n % d == 0]
    return small + [n // d for d in reversed(small) if d * d < n]


def powers(largest: int) -> list[int]:
    """Return 1, 2, 4 … up to `largest`.

    Parameters
    ----------
    largest : int
    """
    return [2**i for i in range(largest.bit_length()) if 2**i <= largest]


def tensor_degrees(load: TrainingLoad, domain: int, largest: int = LARGEST_TP) -> list[int]:
    """Return the tensor-parallel degrees worth trying: powers of two, and what divides the domain.

    Parameters
    ----------
    load : TrainingLoad
    domain : int
        Accelerators of the scale-up domain, in which they stay.
    largest : int
    """
    widest = min(domain, largest)
    tried = {*powers(widest), *(d for d in divisors(domain) if d <= widest)}
    return sorted(tp for tp in tried if divides(load, tp))


def splits_stage(n_layers: int, stages: int, pieces: int) -> bool:
    """Tell whether every stage of a pipeline can be cut into so many pieces.

    Parameters
    ----------
    n_layers, stages, pieces : int
        Pieces divide the layers of equal stages; embedding and loss may count as a layer each.
        Where neither makes stages equal, layers are dealt out by hand, in any number of pieces.
    """
    if stages * pieces > n_layers or (stages == 1 and pieces > 1):
        return pieces == 1
    even = [n // stages for n in (n_layers, n_layers + 2) if n % stages == 0]
    return not even or any(layers % pieces == 0 for layers in even)


def interleavings(n_layers: int, stages: int, most: int = MOST_PIECES) -> list[int]:
    """Return the interleaved pieces of a stage worth trying.

    Parameters
    ----------
    n_layers, stages : int
    most : int
        Pieces at most.

    Returns
    -------
    list of int
        Divisors of the layers of the fullest stage; powers of two where it has none and layers
        must be dealt out by hand.
    """
    fullest = -(-n_layers // stages)
    able = [v for v in range(1, most + 1) if splits_stage(n_layers, stages, v)]
    even = [v for v in able if fullest % v == 0]
    return even if len(even) > 1 else [v for v in able if v in (1, 2, 4, 8)]


def expert_degrees(n_experts: int, machine: int = 1) -> list[int]:
    """Return the degrees of expert parallelism worth trying.

    They divide the experts, or are multiples of their number: then an expert is itself split.

    Parameters
    ----------
    n_experts : int
        Routed experts of a layer; 1 for a dense model.
    machine : int
        Accelerators of the job: degrees that are no powers of two are tried where they divide it.
    """
    if n_experts == 1:
        return [1]
    most = min(MOST_EP, MOST_SPLIT * n_experts)
    tried = {*powers(most), *(d for d in divisors(n_experts) if d <= most and machine % d == 0)}
    return sorted(e for e in tried if splits_experts(n_experts, e))


def splits_experts(n_experts: int, ep: int) -> bool:
    """Tell whether ep pieces are whole experts, or equal pieces of each.

    Parameters
    ----------
    n_experts, ep : int
    """
    return n_experts % ep == 0 or ep % n_experts == 0


def splits_sequence(seq_len: int, cp: int) -> bool:
    """Tell whether a sequence is cut into two equal pieces for each context rank.

    Parameters
    ----------
    seq_len : int, token
    cp : int
        Each rank has an early and a late piece, so that all attend to as much.
    """
    return cp == 1 or seq_len % (2 * cp) == 0


def microbatches(seq_len: int) -> list[int]:
    """Return the sequences of a microbatch worth trying.

    Parameters
    ----------
    seq_len : int, token
        Short sequences are packed: few rows make slow multiplications.
    """
    return powers(max(MOST_MICROBATCH, MICROBATCH_TOKENS // seq_len))


def breaches(
    load: TrainingLoad,
    domain: int,
    fixed: FixedDegrees,
    n_accelerators: int | None = None,
    batch_sequences: float = math.inf,
) -> list[Breach]:
    """Return the laws that settled degrees break, each with what would be possible.

    Parameters
    ----------
    load : TrainingLoad
    domain : int
        Accelerators of the scale-up domain.
    fixed : FixedDegrees
    n_accelerators : int, optional
        At hand; None where the machine is yet to be found.
    batch_sequences : float
        Sequences of the smallest step.
    """
    return [
        *_of_tensors(load, domain, fixed),
        *_of_stages(load, fixed),
        *_of_experts(load, fixed),
        *_of_context(load, fixed),
        *_of_machine(fixed, n_accelerators),
        *_of_batch(fixed, batch_sequences),
    ]


def _of_tensors(load: TrainingLoad, domain: int, fixed: FixedDegrees) -> Iterator[Breach]:
    if fixed.tp is None:
        return
    possible = listed(d for d in range(1, domain + 1) if divides(load, d))
    if fixed.tp > domain:
        yield Breach(("tp",), f"{fixed.tp} leaves the scale-up domain of {domain}", possible)
    elif not divides(load, fixed.tp):
        heads, shared = (" and ".join(map(str, n)) for n in (load.head_counts, load.kv_head_counts))
        what = f"{heads} heads with {shared} key-value heads are not cut into {fixed.tp} parts"
        yield Breach(("tp",), what, possible)


def _of_stages(load: TrainingLoad, fixed: FixedDegrees) -> Iterator[Breach]:
    layers, pp, vp = load.n_layers, fixed.pp, fixed.vp
    if pp is not None and pp > layers:
        yield Breach(("pp",), f"{pp} stages for {layers} layers", f"1 to {layers}")
    elif vp is not None and pp is None and 2 * vp > layers:
        what = f"{layers} layers do not fill {vp} pieces of two stages"
        yield Breach(("vp",), what, f"1 to {layers // 2}")
    elif vp is not None and pp == 1 and vp > 1:
        yield Breach(("vp", "pp"), "one pipeline stage cannot be interleaved", "vp 1, or more pp")
    elif vp is not None and pp is not None and not splits_stage(layers, pp, vp):
        what = f"the {-(-layers // pp)} layers of a stage are not cut into {vp} equal pieces"
        possible = [v for v in range(1, layers // pp + 1) if splits_stage(layers, pp, v)]
        yield Breach(("vp",), what, listed(possible))


def _of_experts(load: TrainingLoad, fixed: FixedDegrees) -> Iterator[Breach]:
    if fixed.ep is None:
        return
    if fixed.ep > 1 and not load.n_moe_layers:
        yield Breach(("ep",), f"{load.name} has no experts", "1")
    elif load.n_moe_layers and load.n_experts and not splits_experts(load.n_experts, fixed.ep):
        what = f"{load.n_experts} experts are not spread evenly over {fixed.ep}"
        yield Breach(("ep",), what, f"{listed(divisors(load.n_experts))}, or multiples of it")
    elif fixed.tp and fixed.cp and fixed.dp and (fixed.tp * fixed.cp * fixed.dp) % fixed.ep:
        ranks = fixed.tp * fixed.cp * fixed.dp
        what = f"{fixed.ep} does not divide tp · cp · dp = {ranks}"
        yield Breach(("ep",), what, listed(divisors(ranks)))


def _of_context(load: TrainingLoad, fixed: FixedDegrees) -> Iterator[Breach]:
    if fixed.cp is not None and not splits_sequence(load.seq_len, fixed.cp):
        what = f"{load.seq_len:,} tokens are not cut into 2 · {fixed.cp} equal pieces"
        halves = divisors(load.seq_len // 2) if load.seq_len % 2 == 0 else [1]
        yield Breach(("cp",), what, listed(halves))


def _of_machine(fixed: FixedDegrees, n_accelerators: int | None) -> Iterator[Breach]:
    sizes = {n: d for n in ("tp", "pp", "cp", "dp") if (d := getattr(fixed, n)) is not None}
    needed = math.prod(sizes.values())
    if n_accelerators is not None and needed > n_accelerators:
        product = " · ".join(f"{name} {size}" for name, size in sizes.items())
        what = f"{product} = {needed:,} accelerators, of {n_accelerators:,}"
        yield Breach(tuple(sizes), what, f"a product of at most {n_accelerators:,}")


def _of_batch(fixed: FixedDegrees, batch_sequences: float) -> Iterator[Breach]:
    names = [n for n in ("dp", "microbatch") if getattr(fixed, n) is not None]
    needed = (fixed.dp or 1) * (fixed.microbatch or 1)
    if needed > max(batch_sequences, 1.0):
        what = f"{needed:,} sequences at a time, of {batch_sequences:,.0f} in a step"
        yield Breach(tuple(names), what, f"a product of at most {batch_sequences:,.0f}")


def listed(degrees: Iterable[int | str]) -> str:
    """Return degrees as text; of many the largest stands alone at the end.

    Parameters
    ----------
    degrees : iterable of int or str
    """
    words = [str(degree) for degree in degrees]
    text = ", ".join(words[:LISTED])
    return text if len(words) <= LISTED else f"{text} … {words[-1]}"
