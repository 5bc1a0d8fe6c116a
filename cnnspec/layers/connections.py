"""Tables of connections: which channels each filter of a convolution reads."""

from __future__ import annotations

from functools import lru_cache
from typing import Final, TypeAlias

from cnnspec.diagnostics import LayerError

Table: TypeAlias = tuple[tuple[int, ...], ...]

NAMED: Final[dict[str, str]] = {
    "lenet1998": (
        "0 1 2; 1 2 3; 2 3 4; 3 4 5; 0 4 5; 0 1 5; "
        "0 1 2 3; 1 2 3 4; 2 3 4 5; 0 3 4 5; 0 1 4 5; 0 1 2 5; "
        "0 1 3 4; 1 2 4 5; 0 2 3 5; 0 1 2 3 4 5"
    ),
}
"""Tables known by name: C3 of LeNet-5 (LeCun et al. 1998, table I), 6 channels to 16 filters."""


@lru_cache(maxsize=64)
def read(text: str) -> Table:
    """The table of a name or a text ``0 1 2; 1 2 3``: a list of channels for each filter.

    Raises ValueError for a text that is neither, or a list that is empty or repeats a channel.
    """
    table = []
    for line in NAMED.get(text, text).split(";"):
        words = line.replace(",", " ").split()
        if not words or not all(word.isascii() and word.isdigit() for word in words):
            names = ", ".join(NAMED)
            raise ValueError(f"is neither a known table ({names}) nor lists of channels such as 0 1 2; 1 2 3")
        row = tuple(map(int, words))
        if len(set(row)) < len(row):
            raise ValueError(f"lists a channel twice for one filter: {line.strip()}")
        table.append(row)
    return tuple(table)


def check(table: Table, channels: int) -> None:
    """Refuse a table that names channels which are not there."""
    last = max(map(max, table))
    if last >= channels:
        raise LayerError(
            "connection-to-no-channel",
            f"the connections name channel {last}, but the last one there is {channels - 1}",
            notes=(f"{channels} channels flow in, counted from 0",),
            help=("connect to channels that exist, or give the layer before it more",),
            option="connections",
        )
