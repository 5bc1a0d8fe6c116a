"""``cnnspec evaluate``: how well a trained network does on labelled samples."""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING

import click

from cnnspec.cli.console import Console, stdout_console
from cnnspec.cli.samples import data_options
from cnnspec.cli.spec import spec_argument

if TYPE_CHECKING:
    from cnnspec.training.data.dataset import Part
    from cnnspec.training.metrics import Evaluation
    from cnnspec.views.grid import Line
    from cnnspec.views.paint import Paper

MOST_CLASSES = 40
"""Classes up to which the confusion matrix is shown."""
MOST_PAIRS = 10
"""Confusions listed where the page is too narrow for the matrix."""


@click.command("evaluate")
@spec_argument
@data_options
@click.option(
    "--weights", type=click.Path(exists=True, dir_okay=False, path_type=Path), metavar="FILE",
    help="Weights (safetensors) for a SPEC that has no run.",
)  # fmt: skip
@click.option("--part", type=click.Choice(["test", "train"]), default="test", help="Which samples.")
@click.option("--worst", type=click.IntRange(0), default=10, metavar="N", help="Mistakes to list.")
@click.option("--format", "form", type=click.Choice(["text", "json"]), default="text", help="What to print.")
@click.option("--json", "as_json", is_flag=True, help="The same as --format json.")
def command(
    spec: str | None, inline: str | None, data_name: str | None, data_dir: Path | None,
    weights: Path | None, part: Part, worst: int, form: str, as_json: bool,
) -> int:  # fmt: skip
    """Accuracy, loss, confusion, precision and recall, and the worst mistakes.

    SPEC may be the folder of a run; a spec by itself means the newest run of its network.
    """
    from cnnspec.cli import runs
    from cnnspec.training.loop import evaluate

    model, run = runs.find(spec, inline, weights)
    data = runs.data_of(model, run, data_name, data_dir)
    found = evaluate(model, data, part=part)
    out = stdout_console()
    if as_json or form == "json":
        out.print(json.dumps(found.to_json() | {"data": data.name, "part": part}, indent=1))
    else:
        out.print("\n".join(page(found, out, worst)))
    return 0


def page(found: Evaluation, console: Console, worst: int) -> list[str]:
    """The evaluation as lines of text that fit the console."""
    from cnnspec.views.paint import Paper, wrap

    paper = Paper(console.width, console.color, console.unicode)
    lines = wrap(
        f"accuracy {100 * found.accuracy:.2f} %, loss {found.loss:.4f}, {found.samples:,} images, "
        f"{found.images_per_second:,.0f} a second",
        paper.width,
    )
    lines[0] = paper.paint(lines[0], "bold")
    if len(found.names) <= MOST_CLASSES:
        title = "classes (down) and what they were taken for (across)"
        lines += ["", *wrap(title, paper.width), "", *confusion(found, paper)]
    lines += ["", *per_class(found, paper)]
    if worst and found.worst:
        lines += ["", *mistakes(found, worst, paper)]
    return lines


def confusion(found: Evaluation, paper: Paper) -> list[str]:
    """The confusion matrix; numbers off the diagonal stand out, zeros are dots."""
    from cnnspec.views.grid import Column, Line, draw, fit

    columns = [Column("name", "", least=4)]
    columns += [Column(str(n), name[:6], right=True, rank=1) for n, name in enumerate(found.names)]
    dot = paper.text("·")[:1].replace("*", ".")
    lines: list[Line] = []
    for n, row in enumerate(found.confusion):
        cells = {str(k): f"{count:,}" if count else dot for k, count in enumerate(row)}
        styles = {str(k): ("good",) if k == n else ("bad",) if row[k] else ("dim",) for k in range(len(row))}
        lines.append(Line({"name": found.names[n], **cells}, styles))
    fitted = fit(columns, lines, paper.width)
    return draw(fitted, lines, paper) if not fitted.dropped else _likeliest(found, paper)


def _likeliest(found: Evaluation, paper: Paper) -> list[str]:
    """Where the matrix does not fit: its largest numbers off the diagonal."""
    pairs = [
        (int(count), n, k)
        for n, row in enumerate(found.confusion)
        for k, count in enumerate(row)
        if n != k and count
    ]
    pairs.sort(key=lambda pair: (-pair[0], pair[1:]))
    arrow = paper.text("→")
    return [f" {found.names[n]} {arrow} {found.names[k]}: {count:,}" for count, n, k in pairs[:MOST_PAIRS]]


def per_class(found: Evaluation, paper: Paper) -> list[str]:
    """Precision and recall of each class."""
    from cnnspec.views.grid import Column, Line, draw, fit

    columns = [Column("name", "class", least=4)]
    keys = ("recall", "precision", "images")
    columns += [Column(key, key, right=True, rank=n) for n, key in enumerate(keys)]
    rows = zip(found.names, found.precision, found.recall, found.confusion.sum(1), strict=True)
    lines = [
        Line({"name": name, "precision": _share(p), "recall": _share(r), "images": f"{int(n):,}"})
        for name, p, r, n in rows
    ]
    return draw(fit(columns, lines, paper.width), lines, paper)


def mistakes(found: Evaluation, worst: int, paper: Paper) -> list[str]:
    """The mistakes that were made most surely."""
    from cnnspec.views.learned import mistake_table

    names, shown = found.names, found.worst[:worst]
    rows = [(one.index, names[one.label], names[one.answer], one.probability) for one in shown]
    return mistake_table(rows, len(found.worst), paper)


def _share(value: float) -> str:
    return f"{100 * value:.2f} %"
