"""Programs timed against each other, fairly: separate processes, in turns, ratios of medians.

A rival is a module of this package that is started with its own options, gets
ready, prints ``ready``, and then answers each line it reads with the seconds of
one round. What makes that fair:

- Before each round all rivals sleep, which is measured: BLAS and OpenMP threads that spin while
  they wait would take a core from whoever comes next. One that never sleeps ends the run.
- Each round has its own order, drawn by a fixed seed.
- Rounds are short and many, and a ratio is the median of those of rounds that stand side by side: a machine
  may be half as fast again a few seconds later, both sides alike. The spread of the rounds and what other
  programs took meanwhile stand beside it.
- All rivals are started anew several times: where its memory lies makes a process up to a tenth faster or
  slower than the same one started again, for as long as it lives.
- A rival against itself stands in the table too: what is not 1.00 there is the error of all rows.
"""

from __future__ import annotations

import os
import platform
import subprocess
import sys
import time
from collections.abc import Callable, Collection, Sequence
from contextlib import ExitStack
from dataclasses import dataclass, replace
from math import ceil, nan
from pathlib import Path
from random import Random
from statistics import fmean, median, quantiles

from benchmarks.table import Ratio

ROOT = Path(__file__).resolve().parent.parent
WINDOW = 0.1
"""Seconds of a pause, at the end of which all rivals sleep."""
TICKS = 1
"""Ticks of the processor's clock (10 ms each on Linux) that a sleeping rival may take in a pause."""
MOST_PAUSES = 25
"""Pauses after which a rival is taken to spin for ever."""
PROC = Path("/proc")
LAYOUTS = ("PyTorch", "PyTorch, channels-last")
"""PyTorch's two layouts, as rows name them: the faster one counts."""
KERNEL_CHOICE = ("OPENBLAS_CORETYPE", "OPENBLAS_L2_SIZE")
"""Variables that pin OpenBLAS to kernels other than the machine's own."""
SETTINGS = ("free", "pinned") if any(name in os.environ for name in KERNEL_CHOICE) else ("free",)
STARTS = 5
"""Times that the rivals of a row are started."""
ENOUGH_SECONDS, LEAST_ROUNDS = 10.0, 3
"""One start has had enough rounds after so long, if it has had so many."""


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
            process_group=0,
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

    def round(self, work: str = "") -> float:
        """Seconds of one round, of the ``work`` that the child knows by this name."""
        assert self.child.stdin
        self.child.stdin.write(f"{work}\n")
        self.child.stdin.flush()
        return float(self.answer())


# Pauses ----------------------------------------------------------------------------


def ticks_of(groups: Collection[int]) -> int:
    """Ticks that the living processes of these groups have taken, the ended children of each too."""
    total = 0
    for file in PROC.glob("[0-9]*/stat"):
        try:
            fields = file.read_text().rpartition(")")[2].split()
        except OSError:  # it has ended meanwhile
            continue
        if int(fields[2]) in groups:
            total += sum(map(int, fields[11:15]))
    return total


def ticks_of_all() -> int:
    """Ticks that all programs of the machine have taken."""
    user, nice, system, _, _, *interrupts = map(
        int, (PROC / "stat").read_text().split("\n", 1)[0].split()[1:9]
    )
    return user + nice + system + sum(interrupts)


def pause(groups: Collection[int] = ()) -> float:
    """Waits until the processes of all groups sleep; the cores that other programs kept busy meanwhile.

    Raises SystemExit where one never does. Where no /proc tells, it waits, and gives NaN.
    """
    if not (PROC / "stat").exists():
        time.sleep(2 * WINDOW)
        return nan
    for _ in range(MOST_PAUSES):
        begin, all_before, before = time.perf_counter(), ticks_of_all(), ticks_of(groups)
        time.sleep(WINDOW)
        mine, everyone = ticks_of(groups) - before, ticks_of_all() - all_before
        if mine <= TICKS:
            seconds = time.perf_counter() - begin
            return max(0.0, (everyone - mine) / os.sysconf("SC_CLK_TCK") / seconds)
    raise SystemExit(
        "a rival keeps the processor busy between its rounds, so that nothing beside it is timed fairly"
    )


