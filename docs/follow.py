"""Follow a page of docs/how-to/ to the letter, in a copy of the project.

``python docs/follow.py PAGE [FOLDER]`` copies the project to FOLDER (a new one unless given),
does what the fenced blocks of the page say, in order, and prints the files that changed:

- ```` ```python new=PATH ```` is the whole of a new file;
- ```` ```python in=PATH after=`TEXT` ```` goes behind the first line of a file that holds TEXT,
  ``before=`TEXT` `` in front of it, ``instead=`TEXT` `` in its place;
- ```` ```sh ```` is run, and must end well;
- ```` ```text ```` behind it must stand in what it printed, line by line.

Other blocks are only for reading.
"""

from __future__ import annotations

import filecmp
import os
import re
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
PARTS = ("benchmarks", "cnnspec", "docs", "examples", "grammar", "tests")
BLOCK = re.compile(
    r"^(?P<fence>```+)(?P<head>[^\n`][^\n]*)\n(?P<body>.*?)^(?P=fence)$", re.MULTILINE | re.DOTALL
)
NEW = re.compile(r"new=(\S+)")
INSERT = re.compile(r"in=(\S+) (after|before|instead)=`([^`]+)`")


class NotFollowed(Exception):
    """A step of a page that cannot be done as written."""


def copy_project(folder: Path) -> None:
    """The parts of the project that a page may change or run."""
    ignore = shutil.ignore_patterns("__pycache__")
    for part in PARTS:
        shutil.copytree(ROOT / part, folder / part, ignore=ignore)
    for file in (*ROOT.glob("*.md"), ROOT / "pyproject.toml"):
        shutil.copy(file, folder)


def follow(page: Path, folder: Path) -> list[str]:
    """Does every step of a page in a copy of the project; the files of program and tests that changed.

    Raises NotFollowed at the first step that fails.
    """
    printed = ""
    for block in BLOCK.finditer(page.read_text(encoding="utf-8")):
        head, body = block["head"], block["body"]
        if new := NEW.search(head):
            _create(folder / new[1], body)
        elif insert := INSERT.search(head):
            _insert(folder / insert[1], insert[3], body, insert[2])
        elif head == "sh":
            printed = _run(body, folder)
        elif head == "text":
            _compare(body, printed)
    return _changed(folder)


def _changed(folder: Path) -> list[str]:
    paths = (path for part in ("cnnspec", "tests") for path in (folder / part).rglob("*.*"))
    names = sorted(str(path.relative_to(folder)) for path in paths if path.suffix in (".py", ".md"))
    return [
        name for name in names
        if not (ROOT / name).exists() or not filecmp.cmp(folder / name, ROOT / name, shallow=False)
    ]  # fmt: skip


def _create(path: Path, text: str) -> None:
    if path.exists():
        raise NotFollowed(f"{path} is there already")
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text, encoding="utf-8")


def _insert(path: Path, near: str, text: str, where: str) -> None:
    lines = path.read_text(encoding="utf-8").splitlines(keepends=True)
    found = [number for number, line in enumerate(lines) if near in line]
    if not found:
        raise NotFollowed(f"no line of {path} holds {near}")
    first, last = found[0] + (where == "after"), found[0] + (where != "before")
    lines[first:last] = [text]
    path.write_text("".join(lines), encoding="utf-8")


def _run(commands: str, folder: Path) -> str:
    variables = os.environ | {
        "PYTHONPATH": str(folder), "PATH": f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}",
        "NO_COLOR": "1", "COLUMNS": "88", "PYTHONIOENCODING": "utf-8",
    }  # fmt: skip
    done = subprocess.run(
        ["sh", "-e", "-c", commands], cwd=folder, env=variables, check=False, text=True, encoding="utf-8",
        stdout=subprocess.PIPE, stderr=subprocess.STDOUT,
    )  # fmt: skip
    if done.returncode:
        raise NotFollowed(f"{commands}ended with {done.returncode}:\n{done.stdout}")
    return done.stdout


def _compare(expected: str, printed: str) -> None:
    lines = {line.rstrip() for line in printed.splitlines()}
    for line in expected.splitlines():
        if line.rstrip() not in lines:
            raise NotFollowed(f"the page shows {line!r}; printed was\n{printed}")


def main() -> int:
    page = Path(sys.argv[1])
    folder = Path(sys.argv[2]) if len(sys.argv) > 2 else Path(tempfile.mkdtemp(prefix="cnnspec-"))
    folder.mkdir(parents=True, exist_ok=True)
    copy_project(folder)
    print(*follow(page, folder), sep="\n")
    return 0


if __name__ == "__main__":
    sys.exit(main())
