"""One page a mistake: why it is one, a spec that fails, what is printed, the cured spec.

The pages lie beside this file as ``<code>.md``, those of concepts under ``concepts/``; a test runs every
one of them.
"""

from __future__ import annotations

import re
from typing import Final

from cnnspec.resources import concept_names, concept_text, mistake_codes, mistake_text

_TITLE: Final = re.compile(r"\A# [a-z0-9-]+: (.+)$", re.MULTILINE)
_ALSO: Final = re.compile(r"^Also: (.+)$", re.MULTILINE)
_QUOTED: Final = re.compile(r'"([^"]+ [^"]+)"')
_WORD: Final = re.compile(r"[a-z0-9]+")
_EMPTY: Final = frozenset({
    "a", "an", "and", "are", "be", "do", "does", "during", "i", "in", "is", "it", "my", "no", "not", "of",
    "on", "or", "the", "to", "too", "why", "with",
})  # fmt: skip
"""Words that hardly tell what is meant."""


def titles() -> dict[str, str]:
    """Every code with its title, sorted by code."""
    found = {code: _TITLE.match(mistake_text(code)) for code in mistake_codes()}
    return {code: title[1] for code, title in found.items() if title}


def concepts() -> dict[str, str]:
    """Every concept that has a page, with its title."""
    found = {name: _TITLE.match(concept_text(name)) for name in concept_names()}
    return {name: title[1] for name, title in found.items() if title}


def concept(words: str) -> str | None:
    """The concept of this name, or that is also called so."""
    wanted = _spaced(words)
    for name in concept_names():
        also = _ALSO.search(concept_text(name))
        if wanted in map(_spaced, (name, *(also[1].split(", ") if also else ()))):
            return name
    return None


def search(words: str) -> tuple[str, ...]:
    """The codes of the pages that speak of these words, those with them in their title first.

    Pages quote what other programs say; where the words hold such a quotation, only the pages
    that quote it are meant.
    """
    sought = _plain(words)
    prose = {code: _plain(mistake_text(code).partition("\n## ")[0]) for code in mistake_codes()}
    quoting = [code for code, text in prose.items() if any(said in sought for said in _QUOTED.findall(text))]
    if quoting:
        return tuple(quoting)
    wanted = _words(sought) - _EMPTY or _words(sought)
    said = {code: _words(text) for code, text in prose.items()}
    found = [code for code, words in said.items() if wanted and wanted <= words]
    found = found or [code for code, words in said.items() if wanted and _speaks_of(words, wanted)]
    return tuple(sorted(found, key=lambda code: not wanted <= _words(prose[code].partition(" why: ")[0])))


def _speaks_of(words: set[str], wanted: set[str]) -> bool:
    """Whether each wanted word is there in some form: overfit for overfitting, diverges for diverged."""
    beginnings = [word if len(word) < 6 else word[: max(5, len(word) - 3)] for word in wanted]
    return all(any(word.startswith(beginning) for word in words) for beginning in beginnings)


def _spaced(text: str) -> str:
    return _plain(text.replace("-", " ").replace("_", " "))


def _plain(text: str) -> str:
    return " ".join(text.lower().split())


def _words(text: str) -> set[str]:
    return set(_WORD.findall(text))
