"""``cnnspec ask``: a question in plain words."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

import click

from cnnspec.cli.console import fail, stdout_console
from cnnspec.diagnostics import SpecError

MOST_WORDS: Final = 3
"""That the name of a concept has."""


def _concept(question: Sequence[str]) -> str:
    """Where the concept that a question names is explained."""
    from cnnspec.mistakes import concept

    words = " ".join(question).lower().strip(" ?!.").split()
    spans = [
        words[start : start + count] for count in range(MOST_WORDS, 0, -1) for start in range(len(words))
    ]
    found = next((name for span in spans if (name := concept(" ".join(span)))), None)
    return f"cnnspec why {found} explains {found}.\n" if found else ""


@click.command("ask")
@click.argument("question", nargs=-1, required=True, metavar="QUESTION…")
def command(question: Sequence[str]) -> int:
    """Answer a question in plain words, with the working and the command that gives it.

    It may be about a layer on an input, or about a shipped example. What is not understood is told with
    the forms that are.

    \b
    Examples:
      cnnspec ask "how many parameters has conv 16 3x3 on 32x32x3"
      cnnspec ask which layer of lenet has most parameters
    """
    from cnnspec.teaching.ask import NotUnderstood, ask

    console = stdout_console()
    terminal = console.terminal()
    try:
        answer = ask(" ".join(question), terminal)
    except NotUnderstood as error:
        raise click.UsageError(f"{_concept(question)}{error}") from error
    except SpecError as error:
        fail(error.diagnostics)
    console.say(terminal.paint(answer.text, "bold"))
    if answer.working:
        console.print(f"\n{answer.working.rstrip()}")
    console.print(f"\n{answer.command}")
    return 0
