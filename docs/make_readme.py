"""Fill README.md and the pages that show commands with real output.

A block of text that begins with ``$ cnnspec …`` goes on with what the command prints.
The table of benchmarks is that of networks, which ``make bench`` left in docs/benchmarks.md.
``--check`` writes nothing and exits with 1 where something differs.
"""

from __future__ import annotations

import contextlib
import io
import os
import re
import shlex
import sys
from collections.abc import Iterator
from pathlib import Path
from unittest import mock

from cnnspec.cli.main import run

ROOT = Path(__file__).resolve().parent.parent
README = ROOT / "README.md"
PAGES = [README, *(ROOT / "docs" / f"{name}.md" for name in ("lectures", "quiz", "tutorial"))]
BENCHMARKS = ROOT / "docs" / "benchmarks.md"
TABLE = re.compile(r"(?<=<!-- benchmarks -->\n).*?(?=<!-- end -->)", re.DOTALL)
NETWORKS = re.compile(r"(?<=<!-- networks -->\n).*?(?=<!-- end -->)", re.DOTALL)
BLOCK = re.compile(r"```text\n\$ (?P<command>cnnspec .+?)\n(?P<output>.*?)```", re.DOTALL)


def output_of(command: str) -> str:
    """What a ``cnnspec …`` command prints on a plain terminal 88 columns wide."""
    program, *arguments = shlex.split(command)
    assert program == "cnnspec", command
    with plain_terminal() as page:
        run(arguments)
        printed = page.getvalue().decode()
    return "\n".join(line.rstrip() for line in printed.rstrip().splitlines()) + "\n"


@contextlib.contextmanager
def plain_terminal() -> Iterator[io.BytesIO]:
    """Both streams on one page without colour, among the examples."""
    page = io.BytesIO()
    stream = io.TextIOWrapper(page, encoding="utf-8", write_through=True)
    with (
        contextlib.chdir(ROOT / "examples"),
        mock.patch.dict(os.environ, {"NO_COLOR": "1", "COLUMNS": "88"}),
        contextlib.redirect_stdout(stream),
        contextlib.redirect_stderr(stream),
    ):
        yield page


def filled(text: str) -> str:
    """The text with every block made new."""
    table = NETWORKS.search(BENCHMARKS.read_text(encoding="utf-8"))
    assert table, f"{BENCHMARKS} has no table of networks"
    text = TABLE.sub(lambda _: table[0], text)
    return BLOCK.sub(lambda block: f"```text\n$ {block['command']}\n{output_of(block['command'])}```", text)


def main() -> int:
    changed = {
        page: text for page in PAGES if (text := filled(page.read_text("utf-8"))) != page.read_text("utf-8")
    }
    if "--check" in sys.argv[1:]:
        return int(bool(changed))
    for page, text in changed.items():
        page.write_text(text, encoding="utf-8")
    return 0


if __name__ == "__main__":
    sys.exit(main())
