"""All benchmarks, as tables in Markdown.

    python -m benchmarks [--only itself training forward cold analysis layers] [--quick] [-o PAGE]

Every figure compares separate processes that take turns, fairly: see ``benchmarks.rivals``. *free*:
OpenBLAS picks its kernels itself; *pinned*: as the environment says (OPENBLAS_CORETYPE). A ratio
above 1 means that cnnspec is ahead. Into a page goes each table of which all parts were measured.
"""

from __future__ import annotations

import argparse
import re
import sys
from collections.abc import Callable, Iterator
from importlib.util import find_spec
from pathlib import Path

from benchmarks import analyze, cold, forward, layers, train
from benchmarks.rivals import machine
from benchmarks.table import Entry, markdown

Part = Callable[[bool], Iterator[Entry]]

PARTS: dict[str, Part] = {
    "itself": lambda quick: train.against_itself(60 if quick else 480),
    "training": lambda quick: train.entries(list(train.STEPS), [1, 2], 11 if quick else 61),
    "forward": lambda quick: forward.entries(list(forward.TITLES), [1, 8], 9 if quick else 61),
    "cold": lambda quick: cold.entries(1 if quick else 5),
    "analysis": lambda quick: analyze.entries(7 if quick else analyze.ROUNDS),
    "layers": lambda quick: layers.entries(layers.ALL, 3 if quick else 7),
}
TABLES = {"networks": ("itself", "training", "forward", "cold", "analysis"), "layers": ("layers",)}
"""The tables of the page, and the parts that each holds."""
ABOUT = {
    "networks": """\
{machine}. Against PyTorch on the same cores, in the faster of its two layouts; separate processes, started
five times or more, each round in a new order, and before each a pause until both sleep. A ratio above 1
means that cnnspec is ahead: the median of rounds side by side, and the *spread* of their middle half. A
training step is forward, backward and SGD on 64 images; where OPENBLAS_CORETYPE pins OpenBLAS to other
kernels, *pinned* are the ratios with these. Before rivals paused, one's spinning threads took a core from
the next: ResNet-18 at batch 1 showed 1.24 where fair was 0.58. *Others* is how many cores other programs
took meanwhile: rows marked busy were disturbed.""",
    "layers": """\
{machine}. One layer forward and backward, on one thread: on maps of 28x28x64 (attention, positions, token
and the dilated convolution on sequences of 64x128), 16 at a time. Beside it the same layer in PyTorch, as
`cnnspec export` writes it, in the faster of its two layouts. Processor time, medians; the rest as above.""",
}
"""What a reader has to know of each."""

RIVALS = ("torch", "torchinfo")


def main() -> None:
    parser = argparse.ArgumentParser(
        prog="python -m benchmarks", description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--only", nargs="+", choices=PARTS, default=list(PARTS), help="parts to run")
    parser.add_argument("--quick", action="store_true", help="fewer rounds")
    parser.add_argument("-o", "--output", type=Path, help="a page whose tables are to be written anew")
    options = parser.parse_args()
    if missing := [rival for rival in RIVALS if find_spec(rival) is None]:
        sys.exit(f"the rivals must be installed too, {', '.join(missing)}: make bench does so")
    found = {name: list(told(PARTS[name](options.quick))) for name in options.only}
    for table, parts in TABLES.items():
        entries = [entry for part in parts for entry in found.get(part, ())]
        if entries:
            text = "\n".join((ABOUT[table].format(machine=machine()), "", *markdown(entries), ""))
            print(text)
            if options.output and found.keys() >= {*parts}:
                page = options.output.read_text(encoding="utf-8")
                options.output.write_text(filled(page, table, text), encoding="utf-8")


def filled(page: str, table: str, text: str) -> str:
    """A page with the text in the place of one of its tables."""
    place = re.compile(f"(?<=<!-- {table} -->\n).*?(?=<!-- end -->)", re.DOTALL)
    return place.sub(lambda _: text, page)


def told(entries: Iterator[Entry]) -> Iterator[Entry]:
    """The entries, each said as soon as it is there."""
    for entry in entries:
        print(*filter(None, entry.cells), sep="  ", file=sys.stderr, flush=True)
        yield entry


if __name__ == "__main__":
    main()
