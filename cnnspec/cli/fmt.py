"""``cnnspec fmt``: specs in their usual form; what they say never changes."""

from __future__ import annotations

from difflib import unified_diff
from pathlib import Path

import click

from cnnspec.cli.console import show, stderr_console, write_file
from cnnspec.cli.spec import documents_of, specs_argument
from cnnspec.diagnostics import SpecError
from cnnspec.text import Source


@click.command("fmt")
@specs_argument
@click.option("--check", is_flag=True, help="Write nothing; exit 1 if a spec would change.")
@click.option("--diff", is_flag=True, help="Write nothing; show what would change.")
@click.option("--expand", is_flag=True, help="Spell out every default of every layer.")
def command(specs: tuple[str, ...], inline: tuple[str, ...], check: bool, diff: bool, expand: bool) -> None:
    """Put specs into their usual form, in place.

    SPEC is a file, a folder (all its .cnn files), or - to filter standard
    input to standard output; what is given with -e is printed too. Comments stay,
    and what a spec says never changes.
    """
    for spec in specs:
        if spec != "-" and not Path(spec).exists():
            raise click.UsageError(_not_there(spec))
    failed = False
    for document in documents_of(specs, inline, folders=True):
        try:
            formatted = document.formatted(expand)
        except SpecError as error:
            show(error.diagnostics)
            failed = True
            continue
        _finish(document.source, formatted, check, diff)
        failed |= check and document.source.text != formatted
    if failed:
        raise click.exceptions.Exit(1)


def _not_there(spec: str) -> str:
    from cnnspec.resources import example_names

    if spec.removesuffix(".cnn") in example_names():
        name = spec.removesuffix(".cnn")
        return f'"{spec}" is a shipped example, not a file here; cnnspec examples {name} --copy makes it one'
    return f'there is no file "{spec}"'


def _finish(spec: Source, formatted: str, check: bool, diff: bool) -> None:
    """Shows or writes one result: results to stdout, what was done to stderr."""
    filtered = spec.name.startswith("<")
    if diff:
        click.echo(_diff(spec, formatted).encode(), nl=False)
    elif filtered and not check:
        click.echo(formatted.encode(), nl=False)  # UTF-8 whatever the terminal's: it is a file's text
    if spec.text == formatted or filtered:
        return
    if check:
        stderr_console().print(f"{spec.name} would change")
    elif not diff:
        write_file(spec.name, formatted)
        stderr_console().print(f"{spec.name} changed")


def _diff(spec: Source, formatted: str) -> str:
    before, after = (text.splitlines(keepends=True) for text in (spec.text, formatted))
    lines = unified_diff(before, after, spec.name, spec.name)
    return "".join(
        line if line.endswith("\n") else f"{line}\n\\ No newline at end of file\n" for line in lines
    )
