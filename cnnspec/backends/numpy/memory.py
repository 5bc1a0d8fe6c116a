"""Arrays of a program, planned while it is compiled.

A block is handed out again as soon as nobody holds it, so buffers follow the
liveness of the graph and stay warm in the cache. Compilation happens in the
order of execution; a program never allocates while it runs.
"""

from __future__ import annotations

from dataclasses import dataclass
from math import prod

import numpy as np
from numpy.typing import DTypeLike

from cnnspec.backends.numpy.layout import Array, Shape

ALIGNMENT = 64
"""Bytes: one cache line, one AVX-512 register."""


@dataclass(eq=False)
class Block:
    """A stretch of memory and how many hold it."""

    storage: Array
    holders: int = 0


class Memory:
    """Hands out arrays and takes them back."""

    def __init__(self, dtype: DTypeLike) -> None:
        self.dtype = np.dtype(dtype)
        self.blocks: dict[int, Block] = {}
        self.free: list[Block] = []
        self.zeros: dict[Shape, Array] = {}

    @property
    def nbytes(self) -> int:
        """Bytes of all blocks: what the program needs at its peak."""
        return sum(block.storage.nbytes for block in self.blocks.values())

    def take(self, shape: Shape, dtype: DTypeLike | None = None) -> Array:
        """An array with any content, held once."""
        kind = np.dtype(dtype or self.dtype)
        size = max(1, prod(shape)) * kind.itemsize
        block = self._reuse(size) or self._allocate(size)
        block.holders = 1
        return block.storage[:size].view(kind)[: prod(shape)].reshape(shape)

    def own(self, shape: Shape) -> Array:
        """An array of zeros that is shared with nobody, ever: what must last from one pass to the next."""
        block = self._allocate(max(1, prod(shape)) * self.dtype.itemsize)
        block.holders = 1
        array = block.storage.view(self.dtype)[: prod(shape)].reshape(shape)
        array.fill(0)
        return array

    def hold(self, array: Array) -> None:
        """One more holder of the block behind an array; foreign memory needs none."""
        if block := self._block(array):
            block.holders += 1

    def release(self, array: Array) -> None:
        """One holder less; without any, the block is free to be taken."""
        if block := self._block(array):
            block.holders -= 1
            if block.holders == 0:
                self.free.append(block)

    def holders(self, array: Array) -> int:
        """How many hold the block behind an array."""
        block = self._block(array)
        return block.holders if block else 0

    def shared(self, a: Array, b: Array) -> bool:
        """Whether two arrays lie in one block."""
        block = self._block(a)
        return a is b or (block is not None and block is self._block(b))

    def zero_row(self, size: int) -> Array:
        """A constant row of zeros: the second operand of ``maximum``, far faster than a scalar."""
        if (size,) not in self.zeros:
            self.zeros[size,] = np.zeros(size, self.dtype)
        return self.zeros[size,]

    def _block(self, array: Array) -> Block | None:
        base = array
        while base.base is not None:
            base = base.base
        return self.blocks.get(id(base))

    def _reuse(self, size: int) -> Block | None:
        fitting = [block for block in self.free if block.storage.nbytes >= size]
        if not fitting:
            return None
        block = min(fitting, key=lambda block: block.storage.nbytes)
        self.free.remove(block)
        return block

    def _allocate(self, size: int) -> Block:
        raw = np.empty(size + ALIGNMENT, np.uint8)
        start = -raw.ctypes.data % ALIGNMENT
        block = Block(raw[start : start + size])
        self.blocks[id(raw)] = block
        return block
