"""``cnnspec draw SPEC -o net.svg``: a picture of a network."""

from __future__ import annotations

import re
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

import click
from click.core import ParameterSource

from cnnspec.cli.console import fail, show, stderr_console, write_result
from cnnspec.cli.options import Renamed, Words, finite, resize_option, theme_option
from cnnspec.cli.room import in_room, room_options
from cnnspec.cli.run import forward, network_for, resized_in_training, run_model, samples_of, with_run
from cnnspec.cli.spec import keep_spec, load_network, read, spec_argument
from cnnspec.diagnostics import Diagnostic, LayerError, nearest
from cnnspec.views.pictures.formats import FORMATS, OUTLINES

if TYPE_CHECKING:
    from cnnspec.document import Document
    from cnnspec.network.graph import Network
    from cnnspec.views.pictures.look import Look

OF_GRAPHS: Final = {
    "direction": "turns a graph, while volumes always run from left to right",
    "wrap": "lays a graph in columns, while volumes are broken into rows as the room asks",
}
"""Options that volumes have no use for, and why."""
LONGEST_NAMED: Final = 40
"""Characters of an input that is named in the caption."""


@click.command()
@spec_argument
@click.option(
    "-o",
    "--output",
    metavar="FILE",
    help='Where to: .svg, .png, .pdf, .tex (TikZ), .dot, .mmd (Mermaid) or .drawio; "-" for stdout.',
)
@click.option(
    "--format", "format_", type=click.Choice(FORMATS), help="The format, where FILE's ending does not say."
)
@click.option(
    "--style",
    type=Words(["graph", "volumes"]),
    default="graph",
    show_default=True,
    help="Cards and edges, or feature maps as boxes to scale.",
)
@theme_option
@click.option(
    "--direction",
    type=Words(["TB", "LR"]),
    default="TB",
    show_default=True,
    help="Top to bottom or left to right (graph).",
)
@click.option(
    "--wrap", "--columns", cls=Renamed, type=click.IntRange(1, 40), metavar="N",
    help="Columns that a tall graph is split into; chosen to fit unless given.",
)  # fmt: skip
@click.option(
    "--heat",
    type=Words(["params", "multiplies", "memory"]),
    help="Colour layers by their share of a figure.",
)
@click.option(
    "--diff", "old", metavar="OLD", help="Mark what was added, removed and changed since this spec."
)
@click.option("--fold/--no-fold", default=True, help="Draw equal turns of a repeat once, with ×N.")
@click.option("--join/--no-join", default=True, help="Draw activations and norms as strips of their layer.")
@click.option("--depth", type=click.IntRange(0), help="Draw blocks nested deeper than this as one card.")
@click.option("--scale", type=click.FloatRange(0.1, 8), callback=finite, default=2.0, show_default=True,
              help="Resolution of a PNG, in dots per pixel.")  # fmt: skip
@click.option(
    "--input",
    "--image",
    "given",
    multiple=True,
    metavar="X",
    help="Show the feature maps of this on volumes: a picture, mnist:7, an array as .npy (4x32x32x1 of a "
    "volume), all that cnnspec run takes.",
)
@click.option("--weights", multiple=True, metavar="W", help="Weights for them, as for cnnspec run.")
@resize_option
@room_options
def command(
    spec: str | None, inline: str | None, output: str | None, format_: str | None, style: str, theme: str,
    direction: str, wrap: int | None, heat: str | None, old: str | None, fold: bool, join: bool,
    depth: int | None, scale: float, given: tuple[str, ...], weights: tuple[str, ...], resize: bool,
    **room: Any,
) -> None:  # fmt: skip
    """Draw SPEC as a picture; that of a run's folder may show what the trained network makes of an image.

    \b
    Examples:
      cnnspec draw resnet50 -o resnet50.svg
      cnnspec draw lenet --style volumes -o lenet.pdf
      cnnspec draw resnet50 --for column -o figure.pdf
      cnnspec draw runs/lenet --style volumes --image 7.png -o seven.svg
      cnnspec draw --diff resnet50_paper resnet50 -o changes.svg

    Without -o the picture is NAME.svg here. A spec with errors is drawn as far as it is
    known, the faulty places marked; the exit code is then 1. A picture is folded until it
    can be read where it will be shown, on a slide unless --for, --width or --height tell.
    """
    from cnnspec.views.pictures.choices import Choices
    from cnnspec.views.pictures.look import Look

    document = read(spec, inline)
    target = output or f"{document.stem}.{format_ or 'svg'}"
    keep_spec(document, target, "picture")
    chosen = _format_of(target, format_, style)
    if style == "volumes":
        _refuse_of_graphs(click.get_current_context())
    choices = Choices(fold=fold, join=join, depth=depth, heat=heat)
    look = Look(style, theme, direction.upper(), wrap, scale, choices)
    show(document.diagnostics)
    if old is not None:
        look = replace(look, since=_older(old, document, heat))
    if given or weights:
        weights = with_run(spec, inline, weights)
        look = _with_maps(look, chosen, document, given, weights, resize)
    write_result(target, _made(document, chosen, in_room(look, **room)))
    if document.errors:
        raise click.exceptions.Exit(1)


