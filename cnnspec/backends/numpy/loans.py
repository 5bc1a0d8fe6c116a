"""Weights that are lent to be written in place, so that what is made from them is never out of date.

Whoever asks for a weight may write into it, at once or years later, through any view of it. A weight is
lent as a view of an array over a memoryview: every other view leads back to that array and to nothing
behind it, so it dies with the last who could write. What was made from weights still holds if all that
were ever lent were dead when it was made, and none was lent since. Reading every byte instead would take
as long as packing.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping
from threading import Lock
from weakref import ref

import numpy as np

from cnnspec.backends.arrays import NamedArrays
from cnnspec.backends.contract import Array


class Loans:
    """Arrays by name, and of each the last loan."""

    def __init__(self, arrays: Mapping[str, Array]) -> None:
        self._arrays, self._last = arrays, dict[str, ref[Array]]()
        self.start_afresh()

    def start_afresh(self) -> None:
        """A lock that nobody holds: in a forked process no thread is left to let go of it."""
        self._lock = Lock()

    def lend(self, name: str) -> Array:
        """The array, to be read and written."""
        array = self._arrays[name]
        if not array.size:
            return array
        with self._lock:
            last = self._last.get(name)
            lent = None if last is None else last()
            if lent is None:
                lent = np.frombuffer(array.data, array.dtype)
                self._last[name] = ref(lent)
        return lent.reshape(array.shape)

    def watch(self, names: Collection[str]) -> Callable[[], bool]:
        """A call that tells whether any of these may have been written since it was last asked."""
        seen: list[ref[Array] | None] | None = None

        def changed() -> bool:
            nonlocal seen
            last = [self._last.get(name) for name in names]
            same = seen is not None and all(now is then for now, then in zip(last, seen, strict=True))
            held = any(each is not None and each() is not None for each in last)
            seen = None if held else last
            return held or not same

        return changed


class LentArrays(NamedArrays):
    """The weights of a model, lent to whoever asks."""

    def __init__(self, arrays: Mapping[str, Array], loans: Loans) -> None:
        super().__init__(arrays)
        self._loans = loans

    def __getitem__(self, name: str) -> Array:
        super().__getitem__(name)
        return self._loans.lend(name)
