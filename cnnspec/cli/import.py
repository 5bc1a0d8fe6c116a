"""``cnnspec import``: a spec, and the weights, of what another program wrote."""

from __future__ import annotations

from pathlib import Path

import click

from cnnspec.cli.console import fail, show, write_result
from cnnspec.cli.spec import keep_files
from cnnspec.exchange import ORIGINS, imported, origin_of
from cnnspec.layers.base import Shape
from cnnspec.text import whole


def _shape(context: click.Context, parameter: click.Parameter, text: str | None) -> Shape | None:
    if text is None:
        return None
    sizes = tuple(whole(size) or 0 for size in text.replace("×", "x").split("x"))
    if not all(sizes):
        raise click.BadParameter(f'"{text}" is no shape such as 224x224x3', context, parameter)
    return sizes


@click.command("import")
@click.argument("file", type=click.Path(path_type=Path))
@click.option("-o", "--output", metavar="FILE", help="The spec to write; - prints it, without the weights.")
@click.option(
    "--input", "shape", metavar="HxWxC", callback=_shape,
    help="The input's shape, for a file that leaves it open: 224x224x3.",
)  # fmt: skip
@click.option("--force", is_flag=True, help="Write over files that are there.")
def command(file: Path, output: str | None, shape: Shape | None, force: bool) -> None:
    """Write FILE of another program as a spec, and its weights beside it as safetensors.

    Without -o the spec is NAME.cnn here. What cannot be said in a spec is named with the reason,
    nothing is written, and the exit code is 1.
    """
    if origin_of(file) is None:
        raise click.UsageError(f'"{file}" cannot be imported; files that can end in {", ".join(ORIGINS)}')
    try:
        found = imported(file, shape)
    except OSError as error:
        raise click.UsageError(f'"{file}" cannot be read: {error.strerror or error}') from error
    document = found.document(str(file))
    if document.failed:
        fail(document.diagnostics)
    show(document.diagnostics)
    place = output or f"{file.stem}.cnn"
    if Path(place).is_dir():
        raise click.UsageError(f'"{place}" is a folder; -o names the file of the spec')
    weights = None if place == "-" or not found.weights else Path(place).with_suffix(".safetensors")
    if weights and weights == Path(place):
        raise click.UsageError("-o names the spec; the weights go into a .safetensors file beside it")
    keep_files([place, *([str(weights)] if weights else [])], force)
    if weights and found.weights:
        from cnnspec.backends.weights import encode

        network = document.whole_network
        about = {"network": network.name, "format": "cnnspec/weights/1"}
        write_result(str(weights), encode(found.weights, about))
    write_result(place, found.text)
