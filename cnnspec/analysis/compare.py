"""Two networks side by side: layers aligned by name and structure, and what differs.

Layers that a writer named stay together under their names. The rest are aligned in
order by what they are, so that a layer put in between does not make all the later
ones, whose ordinals have moved on, look changed.
"""

from __future__ import annotations

from collections import Counter, deque
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import asdict
from difflib import SequenceMatcher
from functools import cached_property
from typing import Any, Final, Literal

from cnnspec.analysis.report import Analysis, Row
from cnnspec.records import record
from cnnspec.upward import upward

LARGEST: Final = 3000
"""Layers up to which a changed stretch is aligned by structure; longer ones go by name."""
MOST_PAIRS: Final = 100_000
"""Pairs of equal layers up to which it is: each is looked at for every stretch that stays: half a second."""

FIGURES: Final = ("params", "buffers", "multiplies", "additions", "elementwise", "flops", "activation_bytes")

Status = Literal["same", "changed", "added", "removed"]


@record
class Change:
    """One option or figure with its value before and after; None where it is not there."""

    what: str
    before: Any
    after: Any


@record
class Pair:
    """A layer before and after; one side is None where it was added or removed."""

    before: Row | None
    after: Row | None

    @property
    def status(self) -> Status:
        if self.before is None:
            return "added"
        if self.after is None:
            return "removed"
        return "changed" if self.changes else "same"

    @property
    def name(self) -> str:
        row = self.after or self.before
        assert row is not None
        return row.name

    @cached_property
    def changes(self) -> tuple[Change, ...]:
        """Kind, options, shapes and counts that differ; names and places do not count."""
        if self.before is None or self.after is None:
            return ()
        return tuple(_changes(self.before, self.after))

    def delta(self, figure: str) -> int:
        """After less before; a missing side is 0."""
        after, before = ((getattr(row, figure) if row else 0) for row in (self.after, self.before))
        return int(after - before)


@record
class Comparison:
    """``pairs`` in the order of the second network, removed layers where they stood."""

    before: Analysis
    after: Analysis
    pairs: tuple[Pair, ...]

    def __str__(self) -> str:
        """What differs, as ``cnnspec diff`` prints it."""
        return str(upward("comparison_text")(self))

    def count(self, status: Status) -> int:
        return sum(pair.status == status for pair in self.pairs)

    @property
    def is_same(self) -> bool:
        """Whether all layers, and so all figures, are equal."""
        return all(pair.status == "same" for pair in self.pairs) and self.input is None

    @cached_property
    def now(self) -> dict[int, Pair]:
        """The pair of each layer of the second network, by its place there."""
        return {pair.after.node.index: pair for pair in self.pairs if pair.after is not None}

    @property
    def input(self) -> Change | None:
        """The input's shape, if it differs."""
        one, two = self.before.network, self.after.network
        if len(one.inputs) == len(two.inputs) == 1:
            return None if one.input == two.input else Change("input", one.input, two.input)
        return None if one.input_text == two.input_text else Change("inputs", one.input_text, two.input_text)

    @cached_property
    def totals(self) -> tuple[Change, ...]:
        """Every total, before and after."""
        one, two = asdict(self.before.totals), asdict(self.after.totals)
        return tuple(Change(name, one[name], two[name]) for name in one)

    @property
    def summary(self) -> str:
        """One line: what was added, removed and changed, and what it costs."""
        if self.is_same:
            return "the same layers, the same figures"
        counted = Counter(pair.status for pair in self.pairs)
        told = [f"{counted[name]} {name}" for name in ("changed", "added", "removed") if counted[name]]
        totals = {change.what: change for change in self.totals}
        costs = [_told(name, totals[name]) for name in ("params", "multiplies", "peak_activation_bytes")]
        layers = f"layers: {', '.join(told)}" if told else "layers: the same"
        return f"{layers} · {' · '.join(costs)}"


