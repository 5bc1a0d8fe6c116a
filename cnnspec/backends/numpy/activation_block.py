"""Activations of several operations, in blocks that stay near the cache from the first to the last."""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Iterator
from dataclasses import dataclass
from typing import ClassVar

import numpy as np

from cnnspec.backends.numpy.layout import Array, planes
from cnnspec.backends.numpy.step import Step

BLOCK = 1 << 16
"""Values of a block: with its room near the second-level cache, and long enough for the calls to pay."""


@dataclass(frozen=True)
class Block:
    """A part of the planes: input, output or gradient, and room of the same shape."""

    channels: slice
    x: Array
    y: Array
    rooms: tuple[Array, ...]
    where: Array


class Curve(Step):
    """An activation that keeps its input in training, given block by block."""

    overwrites = True
    rooms: ClassVar[int] = 1
    """Arrays that ``bend`` needs."""
    slope_rooms: ClassVar[int] = 2
    """Arrays that ``slope`` needs, the slope's own among them."""

    def build(self) -> None:
        self.y = self.output_like(self.x)
        self.blocks = self._blocks(self.y, self.rooms)

    def _blocks(self, y: Array, rooms: int) -> list[Block]:
        source, target = planes(self.x), planes(y)
        size = min(BLOCK, source.size)
        store, where = self.scratch((rooms, size)), self.scratch((size,), bool)
        blocks = []
        for part in parts(*source.shape):
            shape = source[part].shape
            room, flags = (array[..., : source[part].size] for array in (store, where))
            views = tuple(each.reshape(shape) for each in room)
            blocks.append(Block(part[1], source[part], target[part], views, flags.reshape(shape)))
        return blocks

    def forward(self) -> None:
        for block in self.blocks:
            self.bend(block, block.x, block.y, *block.rooms)

    def prepare(self, dy: Array, wanted: tuple[bool, ...]) -> tuple[Array | None, ...]:
        self.back = self._blocks(dy, self.slope_rooms)
        return (self.gradient_like(dy),)

    def backward(self) -> None:
        for block in self.back:
            self.slope(block, block.x, *block.rooms)
            np.multiply(block.y, block.rooms[0], out=block.y)

    @abstractmethod
    def bend(self, block: Block, x: Array, y: Array, *rooms: Array) -> None:
        """The curve at ``x`` into ``y``, which may be the same array."""

    @abstractmethod
    def slope(self, block: Block, x: Array, slope: Array, *rooms: Array) -> None:
        """The derivative at ``x`` into ``slope``."""


def parts(rows: int, channels: int, run: int) -> Iterator[tuple[slice, slice, slice]]:
    """Planes (rows, channels, run) cut into contiguous blocks of at most ``BLOCK`` values."""
    tall = max(1, BLOCK // (channels * run))
    high = max(1, BLOCK // run) if tall == 1 else channels
    for row in range(0, rows, tall):
        for channel in range(0, channels, high):
            for start in range(0, run, BLOCK):
                yield slice(row, row + tall), slice(channel, channel + high), slice(start, start + BLOCK)
