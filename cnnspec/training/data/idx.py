"""IDX files, plain or gzip: the format of MNIST (LeCun, Cortes and Burges).

Two zero bytes, the type (8 is unsigned bytes), the number of axes, each axis
as four bytes big-endian, then the values, last axis fastest.
"""

from __future__ import annotations

import gzip
import re
import zlib
from io import BufferedIOBase, BufferedReader
from math import prod
from pathlib import Path
from typing import Final

import numpy as np

from cnnspec.files import opened
from cnnspec.training.data import emnist
from cnnspec.training.data.dataset import Dataset, Labels
from cnnspec.training.data.faults import bad_file, missing, refuse_bomb
from cnnspec.training.data.picture import entries_in
from cnnspec.training.data.preprocess import Bytes

LARGEST = 4_000_000_000
"""Bytes a file may claim to hold; what is larger than memory is refused before it is read."""

AT_ONCE: Final = 1 << 20
"""Bytes unfolded at a time."""

KINDS = {1: "labels", 3: "images", 4: "colour images"}
FILES: Final = (
    "train-images-idx3-ubyte", "train-labels-idx1-ubyte", "t10k-images-idx3-ubyte", "t10k-labels-idx1-ubyte"
)  # fmt: skip
"""A set: its images and labels to train on, then those to test on."""
NAME: Final = re.compile(
    r"(?:(?P<set>.+)-)?(?P<part>train|t10k|test)-(?P<kind>images|labels)[-.]idx[0-9]-ubyte(?:[.]gz)?",
    re.IGNORECASE,
)
"""How a file is called, with a dot or a hyphen, after the name of its set or not."""


def load(path: Path) -> Dataset:
    """The set in a folder, called after it; its classes are 0 to the greatest label.

    Where a folder holds several sets, whose files begin with a name (``emnist-letters-train-images…``), the
    path goes on with that name: ``folder/emnist-letters``.
    """
    sets = sets_in(path) if path.is_dir() else sets_in(path.parent, path.name)
    whole = {name: paths for name, paths in sets.items() if None not in paths}
    if len(whole) > 1 and "" not in whole:
        cure, note = f"name one of them: {path / sorted(whole)[0]}", f"sets: {', '.join(sorted(whole))}"
        raise missing(f"{path} holds {len(whole)} sets", cure, notes=(note,))
    if not whole:
        some = next(iter(sets.values()), (None,) * len(FILES))
        absent = [name for name, file in zip(FILES, some, strict=True) if file is None]
        raise missing(f"{path} does not hold a set", f"put {', '.join(absent)} there (plain or .gz)")
    name = "" if "" in whole else next(iter(whole))
    data = read_set(name or path.name, tuple(file for file in whole[name] if file))
    train, names, notes = emnist.upright(data.name, data.train, data.names)
    test, _, _ = emnist.upright(data.name, data.test, data.names)
    others = sorted(set(sets) - {name})
    more = (f"left out: {', '.join(others)}",) if others else ()
    return Dataset(data.name, *train, *test, names, notes=(*notes, *more))


def sets_in(folder: Path, name: str | None = None) -> dict[str, tuple[Path | None, ...]]:
    """The files of each set in a folder, in the order of ``FILES``, None for one that is not there.

    By what their names begin with; only the set of one ``name``, where that is given.
    """
    found: dict[str, dict[str, Path]] = {}
    files = entries_in(folder) if folder.is_dir() else []
    for path in sorted(files, key=lambda path: (".idx" in path.name, path.suffix != ".gz")):
        match = NAME.fullmatch(path.name)
        if match and name in (None, match["set"] or "") and path.is_file():
            part = "train" if match["part"].lower() == "train" else "t10k"
            found.setdefault(match["set"] or "", {}).setdefault(f"{part}-{match['kind'].lower()}", path)
    return {
        name: tuple(files.get(file.rpartition("-idx")[0]) for file in FILES) for name, files in found.items()
    }


def files_in(folder: Path) -> tuple[Path, ...] | None:
    """The four files of a folder whose names are just those of ``FILES``; None where one is missing."""
    paths = sets_in(folder, "").get("", ())
    return tuple(path for path in paths if path) if paths and None not in paths else None


def read_set(name: str, paths: tuple[Path, ...], names: tuple[str, ...] = ()) -> Dataset:
    """The samples of four files; raises SpecError where they do not go together."""
    train = read_pair(paths[0], paths[1], len(names) or 256)
    test = read_pair(paths[2], paths[3], len(names) or int(train[1].max(initial=0)) + 1)
    if train[0].shape[1:] != test[0].shape[1:]:
        raise bad_file(paths[2], f"holds images {test[0].shape[1:]}, the training set {train[0].shape[1:]}")
    names = names or tuple(map(str, range(int(train[1].max(initial=0)) + 1)))
    return Dataset(name, *train, *test, names=names)


def read_images(path: Path) -> Bytes:
    """Images (n, height, width, channels) of an IDX file; raises SpecError naming the byte at fault."""
    values = read_idx(path, "images")
    return values[..., None] if values.ndim == 3 else values


