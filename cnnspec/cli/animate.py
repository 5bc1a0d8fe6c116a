"""``cnnspec animate SPEC LAYER``: the window stepping over the map."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Final

import click

from cnnspec.cli.console import fail, stderr_console, write_file, write_result
from cnnspec.cli.options import finite, most_option, theme_option
from cnnspec.cli.run import network_for, run_model, samples_of, with_run
from cnnspec.cli.spec import keep_spec, no_layer, read, shift, spec_argument
from cnnspec.diagnostics import Diagnostic, LayerError, SpecError, nearest

if TYPE_CHECKING:
    from cnnspec.document import Document
    from cnnspec.network.graph import Network, Node
    from cnnspec.teaching.animation import Animation
    from cnnspec.teaching.working import Values

FORMATS: Final = ("svg", "gif", "mp4")
LASTS: Final = 24.0
"""Seconds that all frames take together, at most, unless --seconds says how long each stays."""

DRAWN: Final = 100
"""Frames that are drawn one by one, unless --most says how many: more take longer than people wait."""


@click.command("animate")
@spec_argument
@click.argument("layer", required=False)
@click.option(
    "-o", "--output", metavar="FILE",
    help='Where to: .svg, .gif or .mp4, "-" for stdout; or a folder for the frames, as frames/.',
)  # fmt: skip
@click.option(
    "--format", "format_", type=click.Choice([*FORMATS, "png"]),
    help="The format where FILE's ending does not say; svg or png of the frames in a folder.",
)  # fmt: skip
@click.option(
    "--input", "given", multiple=True, metavar="X", help="Numbers to show: all that cnnspec run takes."
)
@click.option(
    "--weights", multiple=True, metavar="W", help='As for cnnspec run: conv1="0 1; 2 3", or a file.'
)
@click.option(
    "--channel", type=click.IntRange(0), default=0, show_default=True, help="Filter, or channel, from 0."
)
@most_option("Positions: the first N.", None)
@click.option(
    "--seconds", type=click.FloatRange(0.02, 60), callback=finite, metavar="S", help="How long a frame stays."
)
@click.option("--seed", type=click.IntRange(0), default=0, help="Seed of weights that are not given.")
@click.option(
    "--decimals", type=click.IntRange(0, 6), default=2, show_default=True, help="Show at most N decimals."
)
@theme_option
@click.option("--scale", type=click.FloatRange(0.1, 4), callback=finite, default=1.0, show_default=True,
              help="Dots per pixel of what is no SVG.")  # fmt: skip
def command(
    spec: str | None, inline: str | None, layer: str | None, output: str | None, format_: str | None,
    given: tuple[str, ...], weights: tuple[str, ...], channel: int, most: int | None, seconds: float | None,
    seed: int, decimals: int, theme: str, scale: float,
) -> int:  # fmt: skip
    """Show a layer's window stepping over its map: padding, stride, dilation, transposed, pooling.

    \b
    Examples:
      cnnspec animate -e "input 5x5x1; conv 1 3x3 stride=2 padding=1" -o window.svg
      cnnspec animate -e "input 3x3x1; conv 1 2x2" --input "0 1 2; 3 4 5; 6 7 8"
          --weights conv1="0 1; 2 3" -o sum.gif
      cnnspec animate lenet conv1 --input mnist:7 -o conv1.svg
      cnnspec animate -e "input 3x3x1; upconv 1 3x3 stride=2" -o frames/ --format png

    LAYER is the first one with a window unless named. The SVG moves by itself in a browser, without a
    script; readers who want no motion see its last frame. With --input the numbers are shown where they
    fit, and the sum of each position under the picture.
    """
    from cnnspec.teaching.animation import Animation
    from cnnspec.teaching.stepping import first_places, stepping
    from cnnspec.teaching.working import NotWritten
    from cnnspec.views.pictures.palette import THEMES

    spec, layer = shift(spec, inline, layer)
    weights = with_run(spec, inline, weights)
    document = read(spec, inline)
    network = network_for(document, given)
    try:
        node = _node(network, layer, channel)
        target, form = _target(document, node, output, format_)
        keep_spec(document, target, "animation")
        places = first_places(node, most)
        if most is None and len(places) > DRAWN and not form.endswith("svg"):
            stderr_console().say(
                f"the first {DRAWN} of {len(places)} positions are drawn; --most {len(places)} draws all"
            )
            places = places[:DRAWN]
        values = _values(document, network, given, weights, seed)
        _write(Animation(stepping(node, channel, places, values), THEMES[theme], decimals),
               target, form, seconds, scale)  # fmt: skip
    except LayerError as fault:
        raise SpecError([fault.at(None)]) from fault
    except NotWritten as fault:
        raise click.UsageError(str(fault)) from fault
    return 0


def _node(network: Network, name: str | None, channel: int) -> Node:
    """The layer that is meant, which has such a channel."""
    from cnnspec.teaching.stepping import first_moving

    if name is None:
        node = first_moving(network)
    elif name in network.by_name:
        node = network[name]
    else:
        raise click.BadParameter(no_layer(name, list(network.by_name)), param_hint="LAYER")
    if channel >= node.output[-1]:
        message = f"{node.name} has {node.output[-1]} output channels: 0 to {node.output[-1] - 1}"
        raise click.BadParameter(message, param_hint="--channel")
    return node


def _values(
    document: Document, network: Network, given: tuple[str, ...], weights: tuple[str, ...], seed: int
) -> Values | None:
    """The numbers, where an input is given."""
    from cnnspec.teaching.working import Values

    if not given:
        if any("=" in item for item in weights):
            raise click.UsageError("weights show in the sums of an input: give --input too")
        return None
    samples = samples_of(network, given, seed, resizing=False)
    sample = {name: one[0] for name, one in samples.items()}
    return Values.of(run_model(network, weights, seed, document.weights), sample)


def _target(document: Document, node: Node, output: str | None, format_: str | None) -> tuple[str, str]:
    """Where to, and as what; an ending that means nothing leaves with exit code 2."""
    target = output or f"{document.stem}_{node.name.replace('/', '_')}.{format_ or 'svg'}"
    suffix = "" if target == "-" else Path(target).suffix.lower().removeprefix(".")
    if target == "-" or suffix in FORMATS:
        chosen = format_ or suffix or "svg"
        if chosen == "png":
            raise click.UsageError("a PNG does not move: name a folder for the frames, as -o frames/")
        return target, chosen
    if target.endswith("/") or Path(target).is_dir():
        if format_ in ("gif", "mp4"):
            raise click.UsageError(f"a {format_} is one file: -o {target}{node.name}.{format_}")
        return target, f"frames {format_ or 'svg'}"
    guess = nearest(suffix, FORMATS) if suffix else None
    meant = Path(target).with_suffix(f".{guess}") if guess else f"{target}/"
    raise click.BadParameter(
        f'"{target}" must end in .svg, .gif or .mp4, or in / for a folder of frames; did you mean {meant}?',
        param_hint="--output",
    )


def _write(animation: Animation, target: str, form: str, seconds: float | None, scale: float) -> None:
    from cnnspec.teaching.animation import HOLD
    from cnnspec.views.pictures.film import film, pngs
    from cnnspec.views.pictures.svg import NoConverter

    seconds = seconds or min(1.0, LASTS / len(animation))
    if form == "svg":
        write_result(target, animation.moving(seconds))
        return
    kind = form.removeprefix("frames ")
    try:
        if kind == form:
            write_result(target, film(animation.cels(), form, seconds, HOLD, scale))
            return
        stills = (animation.still(n).encode() for n in range(len(animation)))
        for n, frame in enumerate(stills if kind == "svg" else pngs(animation.cels(), scale)):
            write_file(str(Path(target) / f"{n:0{len(str(len(animation)))}}.{kind}"), frame)
    except NoConverter as missing:
        fail(
            (Diagnostic("no-picture-converter", "this animation cannot be made here", notes=(str(missing),)),)
        )
    stderr_console().say(f"wrote {len(animation)} frames to {target}")
