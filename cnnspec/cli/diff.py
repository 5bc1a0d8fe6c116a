"""``cnnspec diff``: two networks, layer by layer, with totals."""

from __future__ import annotations

from typing import TYPE_CHECKING

import click

from cnnspec.cli.spec import load_network, stdout_console

if TYPE_CHECKING:
    from cnnspec.analysis.report import Analysis


@click.command("diff")
@click.argument("before", metavar="A")
@click.argument("after", metavar="B")
@click.option("--format", "form", type=click.Choice(("text", "json")), default="text", help="What to print.")
@click.option("--all", "everything", is_flag=True, help="Show equal layers too.")
@click.option(
    "--batch", type=click.IntRange(1, 1_000_000_000), default=1, metavar="N", help="Samples in a batch."
)
@click.option("--exit-code", is_flag=True, help="Leave with 1 when they differ.")
def command(before: str, after: str, form: str, everything: bool, batch: int, exit_code: bool) -> int:
    """Compare the networks of A and B: layers aligned by name and structure.

    A and B are files or names of shipped examples; one of them may be - for standard input.
    """
    from cnnspec.analysis.compare import compare
    from cnnspec.views import comparison as view
    from cnnspec.views.paint import Paper

    if before == after == "-":
        raise click.UsageError("only one of A and B can be standard input")
    found = compare(_analysis(before, batch), _analysis(after, batch))
    console = stdout_console()
    if form == "json":
        console.print(view.to_json(found))
    else:
        paper = Paper(console.width, console.color, console.unicode)
        console.print(view.render(found, paper=paper, everything=everything))
    return 1 if exit_code and not found.is_same else 0


def _analysis(spec: str, batch: int) -> Analysis:
    from cnnspec.analysis.report import analyze

    return analyze(load_network(spec, None), batch=batch)
