"""Checkpoints: one safetensors file each, whole or not there at all.

Weights have PyTorch's names and layouts, so any reader of safetensors can use
them. What a run needs to go on lies beside them in the same file: arrays of
the optimizer under ``optimizer.``, and the rest as JSON in the header.
"""

from __future__ import annotations

import json
import re
import zlib
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray
from safetensors import SafetensorError, safe_open
from safetensors.numpy import save

from cnnspec.diagnostics import Diagnostic, SpecError
from cnnspec.files import write_atomically

KEPT: Final = 3
"""Checkpoints of a run that are kept; older ones are removed."""
OPTIMIZER: Final = "optimizer."
HEADER: Final = "cnnspec"
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


def write(path: Path, checkpoint: Checkpoint) -> None:
    """Writes the file under a temporary name, syncs and renames it."""
    arrays = dict(checkpoint.weights)
    arrays |= {OPTIMIZER + name: array for name, array in checkpoint.optimizer.items()}
    arrays = {name: np.ascontiguousarray(array) for name, array in arrays.items()}
    state = dict(checkpoint.state) | {"sum": _sum(arrays)}
    path.parent.mkdir(parents=True, exist_ok=True)
    write_atomically(path, save(arrays, metadata={HEADER: json.dumps(state)}))


def read(path: Path) -> Checkpoint:
    """The checkpoint in a file; raises SpecError for a foreign, cut or changed file."""
    try:
        with safe_open(path, framework="numpy") as file:
            metadata = file.metadata() or {}
            arrays = {name: file.get_tensor(name) for name in file.keys()}  # noqa: SIM118 - no mapping
    except FileNotFoundError as error:
        raise unusable(path, "it is not there", "train first, or give the folder of another run") from error
    except (SafetensorError, OSError) as error:
        raise unusable(path, f"it is no safetensors file, or was cut short ({error})") from error
    if HEADER not in metadata:
        raise unusable(path, "it was not written by cnnspec", "model.load reads the weights of any file")
    state = json.loads(metadata[HEADER])
    if state.pop("sum", None) != _sum(arrays):
        raise unusable(path, "its values are not those that were written: the file is damaged")
    return Checkpoint(
        {name: array for name, array in arrays.items() if not name.startswith(OPTIMIZER)},
        {name.removeprefix(OPTIMIZER): a for name, a in arrays.items() if name.startswith(OPTIMIZER)},
        state,
    )


def unusable(path: Path, why: str, *cures: str) -> SpecError:
    return SpecError([Diagnostic("checkpoint-unusable", f"{path} cannot be used: {why}", help=cures)])


class Shelf:
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

    def latest(self) -> tuple[Checkpoint | None, tuple[Diagnostic, ...]]:
        """The newest checkpoint that is whole, and why newer ones were passed over."""
        refused: list[Diagnostic] = []
        for path in reversed(self.paths):
            try:
                return read(path), tuple(refused)
            except SpecError as error:
                refused.extend(error.diagnostics)
        return None, tuple(refused)


def _sum(arrays: Mapping[str, NDArray[Any]]) -> int:
    """A check sum over names, shapes and values, in the order of the names."""
    total = 0
    for name in sorted(arrays):
        array = arrays[name]
        total = zlib.crc32(f"{name}{array.shape}{array.dtype}".encode(), total)
        total = zlib.crc32(np.ascontiguousarray(array).tobytes(), total)
    return total
