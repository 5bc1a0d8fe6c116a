"""A batch on several workers: each takes a shard, the gradients are summed in a fixed order.

Workers are forked processes that share a stretch of unnamed memory: nothing is
left behind however they end, and each end of a pipe tells the other side when
a process is gone. Where processes cannot be forked the shards are done one
after the other, to the same bits. Statistics that layers keep (batch norm's)
are those of the first shard, as in PyTorch's DistributedDataParallel.
"""

from __future__ import annotations

import mmap
import os
import select
import signal
import struct
import warnings
from collections.abc import Callable, Iterator
from contextlib import suppress
from time import perf_counter, sleep
from typing import Any, Final, NoReturn, TypeAlias

import numpy as np

from cnnspec.backends.contract import BatchResult, BatchSource, Images
from cnnspec.backends.numpy.layout import Array
from cnnspec.backends.numpy.parameters import Parameters
from cnnspec.backends.numpy.program import Program
from cnnspec.diagnostics import SpecError

MakeProgram: TypeAlias = Callable[[int], Program]
"""The training program for a size of batches."""

ORDER: Final = struct.Struct("<cqqq")
EPOCH, STEP = b"e", b"s"
DONE: Final = b"."
AWAKE: Final = 2e-4
"""Seconds a waiting process stays awake: to be woken takes as long as a sixth of a small step."""

MOMENT: Final = 1.0
"""Seconds after which a worker that does not answer may have been stopped, or one that is let go be stuck."""
NAP: Final = 2e-3


class SingleProcess:
    """One worker: the whole batch in this process.

    An ``epoch`` gives the batches of the first worker; ``step`` takes each of them in turn,
    whereupon the whole batch's gradient is in the parameters' ``flat_gradient``.
    """

    def __init__(self, batches: BatchSource, program: MakeProgram) -> None:
        self.batches, self.program = batches, program

    def epoch(self, epoch: int, first: int) -> Iterator[tuple[Images, Array]]:
        """The batches of an epoch, from place ``first`` on."""
        return self.batches.epoch(epoch, first)

    def step(self, images: Images, labels: Array, step: int) -> BatchResult:
        """One batch forward and backward; ``step`` counts from 0 over the whole training."""
        loss, correct = self.program(len(labels)).step(images, labels)
        return BatchResult(loss, correct, len(labels))

    def close(self) -> None:
        """Lets everything go that is held between steps: nothing, where there are no processes."""


class DataParallel(SingleProcess):
    """Several workers. This process does the first shard, sums the gradients, and moves the weights."""

    def __init__(
        self, parameters: Parameters, batches: BatchSource, program: MakeProgram, count: int
    ) -> None:
        self.shards = [batches.shard(n, count) for n in range(count)]
        super().__init__(self.shards[0], program)
        self.parameters, self.count = parameters, count
        size = parameters.flat.size
        self.weights = _shared((size,), parameters.dtype)
        self.gradients = _shared((count - 1, size), parameters.dtype)
        self.results = _shared((count - 1, 3), np.dtype(float))
        self.workspace = np.empty_like(parameters.flat)
        trained = parameters.gradients
        self.buffers = [values for name, values in parameters.weights.items() if name not in trained]

    def work(self, images: Images, labels: Array, worker: int, step: int) -> BatchResult:
        """One shard forward and backward, with random numbers of its own."""
        if not len(labels):
            self.parameters.flat_gradient.fill(0)
            return BatchResult(0.0, 0, 0)
        state = np.random.PCG64([self.parameters.seed, step, worker]).state
        self.parameters.random.bit_generator.state = state
        return SingleProcess.step(self, images, labels, step)

    def combine(self, own: BatchResult) -> BatchResult:
        """The weighted sum of all gradients, in the order of the workers."""
        gradient, total = self.parameters.flat_gradient, own.samples + int(self.results[:, 2].sum())
        np.multiply(gradient, own.samples / total, out=gradient)
        for part, (_, _, samples) in zip(self.gradients, self.results, strict=True):
            np.multiply(part, samples / total, out=self.workspace)
            np.add(gradient, self.workspace, out=gradient)
        return BatchResult(
            own.loss + float(self.results[:, 0].sum()), own.correct + float(self.results[:, 1].sum()), total
        )

    def keep(self, worker: int, found: BatchResult) -> None:
        """Puts a worker's gradient and figures where the first one finds them."""
        np.copyto(self.gradients[worker - 1], self.parameters.flat_gradient)
        self.results[worker - 1] = found.loss, found.correct, found.samples


