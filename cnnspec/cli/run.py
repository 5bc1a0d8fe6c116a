"""``cnnspec run``: the forward pass on a matrix, a picture, an array; any layer's output."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from cnnspec.cli.console import stderr_console, stdout_console, write_result
from cnnspec.cli.options import Words, chosen_engine, engine_options, format_option, resize_option
from cnnspec.cli.spec import network_of, no_layer, read, spec_argument
from cnnspec.cli.sums import sums
from cnnspec.document import Document
from cnnspec.layers.base import show
from cnnspec.syntax.tree import Input, Size
from cnnspec.text import Source

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from cnnspec.model import Model
    from cnnspec.network.graph import Network, Node

FORMATS = ("text", "json", "markdown", "latex")


@click.command("run")
@spec_argument
@click.option(
    "--input", "given", multiple=True, metavar="X",
    help='"1 2; 3 4" (| between channels), lists as [[1, 2], [3, 4]], a .npy, text or JSON file, - for '
    "standard input, a picture, a sample as mnist:7, or ones, zeros, count or random; of several inputs "
    "each by its name: --input left=a.png --input right=b.png.",
)  # fmt: skip
@click.option(
    "--weights", multiple=True, metavar="W",
    help="A safetensors file, a run's folder, or NAME=VALUES: conv1=\"0 1; 2 3\", conv1.bias=1, conv1=blur.",
)  # fmt: skip
@click.option(
    "--layer",
    "layers",
    multiple=True,
    metavar="NAME",
    help="This layer's output, not the last one's; may be repeated.",
)
@resize_option
@click.option("--all", "everything", is_flag=True, help="The output of every layer.")
@click.option(
    "--at", "places", metavar="R,C", multiple=True,
    help="Show the sum behind the value in this row and column, from 0, or R,C,CHANNEL; may be repeated.",
)  # fmt: skip
@click.option("--working", is_flag=True, help="Show the sum behind every value of the layer.")
@click.option(
    "--as", "way", type=Words(["sum", "convolution", "im2col"]), default="sum",
    help="The sum as it is computed, with the kernel turned as in mathematics, or as one matrix product.",
)  # fmt: skip
@click.option("--seed", type=click.IntRange(0), default=0, help="Seed of weights that are not given.")
@click.option("--decimals", type=click.IntRange(0, 12), default=4, help="Show at most N decimals.")
@click.option("--cut", is_flag=True, help="Cut decimals off instead of rounding.")
@click.option("--full", is_flag=True, help="Print all of a large map.")
@format_option(*FORMATS)
@click.option("-o", "--output", type=click.Path(dir_okay=False), help="Write to a .npy, .npz or .png file.")
@engine_options
def command(
    spec: str | None, inline: str | None, given: tuple[str, ...], weights: tuple[str, ...],
    layers: tuple[str, ...], resize: bool, everything: bool, places: tuple[str, ...], working: bool,
    way: str, seed: int, decimals: int, cut: bool, full: bool, form: str, output: str | None,
) -> int:  # fmt: skip
    """Run the network on an input and print what comes out; SPEC as a run's folder has its weights too.

    \b
    Examples:
      cnnspec run -e "input 4x4x1; maxpool 2x2" --input "1 1 2 5; 5 7 7 8; 3 1 1 0; 1 2 3 4"
      cnnspec run -e "input 3x3x1; conv 1 2x2" --input "0 1 2; 3 4 5; 6 7 8" --weights conv1="0 1; 2 3"
      cnnspec run -e "input 4x4x1; avgpool 2x2" --input "1 1 2 5; 5 7 7 8; 3 1 1 0; 1 2 3 4" --at 0,1
      cnnspec run -e "input 3x3x1; conv 1 2x2" --input "0 1 2; 3 4 5; 6 7 8" --as im2col
      cnnspec run edges.cnn --input photo.png --weights conv1=vertical-lines -o edges.png
      cnnspec run lenet --input mnist:59000 --layer conv1

    Where a spec leaves the sizes of its input open, as input ?x?x1 does, they are those of X.
    """
    weights = with_run(spec, inline, weights)
    document = read(spec, inline)
    network = network_for(document, given)
    names = _names(network, layers, everything)
    samples = samples_of(network, given, seed, resize or resized_in_training(weights))
    model = run_model(network, weights, seed, document.weights)
    if way == "convolution" and not (places or working):
        raise click.UsageError("--as convolution shows the sum behind a value: give --at or --working too")
    if places or working or way != "sum":
        if output:
            raise click.UsageError("-o keeps arrays, --at and --working print sums: leave one out")
        sample = {name: one[0] for name, one in samples.items()}
        stdout_console().print(sums(model, sample, names, places, way, form, decimals))
        return 0
    if form in ("markdown", "latex"):
        raise click.UsageError(f"--format {form} is for the sum behind a value: give --at or --working too")
    results = forward(model, samples, names)
    count = len(next(iter(samples.values())))
    if count > 1 and not output:
        stderr_console().say(f"{count} samples; the first is shown (-o FILE.npy keeps all)")
    if output:
        _write(Path(output), results)
        return 0
    if form == "json":
        stdout_console().print(_document(results))
    else:
        stdout_console().print(_page(network, results, decimals, cut, full))
    return 0


def with_run(spec: str | None, inline: str | None, weights: tuple[str, ...]) -> tuple[str, ...]:
    """The weights as given; a run's own come first where SPEC is its folder and no other file is given."""
    from cnnspec.training.run import is_run

    if spec and inline is None and is_run(spec) and all("=" in item for item in weights):
        return (spec, *weights)
    return weights


