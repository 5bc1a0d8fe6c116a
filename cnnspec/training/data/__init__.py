"""Samples by name: known sets, and files of the user's."""

from __future__ import annotations

import os
from pathlib import Path

from cnnspec.diagnostics import nearest
from cnnspec.layers.base import Shape
from cnnspec.network.settings import Data
from cnnspec.training.data import digits, images, mnist, npz, table
from cnnspec.training.data.dataset import Dataset, fitted
from cnnspec.training.data.faults import missing
from cnnspec.training.data.mnist import Progress

__all__ = ["KINDS", "SETS", "Dataset", "data", "load", "load_for"]

SETS = {"mnist": mnist.MNIST, "fashion_mnist": mnist.FASHION}
KINDS = ("mnist", "fashion_mnist", "digits", "idx", "npz", "images", "csv")


def load(
    name: str,
    data_dir: str | os.PathLike[str] | None = None,
    *,
    shape: Shape | None = None,
    test: float = 0.2,
    resize: bool = False,
    progress: Progress | None = None,
) -> Dataset:
    """A known set (``mnist``, ``fashion_mnist``, ``digits``), or the files at a path.

    ``name`` may also be a kind of file (``idx``, ``npz``, ``images``, ``csv``) with
    its path in ``data_dir``, or the path itself. ``shape`` is the network's input.
    Raises SpecError where the data cannot be had or are damaged.
    """
    kind = name.replace("-", "_")
    if kind not in KINDS:
        kind, data_dir = _kind_of(name), name
    path = Path(data_dir) if data_dir is not None else None
    if kind in SETS:
        return mnist.load(SETS[kind], path, progress)
    if kind == "digits":
        return digits.load()
    if path is None:
        raise missing(f"data {kind} needs the path of its files", f'data {kind} "some/path"')
    if kind == "idx":
        return mnist.load(mnist.Set(path.name, (), {}, ()), path)
    if kind == "npz":
        return npz.load(path)
    if kind == "csv":
        return table.load(path, shape, test)
    return images.load(path, shape, test, resize=resize)


data = load
"""The name under which ``cnnspec.data("mnist")`` finds it."""


def load_for(
    setting: Data,
    shape: Shape,
    classes: int,
    *,
    name: str | None = None,
    data_dir: str | os.PathLike[str] | None = None,
    progress: Progress | None = None,
) -> Dataset:
    """The data of a recipe, as a network of this input and number of outputs takes it.

    ``name`` takes the place of the recipe's data: a known set, or a path.
    """
    folder = data_dir if data_dir is not None or name else setting.path
    found = load(
        name or setting.name, folder, shape=shape, test=setting.test, resize=setting.resize, progress=progress
    )  # fmt: skip
    return fitted(found, shape, classes, resize_images=setting.resize or found.name == "digits")


def _kind_of(name: str) -> str:
    path = Path(name)
    if path.is_dir():
        return "idx" if any(path.glob("t*-idx?-ubyte*")) else "images"
    if path.suffix in (".npz", ".csv"):
        return path.suffix[1:]
    meant = nearest(name, KINDS)
    raise missing(
        f"there is no data set and no file {name}",
        f"did you mean {meant}?" if meant else f"known sets: {', '.join(KINDS[:3])}",
        "files: a folder of images by class, .npz, .csv, or a folder of IDX files",
    )
