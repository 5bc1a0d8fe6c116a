"""NumPy archives with Keras's keys: ``x_train y_train x_test y_test``."""

from __future__ import annotations

import zipfile
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from cnnspec.training.data.dataset import Bytes, Dataset, Labels
from cnnspec.training.data.faults import bad_file, missing

KEYS = ("x_train", "y_train", "x_test", "y_test")


def load(path: Path) -> Dataset:
    """Images (n, h, w) or (n, h, w, c) of bytes, labels (n,) or (n, 1) of whole numbers."""
    try:
        with path.open("rb") as file, np.load(file, allow_pickle=False) as archive:
            absent = [key for key in KEYS if key not in archive]
            if absent:
                raise bad_file(
                    path, f"has no {', '.join(absent)}", f"it holds {', '.join(archive) or 'nothing'}",
                    cure=f"save it with numpy.savez(path, {', '.join(f'{key}=…' for key in KEYS)})",
                )  # fmt: skip
            arrays = [archive[key] for key in KEYS]
    except OSError as error:
        raise missing(f"{path} cannot be read: {error.strerror or error}") from error
    except (ValueError, EOFError, zipfile.BadZipFile) as error:
        raise bad_file(
            path, f"is no NumPy archive, or is damaged ({error})", cure="get the file again"
        ) from error
    train, test = (images(path, KEYS[n], arrays[n]) for n in (0, 2))
    classes = [labels(path, KEYS[n], arrays[n], len(arrays[n - 1])) for n in (1, 3)]
    if train.shape[1:] != test.shape[1:]:
        raise bad_file(path, f"x_train holds images {train.shape[1:]}, x_test {test.shape[1:]}")
    count = int(max(labels_.max(initial=0) for labels_ in classes)) + 1
    return Dataset(path.stem, train, classes[0], test, classes[1], tuple(map(str, range(count))))


def images(path: Path, key: str, values: NDArray[np.generic]) -> Bytes:
    """The images as (n, h, w, c) bytes; anything but bytes 0..255 is refused."""
    if values.ndim not in (3, 4) or not len(values):
        raise bad_file(path, f"{key} has shape {values.shape}; images are (n, height, width[, channels])")
    if values.dtype != np.uint8:
        whole = np.issubdtype(values.dtype, np.integer)
        if not whole or values.min() < 0 or values.max() > 255:
            raise bad_file(
                path, f"{key} holds {values.dtype}; pixels must be whole numbers 0 to 255",
                cure="save the images as uint8",
            )  # fmt: skip
    pixels = values.astype(np.uint8, copy=False)
    return pixels[..., None] if pixels.ndim == 3 else pixels


def labels(path: Path, key: str, values: NDArray[np.generic], count: int) -> Labels:
    """The labels as (n,) whole numbers from 0."""
    flat = values.reshape(-1) if values.ndim == 2 and values.shape[1] == 1 else values
    if flat.shape != (count,):
        raise bad_file(path, f"{key} has shape {values.shape} for {count:,} images")
    if not np.issubdtype(flat.dtype, np.integer) or flat.min() < 0:
        raise bad_file(path, f"{key} must be whole numbers from 0. Received: {flat.dtype}")
    return flat.astype(np.int64)
