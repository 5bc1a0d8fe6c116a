"""``cnnspec field``: which input pixels one unit sees."""

from __future__ import annotations

import click

from cnnspec.cli.analyze import report_faults
from cnnspec.cli.console import fail, stdout_console
from cnnspec.cli.options import format_option
from cnnspec.cli.spec import read, shift, spec_argument
from cnnspec.diagnostics import LayerError


@click.command("field")
@spec_argument
@click.argument("layer", required=False)
@click.option("--at", metavar="R,C", help="The unit's row and column, from 0; the middle one unless given.")
@format_option("text", "json")
def command(spec: str | None, inline: str | None, layer: str | None, at: str | None, form: str) -> int:
    """The input rows and columns that one unit of LAYER sees: of the last map, unless LAYER says."""
    from cnnspec.analysis.field import field
    from cnnspec.layers.base import spatial
    from cnnspec.views.terminal import field as pixels

    spec, layer = shift(spec, inline, layer)
    document = read(spec, inline)
    network = document.network
    if network and layer is None:
        maps = [node.name for node in network.nodes if spatial(node.output)]
        layer = maps[-1] if maps else network.nodes[-1].name
    if network is None or layer is None or (document.failed and layer not in network.by_name):
        fail(document.diagnostics)
    node = network.by_name.get(layer)
    middle = tuple(size // 2 for size in spatial(node.output)) if node else ()
    console = stdout_console()
    try:
        found = field(network, layer, _place(at) if at is not None else middle)
        if form == "json":
            console.print(pixels.to_json(found))
        else:
            console.print(pixels.render(found, terminal=console.terminal()))
    except LayerError as error:
        fail([error.at(node.span if node else None)])
    report_faults(document, None)
    return 1 if document.failed else 0


def _place(text: str) -> tuple[int, ...]:
    try:
        return tuple(int(part) for part in text.strip("()[] ").replace("x", ",").split(","))
    except ValueError:
        raise click.BadParameter(f'"{text}" is not a place such as 3,4', param_hint="--at") from None
