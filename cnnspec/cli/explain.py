"""``cnnspec explain``: every number with its working."""

from __future__ import annotations

from typing import TYPE_CHECKING

import click

from cnnspec.cli.analyze import analysis_of, report_faults
from cnnspec.cli.console import stdout_console
from cnnspec.cli.options import Words, batch_option, format_option
from cnnspec.cli.spec import no_layer, read, shift, spec_argument

if TYPE_CHECKING:
    from cnnspec.analysis.report import Analysis, Row

TOPICS = ("shape", "params", "multiplies", "additions", "elementwise", "receptive-field", "memory")
FORMATS = ("text", "markdown", "latex", "json")


@click.command("explain")
@spec_argument
@click.argument("layer", required=False)
@click.option("--about", type=Words(TOPICS), multiple=True, help="Only this topic; may be repeated.")
@click.option("--as-dense", is_flag=True, help="Also what the same map would cost fully connected.")
@click.option("--fold/--no-fold", default=True, help="Show equal repeats once (the default), or all.")
@format_option(*FORMATS)
@batch_option()
@click.option("--exclude-padding", is_flag=True, help="Leave out multiplications by padding.")
def command(
    spec: str | None, layer: str | None, inline: str | None, about: tuple[str, ...], as_dense: bool,
    fold: bool, form: str, batch: int, exclude_padding: bool,
) -> int:  # fmt: skip
    """Every number with its working: the law, the numbers in, the result.

    LAYER is a layer's name, the end of one, a block's, or a word such as conv for all of its kind.

    \b
    Examples:
      cnnspec explain -e "input 32x32x3; conv 16 3x3 padding=same"
      cnnspec explain lenet conv2 --about params
      cnnspec explain vgg16 --about receptive-field
    """
    spec, layer = shift(spec, inline, layer)
    document = read(spec, inline)
    analysis = analysis_of(document, batch=batch, exclude_padding=exclude_padding)
    if analysis is not None and not (document.failed and layer and not analysis.named(layer)):
        rows = rows_of(analysis, layer) if layer else analysis.rows
        stdout_console().print(_page(analysis, rows, about, as_dense, fold and not layer, form))
    report_faults(document, None)
    return 1 if document.failed else 0


def rows_of(analysis: Analysis, name: str) -> tuple[Row, ...]:
    """The layer of this name, those inside the block of this name, those whose names end so, or of a kind."""
    found = analysis.named(name)
    if not found:
        raise click.UsageError(no_layer(name, [row.name for row in analysis.rows]))
    return found


def _page(
    analysis: Analysis, rows: tuple[Row, ...], about: tuple[str, ...], dense: bool, fold: bool, form: str
) -> str:
    from cnnspec.views.documents import explain as pages
    from cnnspec.views.terminal import explain
    from cnnspec.views.workings import board

    for_programs = form == "json"
    said = board(analysis, rows, about, dense=dense, brief=not for_programs, folded=fold and not for_programs)
    if form == "text":
        return explain.render(said, stdout_console().terminal())
    return {"json": pages.as_json, "markdown": pages.as_markdown, "latex": pages.as_latex}[form](said)
