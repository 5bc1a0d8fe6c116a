"""What a trained network learned and what from, gathered for showing.

Filters, feature maps, confusion, mistakes, neighbours, curves; samples of each class, and augmented ones.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from math import isqrt
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

import numpy as np
from numpy.typing import NDArray

from cnnspec.analysis.report import analyze
from cnnspec.backends.contract import Predictor, Scaling
from cnnspec.backends.images import is_joined
from cnnspec.diagnostics import SpecError
from cnnspec.document import load
from cnnspec.layers.writing import value_text
from cnnspec.network.graph import Network, Node
from cnnspec.recipe.models import Augment, Recipe
from cnnspec.recipe.targets import CLASS
from cnnspec.training.augment import augmenter_of
from cnnspec.training.data.dataset import Dataset, Part, divide
from cnnspec.training.evaluate import figure_text
from cnnspec.training.history import EpochRecord, MetricsFile
from cnnspec.training.run import METRICS, SPEC, Run
from cnnspec.training.shown import as_picture, label_text, samples_of
from cnnspec.views import results

if TYPE_CHECKING:
    from cnnspec.training.evaluate import Evaluation


AT_ONCE: Final = 1000
"""Samples whose features are in memory at a time."""
MOST_CLASSES = 30
"""Classes that a picture shows."""
_WHICH: Final = {"train": "training", "test": "test"}


def filters(model: Predictor, layer: str | None = None) -> results.Filters:
    """The kernels of a layer, the first that has any when none is named.

    A dense layer's are shown as pictures of what flows in. Raises SpecError
    where there is nothing to show.
    """
    nodes = model.network.layers if layer is None else (model.network[layer],)
    for node in nodes:
        values = model.weights.get(f"{node.name}.weight")
        if values is not None and values.ndim >= 2:
            return results.Filters(node.name, _kernels(values, node, model.network))
    where = f"{layer} has no filters" if layer else "no layer of this network has filters"
    having = [name.removesuffix(".weight") for name, values in model.weights.items() if values.ndim > 1]
    cure = f"layers that have some: {', '.join(having[:8])}{', …' if len(having) > 8 else ''}"
    raise SpecError.of("nothing-to-show", where, *([cure] if having else []))


def _kernels(values: NDArray[Any], node: Node, network: Network) -> NDArray[Any]:
    """Weights (out, in, …) as (out, height, width, in); planes of a volume one below the other."""
    if values.ndim == 2:
        return np.stack([as_image(row, _map_before(node, network)) for row in values])
    if node.weights[f"{node.name}.weight"].inputs_first:
        values = values.swapaxes(0, 1)
    last = np.moveaxis(values, 1, -1)
    return last.reshape(len(last), -1, *last.shape[-2:])


def _map_before(node: Node, network: Network) -> tuple[int, ...]:
    """The map that was flattened on the way into a dense layer; its plain input else."""
    source = network.nodes[node.inputs[0]]
    while source.layer.storage.is_view:
        if len(source.output) < len(source.input_shapes[0]):
            return source.input_shapes[0]
        source = network.nodes[source.inputs[0]]
    return source.output


def as_image(values: NDArray[Any], shape: Sequence[int]) -> NDArray[Any]:
    """Values as a picture (height, width, channels).

    A flattened map gets its ``shape`` back; a vector becomes a square where its
    length is one, else a row; the planes of a volume lie one below the other.
    """
    if is_joined(values):
        return as_picture(values)
    if values.ndim > 1:
        return values.reshape(-1, *values.shape[-2:])
    if len(shape) == 3:
        height, width, channels = shape
        return values.reshape(channels, height, width).transpose(1, 2, 0)
    side = isqrt(values.size)
    return values.reshape((side, side, 1) if side * side == values.size else (1, values.size, 1))


def maps(model: Predictor, image: NDArray[Any], layer: str, title: str = "") -> results.FeatureMaps:
    """What a layer makes of one image, given as the network takes it, without the sample axis."""
    shown = as_image(image, model.network.input)
    if not model.network[layer].inputs:
        read = as_image(image[layer], ()) if is_joined(image) else shown
        return results.FeatureMaps(layer, read, shown, title)
    values = model.forward(np.asarray(image)[None], keep=[layer])[layer][0]
    found = values if values.ndim == 1 else as_image(values, values.shape)
    return results.FeatureMaps(layer, found, shown, title)


def confusion(found: Evaluation) -> results.Confusion:
    """Of samples, of the pixels of masks, or of a yes and no; raises SpecError where there are no classes."""
    if not found.confusion.size:
        cure = "cnnspec inspect RUN predictions shows them beside what was wanted"
        raise SpecError.of("nothing-to-show", "the answers are not of one class each", cure)
    return results.Confusion(
        found.confusion, found.answers, "pixels" if found.target == "mask" else "samples"
    )


def mistakes(found: Evaluation, images: NDArray[Any], count: int) -> list[results.Misclassified]:
    """The most confident wrong answers, with the images they were given to."""
    return [
        results.Misclassified(
            as_image(images[one.index], images.shape[1:]), one.index, found.answers[one.label],
            found.answers[one.answer], one.probability,
        )
        for one in found.worst[:count]
    ]  # fmt: skip


def last_hidden(network: Network) -> Node:
    """The node that the last layer with weights reads; the input itself where that layer is the only one."""
    node = network.nodes[network.outputs[0].node]
    while node.index and not node.weights:
        node = network.nodes[node.inputs[0]]
    return network.nodes[node.inputs[0]] if node.index else node


def neighbours(
    model: Predictor, data: Dataset, indices: Sequence[int], count: int, layer: str | None = None
) -> list[results.Neighbourhood]:
    """For each of these test samples, the ``count`` nearest training samples.

    Distance is Euclidean between the outputs of ``layer``, the last hidden one
    when none is named.
    """
    name = layer or last_hidden(model.network).name
    asked = features(model, data.test_images[list(indices)], name)
    count = min(count, len(data.train_labels))
    distances = np.empty((len(asked), 0), np.float32)
    places = np.empty((len(asked), 0), np.int64)
    for start in range(0, len(data.train_labels), AT_ONCE):
        among = features(model, data.train_images[start : start + AT_ONCE], name)
        here = np.broadcast_to(np.arange(start, start + len(among)), (len(asked), len(among)))
        distances = np.concatenate((distances, _squares(asked, among)), axis=1)
        places = np.concatenate((places, here), axis=1)
        nearest = np.argsort(distances, axis=1, kind="stable")[:, :count]
        distances = np.take_along_axis(distances, nearest, axis=1)
        places = np.take_along_axis(places, nearest, axis=1)
    return [
        results.Neighbourhood(
            _neighbour(data, index, 0.0, "test"),
            tuple(_neighbour(data, int(n), float(d), "train") for n, d in zip(row, far, strict=True)),
        )
        for index, row, far in zip(indices, places, np.sqrt(distances), strict=True)
    ]


def features(model: Predictor, images: NDArray[Any], layer: str) -> NDArray[np.float32]:
    """A layer's outputs as (samples, values); of the input, the pixels as the network sees them."""
    if not model.network[layer].inputs:
        values = _scaled(images[layer] if is_joined(images) else images, model.scaling.of_input(layer))
    else:
        values = model.forward(images, keep=[layer])[layer]
    return values.reshape(len(images), -1)


