"""What ``cnnspec inspect`` answers: for each thing to look at, its table and its picture."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from math import prod
from pathlib import Path
from typing import Any, Final

import click
from numpy.typing import NDArray

from cnnspec.cli import runs, samples
from cnnspec.cli.console import stderr_console
from cnnspec.cli.inputs import Fit, named_images
from cnnspec.cli.spec import load_network, no_layer
from cnnspec.diagnostics import Diagnostic, SpecError
from cnnspec.document import load
from cnnspec.layers.base import Family
from cnnspec.model import Model
from cnnspec.network.graph import Network
from cnnspec.recipe.models import Recipe
from cnnspec.records import record
from cnnspec.training import inspection, shown
from cnnspec.training.data import Dataset
from cnnspec.training.data.dataset import Part
from cnnspec.training.evaluate import Evaluation, figure_text
from cnnspec.training.run import Run, is_run
from cnnspec.training.shown import ROWS, label_text
from cnnspec.views.pictures.palette import Theme
from cnnspec.views.results import confusion, curves, filters
from cnnspec.views.results import samples as galleries
from cnnspec.views.results.plot import Plot, stacked
from cnnspec.views.results.scatter import scatter
from cnnspec.views.terminal import results
from cnnspec.views.terminal.paint import Terminal

SAMPLES: Final = 10
"""Samples of a class, and changes of a sample, unless --most says."""


@record
class InspectOptions:
    """The options as they were given."""

    layers: tuple[str, ...]
    indices: tuple[int, ...]
    image: Path | None
    invert: bool | None
    center: bool
    resize: bool
    most: int | None
    part: Part
    data_name: str | None
    data_dir: Path | None
    weights: Path | None


@record
class InspectAnswer:
    """One answer, as a table and as a figure."""

    table: Callable[[Terminal], list[str]]
    draw: Callable[[Theme], Plot]


def _model_of(names: Sequence[str], kind: str, asked: InspectOptions) -> tuple[Model, Run | None]:
    if len(names) > 1:
        raise click.UsageError(f"{kind} are of one run; {len(names)} are named: {', '.join(names)}")
    return runs.find(names[0], None, asked.weights)


def _known(network: Network, layer: str) -> str:
    """The layer's name, or the only one that ends so; leaves with the nearest one otherwise."""
    ending = [name for name in network.by_name if name.endswith(f".{layer}")]
    if layer in network.by_name:
        return layer
    if len(ending) == 1:
        return ending[0]
    raise click.BadParameter(no_layer(layer, list(network.by_name)), param_hint="--layer")


# One kind each ---------------------------------------------------------------------


def _filters(model: Model, run: Run | None, asked: InspectOptions) -> InspectAnswer:
    layers = [_known(model.network, layer) for layer in asked.layers]
    found = [inspection.filters(model, layer) for layer in layers or (None,)]
    return InspectAnswer(
        lambda terminal: _paragraphs([results.filters(one, terminal) for one in found]),
        lambda theme: stacked([filters.filters(one, theme) for one in found], "Filters"),
    )


def _paragraphs(tables: Sequence[list[str]]) -> list[str]:
    """Tables one below the other, a blank line between them."""
    return "\n\n".join(map("\n".join, tables)).split("\n")


def _maps(model: Model, run: Run | None, asked: InspectOptions) -> InspectAnswer:
    layers = [_known(model.network, layer) for layer in asked.layers or (_first_map(model.network),)]
    image, title = _image(model, run, asked)
    found = [inspection.maps(model, image, layer, title) for layer in layers]
    return InspectAnswer(
        lambda terminal: _paragraphs([results.maps(one, terminal) for one in found]),
        lambda theme: stacked([filters.maps(one, theme) for one in found], f"Feature maps of {title}"),
    )


def _first_map(network: Network) -> str:
    """The layer that is looked at when none is named: the first activation, else the first layer."""
    return next(
        (node.name for node in network.layers if node.layer.family is Family.ACTIVATION),
        network.layers[0].name,
    )