def status_of(pairs: Iterable[Pair]) -> Status:
    """What happened to several layers taken as one: the same to all, or they changed."""
    found = {pair.status for pair in pairs}
    return found.pop() if len(found) == 1 else "changed" if found else "same"


def compare(before: Analysis, after: Analysis) -> Comparison:
    """The layers of two networks aligned, with all that differs."""
    return Comparison(before, after, tuple(_align(before.rows, after.rows)))


def _told(name: str, change: Change) -> str:
    words = name.replace("_", " ").replace(" activation bytes", " memory")
    delta = change.after - change.before
    if not delta:
        return f"{words} equal"
    share = f" ({100 * delta / change.before:+.1f} %)" if change.before else ""
    return f"{words} {delta:+,}{share}".replace("-", "−")


def _align(before: Sequence[Row], after: Sequence[Row]) -> Iterator[Pair]:
    head = _alike(before, after)
    tail = _alike(before[head:][::-1], after[head:][::-1])
    yield from map(Pair, before[:head], after[:head])
    yield from _align_middle(before[head : len(before) - tail], after[head : len(after) - tail])
    yield from map(Pair, before[len(before) - tail :], after[len(after) - tail :])


def _alike(before: Sequence[Row], after: Sequence[Row]) -> int:
    """How many rows from the start have equal layers."""
    count = 0
    for one, two in zip(before, after, strict=False):
        if one.node.layer != two.node.layer:
            break
        count += 1
    return count


def _align_middle(before: Sequence[Row], after: Sequence[Row]) -> Iterator[Pair]:
    if max(len(before), len(after)) > LARGEST:
        yield from _by_name(before, after)
        return
    one, two = ([row.node.layer for row in rows] for rows in (before, after))
    times = Counter(two)
    if sum(count * times[layer] for layer, count in Counter(one).items()) > MOST_PAIRS:
        yield from _by_name(before, after)
        return
    matcher = SequenceMatcher(None, one, two, autojunk=False)
    for tag, a, b, c, d in matcher.get_opcodes():
        if tag == "equal":
            yield from map(Pair, before[a:b], after[c:d])
        else:
            yield from _by_name(before[a:b], after[c:d])


def _by_name(before: Sequence[Row], after: Sequence[Row]) -> Iterator[Pair]:
    """Rows of equal name and kind are matched first, then those of equal kind in order."""
    matches = _matches(before, after)
    partners = set(matches.values())
    gone = deque(n for n in range(len(before)) if n not in partners)
    for n, row in enumerate(after):
        partner = matches.get(n)
        while partner is not None and gone and gone[0] < partner:
            yield Pair(before[gone.popleft()], None)
        yield Pair(None if partner is None else before[partner], row)
    yield from (Pair(before[n], None) for n in gone)


def _matches(before: Sequence[Row], after: Sequence[Row]) -> dict[int, int]:
    """Place in ``after`` -> place in ``before``."""
    matches: dict[int, int] = {}
    left = dict(enumerate(before))
    keys: tuple[Callable[[Row], Any], ...] = (lambda row: (row.name, row.kind), lambda row: row.kind)
    for key in keys:
        waiting: dict[Any, deque[int]] = {}
        for n, row in left.items():
            waiting.setdefault(key(row), deque()).append(n)
        for n, row in enumerate(after):
            found = waiting.get(key(row))
            if n not in matches and found:
                matches[n] = found.popleft()
                del left[matches[n]]
    return matches


def _changes(before: Row, after: Row) -> Iterator[Change]:
    if before.kind != after.kind:
        yield Change("kind", before.kind, after.kind)
    one, two = before.node.layer.options(), after.node.layer.options()
    for name in dict.fromkeys((*one, *two)):
        if one.get(name) != two.get(name):
            yield Change(name, *(getattr(row.node.layer, name, None) for row in (before, after)))
    for name in ("inputs", "output", *FIGURES):
        if getattr(before, name) != getattr(after, name):
            yield Change(name, getattr(before, name), getattr(after, name))
