"""Arrays of a program, planned while it is compiled.

Compilation happens in the order of execution, and twice: the first time only to
learn how long each array is needed (``Allocator.lifetimes``), the second with a place
for each in one arena (``place``), where arrays overlap that are never needed
together. A program never allocates while it runs.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from itertools import accumulate
from math import inf, prod
from typing import Final

import numpy as np
from numpy.typing import DTypeLike

from cnnspec.backends.machine import refuse_beyond_memory
from cnnspec.backends.numpy.layout import Array, Shape

ALIGNMENT = 64
"""Bytes: one cache line, one AVX-512 register."""
SMALL = 1024
"""Arrays of fewer bytes are not worth the gaps: they begin at multiples of ``SMALL_ALIGNMENT``."""
SMALL_ALIGNMENT = 16


@dataclass(eq=False)
class Lifetime:
    """One array's lifetime: its bytes, when it is taken and given back, and how many hold it."""

    size: int
    start: int
    scratch: bool
    end: float = inf
    holders: int = 1


@dataclass(frozen=True)
class ArenaLayout:
    """Where each array lies in the arena."""

    offsets: tuple[int, ...]
    map_bytes: int
    """What the maps alone take."""
    total_bytes: int
    """With the scratch, which fills gaps between the maps first."""


ORDERS: Final[tuple[Callable[[Lifetime], float], ...]] = (
    lambda lifetime: -lifetime.size,
    lambda lifetime: -lifetime.size * (lifetime.end - lifetime.start),
    lambda lifetime: lifetime.start,
)
"""Who chooses a place first: no order is best for every graph, so all are tried."""

PATIENCE: Final = 12
"""How often an order is changed in search of a lower peak."""
ENOUGH: Final = 1.01
"""So near to what is needed at once the search ends."""


def place(lifetimes: Sequence[Lifetime]) -> ArenaLayout:
    """A place for each array, as low as it can lie, in the order that needs least: maps first, mostly."""
    maps = _tightest(lifetimes, [n for n, lifetime in enumerate(lifetimes) if not lifetime.scratch])
    scratch = [n for n, lifetime in enumerate(lifetimes) if lifetime.scratch]
    orders = ([*maps, *sorted(scratch, key=lambda n: key(lifetimes[n]))] for key in ORDERS)
    found = min((_layout_by(lifetimes, order, len(maps)) for order in orders), key=_total)
    if found.total_bytes > ENOUGH * _most_at_once(lifetimes):
        mixed = _layout_by(lifetimes, _tightest(lifetimes, list(range(len(lifetimes)))), len(maps))
        found = min(found, replace(mixed, map_bytes=found.map_bytes), key=_total)
    return found


def _total(layout: ArenaLayout) -> int:
    return layout.total_bytes


def _tightest(lifetimes: Sequence[Lifetime], chosen: list[int]) -> list[int]:
    """The order in which these need least: whoever ends highest chooses first the next time."""
    needed, least, best = _most_at_once([lifetimes[n] for n in chosen]), inf, chosen
    for key in ORDERS:
        order = sorted(chosen, key=lambda n: key(lifetimes[n]))
        for _ in range(PATIENCE if order else 0):
            _, highs = _placed(lifetimes, order)
            top = int(highs.argmax())
            if highs[top] < least:
                least, best = int(highs[top]), order
            if least <= ENOUGH * needed:
                return best
            order = [order[top], *order[:top], *order[top + 1 :]]
    return best


def _most_at_once(lifetimes: Sequence[Lifetime]) -> int:
    """The most bytes that are needed at one time: no arena can be smaller."""
    taken = [(lifetime.start, lifetime.size) for lifetime in lifetimes]
    given = [(lifetime.end, -lifetime.size) for lifetime in lifetimes]
    return max(accumulate(size for _, size in sorted(taken + given)), default=0)


def _layout_by(lifetimes: Sequence[Lifetime], order: list[int], maps: int) -> ArenaLayout:
    lows, highs = _placed(lifetimes, order)
    offsets = tuple(low for _, low in sorted(zip(order, lows.tolist(), strict=True)))
    return ArenaLayout(offsets, int(highs[:maps].max(initial=0)), int(highs.max(initial=0)))


def _placed(lifetimes: Sequence[Lifetime], order: list[int]) -> tuple[Array, Array]:
    """Where each array begins and ends, in this order, each as low as those before it allow."""
    spans = np.array([(lifetimes[n].start, lifetimes[n].end) for n in order]).reshape(-1, 2)
    lows, highs = np.zeros(len(order), np.int64), np.zeros(len(order), np.int64)
    for rank, (n, (start, end)) in enumerate(zip(order, spans, strict=True)):
        together = np.flatnonzero((spans[:rank, 0] < end) & (spans[:rank, 1] > start))
        lows[rank] = _lowest(lows[together], highs[together], lifetimes[n].size)
        highs[rank] = lows[rank] + lifetimes[n].size
    return lows, highs


