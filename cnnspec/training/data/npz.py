"""NumPy archives with Keras's keys (``x_train y_train x_test y_test``), or ``x`` and ``y`` alone."""

from __future__ import annotations

import zipfile
from pathlib import Path
from typing import Final

import numpy as np

from cnnspec.layers.base import Shape
from cnnspec.training.data import npy
from cnnspec.training.data.dataset import Dataset, split
from cnnspec.training.data.faults import bad_file, decoding
from cnnspec.training.data.values import Values, samples

KEYS: Final = ("x_train", "y_train", "x_test", "y_test")
TRAIN: Final = (("x_train", "y_train"), ("train_images", "train_labels"), ("x", "y"), ("images", "labels"))
TEST: Final = (("x_test", "y_test"), ("test_images", "test_labels"))
"""Names of images and labels, as archives have them; capitals are as good."""
PICKLE: Final = b"\x80"
"""How a pickle begins."""


def load(path: Path, shape: Shape | None = None, test: float = 0.2) -> Dataset:
    """The samples of an archive, as a network of the input ``shape`` takes them.

    Images are (n, h, w) or (n, h, w, c), bytes or floats that are bytes on a usual
    scale; labels whole numbers, words or one-hot rows. Without a test part the
    share ``test`` is held out, by a fixed draw.
    """
    arrays = _arrays(path)
    chosen = _chosen(path, arrays)
    images, labels, names, notes = samples(path, {key: arrays[key] for key in chosen}, shape)
    if len(images) > 1:
        return Dataset(path.stem, images[0], labels[0], images[1], labels[1], names, notes=notes)
    kept, out = split(labels[0], test, 0)
    told = f"no test part: {len(out):,} of {len(labels[0]):,} samples are held out for testing"
    return Dataset(
        path.stem, images[0][kept], labels[0][kept], images[0][out], labels[0][out], names,
        notes=(*notes, told),
    )  # fmt: skip


def _arrays(path: Path) -> dict[str, Values]:
    """The arrays of the archive by name; those that no training looks at stay empty."""
    wanted = {key.lower() for pair in (*TRAIN, *TEST) for key in pair}
    what = "is no NumPy archive, or is damaged"
    with decoding(path, what, cure="get the file again"), path.open("rb") as file:
        _refuse_others(path, file.read(len(npy.MAGIC)))
        with zipfile.ZipFile(file) as archive:
            return {
                (key := info.filename.removesuffix(".npy")): (
                    _array(path, archive, info) if key.lower() in wanted else np.empty(0)
                )
                for info in archive.infolist()
            }


def _refuse_others(path: Path, start: bytes) -> None:
    """Raises SpecError for what NumPy writes beside archives: one array alone, and pickles."""
    if start == npy.MAGIC:
        raise bad_file(
            path, "is a single array, not an archive of images and labels",
            cure="save both with numpy.savez(path, x=…, y=…)",
        )  # fmt: skip
    if start[:1] == PICKLE:
        raise npy.objects(path)


def _array(path: Path, archive: zipfile.ZipFile, info: zipfile.ZipInfo) -> Values:
    with archive.open(info) as file:
        npy.check_header(path, file, info.file_size, info.filename.removesuffix(".npy"))
    with archive.open(info) as file:
        found: Values = np.lib.format.read_array(file, allow_pickle=False)
        file.read()  # to its end, where the sum of the bytes is checked
    return found


def _chosen(path: Path, arrays: dict[str, Values]) -> list[str]:
    """The keys to train on and, where they are there, to test on: images, labels, images, labels."""
    known = {key.lower(): key for key in arrays}
    train = next((pair for pair in TRAIN if any(key in known for key in pair)), KEYS[:2])
    test = next((pair for pair in TEST if any(key in known for key in pair)), ())
    absent = [key for key in (*train, *test) if key not in known]
    if absent:
        raise bad_file(
            path, f"has no {', '.join(absent)}", f"it holds {', '.join(arrays) or 'nothing'}",
            cure=f"save it with numpy.savez(path, {', '.join(f'{key}=…' for key in KEYS)}), or without "
            "the last two",
        )  # fmt: skip
    return [known[key] for key in (*train, *test)]
