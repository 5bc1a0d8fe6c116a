"""Messages about a text: what is wrong, where, what flowed in, and the cure.

Inner code states a bare fact; whoever knows the place adds it. Diagnostics are
collected, sorted by place and raised once; rendering is the views' business.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from functools import lru_cache
from typing import TypedDict

from cnnspec.records import record
from cnnspec.text import Span
from cnnspec.upward import upward


class Severity(StrEnum):
    ERROR = "error"
    WARNING = "warning"
    NOTE = "note"


@record
class Label:
    """A second place worth showing, with the reason."""

    span: Span
    message: str


@record
class Fix:
    """A replacement of one span that cures the fault; editors apply it."""

    span: Span
    replacement: str
    message: str


@record
class Diagnostic:
    """One fault: ``code`` names its page under ``mistakes/``.

    ``message`` states the fault, ``notes`` the facts behind it (the shape that
    flowed in, the working that fails), ``help`` the cure.
    """

    code: str
    message: str
    span: Span | None = None
    severity: Severity = Severity.ERROR
    labels: tuple[Label, ...] = ()
    notes: tuple[str, ...] = ()
    help: tuple[str, ...] = ()
    fixes: tuple[Fix, ...] = ()

    @classmethod
    def warning(cls, code: str, message: str, *help: str, notes: tuple[str, ...] = ()) -> Diagnostic:
        return cls(code, message, severity=Severity.WARNING, notes=notes, help=help)

    @property
    def sort_key(self) -> tuple[str, int, str]:
        return (self.span.source.name, self.span.start, self.code) if self.span else ("", -1, self.code)


@dataclass(slots=True)
class Diagnostics:
    """A collector: report all faults, not the first."""

    items: list[Diagnostic] = field(default_factory=list)
    _known: set[Diagnostic] = field(default_factory=set, repr=False)

    def add(self, diagnostic: Diagnostic) -> None:
        if diagnostic not in self._known:
            self._known.add(diagnostic)
            self.items.append(diagnostic)

    def extend(self, diagnostics: Iterable[Diagnostic]) -> None:
        for diagnostic in diagnostics:
            self.add(diagnostic)

    @property
    def has_errors(self) -> bool:
        return any(item.severity is Severity.ERROR for item in self.items)

    def sorted(self) -> tuple[Diagnostic, ...]:
        return tuple(sorted(self.items, key=lambda item: item.sort_key))

    def __iter__(self) -> Iterator[Diagnostic]:
        return iter(self.items)

    def __len__(self) -> int:
        return len(self.items)


class SpecError(Exception):
    """A spec cannot be used; ``diagnostics`` says why, sorted by place, and is its text."""

    def __init__(self, diagnostics: Iterable[Diagnostic]) -> None:
        self.diagnostics = tuple(sorted(diagnostics, key=lambda item: item.sort_key))
        super().__init__(self.diagnostics)

    @classmethod
    def of(cls, code: str, message: str, *help: str, notes: tuple[str, ...] = ()) -> SpecError:
        """The error of one fault, which has no place in a text."""
        return cls([Diagnostic(code, message, notes=notes, help=help)])

    def __str__(self) -> str:
        return str(upward("format_error")(self.diagnostics))


class LayerError(Exception):
    """A bare fact from inside a layer or a law: it knows no place yet.

    The border that knows the span (``network/``) turns it into a Diagnostic.
    ``option`` names the option at fault, when one is.
    """

    def __init__(
        self,
        code: str,
        message: str,
        *,
        notes: tuple[str, ...] = (),
        help: tuple[str, ...] = (),
        option: str | None = None,
    ) -> None:
        super().__init__(message)
        self.code, self.message, self.notes, self.help, self.option = code, message, notes, help, option

    def at(self, span: Span | None, *labels: Label, notes: tuple[str, ...] = ()) -> Diagnostic:
        """The diagnostic of this fact at a place."""
        return Diagnostic(
            self.code, self.message, span, labels=labels, notes=(*notes, *self.notes), help=self.help
        )


def nearest(word: str, known: Iterable[str], synonyms: Mapping[str, str] = {}) -> str | None:
    """The known word that ``word`` was most likely meant to be, or None."""
    words = _spoken(known, synonyms)
    if word.lower() in words:
        return words[word.lower()]
    return _closest(word, words, 0.6)


def _closest(word: str, words: Mapping[str, str], alike: float) -> str | None:
    """What the word most alike stands for, of those that are as much alike."""
    match = _most_alike(word.lower(), tuple(words), alike)
    return words[match] if match is not None else None


@lru_cache(maxsize=256)
def _most_alike(word: str, words: tuple[str, ...], alike: float) -> str | None:
    from difflib import get_close_matches  # only those who mistype pay for it

    return next(iter(get_close_matches(word, words, n=1, cutoff=alike)), None)


def _spoken(known: Iterable[str], synonyms: Mapping[str, str]) -> Mapping[str, str]:
    """What may be said for each of the known words, in small letters."""
    return _said_for(tuple(known), tuple(synonyms.items()))


@lru_cache(maxsize=64)
def _said_for(known: tuple[str, ...], synonyms: tuple[tuple[str, str], ...]) -> Mapping[str, str]:
    ours = {name.lower(): name for name in known}
    names = {*ours.values()}
    return {said: meant for said, meant in synonyms if meant in names} | ours


def suggestion(word: str, known: Iterable[str], otherwise: str, synonyms: Mapping[str, str] = {}) -> str:
    """``did you mean "conv1"?``, or what is said otherwise."""
    guess = nearest(word, known, synonyms)
    return f'did you mean "{guess}"?' if guess else otherwise


class Cure(TypedDict):
    """The last arguments of a Diagnostic."""

    help: tuple[str, ...]
    fixes: tuple[Fix, ...]


def surely(word: str, known: Iterable[str], synonyms: Mapping[str, str] = {}) -> str | None:
    """The known word that a synonym, or a word misspelt, stands for; None where another may be meant."""
    words = _spoken(known, synonyms)
    return words.get(word.lower()) or _closest(word, words, 0.75)


def did_you_mean(
    span: Span, word: str, known: Iterable[str], *otherwise: str, synonyms: Mapping[str, str] = {}
) -> Cure:
    """The cure of a word that is not known: the nearest one, or else what is said otherwise.

    The fix is offered where it is surely what was meant.
    """
    words = tuple(known)
    meant = surely(word, words, synonyms)
    if meant is not None:
        return {"help": (f"did you mean {meant}?",), "fixes": (Fix(span, meant, f"write {meant}"),)}
    guess = nearest(word, words)
    return {"help": (f"did you mean {guess}?", *otherwise) if guess else otherwise, "fixes": ()}


def any_of(words: Iterable[str]) -> str:
    """``a, b or c``."""
    *first, last = words
    return f"{', '.join(first)} or {last}" if first else last
