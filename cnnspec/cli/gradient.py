"""``cnnspec gradient``: the backward pass by hand."""

from __future__ import annotations

import json
from math import prod
from typing import TYPE_CHECKING, Any

import click

from cnnspec.cli.console import stdout_console
from cnnspec.cli.options import format_option
from cnnspec.cli.run import network_for, run_model, samples_of, with_run
from cnnspec.cli.spec import read, spec_argument
from cnnspec.diagnostics import SpecError
from cnnspec.text import whole

if TYPE_CHECKING:
    from collections.abc import Callable

    from cnnspec.model import Model
    from cnnspec.network.graph import Network
    from cnnspec.teaching.gradient import Backward, Descent, Error, Updates
    from cnnspec.teaching.working import Values


MOST_VALUES = 300_000
"""Outputs and weights that are gone through, all steps together."""


@click.command("gradient")
@spec_argument
@click.option(
    "--input", "given", metavar="X", multiple=True,
    help='The input, as "1 2; 3 4": all that cnnspec run takes; of several, NAME=X each.',
)  # fmt: skip
@click.option("--target", metavar="Y", help="A class, from 0, or the wanted output, as a matrix.")
@click.option(
    "--upstream", metavar="D", help="In place of a target: the gradient of the error at the output, or ones."
)  # fmt: skip
@click.option(
    "--weights", multiple=True, metavar="W", help='As for cnnspec run: conv1="0 1; 2 3", or a file.'
)
@click.option("--optimizer", metavar="O", help='Show the step of this one, as "sgd rate=0.1" or "adam".')
@click.option("--steps", type=click.IntRange(1, 100), default=1, show_default=True, help="Steps to take.")
@click.option("--seed", type=click.IntRange(0), default=0, help="Seed of weights that are not given.")
@click.option("--decimals", type=click.IntRange(0, 12), default=4, help="Show at most N decimals.")
@click.option("--full", is_flag=True, help="Write out every gradient, not the first eight of an array.")
@format_option("text", "json", "markdown", "latex")
def command(
    spec: str | None, inline: str | None, given: tuple[str, ...], target: str | None, upstream: str | None,
    weights: tuple[str, ...], optimizer: str | None, steps: int, seed: int, decimals: int, full: bool,
    form: str,
) -> int:  # fmt: skip
    """The backward pass by hand: the chain rule in symbols and numbers for each weight and input.

    \b
    Examples:
      cnnspec gradient -e "input 3x3x1; conv 1 2x2" --input "0 1 2; 3 4 5; 6 7 8"
          --weights conv1="0 1; 2 3" --upstream ones --optimizer "sgd rate=0.1"
      cnnspec gradient -e "input 4; dense 3; softmax" --input "1 2 3 4" --target 2

    A target that is a class is compared by cross entropy, any other by the mean squared error. Layers compute
    as in prediction: batch norm goes by its running statistics, dropout lets everything through.
    """
    weights = with_run(spec, inline, weights)
    document = read(spec, inline)
    network = network_for(document, given)
    if (target is None) == (upstream is None):
        raise click.UsageError(_which_error(target is not None))
    samples = samples_of(network, given, seed, resizing=False)
    sample = {name: values[0] for name, values in samples.items()}
    model = run_model(network, weights, seed, document.weights)
    _refuse_many(network, model, steps)
    descent, compare = _descent(network, optimizer), _comparison(network, target, upstream)
    passes = _steps(model, sample, compare, descent, steps)
    stdout_console().print(_page(passes, form, decimals, full))
    return 0


def _which_error(both: bool) -> str:
    if both:
        return "give --target or --upstream, not both: each of them says where the gradient begins"
    return (
        "say where the gradient begins:\n"
        "  --target 3        the class, or the values, that the output is compared with\n"
        "  --upstream ones   the gradient at the output itself; it takes numbers as well"
    )


def _refuse_many(network: Network, model: Model, steps: int) -> None:
    weights = sum(one.size for one in model.weights.values())
    values = sum(prod(node.output) for node in network.nodes) + weights
    if values * steps > MOST_VALUES:
        of_steps, or_steps = (f"{steps} steps of ", " or fewer steps") if steps > 1 else ("", "")
        raise click.UsageError(
            f"{of_steps}{values:,} outputs and weights are too many to go through by hand; {MOST_VALUES:,} "
            f"are the most: take a smaller network{or_steps}"
        )


Pass = tuple["Values", "Error", "Backward", "Updates"]
"""One forward and backward pass, and the step after it."""


def _steps(
    model: Model, sample: Any, compare: Callable[[Values], Error], descent: Descent | None, count: int
) -> list[Pass]:
    """The passes, each with the weights that the step before it left."""
    import numpy as np

    from cnnspec.teaching.gradient import backward
    from cnnspec.teaching.working import NotWritten, Values

    passes: list[Pass] = []
    try:
        for _ in range(count):
            values = Values.of(model, sample)
            error = compare(values)
            found = backward(values, error)
            updates = descent.step(values, found.layers) if descent else {}
            for name, taken in updates.items():
                array = model.weights[name]
                array[...] = np.reshape([float(one.formula.value) for one in taken], array.shape)
            passes.append((values, error, found, updates))
    except NotWritten as fault:
        raise click.UsageError(str(fault)) from fault
    return passes


def _page(passes: list[Pass], form: str, decimals: int, full: bool) -> str:
    from cnnspec.teaching import gradient_page

    if form == "json":
        pages = [gradient_page.to_dict(*one) for one in passes]
        return json.dumps(pages if len(pages) > 1 else pages[0])
    sections: list[gradient_page.Equations] = []
    for count, one in enumerate(passes, 1):
        sections += [gradient_page.Equations(f"Step {count}", [])] if len(passes) > 1 else []
        sections += gradient_page.sections(*one, None if full else gradient_page.MOST_LINES)
    return gradient_page.FORMATS[form](sections, decimals, stdout_console().terminal().width)


def _descent(network: Network, optimizer: str | None) -> Descent | None:
    from cnnspec.recipe.changes import changed
    from cnnspec.teaching.gradient import Descent

    if optimizer is None:
        return None
    try:
        setting = changed(network.training_recipe, {"optimizer": optimizer}).optimizer
    except SpecError as error:
        raise click.BadParameter(str(error), param_hint="--optimizer") from error
    return Descent(setting, setting.rate)


def _comparison(network: Network, target: str | None, upstream: str | None) -> Callable[[Values], Error]:
    """What gives the error of a forward pass: a class, a wanted output, or a gradient as it is."""
    from cnnspec.cli.inputs import input_array
    from cnnspec.teaching import gradient

    if upstream is not None:
        last = network.nodes[network.outputs[0].node]
        try:
            delta = input_array(upstream, last.output, 0)[0]
        except click.BadParameter as error:
            raise click.BadParameter(error.message, param_hint="--upstream") from error
        return lambda values: gradient.upstream(last, delta)
    assert target is not None
    label = whole(target.strip())
    if label is not None and network.output != (1,):
        return lambda values: _checked(lambda: gradient.cross_entropy(values, label))
    try:
        wanted = input_array(target, network.output, 0)[0]
    except click.BadParameter as error:
        raise click.BadParameter(error.message, param_hint="--target") from error
    return lambda values: _checked(lambda: gradient.squared_error(values, wanted))


def _checked(make: Callable[[], Error]) -> Error:
    try:
        return make()
    except ValueError as error:
        raise click.BadParameter(str(error), param_hint="--target") from error
