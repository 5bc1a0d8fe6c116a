"""Pools that need more than extremes along an axis: the median, and the undoing of a pool."""

from __future__ import annotations

import numpy as np

from cnnspec.backends.numpy.layout import Array, inner_shape
from cnnspec.backends.numpy.pool import ExtremePool, pooled_shape, spans_of
from cnnspec.backends.numpy.step import Step
from cnnspec.backends.numpy.window import at_inputs, at_outputs, taps


class Unpool(Step):
    """Puts each value where the pool took its own from; of two at one place the later window's stays."""

    reads_input = False

    def build(self) -> None:
        pool = self.site.steps[self.node.inputs[1]]
        assert isinstance(pool, ExtremePool)
        self.pool = pool
        self.y = self.memory.take(inner_shape(self.node.output, self.site.batch))

    def forward(self, training: bool) -> None:
        self.places = self.pool.places()
        self.y.fill(0)
        self.y.reshape(-1)[self.places] = self.x.reshape(-1)

    def prepare(self, dy: Array, wanted: tuple[bool, ...]) -> tuple[Array | None, ...]:
        self.dy = dy.reshape(-1)
        self.dx = self.memory.take(self.x.shape) if wanted[0] else None
        return self.dx, None

    def backward(self) -> None:
        """The gradient of each value that stayed; one overwritten by a later window has none."""
        if self.dx is None:
            return
        windows = np.arange(self.places.size)
        last = np.empty(self.dy.size, windows.dtype)
        last[self.places] = windows
        stayed = last[self.places] == windows
        np.multiply(self.dy[self.places], stayed, out=self.dx.reshape(-1))


class MedianPool(Step):
    """The median of each window's pixels on the map; of an even number, the mean of the middle two."""

    reads_input = False

    def build(self) -> None:
        self.spans = spans_of(self.node)
        self.taps = list(taps(self.spans))
        self.y = self.memory.take(pooled_shape(self.node, self.x.shape))
        self.values = self.memory.take((len(self.taps), *self.y.shape))
        self.low, self.high = self._middle()

    def _middle(self) -> tuple[Array, Array]:
        """Ranks of the middle pixels of each window, by how many of its taps lie on the map."""
        count = np.zeros(self.y.shape, int)
        for tap in self.taps:
            at_outputs(count, self.spans, tap)[...] += 1
        return (count - 1) // 2, count // 2

    def forward(self, training: bool) -> None:
        self.values.fill(np.nan)
        for values, tap in zip(self.values, self.taps, strict=True):
            np.copyto(at_outputs(values, self.spans, tap), at_inputs(self.x, self.spans, tap))
        order = np.argsort(self.values, axis=0, kind="stable")
        self.chosen = [np.take_along_axis(order, rank[None], axis=0) for rank in (self.low, self.high)]
        low, high = (np.take_along_axis(self.values, tap, axis=0)[0] for tap in self.chosen)
        np.add(low, high, out=self.y)
        np.multiply(self.y, 0.5, out=self.y)

    def prepare(self, dy: Array, wanted: tuple[bool, ...]) -> tuple[Array | None, ...]:
        self.dy, self.dx = dy, self.memory.take(self.x.shape)
        return (self.dx,)

    def backward(self) -> None:
        self.dx.fill(0)
        for n, tap in enumerate(self.taps):
            share = 0.5 * sum((chosen[0] == n).astype(self.dy.dtype) for chosen in self.chosen)
            target = at_inputs(self.dx, self.spans, tap)
            np.add(target, at_outputs(self.dy * share, self.spans, tap), out=target)