def _image(model: Model, run: Run | None, asked: InspectOptions) -> tuple[NDArray[Any], str]:
    """One image as the network takes it, and what it is."""
    if asked.image is not None:
        shape, name = model.network.input, asked.image.name
        found = named_images(asked.image, shape)
        if len(found) > 1:
            stderr_console().print(f"note: {name} holds {len(found)} images; the first is shown")
        return Fit(shape, run, asked.invert, asked.center, asked.resize)(name, found[0][1])[0], name
    data = samples.data_of(model, run, asked.data_name, asked.data_dir)
    images, labels = data.part(asked.part)
    index, *others = asked.indices or (0,)
    if others:
        raise click.UsageError(f"maps are of one sample; {len(asked.indices)} are named")
    samples.check_index(index, len(labels), asked.part)
    text = label_text(data, labels[index])
    return images[index], f"{asked.part} sample {index}" + (f" ({text})" if text else "")


def _confusion(model: Model, run: Run | None, asked: InspectOptions) -> InspectAnswer:
    result = model.evaluate(samples.data_of(model, run, asked.data_name, asked.data_dir), part=asked.part)
    found = inspection.confusion(result)
    return InspectAnswer(
        lambda terminal: results.confusion(found, terminal), lambda theme: confusion.confusion(found, theme)
    )


def _mistakes(model: Model, run: Run | None, asked: InspectOptions) -> InspectAnswer:
    data = samples.data_of(model, run, asked.data_name, asked.data_dir)
    result = model.evaluate(data, part=asked.part)
    if result.target not in ("class", "binary"):
        places = [index for index, _ in result.hardest[: asked.most or ROWS]]
        return _shown(model, data, result, places, asked)
    total = len(result.worst)
    found = inspection.mistakes(result, data.part(asked.part).images, asked.most or 24)
    rows = [(one.index, one.label, one.answer, one.probability) for one in found]
    return InspectAnswer(
        lambda terminal: results.mistakes(rows, total, terminal),
        lambda theme: galleries.mistakes(found, total, theme),
    )


def _predictions(model: Model, run: Run | None, asked: InspectOptions) -> InspectAnswer:
    """Answers beside what was wanted: the first samples, or those of --index."""
    data = samples.data_of(model, run, asked.data_name, asked.data_dir)
    for index in asked.indices:
        samples.check_index(index, len(data.part(asked.part).labels), asked.part)
    places = asked.indices or range(min(asked.most or ROWS, len(data.part(asked.part).labels)))
    return _shown(model, data, model.evaluate(data, part=asked.part), list(places), asked)


def _shown(
    model: Model, data: Dataset, result: Evaluation, places: Sequence[int], asked: InspectOptions
) -> InspectAnswer:
    """Some answers, as pictures or as numbers against numbers, and the samples' figures as a table."""
    figures = dict(result.hardest)
    rows = [(place, figures[place]) for place in places if place in figures]
    pictures = shown.predictions(model, data, asked.part, places, result)

    def table(terminal: Terminal) -> list[str]:
        if not rows or result.target == "binary":
            return [pictures.note, "", *(name for name, _ in pictures.rows)]
        title = f"{asked.part} samples by number, with their {result.ranked}"
        lines = results.hardest(rows, result.ranked, result.samples, terminal, figure_text)
        return [title, *lines[1:]]

    if result.target == "numbers":
        numbers = shown.scatter(result)
        return InspectAnswer(table, lambda theme: scatter(numbers, theme))
    return InspectAnswer(table, lambda theme: galleries.gallery(pictures, theme))


def _neighbours(model: Model, run: Run | None, asked: InspectOptions) -> InspectAnswer:
    data = samples.data_of(model, run, asked.data_name, asked.data_dir)
    for index in asked.indices:
        samples.check_index(index, len(data.test_labels), "test")
    network = model.network
    if len(asked.layers) > 1:
        raise click.UsageError(f"neighbours are nearest by one layer; {len(asked.layers)} are named")
    layer = _known(network, asked.layers[0]) if asked.layers else inspection.last_hidden(network).name
    chosen = asked.indices or inspection.first_of_each(data.test_labels)
    found = inspection.neighbours(model, data, chosen, asked.most or 8, layer)
    size = prod(network[layer].output)
    return InspectAnswer(
        lambda terminal: results.neighbours(found, layer, size, terminal),
        lambda theme: galleries.neighbours(found, layer, size, theme),
    )


