"""The inner loops: arrays in, arrays out, compiled by numba.

Contract, for every function here:

- no randomness, no clock, no Python objects, no exceptions: draws arrive as
  arrays, results leave through the trailing arrays;
- seconds and tokens only;
- no `fastmath`, so that its SimPy twin in `reference` agrees bit for bit;
- at equal times: steps end, then requests arrive, then steps start, each in
  order of index;
- it calls only functions of this folder and reads no module global: the folder
  of compiled kernels is named by a hash of all of them;
- functions that allocate nothing are compiled without reference counts
  (`_nrt=False`), which would cost more than the events;
- what only some simulations need comes in one bundle or as None, and branches
  `if extras is not None` vanish at compile time where it is None;
- what the event loop works on goes from one function to the next as one
  `pool.Pool`; what concerns one replica takes the pool and its number;
- functions of every event that take the pool or the bundle are inlined
  (`forceinline`): a call would pass their arrays word by word, a hundred words,
  which made simulations with extras four times as slow.

Inputs are checked by `engine`; the kernels trust them.
"""

from __future__ import annotations

from threading import Lock

import numba
import numpy as np

from computesim.sim.kernel_cache import cache_folder
from computesim.sim.kernels.pool import Extras, Floats, Numbers, Records
from computesim.sim.records import LANE

_before = numba.config.CACHE_DIR  # other users of numba in this process keep their own folder
numba.config.CACHE_DIR = str(cache_folder())
try:
    from computesim.sim.kernels.fluid import highest, steady
    from computesim.sim.kernels.queue import queue
    from computesim.sim.kernels.serve import serve as _serve
finally:
    numba.config.CACHE_DIR = _before

__all__ = ["highest", "queue", "serve", "steady"]

_compiling = Lock()
_compiled: set[bool] = set()  # whether the kernel without extras is there, and the one with them


def serve(
    requests: Records,
    fresh: Numbers,
    services: Records,
    weight_seconds: Floats,
    rules: Records,
    replicas: Records,
    extras: Extras,
) -> float:
    """Play requests on replicas, see `kernels.serve.serve`; nobody waits at first.

    It is compiled without a search for loops that vector instructions could carry out: there are
    none, and the search takes two fifths of the time.
    """
    lanes = np.full(replicas.size * int(rules["lanes"][0]), -1, LANE)
    arrays = (requests, fresh, services, weight_seconds, rules, replicas, lanes, extras)
    plain = extras is None
    if plain not in _compiled and not numba.config.DISABLE_JIT:
        with _compiling:
            before = numba.config.LOOP_VECTORIZE
            numba.config.LOOP_VECTORIZE = 0
            try:
                _serve.compile(tuple(map(numba.typeof, arrays)))
            finally:
                numba.config.LOOP_VECTORIZE = before
            _compiled.add(plain)
    return float(_serve(*arrays))
