"""Checkpoints: one safetensors file each, whole or not there at all.

Weights have PyTorch's names and layouts, so any reader of safetensors can use
them. What a run needs to go on lies beside them in the same file: arrays of
the optimizer under ``optimizer.``, and the rest as JSON in the header, with a
sum over every byte of the file.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

from numpy.typing import NDArray

from cnnspec.backends.weights import OPTIMIZER, decode_summed, encode_summed
from cnnspec.diagnostics import Diagnostic, SpecError
from cnnspec.files import read_bytes, refuse_links, sweep, write_atomically

KEPT: Final = 3
"""Checkpoints of a run that are kept; older ones are removed."""
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
    """Writes the file under a temporary name, syncs and renames it; no link is followed to it."""
    write_atomically(path, encode_summed(checkpoint.arrays, checkpoint.state), path.parent)


def read(path: Path) -> Checkpoint:
    """The checkpoint in a file; raises SpecError for a foreign, cut or changed file."""
    try:
        found = decode_summed(read_bytes(path))
    except FileNotFoundError as error:
        raise unusable(path, "it is not there", "train first, or give the folder of another run") from error
    except OSError as error:
        raise unusable(path, error.strerror or str(error)) from error
    except ValueError as error:
        raise unusable(path, str(error)) from error
    if found is None:
        why = "it was not written by cnnspec, or was cut short or changed"
        raise unusable(path, why, "model.load reads the weights of any safetensors file")
    weights = {name: array for name, array in found.arrays.items() if not name.startswith(OPTIMIZER)}
    others = {name: array for name, array in found.arrays.items() if name not in weights}
    optimizer = {name.removeprefix(OPTIMIZER): array for name, array in others.items()}
    return Checkpoint(weights, optimizer, found.about)


def alike(one: Mapping[str, NDArray[Any]], other: Mapping[str, NDArray[Any]]) -> bool:
    """Whether arrays have the same names, shapes and kinds of numbers."""
    return one.keys() == other.keys() and all(
        (values.shape, values.dtype) == (other[name].shape, other[name].dtype) for name, values in one.items()
    )


def unusable(path: Path, why: str, *cures: str) -> SpecError:
    return SpecError.of("checkpoint-unusable", f"{path} cannot be used: {why}", *cures)


class CheckpointManager:
    """The checkpoints of one run: ``step-000000937.safetensors``, newest last."""

    def __init__(self, folder: Path, kept: int = KEPT) -> None:
        self.folder, self.kept = folder, kept

    def sweep(self) -> None:
        """Takes away what a writer that was killed left: files half written, and one checkpoint too many."""
        sweep(self.folder, _NAME.fullmatch)
        self._prune()

    @property
    def paths(self) -> list[Path]:
        """Oldest first; temporary and foreign names are passed over."""
        if not self.folder.is_dir():
            return []
        return sorted(path for path in self.folder.iterdir() if _NAME.fullmatch(path.name))

    def put(self, checkpoint: Checkpoint) -> Path:
        """Writes a checkpoint, then removes those beyond the newest ``kept``."""
        path = self.folder / f"step-{checkpoint.step:09d}.safetensors"
        refuse_links(self.folder, self.folder.parent)
        write(path, checkpoint)
        self._prune()
        return path

    def _prune(self) -> None:
        for old in self.paths[: -self.kept]:
            old.unlink(missing_ok=True)

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
