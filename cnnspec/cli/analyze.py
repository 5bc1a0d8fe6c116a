"""``cnnspec analyze``: the table of a network, or the same numbers as JSON, CSV, Markdown, LaTeX."""

from __future__ import annotations

import json
from importlib import import_module
from typing import TYPE_CHECKING, Any

import click

from cnnspec.cli.console import Console, show, stderr_console, stdout_console
from cnnspec.cli.options import batch_option, format_option
from cnnspec.cli.spec import documents_of, specs_argument
from cnnspec.diagnostics import Diagnostic, Severity, suggestion
from cnnspec.views.documents import TABLES

if TYPE_CHECKING:
    from cnnspec.analysis.report import Analysis
    from cnnspec.document import Document


@click.command("analyze")
@specs_argument
@format_option("table", "json", *TABLES)
@batch_option()
@click.option("--columns", metavar="A,B,…", help="Columns by name; --columns list tells which there are.")
@click.option("--fold/--no-fold", default=True, help="Show equal repeats once, as ×N (the default), or all.")
@click.option(
    "--depth",
    type=click.IntRange(0),
    metavar="N",
    help="Show blocks N levels deep; sum up what is deeper.",
)
@click.option(
    "--only", metavar="PATH", help="Only one figure of the JSON, such as params or layers.conv1.output."
)
@click.option(
    "--count-like", metavar="TOOL", default="cnnspec", help="Count multiplies and flops as TOOL does."
)
@click.option(
    "--optimizer",
    metavar="NAME",
    help="The optimizer whose state is counted in training memory, such as adam; a wrong name lists all.",
)
@click.option("--exclude-padding", is_flag=True, help="Leave out multiplications by padding.")
def command(
    specs: tuple[str, ...], inline: tuple[str, ...], form: str, batch: int, columns: str | None, fold: bool,
    depth: int | None, only: str | None, count_like: str, optimizer: str | None, exclude_padding: bool,
) -> int:  # fmt: skip
    """Shapes, parameters, multiplies and receptive field of every layer.

    Several networks are shown side by side, as cnnspec compare does.

    \b
    Examples:
      cnnspec analyze lenet
      cnnspec analyze -e "input 7x7x1; conv 1 3x3 stride=2"
      cnnspec analyze resnet50 --depth 1
      cnnspec analyze net.cnn --columns layer,output,memory --batch 32
      cnnspec analyze net.cnn --only params
    """
    if columns == "list":
        return _list_columns(stdout_console())
    chosen = _columns(columns)
    options: dict[str, Any] = {
        "batch": batch,
        "convention": count_like,
        "exclude_padding": exclude_padding,
        "optimizer": optimizer and optimizer.lower(),
    }
    documents = documents_of(specs, inline)
    if len(documents) > 1:
        if chosen or only or depth is not None:
            raise click.UsageError("--columns, --only and --depth are for one network")
        from cnnspec.cli.compare import several

        return several(documents, form, **options)
    (document,) = documents
    analysis = analysis_of(document, **options)
    if only:
        return _print_only(analysis, document, only)
    if form == "json":
        from cnnspec.views.documents import as_json

        stdout_console().print(as_json.render(analysis, document.diagnostics))
        return 1 if document.failed else 0
    if analysis is not None:
        stdout_console().print(_page(analysis, form, chosen, fold, depth, document.errors))
    report_faults(document, analysis)
    return 1 if document.failed else 0


def analysis_of(document: Document, **options: Any) -> Analysis | None:
    """The analysis of what could be built; None when that is nothing."""
    try:
        return document.analyze(**options)
    except ValueError as error:
        raise click.UsageError(str(error)) from error


def report_faults(document: Document, analysis: Analysis | None) -> None:
    """Errors and warnings in full on stderr, and how many notes there are."""
    found = dict.fromkeys((*document.diagnostics, *(analysis.diagnostics if analysis else ())))
    show(item for item in found if item.severity is not Severity.NOTE)
    notes = sum(item.severity is Severity.NOTE for item in found)
    if notes and not document.failed:
        stderr_console().say(
            f"{notes} note{'s' if notes > 1 else ''}: cnnspec check shows {'them' if notes > 1 else 'it'}"
        )


def _page(
    analysis: Analysis, form: str, columns: tuple[str, ...], fold: bool, depth: int | None,
    failures: tuple[Diagnostic, ...],
) -> str:  # fmt: skip
    if form in TABLES:
        text: str = import_module(TABLES[form]).render(analysis, columns, folded=fold)
        return text
    from cnnspec.views.terminal import table

    terminal = stdout_console().terminal()
    return table.render(
        analysis, terminal=terminal, columns=columns, folded=fold, depth=depth, failures=failures
    )


def _columns(text: str | None) -> tuple[str, ...]:
    from cnnspec.views.terminal.columns import choose

    names = tuple(name.strip() for name in (text or "").split(",") if name.strip())
    try:
        choose(names)
    except ValueError as error:
        raise click.BadParameter(str(error), param_hint="--columns") from error
    return names


def _list_columns(console: Console) -> int:
    from cnnspec.views.terminal.columns import FIGURES
    from cnnspec.views.terminal.paint import listed

    meanings = {figure.key: figure.meaning for figure in FIGURES.values()}
    console.print("\n".join(listed(meanings, console.terminal())))
    return 0


def _print_only(analysis: Analysis | None, document: Document, path: str) -> int:
    """One figure, bare, for scripts; a network that does not fit has none."""
    from cnnspec.views.documents import as_json

    if analysis is None or document.failed:
        show(document.errors)
        return 1
    try:
        part = as_json.only(analysis, f"layers.{path}" if path.split(".")[0] in analysis.by_name else path)
    except KeyError as error:
        word, known = error.args
        hint = suggestion(word, known, f"there is {', '.join(known) or 'nothing below'}")
        raise click.BadParameter(f'nothing is called "{word}" there; {hint}', param_hint="--only") from error
    stdout_console().print(part if isinstance(part, str) else json.dumps(part, ensure_ascii=False))
    return 0
