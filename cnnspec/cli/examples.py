"""``cnnspec examples``: the networks that come with cnnspec."""

from __future__ import annotations

import re
from pathlib import Path

import click

from cnnspec.cli.console import Console, stdout_console, write_result
from cnnspec.diagnostics import suggestion

USED = re.compile(r'^\s*use\s+"([^"]+)"', re.MULTILINE)


@click.command("examples")
@click.argument("name", required=False)
@click.option("--copy", is_flag=True, help="Write the file, and those it uses, into this folder.")
def command(name: str | None, copy: bool) -> None:
    """List the shipped specs; print the one called NAME.

    \b
    Examples:
      cnnspec examples
      cnnspec examples resnet50
      cnnspec examples unet --copy
    """
    from cnnspec.resources import example_names, example_text

    if name is None:
        if copy:
            raise click.UsageError("--copy needs the name of an example")
        _list(stdout_console())
        return
    known = example_names()
    stem = name.removesuffix(".cnn")
    if stem not in known:
        hint = suggestion(stem, known, "cnnspec examples lists them")
        raise click.UsageError(f'there is no example "{name}"; {hint}')
    if copy:
        _copy(stem)
    else:
        stdout_console().print(example_text(stem))


def _list(console: Console) -> None:
    from cnnspec.resources import example_names, example_text
    from cnnspec.views.terminal.paint import listed

    terminal = console.terminal()
    names = sorted(example_names(), key=_natural)
    for line in listed({name: description(example_text(name)) for name in names}, terminal):
        console.print(line)
    console.print("")
    console.say(
        terminal.text(f"Print one: cnnspec examples {names[0]} · analyze it: cnnspec analyze {names[0]}")
    )


def _natural(name: str) -> list[tuple[str, int]]:
    """Sorts resnet18 before resnet101."""
    return [(word, int(digits or 0)) for word, digits in re.findall(r"(\D*)(\d*)", name)]


def description(text: str) -> str:
    """The first comment of a spec."""
    for line in text.splitlines():
        if line.startswith("#"):
            return line.lstrip("# ").rstrip()
        if line.strip():
            break
    return ""


def _copy(name: str) -> None:
    """Writes the example and the files it uses, each at its own place below this folder."""
    from cnnspec.resources import example_path

    origin = example_path(name).parent
    wanted = [Path(f"{name}.cnn")]
    for path in wanted:
        text = (origin / path).read_text(encoding="utf-8")
        wanted += [path.parent / used for used in USED.findall(text) if path.parent / used not in wanted]
    taken = [
        str(path) for path in wanted if path.exists() and path.read_bytes() != (origin / path).read_bytes()
    ]
    if taken:
        raise click.UsageError(f"{', '.join(taken)} is here already and differs; nothing was written")
    for path in wanted:
        write_result(str(path), (origin / path).read_bytes())
