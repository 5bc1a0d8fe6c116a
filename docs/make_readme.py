"""Fill README.md with real output.

A block of text that begins with ``$ cnnspec …`` goes on with what the command prints.
The table of benchmarks is that of networks, which ``make bench`` left in docs/benchmarks.md.
``--check`` writes nothing and exits with 1 where something differs.
"""

from __future__ import annotations

import os
import re
import shlex
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
README = ROOT / "README.md"
BENCHMARKS = ROOT / "docs" / "benchmarks.md"
TABLE = re.compile(r"(?<=<!-- benchmarks -->\n).*?(?=<!-- end -->)", re.DOTALL)
NETWORKS = re.compile(r"(?<=<!-- networks -->\n).*?(?=<!-- end -->)", re.DOTALL)
BLOCK = re.compile(r"```text\n\$ (?P<command>cnnspec .+?)\n(?P<output>.*?)```", re.DOTALL)


def output_of(command: str) -> str:
    """What a ``cnnspec …`` command prints on a plain terminal 88 columns wide."""
    program, *arguments = shlex.split(command)
    assert program == "cnnspec", command
    done = subprocess.run(
        [sys.executable, "-m", "cnnspec", *arguments],
        cwd=ROOT / "examples",
        env={**os.environ, "NO_COLOR": "1", "COLUMNS": "88", "PYTHONIOENCODING": "utf-8"},
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        encoding="utf-8",
        check=False,
    )
    return "\n".join(line.rstrip() for line in done.stdout.rstrip().splitlines()) + "\n"


def filled(text: str) -> str:
    """The text with every block made new."""
    table = NETWORKS.search(BENCHMARKS.read_text(encoding="utf-8"))
    assert table, f"{BENCHMARKS} has no table of networks"
    text = TABLE.sub(lambda _: table[0], text)
    return BLOCK.sub(lambda block: f"```text\n$ {block['command']}\n{output_of(block['command'])}```", text)


def main() -> int:
    old = README.read_text(encoding="utf-8")
    new = filled(old)
    if "--check" in sys.argv[1:]:
        return int(old != new)
    README.write_text(new, encoding="utf-8")
    return 0


if __name__ == "__main__":
    sys.exit(main())
