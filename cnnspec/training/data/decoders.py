"""Processes that decode images for this one: threads would wait for each other, as half of it is Python.

Each is forked when it is first needed, lives by a pipe of orders and ends with it, so that none outlives its
parent, however that ends.
"""

from __future__ import annotations

import gc
import os
import signal
import struct
import warnings
import weakref
from collections.abc import Callable, Sequence
from contextlib import suppress
from typing import Any, Final, NoReturn

import numpy as np
from numpy.typing import NDArray

from cnnspec.training.data.picture import QUIET
from cnnspec.training.data.preprocess import Bytes

SIZE: Final = struct.Struct("=q")
ROOM: Final = 1 << 20
"""Bytes of a pipe of answers."""
DONE, FAILED, GONE = b"\0", b"\1", b""
"""Answers: all images follow; one of them could not be had; nobody is there to answer."""
Decode = Callable[[int], Bytes]


class DecodingProcesses:
    """So many processes, each with a pipe of orders and one of answers; only who made them may use them."""

    def __init__(self, decode: Decode, count: int) -> None:
        self.owner = os.getpid()
        self.orders: list[int] = []
        self.answers: list[int] = []
        self.pids: list[int] = []
        for _ in range(count):
            self._start(decode)
        self.close = weakref.finalize(self, _close, self.owner, self.orders, self.answers, self.pids)

    def __len__(self) -> int:
        return len(self.pids)

    def _start(self, decode: Decode) -> None:
        (order, give), (answer, done) = os.pipe(), os.pipe()
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", DeprecationWarning)
            pid = os.fork()
        if pid == 0:
            _serve(decode, order, done, (give, answer, *self.orders, *self.answers))
        os.close(order)
        os.close(done)
        _widen(answer)
        self.orders.append(give)
        self.answers.append(answer)
        self.pids.append(pid)

    def order(self, worker: int, places: Sequence[int] | NDArray[np.int64]) -> bool:
        """Asks for the images of these places; False where the process is gone."""
        words = np.asarray(places, np.int64).tobytes()
        with suppress(OSError):
            return _write(self.orders[worker], SIZE.pack(len(places)), words)
        return False

    def receive(self, worker: int, found: Bytes) -> bytes:
        """Fills in what was asked for first; the answer."""
        with suppress(OSError):
            answer = os.read(self.answers[worker], 1)
            return GONE if answer == DONE and not _fill(self.answers[worker], found) else answer
        return GONE


def _serve(decode: Decode, order: int, done: int, others: Sequence[int]) -> NoReturn:
    """The life of a process: it ends with the pipe, never by returning."""
    try:
        signal.signal(signal.SIGINT, signal.SIG_IGN)
        gc.freeze()  # or all that the parent has is gone through again and again
        QUIET.__enter__()  # once for all images
        for end in others:
            os.close(end)
        while words := os.read(order, SIZE.size):
            places = np.empty(SIZE.unpack(words)[0], np.int64)
            _fill(order, places)
            try:
                images = np.stack([decode(place) for place in places.tolist()])
            except Exception:
                os.write(done, FAILED)  # who asked tries again, and hears why
                continue
            _write(done, DONE, images.reshape(-1))
    finally:
        os._exit(0)


def _close(owner: int, orders: list[int], answers: list[int], pids: list[int]) -> None:
    if owner != os.getpid():
        return
    for end in (*orders, *answers):
        os.close(end)
    for pid in pids:
        with suppress(ProcessLookupError, ChildProcessError):
            os.kill(pid, signal.SIGKILL)  # a process that was forked since may hold its pipe open
            os.waitpid(pid, 0)
    for each in (orders, answers, pids):
        each.clear()


def _widen(pipe: int) -> None:
    """Room for many images, so that who writes need not wait for who reads; where the system has that."""
    with suppress(ImportError, AttributeError, OSError):
        import fcntl

        fcntl.fcntl(pipe, fcntl.F_SETPIPE_SZ, ROOM)


def _write(end: int, *parts: Any) -> bool:
    for part in parts:
        rest = memoryview(part).cast("B")
        while rest:
            rest = rest[os.write(end, rest) :]
    return True


def _fill(end: int, found: NDArray[Any]) -> bool:
    """Reads an array from a pipe; False where it ends before."""
    rest = memoryview(found.reshape(-1).view(np.uint8))  # type: ignore[arg-type]
    while rest:
        count = os.readv(end, [rest])
        if not count:
            return False
        rest = rest[count:]
    return True
