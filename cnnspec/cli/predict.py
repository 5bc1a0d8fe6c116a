"""``cnnspec predict``: what a trained network says of an image."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

import click

from cnnspec.cli.console import Console, stdout_console
from cnnspec.cli.options import data_options, format_option, most_option, picture_options, weights_option
from cnnspec.text import printable

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    from cnnspec.training.data import Dataset

SCHEMA: Final = "cnnspec/prediction/1"
BAR: Final = 24
"""Columns of a bar that means 100 %."""


@click.command("predict")
@click.argument("run")
@click.argument("images", nargs=-1, type=click.Path(exists=True, path_type=Path))
@data_options
@click.option(
    "--index", "indices", type=click.IntRange(0), multiple=True, metavar="N",
    help="A sample of the test set, by its number; may be given several times.",
)  # fmt: skip
@weights_option
@most_option("Classes to show.", 3, "--top")
@picture_options
@format_option("text", "json")
def command(
    run: str, images: tuple[Path, ...], data_name: str | None, data_dir: Path | None,
    indices: tuple[int, ...], weights: Path | None, most: int, invert: bool | None, center: bool,
    resize: bool, form: str,
) -> int:  # fmt: skip
    """The most likely classes of images (.png and the like, .npy), with their probabilities.

    RUN is the folder of a run, or a spec whose newest run is meant. A folder among
    the images means all in it.
    """
    from cnnspec.cli import runs
    from cnnspec.cli.inputs import Fit, named_images
    from cnnspec.cli.samples import data_of
    from cnnspec.training.evaluate import probabilities

    if not images and not indices:
        raise click.UsageError("give image files, or --index N for samples of the test set")
    model, record = runs.find(run, None, weights)
    names = model.classes
    fit = Fit(model.network.input, record, invert, center, resize)
    given = (item for path in _files(images) for item in named_images(path, model.network.input))
    samples: list[tuple[str, NDArray[np.uint8], str | None]]
    samples = [(name, fit(name, image), None) for name, image in given]
    if indices:
        data = data_of(model, record, data_name, data_dir)
        names = data.names
        samples += [_sample(data, index) for index in indices]
    answers = [
        _answer(name, label, probabilities(model, image)[0], names, most) for name, image, label in samples
    ]
    out = stdout_console()
    if form == "json":
        out.print_json({"schema": SCHEMA, "network": model.network.name, "images": answers})
    else:
        out.print("\n".join(_page(answers, out)))
    return 0


def _sample(data: Dataset, index: int) -> tuple[str, NDArray[np.uint8], str]:
    """A test sample: what it is called, its image, its class."""
    from cnnspec.cli.samples import check_index

    check_index(index, len(data.test.labels), "test")
    label = data.names[int(data.test.labels[index])]
    return f"test sample {index}", data.test.images[index : index + 1], label


def _files(paths: tuple[Path, ...]) -> list[Path]:
    """The files that the arguments name; a folder names all pictures in it, by name."""
    from cnnspec.training.data.picture import SUFFIXES, files_in, is_picture

    found: list[Path] = []
    for path in paths:
        inside = path.is_dir()
        files = [file for file in files_in(path) if is_picture(file, ".npy")] if inside else [path]
        if not files:
            raise click.UsageError(f'"{path}" holds no images ({", ".join(sorted(SUFFIXES))}, .npy)')
        found += files
    return found


def _answer(
    name: str, label: str | None, shares: NDArray[np.float32], names: tuple[str, ...], most: int
) -> dict[str, Any]:
    from cnnspec.training.evaluate import number

    order = (-shares).argsort(kind="stable")[:most]
    known = names if len(names) == len(shares) else tuple(map(str, range(len(shares))))
    best = [{"class": known[n], "probability": number(float(shares[n]))} for n in order]
    return {"image": name, **({"label": label} if label is not None else {}), "classes": best}


def _page(answers: list[dict[str, Any]], console: Console) -> list[str]:
    from cnnspec.views.terminal.paint import pad, percent

    terminal = console.terminal()
    lines: list[str] = []
    for answer in answers:
        label = f" (is {answer['label']})" if "label" in answer else ""
        lines += [f"{printable(answer['image'])}{label}"]
        width = max(len(one["class"]) for one in answer["classes"])
        for n, one in enumerate(answer["classes"]):
            share = one["probability"]
            if share is None:
                lines.append(f"  {pad(one['class'], width)}  no number")
                continue
            bar = terminal.text("━") * round(share * BAR) if console.width >= width + BAR + 14 else ""
            row = f"  {pad(one['class'], width)}  {percent(share):>8}  {bar}".rstrip()
            lines.append(terminal.paint(row, "bold") if n == 0 else row)
    return lines
