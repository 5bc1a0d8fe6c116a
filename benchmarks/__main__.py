"""All benchmarks, as one table in Markdown.

    python -m benchmarks [--only training forward cold analysis] [--quick] [-o table.md]

Every figure compares separate processes that take turns. *free*: OpenBLAS picks
its kernels itself; *pinned*: as the environment says (OPENBLAS_CORETYPE). A ratio
above 1 means that cnnspec is ahead: medians of the rounds, and the best rounds.
"""

from __future__ import annotations

import argparse
import sys
from collections.abc import Callable, Iterator
from importlib.util import find_spec
from pathlib import Path

from benchmarks import analyze, cold, forward, train
from benchmarks.rivals import machine
from benchmarks.table import Entry, markdown

Part = Callable[[bool], Iterator[Entry]]

PARTS: dict[str, Part] = {
    "training": lambda quick: train.entries(list(train.STEPS), [1, 2], 5 if quick else 11),
    "forward": lambda quick: forward.entries(list(forward.TITLES), [1, 8], 5 if quick else 9),
    "cold": lambda quick: cold.entries(1 if quick else 5),
    "analysis": lambda quick: analyze.entries(7 if quick else analyze.ROUNDS),
}

RIVALS = ("torch", "torchinfo")


def main() -> None:
    parser = argparse.ArgumentParser(
        prog="python -m benchmarks", description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--only", nargs="+", choices=PARTS, default=list(PARTS), help="parts to run")
    parser.add_argument("--quick", action="store_true", help="fewer rounds")
    parser.add_argument("-o", "--output", type=Path, help="write the table to this file too")
    options = parser.parse_args()
    if missing := [rival for rival in RIVALS if find_spec(rival) is None]:
        sys.exit(f"the rivals must be installed too, {', '.join(missing)}: make bench does so")
    found = [entry for name in options.only for entry in told(PARTS[name](options.quick))]
    text = "\n".join(markdown(found))
    print(machine(), text, sep="\n\n")
    if options.output:
        options.output.write_text(f"{text}\n", encoding="utf-8")


def told(entries: Iterator[Entry]) -> Iterator[Entry]:
    """The entries, each said as soon as it is there."""
    for entry in entries:
        print(*filter(None, entry.cells), sep="  ", file=sys.stderr, flush=True)
        yield entry


if __name__ == "__main__":
    main()
