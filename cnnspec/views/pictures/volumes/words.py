"""What a group of solids does, in words, with its repetitions counted."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Sequence
from itertools import groupby
from typing import Final

from cnnspec.views.pictures.volumes.solids import Solid

LONGEST_RHYTHM: Final = 3
MOST_CHANNELS: Final = 4
"""Channels told one after the other of solids that stand together."""


def operations_text(solids: Sequence[Solid]) -> str:
    """What a group of solids does: ``maxpool 2×2, 3 × conv 3×3``, ``5 × (depthwise 3×3, conv 1×1)``."""
    return ", ".join(_rhythm(_operations(solids, 0)))


def _operations(solids: Sequence[Solid], depth: int) -> list[str]:
    """The words of each; a repeat that is here as a whole is counted, of others a brace tells."""
    words: list[str] = []
    for turns, found in groupby(solids, key=lambda solid: solid.turns[depth : depth + 1]):
        same = list(found)
        if not turns:
            words += [word for solid in same for word in [solid.operation] * solid.times]
        elif len(same) < turns[0].solids:
            words += _operations(same, depth + 1)
        else:
            inside = ", ".join(_rhythm(_operations(same, depth + 1)))
            words.append(f"{turns[0].times} × {_bracketed(inside)}")
    return words


def shapes_text(solids: Sequence[Solid]) -> str:
    """The size that all share with the channels of each: ``112×112×64 → 128``."""
    channels = [str(count) for count, _ in groupby(solid.shape[-1] for solid in solids)]
    if len(channels) > MOST_CHANNELS:
        channels[1:-1] = ["…"]
    return "×".join((*map(str, solids[0].shape[:-1]), " → ".join(channels)))


def told_turns(solids: Sequence[Solid]) -> set[int]:
    """The repeats that ``operations_text`` of these solids counts."""
    here = Counter(turns for solid in solids for turns in solid.turns)
    return {turns.key for turns, count in here.items() if count == turns.solids}


def _rhythm(words: Sequence[str]) -> Iterator[str]:
    """The words with their repetitions counted."""
    place = 0
    while place < len(words):
        period, count = max(
            ((p, _turns(words, place, p)) for p in range(1, LONGEST_RHYTHM + 1)),
            key=lambda found: (found[1] > 1) * found[0] * found[1],
        )
        part = ", ".join(words[place : place + period])
        yield f"{count} × {_bracketed(part)}" if count > 1 else words[place]
        place += period * count if count > 1 else 1


def _turns(words: Sequence[str], place: int, period: int) -> int:
    """How often the ``period`` words at ``place`` follow one another."""
    first, count = words[place : place + period], 1
    while words[place + count * period : place + (count + 1) * period] == first:
        count += 1
    return count if len(first) == period else 1


def _bracketed(text: str) -> str:
    return f"({text})" if "," in text or " × " in text else text
