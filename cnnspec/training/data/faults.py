"""Faults of data: each names the file, the byte, and the cure."""

from __future__ import annotations

from pathlib import Path

from cnnspec.diagnostics import Diagnostic, SpecError


def bad_file(path: Path | str, message: str, *notes: str, cure: str = "") -> SpecError:
    """A file of data that is not what it should be."""
    return SpecError(
        [Diagnostic("data-file", f"{path}: {message}", notes=notes, help=(cure,) if cure else ())]
    )


def missing(message: str, *cures: str, notes: tuple[str, ...] = ()) -> SpecError:
    """Data that cannot be had."""
    return SpecError([Diagnostic("data-missing", message, notes=notes, help=cures)])


def unlike(message: str, *cures: str, notes: tuple[str, ...] = ()) -> SpecError:
    """Data that the network cannot take."""
    return SpecError([mismatch(message, *cures, notes=notes)])


def mismatch(message: str, *cures: str, notes: tuple[str, ...] = ()) -> Diagnostic:
    """One of the reasons why a network cannot take the data."""
    return Diagnostic("data-unlike-network", message, notes=notes, help=cures)
