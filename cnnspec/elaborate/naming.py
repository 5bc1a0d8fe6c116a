"""Names of layers: a label, or the word and its ordinal within its scope."""

from __future__ import annotations

from cnnspec.elaborate.scope import Context


class Names:
    """The names given so far; each is unique, and giving one takes constant time."""

    __slots__ = ("taken",)

    def __init__(self) -> None:
        self.taken: set[str] = set()

    def automatic(self, word: str, context: Context) -> str:
        """``conv2``: the next free ordinal; labels of the scope are left alone."""
        frame, taken = context.frame, self.taken
        number = frame.counts.get(word, 0) + 1
        name = f"{frame.prefix}{word}{number}"
        while name in taken or (frame.reserved and f"{word}{number}" in frame.reserved):
            number += 1
            name = f"{frame.prefix}{word}{number}"
        frame.counts[word] = number
        taken.add(name)
        return name

    def numbered(self, label: str, context: Context) -> str:
        """A label inside a repeat: each turn's own, ``label1``, ``label2`` …"""
        return self.automatic(label, context)

    def label(self, label: str, context: Context) -> str | None:
        """The full name of a label, or None when it is taken."""
        name = context.frame.prefix + label
        if name in self.taken:
            return None
        self.taken.add(name)
        return name
