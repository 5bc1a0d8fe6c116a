"""``cnnspec diff``: two networks, layer by layer, with totals."""

from __future__ import annotations

import click

from cnnspec.cli.console import stdout_console
from cnnspec.cli.options import batch_option, format_option
from cnnspec.cli.spec import documents_of, specs_argument, whole


@click.command("diff")
@specs_argument
@format_option("text", "json")
@click.option("--all", "everything", is_flag=True, help="Show equal layers too.")
@batch_option()
@click.option("--exit-code", is_flag=True, help="Exit with code 1 if they differ.")
def command(
    specs: tuple[str, ...], inline: tuple[str, ...], form: str, everything: bool, batch: int, exit_code: bool
) -> int:
    """Compare two networks: layers aligned by name and structure.

    SPEC is a file or the name of a shipped example; one may be - for standard input, and either may be
    given with -e.

    \b
    Examples:
      cnnspec diff resnet50 resnet50_paper
      cnnspec diff -e "input 28x28x16; conv 32 3x3" -e "input 28x28x16; depthwise 3x3; conv 32 1x1"
    """
    from cnnspec.analysis.compare import compare
    from cnnspec.analysis.report import analyze
    from cnnspec.views.terminal import comparison as view

    if len(specs) + len(inline) != 2:
        raise click.UsageError("two specs are compared: SPEC SPEC, or text with -e")
    found = compare(*(analyze(network, batch=batch) for _, network in whole(documents_of(specs, inline))))
    console = stdout_console()
    if form == "json":
        console.print_json(view.document(found))
    else:
        console.print(view.render(found, terminal=console.terminal(), everything=everything))
    return 1 if exit_code and not found.is_same else 0
