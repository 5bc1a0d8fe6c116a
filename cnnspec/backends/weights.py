"""Weights in safetensors files: written whole or not at all, refused when they do not fit.

All that is read or written as safetensors passes here. A few words about the arrays stand
as JSON under one key of the header; a checkpoint's begin with a sum over every byte of the
file, which is checked before anything is read out of it.
"""

from __future__ import annotations

import json
import os
import re
import zlib
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from errno import EISDIR, ENOENT
from pathlib import Path
from typing import Any, Final

import numpy as np
from safetensors import SafetensorError
from safetensors.numpy import load as load_arrays
from safetensors.numpy import save as save_arrays

from cnnspec.backends.contract import Array, Predictor, Scaling
from cnnspec.diagnostics import SpecError
from cnnspec.files import write_atomically
from cnnspec.layers.base import show

WEIGHTS: Final = "weights.safetensors"
"""The weights at the end, in the folder of a run."""
CHECKPOINTS: Final = "checkpoints"
"""The folder of its checkpoints, named by their steps."""
FOREIGN: Final = {
    ".npz", ".npy", ".pt", ".pth", ".h5", ".hdf5", ".keras", ".onnx", ".pkl", ".pickle", ".ckpt", ".json",
}  # fmt: skip
"""Endings that mean other formats."""
OPTIMIZER: Final = "optimizer."
"""What the names of an optimizer's arrays begin with, in the file of a checkpoint."""
HEADER: Final = "cnnspec"
"""The key of the header; the library writes several in no fixed order."""
SUM: Final = "cnnspec.sum"
_UNKNOWN: Final = "00000000"
"""Stands for the sum while it is taken."""
_SUM: Final = re.compile(rf'{{\\"{re.escape(SUM)}\\": \\"([0-9a-f]{{8}})\\"'.encode())
"""The sum begins the JSON, whose quotes are escaped in the header."""


@dataclass(frozen=True)
class Stored:
    """The arrays of a file, and what it says of them: nothing, when another program wrote it."""

    arrays: dict[str, Array]
    about: Mapping[str, Any]


# Models -----------------------------------------------------------------------------


def save(model: Predictor, path: str | os.PathLike[str]) -> None:
    """Writes all weights, the scaling of bytes and the names of the classes; equal models make equal files.

    Raises OSError where the path is a folder, ValueError where its ending means another format.
    """
    scaling = [np.ravel(values).tolist() for values in (model.scaling.factor, model.scaling.shift)]
    about = {"network": model.network.name, "format": "cnnspec/weights/1", "scaling": scaling}
    if model.classes:
        about["classes"] = model.classes
    write_atomically(_destination(Path(path)), encode(model.weights, about))


def load(model: Predictor, path: str | os.PathLike[str]) -> None:
    """Takes all weights from a file, a checkpoint, or the folder of a run.

    The scaling of bytes and the names of the classes are the file's, where it says them. Raises SpecError
    naming all that does not fit.
    """
    path = weights_file(Path(path))
    stored = read(path, model.weights)
    if notes := list(_mismatches(stored.arrays, model.weights)):
        raise _foreign(path, notes)
    model.weights.update(stored.arrays)
    if "scaling" in stored.about:
        model.scaling = Scaling(*map(np.array, stored.about["scaling"]))
    if "classes" in stored.about:
        model.classes = tuple(stored.about["classes"])


def load_fitting(model: Predictor, path: str | os.PathLike[str]) -> tuple[str, ...]:
    """Takes those weights that fit in name and shape; gives the names of the others, which stay.

    Raises SpecError when none fits.
    """
    path, wanted = weights_file(Path(path)), model.weights
    stored = read(path, wanted).arrays
    shapes = {name: values.shape for name, values in wanted.items()}
    fitting = {name: values for name, values in stored.items() if shapes.get(name) == values.shape}
    if wanted and not fitting:
        raise _foreign(path, list(_mismatches(stored, wanted)))
    model.weights.update(fitting)
    return tuple(name for name in wanted if name not in fitting)


def read(path: Path, wanted: Mapping[str, Array]) -> Stored:
    """The weights in a file, or in a checkpoint, whose optimizer is left out; SpecError if it is broken."""
    try:
        found = decode(path.read_bytes())
    except ValueError as error:
        cure = "the file was cut short or is of another kind; take the one before it"
        message = f"{path} is not a whole safetensors file"
        raise SpecError.of("broken-weights", message, cure, notes=(str(error),)) from error
    kept = {name for name in found.arrays if name in wanted or not name.startswith(OPTIMIZER)}
    return Stored({name: found.arrays[name] for name in found.arrays if name in kept}, found.about)


