"""The processes that train one network together: mostly one, of torchrun's several."""

from __future__ import annotations

from typing import TypeVar

T = TypeVar("T")


class ProcessGroup:
    """This process and those that train with it; here it is alone, and answers for all.

    Every process must call the same methods in the same order.
    """

    rank: int = 0
    """This one's number; the first one writes and talks."""
    size: int = 1

    @property
    def is_first(self) -> bool:
        return self.rank == 0

    def share(self, value: T) -> T:
        """The value that the first process gives."""
        return value

    def gather(self, value: T) -> list[T]:
        """The values of all, in their order."""
        return [value]

    def sum(self, values: list[float]) -> list[float]:
        """The sums over all processes, number by number."""
        return values

    def any(self, is_so: bool) -> bool:
        """Whether it is so in one of them."""
        return bool(self.sum([float(is_so)])[0])
