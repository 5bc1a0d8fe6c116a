"""``cnnspec export``: the network as a file or as code of another program."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from cnnspec.cli.console import stderr_console, write_result
from cnnspec.cli.options import Words
from cnnspec.cli.spec import keep_files, keep_spec, network_of, read, spec_argument
from cnnspec.exchange import TARGETS
from cnnspec.exchange.trade import Target, require

if TYPE_CHECKING:
    from cnnspec.document import Document
    from cnnspec.network.graph import Network


@click.command("export")
@spec_argument
@click.option("--to", type=Words(list(TARGETS)), help="What to write; the ending of -o says it as well.")
@click.option("-o", "--output", metavar="FILE", help="The file to write; - is standard output.")
@click.option(
    "--weights", metavar="W",
    help="A safetensors file or a run's folder; without it, those of SPEC, or fresh ones.",
)  # fmt: skip
@click.option("--seed", type=click.IntRange(0), default=0, show_default=True, help="Of fresh weights.")
@click.option("--force", is_flag=True, help="Write over a file that is there.")
def command(
    spec: str | None, inline: str | None, to: str | None, output: str | None, weights: str | None,
    seed: int, force: bool,
) -> None:  # fmt: skip
    """Write SPEC for another program; SPEC as a run's folder has its weights too.

    \b
    Examples:
      cnnspec export lenet --to onnx
      cnnspec export lenet --to onnx --weights runs/LeNet5/weights.safetensors -o lenet.onnx

    Without -o the file is NAME here, with the format's ending; a file that is there and says something else
    stays unless --force is given. A layer that the format cannot say is
    named with the reason, nothing is written, and the exit code is 1.
    """
    target = _target(to, output)
    require(f"writing {target.title}", target.module, target.extra)
    document = read(spec, inline)
    network = network_of(document)
    place = output or f"{document.stem}{target.suffix}"
    keep_spec(document, place, "export")
    arrays = _arrays(document, network, _given(spec, weights), seed) if target.has_weights else {}
    written = target.write(network, arrays, "" if document.used else document.source.text)
    if not _is_there(place, written):
        keep_files([place], force)
    write_result(place, written)


def _is_there(place: str, written: bytes | str) -> bool:
    """Whether the file holds just that, so that nothing of it can be lost."""
    data = written.encode() if isinstance(written, str) else written
    there = Path(place)
    return (
        place != "-" and there.is_file() and there.stat().st_size == len(data) and there.read_bytes() == data
    )


def _target(to: str | None, output: str | None) -> Target:
    """The one that is named, or the only one whose files end so."""
    if to is not None:
        return TARGETS[to]
    suffix = Path(output or "").suffix.lower()
    found = [target for target in TARGETS.values() if suffix and target.suffix == suffix]
    if len(found) == 1:
        return found[0]
    raise click.UsageError(f"say what to write: --to {' or --to '.join(TARGETS)}")


def _given(spec: str | None, weights: str | None) -> str | None:
    """Where the weights are: what is said, or the run that SPEC is."""
    from cnnspec.training.run import is_run

    return weights or (spec if spec and is_run(spec) else None)


def _arrays(document: Document, network: Network, weights: str | None, seed: int) -> dict[str, Any]:
    from cnnspec.model import build

    if weights is None and document.weights is not None:
        return dict(document.weights)
    model = build(network, seed)
    if weights is not None:
        model.load(weights)
    elif model.weights:
        stderr_console().say(f"fresh weights (seed {seed}), as build gives; --weights takes trained ones")
    return dict(model.weights)
