"""Folders of images, one folder a class; ``train`` and ``test`` above them when there are both."""

from __future__ import annotations

from pathlib import Path
from typing import Final

import numpy as np

from cnnspec.layers.base import Shape
from cnnspec.training.data.dataset import Bytes, Dataset, Labels, held_out
from cnnspec.training.data.faults import bad_file, missing

SUFFIXES: Final = {".png", ".jpg", ".jpeg", ".bmp", ".gif", ".tif", ".tiff", ".webp", ".pgm", ".ppm"}
LARGEST = 50_000_000
"""Pixels an image may have; a larger one is refused before it is unpacked."""


def load(path: Path, shape: Shape | None, test: float, *, resize: bool = False) -> Dataset:
    """The images under a folder, grey or colour as the network's input ``shape`` asks.

    Class names are the folder names in alphabetical order. All images have one
    size, unless ``resize`` brings each to the network's.
    """
    if not path.is_dir():
        raise missing(f"{path} is not a folder", "give a folder with one folder of images a class")
    parts = [path / "train", path / "test"]
    if all(part.is_dir() for part in parts):
        names = _classes(parts[0])
        train, held = (_read(part, names, shape, resize) for part in parts)
        return Dataset(path.name, *train, *held, names=names)
    names = _classes(path)
    images, labels = _read(path, names, shape, resize)
    kept, out = held_out(labels, test, 0)
    return Dataset(path.name, images[kept], labels[kept], images[out], labels[out], names)


def read_image(path: Path, channels: int | Shape, size: tuple[int, int] | None = None) -> Bytes:
    """One image (height, width, channels) as bytes, upright; grey for one channel, colour for three.

    In place of the channels, the network's input says them: a vector takes colour
    where its values are as many as those of the image in colour.
    """
    try:
        from PIL import Image, ImageOps, UnidentifiedImageError
    except ImportError as error:
        raise missing(
            "images are read with Pillow, which is not installed", "pip install 'cnnspec[plot]'"
        ) from error
    try:
        with Image.open(path) as image:
            if image.width * image.height > LARGEST:
                raise bad_file(path, f"is {image.height}x{image.width} pixels; at most {LARGEST:,} are read")
            upright = ImageOps.exif_transpose(image)
            grey = _is_grey(channels, image.width * image.height)
            wanted = upright.convert("L" if grey else "RGB")
            if size and (wanted.height, wanted.width) != size:
                wanted = wanted.resize((size[1], size[0]), Image.Resampling.BILINEAR)
            pixels = np.asarray(wanted, np.uint8)
    except FileNotFoundError as error:
        raise missing(f"{path} cannot be read: {error.strerror}") from error
    except (UnidentifiedImageError, OSError, Image.DecompressionBombError) as error:
        raise bad_file(path, f"is no image, or is damaged ({error})") from error
    return pixels[..., None] if pixels.ndim == 2 else pixels


def _is_grey(channels: int | Shape, pixels: int) -> bool:
    if isinstance(channels, int):
        return channels == 1
    return channels[2] == 1 if len(channels) == 3 else channels != (3 * pixels,)


def _classes(folder: Path) -> tuple[str, ...]:
    names = sorted(place.name for place in folder.iterdir() if place.is_dir() and place.name[0] != ".")
    if len(names) < 2:
        raise missing(
            f"{folder} holds {len(names)} folders; each class needs one",
            "put the images of each class into a folder with its name",
        )
    return tuple(names)


def _read(folder: Path, names: tuple[str, ...], shape: Shape | None, resize: bool) -> tuple[Bytes, Labels]:
    channels = shape or 1
    size = (shape[0], shape[1]) if resize and shape and len(shape) == 3 else None
    pixels, labels = [], []
    for label, name in enumerate(names):
        for path in sorted((folder / name).glob("*")):
            if path.suffix.lower() in SUFFIXES:
                pixels.append(read_image(path, channels, size))
                labels.append(label)
                _check_size(path, pixels)
    if not pixels:
        raise missing(
            f"{folder} holds no images", f"files are known by their endings: {', '.join(sorted(SUFFIXES))}"
        )
    return np.stack(pixels), np.array(labels, np.int64)


def _check_size(path: Path, pixels: list[Bytes]) -> None:
    if pixels[-1].shape != pixels[0].shape:
        (height, width), (first_height, first_width) = pixels[-1].shape[:2], pixels[0].shape[:2]
        raise bad_file(
            path,
            f"is {height}x{width}, the first image {first_height}x{first_width}",
            cure="ask for one size: data images … resize=yes",
        )
