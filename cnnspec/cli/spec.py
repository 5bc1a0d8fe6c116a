"""SPEC on the command line: a path, ``-``, ``-e TEXT``, or the name of a shipped example."""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from math import isfinite
from pathlib import Path
from typing import TYPE_CHECKING, Any, NoReturn, TypeVar

import click

from cnnspec.cli.console import Console, stderr_console, stdout_console
from cnnspec.diagnostics import Diagnostic, Severity, nearest
from cnnspec.text import Source

if TYPE_CHECKING:
    from cnnspec.elaborate.spec import Elaborated
    from cnnspec.network.graph import Network
    from cnnspec.syntax.tree import Comment, Spec

__all__ = [
    "LARGEST", "Console", "Reading", "fail", "finite", "is_named", "load", "load_network", "meant", "read",
    "read_source", "shift", "show", "spec_argument", "stderr_console", "stdout_console",
]  # fmt: skip

LARGEST = 2_000_000
"""Bytes a spec may have; a long hand-written one has a few thousand."""

F = TypeVar("F", bound=Callable[..., Any])


def spec_argument(function: F) -> F:
    """Gives a command its SPEC: parameters ``spec`` and ``inline``, for ``load``."""
    function = click.option(
        "-e", "inline", metavar="TEXT", help='The spec itself, as in -e "input 7x7x1; conv 1 3x3".'
    )(function)
    return click.argument("spec", required=False)(function)


def shift(spec: str | None, inline: str | None, *following: str | None) -> tuple[str | None, ...]:
    """(spec, following…) where ``-e`` took the place of SPEC: the first argument is then the second's."""
    if inline is None or spec is None:
        return (spec, *following)
    given = [None, spec, *following]
    if given[-1] is not None:
        raise click.UsageError(f'there is one argument too many: "{given[-1]}" (SPEC was given with -e)')
    return tuple(given[:-1])


def finite(context: click.Context, parameter: click.Parameter, value: float | None) -> float | None:
    """For an option that is a number: neither infinite nor nan, which pass every comparison of a range."""
    if value is not None and not isfinite(value):
        raise click.BadParameter(f"{value} is no finite number", context, parameter)
    return value


@dataclass(frozen=True, slots=True)
class Reading:
    """A text, its tree, and what could be built of it."""

    source: Source
    tree: Spec
    elaborated: Elaborated

    @property
    def network(self) -> Network | None:
        """Whole, or built up to a failure; None when nothing could be."""
        return self.elaborated.network

    @property
    def comments(self) -> tuple[Comment, ...]:
        return self.tree.comments

    @property
    def diagnostics(self) -> tuple[Diagnostic, ...]:
        """Of reading and of building, sorted by place."""
        return self.elaborated.diagnostics

    @property
    def errors(self) -> tuple[Diagnostic, ...]:
        return tuple(item for item in self.diagnostics if item.severity is Severity.ERROR)

    @property
    def failed(self) -> bool:
        return self.network is None or bool(self.errors)


def read(spec: str | None, inline: str | None) -> Reading:
    """Reads a SPEC and builds as much of its network as fits."""
    from cnnspec.elaborate.spec import elaborate
    from cnnspec.elaborate.uses import folder_reader
    from cnnspec.syntax.parse import parse_tolerant

    source = read_source(spec, inline)
    tree, faults = parse_tolerant(source)
    found = elaborate(tree, read_use=folder_reader(_folder_of(source)), extra=faults)
    return Reading(source, tree, found)


def load(spec: str | None, inline: str | None) -> Elaborated:
    """The network with all diagnostics of reading and building it; the network may be partial or None."""
    return read(spec, inline).elaborated


def load_network(spec: str | None, inline: str | None) -> Network:
    """The network; leaves with the faults when there are errors, shows warnings otherwise."""
    found = load(spec, inline)
    if found.network is None or any(item.severity is Severity.ERROR for item in found.diagnostics):
        fail(found.diagnostics)
    show(found.diagnostics)
    return found.network


def show(diagnostics: Iterable[Diagnostic]) -> None:
    """Prints the diagnostics to stderr, if there are any."""
    items = tuple(diagnostics)
    if not items:
        return
    from cnnspec.views.terminal.messages import render_text

    console = stderr_console()
    console.print(render_text(items, color=console.color, width=console.width, unicode=console.unicode))