class Sequential(DataParallel):
    """The shards one after the other in this process: the definition that ``Processes`` agrees with."""

    def epoch(self, epoch: int, first: int) -> Iterator[tuple[Images, Array]]:
        self.others = [shard.epoch(epoch, first) for shard in self.shards[1:]]
        return super().epoch(epoch, first)

    def step(self, images: Images, labels: Array, step: int) -> BatchResult:
        own = self.work(images, labels, 0, step)
        gradient = self.parameters.flat_gradient.copy()
        statistics = [values.copy() for values in self.buffers]
        for worker, batches in enumerate(self.others, 1):
            self.keep(worker, self.work(*next(batches), worker, step))
        for values, before in zip(self.buffers, statistics, strict=True):
            np.copyto(values, before)
        np.copyto(self.parameters.flat_gradient, gradient)
        return self.combine(own)


class Processes(DataParallel):
    """The shards at the same time, each in a process."""

    def __init__(
        self, parameters: Parameters, batches: BatchSource, program: MakeProgram, count: int
    ) -> None:
        super().__init__(parameters, batches, program, count)
        self.orders: list[int] = []
        self.answers: list[int] = []
        self.pids: list[int] = []

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
        batches: Iterator[tuple[Images, Array]] = iter(())
        while len(words := _read(order, ORDER.size)) == ORDER.size:
            kind, step, epoch, first = ORDER.unpack(words)
            if kind == EPOCH:
                batches = self.shards[worker].epoch(epoch, first)
                continue
            images, labels = next(batches)
            np.copyto(self.parameters.flat, self.weights)
            self.keep(worker, self.work(images, labels, worker, step))
            os.write(done, DONE)

    def epoch(self, epoch: int, first: int) -> Iterator[tuple[Images, Array]]:
        for worker in range(len(self.pids) + 1, self.count):
            self._start(worker)
        self._tell(EPOCH, 0, epoch, first)
        return super().epoch(epoch, first)

    def step(self, images: Images, labels: Array, step: int) -> BatchResult:
        np.copyto(self.weights, self.parameters.flat)
        self._tell(STEP, step, 0, 0)
        own = self.work(images, labels, 0, step)
        for worker, answer in enumerate(self.answers, 1):
            while not _ready(answer, AWAKE, MOMENT):  # one that was stopped (SIGSTOP) is woken
                os.kill(self.pids[worker - 1], signal.SIGCONT)
            if _read(answer, 1) != DONE:
                raise _lost(worker)
        return self.combine(own)

    def _tell(self, kind: bytes, step: int, epoch: int, first: int) -> None:
        for worker, order in enumerate(self.orders, 1):
            try:
                os.write(order, ORDER.pack(kind, step, epoch, first))
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
    parameters: Parameters, batches: BatchSource, program: MakeProgram, count: int
) -> SingleProcess:
    """The workers of a recipe: processes where the system can fork, one after the other elsewhere."""
    if count == 1:
        return SingleProcess(batches, program)
    return (Processes if hasattr(os, "fork") else Sequential)(parameters, batches, program, count)


def _shared(shape: tuple[int, ...], dtype: np.dtype[Any]) -> Array:
    """Zeros in memory that forked processes share, and that ends with the last of them."""
    size = int(np.prod(shape)) * dtype.itemsize
    return np.frombuffer(mmap.mmap(-1, max(1, size)), dtype, count=int(np.prod(shape))).reshape(shape)


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
