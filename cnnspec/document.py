"""One text with all that is known of it: where the command line, ``load`` and ``parse`` begin.

Each part is computed when it is first asked for, and as far as the text allows: a spec
with errors still has a tree, the layers that could be built, and diagnostics.
"""

from __future__ import annotations

import os
import re
from collections.abc import Callable, Mapping
from errno import EISDIR, ENOENT
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

from cnnspec.diagnostics import Diagnostic, Severity, SpecError, nearest
from cnnspec.files import LARGEST, decoded, opened
from cnnspec.records import single_record
from cnnspec.resources import example_names, example_path
from cnnspec.text import Source, Span
from cnnspec.upward import upward

if TYPE_CHECKING:
    from cnnspec.analysis.report import Analysis
    from cnnspec.elaborate.spec import Elaborated
    from cnnspec.network.graph import Network
    from cnnspec.syntax.tree import Spec

RUN_SPEC: Final = "spec.cnn"
"""The spec that a training leaves in the folder of its run."""
SPEC_ENDINGS: Final = ("", ".cnn", ".txt")
"""Endings that no other program's files have."""


_PART: Final = re.compile(r"(.*\.(?:py|ipynb))(?::[\w.]+)?(?:@\d+(?:x\d+)*)?", re.DOTALL)
"""A file of code, and behind it the model that is meant, and its input: ``lecture.py:Net@28x28x1``."""


def file_of(path: str | os.PathLike[str]) -> Path:
    """The file that a path names, without the part of it that is meant."""
    part = _PART.fullmatch(str(path))
    return Path(part[1]) if part else Path(path)


@single_record
class Document:
    """A spec's text, its tree, its network and what is to be said of it.

    ``read_use`` gives the files that ``use`` names, by their path from the spec's folder;
    None for a text that lies in no folder.
    """

    source: Source
    read_use: Callable[[str], Source] | None = None
    weights: Mapping[str, Any] | None = None
    """The weights that came with it, where it was read from another program's file."""
    remarks: tuple[Diagnostic, ...] = ()
    """What was noticed while it was read from such a file."""

    @classmethod
    def from_bytes(cls, data: bytes, name: str, folder: Path, called: str | None = None) -> Document:
        """Of a file's content or of standard input; ``use`` finds files in ``folder``.

        ``name`` is what messages call it, ``called`` what they call it where it is no text.
        Raises SpecError for what is no text in UTF-8, or larger than ``LARGEST``.
        """
        from cnnspec.elaborate.uses import folder_reader

        return cls(Source(name, decoded(data, called or f'"{name}"')), folder_reader(folder))

    @classmethod
    def from_file(cls, path: Path, name: str | None = None) -> Document:
        """Of a spec file, or of another program's that can be imported.

        Raises OSError where it cannot be read, SpecError where it is no text.
        """
        if path.suffix.lower() not in SPEC_ENDINGS:
            found: Document | None = upward("foreign_document")(path, name or str(path))
            if found is not None:
                return found
        with opened(path) as file:
            data = file.read(LARGEST + 1)
        return cls.from_bytes(data, name or str(path), path.parent)

    @classmethod
    def from_path(cls, path: str | os.PathLike[str]) -> Document:
        """Of a spec file, of a run's folder, or of a shipped example by its name.

        Raises OSError where there is none, SpecError where it is no text.
        """
        path = Path(path)
        if not path.exists() and str(path) in example_names():
            path = example_path(path.name)
        if path.is_dir():
            path = _spec_in(path)
        if not file_of(path).exists():
            raise FileNotFoundError(ENOENT, _not_there(path), str(path))
        return cls.from_file(path)

    @classmethod
    def of(cls, given: str | os.PathLike[str]) -> Document:
        """Of a spec's text, or of what ``from_path`` takes; raises as that does."""
        if isinstance(given, str) and _is_text(given):
            return cls(Source("<inline>", given))
        return cls.from_path(given)

    # What is known of it -----------------------------------------------------------

    @cached_property
    def _read(self) -> tuple[Spec, tuple[Diagnostic, ...]]:
        from cnnspec.syntax.parse import parse_tolerant

        return parse_tolerant(self.source)

    @property
    def tree(self) -> Spec:
        """The statements that could be read."""
        return self._read[0]

    @property
    def syntax_errors(self) -> tuple[Diagnostic, ...]:
        return self._read[1]

    @cached_property
    def _built(self) -> tuple[Elaborated, dict[str, str]]:
        from cnnspec.elaborate.spec import elaborate

        used: dict[str, str] = {}

        def keep(name: str) -> Source:
            assert self.read_use is not None
            source = self.read_use(name)
            used[name] = source.text
            return source

        read = keep if self.read_use else None
        return elaborate(self.tree, read_use=read, extra=self.syntax_errors), used

    @property
    def elaborated(self) -> Elaborated:
        return self._built[0]

    @property
    def used(self) -> dict[str, str]:
        """The texts of the files it uses, by the names it uses them under."""
        return self._built[1]

    @property
    def network(self) -> Network | None:
        """Whole, or built up to a failure; None when nothing could be."""
        return self.elaborated.network

    @property
    def unknowns(self) -> tuple[Span, ...]:
        """The places of every ``?`` that no claim of its own layer decides."""
        return self.elaborated.unsolved

    @cached_property
    def diagnostics(self) -> tuple[Diagnostic, ...]:
        """Of reading and of building it, sorted by place; what its comments allow is left out."""
        from cnnspec.analysis.silence import silence

        return (*silence(self.elaborated.diagnostics), *self.remarks)

    @property
    def errors(self) -> tuple[Diagnostic, ...]:
        return tuple(item for item in self.diagnostics if item.severity is Severity.ERROR)

    @property
    def failed(self) -> bool:
        return self.network is None or bool(self.errors)

    @property
    def whole_network(self) -> Network:
        """The network; raises SpecError with every fault where there are errors."""
        if self.network is None or self.errors:
            raise SpecError(self.diagnostics)
        return self.network

    def analyze(self, **options: Any) -> Analysis | None:
        """The analysis of what could be built, with the options of ``analysis.report.analyze``."""
        from cnnspec.analysis.report import analyze

        return None if self.network is None else analyze(self.network, **options)

    @cached_property
    def analysis(self) -> Analysis | None:
        """The analysis with the usual options; None when nothing could be built."""
        return self.analyze()

    @cached_property
    def findings(self) -> tuple[Diagnostic, ...]:
        """All that is to be said, sorted by place; advice and budgets when the network is whole."""
        if self.failed or self.analysis is None:
            return self.diagnostics
        together = dict.fromkeys((*self.diagnostics, *self.analysis.findings))
        return tuple(sorted(together, key=lambda item: item.sort_key))

    @property
    def title(self) -> str:
        """The network's name, or the file's."""
        return (self.network.name if self.network else "") or self.stem

    @property
    def stem(self) -> str:
        """What a file made of it is called: the spec's name without its ending."""
        return "network" if self.source.name.startswith("<") else Path(self.source.name).stem

    def formatted(self, expand: bool = False) -> str:
        """The text in its usual form; ``expand`` spells out every default.

        Raises SpecError when it cannot be read.
        """
        from cnnspec.syntax.format import format_source

        if not expand or self.syntax_errors:
            return format_source(self.source)
        from cnnspec.elaborate.defaults import spelled_by

        return format_source(self.source, spelled_by(self.tree))


