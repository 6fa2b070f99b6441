"""The prefix cache of a replica: blocks of prompts, the least recently used goes first.

A list over all blocks that exist, linked both ways; -2 stands for a block that is not cached.
"""

from __future__ import annotations

from numba import njit

from computesim.sim.kernels.pool import Numbers, Record


@njit(cache=True, nogil=True, _nrt=False)
def matched(links: Numbers, r: int, blocks: Numbers, first: int, last: int) -> int:
    """Return how many leading blocks of a prompt are cached."""
    n = 0
    while first + n < last and links[r, 0, blocks[first + n]] != -2:
        n += 1
    return n


@njit(cache=True, nogil=True, _nrt=False)
def unlink(run: Record, links: Numbers, r: int, block: int) -> None:
    """Take a block out of the list."""
    newer, older = links[r, 0, block], links[r, 1, block]
    if newer >= 0:
        links[r, 1, newer] = older
    else:
        run["newest_block"] = older
    if older >= 0:
        links[r, 0, older] = newer
    else:
        run["oldest_block"] = newer
    links[r, 0, block] = -2
    run["blocks"] -= 1


@njit(cache=True, nogil=True, _nrt=False)
def use(run: Record, links: Numbers, r: int, block: int, most: int) -> None:
    """Make a block the newest one; the oldest leaves if there are more than `most`."""
    if links[r, 0, block] != -2:
        unlink(run, links, r, block)
    newest = run["newest_block"]
    links[r, 0, block], links[r, 1, block] = -1, newest
    if newest >= 0:
        links[r, 0, newest] = block
    else:
        run["oldest_block"] = block
    run["newest_block"] = block
    run["blocks"] += 1
    if run["blocks"] > most:
        unlink(run, links, r, run["oldest_block"])


@njit(cache=True, nogil=True, _nrt=False)
def forget(run: Record, links: Numbers, r: int) -> None:
    """Empty the cache."""
    for block in range(links.shape[2]):
        links[r, 0, block] = -2
    run["blocks"] = 0
    run["newest_block"] = run["oldest_block"] = -1