def weights_file(path: Path) -> Path:
    """The file of weights that a path means: itself or, of a run's folder, the last that was written."""
    if not path.is_dir():
        return path
    found = [path / WEIGHTS, *sorted((path / CHECKPOINTS).glob("*.safetensors"), reverse=True)]
    for file in found:
        if file.is_file():
            return file
    raise FileNotFoundError(ENOENT, f"this folder holds no {WEIGHTS} and no {CHECKPOINTS}", str(path))


def _destination(path: Path) -> Path:
    """A path that weights can be written to; raises OSError for a folder, ValueError for another format."""
    if path.is_dir():
        raise IsADirectoryError(EISDIR, f"weights are one file; name it, as in {path / WEIGHTS}", str(path))
    if path.suffix.lower() in FOREIGN:
        also = f"; numpy.savez({path.name!r}, **model.weights) writes an archive"
        raise ValueError(
            f"weights are written as safetensors, not as {path.suffix}: name the file "
            f"{path.with_suffix('.safetensors').name}" + (also if path.suffix.lower() == ".npz" else "")
        )
    return path


def _mismatches(found: Mapping[str, Array], wanted: Mapping[str, Array]) -> Iterator[str]:
    yield from (f"{name} is missing" for name in wanted if name not in found)
    yield from (f"{name} belongs to no layer" for name in found if name not in wanted)
    for name in wanted:
        if name in found and found[name].shape != wanted[name].shape:
            yield f"{name} is {show(found[name].shape)}, the network's is {show(wanted[name].shape)}"


def _foreign(path: Path, notes: list[str]) -> SpecError:
    more = (f"and {len(notes) - 8} more",) if len(notes) > 8 else ()
    message = f"{path} holds the weights of another network"
    cure = "load it into the network it was saved from"
    return SpecError.of("foreign-weights", message, cure, notes=(*notes[:8], *more))


# Bytes ------------------------------------------------------------------------------


def encode(arrays: Mapping[str, Array], about: Mapping[str, Any]) -> bytes:
    """A safetensors file: arrays by name, and a few words about them."""
    plain = {name: np.ascontiguousarray(values) for name, values in arrays.items()}
    return save_arrays(plain, metadata={HEADER: json.dumps(about)})


def encode_summed(arrays: Mapping[str, Array], about: Mapping[str, Any]) -> bytes:
    """The same with a sum over all bytes, for ``decode_summed``."""
    data = encode(arrays, {SUM: _UNKNOWN, **about})
    place = _place_of_sum(data)
    assert place is not None
    return b"".join((data[: place.start], _sum(data, place), data[place.stop :]))


def decode(data: bytes) -> Stored:
    """The arrays and words in the bytes of a file; raises ValueError where it is none, or not whole."""
    try:
        arrays = load_arrays(data)
    except SafetensorError as error:
        raise ValueError(str(error)) from error
    header = json.loads(data[8 : 8 + _length(data)])
    try:
        about = json.loads(header.get("__metadata__", {}).get(HEADER, "{}"))
    except ValueError:
        about = {}
    return Stored(arrays, about if isinstance(about, dict) else {})


def decode_summed(data: bytes) -> Stored | None:
    """What ``encode_summed`` wrote, None where that was not it; raises ValueError if a bit has changed."""
    place = _place_of_sum(data)
    if place is None:
        return None
    if data[place] != _sum(data, place):
        raise ValueError("its bytes are not those that were written: the file is damaged")
    try:
        found = decode(data)
    except ValueError as error:
        raise ValueError(f"it holds something else ({error})") from error
    if SUM not in found.about:
        raise ValueError("it holds something else")
    return Stored(found.arrays, {name: value for name, value in found.about.items() if name != SUM})


def _length(data: bytes) -> int:
    return int.from_bytes(data[:8], "little")


def _place_of_sum(data: bytes) -> slice | None:
    """Where in the header the eight digits of the sum stand."""
    found = _SUM.search(data, 8, 8 + min(_length(data), len(data)))
    return slice(*found.span(1)) if found else None


def _sum(data: bytes, place: slice) -> bytes:
    """The sum (CRC-32) over all bytes but its own."""
    total = zlib.crc32(_UNKNOWN.encode(), zlib.crc32(data[: place.start]))
    return f"{zlib.crc32(memoryview(data)[place.stop :], total):08x}".encode()
