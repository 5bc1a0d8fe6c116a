"""``cnnspec inspect RUN filters|maps|confusion|mistakes|neighbours|curves``: what a network learned."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

import click

from cnnspec.cli.console import stderr_console, stdout_console
from cnnspec.cli.samples import data_options
from cnnspec.diagnostics import Misfit, SpecError, nearest

if TYPE_CHECKING:
    import numpy as np
    from matplotlib.figure import Figure
    from numpy.typing import NDArray

    from cnnspec.backends.numpy.model import Model
    from cnnspec.network.graph import Network
    from cnnspec.training.data import Dataset
    from cnnspec.views.paint import Paper
    from cnnspec.views.plots.style import Ink

KINDS: Final = {
    "filters": "the kernels of the first layer, or of --layer",
    "maps": "what --layer makes of one image (--index or --image)",
    "confusion": "which classes were taken for which",
    "mistakes": "the wrong answers that were given most surely",
    "neighbours": "training samples nearest to test samples in the last hidden layer",
    "curves": "loss and accuracy by epoch; several RUNs on one page",
}
SYNONYMS: Final = {
    "filter": "filters", "kernels": "filters", "weights": "filters", "map": "maps", "activations": "maps",
    "features": "maps", "errors": "mistakes", "worst": "mistakes", "neighbors": "neighbours",
    "nearest": "neighbours", "curve": "curves", "history": "curves", "loss": "curves", "matrix": "confusion",
}  # fmt: skip
FORMATS: Final = ("png", "svg", "pdf")


@dataclass(frozen=True, slots=True)
class Asked:
    """The options as they were given."""

    layer: str | None
    indices: tuple[int, ...]
    image: Path | None
    fit: dict[str, bool]
    count: int | None
    part: str
    data_name: str | None
    data_dir: Path | None
    weights: Path | None


@dataclass(frozen=True, slots=True)
class Shown:
    """One answer, as a table and as a picture."""

    table: Callable[[Paper], list[str]]
    plot: Callable[[Ink], Figure]


@click.command(
    "inspect",
    epilog="\b\nWHAT is one of\n" + "\n".join(f"  {kind:<11} {text}" for kind, text in KINDS.items()),
)
@click.argument("words", nargs=-1, metavar="RUN... WHAT")
@click.option("-o", "--output", metavar="FILE", help="Draw it: .png, .svg or .pdf; else a table is printed.")
@click.option("--layer", metavar="NAME", help="The layer to look at (filters, maps, neighbours).")
@click.option("--index", "indices", type=click.IntRange(0), multiple=True, metavar="N",
              help="A sample, by its number; neighbours take several.")  # fmt: skip
@click.option("--image", type=click.Path(exists=True, dir_okay=False, path_type=Path), metavar="FILE",
              help="An image in place of a sample (maps).")  # fmt: skip
@click.option("--invert", is_flag=True, help="The image is dark on bright, as pen on paper.")
@click.option("--center", is_flag=True, help="Cut out the drawing and centre it as MNIST's digits are.")
@click.option("--resize", "resized", is_flag=True, help="Bring the image to the network's input.")
@click.option("--count", type=click.IntRange(1, 200), metavar="N", help="Mistakes, or neighbours of each.")
@click.option("--part", type=click.Choice(["test", "train"]), default="test", help="Which samples.")
@click.option("--theme", type=click.Choice(["light", "dark"]), default="light", show_default=True)
@click.option("--weights", type=click.Path(exists=True, dir_okay=False, path_type=Path), metavar="FILE",
              help="Weights (safetensors), where RUN is a spec that has no run.")  # fmt: skip
@data_options
def command(
    words: tuple[str, ...], output: str | None, layer: str | None, indices: tuple[int, ...],
    image: Path | None, invert: bool, center: bool, resized: bool, count: int | None, part: str, theme: str,
    weights: Path | None, data_name: str | None, data_dir: Path | None,
) -> int:  # fmt: skip
    """What a trained network learned: filters, feature maps, confusion, mistakes, neighbours, curves.

    RUN is the folder of a run, or a spec whose newest run is meant.

    \b
    Examples:
      cnnspec inspect runs/LeNet5-1 filters -o filters.png
      cnnspec inspect lenet maps --layer conv2 --index 7 -o maps.svg
      cnnspec inspect pooling_none pooling_average pooling_max curves -o pooling.pdf
    """
    names, kind = _sorted(words)
    format = _format_of(output)
    asked = Asked(
        layer, indices, image, {"invert": invert, "center": center, "resized": resized}, count, part,
        data_name, data_dir, weights,
    )  # fmt: skip
    try:
        if format:
            from cnnspec.views.plots.style import check_matplotlib

            check_matplotlib()
        shown = _curves(names, asked) if kind == "curves" else SHOW[kind](*_model(names, kind, asked), asked)
        if output is None or kind == "curves":
            stdout_console().print("\n".join(shown.table(_paper())))
        if output is not None and format is not None:
            _draw(shown, output, format, theme)
    except Misfit as fault:
        raise SpecError([fault.at(None)]) from fault
    return 0


def _sorted(words: Sequence[str]) -> tuple[tuple[str, ...], str]:
    """(runs, what): what may stand anywhere, though it usually comes last."""
    kinds = [word for word in words if word in KINDS]
    if len(kinds) == 1:
        names = tuple(word for word in words if word not in KINDS)
        if not names:
            raise click.UsageError("name the folder of a run, or a spec that was trained")
        return names, kinds[0]
    if len(kinds) > 1:
        raise click.UsageError(f"one thing at a time: {', '.join(kinds)}")
    guess = nearest(words[-1], KINDS, SYNONYMS) if len(words) > 1 else None
    what = f'there is nothing called "{words[-1]}" to inspect; ' if len(words) > 1 else ""
    hint = f'did you mean "{guess}"?' if guess else f"say what to inspect: {', '.join(KINDS)}"
    raise click.UsageError(what + hint)


def _format_of(output: str | None) -> str | None:
    if output is None:
        return None
    suffix = Path(output).suffix.lower().removeprefix(".")
    if suffix not in FORMATS:
        guess = nearest(suffix, FORMATS) if suffix else None
        hint = f"; did you mean {Path(output).with_suffix('.' + guess)}?" if guess else ""
        raise click.BadParameter(f'"{output}" must end in .png, .svg or .pdf{hint}', param_hint="--output")
    return suffix


def _paper() -> Paper:
    from cnnspec.views.paint import Paper

    console = stdout_console()
    return Paper(console.width, console.color, console.unicode)


def _draw(shown: Shown, output: str, format: str, theme: str) -> None:
    from cnnspec.files import write_atomically
    from cnnspec.views.plots.style import render

    page = render(shown.plot, format, theme)
    try:
        Path(output).parent.mkdir(parents=True, exist_ok=True)
        write_atomically(output, page)
    except OSError as error:
        raise click.UsageError(f'"{output}" cannot be written: {error.strerror or error}') from error
    stderr_console().print(f"wrote {output}")


def _model(names: Sequence[str], kind: str, asked: Asked) -> tuple[Model, dict[str, Any]]:
    from cnnspec.cli import runs

    if len(names) > 1:
        raise click.UsageError(f"{kind} are of one run; {len(names)} are named: {', '.join(names)}")
    return runs.find(names[0], None, asked.weights)


def _known(network: Network, layer: str) -> str:
    """The layer's name, or the only one that ends so; leaves with the nearest one otherwise."""
    ending = [name for name in network.by_name if name == layer or name.endswith(f".{layer}")]
    if layer in network.by_name:
        return layer
    if len(ending) == 1:
        return ending[0]
    guess = nearest(layer, network.by_name)
    known = ", ".join(list(network.by_name)[:8]) + (", …" if len(network.by_name) > 8 else "")
    hint = f'did you mean "{guess}"?' if guess else f"there are {known}"
    raise click.BadParameter(f'there is no layer "{layer}"; {hint}', param_hint="--layer")


