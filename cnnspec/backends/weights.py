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
from math import prod
from pathlib import Path
from typing import Any, Final, Literal

import numpy as np
from pydantic import BaseModel, ConfigDict, FiniteFloat, NonNegativeInt, ValidationError
from safetensors.numpy import save as save_arrays

from cnnspec.backends.contract import Array, Predictor, Scaling
from cnnspec.diagnostics import SpecError
from cnnspec.files import read_bytes, write_atomically
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
KINDS: Final = {
    "BOOL": "?", "U8": "u1", "I8": "i1", "U16": "<u2", "I16": "<i2", "U32": "<u4", "I32": "<i4",
    "U64": "<u8", "I64": "<i8", "F16": "<f2", "BF16": "<u2", "F32": "<f4", "F64": "<f8",
}  # fmt: skip
"""Numbers as safetensors calls them, and as NumPy does."""
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


class ScalingWords(BaseModel):
    """What a file says of a ``Scaling``; of several inputs that of each stands under ``inputs``."""

    model_config = ConfigDict(frozen=True)

    scaling: tuple[tuple[FiniteFloat, ...], tuple[FiniteFloat, ...]] | None = None
    """Factor and shift, one number or one a channel."""
    learned: Literal["bytes", "floats"] | None = None
    inputs: dict[str, ScalingWords] = {}

    @classmethod
    def of(cls, scaling: Scaling) -> ScalingWords:
        factor, shift = (tuple(np.ravel(values).tolist()) for values in (scaling.factor, scaling.shift))
        inputs = {name: cls.of(one) for name, one in scaling.inputs.items()}
        return cls(scaling=(factor, shift), learned=scaling.learned or None, inputs=inputs)

    def read(self) -> Scaling:
        inputs = {name: one.read() for name, one in self.inputs.items()}
        factor, shift = map(np.array, self.scaling or ((1 / 255,), (0.0,)))
        return Scaling(factor, shift, self.learned or "", inputs)


class _ModelWords(ScalingWords):
    """What a file of weights says of the model."""

    classes: tuple[str, ...] | None = None


class _Entry(BaseModel):
    """One array in the header of a safetensors file."""

    dtype: str
    shape: tuple[NonNegativeInt, ...]
    data_offsets: tuple[NonNegativeInt, NonNegativeInt]


# Models -----------------------------------------------------------------------------


def save(model: Predictor, path: str | os.PathLike[str], within: Path | None = None) -> None:
    """Writes all weights, the scaling of bytes and the names of the classes; equal models make equal files.

    ``within`` is as for ``write_atomically``. Raises OSError where the path is a folder, ValueError where
    its ending means another format.
    """
    about: dict[str, Any] = {"network": model.network.name, "format": "cnnspec/weights/1"}
    about |= {"classes": model.classes} if model.classes else {}
    about |= ScalingWords.of(model.scaling).model_dump(exclude_defaults=True)
    write_atomically(_destination(Path(path)), encode(model.weights, about), within)


def load(model: Predictor, path: str | os.PathLike[str]) -> None:
    """Takes all weights from a file, a checkpoint, or the folder of a run.

    The scaling of bytes and the names of the classes are the file's, where it says them. Raises SpecError
    naming all that does not fit.
    """
    path = weights_file(Path(path))
    stored = read(path, model.weights)
    if notes := list(_mismatches(stored.arrays, model.weights)):
        raise _foreign(path, notes)
    about = _about(path, model, stored)
    model.weights.update(stored.arrays)
    if about.scaling:
        model.scaling = about.read()
    if about.classes:
        model.classes = about.classes


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
        found = decode(read_bytes(path))
    except ValueError as error:
        raise _broken(path, str(error)) from error
    kept = {name for name in found.arrays if name in wanted or not name.startswith(OPTIMIZER)}
    return Stored({name: found.arrays[name] for name in found.arrays if name in kept}, found.about)