def _scaled(images: NDArray[Any], scaling: Scaling) -> NDArray[np.float32]:
    """Bytes by the model's rule, channels last; floats as they are."""
    if images.dtype != np.uint8:
        return images.astype(np.float32)
    return np.asarray(images * scaling.factor + scaling.shift, np.float32)


def _squares(asked: NDArray[np.float32], among: NDArray[np.float32]) -> NDArray[np.float32]:
    """Squared distances (asked, among)."""
    lengths: NDArray[np.float32] = (asked**2).sum(1)[:, None] + (among**2).sum(1)
    squares = lengths - 2 * (asked @ among.T)
    return np.maximum(squares, 0, dtype=np.float32)


def _neighbour(data: Dataset, index: int, distance: float, part: Part) -> results.Neighbour:
    images, labels = data.part(part)
    shown = as_image(images[index], images.shape[1:])
    return results.Neighbour(shown, index, label_text(data, labels[index]), distance)


def first_of_each(labels: NDArray[Any], most: int = 10) -> list[int]:
    """The place of the first sample of each class; the first samples, where there are no classes."""
    if labels.ndim > 1:
        return list(range(min(len(labels), most)))
    _, first = np.unique(labels, return_index=True)
    return [int(place) for place in first[:most]]


def curve_of(rows: Sequence[EpochRecord], name: str) -> results.TrainingCurve:
    """The epochs of a training; validation only where every epoch has it."""
    losses = [row.validation_loss for row in rows if row.validation_loss is not None]
    shares = [row.accuracy for row in rows if row.accuracy is not None]
    accuracies = [row.validation_accuracy for row in rows if row.validation_accuracy is not None]
    return results.TrainingCurve(
        name,
        tuple(row.epoch for row in rows),
        tuple(row.loss for row in rows),
        tuple(shares) if len(shares) == len(rows) else (),
        tuple(losses) if len(losses) == len(rows) else (),
        tuple(accuracies) if len(accuracies) == len(rows) else (),
        sum(row.seconds for row in rows),
    )


