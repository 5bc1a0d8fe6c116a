"""Networks from text and from files."""

from __future__ import annotations

import os
from collections.abc import Callable
from errno import EISDIR
from pathlib import Path

from cnnspec.diagnostics import Diagnostic, SpecError, nearest
from cnnspec.elaborate.spec import elaborate
from cnnspec.elaborate.uses import folder_reader
from cnnspec.network.graph import Network
from cnnspec.resources import example_names, example_path
from cnnspec.syntax.parse import parse_tolerant
from cnnspec.text import Source


def parse(text: str, *, name: str = "<inline>", read_use: Callable[[str], Source] | None = None) -> Network:
    """The network of a spec's text; ``name`` is what messages call it.

    Raises SpecError with every fault. ``read_use`` gives the files that ``use`` names.
    """
    tree, faults = parse_tolerant(Source(name, text))
    found = elaborate(tree, read_use=read_use, extra=faults)
    if found.has_errors or found.network is None:
        raise SpecError(found.diagnostics)
    return found.network


def load(path: str | os.PathLike[str]) -> Network:
    """The network of a spec file, of a run's folder, or of a shipped example by its name.

    ``use`` finds files beside it. Raises OSError where the file cannot be read, SpecError with every fault.
    """
    path = Path(path)
    if not path.exists() and str(path) in example_names():
        path = example_path(path.name)
    if path.is_dir():
        path = _spec_in(path)
    try:
        text = path.read_text(encoding="utf-8-sig")
    except UnicodeDecodeError as error:
        fault = Diagnostic("not-text", f"{path} is not text in UTF-8: {error.reason} at byte {error.start}")
        raise SpecError([fault]) from None
    except FileNotFoundError as error:
        raise FileNotFoundError(error.errno, _not_there(path), str(path)) from None
    return parse(text, name=str(path), read_use=folder_reader(path.parent))


def _spec_in(folder: Path) -> Path:
    """The spec that a training left in its folder."""
    spec = folder / "spec.cnn"
    if not spec.is_file():
        raise IsADirectoryError(EISDIR, f"this is a folder without a {spec.name}; name a spec", str(folder))
    return spec


def _not_there(path: Path) -> str:
    meant = nearest(path.stem, example_names())
    hint = f"did you mean {meant}?" if meant else "cnnspec.parse(text) reads a text"
    return f"there is no such file and no shipped example; {hint}"


def network_of(given: object) -> Network:
    """The network that a value means: itself, a text, or what ``load`` takes. Raises SpecError for others."""
    if isinstance(given, Network):
        return given
    if isinstance(given, str) and _is_text(given):
        return parse(given)
    if isinstance(given, str | os.PathLike):
        return load(given)
    raise SpecError(
        [
            Diagnostic(
                "not-a-network", f"a network is expected, not {type(given).__name__}",
                help=("cnnspec.parse(text) and cnnspec.load(path) give one",),
            )
        ]
    )  # fmt: skip


def _is_text(given: str) -> bool:
    """Whether a string is a spec and no path: it has several sentences, or an input with its size."""
    return any(mark in given for mark in ("\n", ";", "->")) or given.lstrip().startswith("input ")
