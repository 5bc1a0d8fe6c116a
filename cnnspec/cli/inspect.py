"""``cnnspec inspect RUN WHAT``: what a network learned, and what from."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

import click

from cnnspec.cli.console import picture_format, stdout_console, write_result
from cnnspec.cli.options import (
    data_options,
    engine_options,
    most_option,
    part_option,
    picture_options,
    theme_option,
    weights_option,
)
from cnnspec.diagnostics import LayerError, SpecError, suggestion

if TYPE_CHECKING:
    from cnnspec.cli.answers import InspectAnswer

KINDS: Final = {
    "filters": "the kernels of the first layer, or of --layer",
    "maps": "what --layer makes of one image (--index or --image)",
    "confusion": "which classes were predicted as which",
    "mistakes": "the most confident wrong answers, or the hardest samples",
    "predictions": "masks over images, images and numbers beside those wanted",
    "neighbours": "training samples nearest to test samples, by a hidden layer",
    "curves": "loss and accuracy by epoch; several RUNs on one page",
    "data": "the samples of each class; also of a spec not yet trained",
    "augmented": "what the recipe's augment makes of samples; also of a spec",
}
SYNONYMS: Final = {
    "filter": "filters", "kernels": "filters", "weights": "filters", "map": "maps", "activations": "maps",
    "features": "maps", "errors": "mistakes", "worst": "mistakes", "neighbors": "neighbours",
    "nearest": "neighbours", "curve": "curves", "history": "curves", "loss": "curves", "matrix": "confusion",
    "masks": "predictions", "reconstructions": "predictions", "scatter": "predictions", "hardest": "mistakes",
    "predicted": "predictions", "samples": "data", "dataset": "data", "classes": "data",
    "augment": "augmented", "augmentation": "augmented",
}  # fmt: skip


@click.command(
    "inspect",
    epilog="\b\nWHAT is one of\n" + "\n".join(f"  {kind:<11} {text}" for kind, text in KINDS.items()),
)
@click.argument("words", nargs=-1, metavar="RUN... WHAT")
@click.option("-o", "--output", metavar="FILE", help="Draw it: .png, .svg or .pdf; else a table is printed.")
@click.option("--layer", "layers", multiple=True, metavar="NAME",
              help="The layer to look at; filters and maps take several.")  # fmt: skip
@click.option("--index", "indices", type=click.IntRange(0), multiple=True, metavar="N",
              help="A sample, by its number; neighbours, data and augmented take several.")  # fmt: skip
@click.option("--image", type=click.Path(exists=True, dir_okay=False, path_type=Path), metavar="FILE",
              help="An image in place of a sample (maps).")  # fmt: skip
@picture_options
@most_option("Mistakes; neighbours, samples or changes of each.", None, "--count", largest=200)
@part_option
@theme_option
@weights_option
@data_options
@engine_options
def command(words: tuple[str, ...], output: str | None, theme: str, **options: Any) -> int:
    """What a trained network learned: filters, feature maps, confusion, mistakes, neighbours, curves;
    and what it learns from: data, augmented.

    RUN is the folder of a run, or a spec whose newest run is meant.

    \b
    Examples:
      cnnspec inspect runs/LeNet5-1 filters -o filters.png
      cnnspec inspect lenet maps --layer conv2 --index 7 -o maps.svg
      cnnspec inspect pooling_none pooling_average pooling_max curves -o pooling.pdf
      cnnspec inspect mnist_best augmented -o augmented.png
    """
    names, kind = _runs_and_kind(words)
    format = picture_format(output)
    try:
        from cnnspec.cli.answers import InspectOptions, answer

        shown = answer(names, kind, InspectOptions(**options))
        if output is None or kind == "curves":
            stdout_console().say("\n".join(shown.table(stdout_console().terminal())))
        if output is not None and format is not None:
            _draw(shown, output, format, theme)
    except LayerError as fault:
        raise SpecError([fault.at(None)]) from fault
    return 0


def _runs_and_kind(words: Sequence[str]) -> tuple[tuple[str, ...], str]:
    """(runs, what): what may stand anywhere, though it usually comes last."""
    kinds = [word for word in words if word in KINDS]
    if len(kinds) == 1:
        names = tuple(word for word in words if word not in KINDS)
        if not names:
            raise click.UsageError("name the folder of a run, or a spec that was trained")
        return names, kinds[0]
    if len(kinds) > 1:
        raise click.UsageError(f"one thing at a time: {', '.join(kinds)}")
    hint = f"say what to inspect: {', '.join(KINDS)}"
    if len(words) < 2:
        raise click.UsageError(hint)
    hint = suggestion(words[-1], KINDS, hint, SYNONYMS)
    raise click.UsageError(f'there is nothing called "{words[-1]}" to inspect; {hint}')


def _draw(shown: InspectAnswer, output: str, format: str, theme: str) -> None:
    from cnnspec.views.pictures.palette import THEMES
    from cnnspec.views.pictures.svg import convert

    write_result(output, convert(shown.draw(THEMES[theme]).document(), format))
