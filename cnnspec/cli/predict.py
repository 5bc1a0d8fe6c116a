"""``cnnspec predict``: what a trained network says of an image."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

import click

from cnnspec.cli.console import Console, stdout_console, write_result
from cnnspec.cli.options import (
    data_options,
    engine_options,
    format_option,
    most_option,
    picture_options,
    weights_option,
)
from cnnspec.text import printable

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    from cnnspec.layers.base import SampleShape
    from cnnspec.training.data import Dataset
    from cnnspec.training.run import Run

SCHEMA: Final = "cnnspec/prediction/1"
BAR: Final = 24
"""Columns of a bar that means 100 %."""


@click.command("predict")
@click.argument("run")
@click.argument("images", nargs=-1)
@data_options
@click.option(
    "--index", "indices", type=click.IntRange(0), multiple=True, metavar="N",
    help="A sample of the test set, by its number; may be given several times.",
)  # fmt: skip
@weights_option
@most_option("Classes to show.", 3, "--top")
@picture_options
@click.option(
    "-o",
    "--output",
    metavar="FILE",
    help="Draw masks and images (.png, .svg, .pdf); or save all as an array (.npy).",
)
@format_option("text", "json")
@engine_options
def command(
    run: str, images: tuple[str, ...], data_name: str | None, data_dir: Path | None,
    indices: tuple[int, ...], weights: Path | None, most: int, invert: bool | None, center: bool,
    resize: bool, output: str | None, form: str,
) -> int:  # fmt: skip
    """The most likely classes of images (.png and the like, .npy), with their probabilities.

    Of a network trained for masks, how much of each class is there; for yes or no, numbers and images,
    what it gives. -o draws masks over the images and images beside those given (.png, .svg, .pdf), or
    saves all answers as an array (.npy).

    RUN is the folder of a run, or a spec whose newest run is meant. A folder among
    the images means all in it. A network with several inputs is given them by name:
    left=a.png right=b.png.
    """
    from cnnspec.cli import runs
    from cnnspec.cli.samples import data_of
    from cnnspec.training.evaluate import probabilities
    from cnnspec.training.shown import said

    if not images and not indices:
        raise click.UsageError("give image files, or --index N for samples of the test set")
    model, record = runs.find(run, None, weights)
    recipe = record.recipe if record else model.network.training_recipe
    names, kind = model.classes, recipe.target.kind if recipe.target else "class"
    _refuse_picture(output, kind)
    how = (record, invert, center, resize)
    samples: list[tuple[str, NDArray[np.uint8], str | None]]
    samples = [(name, image, None) for name, image in _given(images, model.network.sample, how)]
    if indices:
        data = data_of(model, record, data_name, data_dir)
        names = data.names
        samples += [_sample(data, index) for index in indices]
    given = [probabilities(model, image, kind)[0] for _, image, _ in samples]
    answers = [
        _answer(name, label, said(kind, one, names, most), kind)
        for (name, _, label), one in zip(samples, given, strict=True)
    ]
    if output is not None:
        _save(output, kind, [(name, image[0]) for name, image, _ in samples], given, names)
    out = stdout_console()
    if form == "json":
        out.print_json({"schema": SCHEMA, "network": model.network.name, "images": answers})
    else:
        out.print("\n".join(_page(answers, kind, out)))
    return 0


def _given(
    images: tuple[str, ...], sample: SampleShape, how: tuple[Run | None, bool | None, bool, bool]
) -> list[tuple[str, NDArray[Any]]]:
    """The images of the files as the network takes them, (1, …) each, with their names; of several inputs
    the first of each go together, then the second."""
    from cnnspec.backends.images import joined
    from cnnspec.cli.inputs import Fit, named_images

    if not isinstance(sample, Mapping):
        fit = Fit(sample, *how)
        pictures = (item for path in _files(images) for item in named_images(path, sample))
        return [(name, fit(name, image)) for name, image in pictures]
    found: dict[str, list[tuple[str, NDArray[Any]]]] = {name: [] for name in sample}
    for text in images:
        name, _, file = text.partition("=")
        if name not in sample:
            ways = " ".join(f"{name}=FILE" for name in sample)
            raise click.UsageError(f"this network has several inputs; each is given by its name: {ways}")
        fit = Fit(sample[name], *how)
        pictures = (item for path in _files((file,)) for item in named_images(path, sample[name]))
        found[name] += [(title, fit(title, image)) for title, image in pictures]
    if len({*map(len, found.values())}) > 1:
        counts = ", ".join(f"{len(images)} of {name}" for name, images in found.items())
        raise click.UsageError(f"each sample has all inputs; there are {counts}")
    return [
        (
            " ".join(title for title, _ in one),
            joined(dict(zip(found, (image for _, image in one), strict=True))),
        )
        for one in zip(*found.values(), strict=True)
    ]


def _refuse_picture(output: str | None, kind: str) -> None:
    """Leaves before anything is computed where a file cannot be made of the answers."""
    from cnnspec.training.shown import has_pictures

    if output is None:
        return
    suffix = Path(output).suffix.lower()
    if suffix not in (".npy", ".png", ".svg", ".pdf"):
        raise click.BadParameter(f'"{output}" must end in .npy, .png, .svg or .pdf', param_hint="--output")
    if suffix != ".npy" and not has_pictures(kind):
        array = Path(output).with_suffix(".npy")
        message = f"the answers are no pictures; they can be saved as an array: {array}"
        raise click.BadParameter(message, param_hint="--output")


def _save(
    output: str, kind: str, samples: list[tuple[str, NDArray[Any]]], answers: list[NDArray[Any]],
    names: tuple[str, ...],
) -> None:  # fmt: skip
    """All answers as an array (of masks the class numbers), or as a picture beside their images."""
    from io import BytesIO

    import numpy as np

    from cnnspec.training.shown import answered
    from cnnspec.views.pictures.palette import THEMES
    from cnnspec.views.pictures.svg import convert
    from cnnspec.views.results.samples import gallery

    suffix = Path(output).suffix.lower().removeprefix(".")
    if suffix != "npy":
        drawn = gallery(answered(kind, samples, answers, names), THEMES["light"])
        write_result(output, convert(drawn.document(), suffix))
        return
    whole, file = np.stack(answers), BytesIO()
    np.save(file, whole.argmax(-1).astype(np.uint8) if kind == "mask" else whole)
    write_result(output, file.getvalue())


def _sample(data: Dataset, index: int) -> tuple[str, NDArray[np.uint8], str | None]:
    """A test sample: what it is called, its image, and in words what is wanted."""
    from cnnspec.cli.samples import check_index
    from cnnspec.training.shown import label_text

    check_index(index, len(data.test.labels), "test")
    label = label_text(data, data.test.labels[index]) or None
    return f"test sample {index}", data.test.images[index : index + 1], label


def _files(texts: Sequence[str]) -> list[Path]:
    """The files that the arguments name; a folder names all pictures in it, by name."""
    from cnnspec.training.data.picture import SUFFIXES, files_in, is_picture

    found: list[Path] = []
    for path in map(Path, texts):
        if not path.exists():
            raise click.BadParameter(f"Path '{path}' does not exist.", param_hint="'[IMAGES]...'")
        inside = path.is_dir()
        files = [file for file in files_in(path) if is_picture(file, ".npy")] if inside else [path]
        if not files:
            raise click.UsageError(f'"{path}" holds no images ({", ".join(sorted(SUFFIXES))}, .npy)')
        found += files
    return found


ENTRIES: Final = {
    "class": ("classes", "class", "probability"), "mask": ("classes", "class", "share"),
    "binary": ("answers", "question", "probability"), "numbers": ("numbers", "name", "value"),
    "image": ("values", "name", "value"),
}  # fmt: skip
"""How an answer of each kind is called in JSON: the list, and in it a name and its figure."""


def _answer(name: str, label: str | None, told: list[tuple[str, float]], kind: str) -> dict[str, Any]:
    from cnnspec.training.evaluate import number

    whole, word, figure = ENTRIES[kind]
    best = [{word: one, figure: number(value)} for one, value in told]
    return {"image": name, **({"label": label} if label is not None else {}), whole: best}


def _page(answers: list[dict[str, Any]], kind: str, console: Console) -> list[str]:
    from cnnspec.views.terminal.paint import pad, percent

    terminal = console.terminal()
    lines: list[str] = []
    for answer in answers:
        label = f" (is {answer['label']})" if "label" in answer else ""
        lines += [f"{printable(answer['image'])}{label}"]
        whole, word, figure = ENTRIES[kind]
        width = max(len(one[word]) for one in answer[whole])
        for n, one in enumerate(answer[whole]):
            value = one[figure]
            if value is None:
                lines.append(f"  {pad(one[word], width)}  no number")
                continue
            if figure == "value":
                lines.append(f"  {pad(one[word], width)}  {value:.6g}")
                continue
            bar = terminal.text("━") * round(value * BAR) if console.width >= width + BAR + 14 else ""
            row = f"  {pad(one[word], width)}  {percent(value):>8}  {bar}".rstrip()
            lines.append(terminal.paint(row, "bold") if n == 0 and kind != "binary" else row)
    return lines
