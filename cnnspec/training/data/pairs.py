"""Two folders: samples in one, in the other what is wanted for each, a mask or an image of its name.

Samples and images are pictures or arrays (``.npy``), masks PNG files or arrays. Folders of parts (train, val,
test) may stand in both.
"""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any, Final, TypeAlias

import numpy as np
from numpy.typing import NDArray

from cnnspec.backends.contract import IGNORED
from cnnspec.layers.base import Shape, show
from cnnspec.recipe.targets import MaskTarget, TargetSetting
from cnnspec.training.data.dataset import Dataset, Samples, of_parts
from cnnspec.training.data.faults import bad_file, missing, one_size, refuse_many
from cnnspec.training.data.picture import ENDINGS, files_in, is_picture, parts_in
from cnnspec.training.data.preprocess import nearest
from cnnspec.training.data.sample_files import read_mask, read_sample, read_wanted, together
from cnnspec.training.data.target_values import as_mask, classes_and_colours

Array: TypeAlias = NDArray[Any]
ARRAYS: Final = (".npy",)
NAMED: Final = 3
"""Files that a note names."""


def load(
    path: Path, shape: Shape | None, test: float, target: TargetSetting, *, resize: bool = False
) -> Dataset:
    """The samples of a folder with those of the target's folder; SpecError names the file at fault."""
    others = Path(str(getattr(target, "path", None)))
    for folder in (path, others):
        if not folder.is_dir():
            raise missing(f"{folder} is not a folder", "give the folder of the files, in quotes")
    reader = _Masks(target) if isinstance(target, MaskTarget) else _Images()
    found, notes = {}, []
    for part, folder in parts_in(path).items():
        pairs, left = _pairs(folder, others / folder.relative_to(path), reader)
        found[part] = _read(pairs, shape, reader, resize)
        notes += left
    names = reader.names()
    return of_parts(path.name, found, names, test, (*notes, *reader.notes()), target)


def _pairs(folder: Path, others: Path, reader: _Masks | _Images) -> tuple[dict[Path, Path], list[str]]:
    """Each sample with the file that goes with it; raises SpecError for one without."""
    what, many = reader.what, reader.many
    if not others.is_dir():
        raise missing(f"{others} is not a folder; {folder} needs one beside it", f"put the {many} there")
    samples = [file for file in files_in(folder) if is_picture(file, *ARRAYS)]
    known = {_key(file, others): file for file in files_in(others) if is_picture(file, *ARRAYS)}
    if not samples:
        raise missing(f"{folder} holds no images", ENDINGS)
    pairs = {}
    for file in samples:
        other = known.pop(_key(file, folder), None)
        if other is None:
            raise bad_file(
                file, f"has no {what} in {others}", cure=f"a {what} has its image's name: {file.stem}.png"
            )
        pairs[file] = other
    some = ", ".join(file.name for file in list(known.values())[:NAMED])
    left = f"left out: {len(known)} {many if len(known) > 1 else what} of no image ({some})"
    return pairs, [left] if known else []


def _key(file: Path, folder: Path) -> str:
    """A file's name within its folder, without its ending."""
    return str(file.relative_to(folder).with_suffix(""))


def _read(pairs: Mapping[Path, Path], shape: Shape | None, reader: _Masks | _Images, resize: bool) -> Samples:
    images: list[Array] = []
    others: list[Array] = []
    for file, other in pairs.items():
        plain = read_sample(file, shape)
        image = read_sample(file, shape, resize) if resize else plain
        wanted = reader.read(other, plain, image)
        for new, before, one in ((image, images, file), (wanted, others, other)):
            if before and before[0].shape != new.shape:
                cure = one_size("images") if new is image else ""
                raise bad_file(one, f"is {show(new.shape)}, the first one {show(before[0].shape)}", cure=cure)
        if not images:
            refuse_many(file.parent, [*pairs, *pairs.values()], len(pairs) * (image.nbytes + wanted.nbytes))
        images.append(image)
        others.append(wanted)
    return Samples(together(images), together(others))


class _Masks:
    """Reads masks, and remembers which class numbers were met, and where."""

    what, many = "mask", "masks"

    def __init__(self, target: MaskTarget) -> None:
        self.target, self.said = target, classes_and_colours(target.classes)
        colours = {colour: n for n, (_, colour) in enumerate(self.said) if colour is not None}
        self.colours: dict[tuple[int, int, int], int] = colours
        self.most, self.where = 0, ""

    def read(self, path: Path, image: Array, seen: Array) -> Array:
        """The mask of an image; brought to the size that is ``seen`` of it."""
        mask = as_mask(read_mask(path, self.colours), self.target.ignore)
        if mask.shape != image.shape[:-1]:
            raise bad_file(path, f"is {show(mask.shape)}, its image {show(image.shape[:-1])}")
        found = int(mask[mask != IGNORED].max(initial=0))
        if self.said and found >= len(self.said):
            place = tuple(map(int, np.argwhere(mask == found)[0]))
            names = ", ".join(name for name, _ in self.said)
            cure = f"name more classes, or say that such pixels count nowhere: ignore={found}"
            message = f"holds class {found} of {len(self.said)} at row and column {place}; {names} are named"
            raise bad_file(path, message, cure=cure)
        if found > self.most:
            self.most, self.where = found, str(path)
        return mask if mask.shape == seen.shape[:-1] else nearest(mask[None], *seen.shape[:2])[0]

    def names(self) -> tuple[str, ...]:
        return tuple(name for name, _ in self.said) or tuple(map(str, range(self.most + 1)))

    def notes(self) -> list[str]:
        if self.said:
            return []
        where = f" ({self.most} is in {self.where})" if self.where else ""
        return [f"classes: 0 to {self.most}, as the masks have them{where}"]


class _Images:
    """Reads the images that are to be given."""

    what, many = "image to give", "images to give"

    def read(self, path: Path, image: Array, seen: Array) -> Array:
        return read_wanted(path)

    def names(self) -> tuple[str, ...]:
        return ()

    def notes(self) -> list[str]:
        return []
