"""Checkpoints: one safetensors file each, whole or not there at all.

Weights have PyTorch's names and layouts, so any reader of safetensors can use
them. What a run needs to go on lies beside them in the same file: arrays of
the optimizer under ``optimizer.``, and the rest as JSON in the header. A sum
over every byte of the file stands in its header too, and is checked before
anything is read out of it.
"""

from __future__ import annotations

import json
import re
import struct
import zlib
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray
from safetensors import SafetensorError
from safetensors.numpy import load, save

from cnnspec.diagnostics import Diagnostic, SpecError
from cnnspec.files import write_atomically

KEPT: Final = 3
"""Checkpoints of a run that are kept; older ones are removed."""
OPTIMIZER: Final = "optimizer."
HEADER: Final = "cnnspec"
SUM: Final = "cnnspec.sum"
_UNKNOWN: Final = "00000000"
"""Stands for the sum while it is taken."""
_SUM: Final = re.compile(rf'{{\\"{re.escape(SUM)}\\": \\"([0-9a-f]{{8}})\\"'.encode())
"""The sum begins the JSON of the state, whose quotes are escaped in the header."""
_NAME: Final = re.compile(r"step-(\d{9})\.safetensors")


@dataclass(frozen=True)
class Checkpoint:
    """Weights by name, the optimizer's arrays by name, and the JSON state of the run."""

    weights: Mapping[str, NDArray[Any]]
    optimizer: Mapping[str, NDArray[Any]]
    state: Mapping[str, Any]

    @property
    def step(self) -> int:
        return int(self.state.get("step", 0))

    @property
    def arrays(self) -> dict[str, NDArray[Any]]:
        """All arrays by the names they have in the file."""
        return {**self.weights, **{OPTIMIZER + name: array for name, array in self.optimizer.items()}}


def write(path: Path, checkpoint: Checkpoint) -> None:
    """Writes the file under a temporary name, syncs and renames it."""
    arrays = {name: np.ascontiguousarray(array) for name, array in checkpoint.arrays.items()}
    data = save(arrays, metadata={HEADER: json.dumps({SUM: _UNKNOWN, **checkpoint.state})})
    place = _place_of_sum(data)
    assert place is not None
    path.parent.mkdir(parents=True, exist_ok=True)
    write_atomically(path, b"".join((data[: place.start], _sum(data, place), data[place.stop :])))


def read(path: Path) -> Checkpoint:
    """The checkpoint in a file; raises SpecError for a foreign, cut or changed file."""
    try:
        data = path.read_bytes()
    except FileNotFoundError as error:
        raise unusable(path, "it is not there", "train first, or give the folder of another run") from error
    except OSError as error:
        raise unusable(path, error.strerror or str(error)) from error
    place = _place_of_sum(data)
    if place is None:
        raise unusable(
            path,
            "it was not written by cnnspec, or was cut short or changed",
            "model.load reads the weights of any safetensors file",
        )
    if data[place] != _sum(data, place):
        raise unusable(path, "its bytes are not those that were written: the file is damaged")
    try:
        arrays, state = load(data), json.loads(_header(data)["__metadata__"][HEADER])
    except (SafetensorError, ValueError, LookupError, TypeError) as error:
        raise unusable(path, f"it holds something else ({error})") from error
    if not isinstance(state, dict):
        raise unusable(path, "it holds something else")
    del state[SUM]
    return Checkpoint(
        {name: array for name, array in arrays.items() if not name.startswith(OPTIMIZER)},
        {name.removeprefix(OPTIMIZER): a for name, a in arrays.items() if name.startswith(OPTIMIZER)},
        state,
    )


def alike(one: Mapping[str, NDArray[Any]], other: Mapping[str, NDArray[Any]]) -> bool:
    """Whether arrays have the same names, shapes and kinds of numbers."""
    return one.keys() == other.keys() and all(
        (values.shape, values.dtype) == (other[name].shape, other[name].dtype) for name, values in one.items()
    )


def unusable(path: Path, why: str, *cures: str) -> SpecError:
    return SpecError([Diagnostic("checkpoint-unusable", f"{path} cannot be used: {why}", help=cures)])


class CheckpointManager:
    """The checkpoints of one run: ``step-000000937.safetensors``, newest last."""

    def __init__(self, folder: Path, kept: int = KEPT) -> None:
        self.folder, self.kept = folder, kept

    @property
    def paths(self) -> list[Path]:
        """Oldest first; temporary and foreign names are passed over."""
        if not self.folder.is_dir():
            return []
        return sorted(path for path in self.folder.iterdir() if _NAME.fullmatch(path.name))

    def put(self, checkpoint: Checkpoint) -> Path:
        """Writes a checkpoint, then removes those beyond the newest ``kept``."""
        path = self.folder / f"step-{checkpoint.step:09d}.safetensors"
        write(path, checkpoint)
        for old in self.paths[: -self.kept]:
            old.unlink(missing_ok=True)
        return path

    def latest(
        self, fault: Callable[[Checkpoint], str | None] = lambda _: None
    ) -> tuple[Checkpoint | None, tuple[Diagnostic, ...]]:
        """The newest checkpoint that is whole, and why newer ones were passed over.

        ``fault`` says why a checkpoint that is whole cannot be used all the same.
        """
        refused: list[Diagnostic] = []
        for path in reversed(self.paths):
            try:
                found = read(path)
                if why := fault(found):
                    raise unusable(path, why)
                return found, tuple(refused)
            except SpecError as error:
                refused.extend(error.diagnostics)
        return None, tuple(refused)


def _header(data: bytes) -> Any:
    """The JSON that a safetensors file begins with."""
    return json.loads(data[8 : 8 + _length(data)])


def _length(data: bytes) -> int:
    return int(struct.unpack("<Q", data[:8])[0]) if len(data) >= 8 else 0


def _place_of_sum(data: bytes) -> slice | None:
    """Where in the header the eight digits of the sum stand."""
    found = _SUM.search(data, 8, 8 + min(_length(data), len(data)))
    return slice(*found.span(1)) if found else None


def _sum(data: bytes, place: slice) -> bytes:
    """The sum (CRC-32) over all bytes but its own."""
    total = zlib.crc32(_UNKNOWN.encode(), zlib.crc32(data[: place.start]))
    return f"{zlib.crc32(memoryview(data)[place.stop :], total):08x}".encode()
