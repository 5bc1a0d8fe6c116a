"""Writes afresh what each mistake's page says is printed: ``python tests/mistakes/regenerate.py [CODE…]``."""

from __future__ import annotations

import re
import sys
from dataclasses import dataclass
from pathlib import Path

from cnnspec.analysis.report import analyze
from cnnspec.diagnostics import Diagnostic
from cnnspec.elaborate.spec import elaborate
from cnnspec.mistakes import titles
from cnnspec.resources import PACKAGE, mistake_codes, mistake_text
from cnnspec.syntax.parse import parse_tolerant
from cnnspec.text import Source
from cnnspec.views.terminal.messages import render_text

PRINTED = re.compile(r"(## What is printed\n+```text\n).*?(^```$)", re.MULTILINE | re.DOTALL)
BLOCK = re.compile(r"^## (.+?)\n+```(\w+)\n(.*?)^```$", re.MULTILINE | re.DOTALL)
NEIGHBOURS = {"blocks.cnn": "block unit width { conv width 3x3 -> relu }\n"}


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
    """The page of a code; raises KeyError when there is none, or when it is not in form."""
    text, title = mistake_text(code), titles()[code]
    assert text.startswith(f"# {code}: ")
    blocks = {heading: body for heading, _, body in BLOCK.findall(text)}
    parts = (blocks.get(heading) for heading in ("A spec that fails", "What is printed", "Cured"))
    return Page(code, title, text, *parts)


def read_use(name: str) -> Source:
    """The files beside the pages' specs."""
    if ".." in name or name.startswith("/"):
        raise ValueError(f'"{name}" lies outside its folder')
    if name not in NEIGHBOURS:
        raise FileNotFoundError(2, "No such file or directory", name)
    return Source(name, NEIGHBOURS[name])


def diagnostics_of(text: str) -> tuple[Diagnostic, ...]:
    """All that ``cnnspec check`` would say of a spec, by place."""
    spec, faults = parse_tolerant(Source("spec.cnn", text))
    found = elaborate(spec, read_use=read_use, extra=faults)
    said = list(found.diagnostics)
    if found.network is not None and not found.has_errors:
        said += [item for item in analyze(found.network).findings if item not in said]
    return tuple(sorted(said, key=lambda item: item.sort_key))


def printed(text: str) -> str:
    return render_text(diagnostics_of(text), color=False, width=80, unicode=True, summary=False) + "\n"


def regenerate(code: str) -> bool:
    """Whether the page of a code had to be changed."""
    found = page(code)
    if found.fails is None:
        return False
    path = Path(PACKAGE) / "mistakes" / f"{code}.md"
    block = printed(found.fails)
    text = PRINTED.sub(lambda match: match[1] + block + match[2], found.text)
    if text == found.text:
        return False
    path.write_text(text, encoding="utf-8")
    return True


if __name__ == "__main__":
    for each in sys.argv[1:] or mistake_codes():
        if regenerate(each):
            print(f"wrote {each}")
