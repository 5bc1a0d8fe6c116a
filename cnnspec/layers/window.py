"""Sliding windows: options a side or an axis, the size law, and the shapes that do not fit.

The law is that of Dumoulin and Visin, "A guide to convolution arithmetic for
deep learning": o = floor((i + 2p - d(k - 1) - 1)/s) + 1.
"""

from collections.abc import Iterable, Iterator
from math import gcd, prod
from typing import Annotated, Any, ClassVar, Literal, TypeAlias

from pydantic import BeforeValidator, Field, GetCoreSchemaHandler, NonNegativeInt, PositiveInt
from pydantic_core import CoreSchema, PydanticCustomError

from cnnspec.diagnostics import LayerError
from cnnspec.formula import Formula, Symbol, ceil, floor, total
from cnnspec.layers.base import AXES, AXIS_NAMES, Layer, Shape, Shapes, Sizes, Slide, Stretch, Window, show
from cnnspec.records import record

MOST_WINDOWS = 100_000
"""Windows looked at one by one, where a law does not say at once what they see."""


def alone(value: Any) -> Any:
    """A single number as a size of one."""
    if isinstance(value, int) and not isinstance(value, bool):
        return (value,)
    if not isinstance(value, tuple | list):
        raise PydanticCustomError("sizes", "must be a number, or one for each axis")
    return value


class Shared:
    """Makes the rules of a type once for all options of it."""

    rules: CoreSchema | None = None

    def __get_pydantic_core_schema__(self, source: Any, handler: GetCoreSchemaHandler) -> CoreSchema:
        self.rules = self.rules or handler(source)
        return self.rules


Extent: TypeAlias = Annotated[
    tuple[PositiveInt, ...], BeforeValidator(alone), Field(min_length=1, max_length=3), Shared()
]
"""One positive number for all axes, or one an axis."""

Pixels: TypeAlias = Annotated[
    tuple[NonNegativeInt, ...], BeforeValidator(alone), Field(min_length=1, max_length=6), Shared()
]
"""Pixels a side: for all sides, an axis, or a side (top, bottom, left, right)."""

Extra: TypeAlias = Annotated[
    tuple[NonNegativeInt, ...], BeforeValidator(alone), Field(min_length=1, max_length=3), Shared()
]
"""One number that may be 0 for all axes, or one an axis."""

Padding: TypeAlias = Literal["same", "valid", "full"] | Pixels


def per_axis(option: str, sizes: Sizes, rank: int) -> Sizes:
    """The sizes, one an axis; a single one serves all."""
    if len(sizes) == 1:
        return sizes * rank
    if len(sizes) != rank:
        raise LayerError(
            "wrong-number-of-sizes",
            f"{option} {show(sizes)} names {len(sizes)} axes, but the input has {rank}",
            help=("give one number" if rank == 1 else f"give one number for all axes, or {rank}",),
            option=option,
        )
    return sizes


def per_side(option: str, pixels: Sizes, rank: int) -> tuple[tuple[int, int], ...]:
    """(before, after) of each axis."""
    if len(pixels) == 2 * rank:
        return tuple(zip(pixels[::2], pixels[1::2], strict=True))
    return tuple((p, p) for p in per_axis(option, pixels, rank))


@record
class WindowAxis:
    """One axis of a window, with its padding resolved to pixels."""

    name: str
    size: int
    kernel: int
    stride: int
    before: int
    after: int
    dilation: int = 1

    @property
    def reach(self) -> int:
        """Pixels from a window's first tap to its last, both included."""
        return self.dilation * (self.kernel - 1) + 1

    @property
    def ends(self) -> tuple[Formula, ...]:
        """The padding at both ends, as the terms of a law."""
        if self.before == self.after:
            return (2 * self.symbol("p", "padding", self.before),) if self.before else ()
        near = Symbol(f"p_{self.name}0", self.before, "padding before")
        return near, Symbol(f"p_{self.name}1", self.after, "padding after")

    def symbol(self, letter: str, what: str, value: int) -> Symbol:
        return Symbol(letter, value, f"{what} along the {AXIS_NAMES[self.name]}")

    def symbols(self) -> tuple[Symbol, Symbol, Symbol, Symbol]:
        """Size, kernel, stride and dilation, as the laws name them."""
        return (
            self.symbol("i", "input", self.size), self.symbol("k", "kernel", self.kernel),
            self.symbol("s", "stride", self.stride), self.symbol("d", "dilation", self.dilation),
        )  # fmt: skip


