"""Networks from text and from files."""

from __future__ import annotations

import os
from collections.abc import Callable
from pathlib import Path

from cnnspec.diagnostics import Diagnostic, SpecError
from cnnspec.network.elaborate import elaborate
from cnnspec.network.graph import Network
from cnnspec.network.uses import folder_reader
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
    """The network of a spec file, or of a shipped example by its name; ``use`` finds files beside it.

    Raises OSError where the file cannot be read, SpecError with every fault.
    """
    path = Path(path)
    if not path.exists() and path.name in example_names() and path.name == str(path):
        path = example_path(path.name)
    try:
        text = path.read_text(encoding="utf-8-sig")
    except UnicodeDecodeError as error:
        fault = Diagnostic("not-text", f"{path} is not text in UTF-8: {error.reason} at byte {error.start}")
        raise SpecError([fault]) from None
    return parse(text, name=str(path), read_use=folder_reader(path.parent))