def _curves(names: Sequence[str], asked: InspectOptions) -> InspectAnswer:
    folders = [folder for name in names for folder in runs.folders_of(name)]
    found = inspection.distinct([inspection.run_curve(folder) for folder in folders], folders)
    return InspectAnswer(
        lambda terminal: results.curves(found, terminal), lambda theme: curves.curves(found, theme)
    )


# Of the data, for which nothing needs to be trained ------------------------------


def _samples(names: Sequence[str], asked: InspectOptions) -> InspectAnswer:
    """The samples of each class, or those of --index."""
    recipe, found = _subject(names, "data", asked)
    if asked.indices:
        return _chosen_samples(found, asked)
    head = str(found)[1:-1].removeprefix("Dataset ")
    count = min(
        asked.most or (SAMPLES if found.target.kind == "class" else ROWS), len(found.part(asked.part)[0])
    )
    pictures = (
        inspection.samples_of_each_class(found, asked.part, count)
        if found.target.kind == "class"
        else shown.samples_of(found, asked.part, range(count))
    )
    if found.target.kind in ("numbers", "image"):
        return InspectAnswer(lambda terminal: [head], lambda theme: galleries.gallery(pictures, theme))
    parts = inspection.class_counts(found, recipe)
    return InspectAnswer(
        lambda terminal: [head, "", *results.counts(found.names, parts, terminal)],
        lambda theme: galleries.gallery(pictures, theme),
    )


def _chosen_samples(data: Dataset, asked: InspectOptions) -> InspectAnswer:
    labels = data.part(asked.part).labels
    for index in asked.indices:
        samples.check_index(index, len(labels), asked.part)
    pictures = inspection.samples_at(data, asked.part, asked.indices)
    texts = {index: label_text(data, labels[index]) for index in asked.indices}
    lines = [
        f"{asked.part} sample {index}" + (f" is {text}" if text else "") for index, text in texts.items()
    ]
    return InspectAnswer(lambda terminal: lines, lambda theme: galleries.gallery(pictures, theme))


def _augmented(names: Sequence[str], asked: InspectOptions) -> InspectAnswer:
    """Training samples, and what the recipe's augmentation makes of them."""
    recipe, found = _subject(names, "augmented", asked)
    if recipe.augment is None:
        cure = "put into its train { }: augment shift=2 rotate=10 scale=0.1"
        message = f"the recipe of {names[0]} changes no images"
        raise SpecError([Diagnostic("nothing-to-show", message, help=(cure,))])
    for index in asked.indices:
        samples.check_index(index, len(found.train_labels), "train")
    places = asked.indices or inspection.first_of_each(found.train_labels)
    made = inspection.augmented_samples(found, recipe.augment, places, asked.most or SAMPLES, recipe.seed)
    return InspectAnswer(
        lambda terminal: results.changes(made, terminal), lambda theme: galleries.gallery(made, theme)
    )


def _subject(names: Sequence[str], kind: str, asked: InspectOptions) -> tuple[Recipe, Dataset]:
    """The recipe of a spec or of a run, and its samples."""
    if len(names) > 1:
        raise click.UsageError(f"{kind} of one spec or run; {len(names)} are named: {', '.join(names)}")
    name = names[0]
    if is_run(name):
        run = Run.read(Path(name))
        return run.recipe, samples.samples_of(run, load(name), asked.data_name, asked.data_dir)
    network = load_network(name, None)
    recipe = network.training_recipe
    say = stderr_console().say
    return recipe, samples.load_or_stand_in(network, recipe, asked.data_name, asked.data_dir, say=say)


SHOW: Final[dict[str, Callable[[Model, Run | None, InspectOptions], InspectAnswer]]] = {
    "filters": _filters,
    "maps": _maps,
    "confusion": _confusion,
    "mistakes": _mistakes,
    "predictions": _predictions,
    "neighbours": _neighbours,
}
ON_NAMES: Final[dict[str, Callable[[Sequence[str], InspectOptions], InspectAnswer]]] = {
    "curves": _curves,
    "data": _samples,
    "augmented": _augmented,
}


def answer(names: Sequence[str], kind: str, asked: InspectOptions) -> InspectAnswer:
    """What is shown of the runs or specs of these names."""
    if kind in ON_NAMES:
        return ON_NAMES[kind](names, asked)
    return SHOW[kind](*_model_of(names, kind, asked), asked)
