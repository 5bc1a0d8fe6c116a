"""What is given on the command line for a network: matrices as text, files, pictures, well-known kernels."""

from __future__ import annotations

import re
import sys
from collections.abc import Mapping, MutableMapping, Sequence
from math import prod
from pathlib import Path
from typing import Any, Final

import click
import numpy as np
from numpy.typing import NDArray

from cnnspec.backends.images import parted
from cnnspec.cli.console import stderr_console
from cnnspec.cli.matrices import Array, numbers
from cnnspec.cli.samples import check_index
from cnnspec.diagnostics import SpecError, suggestion
from cnnspec.files import read_bytes
from cnnspec.layers.base import Shape, Weight, show
from cnnspec.layers.kernels import KERNELS, LONGEST_QUOTED, matrices, spread
from cnnspec.records import record
from cnnspec.text import printable
from cnnspec.training.data import LOADERS, load, numpy_files
from cnnspec.training.data.dataset import Part
from cnnspec.training.data.faults import unlike
from cnnspec.training.data.picture import SUFFIXES, read_image
from cnnspec.training.data.preprocess import fit_images
from cnnspec.training.run import Run
from cnnspec.training.shown import label_text

FORMS: Final = (
    'rows as "1 2; 3 4" (channels apart by |), lists as [[1, 2], [3, 4]], a file of either, a .npy file, a '
    "picture, a sample as mnist:7 or mnist:test:7, or: ones, zeros, count, random"
)

MOST_TEXT: Final = 100_000_000
"""Bytes of a file of numbers."""
MOST_WRITTEN: Final = 16
"""Numbers up to which an example is written out."""

SAMPLE: Final = re.compile(r"^(?P<name>.+?):(?:(?P<part>train|test):)?(?P<index>[0-9]{1,18})$")
"""``mnist:59000``, ``mnist:test:7``."""


def input_array(text: str, shape: Shape, seed: int, resizing: bool = False) -> Array:
    """The samples that ``--input`` means, N x the network's input shape; ``resizing`` is for images."""
    path = Path(text)
    if text in _MADE:
        made: Array = _MADE[text](shape, np.random.default_rng(seed))
        return made[None]
    cure = "" if resizing else ", or --resize brings it to that size"
    if len(shape) != 3:
        cure = f"; for what is no map give an array of {show(shape)} as a .npy file, or numbers"
    if sample := _sample_named(text):
        return _as_samples(_sample(*sample, shape, resizing), shape, text, cure)
    if path.suffix.lower() in SUFFIXES:
        (image,) = fit_images(read_image(path, shape)[None], shape, resizing=resizing)
        return _as_samples(image, shape, text, cure)
    if path.suffix.lower() == ".npy":
        values = fit_images(_images(path, shape), shape, resizing=True) if resizing else _npy(path)
        return _as_samples(values, shape, text)
    values, is_nested = _numbers(text)
    if is_nested or (len(shape) == 1 and values.size == prod(shape)):
        return _as_samples(values if is_nested else values.reshape(shape), shape, text)
    together = np.moveaxis(values, 0, -1)
    return _as_samples(together[0] if len(shape) == 2 and len(together) == 1 else together, shape, text)


def input_sizes(text: str, parts: Sequence[int | None]) -> tuple[int, ...]:
    """The network's input where its spec leaves sizes open, as ``input ?x?x1`` does: those of ``--input``."""
    path, channels = Path(text), parts[-1] or 3
    if sample := _sample_named(text):
        shape = _sample(*sample).shape
    elif path.suffix.lower() in SUFFIXES:
        shape = read_image(path, channels).shape
    elif path.suffix.lower() == ".npy":
        shape = _npy(path).shape
    else:
        values, is_nested = _numbers(text)
        shape = values.shape if is_nested else (*values.shape[1:], len(values))
    shape = (*shape, 1)[: len(parts)] if len(shape) < len(parts) else shape[len(shape) - len(parts) :]
    return tuple(size if part is None else part for part, size in zip(parts, shape, strict=False))


def _numbers(text: str) -> tuple[Array, bool]:
    """The numbers in a file or in the text itself; ``-`` is standard input."""
    try:
        if text == "-":
            return numbers(sys.stdin.read())
        return numbers(read_bytes(text, MOST_TEXT).decode() if _is_there(Path(text)) else text)
    except OSError as error:
        raise click.BadParameter(
            f'"{text}" cannot be read: {error.strerror}', param_hint="--input"
        ) from error
    except ValueError as error:
        raise click.BadParameter(f"{error}; give {FORMS}", param_hint="--input") from error