def _about(path: Path, model: Predictor, stored: Stored) -> _ModelWords:
    """What a file says of scaling and classes; raises SpecError where that is not so for this network."""
    try:
        found = _ModelWords.model_validate(
            {name: stored.about[name] for name in _ModelWords.model_fields if name in stored.about}
        )
    except ValidationError as error:
        fault = error.errors(include_url=False)[0]
        raise _broken(path, f"{'.'.join(map(str, fault['loc']))}: {fault['msg']}") from error
    outputs = model.network.output[-1]
    for node in model.network.inputs:
        channels = node.output[-1]
        if any(
            len(values) not in (1, channels) for values in found.inputs.get(node.name, found).scaling or ()
        ):
            raise _broken(path, f"scaling is for other images than those of {channels} channels")
    if found.classes and len(found.classes) != outputs:
        raise _broken(path, f"it names {len(found.classes)} classes, the network has {outputs} outputs")
    return found


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


def _broken(path: Path, why: str) -> SpecError:
    cure = "the file was cut short or is of another kind; take the one before it"
    return SpecError.of("broken-weights", f"{path} is not a whole safetensors file", cure, notes=(why,))


def _foreign(path: Path, notes: list[str]) -> SpecError:
    more = (f"and {len(notes) - 8} more",) if len(notes) > 8 else ()
    message = f"{path} holds the weights of another network"
    cure = "load it into the network it was saved from"
    return SpecError.of("foreign-weights", message, cure, notes=(*notes[:8], *more))


# Bytes ------------------------------------------------------------------------------


def encode(arrays: Mapping[str, Array], about: Mapping[str, Any]) -> bytes:
    """A safetensors file: arrays by name, and a few words about them."""
    plain = {name: np.ascontiguousarray(values) for name, values in arrays.items()}
    try:
        return save_arrays(plain, metadata={HEADER: json.dumps(about)})
    except BaseException as error:  # Rust's panic is no Exception; it panics where memory is short
        if type(error).__name__ == "PanicException":
            raise MemoryError(str(error)) from error
        raise


def encode_summed(arrays: Mapping[str, Array], about: Mapping[str, Any]) -> bytes:
    """The same with a sum over all bytes, for ``decode_summed``."""
    data = encode(arrays, {SUM: _UNKNOWN, **about})
    place = _place_of_sum(data)
    assert place is not None
    return b"".join((data[: place.start], _sum(data, place), data[place.stop :]))


def decode(data: bytes) -> Stored:
    """The arrays and words in the bytes of a file; raises ValueError where it is none, or not whole."""
    header, body = _object(data[8 : 8 + _length(data)]), memoryview(data)[8 + _length(data) :]
    words = header.pop("__metadata__", {})
    try:
        entries = {name: _Entry.model_validate(entry) for name, entry in header.items()}
    except ValidationError as error:
        raise ValueError(f"its header is damaged: {error.errors(include_url=False)[0]['msg']}") from error
    end = 0
    for begin, stop in sorted(entry.data_offsets for entry in entries.values()):
        if begin != end or stop < begin:
            raise ValueError(f"the array at byte {begin:,} does not begin where another ends, at {end:,}")
        end = stop
    if end != len(body):
        raise ValueError(f"its arrays have {end:,} bytes, and {len(body):,} are there")
    arrays = {name: _array(name, entry, body) for name, entry in entries.items()}
    about = words.get(HEADER) if isinstance(words, dict) else None
    try:
        return Stored(arrays, _object(about))
    except ValueError:
        return Stored(arrays, {})


def _object(text: object) -> dict[str, Any]:
    """The object that a JSON text holds; raises ValueError where it holds none."""
    try:
        found = json.loads(text) if isinstance(text, bytes | str) else None
    except RecursionError as error:
        raise ValueError("its header is nested too deeply") from error
    if not isinstance(found, dict):
        raise ValueError("its header is damaged")
    return found


def _array(name: str, entry: _Entry, body: memoryview) -> Array:
    """The values of one array; those of BF16 as the floats of 32 bits that begin with the same bits."""
    kind = KINDS.get(entry.dtype)
    if kind is None:
        raise ValueError(f"{name} holds {entry.dtype}, and only {', '.join(KINDS)} are read")
    begin, end = entry.data_offsets
    if prod(entry.shape) * np.dtype(kind).itemsize != end - begin:
        raise ValueError(f"{name} is {show(entry.shape)} of {entry.dtype}, and has {end - begin:,} bytes")
    try:
        values = np.frombuffer(body[begin:end], kind).reshape(entry.shape)
    except (ValueError, OverflowError) as error:
        raise ValueError(f"{name} has a shape that no array can have") from error
    return (values.astype("<u4") << 16).view("<f4") if entry.dtype == "BF16" else values


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
