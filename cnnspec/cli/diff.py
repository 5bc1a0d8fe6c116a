"""``cnnspec diff``: two networks, layer by layer, with totals."""

from __future__ import annotations

from typing import TYPE_CHECKING

import click

from cnnspec.cli.console import stdout_console
from cnnspec.cli.options import batch_option, format_option
from cnnspec.cli.spec import load_network

if TYPE_CHECKING:
    from cnnspec.analysis.report import Analysis


@click.command("diff")
@click.argument("specs", nargs=-1, metavar="A B")
@click.option("-e", "inline", multiple=True, metavar="TEXT", help="A spec itself; may be given twice.")
@format_option("text", "json")
@click.option("--all", "everything", is_flag=True, help="Show equal layers too.")
@batch_option()
@click.option("--exit-code", is_flag=True, help="Exit with code 1 if they differ.")
def command(
    specs: tuple[str, ...], inline: tuple[str, ...], form: str, everything: bool, batch: int, exit_code: bool
) -> int:
    """Compare the networks of A and B: layers aligned by name and structure.

    A and B are files or names of shipped examples; one of them may be - for standard input, and
    either may be given with -e.

    \b
    Examples:
      cnnspec diff resnet50 resnet50_paper
      cnnspec diff -e "input 28x28x16; conv 32 3x3" -e "input 28x28x16; depthwise 3x3; conv 32 1x1"
    """
    from cnnspec.analysis.compare import compare
    from cnnspec.views.terminal import comparison as view

    if len(specs) + len(inline) != 2:
        raise click.UsageError("two specs are compared: two of A, B and -e TEXT")
    if specs == ("-", "-"):
        raise click.UsageError("only one of A and B can be standard input")
    named = [_analysis(spec, None, batch) for spec in specs]
    found = compare(*named, *[_analysis(None, text, batch) for text in inline])
    console = stdout_console()
    if form == "json":
        console.print_json(view.document(found))
    else:
        console.print(view.render(found, terminal=console.terminal(), everything=everything))
    return 1 if exit_code and not found.is_same else 0


def _analysis(spec: str | None, text: str | None, batch: int) -> Analysis:
    from cnnspec.analysis.report import analyze

    return analyze(load_network(spec, text), batch=batch)
