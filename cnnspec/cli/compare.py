"""``cnnspec compare``: several networks side by side."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Any, TypeVar

import click

from cnnspec.cli.console import fail, show, stdout_console
from cnnspec.cli.options import batch_option, format_option
from cnnspec.cli.spec import read
from cnnspec.document import Document
from cnnspec.views.documents import TABLES

if TYPE_CHECKING:
    from cnnspec.network.graph import Network

F = TypeVar("F", bound=Callable[..., Any])


def specs_argument(function: F) -> F:
    """Gives a command one SPEC or several: parameters ``specs`` and ``inline``, for ``documents_of``."""
    option = click.option(
        "-e", "inline", multiple=True, metavar="TEXT",
        help='The spec itself, as in -e "input 7x7x1; conv 1 3x3"; may be given again.',
    )  # fmt: skip
    return click.argument("specs", nargs=-1, metavar="SPEC…")(option(function))


@click.command("compare")
@specs_argument
@format_option("table", "json", *TABLES)
@batch_option()
@click.option("--count-like", metavar="TOOL", default="cnnspec", help="Count multiplies as TOOL does.")
def command(specs: tuple[str, ...], inline: tuple[str, ...], form: str, batch: int, count_like: str) -> int:
    """Networks side by side: a line each, and in words which has how many times more.

    cnnspec diff compares two networks layer by layer.

    \b
    Examples:
      cnnspec compare lenet alexnet vgg16 googlenet resnet50
      cnnspec compare vgg16 resnet50 --format markdown
    """
    documents = documents_of(specs, inline)
    if len(documents) < 2:
        raise click.UsageError("name two networks or more to compare; cnnspec analyze shows one")
    return several(documents, form, batch=batch, convention=count_like)


def documents_of(specs: Sequence[str], inline: Sequence[str]) -> list[Document]:
    """Of the SPECs, then of the texts given with -e; one at least."""
    if not specs and not inline:
        read(None, None)
    if list(specs).count("-") > 1:
        raise click.UsageError("only one SPEC can be standard input")
    return [read(spec, None) for spec in specs] + [read(None, text) for text in inline]


def several(documents: Sequence[Document], form: str, **options: Any) -> int:
    """Prints documents side by side; leaves with the faults of those that have some."""
    from cnnspec.analysis.several import side_by_side
    from cnnspec.views import several as view

    try:
        found = side_by_side(whole(documents), **options)
    except ValueError as error:
        raise click.UsageError(str(error)) from error
    console = stdout_console()
    text = view.FORMS[form](found) if form in view.FORMS else view.render(found, terminal=console.terminal())
    console.print(text)
    return 0


def whole(documents: Sequence[Document]) -> list[tuple[str, Network]]:
    """The networks with their titles; leaves with the faults of any that has some."""
    faults = [fault for document in documents for fault in document.diagnostics]
    if any(document.failed for document in documents):
        fail(faults)
    show(faults)
    return [(document.title, document.network) for document in documents if document.network]