def peak_memory(child: subprocess.Popen[str]) -> float:
    """Waits for a child's end; the most memory in MB that it, or the largest of its own children, held.

    Linux counts what the parent held at the child's start, too: this process stays small.
    """
    _, status, usage = os.wait4(child.pid, 0)
    child.returncode = os.waitstatus_to_exitcode(status)
    return usage.ru_maxrss / (1e6 if sys.platform == "darwin" else 1e3)


@dataclass(frozen=True)
class Times:
    """Seconds of one side's rounds, the peak memory of its process in MB, and what others took meanwhile."""

    seconds: list[float]
    megabytes: float = nan
    others: float = 0.0
    """Cores that other programs kept busy, on average."""

    @property
    def median(self) -> float:
        return median(self.seconds)


def together(starts: Sequence[Times]) -> Times:
    """One side's rounds of all its starts."""
    seconds = [seconds for start in starts for seconds in start.seconds]
    most, others = max(start.megabytes for start in starts), fmean(start.others for start in starts)
    return Times(seconds, most, others)


def ratio(ours: Times, theirs: Times) -> Ratio:
    """The median of the rounds, each against the one beside it; the spread is that of their middle half."""
    turns = [second / first for first, second in zip(ours.seconds, theirs.seconds, strict=True)]
    low, _, high = quantiles(turns, n=4) if len(turns) > 1 else turns * 3
    return Ratio(median(turns), low, high, max(ours.others, theirs.others))


def fastest(sides: Sequence[Times]) -> Times:
    """The side to be measured against, of several ways to do the same."""
    return min(sides, key=lambda side: side.median)


def compete(
    module: str, ours: Sequence[str], others: Sequence[Sequence[str]], setting: str, rounds: int,
    threads: dict[str, str], starts: int = STARTS,
) -> list[Times]:  # fmt: skip
    """All rivals, we first; ``threads`` are variables for our side alone."""
    sides, variables = [(ours, environment(setting) | threads)], environment(setting)
    sides += [(options, variables) for options in others]
    found = [_started(module, sides, ceil(rounds / starts), start) for start in range(starts)]
    return [together(each) for each in zip(*found, strict=True)]


def _started(
    module: str, sides: Sequence[tuple[Sequence[str], dict[str, str]]], rounds: int, seed: int
) -> list[Times]:
    """The rounds of one start."""
    with ExitStack() as stack:
        rivals = [stack.enter_context(Rival(module, *side)) for side in sides]
        for rival in rivals:
            rival.answer()
        times = take_turns(rivals, rounds, seed=seed)
    return [replace(side, megabytes=rival.megabytes) for side, rival in zip(times, rivals, strict=True)]


def take_turns(rivals: Sequence[Rival], rounds: int, work: str = "", seed: int = 0) -> list[Times]:
    """The rounds of all rivals, after one that does not count: in a new order each time, with pauses.

    So many, or as many as ``ENOUGH_SECONDS`` have room for.
    """
    groups, random, load = {rival.child.pid for rival in rivals}, Random(seed), []
    seconds: list[list[float]] = [[] for _ in rivals]
    end = time.monotonic() + ENOUGH_SECONDS
    for turn in range(rounds + 1):
        if turn > LEAST_ROUNDS and time.monotonic() > end:
            break
        for n in random.sample(range(len(rivals)), len(rivals)):
            load.append(pause(groups))
            found = rivals[n].round(work)
            if turn:
                seconds[n].append(found)
    return [Times(each, others=fmean(load)) for each in seconds]


def serve(work_of: Callable[[str], Callable[[], object]]) -> None:
    """The child's side: a round for each line that comes in, of the work of that name.

    Work that times itself gives its seconds.
    """
    works: dict[str, Callable[[], object]] = {}
    print("ready", flush=True)
    for line in sys.stdin:
        name = line.strip()
        if name not in works:
            works = {name: work_of(name)}
        start = time.perf_counter()
        found = works[name]()
        print(found if isinstance(found, float) else time.perf_counter() - start, flush=True)


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
