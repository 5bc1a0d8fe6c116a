"""``cnnspec evaluate``: how well a trained network does on labelled samples."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import click

from cnnspec.cli.console import Console, stdout_console
from cnnspec.cli.options import data_options, format_option, most_option, part_option, weights_option
from cnnspec.cli.spec import spec_argument

if TYPE_CHECKING:
    from cnnspec.training.data.dataset import Part
    from cnnspec.training.evaluate import Evaluation

MOST_CLASSES = 40
"""Classes up to which the confusion matrix is shown."""


@click.command("evaluate")
@spec_argument
@data_options
@weights_option
@part_option
@most_option("Mistakes to list, the worst first.", 10, "--worst", least=0)
@format_option("text", "json")
def command(
    spec: str | None, inline: str | None, data_name: str | None, data_dir: Path | None,
    weights: Path | None, part: Part, most: int, form: str,
) -> int:  # fmt: skip
    """Accuracy, loss, confusion, precision and recall, and the worst mistakes.

    SPEC may be the folder of a run; a spec by itself means the newest run of its network.
    """
    from cnnspec.cli import runs, samples

    model, run = runs.find(spec, inline, weights)
    data = samples.data_of(model, run, data_name, data_dir)
    found = model.evaluate(data, part=part)
    out = stdout_console()
    if form == "json":
        out.print_json(found.to_dict() | {"data": data.name, "part": part})
    else:
        out.print("\n".join(page(found, out, most)))
    return 0


def page(found: Evaluation, console: Console, most: int) -> list[str]:
    """The evaluation as lines of text that fit the console."""
    from cnnspec.training.inspection import confusion
    from cnnspec.views.terminal import results
    from cnnspec.views.terminal.paint import compact, percent, wrap

    terminal, names = console.terminal(), found.names
    lines = wrap(
        f"accuracy {percent(found.accuracy)}, loss {compact(found.loss)}, {found.samples:,} images, "
        f"{found.images_per_second:,.0f} a second",
        terminal.width,
    )
    lines[0] = terminal.paint(lines[0], "bold")
    if len(names) <= MOST_CLASSES:
        title = "confusion matrix: true classes down, predicted classes across"
        lines += ["", *wrap(title, terminal.width), "", *results.confusion(confusion(found), terminal)]
    rows = zip(names, found.precision, found.recall, map(int, found.confusion.sum(1)), strict=True)
    lines += ["", *results.classes(list(rows), terminal)]
    if most and found.worst:
        shown = [
            (one.index, names[one.label], names[one.answer], one.probability) for one in found.worst[:most]
        ]
        lines += ["", *results.mistakes(shown, len(found.worst), terminal)]
    return lines