def _data(model: Model, about: dict[str, Any], asked: Asked) -> Dataset:
    from cnnspec.cli import runs

    return runs.data_of(model, about, asked.data_name, asked.data_dir)


def _samples(data: Dataset, part: str) -> tuple[NDArray[np.uint8], NDArray[np.int64]]:
    if part == "test":
        return data.test_images, data.test_labels
    return data.train_images, data.train_labels


# One kind each ---------------------------------------------------------------------


def _filters(model: Model, about: dict[str, Any], asked: Asked) -> Shown:
    from cnnspec.training import inspection
    from cnnspec.views import learned

    found = inspection.filters(model, _known(model.network, asked.layer) if asked.layer else None)
    return Shown(lambda paper: learned.filters(found, paper), _plot("filters", found))


def _maps(model: Model, about: dict[str, Any], asked: Asked) -> Shown:
    from cnnspec.training import inspection
    from cnnspec.views import learned

    layer = _known(model.network, asked.layer or _first_map(model.network))
    image, title = _image(model, about, asked)
    found = inspection.maps(model, image, layer, title)
    return Shown(lambda paper: learned.maps(found, paper), _plot("maps", found))


def _first_map(network: Network) -> str:
    """The layer that is looked at when none is named: the first activation, else the first layer."""
    from cnnspec.layers.base import Family

    return next(
        (node.name for node in network.layers if node.layer.family is Family.ACTIVATION),
        network.layers[0].name,
    )


