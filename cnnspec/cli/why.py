"""``cnnspec why``: what a mistake means and how it is cured."""

from __future__ import annotations

import click

from cnnspec.cli.console import stdout_console
from cnnspec.cli.options import format_option
from cnnspec.diagnostics import suggestion


@click.command("why")
@click.argument("code", nargs=-1)
@format_option("text", "markdown")
def command(code: tuple[str, ...], form: str) -> None:
    """Explain the mistake CODE: why it is one, a spec that fails so, and the cure.

    CODE may also be words to look for, or what another program said. Without it, all codes
    are listed.

    \b
    Examples:
      cnnspec why window-larger-than-input
      cnnspec why padding
      cnnspec why "mat1 and mat2 shapes cannot be multiplied"
    """
    from cnnspec.mistakes import titles
    from cnnspec.resources import mistake_text
    from cnnspec.views.terminal.paint import listed, render_page

    console = stdout_console()
    codes = _codes(" ".join(code)) if code else tuple(titles())
    if code and len(codes) == 1:
        text = mistake_text(codes[0])
        console.print(text) if form == "markdown" else console.say(render_page(text, console.terminal()))
    else:
        pages = titles()
        console.print("\n".join(listed({code: pages[code] for code in codes}, console.terminal())))


def _codes(words: str) -> tuple[str, ...]:
    """The pages meant by a code, also as printed in brackets (``error[missing-brace]``), or by words."""
    from cnnspec.mistakes import search
    from cnnspec.resources import mistake_codes

    wanted = words.rpartition("[")[2].rstrip("]:").lower().replace("_", "-").replace(" ", "-")
    if wanted in mistake_codes():
        return (wanted,)
    found = search(words)
    if found:
        return found
    hint = suggestion(wanted, mistake_codes(), "cnnspec why lists them all")
    if setting := _setting(words):
        hint = f"cnnspec layers {setting} tells of the recipe's {setting}"
    raise click.UsageError(f'there is no mistake called "{words}"; {hint}')


def _setting(words: str) -> str | None:
    """The setting of a recipe that the words mean."""
    from cnnspec.views.reference import find

    found = find("_".join(words.split()))
    return found[0].word if found else None
