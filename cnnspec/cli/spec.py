"""SPEC on the command line: a path, ``-``, ``-e TEXT``, or the name of a shipped example."""

from __future__ import annotations

import sys
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final, TypeVar

import click

from cnnspec.cli.console import fail, show
from cnnspec.diagnostics import SpecError, nearest, suggestion
from cnnspec.document import SPEC_ENDINGS, Document, file_of, run_spec
from cnnspec.files import LARGEST
from cnnspec.resources import example_names, example_path

if TYPE_CHECKING:
    from cnnspec.network.graph import Network

MOST_FILES: Final = 10_000
F = TypeVar("F", bound=Callable[..., Any])


def spec_argument(function: F) -> F:
    """Gives a command its SPEC: parameters ``spec`` and ``inline``, for ``read``."""
    function = click.option(
        "-e", "inline", metavar="TEXT", help='The spec itself, as in -e "input 7x7x1; conv 1 3x3".'
    )(function)
    return click.argument("spec", required=False)(function)


def specs_argument(function: F) -> F:
    """Gives a command one SPEC or several: parameters ``specs`` and ``inline``, for ``documents_of``."""
    option = click.option(
        "-e", "inline", multiple=True, metavar="TEXT",
        help='A spec itself, as in -e "input 7x7x1; conv 1 3x3"; may be given again.',
    )  # fmt: skip
    return click.argument("specs", nargs=-1, metavar="SPEC…")(option(function))


def documents_of(specs: Sequence[str], inline: Sequence[str], folders: bool = False) -> list[Document]:
    """Of the SPECs, then of the texts given with -e; one at least.

    With ``folders`` a folder that is no run's stands for all specs in it.
    """
    if not specs and not inline:
        read(None, None)
    if list(specs).count("-") > 1:
        raise click.UsageError("only one SPEC can be standard input")
    files = [each for spec in specs for each in (_within(spec) if folders else [spec])]
    return [read(spec, None) for spec in files] + [read(None, text) for text in inline]


def whole(documents: Sequence[Document]) -> list[tuple[str, Network]]:
    """The networks with their titles; leaves with the faults of any that has some."""
    faults = [fault for document in documents for fault in document.diagnostics]
    if any(document.failed for document in documents):
        fail(faults)
    show(faults)
    return [(document.title, document.network) for document in documents if document.network]


def shift(spec: str | None, inline: str | None, *following: str | None) -> tuple[str | None, ...]:
    """(spec, following…) where ``-e`` took the place of SPEC: the first argument is then the second's."""
    if inline is None or spec is None:
        return (spec, *following)
    given = [None, spec, *following]
    if given[-1] is not None:
        raise click.UsageError(f'there is one argument too many: "{given[-1]}" (SPEC was given with -e)')
    return tuple(given[:-1])


def read(spec: str | None, inline: str | None) -> Document:
    """The document of a SPEC; a usage error (exit 2) says why it cannot be read.

    Raises SpecError for another program's file that cannot be imported.
    """
    try:
        return document_of(spec, inline)
    except SpecError as error:
        if Path(spec or "").suffix.lower() not in SPEC_ENDINGS:
            raise
        raise click.UsageError(error.diagnostics[0].message) from error


def load_network(spec: str | None, inline: str | None) -> Network:
    """The network; leaves with the faults when there are errors, shows warnings otherwise."""
    return network_of(read(spec, inline))


def network_of(document: Document) -> Network:
    """The network of a document; leaves and shows as ``load_network`` does."""
    if document.network is None or document.failed:
        fail(document.diagnostics)
    show(document.diagnostics)
    return document.network


def keep_spec(document: Document, target: str, what: str) -> None:
    """Leaves where a result would be written over the spec it is made of."""
    name = document.source.name
    if not name.startswith("<") and Path(target).exists() and file_of(name).samefile(target):
        raise click.UsageError(f'the {what} would overwrite the spec "{name}"; name another file with -o')


def keep_files(places: list[str], force: bool) -> None:
    """Leaves where a file would be lost."""
    there = [place for place in places if place != "-" and Path(place).is_file()]
    if there and not force:
        raise click.UsageError(f'"{there[0]}" is there; --force writes over it, -o names another')


