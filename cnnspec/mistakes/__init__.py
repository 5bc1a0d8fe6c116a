"""One page a mistake: why it is one, a spec that fails, what is printed, the cured spec.

The pages lie beside this file as ``<code>.md``; a test runs every one of them.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Final

from cnnspec.resources import mistake_codes, mistake_text

_TITLE: Final = re.compile(r"\A# ([a-z0-9-]+): (.+)$", re.MULTILINE)
_QUOTED: Final = re.compile(r'"([^"]+ [^"]+)"')
_WORD: Final = re.compile(r"[a-z0-9]+")
_BLOCK: Final = re.compile(r"^## (.+?)\n+```(\w+)\n(.*?)^```$", re.MULTILINE | re.DOTALL)


@dataclass(frozen=True, slots=True)
class Page:
    """A page, and the parts of it that are run; ``fails`` is None where no spec alone can fail so."""

    code: str
    title: str
    text: str
    fails: str | None
    printed: str | None
    cured: str | None


def page(code: str) -> Page:
    """The page of a code; raises KeyError when there is none, ValueError when it is not in form."""
    text = mistake_text(code)
    title = _TITLE.match(text)
    if title is None or title[1] != code:
        raise ValueError(f'{code}.md does not begin with "# {code}: title"')
    blocks = {heading: body for heading, _, body in _BLOCK.findall(text)}
    return Page(
        code,
        title[2],
        text,
        blocks.get("A spec that fails"),
        blocks.get("What is printed"),
        blocks.get("Cured"),
    )


def titles() -> dict[str, str]:
    """Every code with its title, sorted by code."""
    return {code: page(code).title for code in mistake_codes()}


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
    wanted = _words(sought)
    found = [code for code, text in prose.items() if wanted and wanted <= _words(text)]
    return tuple(sorted(found, key=lambda code: not wanted <= _words(prose[code].partition(" why: ")[0])))


def _plain(text: str) -> str:
    return " ".join(text.lower().split())


def _words(text: str) -> set[str]:
    return set(_WORD.findall(text))
