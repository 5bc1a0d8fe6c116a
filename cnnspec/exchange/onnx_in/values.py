"""What the tensors of an ONNX graph are while it is read: constants, and the results of our layers, seen in
some order.

ONNX moves values about with operators that compute nothing (Reshape, Transpose, Slice, Gather ...). They are
followed place by place, and where a layer needs the values they become the word that moves them so, or are
refused. Hence no order is ever guessed.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from itertools import permutations
from math import prod
from typing import Any, Final, TypeAlias

import numpy as np

from cnnspec.layers.base import Shape, channels_first, spatial

Array: TypeAlias = np.ndarray[Any, Any]
Move: TypeAlias = tuple[str, dict[str, Any]]
"""A word and its options."""

MOST_PLACES: Final = 1 << 25
"""Values of a tensor whose places are followed one by one."""


@dataclass(frozen=True, eq=False)
class Const:
    """Known values; ``other`` are those for a batch of two, where they depend on the batch."""

    values: Array
    other: Array | None = None

    def both(self) -> tuple[Array, Array]:
        return self.values, self.values if self.other is None else self.other


@dataclass(frozen=True, eq=False)
class Flow:
    """The result of a layer: sizes without the batch as the graph sees them, and where each value is from.

    ``places`` are numbers into the layer's values, channel by channel, each row after row; None where the
    values stand in that order.
    """

    part: str
    shape: Shape
    dims: tuple[int, ...]
    places: Array | None = None
    led: bool = True
    """Whether the batch stands before these sizes; else it is one of them, and of one sample."""
    factor: float = 1.0
    """What all values are still to be multiplied by."""

    @property
    def plain(self) -> tuple[int, ...]:
        """The sizes of the layer's own result, channels first."""
        return channels_first(self.shape)

    @property
    def base(self) -> Flow:
        """The layer's own result."""
        return Flow(self.part, self.shape, self.plain)

    @property
    def is_plain(self) -> bool:
        return self.places is None and self.dims == self.plain and self.led and self.factor == 1

    @property
    def numbers(self) -> Array:
        """The places, written out; raises ValueError where they are too many."""
        if self.places is not None:
            return self.places
        if prod(self.dims) > MOST_PLACES:
            raise ValueError(f"it moves {prod(self.dims):,} values, too many to follow")
        return np.arange(prod(self.dims), dtype=np.int32).reshape(self.dims)

    @property
    def is_whole(self) -> bool:
        """Whether each value of the layer is there once."""
        if self.places is None:
            return True
        size = prod(self.shape)
        return self.places.size == size and bool((np.sort(self.places, axis=None) == np.arange(size)).all())

    @property
    def sequence(self) -> Array:
        """The places of the layer's own values as positions x channels."""
        return _own(self).reshape(self.shape[-1], -1).T

    @property
    def is_sequence(self) -> bool:
        """Whether the values of a map or sequence are seen as positions x channels."""
        if len(self.shape) < 2 or self.dims != (prod(self.shape[:-1]), self.shape[-1]):
            return False
        return np.array_equal(self.numbers, self.sequence)

    def first(self, axis: int) -> Flow | None:
        """The same with one value along an axis that repeats it; None where it does not."""
        if self.places is None or self.dims[axis] < 2:
            return None
        one = self.places.take([0], axis)
        return self.reordered(one) if (self.places == one).all() else None

    @property
    def is_cut_up(self) -> bool:
        """Whether a part of the values is seen, or more axes than the layer has."""
        return not self.led or not self.is_whole or len(self.dims) > len(self.shape)

    @property
    def seen(self) -> Array:
        """The places with the axis of the batch, of one sample."""
        return self.numbers[None] if self.led else self.numbers

    def seen_as(self, places: Array) -> Flow:
        """The same values in other places, whose first axis is the batch if it has one sample."""
        is_led = places.ndim > 0 and places.shape[0] == 1
        if places.size > MOST_PLACES:
            raise ValueError(f"it gives {places.size:,} values, too many to follow")
        return replace(self, led=is_led).reordered(places[0] if is_led else places)

    def is_seen_as(self, other: Flow) -> bool:
        """Whether the values of another layer of the same shape are seen in the same order."""
        if (self.shape, self.dims, self.led) != (other.shape, other.dims, other.led):
            return False
        return self.places is other.places or (
            self.places is not None and other.places is not None and np.array_equal(self.places, other.places)
        )

    def moved(self, move: Callable[[Array], Array]) -> Flow:
        """The same values moved by a function of their places."""
        places = move(self.numbers)
        if places.size > MOST_PLACES:
            raise ValueError(f"it gives {places.size:,} values, too many to follow")
        return self.reordered(places)

    def reordered(self, places: Array) -> Flow:
        in_order = places.size == prod(self.shape) and np.array_equal(places.ravel(), np.arange(places.size))
        return replace(self, dims=places.shape, places=None if in_order else places)

    def reshaped(self, dims: tuple[int, ...]) -> Flow:
        return replace(self, dims=dims, places=None if self.places is None else self.places.reshape(dims))