def _sample_named(text: str) -> tuple[str, Part, int] | None:
    """The data, the part and the number, where a text names a sample."""
    found = SAMPLE.match(text)
    if found is None or not (found["name"].replace("-", "_") in LOADERS or Path(found["name"]).exists()):
        return None
    return found["name"], "test" if found["part"] == "test" else "train", int(found["index"])


def _sample(
    name: str, part: Part, index: int, shape: Shape | None = None, resizing: bool = False
) -> NDArray[np.uint8]:
    """One sample of a data set, resized as in training; says of which class it is."""
    data = load(name, shape=shape, resize=resizing)
    images, labels = data.part(part)
    check_index(index, len(labels), part, "--input")
    text = label_text(data, labels[index])
    _say(f"{part} sample {index:,} of {name}{f': {text}' if text else ''}")
    image: NDArray[np.uint8] = images[index]
    if shape is None:
        return image
    resized = resizing or (data.origin is not None and data.origin.resize)
    (image,) = fit_images(image[None], shape, resizing=resized)
    return image


def whole_sample(text: str, inputs: Mapping[str, Shape]) -> dict[str, Array] | None:
    """Each of several inputs, one sample, where a text names one of a data set: ``digits_pairs:test:7``."""
    if (found := _sample_named(text)) is None:
        return None
    name, part, index = found
    data = load(name, shape=inputs)
    images, labels = data.part(part)
    check_index(index, len(labels), part, "--input")
    if data.shape != inputs:
        raise unlike(f"samples of {name} are {show(data.shape)}; the network's input is {show(inputs)}")
    _say(f"{part} sample {index:,} of {name}: {label_text(data, labels[index])}")
    return parted(images[index : index + 1])


def _is_there(path: Path) -> bool:
    """Whether numbers are those in a file; a long row of them is no file's name."""
    try:
        return path.exists() and not path.is_dir()
    except OSError:
        return False


def ways(shape: Shape) -> str:
    """What ``--input`` can be for a network's input, a line each, with an example of this shape."""
    rows = [(f'"{_example(shape)}"', _rows_in_words(shape))]
    rows.append(("numbers.txt", "the same in a file, or lists as Python, JSON and run --format json print"))
    if len(shape) == 3 and shape[2] in (1, 3):
        rows.append(("photo.png", f"a picture of {shape[0]}x{shape[1]} pixels, or of any size with --resize"))
        rows.append(("mnist:7", "a training sample of a data set; mnist:test:7 is one of the test set"))
    rows.append(("samples.npy", f"an array of shape {show(shape)}, or N of them"))
    rows.append(("random", "or ones, zeros, count: made up"))
    longest = max(len(value) for value, _ in rows)
    return "\n".join(f"  --input {value.ljust(longest)}  {meaning}" for value, meaning in rows)


def _example(shape: Shape) -> str:
    """Numbers in this shape, as ``matrix`` reads them; an ellipsis where they are too many."""
    width = shape[-2] if len(shape) > 1 else shape[0]
    if prod(shape) > MOST_WRITTEN or len(shape) > 3:
        return "0 1 2 …; …" if len(shape) > 2 else "0 1 2 …"
    slices = np.arange(prod(shape)).reshape(-1, *(shape[0] if len(shape) == 3 else 1, width))
    return " | ".join("; ".join(" ".join(map(str, row)) for row in part) for part in slices)


def _rows_in_words(shape: Shape) -> str:
    if len(shape) == 1:
        return f"{shape[0]} numbers"
    *axes, channels = shape
    rows = " rows of ".join(map(str, axes)) if len(axes) == 2 else f"{prod(axes)} numbers"
    return rows + (f", for each of {channels} channels (| between them)" if channels > 1 else "")


_MADE: Final[Mapping[str, Any]] = {
    "ones": lambda shape, random: np.ones(shape),
    "zeros": lambda shape, random: np.zeros(shape),
    "count": lambda shape, random: np.arange(prod(shape), dtype=float).reshape(shape),
    "random": lambda shape, random: random.random(shape),
}


def _as_samples(values: Array, shape: Shape, what: str, cure: str = "") -> Array:
    """The samples of an array; a map fills a vector channel by channel, as flatten does."""
    for candidate in (values.shape, values.shape[1:], (*values.shape, 1), (*values.shape[1:], 1)):
        if candidate == shape:
            return values.reshape(-1, *shape)
    if len(shape) == 1 and values.size == shape[0]:
        return np.moveaxis(values, -1, 0).reshape(1, -1)
    if values.ndim == len(shape) == 3 and (moved := np.moveaxis(values, 0, -1)).shape == shape:
        _say("read as channels x height x width, the order that PyTorch prints")
        return moved[None]
    name = f'"{what}"' if len(what) <= LONGEST_QUOTED else "the input"
    raise click.BadParameter(
        f"{name} is {show(values.shape)}, the network takes {show(shape)}; "
        f'its first line can say "input {show(values.shape)}"{cure}',
        param_hint="--input",
    )


