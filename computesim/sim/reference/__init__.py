"""The SimPy twins of the kernels: the specification, one event at a time.

Same signatures and same results as `kernels`, at the pace of a person reading.
At equal times events happen in the order of their ranks (`events`): steps end,
the simulation may stop, replicas fail or are ready, the autoscaler decides,
requests arrive and are sent to replicas, steps start.
"""

from computesim.sim.reference.loop import rollout_loop
from computesim.sim.reference.queue import queue
from computesim.sim.reference.serve import serve

__all__ = ["queue", "rollout_loop", "serve"]
