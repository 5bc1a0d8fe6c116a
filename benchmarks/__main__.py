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
from pathlib import Path

from benchmarks import analyze, cold, forward, train
from benchmarks.rivals import machine
from benchmarks.table import Entry, markdown

Part = Callable[[bool], Iterator[Entry]]

PARTS: dict[str, Part] = {
    "training": lambda quick: train.entries(list(train.STEPS), [1, 2], 5 if quick else 11),
    "forward": lambda quick: forward.entries(forward.NETWORKS, [1, 8], 5 if quick else 9),
    "cold": lambda quick: cold.entries(1 if quick else 5),
    "analysis": lambda quick: analyze.entries(7 if quick else analyze.ROUNDS),
}


def main() -> None:
    parser = argparse.ArgumentParser(
        prog="python -m benchmarks", description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--only", nargs="+", choices=PARTS, default=list(PARTS), help="parts to run")
    parser.add_argument("--quick", action="store_true", help="fewer rounds: about six minutes")
    parser.add_argument("-o", "--output", type=Path, help="write the table to this file too")
    options = parser.parse_args()
    found = []
    for name in options.only:
        for entry in PARTS[name](options.quick):
            print(*filter(None, entry.cells), sep="  ", file=sys.stderr, flush=True)
            found.append(entry)
    text = "\n".join([f"{machine()}; ratios above 1: cnnspec is ahead.", "", *markdown(found)])
    print(text)
    if options.output:
        options.output.write_text(text + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()