def _lowest(lows: Array, highs: Array, size: int) -> int:
    """The lowest offset at which ``size`` bytes fit between these."""
    if not len(lows):
        return 0
    order, unit = np.argsort(lows), ALIGNMENT if size >= SMALL else SMALL_ALIGNMENT
    ends = -(-np.maximum.accumulate(highs[order]) // unit) * unit
    gaps = lows[order][1:] - ends[:-1]
    if lows[order[0]] >= size:
        return 0
    fitting = np.flatnonzero(gaps >= size)
    return int(ends[fitting[0]] if len(fitting) else ends[-1])


class Allocator:
    """Hands out arrays and takes them back; without a layout each has memory of its own.

    What it owns are the arrays of another one, where these are given: a program that runs beside its like
    reads the same packed weights, and cannot write them.
    """

    def __init__(
        self, dtype: DTypeLike, layout: ArenaLayout | None = None, owned: Sequence[Array] | None = None
    ) -> None:
        self.dtype, self.layout = np.dtype(dtype), layout
        self.owned, self._others = list[Array](), None if owned is None else iter(owned)
        self.lifetimes: list[Lifetime] = []
        self.owned_bytes = 0
        self._clock = 0
        self._lifetime_of: dict[int, Lifetime] = {}
        self._roots: list[Array] = []
        self._arena = _aligned(layout.total_bytes if layout else 0)

    @property
    def map_bytes(self) -> int:
        """What the maps need: inputs, outputs and gradients of the layers, at their peak."""
        return self.layout.map_bytes if self.layout else 0

    @property
    def scratch_bytes(self) -> int:
        """What the kernels need beside the maps: patches, packed weights, room for partial results."""
        return self.nbytes - self.map_bytes

    @property
    def nbytes(self) -> int:
        """Bytes of everything: what the program needs at its peak, the weights apart."""
        return (self.layout.total_bytes if self.layout else 0) + self.owned_bytes

    def take(self, shape: Shape, dtype: DTypeLike | None = None, *, scratch: bool = False) -> Array:
        """An array with any content, held once."""
        kind = np.dtype(dtype or self.dtype)
        size = -(-max(1, prod(shape)) * kind.itemsize // SMALL_ALIGNMENT) * SMALL_ALIGNMENT
        start = self.layout.offsets[len(self.lifetimes)] if self.layout else 0
        room = self._arena.data[start : start + size] if self.layout else _aligned(size).data
        root = np.frombuffer(room, np.uint8)  # over a memoryview, so that views of it lead back to it
        lifetime = Lifetime(size, self._tick(), scratch)
        self.lifetimes.append(lifetime)
        self._roots.append(root)
        self._lifetime_of[id(root)] = lifetime
        return root.view(kind)[: prod(shape)].reshape(shape)

    def own(self, shape: Shape) -> Array:
        """An array of zeros outside of the arena: what must last from one pass to the next."""
        if self._others is None:
            size = max(1, prod(shape)) * self.dtype.itemsize
            self.owned_bytes += size
            self.owned.append(_aligned(size).view(self.dtype)[: prod(shape)].reshape(shape))
        else:
            other = next(self._others).view()
            other.flags.writeable = False
            self.owned.append(other)
        return self.owned[-1]

    def hold(self, array: Array) -> None:
        """One more holder of the memory behind an array; foreign memory needs none."""
        if lifetime := self._lifetime(array):
            lifetime.holders += 1

    def release(self, array: Array) -> None:
        """One holder less; without any, the memory is free to be taken."""
        if lifetime := self._lifetime(array):
            lifetime.holders -= 1
            if lifetime.holders == 0:
                lifetime.end = self._tick()

    def holders(self, array: Array) -> int:
        """How many hold the memory behind an array."""
        lifetime = self._lifetime(array)
        return lifetime.holders if lifetime else 0

    def shared(self, a: Array, b: Array) -> bool:
        """Whether two arrays lie in the same memory."""
        lifetime = self._lifetime(a)
        return a is b or (lifetime is not None and lifetime is self._lifetime(b))

    def _tick(self) -> int:
        self._clock += 1
        return self._clock

    def _lifetime(self, array: Array) -> Lifetime | None:
        base: object = array
        while base is not None and id(base) not in self._lifetime_of:
            base = getattr(base, "base", None)
        return self._lifetime_of.get(id(base))


def _aligned(size: int) -> Array:
    """Zeros that begin at a multiple of the alignment; pages are the system's until they are written."""
    refuse_beyond_memory(size)
    raw = np.zeros(size + ALIGNMENT, np.uint8)
    start = -raw.ctypes.data % ALIGNMENT
    return raw[start : start + size]
