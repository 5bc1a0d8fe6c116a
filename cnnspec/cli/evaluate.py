"""``cnnspec evaluate``: how well a trained network does on labelled samples."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import click

from cnnspec.cli.console import Console, stdout_console
from cnnspec.cli.options import (
    data_options,
    engine_options,
    format_option,
    most_option,
    part_option,
    weights_option,
)
from cnnspec.cli.spec import spec_argument

if TYPE_CHECKING:
    from cnnspec.training.data.dataset import Part
    from cnnspec.training.evaluate import Evaluation
    from cnnspec.views.terminal.paint import Terminal

MOST_CLASSES = 40
"""Classes up to which the confusion matrix is shown."""


@click.command("evaluate")
@spec_argument
@data_options
@weights_option
@part_option
@most_option("Mistakes to list, the worst first.", 10, "--worst", least=0)
@format_option("text", "json")
@engine_options
def command(
    spec: str | None, inline: str | None, data_name: str | None, data_dir: Path | None,
    weights: Path | None, part: Part, most: int, form: str,
) -> int:  # fmt: skip
    """Loss and accuracy, confusion, precision and recall, and the worst mistakes.

    Of other targets than a class their own figures: IoU of masks, F1 and AUC of yes or no, R² of
    numbers, PSNR and SSIM of images.

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
    from cnnspec.training.evaluate import figure_text
    from cnnspec.training.inspection import confusion
    from cnnspec.views.terminal import results
    from cnnspec.views.terminal.paint import compact, wrap

    terminal, names = console.terminal(), found.names
    told = ", ".join(f"{name} {figure_text(name, value)}" for name, value in found.figures.items())
    lines = wrap(
        f"{told}, loss {compact(found.loss)}, {found.samples:,} images, "
        f"{found.images_per_second:,.0f} a second",
        terminal.width,
    )
    lines = [terminal.text(line) for line in lines]
    lines[0] = terminal.paint(lines[0], "bold")
    if found.target != "class":
        return [*lines, *_details(found, terminal, most)]
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


def _details(found: Evaluation, terminal: Terminal, most: int) -> list[str]:
    """The figures of each class, question or column; a confusion that is small; the hardest samples."""
    from cnnspec.training.evaluate import COUNTED, figure_text
    from cnnspec.training.inspection import confusion
    from cnnspec.views.terminal import results
    from cnnspec.views.terminal.paint import wrap

    def text(name: str, value: float) -> str:
        return f"{value:,.0f}" if name in COUNTED else terminal.text(figure_text(name, value))

    lines: list[str] = []
    if found.confusion.size and len(found.names) <= MOST_CLASSES:
        title = f"confusion matrix of {confusion(found).counted}: true down, predicted across"
        lines += ["", *wrap(title, terminal.width), "", *results.confusion(confusion(found), terminal)]
    if found.details:
        title = {"mask": "class", "binary": "question"}.get(found.target, "number")
        lines += ["", *results.figures(found.names, found.details, title, terminal, text)]
    if most and found.target == "binary" and found.worst:
        wrong = [
            (o.index, found.answers[o.label], found.answers[o.answer], o.probability)
            for o in found.worst[:most]
        ]
        return [*lines, "", *results.mistakes(wrong, len(found.worst), terminal)]
    if most and found.hardest:
        worst = found.hardest[:most]
        lines += ["", *results.hardest(worst, found.ranked, found.samples, terminal, text)]
    return lines