def read_labels(path: Path) -> Labels:
    return read_idx(path, "labels").astype(np.int64)


def read_pair(images: Path, labels: Path, known: int = 256) -> tuple[Bytes, Labels]:
    """Images with their labels below ``known``; raises SpecError when their numbers differ."""
    pictures, classes = read_images(images), read_idx(labels, "labels")
    if not pictures.size:
        sizes = pictures.shape if pictures.shape[3] != 1 else pictures.shape[:3]
        raise bad_file(images, f"holds no images: its header says {_times(sizes)}")
    if len(pictures) != len(classes):
        raise bad_file(
            labels, f"holds {len(classes):,} labels for {len(pictures):,} images",
            f"the images are those of {images}", "bytes 4 to 7 of each file say how many it holds",
            cure="take both files from the same set: train with train, t10k with t10k",
        )  # fmt: skip
    if len(classes) and classes.max() >= known:
        place = int(np.argmax(classes >= known))
        message = f"byte {8 + place:,} holds label {classes[place]}; labels are 0 to {known - 1}"
        cure = "get the file again, or take both from one set: each class needs images to train on"
        raise bad_file(labels, message, cure=cure)
    return pictures, classes.astype(np.int64)


def read_idx(path: Path, wanted: str) -> Bytes:
    """The values of an IDX file of unsigned bytes; ``wanted`` is images or labels."""
    try:
        with opened(path) as plain:
            packed = plain.read(2) == b"\x1f\x8b"
            plain.seek(0)
            unpacked = gzip.GzipFile(fileobj=plain) if packed else plain
            with BufferedReader(unpacked) as file:
                return _read(file, path, wanted, packed)
    except (gzip.BadGzipFile, zlib.error, EOFError) as error:
        raise bad_file(
            path, f"the compressed file is damaged or cut short ({error})",
            f"it has {path.stat().st_size:,} bytes", cure="get the file again",
        ) from error  # fmt: skip
    except MemoryError as error:
        raise bad_file(path, "promises more values than the memory that is left can hold") from error
    except OSError as error:
        raise missing(f"{path} cannot be read: {error.strerror or error}") from error


def _read(file: BufferedIOBase, path: Path, wanted: str, packed: bool) -> Bytes:
    shape = _header(file, path, wanted)
    if packed:
        refuse_bomb(path, prod(shape), path.stat().st_size, shape[0])
    values, begin = np.empty(prod(shape), np.uint8), 4 + 4 * len(shape)
    promised, done = f"its header promises {_times(shape)} values", 0
    while part := file.readinto(values.data[done : done + AT_ONCE]):  # gzip copies what is asked for at once
        done += part
    if done < len(values):
        ends = f"ends at byte {begin + done:,} of {begin + len(values):,}"
        raise bad_file(path, ends, promised, cure="get the file again; it was cut short")
    if file.read(1):
        message = f"goes on after its last value, at byte {begin + done:,}"
        raise bad_file(path, message, promised, cure="get the file again")
    return values.reshape(shape)


def _header(file: BufferedIOBase, path: Path, wanted: str) -> tuple[int, ...]:
    magic = file.read(4)
    if len(magic) < 4:
        raise bad_file(path, f"ends at byte {len(magic)}, within its first number", cure="get the file again")
    if magic[:2] != b"\0\0":
        raise bad_file(
            path, f"is not an IDX file: it begins with bytes {magic[:4].hex(' ')}",
            "an IDX file begins with two zero bytes", cure="give the original files, plain or gzip",
        )  # fmt: skip
    if magic[2] != 8:
        message = f"byte 2 says type 0x{magic[2]:02x}; only unsigned bytes (0x08) are read"
        raise bad_file(path, message, cure="save the values as unsigned bytes")
    _check_kind(path, magic[3], wanted)
    sizes = file.read(4 * magic[3])
    if len(sizes) < 4 * magic[3]:
        raise bad_file(path, f"ends at byte {4 + len(sizes)}, within its header", cure="get the file again")
    shape = tuple(int(size) for size in np.frombuffer(sizes, ">u4"))
    if prod(shape) > LARGEST:
        raise bad_file(
            path, f"claims {_times(shape)} = {prod(shape):,} values in bytes 4 to {3 + len(sizes)}",
            f"at most {LARGEST:,} are read", cure="get the file again, or cut it into smaller sets",
        )  # fmt: skip
    return shape


def _check_kind(path: Path, axes: int, wanted: str) -> None:
    found = KINDS.get(axes, f"{axes} axes")
    if found.endswith(wanted):
        return
    swapped = f"give the {wanted} file here; images and labels may be swapped" if axes in KINDS else ""
    raise bad_file(
        path, f"holds {found}, not {wanted}",
        f"byte 3, the number of axes, is {axes}: 1 is labels, 3 images", cure=swapped,
    )  # fmt: skip


def _times(shape: tuple[int, ...]) -> str:
    return "·".join(f"{size:,}" for size in shape)
