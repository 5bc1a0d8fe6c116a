"""``cnnspec why``: what a mistake means and how it is cured."""

from __future__ import annotations

import click

from cnnspec.cli.console import Console, stdout_console
from cnnspec.cli.options import format_option
from cnnspec.diagnostics import nearest


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

    console = stdout_console()
    codes = _codes(" ".join(code)) if code else tuple(titles())
    if code and len(codes) == 1:
        console.print(_page(mistake_text(codes[0]), form, console))
    else:
        _list({code: titles()[code] for code in codes}, console)


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
    guess = nearest(wanted, mistake_codes())
    setting = _setting(words)
    hint = f'did you mean "{guess}"?' if guess else "cnnspec why lists them all"
    hint = f"cnnspec layers {setting} tells of the recipe's {setting}" if setting else hint
    raise click.UsageError(f'there is no mistake called "{words}"; {hint}')


def _setting(words: str) -> str | None:
    """The setting of a recipe that the words mean."""
    from cnnspec.views.reference import find

    found = find("_".join(words.split()))
    return found[0].word if found else None


def _page(text: str, form: str, console: Console) -> str:
    if form == "markdown":
        return text
    from cnnspec.views.terminal.paint import render_page

    return render_page(text, console.terminal())


def _list(names: dict[str, str], console: Console) -> None:
    from cnnspec.views.terminal.paint import wrap

    terminal = console.terminal()
    longest = max(map(len, names), default=0)
    beside = console.width - longest - 2 >= 30
    indent = longest + 2 if beside else 4
    for code, title in names.items():
        lines = wrap(terminal.text(title), console.width - indent)
        head = terminal.paint(code.ljust(longest), "bold")
        if beside:
            console.print(f"{head}  {lines.pop(0)}")
        else:
            console.print(head.rstrip())
        for line in lines:
            console.print(" " * indent + line)