# Networks ------------------------------------------------------------------------


def parse(text: str, *, name: str = "<inline>", read_use: Callable[[str], Source] | None = None) -> Network:
    """The network of a spec's text; ``name`` is what messages call it.

    Raises SpecError with every fault. ``read_use`` gives the files that ``use`` names.
    """
    return Document(Source(name, text), read_use).whole_network


def load(path: str | os.PathLike[str]) -> Network:
    """The network of a spec file, of a run's folder, or of a shipped example by its name.

    ``use`` finds files beside it. Raises OSError where the file cannot be read, SpecError with every fault.
    """
    return Document.from_path(path).whole_network


def network_of(given: object) -> Network:
    """The network that a value means: itself, a text, or what ``load`` takes. Raises SpecError for others."""
    from cnnspec.network.graph import Network

    if isinstance(given, Network):
        return given
    if isinstance(given, str | os.PathLike):
        return Document.of(given).whole_network
    raise SpecError(
        [
            Diagnostic(
                "not-a-network",
                f"a network is expected, not {type(given).__name__}",
                help=("cnnspec.parse(text) and cnnspec.load(path) give one",),
            )
        ]
    )


def _is_text(given: str) -> bool:
    """Whether a string is a spec and no path: it has several sentences, or an input with its size."""
    return any(mark in given for mark in ("\n", ";", "->")) or given.lstrip().startswith("input ")


# Files ---------------------------------------------------------------------------


def run_spec(folder: Path) -> Path | None:
    """The spec in the folder of a run, or of the first of several seeds; None where there is none."""
    found = [folder / RUN_SPEC, *sorted(folder.glob(f"seed-*/{RUN_SPEC}"))]
    return next((spec for spec in found if spec.is_file()), None)


def _spec_in(folder: Path) -> Path:
    spec = run_spec(folder)
    if spec is None:
        raise IsADirectoryError(EISDIR, f"this is a folder without a {RUN_SPEC}; name a spec", str(folder))
    return spec


def _not_there(path: Path) -> str:
    meant = nearest(path.stem, example_names())
    hint = f"did you mean {meant}?" if meant else "cnnspec.parse(text) reads a text"
    return f"there is no such file and no shipped example; {hint}"
