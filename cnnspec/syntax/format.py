"""Canonical text: two blanks an indent, one sentence form, comments kept in their places.

What the writer of a spec chose to put on one line stays on one line while it
fits; a blank line between sentences stays, several become one.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Final, TypeAlias

from cnnspec.syntax import tree
from cnnspec.syntax import write as text_of
from cnnspec.syntax.parse import parse
from cnnspec.syntax.write import WIDTH, TextLine, join_lines
from cnnspec.text import Source, Span

INDENT: Final = 2

Rewrite: TypeAlias = Callable[[tree.LayerSentence], tree.LayerSentence]
Items: TypeAlias = tuple[tree.Statement, ...] | tuple[tree.Setting, ...]
Item: TypeAlias = tree.Statement | tree.Setting

_SPACE: Final = re.compile(r"(?:[\s;]|#[^\n]*)*")
_EMPTY_LINE: Final = re.compile(r"\n[ \t\r]*\n")


def write(node: tree.Spec | tree.Statement | tree.Expression) -> str:
    """The canonical text of a node, one sentence a line; comments are not looked for."""
    if isinstance(node, tree.Expression):
        return text_of.expression(node)
    layout = _Layout(None, ())
    layout.items(node.statements if isinstance(node, tree.Spec) else (node,), 0)
    return layout.text() if isinstance(node, tree.Spec) else layout.text().rstrip("\n")


def format_source(source: Source, rewrite: Rewrite | None = None) -> str:
    """The canonical text of a spec; ``rewrite`` may spell each layer differently.

    Raises SpecError when the text cannot be read.
    """
    spec = parse(source)
    layout = _Layout(source, spec.comments, rewrite)
    layout.items(spec.statements, 0)
    layout.comments_before(len(source.text), 0)
    line_end = re.search(r"\r?\n", source.text)  # files from Windows keep theirs
    return layout.text().replace("\n", line_end[0] if line_end else "\n")


@dataclass(slots=True)
class _Layout:
    """Lines under construction; without a source, every sentence begins a line."""

    source: Source | None
    comments: tuple[tree.Comment, ...]
    rewrite: Rewrite | None = None
    lines: list[TextLine] = field(default_factory=list)
    _next_comment: int = 0
    _end: int = 0
    """Where in the source the last thing written ends."""
    _fresh: bool = True
    """Nothing has been written in this body yet."""

    def text(self) -> str:
        return join_lines(self.lines)

    def items(self, items: Items, indent: int, bar: bool = False) -> None:
        """Sentences, one after the other; ``bar`` says that the first continues a ``| ``."""
        for n, item in enumerate(items):
            begun = len(self.lines)
            joined = bool(n) and self._joined(items[n - 1], item)
            self.comments_before(item.span.start, indent + INDENT if joined and not bar else indent)
            straight = len(self.lines) == begun and not (self.lines and self.lines[-1].comment)
            self._item(self._rewritten(item), item.span, indent, bar and not n and straight, joined, bar)
            self._end, self._fresh = item.span.end, False

    def comments_before(self, offset: int, indent: int) -> None:
        """The comments not yet written that stand before a place."""
        while self._next_comment < len(self.comments):
            comment = self.comments[self._next_comment]
            if comment.span.start >= offset:
                return
            self._next_comment += 1
            if not comment.alone and self.lines and not self.lines[-1].comment:
                self.lines[-1].comment = comment.text
                self.lines[-1].comment_spread = self._spread(comment.span.start, 3)
            else:
                gap = self._gap(comment.span.start)
                self.lines.append(TextLine(indent, "", comment.text, gap))
                self._fresh = False
            self._end = comment.span.end

    # One sentence ------------------------------------------------------------

    def _item(self, item: Item, span: Span, indent: int, after_bar: bool, joined: bool, bar: bool) -> None:
        broken = _has_braces(item) and (self.source is None or "\n" in span.text)
        line = None if broken else self._one_line(item)
        before = indent + (3 if joined else 0) + (INDENT if joined and not bar else 0)
        if line is not None and _has_braces(item) and before + len(line) > WIDTH:
            line = None
        opening = line if line is not None else f"{text_of.opening(item)} {{"
        self._open(opening, span, indent, after_bar, joined, bar)
        if line is None:
            self._inside(item, self.lines[-1].indent + (INDENT if self.lines[-1].text[:2] == "| " else 0))

    def _open(self, text: str, span: Span, indent: int, after_bar: bool, joined: bool, bar: bool) -> None:
        last = self.lines[-1] if self.lines else None
        if after_bar and last:
            last.text += f" {text}"
        elif joined and last and self._fits_beside(last, text, span):
            if not last.arrow:
                arrow = span.source.text.rfind("->", self._end, span.start)
                last.arrow, last.spread = len(last.text), self._spread(arrow, 2)
            last.text += f" -> {text}"
        elif joined:
            self.lines.append(TextLine(indent if bar else indent + INDENT, f"-> {text}"))
        else:
            self.lines.append(TextLine(indent, text, gap=self._gap(span.start)))

    def _inside(self, item: Item, indent: int) -> None:
        """What stands in the braces, and the closing one."""
        match item:
            case tree.LayerSentence():
                self._paths(item.paths or (), indent)
                self._close(item.span.end, indent, text_of.claim(item))
            case tree.If():
                self._condition(item, indent)
            case tree.Train():
                self._body(item.settings, indent)
                self._close(item.span.end, indent)
            case tree.BlockDefinition() | tree.Repeat() | tree.Head():
                self._body(item.body, indent)
                self._close(item.span.end, indent)

    def _body(self, items: Items, indent: int) -> None:
        self._fresh = True
        self.items(items, indent + INDENT)

    def _close(self, end: int, indent: int, after: str = "") -> None:
        self.comments_before(end, indent + INDENT)
        self.lines.append(TextLine(indent, "}" + after))
        self._fresh = False

    def _condition(self, item: tree.If, indent: int) -> None:
        self._body(item.then, indent)
        if not item.otherwise:
            return self._close(item.span.end, indent)
        self._close(self._closing(item.then, item.condition.span.end), indent)
        nested = _else_if(item)
        if nested is not None:
            self.lines[-1].text += f" else {text_of.opening(nested)} {{"
            return self._condition(nested, indent)
        self.lines[-1].text += " else {"
        self._body(item.otherwise, indent)
        return self._close(item.span.end, indent)

    def _paths(self, paths: tuple[tree.Path, ...], indent: int) -> None:
        self._fresh = True
        for path in paths:
            self.comments_before(path.span.start, indent + INDENT)
            self.lines.append(TextLine(indent + INDENT, "|", gap=self._gap(path.span.start)))
            self._end = path.span.start + 1
            self.items(path.statements, indent + 2 * INDENT, bar=True)
            self._end, self._fresh = path.span.end, False

    # Decisions -----------------------------------------------------------------

    def _rewritten(self, item: Item) -> Item:
        return self.rewrite(item) if self.rewrite and isinstance(item, tree.LayerSentence) else item

    def _one_line(self, item: Item) -> str:
        opening = text_of.opening(item)
        match item:
            case tree.LayerSentence() if item.paths is not None:
                bars = "".join(" |" + self._chain(path.statements) for path in item.paths)
                return f"{opening} {{{bars} }}{text_of.claim(item)}"
            case tree.If():
                return opening + self._braces(item.then) + self._else(item)
            case tree.Train():
                return opening + self._braces(item.settings)
            case tree.BlockDefinition() | tree.Repeat() | tree.Head():
                return opening + self._braces(item.body)
        return opening

    def _braces(self, items: Items) -> str:
        return f" {{{self._chain(items)} }}"

    def _else(self, item: tree.If) -> str:
        if not item.otherwise:
            return ""
        nested = _else_if(item)
        return f" else {self._one_line(nested)}" if nested else f" else{self._braces(item.otherwise)}"

    def _chain(self, items: Items) -> str:
        out = ""
        for n, item in enumerate(items):
            join = " " if not n else " -> " if self._joined(items[n - 1], item) else "; "
            out += join + self._one_line(self._rewritten(item))
        return out

    def _joined(self, before: Item, after: Item) -> bool:
        """Whether the source has an arrow between two sentences."""
        if self.source is None:
            return False
        return "->" in re.sub(r"#[^\n]*", "", self.source.text[before.span.end : after.span.start])

    def _spread(self, offset: int, blanks: int) -> bool:
        """Whether that many blanks stand before a place."""
        return self.source is not None and self.source.text[max(0, offset - blanks) : offset] == " " * blanks

    def _gap(self, start: int) -> bool:
        """Whether an empty line stands between the last thing written and a place."""
        if self._fresh or self.source is None:
            return False
        return bool(_EMPTY_LINE.search(self.source.text, self._end, start))

    def _fits_beside(self, line: TextLine, text: str, span: Span) -> bool:
        """Whether a text stood on the line before it, and has room there."""
        wide = line.indent + len(line.text) + 4 + len(text) > WIDTH
        return not wide and not line.comment and "\n" not in span.source.text[self._end : span.start]

    def _closing(self, items: Items, otherwise: int) -> int:
        """The offset of the brace that closes a body, after its last sentence or its opening brace."""
        if self.source is None:
            return 0
        text = self.source.text
        start = items[-1].span.end if items else text.index("{", otherwise) + 1
        match = _SPACE.match(text, start)
        return match.end() if match else start


def _has_braces(item: Item) -> bool:
    if isinstance(item, tree.LayerSentence):
        return item.paths is not None
    return isinstance(item, tree.BlockDefinition | tree.Repeat | tree.If | tree.Head | tree.Train)


def _else_if(item: tree.If) -> tree.If | None:
    """The condition that is all of an ``else``, when it was or may be written as one."""
    only = item.otherwise[0] if len(item.otherwise) == 1 else None
    return only if isinstance(only, tree.If) else None
