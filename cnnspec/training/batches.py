"""The order of samples, drawn from the seed and the epoch alone, and batches of them.

Because each epoch's order and each batch's changes follow from (seed, epoch,
place), a run can go on from any step without replaying what came before.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from cnnspec.training.data.dataset import Bytes, Labels

SHUFFLE, AUGMENT = 1, 2
"""What a derived generator is for."""
AHEAD = 2
"""Batches that are changed while another is trained on."""


@dataclass(frozen=True, eq=False)
class Batches:
    """The training samples, cut into batches anew each epoch; the last one may be smaller.

    With ``joined`` the last samples, too few for a batch of their own, go with the batch before.
    """

    images: Bytes
    labels: Labels
    size: int
    seed: int
    augmenter: Callable[[Bytes, np.random.Generator], Bytes] | None = None
    share: tuple[int, int] = (0, 1)
    """Which part of each batch, of how many, is given."""
    joined: bool = False

    def shard(self, part: int, parts: int) -> Batches:
        """The same batches, of each only one of so many parts."""
        return replace(self, share=(part, parts))

    @property
    def per_epoch(self) -> int:
        return -(-len(self.labels) // self.size) - self.joined

    def order(self, epoch: int) -> NDArray[np.int64]:
        return np.random.default_rng([self.seed, epoch, SHUFFLE]).permutation(len(self.labels))

    def epoch(self, epoch: int, first: int = 0) -> Iterator[tuple[Bytes, Labels]]:
        """The batches of an epoch, from place ``first`` on."""
        order = self.order(epoch)
        places = range(first, self.per_epoch)
        if self.augmenter is None:
            return (self._plain(order, place) for place in places)
        return self._changed(epoch, order, places)

    def _plain(self, order: NDArray[np.int64], place: int) -> tuple[Bytes, Labels]:
        chosen = order[place * self.size :]
        chosen = chosen if place == self.per_epoch - 1 else chosen[: self.size]
        part, parts = self.share
        chosen = chosen[len(chosen) * part // parts : len(chosen) * (part + 1) // parts]
        return self.images[chosen], self.labels[chosen]

    def _changed(self, epoch: int, order: NDArray[np.int64], places: range) -> Iterator[tuple[Bytes, Labels]]:
        """Augmented batches, made in another thread while the one before is in use."""
        pool = ThreadPoolExecutor(1, "augment")
        try:
            waiting: list[Future[tuple[Bytes, Labels]]] = []
            for place in places:
                waiting.append(pool.submit(self._augmented, epoch, order, place))
                if len(waiting) > AHEAD:
                    yield waiting.pop(0).result()
            for future in waiting:
                yield future.result()
        finally:  # who leaves early, waits for nothing
            pool.shutdown(wait=False, cancel_futures=True)

    def _augmented(self, epoch: int, order: NDArray[np.int64], place: int) -> tuple[Bytes, Labels]:
        images, labels = self._plain(order, place)
        assert self.augmenter is not None
        drawn = np.random.default_rng([self.seed, epoch, place, AUGMENT, self.share[0]])
        return self.augmenter(images, drawn), labels
