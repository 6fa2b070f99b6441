"""Exact queueing theory, the measure of the simulations.

Rates are per second, times in seconds; the offered load is the arrival rate
times the mean service time, in erlang.
"""

from __future__ import annotations

from collections.abc import Sequence

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


def priority_waits(
    arrival_rates: Sequence[float], mean_service: float, variation: float
) -> tuple[float, ...]:
    """Return the mean waits of classes at one server that finishes what it has begun.

    Parameters
    ----------
    arrival_rates : sequence of float, 1/s
        Of each class, the most urgent first; Poisson.
    mean_service : float, s
        Of all classes.
    variation : float
        Coefficient of variation of the service time.

    Returns
    -------
    tuple of float, s
        Of each class, from arrival to start.

    Raises
    ------
    SimulationError
        If the server cannot keep up.

    Notes
    -----
    ``W_k = R / ((1 − σ_{k−1}) (1 − σ_k))`` with R the mean rest of the service in progress and
    σ_k the load of the first k classes.

    Source
    ------
    Cobham, Priority assignment in waiting line problems, Operations Research 2 (1954).
    """
    _stable(1, sum(arrival_rates) * mean_service)
    rest = sum(arrival_rates) * mean_service**2 * (1.0 + variation**2) / 2.0
    waits, before = [], 0.0
    for rate in arrival_rates:
        upto = before + rate * mean_service
        waits.append(rest / ((1.0 - before) * (1.0 - upto)))
        before = upto
    return tuple(waits)


def closed_throughput(clients: int, think_seconds: float, mean_service: float) -> float:
    """Return the rate at which clients are served that wait for each answer, and think.

    Parameters
    ----------
    clients : int
    think_seconds : float, s
        Mean, of any law.
    mean_service : float, s
        At one processor that is shared evenly, of any law.

    Returns
    -------
    float, 1/s

    Notes
    -----
    Exact mean value analysis: a client that arrives finds what n − 1 clients leave on average.

    Source
    ------
    Reiser and Lavenberg, Mean-value analysis of closed multichain queuing networks, JACM 27 (1980).
    """
    inside, rate = 0.0, 0.0
    for n in range(1, clients + 1):
        sojourn = mean_service * (1.0 + inside)
        rate = n / (think_seconds + sojourn)
        inside = rate * sojourn
    return rate


def _stable(servers: int, offered_load: float) -> float:
    """Return the load of each server, or say that the queue grows without end."""
    if not 0.0 <= offered_load < servers:
        raise SimulationError(
            f"{offered_load:g} erlang on {servers} servers: the queue has no steady state"
        )
    return offered_load / servers
