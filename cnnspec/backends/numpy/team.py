"""Threads that share a prediction: the samples of a batch, or what the steps of a single sample do.

Each of them runs matrix products on its own, with BLAS on one thread. BLAS's threads wait for each other
by spinning, within each product: beside other programs whoever waits takes the core that the other one
needs. These wait asleep, once a batch or a time or two a layer, so a busy machine costs a prediction its
share and no more; and they share copies and additions too, not products alone.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator, Sequence
from itertools import count
from queue import SimpleQueue
from threading import Lock, Thread
from typing import Final, TypeAlias

import numpy as np

Task: TypeAlias = Callable[[], object]

PATIENCE: Final = 5.0
"""Seconds that an interrupted call waits for the tasks that others are at."""


class Job:
    """Tasks that any thread may take, each once."""

    def __init__(self, tasks: Sequence[Task]) -> None:
        self.tasks, self.error = tasks, None
        self._next, self._done, self._ended = count(), count(1), Lock()
        self._ended.acquire()

    error: BaseException | None

    def work(self) -> None:
        """Takes tasks until none is left; drawing from a count is one step for the interpreter."""
        tasks = self.tasks
        for n in self._next:
            if n >= len(tasks):
                return
            try:
                tasks[n]()
            except BaseException as error:
                self.error = error
            if next(self._done) == len(tasks):
                self._ended.release()

    def wait(self, seconds: float = -1) -> None:
        """Waits until all tasks are done, even where the waiting is interrupted; raises what one raised."""
        try:
            self._ended.acquire(timeout=seconds)
        except BaseException:
            self._ended.acquire(timeout=PATIENCE)
            raise
        finally:
            self.tasks = ()  # a thread that comes late holds nothing
        if self.error is not None:
            raise self.error


class Team:
    """Threads asleep until there is a job; as many as were ever needed at once."""

    def __init__(self) -> None:
        self.start_afresh()

    def start_afresh(self) -> None:
        """No threads: a forked process has none of them."""
        self._jobs: SimpleQueue[Job] = SimpleQueue()
        self._lock, self._size = Lock(), 0

    def share(self, tasks: Sequence[Task]) -> None:
        """All tasks, one by this thread and each of the others by another that is free."""
        if len(tasks) == 1:
            tasks[0]()
            return
        others = len(tasks) - 1
        if self._size < others:
            self._grow(others)
        job = Job(tasks)
        for _ in range(others):
            self._jobs.put(job)
        try:
            job.work()
        except BaseException:  # between two tasks: the one it had drawn, nobody does
            job.wait(PATIENCE)
            raise
        job.wait()

    def _grow(self, size: int) -> None:
        with self._lock:
            for n in range(self._size, size):
                Thread(target=_serve, args=(self._jobs,), name=f"cnnspec-{n}", daemon=True).start()
            self._size = max(self._size, size)


def _serve(jobs: SimpleQueue[Job]) -> None:
    np.seterr(all="ignore")  # each thread has its own setting
    while True:
        jobs.get().work()


TEAM: Final = Team()

if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=TEAM.start_afresh)


def together(tasks: Sequence[Task], lanes: int) -> None:
    """Do all of these, at the same time where there are several lanes."""
    if lanes > 1 and tasks:
        TEAM.share(tasks)
        return
    for task in tasks:
        task()


def parts(size: int, count: int) -> Iterator[slice]:
    """A range cut into so many parts as equal as can be, fewer where it is shorter."""
    count = max(1, min(size, count))
    for n in range(count):
        yield slice(n * size // count, (n + 1) * size // count)
