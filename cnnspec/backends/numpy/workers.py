"""A batch on several workers: each takes a shard, then sums and moves a part of the weights.

Workers are forked processes that share a stretch of unnamed memory: nothing is
left behind however they end, and each end of a pipe tells the other side when
a process is gone. Where processes cannot be forked the shards are done one
after the other, to the same bits.
"""

from __future__ import annotations

import os
import select
import signal
import struct
import warnings
from collections.abc import Iterator
from contextlib import suppress
from time import perf_counter, sleep
from typing import Any, Final, NoReturn

import numpy as np

from cnnspec.backends.contract import BatchResult, BatchSource, Images
from cnnspec.backends.numpy.exchange import shared_like
from cnnspec.backends.numpy.layout import Array
from cnnspec.backends.numpy.optimizers import Optimizer, make_optimizer, shrink
from cnnspec.backends.numpy.parameters import Parameters
from cnnspec.backends.numpy.shards import DataParallel, MakeProgram, Sequential, SingleProcess
from cnnspec.diagnostics import SpecError
from cnnspec.recipe.models import Recipe

ORDER: Final = struct.Struct("<cqqd")
"""What is to be done; the number of an epoch, a step, or an optimizer's steps; a place; a rate."""
EPOCH, STEP, SUM, MOVE = b"e", b"s", b"g", b"m"
DONE: Final = b"."
AWAKE: Final = 2e-4
"""Seconds a waiting process stays awake: to be woken takes as long as a sixth of a small step."""

MOMENT: Final = 1.0
"""Seconds after which a worker that does not answer may have been stopped, or one that is let go be stuck."""
NAP: Final = 2e-3


