"""What clients see of a pool: requests take time to reach it, and tokens to come back.

The clocks of the replicas run behind those of the clients by the time that a request is on its
way: what happens at t is seen at t + `Service.request_seconds`. A client that waits for an answer
therefore sends its next request so much later.
"""

from __future__ import annotations

import numpy as np

from computesim.sim.records import Records
from computesim.sim.service import Service


def delayed(stages: Records, service: Service) -> Records:
    """Return stages that reach the replicas as much later as a request takes.

    Parameters
    ----------
    stages : ndarray of STAGE, shape (s,)
    service : Service
        Of the replicas that take requests.
    """
    later = stages.copy()
    later["pause"] += service.request_seconds
    return later


def show_to_clients(requests: Records, service: Service) -> None:
    """Let first and last tokens be those that the clients see.

    Parameters
    ----------
    requests : ndarray of REQUEST, shape (n,)
        As the replicas left them; changed in place.
    service : Service
        Of the replicas that take requests.

    Notes
    -----
    The first token is held back for some steps of its own request, at most until the last one is
    there: engines stream tokens by the handful, and look at new requests every few steps. The
    mean time of the later tokens becomes shorter by as much.
    """
    if service.held_steps:
        first, finish = requests["first"], requests["finish"]
        done = np.flatnonzero(np.isfinite(finish) & (requests["output_tokens"] > 1))
        step = (finish[done] - first[done]) / (requests["output_tokens"][done] - 1.0)
        held = first[done] + service.held_steps * step
        requests["first"][done] = np.minimum(held, finish[done])
    if service.request_seconds:
        requests["first"] += service.request_seconds
        requests["finish"] += service.request_seconds
