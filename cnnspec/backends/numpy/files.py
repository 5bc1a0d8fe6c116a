"""Weights in safetensors files: written whole or not at all, refused when they do not fit."""

from __future__ import annotations

import json
import os
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from errno import EISDIR, ENOENT
from pathlib import Path
from typing import Any, Final

import numpy as np
from safetensors import SafetensorError
from safetensors.numpy import load, save

from cnnspec.backends.numpy.layout import Array
from cnnspec.diagnostics import Diagnostic, SpecError
from cnnspec.files import write_atomically

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


@dataclass(frozen=True)
class Stored:
    """The weights of a file, and what it says of them: nothing, when another program wrote it."""

    weights: dict[str, Array]
    about: Mapping[str, Any]


def write_weights(
    path: str | os.PathLike[str], arrays: Mapping[str, Array], about: Mapping[str, Any]
) -> None:
    """Write arrays by name, with a few words about them; equal weights make equal files.

    The words stand under one key: the library writes several in no fixed order.
    """
    plain = {name: np.ascontiguousarray(values) for name, values in arrays.items()}
    write_atomically(path, save(plain, metadata={"cnnspec": json.dumps(about)}))


def read_weights(path: Path, wanted: Mapping[str, Array]) -> Stored:
    """The wanted arrays of a file, or of a checkpoint; raises SpecError naming all that does not fit."""
    stored = _read(path, wanted)
    if notes := list(_mismatches(stored.weights, wanted)):
        raise SpecError([_foreign(path, notes)])
    return stored


def fitting_weights(path: Path, wanted: Mapping[str, Array]) -> Stored:
    """Those arrays of a file that fit a wanted one in name and shape; raises SpecError when none does."""
    stored = _read(path, wanted)
    fitting = {
        name: values
        for name, values in stored.weights.items()
        if name in wanted and values.shape == wanted[name].shape
    }
    if wanted and not fitting:
        raise SpecError([_foreign(path, list(_mismatches(stored.weights, wanted)))])
    return Stored(fitting, stored.about)


def _read(path: Path, wanted: Mapping[str, Array]) -> Stored:
    data = path.read_bytes()
    try:
        found = load(data)
    except SafetensorError as error:
        raise SpecError([_broken(path, error)]) from error
    found = {name: found[name] for name in found if name in wanted or not name.startswith(OPTIMIZER)}
    return Stored(found, _about(data))


def destination(path: Path) -> Path:
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


def weights_file(path: Path) -> Path:
    """The file of weights that a path means: itself or, of a run's folder, the last that was written."""
    if not path.is_dir():
        return path
    found = [path / WEIGHTS, *sorted((path / CHECKPOINTS).glob("*.safetensors"), reverse=True)]
    for file in found:
        if file.is_file():
            return file
    raise FileNotFoundError(ENOENT, f"this folder holds no {WEIGHTS} and no {CHECKPOINTS}", str(path))


def _about(data: bytes) -> Mapping[str, Any]:
    """What ``write_weights``, or a checkpoint, says in the header of a whole file."""
    header = json.loads(data[8 : 8 + int.from_bytes(data[:8], "little")])
    try:
        about = json.loads(header.get("__metadata__", {}).get("cnnspec", "{}"))
    except ValueError:
        return {}
    return about if isinstance(about, dict) else {}


def _broken(path: Path, error: SafetensorError) -> Diagnostic:
    return Diagnostic(
        "broken-weights",
        f"{path} is not a whole safetensors file",
        notes=(str(error),),
        help=("the file was cut short or is of another kind; take the one before it",),
    )


def _mismatches(found: Mapping[str, Array], wanted: Mapping[str, Array]) -> Iterator[str]:
    yield from (f"{name} is missing" for name in wanted if name not in found)
    yield from (f"{name} belongs to no layer" for name in found if name not in wanted)
    for name in wanted:
        if name in found and found[name].shape != wanted[name].shape:
            yield f"{name} is {_shown(found[name])}, the network's is {_shown(wanted[name])}"


def _foreign(path: Path, notes: list[str]) -> Diagnostic:
    return Diagnostic(
        "foreign-weights",
        f"{path} holds the weights of another network",
        notes=tuple(notes[:8]) + ((f"and {len(notes) - 8} more",) if len(notes) > 8 else ()),
        help=("load it into the network it was saved from",),
    )


def _shown(array: Array) -> str:
    return "x".join(map(str, array.shape))
