"""The processes that torchrun starts, joined by ``torch.distributed``."""

from __future__ import annotations

import os
import signal
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import timedelta
from pathlib import Path
from threading import Thread
from time import sleep
from types import FrameType
from typing import Any, Final, TypeVar

import torch
import torch.distributed as dist

from cnnspec.backends.processes import ProcessGroup
from cnnspec.diagnostics import SpecError

T = TypeVar("T")
PATIENCE: Final = timedelta(minutes=30)
"""How long a process waits for one that says nothing: loading data may take some time."""
MOMENT: Final = 0.5
"""Seconds between two looks whether torchrun is still there."""
PARTING: Final = 5.0
"""Seconds to end in, when it is not."""


def local_rank() -> int:
    """The number of this process among those of its host; 0 without torchrun."""
    return int(os.environ.get("LOCAL_RANK", "0"))


class TorchGroup(ProcessGroup):
    """Those of a process group. Raises SpecError where another one ended."""

    def __init__(self) -> None:
        self.rank, self.size = dist.get_rank(), dist.get_world_size()

    def share(self, value: T) -> T:
        values: list[Any] = [value]
        with losses_told():
            dist.broadcast_object_list(values)
        found: T = values[0]
        return found

    def gather(self, value: T) -> list[T]:
        parts: list[Any] = [None] * self.size
        with losses_told():
            dist.all_gather_object(parts, value)
        return parts

    def sum(self, values: list[float]) -> list[float]:
        tensor = torch.tensor(values, dtype=torch.float64)
        with losses_told():
            dist.all_reduce(tensor)
        found: list[float] = tensor.tolist()
        return found


def processes() -> ProcessGroup:
    """Those that joined, or this one alone."""
    return TorchGroup() if dist.is_initialized() else ProcessGroup()


@contextmanager
def joined() -> Iterator[ProcessGroup]:
    """Within ``with``, this process is one of those that torchrun started.

    torchrun asks the others to end when one has ended: that is told as the loss of a worker.
    """
    if _is_orphan():
        raise lost()
    before = signal.signal(signal.SIGTERM, _end)
    Thread(target=_end_with, args=(os.getppid(),), daemon=True).start()
    kinds = "cpu:gloo,cuda:nccl" if torch.cuda.is_available() else "gloo"
    if torch.cuda.is_available():
        torch.cuda.set_device(local_rank())
    dist.init_process_group(kinds, timeout=PATIENCE)
    try:
        yield TorchGroup()
        with losses_told():
            dist.barrier()
    finally:
        signal.signal(signal.SIGTERM, before)
        dist.destroy_process_group()


def _end(number: int, frame: FrameType | None) -> None:
    raise lost()


def _is_orphan() -> bool:
    """Whether torchrun ended before this process began to look: then nobody else will come."""
    first = Path("/proc/1/cmdline")
    return os.getppid() == 1 and first.exists() and b"torch" not in first.read_bytes()


def _end_with(parent: int) -> None:
    """Ends this process when torchrun is gone, who would have ended it."""
    while os.getppid() == parent:
        sleep(MOMENT)
    os.kill(os.getpid(), signal.SIGTERM)
    sleep(PARTING)
    os._exit(1)


@contextmanager
def losses_told() -> Iterator[None]:
    """What PyTorch raises when another process has gone, as a sentence."""
    try:
        yield
    except RuntimeError as error:
        if isinstance(error, dist.DistError) or "gloo" in str(error) or "NCCL" in str(error):
            raise lost() from error
        raise


def lost() -> SpecError:
    """That a process of the training ended."""
    return SpecError.of(
        "worker-lost", "another process of this training ended in the middle of a step",
        "continue from the last checkpoint, on any number of processes: --resume",
        notes=("what it said stands above, if it could say anything; or it was killed",),
    )  # fmt: skip