def fail(diagnostics: Iterable[Diagnostic]) -> NoReturn:
    """Prints the diagnostics to stderr and leaves with exit code 1."""
    show(diagnostics)
    raise click.exceptions.Exit(1)


def read_source(spec: str | None, inline: str | None) -> Source:
    """The text of a SPEC; a usage error (exit 2) says why it cannot be read."""
    if inline is not None:
        if spec is not None:
            raise click.UsageError(f'the spec is given twice: "{spec}" and -e')
        return Source("<inline>", _decode("-e", inline.encode("utf-8", "surrogateescape")))
    if spec is None:
        raise click.UsageError(
            'no SPEC given: a file, "-" for standard input, the name of an example '
            "(cnnspec examples lists them), or text with -e"
        )
    if spec == "-":
        if sys.stdin is None:
            raise click.UsageError("standard input is closed")
        return Source("<stdin>", _decode("standard input", sys.stdin.buffer.read(LARGEST + 1)))
    return _read_named(spec)


def is_named(spec: str) -> bool:
    """Whether a SPEC means something: a path that is there, standard input, a shipped example."""
    from cnnspec.resources import example_names

    return spec == "-" or Path(spec).exists() or spec.removesuffix(".cnn") in example_names()


def meant(spec: str) -> str | None:
    """What a SPEC that means nothing was most likely meant to be."""
    from cnnspec.resources import example_names

    return _nearest_spec(spec, example_names())


def _folder_of(source: Source) -> Path:
    return Path() if source.name.startswith("<") else Path(source.name).parent


def _read_named(spec: str) -> Source:
    path = Path(spec)
    if path.is_dir():
        raise click.UsageError(f'"{spec}" is a folder{_contents(path)}')
    if path.exists():
        return _read_file(spec, path)
    from cnnspec.resources import example_names, example_path

    name = spec.removesuffix(".cnn")
    if name in example_names():
        return _read_file(str(example_path(name)), example_path(name))
    raise click.UsageError(_not_found(spec, example_names()))


def _read_file(shown: str, path: Path) -> Source:
    try:
        with path.open("rb") as file:
            data = file.read(LARGEST + 1)
    except OSError as error:
        raise click.UsageError(f'"{shown}" cannot be read: {error.strerror or error}') from error
    return Source(shown, _decode(f'"{shown}"', data))


def _decode(what: str, data: bytes) -> str:
    try:
        return _text_of(what, data)
    except ValueError as error:
        raise click.UsageError(str(error)) from error


def _text_of(what: str, data: bytes) -> str:
    if len(data) > LARGEST:
        raise ValueError(f"{what} is larger than {LARGEST // 1_000_000} MB; a spec is a short text")
    if b"\0" in data:
        raise ValueError(f"{what} is not text: it holds binary data")
    try:
        return data.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        line = data.count(b"\n", 0, error.start) + 1
        byte = data[error.start]
        raise ValueError(
            f"{what} is not UTF-8: byte 0x{byte:02x} on line {line}; save the file as UTF-8"
        ) from error


def _contents(folder: Path) -> str:
    names = sorted(path.name for path in folder.glob("*.cnn"))
    if not names:
        return "; give a .cnn file"
    return f"; give one of its files: {', '.join(names[:8])}{', …' if len(names) > 8 else ''}"


def _not_found(spec: str, examples: Sequence[str]) -> str:
    if any(mark in spec for mark in (" ", ";", "->")) and "input" in spec:
        return f'there is no file "{spec}"; to give the spec itself, put -e before it'
    guess = _nearest_spec(spec, examples)
    hint = f'did you mean "{guess}"?' if guess else "cnnspec examples lists the shipped ones"
    return f'there is no file and no shipped example "{spec}"; {hint}'


def _nearest_spec(spec: str, examples: Sequence[str]) -> str | None:
    """The example, or the file in the same folder, that was most likely meant."""
    here = [path.name for path in Path(spec).parent.glob("*.cnn")] if Path(spec).parent.is_dir() else []
    guess = nearest(Path(spec).name, [*here, *examples])
    return str(Path(spec).parent / guess) if guess in here else guess
