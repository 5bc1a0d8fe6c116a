"""Arrays in NumPy's own format: what the header promises is held against the bytes that are there."""

from __future__ import annotations

from collections.abc import Callable
from math import prod
from pathlib import Path
from typing import IO, Any, Final

import numpy as np
from numpy.lib import format as npy
from numpy.typing import NDArray

from cnnspec.diagnostics import SpecError
from cnnspec.training.data.faults import bad_file, decoding

MAGIC: Final = b"\x93NUMPY"
ARCHIVE: Final = b"PK\x03\x04"
"""How a ZIP file begins, which an .npz is."""
HEADERS: Final[dict[tuple[int, int], Callable[..., tuple[Any, ...]]]] = {
    (1, 0): npy.read_array_header_1_0,
    (2, 0): npy.read_array_header_2_0,
}


def read(path: Path) -> NDArray[Any]:
    """The array of an .npy file; raises SpecError where it is none, or is damaged."""
    with decoding(path, "is no .npy file, or is damaged"), path.open("rb") as file:
        start = file.read(len(MAGIC))
        if start.startswith(ARCHIVE):
            raise bad_file(path, "is an archive of arrays (.npz), not a single one (.npy)")
        if start != MAGIC:
            raise bad_file(path, "is no .npy file: it does not begin with \\x93NUMPY")
        file.seek(0)
        check_header(path, file, path.stat().st_size)
        file.seek(0)
        found: NDArray[Any] = np.load(file, allow_pickle=False)
        return found


def read_pixels(path: Path) -> NDArray[np.uint8]:
    """The pixels of an .npy file as bytes, rounded where they lie between; raises SpecError for others."""
    values = read(path)
    if values.dtype.kind not in "biuf":
        raise bad_file(path, f"holds {values.dtype}; pixels are numbers 0 to 255")
    if not values.size:
        raise bad_file(path, f"holds no images: its shape is {values.shape}")
    low, high = float(values.min()), float(values.max())
    if not 0 <= low <= high <= 255:
        raise bad_file(
            path, f"holds values from {low:.4g} to {high:.4g}; pixels are 0 to 255, or 0 to 1 as floats"
        )  # fmt: skip
    if values.dtype.kind in "iu":
        return values.astype(np.uint8)
    unit = values.dtype.kind == "b" or high <= 1
    return np.rint(values.astype(np.float64) * (255 if unit else 1)).astype(np.uint8)


def objects(path: Path) -> SpecError:
    """That a file holds a pickle, which is a program."""
    cure = "save lists of unlike length as one array, and words as y.astype(str)"
    return bad_file(path, "holds Python objects, which are not loaded", cure=cure)


def check_header(path: Path, file: IO[bytes], size: int, name: str = "") -> None:
    """Raises SpecError where the header of an array promises other than the ``size`` bytes that are there."""
    version = npy.read_magic(file)
    if version not in HEADERS:
        raise bad_file(path, f"{name or 'the array'} has names that are not Latin; pixels are plain numbers")
    shape, _, kind = HEADERS[version](file)
    if kind.hasobject:
        raise objects(path)
    promised, there = prod(shape) * kind.itemsize, size - file.tell()
    if promised != there:
        raise bad_file(
            path,
            f"{name + ' ' if name else ''}promises {promised:,} bytes and holds {there:,}",
            f"its header says {'·'.join(f'{n:,}' for n in shape) or 1} values of {kind}",
            cure="get the file again, or save it again",
        )  # fmt: skip
