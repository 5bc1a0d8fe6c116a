"""``cnnspec fmt``: specs in their usual form; what they say never changes."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from difflib import unified_diff
from pathlib import Path
from typing import Final

import click

from cnnspec.cli.console import show
from cnnspec.cli.spec import read
from cnnspec.diagnostics import SpecError
from cnnspec.document import Document

MOST_FILES: Final = 10_000


@dataclass(frozen=True, slots=True)
class Task:
    """One spec: its text as it is and as it should be."""

    name: str
    before: str
    after: str

    @property
    def changes(self) -> bool:
        return self.before != self.after

    def diff(self) -> str:
        lines = unified_diff(
            self.before.splitlines(keepends=True), self.after.splitlines(keepends=True), self.name, self.name
        )
        return "".join(
            line if line.endswith("\n") else f"{line}\n\\ No newline at end of file\n" for line in lines
        )


@click.command("fmt")
@click.argument("specs", nargs=-1, metavar="SPEC...")
@click.option("-e", "inline", metavar="TEXT", help="The spec itself; the result is printed.")
@click.option("--check", is_flag=True, help="Write nothing; exit 1 if a spec would change.")
@click.option("--diff", is_flag=True, help="Write nothing; show what would change.")
@click.option("--expand", is_flag=True, help="Spell out every default of every layer.")
def command(specs: tuple[str, ...], inline: str | None, check: bool, diff: bool, expand: bool) -> None:
    """Put specs into their usual form, in place.

    SPEC is a file, a folder (all its .cnn files), or - to filter standard
    input to standard output. Comments stay, and what a spec says never changes.
    """
    if not specs and inline is None:
        raise click.UsageError('no SPEC given: a file, a folder, "-" for standard input, or text with -e')
    failed = False
    for document in _documents(specs, inline):
        try:
            task = Task(document.source.name, document.source.text, document.formatted(expand))
        except SpecError as error:
            show(error.diagnostics)
            failed = True
            continue
        _finish(task, check, diff)
        failed |= check and task.changes
    if failed:
        raise click.exceptions.Exit(1)


def _documents(specs: tuple[str, ...], inline: str | None) -> Iterator[Document]:
    if inline is not None:
        yield read(None, inline)
    for spec in specs:
        path = Path(spec)
        if spec == "-":
            yield read("-", None)
        elif path.is_dir():
            yield from (read(str(each), None) for each in _below(path))
        elif path.exists():
            yield read(spec, None)
        else:
            raise click.UsageError(_not_there(spec))


def _below(folder: Path) -> list[Path]:
    found = sorted(path for path in folder.rglob("*.cnn") if path.is_file())
    if not found:
        raise click.UsageError(f'the folder "{folder}" has no .cnn files')
    if len(found) > MOST_FILES:
        raise click.UsageError(f'the folder "{folder}" has more than {MOST_FILES:,} .cnn files')
    return found


def _not_there(spec: str) -> str:
    from cnnspec.resources import example_names

    if spec.removesuffix(".cnn") in example_names():
        name = spec.removesuffix(".cnn")
        return f'"{spec}" is a shipped example, not a file here; cnnspec examples {name} --copy makes it one'
    return f'there is no file "{spec}"'


def _finish(task: Task, check: bool, diff: bool) -> None:
    """Shows or writes one result: results to stdout, what was done to stderr."""
    filtered = task.name.startswith("<")
    if diff:
        click.echo(task.diff().encode(), nl=False)
    elif filtered and not check:
        click.echo(task.after.encode(), nl=False)  # UTF-8 whatever the terminal's: it is a file's text
    if not task.changes or filtered:
        return
    if check:
        click.echo(f"{task.name} would change", err=True)
    elif not diff:
        from cnnspec.files import write_atomically

        try:
            write_atomically(task.name, task.after)
        except OSError as error:
            raise click.UsageError(f'"{task.name}" cannot be written: {error.strerror or error}') from error
        click.echo(f"{task.name} changed", err=True)
