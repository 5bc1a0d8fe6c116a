"""Folders of images, one folder a class; ``train`` and ``test`` above them when there are both."""

from __future__ import annotations

from pathlib import Path

import numpy as np

from cnnspec.diagnostics import nearest
from cnnspec.layers.base import Shape
from cnnspec.training.data.dataset import Dataset, Labels, split
from cnnspec.training.data.faults import bad_file, missing
from cnnspec.training.data.picture import ENDINGS, is_picture, read_image
from cnnspec.training.data.preprocess import Bytes, fit_images


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
        _refuse_untrained(parts[1], names)
        _refuse_empty(parts[0], names)
        train, held = (_read(part, names, shape, resize) for part in parts)
        return Dataset(path.name, *train, *held, names=names)
    names = _classes(path)
    _refuse_empty(path, names)
    images, labels = _read(path, names, shape, resize)
    kept, out = split(labels, test, 0)
    return Dataset(path.name, images[kept], labels[kept], images[out], labels[out], names)


def _classes(folder: Path) -> tuple[str, ...]:
    names = _folders(folder)
    if len(names) < 2:
        raise missing(
            f"{folder} holds {len(names)} folder{'s' * (len(names) != 1)}; each class needs one",
            "put the images of each class into a folder with its name",
        )
    return tuple(names)


def _folders(folder: Path) -> list[str]:
    return sorted(place.name for place in folder.iterdir() if place.is_dir() and place.name[0] != ".")


def _refuse_untrained(test: Path, names: tuple[str, ...]) -> None:
    """Raises SpecError where the test part has a class that the training part has not."""
    for name in _folders(test):
        if name not in names and any(map(is_picture, (test / name).glob("*"))):
            meant = nearest(name, names)
            raise bad_file(
                test / name, f"is a class that {test.parent / 'train'} has not",
                cure=f"did you mean {meant}?" if meant else "give it images to train on, or take it away",
            )  # fmt: skip


def _read(folder: Path, names: tuple[str, ...], shape: Shape | None, resize: bool) -> tuple[Bytes, Labels]:
    pixels, labels = [], []
    for label, name in enumerate(names):
        for path in sorted(filter(is_picture, (folder / name).glob("*"))):
            image = read_image(path, shape or 1)
            pixels.append(fit_images(image[None], shape, resizing=True)[0] if resize and shape else image)
            labels.append(label)
            _check_size(path, pixels, resize)
    if not pixels:
        raise missing(f"{folder} holds no images", ENDINGS)
    return np.stack(pixels), np.array(labels, np.int64)


def _refuse_empty(folder: Path, names: tuple[str, ...]) -> None:
    """Raises SpecError where a class to train on has no images at all, while others have some."""
    empty = [name for name in names if not any(map(is_picture, (folder / name).glob("*")))]
    if empty and len(empty) < len(names):
        raise bad_file(
            folder / empty[0], "holds no images, and each folder is a class", ENDINGS,
            cure="put the images of the class there, or take the folder away",
        )  # fmt: skip


def _check_size(path: Path, pixels: list[Bytes], resize: bool) -> None:
    if pixels[-1].shape != pixels[0].shape:
        (height, width), (first_height, first_width) = pixels[-1].shape[:2], pixels[0].shape[:2]
        raise bad_file(
            path,
            f"is {height}x{width}, the first image {first_height}x{first_width}",
            cure="a vector has no size to bring them to: begin with input HEIGHTxWIDTHxCHANNELS, then flatten"
            if resize
            else "ask for one size: data images … resize=yes",
        )
