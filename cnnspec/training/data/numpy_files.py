"""NumPy's own formats: single arrays (``.npy``), and archives of them (``.npz``) with Keras's keys.

What a header promises is held against the bytes that are there.
"""

from __future__ import annotations

import zipfile
from collections.abc import Callable, Mapping, Sequence
from math import prod
from pathlib import Path
from typing import IO, Any, Final, TypeAlias

import numpy as np
from numpy.lib import format as npy
from numpy.typing import NDArray

from cnnspec.diagnostics import SpecError
from cnnspec.files import opened
from cnnspec.layers.base import SampleShape, Shape
from cnnspec.recipe.targets import CLASS, ImageTarget, TargetSetting
from cnnspec.training.data.arrays import samples
from cnnspec.training.data.dataset import Dataset, Samples, of_parts
from cnnspec.training.data.faults import bad_file, decoding, refuse_bomb
from cnnspec.training.data.preprocess import Bytes
from cnnspec.training.data.values import Values, arranged, pixels

MAGIC: Final = b"\x93NUMPY"
ARCHIVE: Final = b"PK\x03\x04"
"""How a ZIP file begins, which an .npz is."""
HEADERS: Final[dict[tuple[int, int], Callable[..., tuple[Any, ...]]]] = {
    (1, 0): npy.read_array_header_1_0,
    (2, 0): npy.read_array_header_2_0,
}


Names: TypeAlias = tuple[str, ...]
"""Of the arrays of a part: its images, or each of several inputs, then its targets."""
WORDS: Final = {"train": ("train",), "validation": ("val", "valid", "validation"), "test": ("test",)}
"""What arrays of each part are called."""


def _known_names(inputs: Names = ()) -> dict[str, list[Names]]:
    """Names of the arrays of each part, as archives have them, in capitals or not."""
    found: dict[str, list[Names]] = {}
    for part, words in WORDS.items():
        found[part] = [tuple(f"{name}_{word}" for name in (*(inputs or "x"), "y")) for word in words]
        found[part] += [] if inputs else [(f"{word}_images", f"{word}_labels") for word in words]
    found["train"] += [(*inputs, "y")] if inputs else [("x", "y"), ("images", "labels")]
    return {part: [tuple(map(str.lower, names)) for names in known] for part, known in found.items()}


PICKLE: Final = b"\x80"
"""How a pickle begins."""


# Single arrays ----------------------------------------------------------------------


def read(path: Path) -> NDArray[Any]:
    """The array of an .npy file; raises SpecError where it is none, or is damaged."""
    with decoding(path, "is not a .npy file, or is damaged"), opened(path) as file:
        start = file.read(len(MAGIC))
        if start.startswith(ARCHIVE):
            raise bad_file(path, "is an archive of arrays (.npz), not a single one (.npy)")
        if start != MAGIC:
            raise bad_file(path, "is not a .npy file: it does not begin with \\x93NUMPY")
        file.seek(0)
        _check_header(path, file, path.stat().st_size)
        file.seek(0)
        found: NDArray[Any] = np.load(file, allow_pickle=False)
        return found


def read_images(path: Path, shape: Shape) -> tuple[Bytes, list[str]]:
    """The images of an .npy file (n, height, width, channels) for a network's input ``shape``, and notes.

    One image may have no sample axis, and images of grey no channel axis; rows as long as a vector input
    are images of that many pixels. Raises SpecError for other arrays.
    """
    found = read(path)
    if not found.size:
        raise bad_file(path, f"holds no images: its shape is {found.shape}")
    (flat,), notes = pixels(path, {"": np.atleast_1d(found)}, rounding=(1, 255))
    values: Bytes = flat.reshape(found.shape)
    channels = shape[2] if len(shape) == 3 else 1
    if values.shape[-1:] == shape:
        return values.reshape(-1, 1, *shape, 1), notes
    if values.ndim == 2 or (values.ndim == 3 and values.shape[2] == channels):
        values = values[None]
    values = values[..., None] if values.ndim == 3 else values
    if values.ndim != 4:
        raise bad_file(path, f"has shape {values.shape}; an image is (height, width[, channels])")
    return arranged(path.name, values, shape)[0], notes


def _refusal_of_objects(path: Path) -> SpecError:
    """A file that holds a pickle, which is a program."""
    cure = "save lists of unlike length as one array, and words as y.astype(str)"
    return bad_file(path, "holds Python objects, which are not loaded", cure=cure)


def _check_header(path: Path, file: IO[bytes], size: int, name: str = "") -> Shape:
    """The shape of an array; SpecError where its header promises other than the ``size`` bytes there are."""
    version = npy.read_magic(file)
    if version not in HEADERS:
        raise bad_file(path, f"{name or 'the array'} has names that are not Latin; pixels are plain numbers")
    shape, _, kind = HEADERS[version](file)
    if kind.hasobject:
        raise _refusal_of_objects(path)
    promised, there = prod(shape) * kind.itemsize, size - file.tell()
    if promised != there:
        message = f"{name + ' ' if name else ''}promises {promised:,} bytes and holds {there:,}"
        note = f"its header says {'·'.join(f'{n:,}' for n in shape) or 1} values of {kind}"
        raise bad_file(path, message, note, cure="get the file again, or save it again")
    found: Shape = shape
    return found


