"""``cnnspec layers``: the words of the language, their options and laws."""

from __future__ import annotations

import click

from cnnspec.cli.console import stdout_console
from cnnspec.diagnostics import nearest


@click.command("layers")
@click.argument("word", required=False)
def command(word: str | None) -> None:
    """List all layers; or tell one WORD's options, laws and an example.

    WORD may also be what other programs call the layer, such as linear.

    \b
    Examples:
      cnnspec layers
      cnnspec layers conv
    """
    from cnnspec.layers.roll import LAYERS, SYNONYMS
    from cnnspec.views.paint import Paper
    from cnnspec.views.reference import render_entry, render_list

    console = stdout_console()
    paper = Paper(console.width, console.color, console.unicode)
    if word is None:
        console.print(render_list(paper))
        return
    word = SYNONYMS.get(word.lower(), word.lower())
    if word not in LAYERS:
        guess = nearest(word, LAYERS)
        hint = f'did you mean "{guess}"?' if guess else "cnnspec layers lists them"
        raise click.UsageError(f'there is no layer "{word}"; {hint}')
    console.print(render_entry(word, paper))