@dataclass(frozen=True, eq=False)
class Heads:
    """Positions of a layer as (heads, positions, values): the channels of each head."""

    part: str
    channels: Array
    """(heads, values a head)"""
    lead: tuple[int, ...]
    """The sizes before the positions, the batch and the heads among them."""
    factor: float


@dataclass(frozen=True, eq=False)
class Scores:
    """Each query times each key; after softmax, the shares that attention takes."""

    query: Heads
    key: Heads
    dims: tuple[int, ...]
    factor: float = 1.0
    is_shares: bool = False


def short(value: float) -> float:
    """A 32-bit float as the shortest number that means it."""
    return float(str(np.float32(value)))


Value: TypeAlias = Const | Flow | Scores


def ours(dims: tuple[int, ...]) -> Shape:
    """Sizes with channels first as a shape of the language; one value alone is a vector of one."""
    return (*dims[1:], dims[0]) if dims else (1,)


def channels_last(flow: Flow) -> bool:
    """Whether the values are seen height x width x channels."""
    if len(flow.shape) < 2 or flow.dims != flow.shape:
        return False
    if flow.places is None:
        return flow.shape[-1] == 1 or prod(spatial(flow.shape)) == 1
    return np.array_equal(flow.places, np.moveaxis(_own(flow), 0, -1))


def _own(flow: Flow) -> Array:
    return np.arange(prod(flow.shape), dtype=np.int32).reshape(flow.plain)


# Moves as words ------------------------------------------------------------------------


def words_for(flow: Flow) -> list[Move] | None:
    """The words that move a layer's values as a flow sees them, as a map or a vector; None if none do."""
    if flow.is_plain or (flow.dims == () and flow.shape == (1,)):
        return []
    if flow.places is None:
        if len(flow.dims) == 1:
            return [("flatten", {})]
        return [("reshape", {"to": ours(flow.dims)})]
    if flow.places.size == 0 or flow.places.min() < 0:
        return None
    for find in (_cut, _strided, _shuffled, _transposed, _blocks, _unblocked):
        if (moves := find(flow)) is not None:
            return moves
    return _flattened(flow)


ORDERS: Final = {"crd": ((0, 3, 1, 4, 2), 1), "dcr": ((2, 3, 0, 4, 1), 0)}
"""How the axes of blocks stand in a pixel shuffle, and whether channels come before the places of a block."""


def _blocks(flow: Flow) -> list[Move] | None:
    """Channels that become blocks of pixels."""
    if flow.places is None or len(flow.dims) != 3 or len(flow.shape) != 3 or flow.dims[1] % flow.plain[1]:
        return None
    (channels, *_), (_, height, width) = flow.dims, flow.plain
    factor = flow.dims[1] // height
    for order, (axes, ahead) in ORDERS.items():
        apart = (channels, factor, factor) if ahead else (factor, factor, channels)
        if factor > 1 and channels * factor**2 == flow.plain[0]:
            moved = _own(flow).reshape(*apart, height, width).transpose(axes)
            if np.array_equal(moved.reshape(flow.dims), flow.places):
                return [("pixelshuffle", {"factor": factor} | ({} if ahead else {"order": order}))]
    return None


def _unblocked(flow: Flow) -> list[Move] | None:
    """Blocks of pixels that become channels: the pixel shuffle that would give the map back is looked for."""
    if len(flow.dims) != 3 or flow.places is None or not flow.is_whole:
        return None
    back = np.empty(flow.places.size, np.int32)
    back[flow.places.ravel()] = np.arange(flow.places.size, dtype=np.int32)
    turned = Flow(flow.part, ours(flow.dims), flow.plain, back.reshape(flow.plain))
    found = _blocks(turned)
    return [("pixelunshuffle", options) for _, options in found] if found else None


