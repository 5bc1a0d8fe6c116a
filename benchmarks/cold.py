"""A cold process that trains LeNet on MNIST: seconds to its end, test accuracy, peak memory.

    python -m benchmarks.cold [--runs 5]

Time runs from the start of the process to its end, data read from disk and the
test images judged; PyTorch follows the same recipe on the same data. The data
must be at hand already: CNNSPEC_DATA, or in the cache.
"""

from __future__ import annotations

import argparse
import re
import subprocess
import sys
import time
from collections.abc import Iterator
from dataclasses import dataclass
from random import Random
from statistics import fmean
from tempfile import TemporaryDirectory

from benchmarks.rivals import ROOT, SETTINGS, Times, environment, machine, pause, peak_memory, ratio
from benchmarks.table import Entry, counted, markdown


@dataclass(frozen=True)
class Run:
    """One process: seconds, peak memory in MB of its largest process, accuracy on the test set."""

    seconds: float
    megabytes: float
    accuracy: float


def train(command: list[str], setting: str) -> Run:
    """One training, start to end."""
    start = time.perf_counter()
    child = subprocess.Popen(
        [sys.executable, "-m", *command], env=environment(setting), cwd=ROOT, text=True,
        stdout=subprocess.PIPE, stderr=subprocess.STDOUT,
    )  # fmt: skip
    assert child.stdout
    told = child.stdout.read()
    megabytes = peak_memory(child)
    seconds = time.perf_counter() - start
    if child.returncode:
        raise SystemExit(told)
    return Run(seconds, megabytes, accuracy_of(told))


def accuracy_of(told: str) -> float:
    """The test accuracy that the command printed."""
    found = re.search(r"test accuracy ([\d.]+) %", told)
    if found is None:
        raise SystemExit(f"no test accuracy in:\n{told}")
    return float(found[1]) / 100


def cnnspec(workers: int, seed: int, folder: str) -> list[str]:
    return ["cnnspec", "train", "lenet", "--data", "mnist", "--workers", str(workers),
            "--seed", str(seed), "-o", folder]  # fmt: skip


def pytorch(threads: int, seed: int) -> list[str]:
    return ["benchmarks.torch_train", "lenet", "--threads", str(threads), "--seed", str(seed)]


def pairs(workers: int, setting: str, runs: int) -> Iterator[tuple[Run, Run, float]]:
    """Both sides of each seed, in an order drawn anew, and the cores that others took just before."""
    for seed in range(1, runs + 1):
        with TemporaryDirectory() as folder:
            commands = [cnnspec(workers, seed, folder), pytorch(workers, seed)]
            first, load = Random(seed).randrange(2), pause()
            found = {side: train(commands[side], setting) for side in (first, 1 - first)}
        yield found[0], found[1], load


def entries(runs: int) -> Iterator[Entry]:
    """Two workers in both settings, then one worker, whose memory counts, once."""
    for setting in SETTINGS:
        yield one(2, setting, runs)
    yield one(1, "free", 1)


def one(workers: int, setting: str, runs: int) -> Entry:
    *sides, load = zip(*pairs(workers, setting, runs), strict=True)
    ours, theirs = (
        Times([run.seconds for run in side], max(run.megabytes for run in side), fmean(load))
        for side in sides
    )
    figures = [
        told(times, min(run.accuracy for run in side))
        for times, side in zip((ours, theirs), sides, strict=True)
    ]
    pinned = f", {setting}" if len(SETTINGS) > 1 else ""
    what = f"`train lenet` on MNIST, cold, {counted(workers, 'worker')}{pinned}, {counted(runs, 'seed')}"
    return Entry(
        what, figures[0], f"PyTorch, {counted(workers, 'thread')}", figures[1],
        {setting: ratio(ours, theirs)},
    )  # fmt: skip


def told(times: Times, worst: float) -> str:
    longest = max(times.seconds)
    return (
        f"{times.median:.1f} s (longest {longest:.1f} s), worst {100 * worst:.2f} %, {times.megabytes:.0f} MB"
    )


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--runs", type=int, default=5)
    runs = parser.parse_args().runs
    print(machine())
    print(*markdown(list(entries(runs))), sep="\n")


if __name__ == "__main__":
    main()
