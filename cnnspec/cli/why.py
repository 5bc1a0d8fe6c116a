"""``cnnspec why``: what a mistake means and how it is cured."""

from __future__ import annotations

import click

from cnnspec.cli.console import Console, stdout_console
from cnnspec.diagnostics import nearest


@click.command("why")
@click.argument("code", required=False)
@click.option("--format", "form", type=click.Choice(["text", "markdown"]), default="text", show_default=True)
def command(code: str | None, form: str) -> None:
    """Explain the mistake CODE: why it is one, a spec that fails so, and the cure.

    Without CODE, list all of them.
    """
    console = stdout_console()
    if code is None:
        _list(console)
        return
    text = _page(code)
    if form == "markdown":
        console.print(text)
        return
    from cnnspec.views.page import render_page
    from cnnspec.views.paint import Paper

    console.print(render_page(text, Paper(console.width, console.color, console.unicode)))


def _page(code: str) -> str:
    """The page of a code, also as it is printed in brackets: ``error[missing-brace]``."""
    from cnnspec.resources import mistake_codes, mistake_text

    wanted = code.rpartition("[")[2].rstrip("]:").lower().replace("_", "-").replace(" ", "-")
    if wanted in mistake_codes():
        return mistake_text(wanted)
    guess = nearest(wanted, mistake_codes())
    hint = f'did you mean "{guess}"?' if guess else "cnnspec why lists them all"
    raise click.UsageError(f'there is no mistake called "{code}"; {hint}')


def _list(console: Console) -> None:
    from cnnspec.mistakes import titles
    from cnnspec.views.paint import Paper, wrap

    paper = Paper(console.width, console.color, console.unicode)
    names = titles()
    longest = max(map(len, names), default=0)
    beside = console.width - longest - 2 >= 30
    indent = longest + 2 if beside else 4
    for code, title in names.items():
        lines = wrap(paper.text(title), console.width - indent)
        head = paper.paint(code.ljust(longest), "bold")
        if beside:
            console.print(f"{head}  {lines.pop(0)}")
        else:
            console.print(head.rstrip())
        for line in lines:
            console.print(" " * indent + line)
