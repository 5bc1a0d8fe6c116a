"""Programs timed against each other: separate processes, in turns, ratios of medians.

A rival is a module of this package that is started with its own options, gets
ready, prints ``ready``, and then answers each line it reads with the seconds of
one round. Taking turns makes a busy machine busy for all.
"""

from __future__ import annotations

import os
import platform
import subprocess
import sys
import time
from collections.abc import Callable, Sequence
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path
from statistics import median

from benchmarks.table import Ratio

ROOT = Path(__file__).resolve().parent.parent
SETTINGS = ("free", "pinned")
KERNEL_CHOICE = ("OPENBLAS_CORETYPE", "OPENBLAS_L2_SIZE")
"""Variables that pin OpenBLAS to kernels other than the machine's own."""


def environment(setting: str) -> dict[str, str]:
    """``pinned``: as it is; ``free``: without the variables that choose OpenBLAS's kernels.

    In both, compiled files are kept between runs, as on a user's machine.
    """
    names = ("PYTHONDONTWRITEBYTECODE", *(KERNEL_CHOICE if setting == "free" else ()))
    return {name: value for name, value in os.environ.items() if name not in names}


class Rival:
    """A child process that runs rounds when told to."""

    def __init__(self, module: str, options: Sequence[str], variables: dict[str, str]) -> None:
        self.child = subprocess.Popen(
            [sys.executable, "-m", module, *options],
            stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True, env=variables, cwd=ROOT,
        )  # fmt: skip
        self.megabytes = 0.0

    def __enter__(self) -> Rival:
        return self

    def __exit__(self, *_: object) -> None:
        for pipe in (self.child.stdin, self.child.stdout):
            assert pipe
            pipe.close()
        self.megabytes = peak_memory(self.child)

    def answer(self) -> str:
        """The next line of the child: ``ready``, or the seconds of a round."""
        assert self.child.stdout
        line = self.child.stdout.readline()
        if not line:
            assert isinstance(self.child.args, list)
            raise SystemExit(f"{' '.join(map(str, self.child.args))} ended early")
        return line

    def round(self) -> float:
        """Seconds of one round."""
        assert self.child.stdin
        self.child.stdin.write("go\n")
        self.child.stdin.flush()
        return float(self.answer())


def peak_memory(child: subprocess.Popen[str]) -> float:
    """Waits for a child's end; the most memory in MB that it, or the largest of its own children, held.

    Linux counts what the parent held at the child's start, too: this process stays small.
    """
    _, status, usage = os.wait4(child.pid, 0)
    child.returncode = os.waitstatus_to_exitcode(status)
    return usage.ru_maxrss / (1e6 if sys.platform == "darwin" else 1e3)


@dataclass(frozen=True)
class Times:
    """Seconds of one side's rounds, and the peak memory of its process in MB."""

    seconds: list[float]
    megabytes: float

    @property
    def median(self) -> float:
        return median(self.seconds)


def ratio(ours: Times, theirs: Times) -> Ratio:
    """By the medians, and by the best rounds, which other work on the machine disturbs least."""
    return Ratio(theirs.median / ours.median, min(theirs.seconds) / min(ours.seconds))


def compete(
    module: str, ours: Sequence[str], others: Sequence[Sequence[str]], setting: str, rounds: int,
    threads: dict[str, str],
) -> list[Times]:  # fmt: skip
    """All rivals in turns, we first; ``threads`` are variables for our side alone."""
    variables = environment(setting)
    with ExitStack() as stack:
        rivals = [stack.enter_context(Rival(module, ours, variables | threads))]
        rivals += [stack.enter_context(Rival(module, options, variables)) for options in others]
        for rival in rivals:
            rival.answer()
        for rival in rivals:
            rival.round()
        times = [[rival.round() for rival in rivals] for _ in range(rounds)]
    return [
        Times(list(column), rival.megabytes)
        for rival, column in zip(rivals, zip(*times, strict=True), strict=True)
    ]


def serve(work: Callable[[], object]) -> None:
    """The child's side: a round for each line that comes in."""
    work()
    print("ready", flush=True)
    for _ in sys.stdin:
        start = time.perf_counter()
        work()
        print(time.perf_counter() - start, flush=True)


def machine() -> str:
    """The machine in one line."""
    name = platform.processor() or platform.machine()
    cpuinfo = Path("/proc/cpuinfo")
    if cpuinfo.exists():
        found = [
            line.split(":", 1)[1].strip() for line in cpuinfo.read_text().splitlines() if "model name" in line
        ]
        name = found[0] if found else name
    load = f", load {os.getloadavg()[0]:.1f}" if hasattr(os, "getloadavg") else ""
    return f"{name}, {os.cpu_count()} cores, {platform.system()}, Python {platform.python_version()}{load}"