# Archives ---------------------------------------------------------------------------


def load(
    path: Path, shape: SampleShape | None = None, test: float = 0.2, target: TargetSetting | None = None
) -> Dataset:
    """The samples of an archive, as a network of the input ``shape`` takes them.

    Images are (n, h, w) or (n, h, w, c), bytes or floats that are bytes on a usual
    scale, other numbers floats; labels whole numbers, words or one-hot rows, or what the ``target`` says. An
    image that is to give itself back needs none. Of several inputs each is an array of its name in place of
    x (``left_train right_train y_train``, or ``left right y``). Without a test part the validation
    part is tested on, or the share ``test`` is held out, by a fixed draw.
    """
    inputs = tuple(shape) if isinstance(shape, Mapping) else ()
    arrays = _arrays(path, _known_names(inputs))
    target = target or CLASS
    keys = _keys(path, arrays, inputs, alone=isinstance(target, ImageTarget) and not inputs)
    given = [{key: arrays[key] for key in names[:-1]} for names in keys.values()]
    labels = {y if y not in xs else f"{y} itself": arrays[y] for *xs, y in keys.values()}
    found = samples(path, given, labels, shape, target)
    parts = dict(zip(keys, map(Samples, found.images, found.labels), strict=True))
    notes = found.notes
    if others := [key for key in arrays if not any(key in names for names in keys.values())]:
        known = " ".join(f"{x}_{part}" for part in ("train", "val", "test") for x in (*(inputs or "x"), "y"))
        notes = (*notes, f"left out: {', '.join(others)}; arrays are looked for by names as {known}")
    return of_parts(path.stem, parts, found.names, test, notes, target)


def _arrays(path: Path, known: Mapping[str, Sequence[Names]]) -> dict[str, Values]:
    """The arrays of the archive by name; those that are no part stay empty."""
    wanted = {key for several in known.values() for names in several for key in names}
    what = "is not a NumPy archive, or is damaged"
    with decoding(path, what, cure="get the file again"), opened(path) as file:
        _refuse_others(path, file.read(len(MAGIC)))
        with zipfile.ZipFile(file) as archive:
            _refuse_bombs(path, archive)
            return {
                (key := info.filename.removesuffix(".npy")): (
                    _array(path, archive, info) if key.lower() in wanted else np.empty(0)
                )
                for info in archive.infolist()
            }


def _refuse_bombs(path: Path, archive: zipfile.ZipFile) -> None:
    """Raises SpecError for an archive that unfolds to far more than it is, which NumPy writes none of."""
    refuse_bomb(path, sum(info.file_size for info in archive.infolist()), path.stat().st_size)
    for info in archive.infolist():
        if info.compress_type not in (zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED):
            raise bad_file(
                path, f"{info.filename} is packed in a way that NumPy does not use", cure="save it again"
            )


def _refuse_others(path: Path, start: bytes) -> None:
    """Raises SpecError for what NumPy writes beside archives: one array alone, and pickles."""
    if start == MAGIC:
        cure = "save both with numpy.savez(path, x=…, y=…)"
        raise bad_file(path, "is a single array, not an archive of images and labels", cure=cure)
    if start[:1] == PICKLE:
        raise _refusal_of_objects(path)


def _array(path: Path, archive: zipfile.ZipFile, info: zipfile.ZipInfo) -> Values:
    with archive.open(info) as file:
        shape = _check_header(path, file, info.file_size, info.filename.removesuffix(".npy"))
    refuse_bomb(path, info.file_size, path.stat().st_size, *shape[:1])
    with archive.open(info) as file:
        found: Values = npy.read_array(file, allow_pickle=False)
        file.read()  # to its end, where the sum of the bytes is checked
    if found.dtype.kind == "U":
        found.astype(found.dtype.newbyteorder("<")).tobytes().decode(
            "utf-32-le"
        )  # raises what decoding() says
    return found


def _keys(
    path: Path, arrays: Mapping[str, Values], inputs: Names = (), alone: bool = False
) -> dict[str, Names]:
    """The keys of images and labels, for each part that is there; images ``alone`` are their own labels."""
    known, names = {key.lower(): key for key in arrays}, _known_names(inputs)
    pairs = {
        part: next((pair for pair in several if any(key in known for key in pair)), None)
        for part, several in names.items()
    }
    chosen: dict[str, Names] = {part: pair for part, pair in pairs.items() if pair}
    chosen["train"] = chosen.get("train", names["train"][0])
    if alone:
        chosen = {part: (*xs, y if y in known else xs[0]) for part, (*xs, y) in chosen.items()}
    absent = [key for part in WORDS for key in chosen.get(part, ()) if key not in known]
    if absent:
        keys = ", ".join(f"{key}=…" for part in ("train", "test") for key in names[part][0])
        last = "the last two" if not inputs else "those of test"
        raise bad_file(
            path, f"has no {', '.join(absent)}", f"it holds {', '.join(arrays) or 'nothing'}",
            cure=f"save it with numpy.savez(path, {keys}), or without {last}",
        )  # fmt: skip
    return {part: tuple(known[key] for key in chosen[part]) for part in WORDS if part in chosen}
