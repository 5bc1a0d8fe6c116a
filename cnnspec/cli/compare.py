"""``cnnspec compare``: several networks side by side."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import click

from cnnspec.cli.console import stdout_console
from cnnspec.cli.options import batch_option, format_option
from cnnspec.cli.spec import documents_of, specs_argument, whole
from cnnspec.document import Document
from cnnspec.views.documents import TABLES


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
