"""What a case may take: processor time, memory, and no child left behind."""

from __future__ import annotations

import os
import resource
import signal
import sys
import traceback
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path
from time import process_time
from types import FrameType
from typing import Any, Final

SLOWEST: Final = 2.0
"""Seconds of processor time that a stage may take."""
HANG = 25.0
"""Seconds of processor time after which a stage is stopped."""
MOST_MEMORY: Final = 500_000_000
"""Bytes that one case may add to what the process held before it."""
PROC: Final = Path("/proc/self")


class Hangs(BaseException):
    """The time is over; no handler of ordinary exceptions takes it for its own."""


@dataclass
class Verdict:
    """What went wrong with a case: ``(stage, what)``; and how long each stage took."""

    faults: list[tuple[str, str]] = field(default_factory=list)
    seconds: dict[str, float] = field(default_factory=dict)
    built: bool = False
    layers: int = 0
    memory: int = 0
    """Bytes it added at most."""
    held: int = 0
    """Bytes that the process holds after it."""

    def attempt(self, name: str, work: Callable[[], Any], expected: tuple[type[BaseException], ...]) -> Any:
        """Runs a stage within the time; any exception but the ``expected`` is a fault."""
        started, result = process_time(), None
        try:
            with watchdog():
                result = work()
        except expected:
            pass
        except (Exception, Hangs) as error:
            self.faults.append((name, told(error)))
        self.seconds[name] = process_time() - started
        return result

    def judge_time(self, name: str, seconds: float, most: float) -> None:
        """A fault where it took too long; who has others beside it tries it again alone (``kinds.alone``)."""
        if seconds > most:
            self.faults.append((name, f"took {seconds:.1f} s"))

    @property
    def is_late(self) -> bool:
        """Whether all that went wrong is that it took too long."""
        return bool(self.faults) and all(
            what.startswith(("took ", "Hangs: stopped")) for _, what in self.faults
        )


MOST_SLOW: Final = 2.0
"""Times as long as on a quiet machine that a stage may take on a busy one, and no more."""


def _pace() -> float:
    """Processor time for work that is always the same."""
    started = process_time()
    for number in range(200_000):
        number * number
    return process_time() - started


QUICKEST: Final = [min(_pace() for _ in range(3))]


def slowness() -> float:
    """How many times as long the processor takes now as it once did: caches and threads are shared."""
    now = min(_pace() for _ in range(3))
    QUICKEST[0] = min(QUICKEST[0], now)
    return min(now / QUICKEST[0], MOST_SLOW)


@contextmanager
def measured(verdict: Verdict) -> Iterator[None]:
    """What the block adds to the memory, as a fault where it is too much; and children that it leaves."""
    with suppress(OSError):
        (PROC / "clear_refs").write_text("5")  # the peak begins anew
    before = _peak()
    yield
    verdict.memory = _peak() - before
    if verdict.memory > MOST_MEMORY:
        verdict.faults.append(("memory", f"{verdict.memory / 1e6:.0f} MB more"))
    for child in children():
        with suppress(OSError):
            if os.waitpid(child, os.WNOHANG) == (0, 0):
                verdict.faults.append(("children", f"{_command(child)} is left"))
                os.kill(child, signal.SIGKILL)
                os.waitpid(child, 0)


def children() -> list[int]:
    """The processes that this one started and that are still there, or were given to it."""
    found = (path.read_text().split() for path in PROC.glob("task/*/children"))
    with suppress(OSError):
        return [int(each) for line in found for each in line if "resource_tracker" not in _command(int(each))]
    return []


def _command(process: int) -> str:
    with suppress(OSError):
        return (PROC.parent / str(process) / "cmdline").read_text().replace("\0", " ")[:80]
    return "a process"


def _peak() -> int:
    """The most memory since ``clear_refs``; elsewhere than on Linux, since the process began."""
    with suppress(OSError):
        for line in (PROC / "status").read_text().splitlines():
            if line.startswith("VmHWM:"):
                return int(line.split()[1]) * 1024
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * (1 if sys.platform == "darwin" else 1024)


def told(error: BaseException) -> str:
    """The exception and the innermost lines of our own that it came through."""
    frames = traceback.extract_tb(error.__traceback__)
    ours = [frame for frame in frames if "cnnspec" in Path(frame.filename).parts][-3:]
    way = " < ".join(f"{Path(frame.filename).name}:{frame.lineno} {frame.name}" for frame in reversed(ours))
    return f"{type(error).__name__}: {str(error)[:120]} [{way}]"


@contextmanager
def watchdog() -> Iterator[None]:
    def give_up(number: int, frame: FrameType | None) -> None:
        raise Hangs(f"stopped after {HANG:.0f} s")

    before = signal.signal(signal.SIGPROF, give_up)
    signal.setitimer(signal.ITIMER_PROF, HANG)
    try:
        yield
    finally:
        signal.setitimer(signal.ITIMER_PROF, 0)
        signal.signal(signal.SIGPROF, before)
