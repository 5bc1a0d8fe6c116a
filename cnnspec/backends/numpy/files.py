"""Weights in safetensors files: written whole or not at all, refused when they do not fit."""

from __future__ import annotations

import json
import os
from collections.abc import Mapping
from pathlib import Path

import numpy as np
from safetensors import SafetensorError
from safetensors.numpy import load, save

from cnnspec.backends.numpy.layout import Array
from cnnspec.diagnostics import Diagnostic, SpecError
from cnnspec.files import write_atomically


def write_weights(path: str | os.PathLike[str], arrays: Mapping[str, Array], about: dict[str, str]) -> None:
    """Write arrays by name, with a few words about them; equal weights make equal files.

    The words stand under one key: the library writes several in no fixed order.
    """
    plain = {name: np.ascontiguousarray(values) for name, values in arrays.items()}
    write_atomically(path, save(plain, metadata={"cnnspec": json.dumps(about)}))


def read_weights(path: Path, wanted: Mapping[str, Array]) -> dict[str, Array]:
    """The wanted arrays of a file; raises SpecError naming all that does not fit."""
    try:
        found = load(path.read_bytes())
    except SafetensorError as error:
        raise SpecError([_broken(path, error)]) from error
    faults = list(_misfits(path, found, wanted))
    if faults:
        raise SpecError(faults)
    return found


def _broken(path: Path, error: SafetensorError) -> Diagnostic:
    return Diagnostic(
        "broken-weights",
        f"{path} is not a whole safetensors file",
        notes=(str(error),),
        help=("the file was cut short or is of another kind; take the one before it",),
    )


def _misfits(path: Path, found: Mapping[str, Array], wanted: Mapping[str, Array]) -> list[Diagnostic]:
    notes = [f"{name} is missing" for name in wanted if name not in found]
    notes += [f"{name} belongs to no layer" for name in found if name not in wanted]
    notes += [
        f"{name} is {_shown(found[name])}, the network's is {_shown(wanted[name])}"
        for name in wanted
        if name in found and found[name].shape != wanted[name].shape
    ]
    if not notes:
        return []
    return [
        Diagnostic(
            "foreign-weights",
            f"{path} holds the weights of another network",
            notes=tuple(notes[:8]) + ((f"and {len(notes) - 8} more",) if len(notes) > 8 else ()),
            help=("load it into the network it was saved from",),
        )
    ]


def _shown(array: Array) -> str:
    return "x".join(map(str, array.shape))