def _older(old: str, document: Document, heat: str | None) -> Network:
    """The network that a spec is compared with; leaves where there are not two whole ones."""
    if heat is not None:
        raise click.UsageError("colours show what changed or a figure: take one of --diff and --heat")
    if document.errors:
        raise click.exceptions.Exit(1)
    return load_network(old, None)


def _with_maps(
    look: Look, form: str, document: Document, given: tuple[str, ...], weights: tuple[str, ...], resize: bool
) -> Look:
    """The look with what each layer makes of an input."""
    from cnnspec.views.results.pixels import feature_maps

    if look.style != "volumes":
        raise click.UsageError("feature maps are shown on volumes: say --style volumes too")
    if form == "tex":
        raise click.UsageError("feature maps are made of pixels, which TikZ has not; take svg, png or pdf")
    if not given:
        raise click.UsageError("--weights are for the feature maps of an input: give --input too")
    network = network_for(document, given)
    samples = samples_of(network, given, 0, resize or resized_in_training(weights))
    model = run_model(network, weights, 0, document.weights)
    names = [node.name for node in network.nodes]
    found = forward(model, {name: one[:1] for name, one in samples.items()}, names)
    maps = {network[name].index: partial(feature_maps, one[0]) for name, one in found.items()}
    is_named = len(given) == 1 and len(given[0]) <= LONGEST_NAMED and re.search(r"\w[.:]\w", given[0])
    return replace(look, maps=maps, shown=given[0] if is_named else "the input")


def _refuse_of_graphs(context: click.Context) -> None:
    """Leaves where an option is given that volumes would ignore."""
    for name, what in OF_GRAPHS.items():
        is_given = context.get_parameter_source(name) is ParameterSource.COMMANDLINE
        if is_given:
            raise click.UsageError(f"--{name} {what}; leave it out, or take --style graph")


def _format_of(target: str, format_: str | None, style: str) -> str:
    """The format asked for; a file name that says none or another leaves with exit code 2."""
    suffix = Path(target).suffix.lower().removeprefix(".")
    chosen = format_ or ("svg" if target == "-" else suffix)
    if chosen not in FORMATS:
        show((_unknown_format(target, suffix),))
        raise click.exceptions.Exit(2)
    if chosen in OUTLINES and style == "volumes":
        raise click.UsageError(f"{OUTLINES[chosen]} holds cards and edges, not volumes; take svg or tex")
    return chosen


def _unknown_format(target: str, suffix: str) -> Diagnostic:
    guess = nearest(suffix, FORMATS)
    hints = [f"did you mean {Path(target).with_suffix('.' + guess)}?"] if guess else []
    *others, last = FORMATS
    endings = ", ".join(f".{form}" for form in others)
    hints.append(f"a picture's name ends in {endings} or .{last}; or say --format")
    what = f'".{suffix}" is not a format of pictures' if suffix else f'"{target}" does not say which format'
    return Diagnostic("unknown-picture-format", what, help=tuple(hints))


def _made(document: Document, format: str, look: Look) -> bytes:
    from cnnspec.views.pictures.draw import outline, saved
    from cnnspec.views.pictures.fitting import Subject, fit, told
    from cnnspec.views.pictures.svg import NoConverter

    subject = Subject(document.network, tuple(document.diagnostics), document.title)
    try:
        if format in OUTLINES:
            return outline(subject, format, look)
        found = fit(subject, look)
        made = saved(found.drawn(), format, look)
    except LayerError as fault:
        fail((fault.at(None),))
    except NoConverter as missing:
        fail((Diagnostic("no-picture-converter", "this picture cannot be made here", notes=(str(missing),)),))
    if words := told(found, subject, look):
        stderr_console().say(words)
    return made
