"""``cnnspec check``: all faults, advice and broken budgets of many specs; for people, editors and CI."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Final

import click

from cnnspec.cli.console import Console, stderr_console, stdout_console
from cnnspec.cli.options import format_option
from cnnspec.cli.spec import read, specs_below
from cnnspec.diagnostics import Diagnostic, Severity
from cnnspec.document import RUN_SPEC

FORMATS: Final = ("text", "json", "github", "sarif")


@click.command("check")
@click.argument("specs", nargs=-1, metavar="SPEC…")
@click.option("-e", "inline", metavar="TEXT", help='A spec itself, as in -e "input 7x7x1; conv 1 3x3".')
@format_option(*FORMATS)
@click.option("--strict", is_flag=True, help="Treat warnings as errors.")
@click.option("--quiet", "-q", is_flag=True, help="Leave out notes and the closing line.")
def command(specs: Sequence[str], inline: str | None, form: str, strict: bool, quiet: bool) -> int:
    """Check specs: exit code 1 when one has an error or breaks a budget.

    SPEC is a file, a folder (all its .cnn files), - for standard input, or the name of a shipped example.
    """
    if not specs and inline is None:
        raise click.UsageError("no SPEC given: one or more files, or text with -e")
    files = [each for spec in specs for each in _files(spec)]
    given: list[tuple[str | None, str | None]] = [(spec, None) for spec in files]
    given += [(None, inline)] if inline is not None else []
    found = [item for spec, text in given for item in read(spec, text).findings]
    shown = [item for item in found if not quiet or item.severity is not Severity.NOTE]
    _print(shown, form, len(given), quiet)
    failing = (Severity.ERROR, Severity.WARNING) if strict else (Severity.ERROR,)
    return 1 if any(item.severity in failing for item in found) else 0


def _files(spec: str) -> list[str]:
    """The spec itself; of a folder that is no run's, all specs in it."""
    is_folder = Path(spec).is_dir() and not (Path(spec) / RUN_SPEC).exists()
    return [str(path) for path in specs_below(Path(spec))] if is_folder else [spec]


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
