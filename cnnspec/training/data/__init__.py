"""Samples by name: known sets, and files of the user's."""

from __future__ import annotations

import os
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Final

from cnnspec.diagnostics import nearest
from cnnspec.layers.base import SampleShape, Shape, show
from cnnspec.recipe.models import Data
from cnnspec.recipe.targets import CLASS, ImageTarget, MaskTarget, TargetSetting
from cnnspec.training.data import columns, idx, images, numpy_files, pairs, published, scenes
from cnnspec.training.data.dataset import Dataset
from cnnspec.training.data.faults import missing, nothing_left, unlike
from cnnspec.training.data.fitting import aimed, fitted, match_classes
from cnnspec.training.data.picture import entries_in, folders_in
from cnnspec.training.data.published import Progress

__all__ = ["LOADERS", "SETS", "Dataset", "data", "load", "load_for"]

FILES: Final = "a folder of images by class, .npz, .csv, or a folder of IDX files"
SETS = {"mnist": published.MNIST, "fashion_mnist": published.FASHION}


@dataclass(frozen=True)
class Request:
    """What samples are loaded by: a kind's loader takes of it what it needs."""

    kind: str
    path: Path | None
    sample: SampleShape | None
    test: float
    resize: bool
    label: str | int | None
    progress: Progress | None
    target: TargetSetting | None = None

    @property
    def shape(self) -> Shape | None:
        """Of the one input; raises SpecError where the network takes several."""
        if not isinstance(self.sample, Mapping):
            return self.sample
        names = ", ".join(self.sample)
        raise unlike(
            f"data {self.kind} gives one image a sample; the network takes {show(self.sample)}",
            f"give an .npz with an array for each input ({names}), or a csv with a column of files for each",
            "or pairs of digits, the same or not: data digits_pairs",
        )

    @property
    def files(self) -> Path:
        """Where the files are; raises SpecError where that was not said."""
        if self.path is None:
            raise missing(f"data {self.kind} needs the path of its files", f'data {self.kind} "some/path"')
        return self.path


def _published(request: Request) -> Dataset:
    return published.load(SETS[request.kind], request.path, request.progress)


def _images(request: Request) -> Dataset:
    """A folder a class, or beside a folder of masks or of images to give."""
    target = request.target
    if isinstance(target, MaskTarget) and target.path is None:
        raise missing("masks stand in a folder of their own, beside the images", 'target mask "masks"')
    if target is not None and getattr(target, "path", None):
        return pairs.load(request.files, request.shape, request.test, target, resize=request.resize)
    return images.load(
        request.files, request.shape, request.test, resize=request.resize,
        may_stream=not isinstance(target, ImageTarget),
    )  # fmt: skip


LOADERS: Final[dict[str, Callable[[Request], Dataset]]] = {
    "mnist": _published,
    "fashion_mnist": _published,
    "digits": lambda request: published.load_digits(),
    "digits_scene": lambda request: scenes.load(request.path, request.shape),
    "digits_pairs": lambda request: scenes.load_pairs(request.path, request.sample),
    "idx": lambda request: idx.load(request.files),
    "npz": lambda request: numpy_files.load(request.files, request.sample, request.test, request.target),
    "images": _images,
    "csv": lambda request: columns.load(
        request.files, request.sample, request.test, request.target or CLASS, request.label, request.resize
    ),
}
"""By the names of the recipe: known sets first, then the kinds of files."""


def load(
    name: str,
    data_dir: str | os.PathLike[str] | None = None,
    *,
    shape: SampleShape | None = None,
    test: float = 0.2,
    resize: bool = False,
    label: str | int | None = None,
    target: TargetSetting | None = None,
    progress: Progress | None = None,
) -> Dataset:
    """A known set (``mnist``, ``digits``, …: see ``cnnspec layers data``), or the files at a path.

    ``name`` may also be a kind of file (``idx``, ``npz``, ``images``, ``csv``) with
    its path in ``data_dir``, or the path itself. ``shape`` is the network's input, by name where it has
    several (``network.sample``), ``test`` the share held out where the files have no test part, ``label`` the
    column of a table that holds the label, by its head or its number from 1; ``target`` what is wanted
    for each sample, where it is not what the data give by themselves, usually a class.
    Raises SpecError where the data cannot be had or are damaged.
    """
    kind = name.replace("-", "_")
    if kind == "files" and data_dir is not None:
        kind = _kind_of(str(data_dir))
    elif kind not in LOADERS:
        kind, data_dir = _kind_of(name), name
    path = Path(data_dir) if data_dir is not None else None
    resize = resize or kind == "digits"  # they are 8x8, and stand in for sets of larger images
    found = LOADERS[kind](Request(kind, path, shape, test, resize, label, progress, target))
    where = path and str(path.absolute())
    origin = {"name": kind, "path": where, "test": test, "resize": resize, "label": label}
    return aimed(replace(found, origin=Data.model_validate(origin)), target)


data = load
"""The name under which ``cnnspec.data("mnist")`` finds it."""


def load_for(
    setting: Data,
    shape: SampleShape,
    outputs: int | Shape,
    *,
    target: TargetSetting | None = None,
    name: str | None = None,
    data_dir: str | os.PathLike[str] | None = None,
    classes: tuple[str, ...] = (),
    progress: Progress | None = None,
) -> Dataset:
    """The data of a recipe, as a network of this input and these outputs takes it.

    ``name`` takes the place of the recipe's data: a known set, or a path. ``classes`` are those that the
    network learned, where it did: see ``match_classes``.
    """
    folder = data_dir if data_dir is not None or name else setting.path
    given = shape
    if isinstance(target, ImageTarget) and target.smaller and isinstance(outputs, tuple):
        given = outputs  # the images are those to give; what is seen of them is made of these
    found = load(
        name or setting.name, folder, shape=given, test=setting.test, resize=setting.resize,
        label=setting.label, target=target, progress=progress,
    )  # fmt: skip
    if not len(found.test_labels):
        raise nothing_left("test", setting.test, len(found.train_labels), 0)
    return fitted(match_classes(found, classes), shape, outputs)


def _kind_of(name: str) -> str:
    path = Path(name)
    if path.is_dir():
        tables = [file for file in entries_in(path) if file.suffix.lower() in (".csv", ".npz")]
        if tables and not folders_in(path):
            raise missing(f"{name} holds no folders of images and no IDX files", f"give a file: {tables[0]}")
        return "idx" if idx.sets_in(path) else "images"
    if path.parent.is_dir() and idx.sets_in(path.parent, path.name):
        return "idx"
    if path.suffix.lower() in (".npz", ".csv"):
        return path.suffix[1:].lower()
    if path.exists():
        raise missing(f"{name} is not of a known kind", f"data are {FILES}")
    meant = nearest(name, LOADERS)
    cure = f"did you mean {meant}?" if meant else f"known sets: {', '.join([*SETS, 'digits'])}"
    raise missing(f"there is no data set and no file {name}", cure, f"files: {FILES}")