def named_images(path: Path, shape: Shape) -> list[tuple[str, NDArray[np.uint8]]]:
    """The images of a file, each (height, width, channels), with their names."""
    if path.suffix.lower() != ".npy":
        return [(str(path), read_image(path, shape))]
    images = _images(path, shape)
    return [(f"{path}[{n}]" if len(images) > 1 else str(path), image) for n, image in enumerate(images)]


def _images(path: Path, shape: Shape) -> NDArray[np.uint8]:
    images, notes = numpy_files.read_images(path, shape)
    for note in notes:
        _say(f"{path}: {note}")
    return images


def _npy(path: Path) -> Array:
    try:
        values: Array = numpy_files.read(path)
    except SpecError as error:
        raise click.BadParameter(error.diagnostics[0].message) from error
    if values.dtype.kind not in "fiub":
        raise click.BadParameter(f'"{path}" holds {values.dtype}, not numbers')
    return values


def weight_array(text: str, weight: Weight) -> Array:
    """Values for one array of weights: all of them, one kernel for all, or one number for all.

    Raises ValueError that says what does not fit.
    """
    path, shape = Path(text), weight.shape
    if path.suffix.lower() == ".npy":
        values = _npy(path)
    elif text.startswith("[["):
        values, _ = numbers(text)
    else:
        given = spread(matrices(text), weight)
        return np.broadcast_to(np.reshape(given.numbers, given.shape), shape)
    if values.size == prod(shape):
        return values.reshape(shape)
    if values.size == 1:
        return np.full(shape, values.item())
    is_kernel = values.size == prod(shape[-2:]) and values.shape[-2:] == shape[-2:]
    if len(shape) > 2 and is_kernel:
        return np.broadcast_to(values.reshape(values.shape[-2:]), shape)
    raise ValueError(f"{values.size} values where {show(shape)} = {prod(shape)} are needed")


def set_weights(
    weights: MutableMapping[str, Array], known: Mapping[str, Weight], given: Sequence[str]
) -> set[str]:
    """Fills weights from ``NAME=VALUES``; answers the names that were set."""
    done = set()
    for item in given:
        name, _, text = item.partition("=")
        full = _full_name(name.strip(), weights)
        try:
            weights[full] = weight_array(text.strip(), known[full])
        except ValueError as error:
            hint = f"; or one of the kernels {', '.join(KERNELS)}" if "is not a number" in str(error) else ""
            raise click.BadParameter(f"{full}: {error}{hint}", param_hint="--weights") from error
        done.add(full)
    return done


def _full_name(name: str, weights: Mapping[str, Array]) -> str:
    """``conv1`` stands for ``conv1.weight``."""
    for candidate in (name, f"{name}.weight"):
        if candidate in weights:
            return candidate
    otherwise = suggestion(f"{name}.weight", weights, f"there are {', '.join(weights) or 'none'}")
    hint = suggestion(name, weights, otherwise)
    raise click.BadParameter(f'there are no weights "{name}"; {hint}', param_hint="--weights")


# Pictures ------------------------------------------------------------------------


BRIGHT_ON_DARK: Final = ("mnist", "fashion_mnist", "digits")
"""Known sets whose images are so, for records that do not say."""


def resizes(run: Run) -> bool:
    """Whether a run was trained on images that were brought to the network's input."""
    return run.recipe.data.resize or bool(run.data and run.data.resize)


@record
class Fit:
    """How a picture becomes what a network takes."""

    shape: Shape
    run: Run | None
    invert: bool | None
    center: bool
    resize: bool

    def __call__(self, name: str, image: NDArray[np.uint8]) -> NDArray[np.uint8]:
        """One picture as (1, …) of the network's input; raises SpecError where it does not fit."""
        from cnnspec.training.photo import has_bright_border, is_dark_on_bright, prepare

        resizing = self.resize or bool(self.run and resizes(self.run))
        fitted = prepare(image, self.shape, invert=self.invert, center=self.center, resizing=resizing)
        if self.center and self.invert is None and is_dark_on_bright(image):
            _say(f"{name} is dark on bright and was inverted; --no-invert keeps it")
        if not self.center and self.invert is None and self._on_dark and has_bright_border(image):
            _say(f"the border of {name} is bright, that of the training images dark: --invert?")
        if self.center and not fitted.any():
            _say(f"nothing stands out from the background in {name}")
        return fitted

    @property
    def _on_dark(self) -> bool:
        if self.run is None or self.run.dark_borders is not None:
            return bool(self.run and self.run.dark_borders)
        return self.run.set in BRIGHT_ON_DARK


def _say(text: str) -> None:
    stderr_console().say(f"note: {printable(text)}")
