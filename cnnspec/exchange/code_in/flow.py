"""Tensors without values that flow through another program's model, and the layers they leave behind.

A tensor is a layer's output seen through reshapes and permutations: its axes are made of *atoms*, the
factors of the output's own axes. So ``view``, ``transpose`` and ``flatten`` cost nothing until a layer reads
the tensor; then it is the output itself, a flatten, a reshape or a shuffle of channels, or it is refused.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field, replace
from math import prod
from typing import Any, Final

from cnnspec.exchange.code_in.trace import NotFollowed, Sizes, Trace
from cnnspec.layers.registry import LAYERS
from cnnspec.text import Span


@dataclass(eq=False)
class TensorStorage:
    """Where the values of tensors lie: the layer they come from, and the memory that this is a part of.

    Work in place puts another layer there, which all names and views of the same memory then show. What
    overlaps it, or perhaps does, is spoilt by it: who reads it is told the line that wrote it over.
    """

    node: str
    whole: TensorStorage | None = None
    part: tuple[Any, ...] | None = None
    """The axis of the whole, and the places of it from where to where, that this is; unknown without."""
    parts: list[TensorStorage] = field(default_factory=list)
    fault: NotFollowed | None = None

    def __post_init__(self) -> None:
        if self.whole is not None:
            self.whole.parts.append(self)

    def read(self) -> str:
        if self.fault is not None:
            raise self.fault
        return self.node

    def write(self, node: str | None, here: Span | None, message: str = "") -> None:
        """Another layer in this place; none where it is not known, or where this memory cannot say it."""
        below, above = self, self.whole
        while above is not None:
            above.spoil(here, below, message)
            below, above = above, above.whole
        for one in self.parts:
            one.spoil(here, None, message)
        if node is None:
            self.spoil(here, None, message)
        else:
            self.node = node

    def spoil(self, here: Span | None, but: TensorStorage | None, message: str) -> None:
        """This and all parts, except ``but`` and what lies beside it."""
        self.fault = NotFollowed(message or CHANGED, "copy it before with clone(), or do this out of place")
        self.fault.span = here
        for one in self.parts:
            if one is not but and not (but and one._is_beside(but)):
                one.spoil(here, None, message)

    def _is_beside(self, other: TensorStorage) -> bool:
        if self.part is None or other.part is None or self.whole is not other.whole:
            return False
        (axis, start, stop), (other_axis, first, last) = self.part, other.part
        return bool(axis == other_axis and (stop <= first or last <= start))


CHANGED: Final = "this changes a tensor in place whose values are read later by another name or view"


@dataclass(frozen=True)
class Tensor:
    """A tensor in PyTorch's order of axes, a view of the output of the layer that its memory holds.

    ``atoms`` are the factors of N x C x spatial in order, none of them 1; ``view`` has for each axis the
    atoms that it is made of.
    """

    trace: Trace
    storage: TensorStorage
    atoms: Sizes
    view: tuple[tuple[int, ...], ...]
    hint: str = ""
    """The name of the module that made this view."""
    wide: Sizes = ()
    """The sizes of a map whose every pixel is the one of this."""

    @classmethod
    def of(cls, trace: Trace, node: str) -> Tensor:
        *spatial, channels = trace.shapes[node]
        return cls.shaped(trace, node, (trace.batch, channels, *spatial))

    @classmethod
    def shaped(cls, trace: Trace, node: str, sizes: Sizes) -> Tensor:
        atoms = tuple(size for size in sizes if size != 1)
        places = iter(range(len(atoms)))
        view = tuple((next(places),) if size != 1 else () for size in sizes)
        return cls(trace, TensorStorage(node), atoms, view)

    @property
    def node(self) -> str:
        """The layer whose output this is now; raises NotFollowed where what was done in place hides it."""
        return self.storage.read()

    @property
    def sizes(self) -> Sizes:
        return self.wide or tuple(prod(self.atoms[n] for n in group) for group in self.view)

    @property
    def own(self) -> Sizes:
        """N x C x spatial of the node itself."""
        *spatial, channels = self.trace.shapes[self.node]
        return (self.trace.batch, channels, *spatial)

    @property
    def order(self) -> list[int]:
        return [n for group in self.view for n in group]

    def axis(self, dim: int) -> int:
        found = dim + len(self.view) if dim < 0 else dim
        if not 0 <= found < len(self.view):
            raise NotFollowed(f"there is no axis {dim} in a tensor of {len(self.view)} axes")
        return found

    def seen(self, view: Iterable[tuple[int, ...]]) -> Tensor:
        return replace(self, view=tuple(view))

    # Views ---------------------------------------------------------------------------

    def reshaped(self, sizes: Sequence[int]) -> Tensor:
        sizes = list(sizes)
        whole = prod(self.atoms)
        if sizes.count(-1) == 1:
            rest = prod(size for size in sizes if size != -1)
            if rest == 0 or whole % rest:
                raise self._other_count(sizes)
            sizes[sizes.index(-1)] = whole // rest
        if prod(sizes) != whole:
            raise self._other_count(sizes)
        return self._split(sizes)

    def _other_count(self, sizes: Sequence[int]) -> NotFollowed:
        batch = self.trace.batch
        shown = ", ".join("N" if size == batch else str(size) for size in sizes)
        own = prod(self.atoms) // batch
        return NotFollowed(
            f"a sample has {own:,} values here, which are no ({shown})", code="reshape-changes-the-count"
        )

    def _split(self, sizes: Sequence[int]) -> Tensor:
        """The atoms dealt out to axes of these sizes, split where an axis ends within one."""
        atoms, order = list(self.atoms), self.order
        view: list[list[int]] = []
        for size in sizes:
            group: list[int] = []
            while size > 1:
                if not order:
                    raise NotFollowed("a view cuts across axes that were exchanged")
                first = order[0]
                if size % atoms[first] == 0:
                    size //= atoms[first]
                    group.append(order.pop(0))
                elif atoms[first] % size == 0:
                    for n in (*range(len(view)),):
                        view[n] = [m + (m > first) for m in view[n]]
                    group = [m + (m > first) for m in group]
                    order = [m + (m > first) for m in order]
                    atoms[first : first + 1] = [size, atoms[first] // size]
                    group.append(first)
                    order[0] = first + 1
                    size = 1
                else:
                    raise NotFollowed("a view mixes the values of a sample, or of several, in another order")
            view.append(group)
        return replace(self, atoms=tuple(atoms), view=tuple(map(tuple, view)))

    def permuted(self, dims: Sequence[int]) -> Tensor:
        return self.seen(self.view[self.axis(dim)] for dim in dims)

    def flattened(self, start: int = 0, end: int = -1) -> Tensor:
        start, end = self.axis(start), self.axis(end)
        if start == 0 and end > 0:
            raise NotFollowed("flatten(0) mixes the samples of a batch; flatten(1) keeps them apart")
        merged = tuple(n for group in self.view[start : end + 1] for n in group)
        return replace(self.seen((*self.view[:start], merged, *self.view[end + 1 :])), hint=self.trace.prefer)

    # What a layer reads --------------------------------------------------------------

    def layer(self) -> str:
        """The layer whose output this tensor is, N x C x spatial; made where there is none yet."""
        if self.wide:
            node = replace(self, wide=()).layer()
            return self.trace.add("upsample", [node], {"to": self.wide[2:]}, between="")
        if self.sizes == self.own and self.order == sorted(self.order):
            return self.node
        if len(self.sizes) < 2 or self.sizes[0] != self.trace.batch:
            raise NotFollowed("the samples of a batch are no longer apart")
        if len(self.sizes) > 5:
            raise NotFollowed("a tensor of more than three spatial axes is read by a layer")
        if self.order == sorted(self.order):
            channels, *spatial = self.sizes[1:]
            if not spatial:
                return self.trace.add("flatten", [self.node], between=self.hint)
            return self.trace.add("reshape", [self.node], {"to": (*spatial, channels)}, between=self.hint)
        return self._exchanged()

    def _exchanged(self) -> str:
        for pattern in (self._shuffle, self._pixels):
            if (found := pattern()) is not None:
                return found
        raise NotFollowed(
            "axes are exchanged before a layer reads them, in a way the language cannot say",
            "keep tensors as N x C x height x width where layers read them",
        )

    def _shuffle(self) -> str | None:
        """Channels of groups dealt out in turn."""
        if self.sizes != self.own or self.order[:3] != [0, 2, 1] or self.order[3:] != sorted(self.order[3:]):
            return None
        return self.trace.add("shuffle", [self.node], {"groups": self.atoms[1]}, between="")

    def _pixels(self) -> str | None:
        """Depth to space and back: N x (C r r) x H x W as N x C x (H r) x (W r)."""
        n = [prod(self.atoms[m] for m in group) for group in self.view]
        own = self.own
        if len(n) != 4 or len(own) != 4 or "pixelshuffle" not in LAYERS:
            return None
        if self.order in ([0, 1, 4, 2, 5, 3], [0, 3, 1, 4, 2]) and n[2] // own[2] == n[3] // own[3]:
            return self.trace.add("pixelshuffle", [self.node], {"factor": n[2] // own[2]}, between="")
        if self.order in ([0, 1, 3, 5, 2, 4], [0, 2, 4, 1, 3]) and own[2] // n[2] == own[3] // n[3]:
            return self.trace.add("pixelunshuffle", [self.node], {"factor": own[2] // n[2]}, between="")
        return None

    def own_groups(self) -> list[tuple[int, ...]] | None:
        """The atoms of each axis of the layer's own output; None where one lies across two of them."""
        found, at = [], 0
        for size in self.own:
            group = []
            while size > 1:
                if size % self.atoms[at]:
                    return None
                size //= self.atoms[at]
                group.append(at)
                at += 1
            found.append(tuple(group))
        return found

    def last(self) -> str | None:
        """The layer of which this is the view with channels last, its spatial axes apart or together."""
        groups = self.own_groups()
        if groups is None or len(self.view) < 3 or self.view[-1] != groups[1]:
            return None
        batch, channels, *spatial = groups
        return self.node if self.order == [*batch, *sum(spatial, ()), *channels] else None

    def kept(self, node: str) -> Tensor:
        """The same view of a layer with the same shape."""
        return replace(self, storage=TensorStorage(node))

    def fresh(self) -> Tensor:
        """A copy: what is done in place to the one changes the other no more."""
        return self.kept(self.node)

    def part_of(self, whole: Tensor, *part: int) -> Tensor:
        """This in memory that is part of another's, an axis of it from here to there; or that perhaps is."""
        where = ((whole.atoms, whole.view, part[0]), *part[1:]) if part else None
        return replace(self, storage=TensorStorage(self.node, whole.storage, where))

    def written(self, new: Tensor) -> Tensor:
        """This tensor after ``new`` was put in its place; its other names and views then are so too."""
        if self.wide or new.sizes != self.sizes:
            raise NotFollowed("PyTorch refuses to change a tensor in place into one of another shape")
        same = (self.atoms, self.view) == (new.atoms, new.view)
        self.storage.write(new.node if same else None, self.trace.here)
        return self if same else new
