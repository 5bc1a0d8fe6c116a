"""``cnnspec gradient``: the backward pass by hand."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import click

from cnnspec.cli.console import stdout_console
from cnnspec.cli.options import format_option
from cnnspec.cli.run import network_for, run_model, samples_of
from cnnspec.cli.spec import read, spec_argument
from cnnspec.diagnostics import SpecError

if TYPE_CHECKING:
    from collections.abc import Callable

    from cnnspec.network.graph import Network
    from cnnspec.teaching.gradient import Error
    from cnnspec.teaching.working import Values


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
    from cnnspec.teaching import gradient, gradient_page

    document = read(spec, inline)
    network = network_for(document, given)
    if (target is None) == (upstream is None):
        raise click.UsageError("give --target, which the output is compared with, or --upstream, not both")
    samples = samples_of(network, given, seed, resizing=False)
    sample = {name: values[0] for name, values in samples.items()}
    model = run_model(network, weights, seed, document.weights)
    descent = _descent(network, optimizer)
    compare = _comparison(network, target, upstream)
    pages: list[Any] = []
    for count in range(steps):
        values = _values(model, sample)
        error = compare(values)
        found = gradient.backward(values, error)
        updates = descent.step(values, found.layers) if descent else {}
        for name, taken in updates.items():
            model.weights[name].ravel()[:] = [float(one.formula.value) for one in taken]
        if form == "json":
            pages.append(gradient_page.to_dict(error, found, updates))
        else:
            pages += [gradient_page.Equations(f"Step {count + 1}", [])] if steps > 1 else []
            pages += gradient_page.sections(
                values, error, found, updates, None if full else gradient_page.MOST_LINES
            )
    console = stdout_console()
    if form == "json":
        console.print(json.dumps(pages if steps > 1 else pages[0]))
    else:
        console.print(gradient_page.FORMATS[form](pages, decimals, console.terminal().width))
    return 0


def _values(model: Any, sample: Any) -> Values:
    from cnnspec.teaching.working import Values

    return Values.of(model, sample)


def _descent(network: Network, optimizer: str | None) -> Any:
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
        delta = input_array(upstream, last.output, 0)[0]
        return lambda values: gradient.upstream(last, delta)
    assert target is not None
    if target.strip().isdigit() and network.output != (1,):
        return lambda values: _checked(lambda: gradient.cross_entropy(values, int(target)))
    wanted = input_array(target, network.output, 0)[0]
    return lambda values: _checked(lambda: gradient.squared_error(values, wanted))


def _checked(make: Callable[[], Error]) -> Error:
    try:
        return make()
    except ValueError as error:
        raise click.BadParameter(str(error), param_hint="--target") from error