class Processes(DataParallel):
    """The shards at the same time, each in a process."""

    def __init__(
        self, parameters: Parameters, batches: BatchSource, program: MakeProgram, recipe: Recipe
    ) -> None:
        super().__init__(parameters, batches, program, recipe)
        self.orders: list[int] = []
        self.answers: list[int] = []
        self.pids: list[int] = []
        self.changed = parameters.watch(parameters.gradients)

    def make_optimizer(self, setting: Any) -> Optimizer:
        return make_optimizer(setting, self.exchange.weights, shared_like)

    def _start(self, worker: int) -> None:
        (order, give), (answer, done) = os.pipe(), os.pipe()
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", DeprecationWarning)
            pid = os.fork()
        if pid == 0:
            for end in (give, answer, *self.orders, *self.answers):
                os.close(end)
            self._serve(worker, order, done)
        os.close(order)
        os.close(done)
        self.orders.append(give)
        self.answers.append(answer)
        self.pids.append(pid)

    def _serve(self, worker: int, order: int, done: int) -> NoReturn:
        """A worker's life: it ends with the pipe, with an error, never by returning."""
        code = 1
        try:
            signal.signal(signal.SIGINT, signal.SIG_IGN)
            with np.errstate(all="ignore"):
                self._obey(worker, order, done)
            code = 0
        except BrokenPipeError:
            code = 0
        finally:
            os._exit(code)

    def _obey(self, worker: int, order: int, done: int) -> None:
        self.parameters.move(self.exchange.weights, self.exchange.gradients[worker])
        self.lent = self.parameters.flat  # to the others, who write there
        batches: Iterator[tuple[Images, Array]] = iter(())
        self._take_part(worker)
        while len(words := _read(order, ORDER.size)) == ORDER.size:
            kind, number, first, rate = ORDER.unpack(words)
            if kind == EPOCH:
                batches = self.shards[worker].epoch(number, first)
                continue
            if kind == STEP:
                self.work(*next(batches), worker, number)
            elif kind == SUM:
                self._sum()
            else:
                self._move(number, rate)
            os.write(done, DONE)

    def _take_part(self, worker: int) -> None:
        """This process moves the part of the weights that is this worker's."""
        self.worker = worker
        self.part = self.optimizer.part(self.exchange.parts[worker])

    def epoch(self, epoch: int, first: int) -> Iterator[tuple[Images, Array]]:
        for worker in range(len(self.pids) + 1, self.count):
            self._start(worker)
        self._take_part(0)
        self._tell(EPOCH, epoch, first)
        return super().epoch(epoch, first)

    def step(self, images: Images, labels: Array, step: int) -> BatchResult:
        if self.changed():
            np.copyto(self.exchange.weights, self.parameters.flat)
        self._tell(STEP, step)
        self.work(images, labels, 0, step)
        self.publish(0)
        self._wait()
        return self.exchange.total

    def update(self, rate: float) -> None:
        if self.largest:
            self._tell(SUM)
            self._sum()
            self._wait()
        self._tell(MOVE, self.optimizer.count, rate=rate)
        self._move(self.optimizer.count, rate)
        self._wait()
        self.optimizer.count = self.part.count
        np.copyto(self.parameters.flat, self.exchange.weights)
        self.changed()  # by this, which counts for programs only

    def _sum(self) -> None:
        self.gradient = self.exchange.own_sum(self.worker)
        self.exchange.measure(self.worker, self.gradient)

    def _move(self, count: int, rate: float) -> None:
        """One step of the optimizer, which has made ``count``, on this worker's part."""
        if self.largest:
            shrink(self.gradient, self.exchange.norm, self.largest)
        else:
            self.gradient = self.exchange.own_sum(self.worker)
        self.part.count = count
        self.part.update(self.gradient, rate)

    def _wait(self) -> None:
        """Until every other worker has done what it was told."""
        for worker, answer in enumerate(self.answers, 1):
            while not _ready(answer, AWAKE, MOMENT):  # one that was stopped (SIGSTOP) is woken
                os.kill(self.pids[worker - 1], signal.SIGCONT)
            if _read(answer, 1) != DONE:
                raise _lost(worker)

    def _tell(self, kind: bytes, number: int = 0, first: int = 0, rate: float = 0.0) -> None:
        for worker, order in enumerate(self.orders, 1):
            try:
                os.write(order, ORDER.pack(kind, number, first, rate))
            except BrokenPipeError:
                raise _lost(worker) from None

    def close(self) -> None:
        """Lets the workers go and waits for their end; who does not go in a moment is killed."""
        for end in (*self.orders, *self.answers):
            os.close(end)
        self.orders, self.answers = [], []
        until = perf_counter() + MOMENT
        try:
            while self.pids and perf_counter() < until:
                if _ended(self.pids[-1], os.WNOHANG):
                    self.pids.pop()
                else:
                    sleep(NAP)
        finally:
            while self.pids:
                with suppress(ProcessLookupError):
                    os.kill(self.pids[-1], signal.SIGKILL)
                _ended(self.pids.pop(), 0)


def _ended(pid: int, how: int) -> bool:
    """Whether a child has ended; its remains are taken away."""
    try:
        return os.waitpid(pid, how)[0] == pid
    except ChildProcessError:
        return True


def workers_of(
    parameters: Parameters, batches: BatchSource, program: MakeProgram, recipe: Recipe
) -> SingleProcess:
    """The workers of a recipe: processes where the system can fork, one after the other elsewhere."""
    if recipe.workers == 1:
        return SingleProcess(parameters, batches, program, recipe)
    return (Processes if hasattr(os, "fork") else Sequential)(parameters, batches, program, recipe)


def _read(end: int, size: int) -> bytes:
    """Bytes from a pipe, ``b""`` when the other side is gone."""
    _ready(end, AWAKE, None)
    return os.read(end, size)


def _ready(end: int, awake: float, asleep: float | None) -> bool:
    """Whether a pipe has something to read after so many seconds of asking and of sleep; None is for ever."""
    ready, until = select.poll(), perf_counter() + awake
    ready.register(end, select.POLLIN)
    while not ready.poll(0) and perf_counter() < until:
        os.sched_yield()
    return bool(ready.poll(None if asleep is None else 1000 * asleep))


def _lost(worker: int) -> SpecError:
    return SpecError.of(
        "worker-lost", f"worker {worker + 1} ended in the middle of a step",
        "continue from the last checkpoint: --resume", "or train with one worker",
        notes=("it was killed, or the machine ran out of memory",),
    )  # fmt: skip
