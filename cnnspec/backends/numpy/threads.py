"""How many threads a prediction or a training uses, and its matrix products.

Small products gain nothing from a second thread, and lose a hundredfold when
the machine is busy: OpenBLAS's threads wait for each other by spinning. So
small networks are trained on one, unless the user has chosen a number.
"""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import AbstractContextManager, contextmanager, nullcontext
from functools import cache
from threading import Lock
from typing import Final

from threadpoolctl import LibController, ThreadpoolController

CHOSEN_BY: Final = ("OPENBLAS_NUM_THREADS", "OMP_NUM_THREADS")
"""With one of these in the environment the number is the user's."""
SMALL: Final = 500_000_000
"""Multiplies of a batch, forward, up to which one of BLAS's threads is as good as many."""
WORTH_SHARING: Final = 50_000_000
"""Multiplies of a batch from which threads that take some samples each predict faster than one; for those
that share the steps of a single sample it is ``SMALL``: MobileNet v2 takes 41 ms on one, 46 on two."""
WHOLE: Final = 20_000_000
"""And from which they gain that take whole batches: 10,000 images of LeNet in 0.22 s in place of 0.31."""


def threads_for(multiplies: int) -> AbstractContextManager[object]:
    """Within ``with``: one thread for a batch of so few multiplies, as many as ever for a larger one."""
    if multiplies > SMALL or _chosen():
        return nullcontext()
    limited: AbstractContextManager[object] = _libraries().limit(limits=1, user_api="blas")
    return limited


def sharing(samples: int, batch: int, multiplies: int) -> tuple[int, int]:
    """How many threads predict, as many as BLAS would use or fewer, and how many samples each at once.

    ``multiplies`` are those of a batch. One sample is shared step by step.
    """
    if multiplies > (SMALL if batch == 1 or _chosen() else WORTH_SHARING):
        lanes = _SOLO.threads
        each = -(-batch // lanes)
        return lanes if batch == 1 else -(-batch // each), each
    if multiplies > WHOLE and batch > 1 and not _chosen():
        return min(_SOLO.threads, -(-samples // batch)), batch
    return 1, batch


def threads_of(lanes: int, multiplies: int) -> AbstractContextManager[object]:
    """Within ``with``: what BLAS may use beside so many threads of ours."""
    return threads_for(multiplies) if lanes == 1 else _SOLO.held()


def _chosen() -> bool:
    return any(name in os.environ for name in CHOSEN_BY)


class Solo:
    """BLAS on one thread as long as anyone wants it so, in whatever order they begin and end."""

    def __init__(self) -> None:
        self.start_afresh()

    def start_afresh(self) -> None:
        self._lock, self._holders, self._before = Lock(), 0, 1

    @property
    def threads(self) -> int:
        """BLAS's threads, but for what is held here."""
        with self._lock:
            return self._before if self._holders else _threads()

    @contextmanager
    def held(self) -> Iterator[None]:
        with self._lock:
            self._holders += 1
            if self._holders == 1:
                self._before = _threads()
                _set_threads(1)
        try:
            yield
        finally:
            with self._lock:
                self._holders -= 1
                if self._holders == 0:
                    _set_threads(self._before)


_SOLO: Final = Solo()


def _after_fork() -> None:
    """What another thread held nobody will give back here."""
    held, before = _SOLO._holders, _SOLO._before
    _SOLO.start_afresh()
    if held:
        _set_threads(before)


if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_after_fork)


def _threads() -> int:
    return max((library.num_threads for library in _blas()), default=1)


def _set_threads(count: int) -> None:
    for library in _blas():
        library.set_num_threads(count)


@cache
def _blas() -> list[LibController]:
    return [library for library in _libraries().lib_controllers if library.user_api == "blas"]


@cache
def _libraries() -> ThreadpoolController:
    return ThreadpoolController()
