"""Random streams addressed by name.

A stream depends on the seed, its own name and the replication, never on the
order in which streams are opened: another stream or another scenario leaves
the draws of this one as they are, so that scenarios are compared under common
random numbers.
"""

from __future__ import annotations

from zlib import crc32

import numpy as np


def stream(seed: int, name: str, replication: int = 0) -> np.random.Generator:
    """Return the generator of one named stream.

    Parameters
    ----------
    seed : int
        The seed of the scenario, 0 or more.
    name : str
        What is drawn: `"arrivals"`, `"prompt_tokens"`, `"output_tokens"`, `"failures"` …
    replication : int
        Number of the replication, from 0.

    Returns
    -------
    numpy.random.Generator
        PCG64 on ``SeedSequence(seed, spawn_key=(crc32(name), replication))``.
    """
    sequence = np.random.SeedSequence(seed, spawn_key=(crc32(name.encode()), replication))
    return np.random.Generator(np.random.PCG64(sequence))
