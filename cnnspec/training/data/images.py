"""Folders of images, one folder a class; above them folders of parts (train, validation, test) or none.

As in torchvision's ``ImageFolder``, the images of a class may lie in folders within its folder.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping
from functools import partial
from pathlib import Path
from typing import Any, Final, TypeAlias

import numpy as np
from numpy.typing import NDArray

from cnnspec.diagnostics import nearest
from cnnspec.layers.base import Shape, show
from cnnspec.training.data import streamed
from cnnspec.training.data.dataset import Dataset, Samples, of_parts
from cnnspec.training.data.faults import bad_file, missing, one_size, refuse_many
from cnnspec.training.data.picture import ENDINGS, PARTS, files_in, folders_in, is_picture, named_parts
from cnnspec.training.data.sample_files import read_sample, together

Classes: TypeAlias = Mapping[str, list[Path]]
"""The images of each class."""
Array: TypeAlias = NDArray[Any]

LOOKED_FOR: Final = "; ".join(" or ".join(names) for names in PARTS.values())
NAMED: Final = 3
"""Files that a note names."""


def load(
    path: Path, shape: Shape | None, test: float, *, resize: bool = False, may_stream: bool = False
) -> Dataset:
    """The images under a folder, grey or colour as the network's input ``shape`` asks, or arrays (.npy).

    Class names are the folder names in alphabetical order. All images have one size, unless ``resize``
    brings each to the network's. Without a test part the validation part is tested on, or where there is
    none the share ``test`` of all, by a fixed draw. What is left out is named in the notes. Pictures that
    take much memory once decoded are, where they ``may_stream``, decoded as they are asked for.
    """
    if not path.is_dir():
        raise missing(f"{path} is not a folder", "give a folder with one folder of images per class")
    folders = _parts(path)
    parts = {
        part: {
            place.name: [file for file in files_in(place) if is_picture(file, ".npy")]
            for place in folders_in(folder)
        }
        for part, folder in folders.items()
    }
    names = tuple(parts["train"])
    _refuse_empty(folders["train"], parts["train"])
    for part in set(parts) - {"train"}:
        _refuse_untrained(folders[part], parts[part], folders["train"], names)
    read = _read(path, parts, shape, resize, may_stream)
    return of_parts(path.name, read, names, test, tuple(_left_out(path, folders, parts)))


def _parts(path: Path) -> dict[str, Path]:
    """The folder of each part: all is for training where no folder is named after a part."""
    found = named_parts(path)
    if "train" in found and (len(found) > 1 or folders_in(found["train"])):
        return found
    for folder in found.values():
        if "train" not in found and folders_in(folder):
            raise missing(
                f"{folder} is a part by its name, and there is no part to train on beside it",
                f"folders of parts are named {LOOKED_FOR}",
            )
    return {"train": path}


def _refuse_empty(folder: Path, classes: Classes) -> None:
    """Raises SpecError where there are no two classes, or one to train on has no images."""
    if len(classes) < 2:
        inner = [place for place in folders_in(folder) if len(folders_in(place)) > 1]
        raise missing(
            f"{folder} holds {len(classes)} folder{'s' * (len(classes) != 1)}; each class needs one",
            *(f"give the folder that holds the classes: {place}" for place in inner),
            "put the images of each class into a folder with its name",
        )
    if not any(classes.values()):
        raise missing(f"{folder} holds no images", ENDINGS)
    for name, files in classes.items():
        if not files:
            raise bad_file(
                folder / name, "holds no images, and each folder is a class", ENDINGS,
                cure="put the images of the class there, or take the folder away",
            )  # fmt: skip


def _refuse_untrained(folder: Path, classes: Classes, train: Path, names: tuple[str, ...]) -> None:
    """Raises SpecError where a part has no images, or a class that the training part has not."""
    if not any(classes.values()):
        raise missing(f"{folder} holds no images in folders of classes", ENDINGS)
    for name, files in classes.items():
        if files and name not in names:
            meant = nearest(name, names)
            cure = f"did you mean {meant}?" if meant else "give it images to train on, or take it away"
            raise bad_file(folder / name, f"is a class that {train} has not", cure=cure)


def _read(
    root: Path, parts: Mapping[str, Classes], shape: Shape | None, resize: bool, may_stream: bool
) -> dict[str, Samples]:
    """The images of each part with the numbers of their classes, all of one size."""
    numbers = {name: n for n, name in enumerate(parts["train"])}
    files = {part: [file for each in classes.values() for file in each] for part, classes in parts.items()}
    every = [file for each in files.values() for file in each]
    read = partial(read_sample, shape=shape, resize=resize)
    first = read(every[0])
    size = first.nbytes * len(every)
    images: Any
    if may_stream and streamed.wanted(every, size):
        images = _streamed(root, files, streamed.ImageFiles(every, root, first.shape, read), resize)
    else:
        refuse_many(root, every, size)
        images = {part: _together(each, first, read, resize) for part, each in files.items()}
    return {
        part: Samples(
            images[part],
            np.array([numbers[name] for name, each in classes.items() for _ in each], np.int64),
        )
        for part, classes in parts.items()
    }


def _together(files: list[Path], first: Array, read: Callable[[Path], Array], resize: bool) -> Array:
    """The images of a part in one array."""
    found = []
    for file in files:
        found.append(read(file))
        _check_size(file, found[-1].shape, first.shape, resize)
    return together(found)


def _streamed(
    root: Path, files: Mapping[str, list[Path]], every: streamed.ImageFiles, resize: bool
) -> Mapping[str, streamed.StreamedImages]:
    """Images that are decoded as they are asked for; the head of each file is read now."""
    if not resize:
        for path, size in every.sizes():
            _check_size(path, (*size, every.shape[-1]), every.shape, resize)
    whole, start = streamed.StreamedImages(every), 0
    found = {}
    for part, each in files.items():
        found[part] = whole.taken(slice(start, start + len(each)))
        start += len(each)
    return found


def _check_size(path: Path, shape: Shape, first: Shape, resize: bool) -> None:
    if shape != first and (len(shape) != 3 or len(first) != 3):
        raise bad_file(path, f"is {show(shape)}, the first sample {show(first)}")
    if shape != first:
        (height, width), (first_height, first_width) = shape[:2], first[:2]
        vector = "a vector has no size to bring them to: begin with input HEIGHTxWIDTHxCHANNELS, then flatten"
        cure = vector if resize else one_size("images")
        raise bad_file(path, f"is {height}x{width}, the first image {first_height}x{first_width}", cure=cure)


def _left_out(path: Path, folders: Mapping[str, Path], parts: Mapping[str, Classes]) -> Iterator[str]:
    """What of the files under a folder is not read, and why."""
    read = {file for classes in parts.values() for files in classes.values() for file in files}
    if path not in folders.values():
        others = [place for place in folders_in(path) if place not in folders.values()]
        if others:
            yield f"left out: {_listed(others, path)}; folders of parts are named {LOOKED_FOR}"
            read.update(file for place in others for file in files_in(place))
    rest = [file for file in files_in(path) if file not in read]
    loose = [file for file in rest if is_picture(file, ".npy")]
    if loose:
        yield f"left out: {_count(loose, 'image')} in no folder of a class ({_listed(loose, path)})"
    strange = [file for file in rest if not is_picture(file, ".npy")]
    if strange:
        yield f"left out: {_count(strange, 'file')} not of images by their endings ({_listed(strange, path)})"


def _count(files: list[Path], what: str) -> str:
    return f"{len(files):,} {what}{'s' * (len(files) != 1)}"


def _listed(files: Iterable[Path], folder: Path) -> str:
    names = [str(file.relative_to(folder)) for file in files]
    return ", ".join(names[:NAMED]) + (", …" if len(names) > NAMED else "")
