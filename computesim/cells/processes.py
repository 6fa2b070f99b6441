"""Functions run in several processes at once.

The processes are started as `python -c`, and not by `multiprocessing`, which would run the user's
script once more in each of them. Questions and answers go through pipes; a process whose pipe
closes, because its parent ended in whatever way, ends at once.
"""

from __future__ import annotations

import copyreg
import os
import pickle
import queue
import subprocess
import sys
import time
from collections.abc import Callable, Sequence
from contextlib import suppress
from pathlib import Path
from threading import Condition, Thread
from types import MappingProxyType
from typing import IO, Any, Final

from computesim.errors import ComputesimError

PATIENCE: Final = 1.0  #: s of work in this process before others are started, which takes as long
GLANCE: Final = 0.2  #: s between two looks at how far the others are
SETTING: Final = "COMPUTESIM_JOBS"
_START: Final = "import sys; sys.path[:] = {path!r}; from {module} import {serve}; {serve}()"

Call = tuple[Callable[..., Any], tuple[Any, ...]]  #: a function of a module, and its arguments
Answer = Callable[[int, Any, float], None]  #: takes the number of a call, its result, its seconds


def usable_cores() -> int:
    """Return the cores that this process may use, or what COMPUTESIM_JOBS says.

    Raises
    ------
    ComputesimError
        If the setting is no number of processes.
    """
    word = os.environ.get(SETTING)
    if word:
        if not word.isdecimal() or int(word) < 1:
            raise ComputesimError(
                f"{SETTING} is {word!r}; it takes a number of processes, 1 or more"
            )
        return int(word)
    if hasattr(os, "sched_getaffinity"):
        cores = len(os.sched_getaffinity(0))
    else:
        cores = os.cpu_count() or 1
    return max(1, min(cores, int(_quota())))


def _quota() -> float:
    """Return the cores that a container is allowed, infinite where nothing limits it."""
    with suppress(OSError, ValueError):
        limit, period = Path("/sys/fs/cgroup/cpu.max").read_text(encoding="ascii").split()
        return float(limit) / float(period)
    return 1e9


class Crowd:
    """Calls that several processes take from one list.

    Parameters
    ----------
    calls : sequence of Call
    wanted : callable
        Tells by its number whether a call is still wanted when its turn comes.
    answer : callable
        Takes the number of a call, its result and its seconds, from any thread.
    """

    def __init__(
        self, calls: Sequence[Call], wanted: Callable[[int], bool], answer: Answer
    ) -> None:
        self.calls = calls
        self._wanted = wanted
        self._answer = answer
        self._left = list(reversed(range(len(calls))))
        self._begun: set[int] = set()
        self._over = False
        self._changed = Condition()

    @property
    def settled(self) -> int:
        """Calls that need no more work."""
        return len(self.calls) - len(self._left) - len(self._begun)

    def run(self, jobs: int, look: Callable[[], None]) -> None:
        """Make all calls; after the first one that fails the rest is left alone.

        Parameters
        ----------
        jobs : int
            Processes, this one included.
        look : callable
            Called now and then in this thread.
        """
        start, alone, others = time.monotonic(), True, list[_Other]()
        try:
            while self._left or self._begun:
                number = self.next()
                look()
                if number is not None:
                    self._make(number)
                elif self._over:
                    break
                else:
                    with self._changed:
                        self._changed.wait(GLANCE)
                if alone and time.monotonic() - start > PATIENCE:
                    alone = False
                    for _ in range(min(jobs - 1, len(self._left))):
                        with suppress(OSError):  # no more processes: it takes longer
                            others.append(_Other(self))
        finally:
            self._over = True
            for other in others:
                other.end()

    def next(self) -> int | None:
        """Return the number of the next call that is wanted, None if there is none for now."""
        while not self._over:
            with self._changed:
                if not self._left:
                    return None
                number = self._left.pop()
                self._begun.add(number)
            if self._wanted(number):
                return number
            self._settle(number)
        return None

    def take(self, number: int, result: Any, seconds: float) -> None:
        """Hand on what a call returned."""
        self._answer(number, result, seconds)
        self._settle(number)

    def fail(self) -> None:
        """Leave the rest alone: a call failed, which whoever asks for it in its turn will see."""
        with self._changed:
            self._over = True
            self._changed.notify()

    def lose(self, number: int) -> None:
        """Make a call once more if nobody took its result: its process was lost."""
        with self._changed:
            if number in self._begun:
                self._begun.discard(number)
                self._left.append(number)
            self._changed.notify()

    def _settle(self, number: int) -> None:
        with self._changed:
            self._begun.discard(number)
            self._changed.notify()

    def _make(self, number: int) -> None:
        """Make a call in this process."""
        function, args = self.calls[number]
        start = time.perf_counter()
        try:
            result = function(*args)
        except Exception:
            self.fail()
        else:
            self.take(number, result, time.perf_counter() - start)


