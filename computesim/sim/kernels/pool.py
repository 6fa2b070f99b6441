"""What the event loop works on, as one record that its functions hand on whole."""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt

Floats = npt.NDArray[np.float64]
Ints = npt.NDArray[np.int64]
Numbers = npt.NDArray[np.int32]
Records = npt.NDArray[np.void]
Record = Any  # one row of records.REPLICA, records.REQUEST, service.SERVICE or records.LANE
Rules = Any  # one row of records.RULES
Extras = Any  # records.Extras or None


class Pool(NamedTuple):
    """Requests, replicas, and what is known of both at one moment.

    `extras` stays an argument of its own: branches on it vanish where it is None only there.
    """

    requests: Records  #: dtype `records.REQUEST`, shape (n,)
    services: Records  #: dtype `service.SERVICE`, shape (k,)
    weight_seconds: Floats  #: by kind, of `check_service`, shape (k, 3, widest), s
    rules: Rules  #: how the pool is run
    replicas: Records  #: dtype `records.REPLICA`, shape (r,)
    lanes: Records  #: dtype `records.LANE`, shape (r · lanes,)
    heap: Ints  #: decoding sequences of each replica by their last step, shape (r · width,)
    width: int  #: sequences that a replica decodes at most
    end: Floats  #: when the run of a replica ends, inf while it is idle, shape (leaves,), s
    ends: Ints  #: the tournament of these ends, shape (2 · leaves,)
    load: Ints  #: requests of a replica that takes some, the pools in turn, shape (p · leaves,)
    loads: Ints  #: the tournament of these loads, shape (2 · p · leaves,)
    line: Ints  #: first and last request of each lane that is not sent yet, shape (lanes, 2)
    due: Ints  #: replicas that have to start a step, shape (r,)
    turns: Ints  #: of the round robin in each pool, shape (2,)
    done: Numbers  #: tokens in the cache of each request that is being read, shape (n,)
