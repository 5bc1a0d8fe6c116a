"""A cold process that trains LeNet on MNIST: seconds to the end, test accuracy, peak memory.

    python -m benchmarks.cold [--runs 5]

Time runs from the start of the process to its end, data read from disk. The
data must be at hand already: CNNSPEC_DATA, or in the cache.
"""

from __future__ import annotations

import argparse
import os
import re
import subprocess
import sys
import time
from collections.abc import Iterator
from dataclasses import dataclass
from statistics import median
from tempfile import TemporaryDirectory

from benchmarks.rivals import ROOT, SETTINGS, environment, machine
from benchmarks.table import Entry, markdown

MEMORY_LIMIT = 300
"""Megabytes that LeNet's training on MNIST may take with one worker."""


@dataclass(frozen=True)
class Run:
    """One process: seconds, peak memory in MB of its largest process, accuracy on the test set."""

    seconds: float
    megabytes: float
    accuracy: float


def train(setting: str, seed: int, workers: int, *options: str) -> Run:
    """One training, start to end."""
    with TemporaryDirectory() as home:
        folder = f"{home}/run"
        command = [sys.executable, "-m", "cnnspec", "train", "lenet", "--data", "mnist",
                   "--workers", str(workers), "--seed", str(seed), "-o", folder, *options]  # fmt: skip
        start = time.perf_counter()
        child = subprocess.Popen(
            command, env=environment(setting), cwd=ROOT, stdout=subprocess.PIPE, stderr=subprocess.STDOUT
        )
        assert child.stdout
        told = child.stdout.read().decode()
        _, status, usage = os.wait4(child.pid, 0)
        seconds = time.perf_counter() - start
        if status:
            raise SystemExit(told)
        return Run(seconds, usage.ru_maxrss / 1000, accuracy_of(told))


def accuracy_of(told: str) -> float:
    """The test accuracy that the command printed."""
    found = re.search(r"test accuracy ([\d.]+) %", told)
    if found is None:
        raise SystemExit(f"no test accuracy in:\n{told}")
    return float(found[1]) / 100


def entries(runs: int) -> Iterator[Entry]:
    """Time to the end with two workers, then memory with one."""
    for setting in SETTINGS:
        found = [train(setting, seed, 2) for seed in range(1, runs + 1)]
        seconds, worst = [run.seconds for run in found], min(run.accuracy for run in found)
        yield Entry(
            f"cold: train lenet --workers 2, {setting}", f"{median(seconds):.1f} s",
            f"worst of {runs}: {max(seconds):.1f} s, {worst:.2%}",
        )  # fmt: skip
    yield Entry(
        "peak memory: train lenet", f"{train('free', 1, 1, '--epochs', '1').megabytes:.0f} MB",
        f"limit {MEMORY_LIMIT} MB",
    )  # fmt: skip


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