def document_of(spec: str | None, inline: str | None) -> Document:
    """Like ``read``; raises SpecError for what is no text."""
    if inline is not None:
        if spec is not None:
            hint = f'; quotes keep it together: -e "{inline} {spec}; …"' if inline == "input" else ""
            raise click.UsageError(f'the spec is given twice: "{spec}" and -e{hint}')
        return Document.from_bytes(inline.encode("utf-8", "surrogateescape"), "<inline>", Path(), "-e")
    if spec is None:
        raise click.UsageError(
            'no SPEC given: a file, "-" for standard input, the name of an example '
            "(cnnspec examples lists them), or text with -e"
        )
    if spec == "-":
        if sys.stdin is None:
            raise click.UsageError("standard input is closed")
        return Document.from_bytes(sys.stdin.buffer.read(LARGEST + 1), "<stdin>", Path(), "standard input")
    path = Path(spec)
    if path.is_dir():
        if (inside := run_spec(path)) is None:
            raise click.UsageError(f'"{spec}" is a folder{_contents(path)}')
        return _of_file(inside, str(inside))
    if file_of(path).exists():
        return _of_file(path, spec)
    name = spec.removesuffix(".cnn")
    if name in example_names():
        return _of_file(example_path(name), str(example_path(name)))
    raise click.UsageError(_not_found(spec))


def _of_file(path: Path, name: str) -> Document:
    try:
        return Document.from_file(path, name)
    except OSError as error:
        raise click.UsageError(f'"{name}" cannot be read: {error.strerror or error}') from error


def is_named(spec: str) -> bool:
    """Whether a SPEC means something: a path that is there, standard input, a shipped example."""
    return spec == "-" or file_of(spec).exists() or spec.removesuffix(".cnn") in example_names()


def meant(spec: str) -> str | None:
    """The example, or the file in the same folder, that a SPEC which is not there most likely means."""
    here = [path.name for path in Path(spec).parent.glob("*.cnn")] if Path(spec).parent.is_dir() else []
    guess = nearest(Path(spec).name, [*here, *example_names()])
    return str(Path(spec).parent / guess) if guess in here else guess


def no_layer(name: str, known: Sequence[str]) -> str:
    """That a network has no layer of this name, with the nearest one or those that there are."""
    from cnnspec.layers.registry import SYNONYMS

    some = ", ".join(known[:8]) + (", …" if len(known) > 8 else "")
    word = name.rstrip("0123456789").lower()
    meant = SYNONYMS.get(word, word) + name[len(word) :]
    return f'there is no layer "{name}"; {suggestion(meant, known, f"there are {some}")}'


def _within(spec: str) -> list[str]:
    """The spec itself; of a folder that is no run's, the specs in it and in those within it."""
    folder = Path(spec)
    if not folder.is_dir() or run_spec(folder) is not None:
        return [spec]
    found = sorted(path for path in folder.rglob("*.cnn") if path.is_file())
    if not found:
        raise click.UsageError(f'the folder "{folder}" has no .cnn files')
    if len(found) > MOST_FILES:
        raise click.UsageError(f'the folder "{folder}" has more than {MOST_FILES:,} .cnn files')
    return list(map(str, found))


def _contents(folder: Path) -> str:
    names = sorted(path.name for path in folder.glob("*.cnn"))
    if not names:
        return "; give a .cnn file"
    return f"; give one of its files: {', '.join(names[:8])}{', …' if len(names) > 8 else ''}"


def _is_layer(spec: str) -> bool:
    """Whether a layer stands where SPEC should, for a command that takes one behind it."""
    from cnnspec.layers.registry import LAYERS

    takes = {one.name for one in click.get_current_context().command.params}
    return "layer" in takes and spec.rpartition(".")[2].rstrip("0123456789") in LAYERS


def _not_found(spec: str) -> str:
    if any(mark in spec for mark in (" ", ";", "->")) and "input" in spec:
        return f'there is no file "{spec}"; to give the spec itself, put -e before it'
    if spec in ("and", "or", "vs", "with"):
        return f'there is no network "{spec}": names stand side by side, as in cnnspec compare lenet vgg16'
    if _is_layer(spec):
        verb = click.get_current_context().info_name
        told = f"the network comes first: cnnspec {verb} lenet {spec}"
        return f'there is no file and no shipped example "{spec}"; {told}'
    guess = meant(spec)
    hint = f'did you mean "{guess}"?' if guess else "cnnspec examples lists the shipped ones"
    return f'there is no file and no shipped example "{spec}"; {hint}'
