"""What predictions keep of their speed beside programs that never rest, ours and PyTorch's.

    python -m benchmarks.busy [vgg16 resnet18 mobilenet_v2] [--batches 1 8] [--rounds 5]

The same process predicts on the quiet machine and then beside as many spinning processes as there are
cores: a fair share of the processor is a half. Libraries whose threads wait by spinning keep less.
"""

from __future__ import annotations

import argparse
import os
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace

from benchmarks.forward import TITLES
from benchmarks.rivals import LAYOUTS, Rival, Times, environment, machine, ratio, take_turns
from benchmarks.table import Entry, markdown

SPIN = "while True: pass"


@contextmanager
def spinning(count: int) -> Iterator[None]:
    """As many processes that never rest."""
    spinners = [subprocess.Popen([sys.executable, "-c", SPIN]) for _ in range(count)]
    try:
        yield
    finally:
        for spinner in spinners:
            spinner.kill()
            spinner.wait()


def quiet_and_busy(
    name: str, batch: int, side: str, rounds: int, setting: str = "free"
) -> tuple[Times, Times]:
    """The rounds of one side before the spinning begins, and beside it."""
    options = [name, "--batches", str(batch), "--child", side]
    with Rival("benchmarks.forward", options, environment("free")) as rival:
        rival.answer()
        (quiet,) = take_turns([rival], rounds)
        with spinning(os.cpu_count() or 1):
            (busy,) = take_turns([rival], rounds)
    return quiet, busy


def entries(names: list[str], batches: list[int], rounds: int) -> Iterator[Entry]:
    """One line for each network and batch: the ratio is that of our busy speed to our quiet one."""
    for name in names:
        for batch in batches:
            quiet, busy = quiet_and_busy(name, batch, "numpy", rounds)
            theirs = told(*quiet_and_busy(name, batch, LAYOUTS[1], rounds))
            kept = ratio(replace(busy, others=quiet.others), quiet)
            work = f"{TITLES[name]}, batch {batch}, beside {os.cpu_count()} spinning processes"
            yield Entry(work, told(quiet, busy), LAYOUTS[1], theirs, {"free": kept})


def told(quiet: Times, busy: Times) -> str:
    return f"{1e3 * quiet.median:.0f} ms quiet, {1e3 * busy.median:.0f} ms busy"


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("networks", nargs="*", default=["resnet18"])
    parser.add_argument("--batches", type=int, nargs="+", default=[1, 8])
    parser.add_argument("--rounds", type=int, default=21)
    options = parser.parse_args()
    print(machine())
    print(*markdown(list(entries(options.networks, options.batches, options.rounds))), sep="\n")


if __name__ == "__main__":
    main()
