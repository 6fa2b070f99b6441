"""Exact queueing theory, the measure of the simulations.

Rates are per second, times in seconds; the offered load is the arrival rate
times the mean service time, in erlang.
"""

from __future__ import annotations

from computesim.errors import SimulationError


def erlang_b(servers: int, offered_load: float) -> float:
    """Return the share of arrivals that a loss system without waiting room turns away.

    Parameters
    ----------
    servers : int
        Servers, 0 or more.
    offered_load : float, erlang
        Arrival rate times mean service time.

    Returns
    -------
    float

    Notes
    -----
    ``B(0) = 1``, ``B(c) = a·B(c-1) / (c + a·B(c-1))``: no factorials, no overflow.

    Source
    ------
    Erlang, Post Office Electrical Engineers' Journal 10 (1917).
    """
    if servers < 0 or offered_load < 0:
        raise SimulationError("servers and offered load cannot be negative")
    blocked = 1.0
    for count in range(1, servers + 1):
        blocked = offered_load * blocked / (count + offered_load * blocked)
    return blocked


def erlang_c(servers: int, offered_load: float) -> float:
    """Return the probability that an arrival at an M/M/c queue has to wait.

    Parameters
    ----------
    servers : int
        Servers, at least 1.
    offered_load : float, erlang
        Arrival rate times mean service time, less than `servers`.

    Returns
    -------
    float

    Source
    ------
    Erlang (1917); from `erlang_b` as ``B / (1 - ρ·(1 - B))``.
    """
    load = _stable(servers, offered_load)
    blocked = erlang_b(servers, offered_load)
    return blocked / (1.0 - load * (1.0 - blocked))


def mmc_wait(arrival_rate: float, mean_service: float, servers: int = 1) -> float:
    """Return the mean wait in an M/M/c queue.

    Parameters
    ----------
    arrival_rate : float, 1/s
        Poisson arrivals.
    mean_service : float, s
        Mean of the exponential service time.
    servers : int
        Servers, at least 1.

    Returns
    -------
    float, s
    """
    offered_load = arrival_rate * mean_service
    return erlang_c(servers, offered_load) * mean_service / (servers - offered_load)


def mg1_wait(arrival_rate: float, mean_service: float, variation: float) -> float:
    """Return the mean wait in an M/G/1 queue.

    Parameters
    ----------
    arrival_rate : float, 1/s
        Poisson arrivals.
    mean_service : float, s
        Mean service time.
    variation : float
        Coefficient of variation of the service time: 1 exponential, 0 constant.

    Returns
    -------
    float, s

    Source
    ------
    Pollaczek (1930), Khintchine (1932): ``ρ/(1 - ρ) · (1 + cv²)/2 · mean``.
    """
    load = _stable(1, arrival_rate * mean_service)
    return load / (1.0 - load) * (1.0 + variation**2) / 2.0 * mean_service


def processor_sharing_sojourn(arrival_rate: float, mean_service: float, service: float) -> float:
    """Return the mean time that a job of a given size spends in an M/G/1 processor-sharing queue.

    Parameters
    ----------
    arrival_rate : float, 1/s
        Poisson arrivals.
    mean_service : float, s
        Mean service time of an unshared server.
    service : float, s
        That of the job in question.

    Returns
    -------
    float, s
        ``service / (1 - ρ)``, whatever the law of the service times.

    Source
    ------
    Kleinrock, Queueing Systems II (1976), section 4.4.
    """
    return service / (1.0 - _stable(1, arrival_rate * mean_service))


def little(arrival_rate: float, mean_sojourn: float) -> float:
    """Return the mean number in a system.

    Parameters
    ----------
    arrival_rate : float, 1/s
        Arrivals that enter.
    mean_sojourn : float, s
        Mean time from entering to leaving.

    Returns
    -------
    float

    Source
    ------
    Little, A proof for the queuing formula L = λW, Operations Research 9 (1961).
    """
    return arrival_rate * mean_sojourn


def _stable(servers: int, offered_load: float) -> float:
    """Return the load of each server, or say that the queue grows without end."""
    if not 0.0 <= offered_load < servers:
        raise SimulationError(
            f"{offered_load:g} erlang on {servers} servers: the queue has no steady state"
        )
    return offered_load / servers