def network_for(document: Document, given: Sequence[str]) -> Network:
    """The network; an input whose spec leaves sizes open, as ``input ?x?x1``, has those of what is given."""
    from cnnspec.cli.inputs import input_sizes

    sizes = next((one.shape for one in document.tree.statements if isinstance(one, Input)), None)
    if len(given) != 1 or not isinstance(sizes, Size) or None not in sizes.parts:
        return network_of(document)
    text, place = document.source.text, sizes.span
    filled = text[: place.start] + show(input_sizes(given[0], sizes.parts)) + text[place.end :]
    return network_of(Document(Source(document.source.name, filled), document.read_use))


def samples_of(network: Network, given: Sequence[str], seed: int, resizing: bool) -> dict[str, NDArray[Any]]:
    """The samples of each input; of several, each is given as ``--input NAME=X``."""
    from cnnspec.analysis.memory import Memory
    from cnnspec.backends.machine import refuse_beyond_memory
    from cnnspec.cli.inputs import input_array, ways, whole_sample

    refuse_beyond_memory(2 * Memory(network).peak_bytes)
    inputs = {node.name: node.output for node in network.inputs}
    found = dict(zip(inputs, given, strict=False))
    if len(inputs) > 1:
        if len(given) == 1 and (whole := whole_sample(given[0], inputs)):
            return whole
        parts = (item.partition("=") for item in given)
        found = {name.strip(): text.strip() for name, _, text in parts}
    if len(found) != len(given) or found.keys() - inputs.keys():
        ways_of = ", ".join(f"--input {name}=…" for name in inputs)
        message = f"this network takes {ways_of}" if len(inputs) > 1 else "this network has one input"
        raise click.BadParameter(message, param_hint="--input")
    for name in (name for name in inputs if name not in found):
        what = f"the input {show(inputs[name])}" if len(inputs) == 1 else f"{name}={show(inputs[name])}"
        raise click.UsageError(f"no --input given; for {what} it can be\n{ways(inputs[name])}")
    arrays = {name: input_array(found[name], inputs[name], seed, resizing) for name in inputs}
    return {name: one if one.dtype == "uint8" else one.astype("float32") for name, one in arrays.items()}


def _names(network: Network, layers: Sequence[str], everything: bool) -> list[str]:
    """The layers to show, in the network's order."""
    wanted = {network.nodes[output.node].name for output in network.outputs} if not layers else set(layers)
    unknown = sorted(wanted - set(network.by_name))
    if unknown:
        raise click.BadParameter(no_layer(unknown[0], list(network.by_name)), param_hint="--layer")
    return [node.name for node in network.nodes if node.name in wanted or (everything and node.inputs)]


def run_model(
    network: Network, weights: Sequence[str], seed: int, imported: Mapping[str, NDArray[Any]] | None = None
) -> Model:
    """The model with these weights; those that nothing gives are told, ``imported`` came with the spec."""
    from cnnspec.cli.inputs import set_weights

    model = network.build(seed, **chosen_engine())
    model.weights.update(imported or {})
    inline = [item for item in weights if "=" in item]
    files = [item for item in weights if "=" not in item]
    for file in files:
        _load(model, file)
    known = set_weights(model.weights, network.weights, inline).union(imported or {})
    missing = [name for name in _random(network) if name not in known]
    if missing and not files:
        some = ", ".join(missing[:4]) + (", …" if len(missing) > 4 else "")
        stderr_console().say(f"random weights (seed {seed}): {some}; --weights gives others")
    return model


def forward(
    model: Model, samples: Mapping[str, NDArray[Any]], names: Sequence[str]
) -> dict[str, NDArray[Any]]:
    """The outputs of these layers."""
    network = model.network
    images = samples if len(samples) > 1 else next(iter(samples.values()))
    try:
        results = model.forward(images, keep=[name for name in names if network[name].inputs])
    except ValueError as error:
        raise click.BadParameter(str(error), param_hint="--input") from error
    return {name: results[name] if network[name].inputs else samples[name] for name in names}