class _Other(Thread):
    """Another process, and the thread that gives it calls."""

    def __init__(self, crowd: Crowd) -> None:
        super().__init__(daemon=True)
        self._crowd = crowd
        start = _START.format(path=sys.path, module=__name__, serve=_serve.__name__)
        self._process = subprocess.Popen(
            [sys.executable, "-c", start],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            start_new_session=True,  # Ctrl-C is the parent's affair
        )
        self.start()

    def run(self) -> None:
        """Give the process one call after another, once it is there."""
        with suppress(OSError, EOFError, pickle.PickleError):  # the process is lost
            self._heard()
            while (number := self._crowd.next()) is not None:
                try:
                    self._pass_on(number)
                finally:
                    self._crowd.lose(number)

    def _pass_on(self, number: int) -> None:
        """Let the process make a call."""
        _send(self._process.stdin, self._crowd.calls[number])
        well, result, seconds = self._heard()
        if well:
            self._crowd.take(number, result, seconds)
        else:
            self._crowd.fail()

    def _heard(self) -> Any:
        """Return the next thing that the process says."""
        assert self._process.stdout is not None
        return pickle.load(self._process.stdout)

    def end(self) -> None:
        """End the process, whatever it does."""
        self._process.kill()
        self._process.wait()
        self.join()
        for pipe in (self._process.stdin, self._process.stdout):
            with suppress(OSError):  # what was not sent yet has nowhere to go
                pipe.close()  # type: ignore[union-attr]


class _Pickler(pickle.Pickler):
    """A pickler that knows read-only mappings."""

    dispatch_table = copyreg.dispatch_table.copy()
    dispatch_table[MappingProxyType] = lambda mapping: (_read_only, (dict(mapping),))


def _read_only(mapping: dict[Any, Any]) -> MappingProxyType[Any, Any]:
    return MappingProxyType(mapping)


def _send(pipe: IO[bytes] | None, what: Any) -> None:
    """Write an object into a pipe."""
    assert pipe is not None
    _Pickler(pipe).dump(what)
    pipe.flush()


def _serve() -> None:
    """Answer calls until nobody asks any more; what calls print goes to stderr."""
    answers = os.fdopen(os.dup(1), "wb")
    os.dup2(2, 1)
    calls: queue.SimpleQueue[Call] = queue.SimpleQueue()
    _send(answers, "here")
    Thread(target=_listen, args=(calls,), daemon=True).start()
    while True:
        function, args = calls.get()
        start = time.perf_counter()
        try:
            answer = True, function(*args), time.perf_counter() - start
        except Exception:
            answer = False, None, 0.0
        _send(answers, answer)


def _listen(calls: queue.SimpleQueue[Call]) -> None:
    """Pass calls on; end this process, busy or not, when the one that asks is gone."""
    try:
        while True:
            calls.put(pickle.load(sys.stdin.buffer))
    finally:
        os._exit(0)
