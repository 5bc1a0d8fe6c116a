"""Reads a page as a browser would: tags that close, names that are there once, what it asks for."""

from __future__ import annotations

import re
from collections import Counter
from dataclasses import dataclass, field
from html.parser import HTMLParser

VOID = {"meta", "img", "br", "link", "input", "hr"}


@dataclass
class Page:
    text: str
    tags: Counter[str] = field(default_factory=Counter)
    ids: list[str] = field(default_factory=list)
    attributes: list[tuple[str, str]] = field(default_factory=list)
    words: list[str] = field(default_factory=list)

    def asked_for(self) -> list[str]:
        """Addresses of anything outside the page; names of XML vocabularies are none."""
        found = [
            value
            for name, value in self.attributes
            if name in ("src", "href", "xlink:href", "srcset", "action", "data", "poster")
            and not value.startswith(("#", "data:image/"))
        ]
        styles = re.findall(r"url\(\s*['\"]?(?!#)[^)]*\)|@import[^;]*", self.text)
        return found + styles


class Reader(HTMLParser):
    """Fails on a tag that is not closed in its order."""

    def __init__(self, page: Page) -> None:
        super().__init__()
        self.page = page
        self.open: list[str] = []

    def handle_starttag(self, tag: str, attributes: list[tuple[str, str | None]]) -> None:
        self.page.tags[tag] += 1
        self.page.attributes += [(name, value or "") for name, value in attributes]
        self.page.ids += [value or "" for name, value in attributes if name == "id"]
        if tag not in VOID:
            self.open.append(tag)

    def handle_startendtag(self, tag: str, attributes: list[tuple[str, str | None]]) -> None:
        self.page.tags[tag] += 1
        self.page.attributes += [(name, value or "") for name, value in attributes]
        self.page.ids += [value or "" for name, value in attributes if name == "id"]

    def handle_endtag(self, tag: str) -> None:
        assert self.open, f"</{tag}> closes nothing"
        assert tag == self.open[-1], f"</{tag}> stands where {self.open[-3:]} are open"
        self.open.pop()

    def handle_data(self, data: str) -> None:
        self.page.words.append(data)


def read(text: str) -> Page:
    page = Page(text)
    reader = Reader(page)
    reader.feed(text)
    reader.close()
    assert reader.open == []
    return page
