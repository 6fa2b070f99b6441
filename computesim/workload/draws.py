"""Output lengths and their reasoning part, from draws made elsewhere."""

from __future__ import annotations

import math
from dataclasses import replace

import numpy as np
from numpy.typing import NDArray

from computesim.workload.reasoning import LengthLaw, ShareLaw

_Array = NDArray[np.float64]


def lengths_from_draws(law: LengthLaw, uniform: _Array, normal: _Array) -> _Array:
    """Return output lengths from draws made elsewhere.

    Parameters
    ----------
    law : LengthLaw
    uniform : array of float64, shape (n,)
        Draws in [0, 1) that choose the component.
    normal : array of float64, shape (n,)
        Standard normal draws.

    Returns
    -------
    array of float64, shape (n,), token
        Not rounded; at most the cap.
    """
    edges = np.cumsum(law.weights)[:-1]
    part = np.searchsorted(edges, uniform, side="right")
    log_tokens = np.asarray(law.log_means)[part] + np.asarray(law.log_sds)[part] * normal
    return np.minimum(np.exp(log_tokens), law.cap)


def sample_lengths(law: LengthLaw, rng: np.random.Generator, n: int) -> _Array:
    """Return n output lengths drawn with a Generator.

    Parameters
    ----------
    law : LengthLaw
    rng : numpy.random.Generator
        Takes n uniform draws, then n normal ones.
    n : int

    Returns
    -------
    array of float64, shape (n,), token
    """
    return lengths_from_draws(law, rng.random(n), rng.standard_normal(n))


def lengths_per_task(
    law: LengthLaw, within: float, task_uniform: _Array, task_normal: _Array, normal: _Array
) -> _Array:
    """Return lengths of several responses to each task: tasks differ, and so do tries at one.

    Parameters
    ----------
    law : LengthLaw
        Law of a task's median response.
    within : float
        Standard deviation of ln tokens between tries at one task.
    task_uniform, task_normal : array of float64, shape (n_tasks,)
        Draws for the tasks.
    normal : array of float64, shape (n_tasks, n_tries)
        Standard normal draws for the tries.

    Returns
    -------
    array of float64, shape (n_tasks, n_tries), token
        For a single component the total spread is ``sqrt(sd² + within²)``.
    """
    median = lengths_from_draws(replace(law, cap=math.inf), task_uniform, task_normal)
    return np.minimum(median[:, None] * np.exp(within * normal), law.cap)


def shares_from_draws(law: ShareLaw, choice: _Array, uniform: _Array) -> _Array:
    """Return reasoning shares from draws made elsewhere.

    Parameters
    ----------
    law : ShareLaw
    choice, uniform : array of float64, shape (n,)
        Draws in [0, 1): which component, and where in it.

    Returns
    -------
    array of float64, shape (n,), share of the output
    """
    part = np.searchsorted(np.cumsum(law.weights)[:-1], choice, side="right")
    a, b = np.asarray(law.a)[part], np.asarray(law.b)[part]
    shares: _Array = (1.0 - (1.0 - uniform) ** (1.0 / b)) ** (1.0 / a)
    return shares


def split_output(output_tokens: _Array, shares: _Array) -> tuple[_Array, _Array]:
    """Return reasoning and answer tokens of outputs, whole tokens that sum to the output.

    Parameters
    ----------
    output_tokens : array of float64, shape (n,), token
    shares : array of float64, shape (n,)
        Reasoning share of each.

    Returns
    -------
    tuple of two arrays of float64, shape (n,), token
        Reasoning, answer.
    """
    reasoning = np.round(output_tokens * shares)
    return reasoning, output_tokens - reasoning
