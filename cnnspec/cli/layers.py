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
    """List all layers, blocks and sentences; or tell one WORD's options, laws and an example.

    WORD may also be what other programs call the layer, such as linear. "train" lists the
    settings of a recipe, and each setting, kind and option of one is a WORD too.

    \b
    Examples:
      cnnspec layers
      cnnspec layers conv
      cnnspec layers repeat
      cnnspec layers bottleneck
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
    console.print(render_layer(word, terminal) if word in LAYERS else _of_no_layer(word, terminal))


def _of_no_layer(word: str, terminal: Terminal) -> str:
    """The page of a block, a sentence or a setting; leaves with the nearest one where it is none of these."""
    from cnnspec.layers.foreign import nearest_thing, sentence_for
    from cnnspec.layers.registry import LAYERS
    from cnnspec.syntax.keywords import INSTEAD
    from cnnspec.views.reference import WHOLE, find, known
    from cnnspec.views.sentences import PART_OF, block_entries, part_entries, sentence_entries
    from cnnspec.views.terminal.reference import render_recipe, render_sentence, render_setting

    if word in WHOLE:
        return render_recipe(terminal)
    sentences = block_entries() | sentence_entries() | part_entries()
    if (meant := word if word in sentences else PART_OF.get(word, INSTEAD.get(word))) is not None:
        return render_sentence(sentences[meant], terminal)
    if find(word):
        return render_setting(word, terminal)
    words = (*LAYERS, *sentences, *known())
    ours = sentence_for(word, "")
    hint = nearest_thing(word) or (
        f"here it is {ours}" if ours else suggestion(word, words, "cnnspec layers lists them")
    )
    raise click.UsageError(f'there is no layer or setting "{word}"; {hint}')
