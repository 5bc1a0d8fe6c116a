"""``cnnspec check``: all faults, advice and broken budgets of many specs; for people, editors and CI."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

import click

from cnnspec.cli.console import Console, stderr_console, stdout_console
from cnnspec.cli.options import format_option
from cnnspec.cli.spec import documents_of, specs_argument
from cnnspec.diagnostics import Diagnostic, Severity

FORMATS: Final = ("text", "json", "github", "sarif")


@click.command("check")
@specs_argument
@format_option(*FORMATS)
@click.option("--strict", is_flag=True, help="Treat warnings as errors.")
@click.option("--quiet", "-q", is_flag=True, help="Leave out notes and the closing line.")
def command(specs: Sequence[str], inline: Sequence[str], form: str, strict: bool, quiet: bool) -> int:
    """Check specs: exit code 1 when one has an error or breaks a budget.

    SPEC is a file, a folder (all its .cnn files), - for standard input, or the name of a shipped example.
    """
    documents = documents_of(specs, inline, folders=True)
    found = [item for document in documents for item in document.findings]
    shown = [item for item in found if not quiet or item.severity is not Severity.NOTE]
    _print(shown, form, len(documents), quiet)
    failing = (Severity.ERROR, Severity.WARNING) if strict else (Severity.ERROR,)
    return 1 if any(item.severity in failing for item in found) else 0


def _print(found: Sequence[Diagnostic], form: str, specs: int, quiet: bool) -> None:
    console = stdout_console()
    if form == "text":
        _print_text(found, console, specs, quiet)
    elif form == "github":
        from cnnspec.views.documents.messages import to_github

        if found:
            console.print(to_github(found))
    else:
        from cnnspec.views.documents.messages import to_json, to_sarif

        console.print_json(to_json(found) if form == "json" else to_sarif(found))


def _print_text(found: Sequence[Diagnostic], console: Console, specs: int, quiet: bool) -> None:
    from cnnspec.views.terminal.messages import render_text

    if found:
        console.print(render_text(found, color=console.color, width=console.width, unicode=console.unicode))
    elif not quiet:
        stderr_console().say(f"{specs} spec{'s' * (specs != 1)} checked, nothing to report")
