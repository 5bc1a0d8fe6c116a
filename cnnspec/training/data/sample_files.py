"""One file a sample: a picture, or an array (``.npy``) of any rank; a mask; an image that is to be given."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from math import prod
from pathlib import Path
from typing import Any, TypeAlias

import numpy as np
from numpy.typing import NDArray

from cnnspec.backends.images import odd_value
from cnnspec.layers.base import Shape
from cnnspec.training.data import numpy_files
from cnnspec.training.data.faults import bad_file
from cnnspec.training.data.picture import read_image, read_plain
from cnnspec.training.data.preprocess import fit_images

Array: TypeAlias = NDArray[Any]
Colours: TypeAlias = Mapping[tuple[int, int, int], int]


def read_sample(path: Path, shape: Shape | None, resize: bool = False) -> Array:
    """A sample as the input ``shape`` asks: a picture as bytes, an array as bytes or floats."""
    if path.suffix.lower() != ".npy":
        image: Array = read_image(path, shape or 1)
    else:
        image = _array(path)
        if (
            shape
            and image.shape != shape
            and prod(image.shape) == prod(shape)
            and image.ndim + 1 == len(shape)
        ):
            image = image.reshape(shape)
        elif shape is None or image.ndim + 1 == len(shape) or image.ndim == 1:
            image = image[..., None] if image.ndim > 1 or (shape and len(shape) == 2) else image
    if resize and shape and image.ndim == 3:
        (image,) = fit_images(image[None], shape, resizing=True)
    return image


def _array(path: Path) -> Array:
    values = numpy_files.read(path)
    if values.dtype.kind not in "biuf" or not values.size:
        raise bad_file(path, f"holds {values.dtype if values.size else 'nothing'}; samples are numbers")
    if odd := odd_value(values, "value "):
        raise bad_file(path, odd, cure="take the sample out, or mend it")
    return values if values.dtype == np.uint8 else np.asarray(values, np.float32)


def read_wanted(path: Path) -> Array:
    """An image that is to be given: in colour where it has some, grey else; or an array."""
    if path.suffix.lower() == ".npy":
        values = _array(path)
        return values[..., None] if values.ndim == 2 else values
    image = read_image(path, 3)
    grey = bool((image == image[..., :1]).all())
    return image[..., :1] if grey else image


def read_mask(path: Path, colours: Colours) -> Array:
    """The class of every pixel: numbers as they stand, in grey or of a palette, or ``colours`` by a table."""
    if path.suffix.lower() == ".npy":
        values = numpy_files.read(path)
        if values.dtype.kind not in "biu" or not values.size or values.min() < 0 or values.max() > 255:
            raise bad_file(path, "must hold class numbers from 0 to 255, as whole numbers")
        return values.astype(np.uint8)
    pixels = read_plain(path)
    if pixels.ndim == 2 and not colours:
        return pixels
    if not colours:
        cure = 'say the colours of the classes: target mask classes="sky #87ceeb, road #808080"'
        raise bad_file(path, "is a mask of colours, whose classes are not said", cure=cure)
    pixels = pixels if pixels.ndim == 3 else np.repeat(pixels[..., None], 3, 2)
    codes = pixels.astype(np.uint32) @ np.array([1 << 16, 1 << 8, 1], np.uint32)
    known = {red << 16 | green << 8 | blue: n for (red, green, blue), n in colours.items()}
    found, places = np.unique(codes, return_inverse=True)
    unknown = [int(code) for code in found if int(code) not in known]
    if unknown:
        row, column = map(int, np.argwhere(codes == unknown[0])[0])
        message = f"holds the colour #{unknown[0]:06x} at row {row}, column {column}, which is of no class"
        raise bad_file(path, message, cure="masks are saved without smoothing, as PNG; or name the class")
    numbers = np.array([known[int(code)] for code in found], np.uint8)
    return numbers[places.reshape(codes.shape)]


def together(samples: Sequence[Array]) -> Array:
    """All in one array; of floats where some are."""
    whole = np.stack(samples)
    return whole if whole.dtype == np.uint8 else whole.astype(np.float32)