def run_curve(folder: Path) -> results.TrainingCurve:
    """The training in the folder of a run; raises SpecError where it has no finished epoch."""
    test = Run.read(folder).test
    rows = MetricsFile(folder / METRICS).rows()
    if not rows:
        what = f"{folder} has no finished epoch yet"
        raise SpecError.of("nothing-to-show", what, "wait for it, or go on with --resume")
    network = load(folder / SPEC)
    curve = curve_of(rows, network.name or folder.name)
    params = analyze(network).totals.params
    curve = replace(curve, params=params)
    if test is None:
        return curve
    known = {name: value for name, value in test.figures.items() if value is not None}
    told = tuple((name, figure_text(name, value)) for name, value in known.items() if name != "accuracy")
    accuracy = known.get("accuracy") if test.figures else test.accuracy
    return replace(curve, test_loss=test.loss, test_accuracy=accuracy, test_figures=told)


def distinct(curves: Sequence[results.TrainingCurve], folders: Sequence[Path]) -> list[results.TrainingCurve]:
    """The curves, named after their folders where two networks have one name."""
    names = [curve.name for curve in curves]
    if len(set(names)) == len(names):
        return list(curves)
    short = [folder.name for folder in folders]
    names = short if len(set(short)) == len(short) else list(map(str, folders))
    return [replace(curve, name=name) for curve, name in zip(curves, names, strict=True)]


def class_counts(data: Dataset, recipe: Recipe) -> Mapping[str, tuple[int, ...]]:
    """Samples of each class (of masks their pixels, of yes or no the yes), for each part there is."""
    train, validation = divide(data, recipe.data.validation, recipe.seed)
    parts = {"training": train, "validation": validation, "test": data.test}
    return {
        name: tuple(_counts(part.labels, data).tolist())
        for name, part in parts.items()
        if part and len(part.labels)
    }


def _counts(labels: NDArray[Any], data: Dataset) -> NDArray[np.int64]:
    if data.target.kind in ("class", "mask"):
        return np.bincount(labels.ravel(), minlength=data.classes)[: data.classes]
    return np.asarray((labels > 0.5).sum(0), np.int64)


def samples_of_each_class(data: Dataset, part: Part, count: int) -> results.Gallery:
    """The first samples of each class."""
    images, labels = data.part(part)
    rows = []
    for label, name in enumerate(data.names[:MOST_CLASSES]):
        places = np.flatnonzero(labels == label)[:count]
        rows.append((name, tuple(as_image(images[place], images.shape[1:]) for place in places)))
    cut = f", the first {MOST_CLASSES} of {data.classes} classes" if data.classes > MOST_CLASSES else ""
    note = f"the first of {len(labels):,} {_WHICH[part]} samples of each class{cut}"
    return results.Gallery(data.name, note, tuple(rows))


def samples_at(data: Dataset, part: Part, places: Sequence[int]) -> results.Gallery:
    """The samples of these numbers, each in a row of its own."""
    images, labels = data.part(part)
    if data.target.kind != "class":
        return samples_of(data, part, places)
    rows = [
        (f"{place}: {data.names[int(labels[place])]}", (as_image(images[place], images.shape[1:]),))
        for place in places
    ]
    return results.Gallery(data.name, f"{_WHICH[part]} samples by number, with their classes", tuple(rows))


def augmented_samples(
    data: Dataset, setting: Augment, places: Sequence[int], count: int, seed: int
) -> results.Gallery:
    """Training samples, each with ``count`` changes of it as training draws them.

    Raises SpecError where the samples are no images.
    """
    change = augmenter_of(setting, CLASS, data.train_images, data.train_labels)
    assert change is not None
    generator = np.random.default_rng(seed)
    rows = []
    for place in places:
        image, label = data.train_images[place : place + 1], data.train_labels[place]
        made, _ = change(np.repeat(image, count, 0), label, generator)
        shown = [as_picture(one) if is_joined(one) else one for one in (*image, *made)]
        rows.append((label_text(data, label) or str(place), tuple(shown)))
    plain = Augment()
    options = [f"{name}={value_text(value)}" for name, value in setting if value != getattr(plain, name)]
    note = f"{data.name}: a training sample, and what it may look like"
    return results.Gallery(" ".join(["augment", *options]), note, tuple(rows), True)