def _random(network: Network) -> list[str]:
    """Names of the weights that begin at random."""
    return [name for name, weight in network.weights.items() if weight.initial == "fan"]


def resized_in_training(weights: Sequence[str]) -> bool:
    """Whether one of the weights is a run's, and its images were resized."""
    from cnnspec.cli.inputs import resizes
    from cnnspec.training.run import Run, is_run

    return any(resizes(Run.read(Path(file))) for file in weights if is_run(file))


def _load(model: Any, file: str) -> None:
    """Fills a model from a safetensors file, or from a run's folder, which also tells the scale of bytes."""
    from cnnspec.training.run import WEIGHTS, Run, is_run

    path = Path(file)
    if is_run(path):
        model.scaling = Run.read(path).pixels
    try:
        model.load(path / WEIGHTS if path.is_dir() else path)
    except OSError as error:
        raise click.BadParameter(
            f'"{file}" cannot be read: {error.strerror or error}; values are given as NAME=VALUES',
            param_hint="--weights",
        ) from error


def _page(network: Network, results: Mapping[str, NDArray[Any]], decimals: int, cut: bool, full: bool) -> str:
    from cnnspec.views.terminal.arrays import NumberFormat, render

    console = stdout_console()
    terminal = console.terminal()
    lines: list[str] = []
    for name, values in results.items():
        lines += ["", _heading(network[name], terminal)] if lines else [_heading(network[name], terminal)]
        lines += render(values[0], terminal=terminal, writing=NumberFormat(decimals, cut), full=full)
    return "\n".join(lines) + "\n"


def _document(results: Mapping[str, NDArray[Any]]) -> str:
    """The first sample's results as JSON, which ``--input`` reads again."""
    return json.dumps([
        {"layer": name, "shape": list(array.shape[1:]), "values": _plain(array[0])}
        for name, array in results.items()
    ])  # fmt: skip


def _plain(values: NDArray[Any]) -> Any:
    """Nested lists that JSON can hold: what is no number becomes null."""
    import numpy as np

    plain = values.astype(object)
    plain[~np.isfinite(values)] = None
    return plain.tolist()


def _heading(node: Node, terminal: Any) -> str:
    from cnnspec.layers.writing import sentence
    from cnnspec.views.terminal.paint import folded

    what = f"{sentence(node.layer)}   " if node.inputs else ""
    name = terminal.paint(node.name, "bold", str(node.layer.family))
    return folded(f"{name}   {what}{show(node.output)}", terminal.width)


def _write(path: Path, results: Mapping[str, NDArray[Any]]) -> None:
    """The results in a file whose ending says how; nothing half-written is ever seen."""
    import io

    import numpy as np

    page = io.BytesIO()
    last = list(results.values())[-1]
    if path.suffix == ".npy":
        np.save(page, last)
    elif path.suffix == ".npz":
        np.savez(page, allow_pickle=False, **results)
    elif path.suffix == ".png":
        page = _picture(last[0])
    else:
        raise click.BadParameter(f'"{path}" must end in .npy, .npz or .png', param_hint="--output")
    write_result(str(path), page.getvalue())


def _picture(values: NDArray[Any]) -> Any:
    """A map as a picture: three channels as colours, else side by side, each on its own scale of grey."""
    import io

    import numpy as np

    try:
        from PIL import Image
    except ImportError as error:
        raise click.UsageError("pictures are written with Pillow: pip install 'cnnspec[plot]'") from error
    if values.ndim != 3:
        raise click.BadParameter("only a map can be a picture", param_hint="--output")
    parts = [values] if values.shape[-1] in (1, 3) else np.split(values, values.shape[-1], axis=2)
    pixels = np.concatenate([_grey_levels(part, n, len(parts)) for n, part in enumerate(parts)], axis=1)
    pixels = pixels if pixels.shape[2] == 3 else pixels[..., 0]
    page = io.BytesIO()
    Image.fromarray(pixels).save(page, "PNG")
    return page


def _grey_levels(values: NDArray[Any], channel: int, count: int) -> NDArray[Any]:
    """Bytes of a map; one beyond 0 to 1 is spread over black to white, which is said."""
    import numpy as np

    low, high = float(values.min()), float(values.max())
    if low < 0 or high > 1:
        values = (values - low) / ((high - low) or 1)
        of = f"channel {channel}: " if count > 1 else ""
        stderr_console().say(f"{of}black is {low:g}, white is {high:g}")
    levels: NDArray[Any] = np.rint(values * 255).astype(np.uint8)
    return levels
