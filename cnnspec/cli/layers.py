"""``cnnspec layers``: the words of the language, of its layers and of its recipe."""

from __future__ import annotations

from typing import TYPE_CHECKING

import click

from cnnspec.cli.console import stdout_console
from cnnspec.diagnostics import suggestion

if TYPE_CHECKING:
    from cnnspec.views.terminal.paint import Terminal


@click.command("layers")
@click.argument("word", required=False)
def command(word: str | None) -> None:
    """List all layers; or tell one WORD's options, laws and an example.

    WORD may also be what other programs call the layer, such as linear. "train" lists the
    settings of a recipe, and each setting, kind and option of one is a WORD too.

    \b
    Examples:
      cnnspec layers
      cnnspec layers conv
      cnnspec layers train
      cnnspec layers augment
    """
    from cnnspec.layers.registry import LAYERS, SYNONYMS
    from cnnspec.views.terminal.reference import render_layer, render_layers

    console = stdout_console()
    terminal = console.terminal()
    if word is None:
        console.print(render_layers(terminal))
        return
    word = SYNONYMS.get(word.lower(), word.lower())
    console.print(render_layer(word, terminal) if word in LAYERS else _of_the_recipe(word, terminal))


def _of_the_recipe(word: str, terminal: Terminal) -> str:
    """The page of a word that is no layer's; leaves with the nearest one where it is no word at all."""
    from cnnspec.layers.registry import LAYERS
    from cnnspec.views.reference import WHOLE, find, known
    from cnnspec.views.terminal.reference import render_recipe, render_setting

    if word in WHOLE:
        return render_recipe(terminal)
    if find(word):
        return render_setting(word, terminal)
    hint = suggestion(word, (*LAYERS, *known()), "cnnspec layers lists them")
    raise click.UsageError(f'there is no layer or setting "{word}"; {hint}')