def _image(model: Model, about: dict[str, Any], asked: Asked) -> tuple[NDArray[Any], str]:
    """One image as the network takes it, and what it is."""
    if asked.image is not None:
        from cnnspec.training.data.images import read_image
        from cnnspec.training.photo import prepared

        shape = model.network.input
        image = read_image(asked.image, shape[2] if len(shape) == 3 else 1)
        return prepared(image, shape, **asked.fit)[0], asked.image.name
    data = _data(model, about, asked)
    images, labels = _samples(data, asked.part)
    index = asked.indices[0] if asked.indices else 0
    _check_index(index, len(labels), asked.part)
    return images[index], f"{asked.part} sample {index} ({data.names[int(labels[index])]})"


def _check_index(index: int, count: int, part: str) -> None:
    if index >= count:
        raise click.BadParameter(
            f"the {part} set has {count:,} samples, 0 to {count - 1}; there is no {index}",
            param_hint="--index",
        )


def _confusion(model: Model, about: dict[str, Any], asked: Asked) -> Shown:
    from cnnspec.cli import evaluate
    from cnnspec.training import inspection, loop

    result = loop.evaluate(model, _data(model, about, asked), part=asked.part)
    found = inspection.confusion(result)
    return Shown(lambda paper: evaluate.confusion(result, paper), _plot("confusion", found))


def _mistakes(model: Model, about: dict[str, Any], asked: Asked) -> Shown:
    from cnnspec.training import inspection, loop
    from cnnspec.views import learned

    data = _data(model, about, asked)
    result = loop.evaluate(model, data, part=asked.part)
    total = len(result.worst)
    found = inspection.mistakes(result, _samples(data, asked.part)[0], asked.count or 24)
    return Shown(lambda paper: learned.mistakes(found, total, paper), _plot("mistakes", found, total))


def _neighbours(model: Model, about: dict[str, Any], asked: Asked) -> Shown:
    from cnnspec.training import inspection
    from cnnspec.views import learned

    data = _data(model, about, asked)
    for index in asked.indices:
        _check_index(index, len(data.test_labels), "test")
    network = model.network
    layer = _known(network, asked.layer) if asked.layer else inspection.last_hidden(network).name
    chosen = asked.indices or inspection.one_of_each(data)
    found = inspection.neighbours(model, data, chosen, asked.count or 8, layer)
    size = inspection.size_of(network, layer)
    return Shown(
        lambda paper: learned.neighbours(found, layer, size, paper), _plot("neighbours", found, layer, size)
    )


def _curves(names: Sequence[str], asked: Asked) -> Shown:
    from cnnspec.cli import runs
    from cnnspec.training import inspection
    from cnnspec.views import learned
    from cnnspec.views.plots.curves import curves

    folders = [runs.folder_of(name) for name in names]
    found = inspection.distinct([inspection.run_curve(folder) for folder in folders], folders)
    return Shown(lambda paper: learned.curves(found, paper), lambda ink: curves(found, ink))


def _plot(name: str, *exhibits: Any) -> Callable[[Ink], Figure]:
    def draw(ink: Ink) -> Figure:
        from cnnspec.views.plots import learned

        made: Figure = getattr(learned, name)(*exhibits, ink)
        return made

    return draw


SHOW: Final[dict[str, Callable[[Model, dict[str, Any], Asked], Shown]]] = {
    "filters": _filters,
    "maps": _maps,
    "confusion": _confusion,
    "mistakes": _mistakes,
    "neighbours": _neighbours,
}
