"""Writes afresh what each page says is printed: ``python tests/mistakes/regenerate.py [CODE…]``.

A mistake's page shows what ``check`` says of its spec, a concept's page what ``explain`` works out.
"""

from __future__ import annotations

import re
import sys
from dataclasses import dataclass
from pathlib import Path

from cnnspec.analysis.explain import TOPICS
from cnnspec.analysis.report import analyze
from cnnspec.diagnostics import Diagnostic
from cnnspec.elaborate.spec import elaborate
from cnnspec.face import explain
from cnnspec.mistakes import titles
from cnnspec.resources import PACKAGE, concept_names, concept_text, mistake_codes, mistake_text
from cnnspec.syntax.parse import parse_tolerant
from cnnspec.text import Source
from cnnspec.views.terminal.messages import render_text

PRINTED = re.compile(r"(## What is printed\n+```text\n).*?(^```$)", re.MULTILINE | re.DOTALL)
WORKED = re.compile(r"(## Worked out: (.+)\n+```text\n).*?(^```$)", re.MULTILINE | re.DOTALL)
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


def worked_out(text: str) -> str:
    """What a concept's page shows of its example: some topics, of one layer where it is named."""
    found = WORKED.search(text)
    assert found is not None
    example = {heading: body for heading, _, body in BLOCK.findall(text)}["An example"]
    words = found[2].split()
    layer = next((word for word in words if word not in TOPICS), None)
    return str(explain(example, layer, [word for word in words if word in TOPICS]))


def regenerate(code: str) -> bool:
    """Whether the page of a code or concept had to be changed."""
    if code in concept_names():
        path, text = Path(PACKAGE) / "mistakes" / "concepts" / f"{code}.md", concept_text(code)
        pattern, block = WORKED, worked_out(text)
    else:
        path, text = Path(PACKAGE) / "mistakes" / f"{code}.md", mistake_text(code)
        pattern, block = PRINTED, printed(page(code).fails or "")
    changed = pattern.sub(lambda match: match[1] + block + match.groups()[-1], text)
    if changed != text:
        path.write_text(changed, encoding="utf-8")
    return changed != text


if __name__ == "__main__":
    for each in sys.argv[1:] or (*mistake_codes(), *concept_names()):
        if regenerate(each):
            print(f"wrote {each}")