@record
class Axis(WindowAxis):
    """One axis of a sliding window."""

    same: bool = False
    round_up: bool = False

    @property
    def output(self) -> Formula:
        """The size law, written as shortly as the options allow."""
        i, k, s, d = self.symbols()
        if self.same:
            return ceil(i / s)
        outside = _starts_outside(self.size, self.reach, self.stride, self.before, self.after)
        bracket = ceil if self.round_up and not outside else floor
        span = total((i, *self.ends)) - k if self.dilation == 1 else total((i, *self.ends)) - d * (k - 1) - 1
        return bracket(span / s) + 1

    @property
    def count(self) -> int:
        """How many positions the window has: the value of ``output``."""
        return positions(
            self.size, self.reach, self.stride, self.before, self.after, self.same, self.round_up
        )

    @property
    def dropped(self) -> int:
        """Rows or columns at the far end that are lost with the window that no longer fits.

        Pixels between windows that stand apart (stride > reach) are the design's own and do not count.
        """
        if self.same or self.round_up:
            return 0
        rest = (self.size + self.before + self.after - self.reach) % self.stride
        return max(0, rest - self.after - max(0, self.stride - self.reach))

    @property
    def blind(self) -> bool:
        """Whether some window touches no pixel of the map, only padding."""
        if not (self.before or self.after or self.round_up):
            return False
        if self.dilation <= self.size:  # no gap between taps hides the map: the outermost windows decide
            return not (self._touches(0) and self._touches(self.count - 1))
        return not all(map(self._touches, range(min(self.count, MOST_WINDOWS))))

    def _touches(self, o: int) -> bool:
        start = o * self.stride - self.before
        first = max(0, -(start // self.dilation))
        return first < self.kernel and start + first * self.dilation < self.size

    @property
    def slide(self) -> Slide:
        return Slide(self.kernel, self.stride, self.before, self.dilation)


def positions(size: int, reach: int, stride: int, before: int, after: int, same: bool, round_up: bool) -> int:
    """How many positions a window has along an axis; none or less where it does not fit.

    Rounded up, one that reaches over the map's far end by less than a stride is a position, the only one too.
    """
    if same:
        return -(-size // stride)
    room = size + before + after - reach
    up = round_up and not _starts_outside(size, reach, stride, before, after)
    return (-(-room // stride) if up else room // stride) + 1


def _starts_outside(size: int, reach: int, stride: int, before: int, after: int) -> bool:
    """With ceil rounding, the last window must start inside the map or its left padding."""
    last = -(-(size + before + after - reach) // stride)
    return last * stride >= size + before


def axes(layer: Any, shape: Shape) -> tuple[Axis, ...]:
    """The axes of a layer's window over a shape; raises LayerError where it does not fit.

    A layer without a stride moves by its kernel.
    """
    need_spatial(layer.word, shape)
    rank, same = len(shape) - 1, layer.padding == "same"
    kernels, strides = (
        per_axis("kernel", layer.kernel, rank),
        per_axis("stride", layer.stride or layer.kernel, rank),
    )
    dilations = per_axis("dilation", getattr(layer, "dilation", (1,)), rank)
    round_up = getattr(layer, "rounding", "floor") == "ceil"
    found = []
    for n, name in enumerate(AXES[rank]):
        reach = dilations[n] * (kernels[n] - 1) + 1
        before, after = sides(layer.padding, n, rank, shape[n], reach, strides[n])
        axis = Axis(name, shape[n], kernels[n], strides[n], before, after, dilations[n], same, round_up)
        _check_fit(layer.word, axis)
        found.append(axis)
    return tuple(found)


def sides(padding: str | Sizes, n: int, rank: int, size: int, reach: int, stride: int) -> tuple[int, int]:
    """(before, after) of axis ``n`` of ``rank``, in pixels."""
    if padding == "valid":
        return 0, 0
    if padding == "full":
        return reach - 1, reach - 1
    if padding == "same":
        pixels = max(0, (-(-size // stride) - 1) * stride + reach - size)
        return pixels // 2, pixels - pixels // 2
    assert not isinstance(padding, str)
    return per_side("padding", padding, rank)[n]


def _check_fit(word: str, axis: Axis) -> None:
    if axis.count >= 1:
        return
    room = axis.size + axis.before + axis.after
    padded = f" padded to {room}" if room != axis.size else ""
    raise LayerError(
        "window-larger-than-input",
        f"the {word} window is {axis.reach} pixels long, the input's {AXIS_NAMES[axis.name]} "
        f"is only {axis.size}{padded}",
        notes=(f"{axis.output.law()}", f"{axis.output.worked()}"),
        help=(
            f"make the window at most {room}, or pad by at least {-(-(axis.reach - axis.size) // 2)}",
            "or shrink the map less before this layer",
        ),
        option="kernel",
    )


def check_sight(word: str, found: tuple[Axis, ...]) -> None:
    """Refuse padding so wide that a window sees none of the map."""
    for axis in found:
        if axis.blind:
            raise LayerError(
                "window-sees-only-padding",
                f"a {word} window of {axis.reach} along the {AXIS_NAMES[axis.name]} lies on padding alone",
                notes=(f"{axis.before} before and {axis.after} after a map of {axis.size}",),
                help=(f"pad by at most {axis.reach // 2}, half the window",),
                option="padding",
            )


def kernel_symbols(found: Iterable[Any]) -> tuple[Symbol, ...]:
    """``k_h``, ``k_w``: the kernel's sizes for the laws of counting."""
    return tuple(Symbol(f"k_{axis.name}", axis.kernel, f"kernel {AXIS_NAMES[axis.name]}") for axis in found)


@record
class AdaptiveAxis:
    """One axis of a pool whose output's size is asked for: windows lie side by side or overlap by a pixel.

    Window o begins at ⌊o·i/n⌋ and ends before ⌈(o + 1)·i/n⌉, as PyTorch's adaptive pools.
    """

    name: str
    size: int
    count: int
    dropped: ClassVar[int] = 0
    before: ClassVar[int] = 0
    after: ClassVar[int] = 0

    @property
    def shared(self) -> int:
        """After so many equal parts of the axis the windows lie as at its beginning."""
        return gcd(self.size, self.count)

    @property
    def output(self) -> Formula:
        return Symbol(f"o_{self.name}", self.count, f"{AXIS_NAMES[self.name]} asked for")

    @property
    def pixels(self) -> Formula:
        """Pixels of all windows together: those that two share count twice."""
        size = Symbol(f"i_{self.name}", self.size, f"input {AXIS_NAMES[self.name]}")
        if self.size % self.count == 0:
            return size
        divisor = Symbol(f"g_{self.name}", self.shared, "greatest common divisor of the two sizes")
        return size + self.output - divisor

    @property
    def window(self) -> Stretch:
        return Stretch(self.size // self.shared, self.count // self.shared, "area")

    def phases(self) -> Iterator[tuple[int, int, int]]:
        """Windows that come again in every part: which output, where it begins, how long it is."""
        for o in range(self.count // self.shared):
            first, last = self.window.span(o)
            yield o, first, last - first + 1


class Sliding(Layer):
    """A layer whose window slides over its input."""

    def axes(self, inputs: Shapes) -> tuple[Axis, ...]:
        """The window along each spatial axis; raises LayerError where it does not fit."""
        return axes(self, inputs[0])

    def window(self, inputs: Shapes, which: int = 0) -> tuple[Window, ...]:
        return tuple(axis.slide for axis in self.axes(inputs))


def need_vector(word: str, shape: Shape) -> None:
    """Refuse a map where one row of numbers is needed."""
    if len(shape) != 1:
        raise LayerError(
            "needs-a-vector",
            f"{word} needs a vector, not the map {show(shape)}",
            notes=(f"flattened, {show(shape)} is a vector of {prod(shape):,} values",),
            help=("put flatten before it",),
        )


def need_spatial(word: str, shape: Shape, fewest: int = 1, most: int = 3) -> None:
    """Refuse a shape whose number of spatial axes the layer cannot take."""
    if not fewest <= len(shape) - 1 <= most:
        raise LayerError(
            "needs-a-map",
            f"{word} needs a map with {fewest} to {most} spatial axes, not {show(shape)}",
            help=("put it before flatten, or reshape the vector into a map",),
        )


def need_groups(what: str, count: int, groups: int, also: int = 0, option: str = "groups") -> None:
    """Refuse a count that the groups do not divide; ``also`` is another count they must divide."""
    if count % groups:
        divided = f"{count} and {also}" if also not in (0, count) else str(count)
        raise LayerError(
            "groups-do-not-divide",
            f"{count} {what} cannot be cut into {groups} equal {option}",
            notes=(f"{count} = {count // groups}·{groups} + {count % groups}",),
            help=(f"take a number of {option} that divides {divided}: {_divisors(gcd(count, also))}",),
            option=option,
        )


def _divisors(number: int) -> str:
    found = [str(n) for n in range(1, min(number, 4096) + 1) if number % n == 0]
    return ", ".join(found[:12]) + (" …" if len(found) > 12 else "")
