"""The order of samples, drawn from the seed and the epoch alone, and batches of them.

Because each epoch's order and each batch's changes follow from (seed, epoch,
place), a run can go on from any step without replaying what came before.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass, field, replace
from typing import Any, TypeAlias

import numpy as np
from numpy.typing import NDArray

from cnnspec.training.data.streamed import StreamedImages

Array: TypeAlias = NDArray[Any]
SHUFFLE, AUGMENT = 1, 2
"""What a derived generator is for."""
AHEAD = 2
"""Batches that are made while another is trained on."""
DECODED_AHEAD = 4
"""The same where images are decoded: processes that are held up for a while are waited for less often."""


@dataclass(frozen=True, eq=False)
class Batches:
    """The training samples, cut into batches anew each epoch; the last one may be smaller.

    With ``joined`` the last samples, too few for a batch of their own, go with the batch before.
    """

    images: Array | StreamedImages
    labels: Array
    size: int
    seed: int
    augmenter: Callable[[Array, Array, np.random.Generator], tuple[Array, Array]] | None = None
    """What changes images, and the labels that go with them."""
    share: tuple[int, int] = (0, 1)
    """Which part of each batch, of how many, is given."""
    joined: bool = False
    give: Callable[[Array], Array] = field(default=lambda labels: labels)
    """Makes of labels what the engine takes."""

    def shard(self, part: int, parts: int) -> Batches:
        """The same batches, of each only one of so many parts."""
        return replace(self, share=(part, parts))

    @property
    def per_epoch(self) -> int:
        return -(-len(self.labels) // self.size) - self.joined

    def order(self, epoch: int) -> NDArray[np.int64]:
        return np.random.default_rng([self.seed, epoch, SHUFFLE]).permutation(len(self.labels))

    def epoch(self, epoch: int, first: int = 0) -> Iterator[tuple[Array, Array]]:
        """The batches of an epoch, from place ``first`` on."""
        order = self.order(epoch)
        places = range(first, self.per_epoch)
        plain = ((self.images[chosen], self.labels[chosen]) for chosen in self.places(epoch, first))
        takes_time = self.augmenter is not None or isinstance(self.images, StreamedImages)
        found = self._ahead(epoch, order, places) if takes_time else plain
        return ((images, self.give(labels)) for images, labels in found)

    def whole(self) -> tuple[Array, Array] | None:
        """All samples and what the engine takes of their labels, where nothing is changed or decoded."""
        if self.augmenter is not None or isinstance(self.images, StreamedImages):
            return None
        return self.images, self.give(self.labels)

    def places(self, epoch: int, first: int = 0) -> Iterator[NDArray[np.int64]]:
        """Which of all samples the batches of an epoch have."""
        order = self.order(epoch)
        return (self._chosen(order, place) for place in range(first, self.per_epoch))

    def _chosen(self, order: NDArray[np.int64], place: int) -> NDArray[np.int64]:
        chosen = order[place * self.size :]
        chosen = chosen if place == self.per_epoch - 1 else chosen[: self.size]
        part, parts = self.share
        return chosen[len(chosen) * part // parts : len(chosen) * (part + 1) // parts]

    def _ahead(self, epoch: int, order: NDArray[np.int64], places: range) -> Iterator[tuple[Array, Array]]:
        """Batches that are augmented or decoded, in another thread while the one before is in use."""
        is_streamed = isinstance(self.images, StreamedImages)
        ahead = DECODED_AHEAD if is_streamed else AHEAD
        pool = ThreadPoolExecutor(ahead if is_streamed else 1, "batches")
        try:
            waiting: list[Future[tuple[Array, Array]]] = []
            for place in places:
                waiting.append(pool.submit(self._made, epoch, order, place))
                if len(waiting) > ahead:
                    yield waiting.pop(0).result()
            for future in waiting:
                yield future.result()
        finally:  # who leaves early, waits for nothing
            pool.shutdown(wait=False, cancel_futures=True)

    def _made(self, epoch: int, order: NDArray[np.int64], place: int) -> tuple[Array, Array]:
        chosen = self._chosen(order, place)
        images, labels = self.images[chosen], self.labels[chosen]
        if self.augmenter is None:
            return images, labels
        drawn = np.random.default_rng([self.seed, epoch, place, AUGMENT, self.share[0]])
        return self.augmenter(images, labels, drawn)
