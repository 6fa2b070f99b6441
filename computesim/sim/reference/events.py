"""Events and their order at equal times."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, Final

import simpy

Process = Iterator[Any]  #: what SimPy runs

FINISH: Final = -(10**7)  #: a step ends, plus the number of the replica
STOP: Final = 1
PLANT: Final = 10  #: plus the number of the failure, or failures + replica that is ready
TICK: Final = 10**7  #: the autoscaler decides
ARRIVE: Final = 2 * 10**7  #: plus the number of the request, or requests + stage
SEND: Final = 5 * 10**8  #: the line is sent to replicas
START: Final = 10**9  #: a step begins


def after(env: simpy.Environment, seconds: float, rank: int, event: Any = None) -> Any:
    """Let an event happen after some seconds, at its rank among those of that time."""
    event = env.event() if event is None else event
    event._ok, event._value = True, None  # the event has no value and no error to carry
    env.schedule(event, rank, seconds)
    return event
