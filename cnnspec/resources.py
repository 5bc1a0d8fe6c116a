"""The texts that travel with the package: grammar, examples, prelude, mistakes.

A wheel carries ``grammar/`` and ``examples/`` inside the package; a checkout,
and an editable install of one, has them beside it.
"""

from __future__ import annotations

from functools import cache
from pathlib import Path

PACKAGE = Path(__file__).parent
VERSION = "0.1.0"


def folder(name: str) -> Path:
    """The packaged copy of a top-level folder, else the checkout's."""
    packaged = PACKAGE / f"_{name}"
    return packaged if packaged.is_dir() else PACKAGE.parent / name


@cache
def grammar_text() -> str:
    """The language, in Lark's notation."""
    return (folder("grammar") / "cnnspec.lark").read_text(encoding="utf-8")


@cache
def example_names() -> tuple[str, ...]:
    """The names of the shipped specs, without ``.cnn``, sorted."""
    return tuple(sorted(path.stem for path in folder("examples").glob("*.cnn")))


def example_path(name: str) -> Path:
    """Where a shipped spec lies; raises KeyError when there is none of that name."""
    if name not in example_names():
        raise KeyError(name)
    return folder("examples") / f"{name}.cnn"


def example_text(name: str) -> str:
    """The text of a shipped spec; raises KeyError when there is none of that name."""
    return example_path(name).read_text(encoding="utf-8")


@cache
def prelude_text() -> str:
    """The blocks that every spec may use; empty when there are none."""
    path = PACKAGE / "elaborate" / "prelude.cnn"
    return path.read_text(encoding="utf-8") if path.is_file() else ""


@cache
def mistake_codes() -> tuple[str, ...]:
    """The codes that have a page, sorted."""
    return tuple(sorted(path.stem for path in (PACKAGE / "mistakes").glob("*.md")))


@cache
def concept_names() -> tuple[str, ...]:
    """The concepts that have a page, sorted."""
    return tuple(sorted(path.stem for path in (PACKAGE / "mistakes" / "concepts").glob("*.md")))


def concept_text(name: str) -> str:
    """The page of a concept, in Markdown; raises KeyError when there is none."""
    if name not in concept_names():
        raise KeyError(name)
    return (PACKAGE / "mistakes" / "concepts" / f"{name}.md").read_text(encoding="utf-8")


def mistake_text(code: str) -> str:
    """The page of a code, in Markdown; raises KeyError when there is none."""
    if code not in mistake_codes():
        raise KeyError(code)
    return (PACKAGE / "mistakes" / f"{code}.md").read_text(encoding="utf-8")
