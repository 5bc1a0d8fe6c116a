"""``cnnspec limits``: how large things may be, and how long they may take."""

from __future__ import annotations

import json
from importlib import import_module
from typing import Final

import click

from cnnspec.cli.console import stdout_console
from cnnspec.cli.options import format_option

LIMITS: Final[dict[str, dict[str, tuple[str, str]]]] = {
    "A spec": {
        "file": ("cnnspec.files:LARGEST", "bytes"),
        "text": ("cnnspec.syntax.parse:LONGEST", "characters"),
        "network": ("cnnspec.elaborate.limits:MOST_STEPS", "layers, blocks, paths and turns, once expanded"),
        "nesting": ("cnnspec.elaborate.limits:DEEPEST", "blocks and braces within each other"),
        "a number": ("cnnspec.syntax.tree:LARGEST", "at most, and so is the size of any output"),
        "mistakes": ("cnnspec.views.terminal.messages:MOST", "shown of one spec"),
    },
    "Python code": {
        "file": ("cnnspec.exchange.code_in.read:LARGEST_CODE", "bytes, and characters of a notebook's cells"),
        "notebook": ("cnnspec.exchange.code_in.read:LARGEST_NOTEBOOK", "bytes, with what it printed"),
        "steps": ("cnnspec.exchange.code_in.reading:MOST_STEPS", "followed, within 1.5 seconds"),
        "layers": ("cnnspec.exchange.code_in.trace:MOST_LAYERS", "of a model"),
        "a name": ("cnnspec.exchange.code_in.read:MOST_PARTS", "parts, apart by dots"),
        "a merge": ("cnnspec.exchange.code_out.arithmetic:MOST_IN_ONE", "inputs, where code is written"),
    },
    "An ONNX file that is written": {
        "places": ("cnnspec.exchange.onnx_out.layer:MOST_PLACES", "of pools that are written one by one"),
        "constants": ("cnnspec.exchange.onnx_out.layer:MOST_VALUES", "values that are no weights"),
    },
    "cnnspec solve": {
        "time": ("cnnspec.cli.solve:SECONDS", "seconds, unless --seconds says otherwise"),
        "memory": ("cnnspec.analysis.solve.problem:MOST_KEPT", "intermediate results kept"),
        "answers": ("cnnspec.analysis.solve.search:MOST_SOLUTIONS", "solutions"),
    },
    "Pictures and reports": {
        "picture": ("cnnspec.views.pictures.fitting:MOST", "cards or boxes"),
        "lines": ("cnnspec.views.pictures.placed:MOST_LINES", "times that lines pass steps, all together"),
        "animation": ("cnnspec.teaching.stepping:MOST_PLACES", "positions of a window, one after another"),
        "film": ("cnnspec.cli.animate:DRAWN", "frames drawn one by one, unless --most says otherwise"),
        "its map": ("cnnspec.teaching.stepping:MOST_CELLS", "cells"),
        "gradient": ("cnnspec.cli.gradient:MOST_VALUES", "outputs and weights, all steps together"),
        "explain": ("cnnspec.views.workings:MOST_LAYERS", "layers at once"),
        "report": ("cnnspec.views.documents.report.page:MOST_EXPLAINED", "layers with their working"),
    },
    "Running": {
        "window": (
            "cnnspec.backends.numpy.kernels.window:MOST_TAPS",
            "places gone through one by one, in pools 4 times as many; PyTorch has no limit",
        ),
        "adaptive": (
            "cnnspec.backends.numpy.kernels.pool:MOST_PHASES",
            "windows unlike each other of a pool",
        ),
    },
    "Data": {
        "file": ("cnnspec.files:LARGEST_DATA", "bytes"),
        "table": ("cnnspec.training.data.table:LARGEST", "bytes of CSV, read in 4 times as many, 100 a line"),
        "image": (
            "cnnspec.training.data.picture:LARGEST",
            "pixels; half of TIFF and progressive JPEG, a third of WEBP",
        ),
        "folder": (
            "cnnspec.training.data.streamed:IN_MEMORY",
            "bytes of pictures of classes in memory; more are streamed",
        ),
        "kept": ("cnnspec.training.data.streamed:KEPT", "bytes of images kept of one that is streamed"),
        "packed": ("cnnspec.training.data.faults:UNFOLDED", "bytes unfolded, or 100 times the files'"),
        "line": ("cnnspec.training.data.table:LONGEST_LINE", "characters in a CSV"),
        "label": ("cnnspec.training.data.table:LONGEST", "characters in a CSV"),
        "classes": ("cnnspec.training.data.values:MOST_CLASSES", "of a data set"),
    },
}
"""What is bounded -> where its bound stands, and what it counts."""


@click.command("limits")
@format_option("text", "json")
def command(form: str) -> None:
    """How large a spec, a picture or a file may be, and how long a search may take.

    What exceeds a limit is refused with a message; nothing runs without end.
    """
    console = stdout_console()
    if form == "json":
        console.print(json.dumps({head: {what: bound(*row) for what, row in rows.items()}
                                  for head, rows in LIMITS.items()}, indent=2))  # fmt: skip
        return
    terminal = console.terminal()
    for head, rows in LIMITS.items():
        console.print(terminal.paint(head, "bold"))
        for what, (place, unit) in rows.items():
            console.print(f"  {what:<10}{bound(place):>21,}  {unit}")


def bound(place: str, unit: str = "") -> int:
    """The value of a limit, from the module that keeps to it."""
    module, _, name = place.partition(":")
    return int(getattr(import_module(module), name))
