"""Faults of data: each names the file, the byte, and the cure."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Final

from cnnspec.diagnostics import Diagnostic, SpecError
from cnnspec.text import words_of

UNFOLDING: Final = 1032
"""Bytes that one byte of deflate can stand for, at most."""
UNFOLDED: Final = 60_000_000
"""Bytes that any packed file, or all files of a set together, may unfold to."""
FOLDS: Final = 100
"""Times its size that a file may have beyond that; pictures have 2 to 10."""
SAMPLE: Final = 64
"""Bytes that a sample takes beside its values: its label, its place in an order."""


def bad_file(path: Path | str, message: str, *notes: str, cure: str = "") -> SpecError:
    """A file of data that is not what it should be."""
    return SpecError.of("data-file", f"{path}: {message}", *([cure] if cure else []), notes=notes)


def missing(message: str, *cures: str, notes: tuple[str, ...] = ()) -> SpecError:
    """Data that cannot be had."""
    return SpecError.of("data-missing", message, *cures, notes=notes)


def one_size(kind: str) -> str:
    """The cure for images of several sizes."""
    return f'ask for one size in the spec: train {{ data {kind} "…" resize=yes }}'


def no_samples(verb: str) -> SpecError:
    """That there is nothing to train on, or to judge on."""
    return SpecError.of("no-samples-left", f"there are no samples to {verb} on")


def nothing_left(part: str, share: float, samples: int, count: int) -> SpecError:
    """A share of the samples, for ``part`` (test, validation), that leaves this part or the rest empty."""
    if not samples:
        return no_samples("train")
    left = "is none of them" if count == 0 else "leaves none to train on"
    message = f"{part}={share:g} of {samples:,} sample{'s' * (samples > 1)} {left}"
    cures = []
    if samples > 1:
        cures.append(f"take a share that leaves some for each: {part}={max(0.2, 1 / samples):.2g}")
    if part == "validation":
        cures.append("leave validation out")
    return SpecError.of("no-samples-left", message, *(cures or ["give more samples"]))


def unlike(message: str, *cures: str, notes: tuple[str, ...] = ()) -> SpecError:
    """Data that the network cannot take."""
    return SpecError([mismatch(message, *cures, notes=notes)])


def mismatch(message: str, *cures: str, notes: tuple[str, ...] = ()) -> Diagnostic:
    """One of the reasons why a network cannot take the data."""
    return Diagnostic("data-unlike-network", message, notes=notes, help=cures)


def refuse_bomb(path: Path | str, size: int, packed: int, samples: int = 0) -> None:
    """Raises SpecError for a file that claims to unfold to far more than NumPy or gzip pack in practice.

    Of so many ``samples`` it counts what each takes beside its values, too.
    """
    if size > UNFOLDING * packed or size + SAMPLE * samples > max(UNFOLDED, FOLDS * packed):
        raise bad_file(
            path, f"claims to unfold from {packed:,} bytes to {size:,}",
            f"beyond {UNFOLDED:,} bytes, at most {FOLDS} times its size is read", cure="save it unpacked",
        )  # fmt: skip


def unfolds(files: Iterable[Path], size: int) -> bool:
    """Whether the samples of files come to far more than the files have, as those do that name one again."""
    return size > UNFOLDED and size > FOLDS * _size_of(files)


def _size_of(files: Iterable[Path]) -> int:
    """Bytes of all files; each counts once, by whatever names."""
    found = {}
    for file in set(files):
        with suppress(OSError):  # who reads it will tell
            state = file.stat()
            found[state.st_dev, state.st_ino] = state.st_size
    return sum(found.values())


def refuse_many(path: Path | str, files: Collection[Path], size: int) -> None:
    """Raises SpecError where the samples of files would fill the memory, though the files are small."""
    if unfolds(files, size):
        raise bad_file(
            path, f"its {len(files):,} samples unfold from {_size_of(files):,} bytes of files to {size:,}",
            f"beyond {UNFOLDED:,} bytes, at most {FOLDS} times the size of the files is read",
            cure="make the pictures smaller, or save them unpacked: numpy.savez(path, x=…, y=…)",
        )  # fmt: skip


@contextmanager
def decoding(path: Path | str, what: str, *, cure: str = "") -> Iterator[None]:
    """Whatever a decoder raises over the bytes of a file, as a fault of that file; ``what`` says which."""
    try:
        yield
    except SpecError:
        raise
    except MemoryError as error:
        raise bad_file(path, "is larger than the memory that is left", cure=cure) from error
    except Exception as error:
        if isinstance(error, OSError) and error.errno is not None:
            raise missing(f"{path} cannot be read: {error.strerror or error}") from error
        raise bad_file(path, f"{what} ({words_of(error)})", cure=cure) from error