def _flattened(flow: Flow) -> list[Move] | None:
    """A cut through channels or a map as a vector."""
    assert flow.places is not None
    if len(flow.dims) != 1:
        return None
    for dims in ((flow.dims[0],) + (1,) * len(spatial(flow.shape)), (1, *_tall(flow))):
        if prod(dims) == flow.dims[0] and len(dims) == len(flow.shape) > 1:
            moves = words_for(flow.reshaped(dims))
            if moves:
                return [*moves, ("flatten", {})]
    return None


def _tall(flow: Flow) -> tuple[int, ...]:
    return flow.dims if len(flow.shape) == 2 else ()


def _transposed(flow: Flow) -> list[Move] | None:
    """The axes in another order, of the layer's own axes or of those that it is cut into first."""
    if flow.places is None or sorted(flow.dims) != sorted(flow.plain) or len(flow.shape) < 2:
        return None
    own = _own(flow)
    for order in permutations(range(len(flow.plain))):
        if tuple(flow.plain[axis] for axis in order) == flow.dims and np.array_equal(
            own.transpose(order), flow.places
        ):
            *sizes, channels = (order[(n + 1) % len(order)] for n in range(len(order)))
            names = ("C", *"DHW"[4 - len(order) :])
            return [("transpose", {"order": "".join(names[axis] for axis in (*sizes, channels))})]
    return None


def _cut(flow: Flow) -> list[Move] | None:
    """A range of channels, and a rectangle of the map."""
    if len(flow.dims) != len(flow.shape) or flow.places is None:
        return None
    own, first = _own(flow), np.unravel_index(int(flow.places.flat[0]), flow.plain)
    ranges = tuple(slice(int(at), int(at) + size) for at, size in zip(first, flow.dims, strict=True))
    if not np.array_equal(own[ranges], flow.places):
        return None
    return [*_channels(ranges[0], flow.shape[-1]), *_rectangle(ranges[1:], spatial(flow.shape))]


def _channels(taken: slice, channels: int) -> Iterator[Move]:
    if (taken.start, taken.stop) != (0, channels):
        yield "slice", {"start": taken.start, "stop": taken.stop}


def _rectangle(taken: tuple[slice, ...], sizes: Shape) -> Iterator[Move]:
    sides = [(each.start, size - each.stop) for each, size in zip(taken, sizes, strict=True)]
    if any(map(any, sides)):
        yield "crop", {"amount": tuple(side for both in sides for side in both)}


def _strided(flow: Flow) -> list[Move] | None:
    """Every second row and column, or so: a pool whose window is one pixel."""
    if len(flow.dims) != len(flow.shape) or len(flow.shape) < 2 or flow.places is None:
        return None
    places, first = flow.places, np.unravel_index(int(flow.places.flat[0]), flow.plain)
    steps = []
    for axis in range(len(flow.dims)):
        if places.shape[axis] < 2:
            steps.append(1)
            continue
        next_one = np.unravel_index(int(np.moveaxis(places, axis, 0)[1].flat[0]), flow.plain)
        steps.append(int(next_one[axis] - first[axis]))
    if steps[0] != 1 or min(steps) < 1 or max(steps) == 1:
        return None
    ranges = tuple(slice(int(at), None, step) for at, step in zip(first, steps, strict=True))
    seen = _own(flow)[ranges]
    if seen.shape[1:] != flow.dims[1:] or not np.array_equal(seen[: flow.dims[0]], places):
        return None
    channels = slice(int(first[0]), int(first[0]) + flow.dims[0])
    near = tuple(slice(each.start, size) for each, size in zip(ranges[1:], spatial(flow.shape), strict=True))
    pool: Move = ("maxpool", {"kernel": (1,), "stride": tuple(steps[1:])})
    return [*_channels(channels, flow.shape[-1]), *_rectangle(near, spatial(flow.shape)), pool]


def _shuffled(flow: Flow) -> list[Move] | None:
    """Channels of groups dealt out in turn."""
    if flow.dims != flow.plain or flow.places is None:
        return None
    channels, pixels = flow.dims[0], prod(flow.dims[1:])
    order = flow.places.reshape(channels, pixels)[:, 0] // pixels
    groups = channels // int(order[1]) if channels > 1 and order[1] else 0
    if not groups or channels % groups:
        return None
    dealt = np.moveaxis(_own(flow).reshape(groups, channels // groups, pixels), 1, 0).reshape(flow.dims)
    return (
        [("shuffle", {"groups": channels // int(order[1])})] if np.array_equal(dealt, flow.places) else None
    )
