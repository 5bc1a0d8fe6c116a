"""What every layer answers, and the small values it answers with.

A layer is a frozen pydantic model of its options. Questions about a layer are
a closed set, so they are methods; each takes the shapes that flow in and
answers with formulas, so the number and its working are one object. A layer
that cannot take a shape raises ``LayerError``: a bare fact without a place.

Shapes are height x width x channels without the batch; ``(n,)`` is a vector.

No module of models has annotations that are strings (``from __future__ import annotations``): pydantic
would evaluate those of a base anew for every class below it, a sixth of the time of a small command.
"""

from collections.abc import Mapping, Sequence
from enum import StrEnum
from functools import lru_cache
from typing import TYPE_CHECKING, Any, ClassVar, Final, Literal, TypeAlias

from pydantic import Field

from cnnspec.formula import Formula, Number, Product, Symbol, product, total
from cnnspec.layers.facts import Facts
from cnnspec.layers.writing import SentenceModel
from cnnspec.records import record

Initial: TypeAlias = Literal[
    "he", "he_uniform", "he_truncated", "glorot", "glorot_uniform", "glorot_truncated",
    "lecun", "lecun_uniform", "lecun_truncated", "orthogonal", "normal", "uniform", "truncated_normal",
    "pytorch", "zeros", "ones",
    "he_normal", "glorot_normal", "lecun_normal", "random_normal", "random_uniform",
    "kaiming", "kaiming_normal", "kaiming_uniform", "xavier", "xavier_normal", "xavier_uniform", "default",
]  # fmt: skip
"""How random weights may begin, then Keras's and PyTorch's names for it; a plain name draws normally."""
INITIAL_SYNONYMS: Final[dict[str, str]] = {
    "he_normal": "he_truncated", "kaiming": "he", "kaiming_normal": "he", "kaiming_uniform": "he_uniform",
    "glorot_normal": "glorot_truncated", "xavier": "glorot", "xavier_normal": "glorot",
    "xavier_uniform": "glorot_uniform", "lecun_normal": "lecun_truncated",
    "random_normal": "normal", "random_uniform": "uniform", "default": "pytorch",
}  # fmt: skip
"""Those names, and ours: Keras's *_normal are truncated; PyTorch's are not."""


Shape: TypeAlias = tuple[int, ...]
Shapes: TypeAlias = tuple[Shape, ...]
SampleShape: TypeAlias = Shape | Mapping[str, Shape]
"""Of a sample: that of the input, or by name those of several inputs."""
Sizes: TypeAlias = tuple[int, ...]

AXES: dict[int, tuple[str, ...]] = {0: (), 1: ("w",), 2: ("h", "w"), 3: ("d", "h", "w")}
"""Subscripts of the spatial axes, by their number."""

AXIS_NAMES = {"d": "depth", "h": "height", "w": "width"}


def show(shape: SampleShape) -> str:
    """``28x28x6``: the way a shape is written and shown; of several ``left 28x28x1, right 28x28x1``."""
    if isinstance(shape, Mapping):
        return ", ".join(f"{name} {show(one)}" for name, one in shape.items())
    return "x".join(map(str, shape))


def channels_first(shape: Sequence[int]) -> Shape:
    """The shape as PyTorch and ONNX order it, and as definitions compute: C x H x W."""
    return (shape[-1], *shape[:-1])


def spatial(shape: Shape) -> Shape:
    return shape[:-1]


class Family(StrEnum):
    """Colour groups of the pictures, sections of the reference."""

    INPUT = "input"
    CONV = "conv"
    DENSE = "dense"
    POOL = "pool"
    ACTIVATION = "activation"
    ARITHMETIC = "arithmetic"
    NORM = "norm"
    DROPOUT = "dropout"
    RESHAPE = "reshape"
    RESAMPLE = "resample"
    MERGE = "merge"
    ATTENTION = "attention"


@record
class Given:
    """Numbers that a spec gives an array, in its order; an axis of length 1 serves every place along it."""

    shape: Shape
    numbers: tuple[float, ...]


@record
class Weight:
    """An array that belongs to a layer, in PyTorch's name and layout.

    ``size`` counts its values and says how; ``fan_in`` and ``fan_out`` feed
    initialisation (0 where they mean nothing); a buffer is not trained.
    """

    name: str
    shape: Shape
    size: Formula
    fan_in: int = 0
    fan_out: int = 0
    initial: Literal["fan", "zeros", "ones", "constant", "normal", "given"] = "fan"
    value: float = 0.0
    """The constant, or the deviation of a normal distribution."""
    buffer: bool = False
    inputs_first: bool = False
    """Whether the first axis is the input's channels, as PyTorch stores transposed convolutions."""
    taps_from: int = 2
    """The first axis of a kernel; the second where the first is connections from a channel to a filter."""
    given: Given | None = None


@record
class Item:
    """A count of one elementwise operation: ``comparisons``, ``divisions`` …"""

    what: str
    count: Formula


# What one output position of an axis sees of the input axis -----------------------


@record
class Slide:
    """A window that slides: position o sees i = o·stride − before + j·dilation, j < kernel.

    A negative ``before`` cuts pixels off the near end. An i outside the map is
    nothing (``zeros``), the nearest edge pixel (``replicate``) or the pixel
    mirrored at the edge, the edge itself not repeated (``reflect``).
    """

    kernel: int = 1
    stride: int = 1
    before: int = 0
    dilation: int = 1
    outside: Literal["zeros", "replicate", "reflect"] = "zeros"


@record
class Spread:
    """A window that spreads (transposed): o sees every i with o = i·stride − before + j·dilation."""

    kernel: int
    stride: int
    before: int
    dilation: int = 1


@record
class Stretch:
    """Another size: ``outputs`` positions lie where ``inputs`` lay, whatever the map's own size.

    o sees the pixel at o·inputs/outputs rounded down (``nearest``), those on either side of the centre
    (o + 1/2)·inputs/outputs − 1/2 (``linear``), two on either side (``cubic``; one alone where it meets the
    centre), or all from o·inputs/outputs to (o + 1)·inputs/outputs (``area``). With ``corners`` the centre is
    o·inputs/outputs. What lies outside the map is the pixel at its edge.
    """

    inputs: int
    outputs: int
    reads: Literal["nearest", "linear", "cubic", "area"] = "nearest"
    corners: bool = False

    def span(self, position: int) -> tuple[int, int]:
        """The first and the last pixel that a position sees, both included, before clipping."""
        i, o = self.inputs, self.outputs
        if self.reads in ("nearest", "area"):
            first = position * i // o
            return first, first if self.reads == "nearest" else -(-(position + 1) * i // o) - 1
        low, rest = divmod(position * i, o) if self.corners else divmod((2 * position + 1) * i - o, 2 * o)
        if rest == 0:
            return low, low
        return (low, low + 1) if self.reads == "linear" else (low - 1, low + 2)


@record
class Everything:
    """Every output position sees the whole axis."""


Window: TypeAlias = Slide | Spread | Stretch | Everything
SAME_PLACE = Slide()


ANSWERS: Final = (
    "as_conv", "axes", "output", "shape", "arrays", "params", "buffers",
    "multiplies", "additions", "elementwise", "intermediate", "window",
)  # fmt: skip
"""The questions whose answers are remembered for equal layers with equal inputs."""

REMEMBERED: Final = 4096
"""Answers kept for each question of each layer class."""


class Layer(Facts, SentenceModel):
    """The base of all layers; the defaults describe an elementwise layer without weights.

    Answers are remembered: a network repeats the same layer on the same shape
    many times, and every view asks again.
    """

    __slots__ = ("_hash",)
    if TYPE_CHECKING:
        _hash: int

    family: ClassVar[Family]
    last: ClassVar[tuple[str, ...]] = ("init", "weights", "frozen")
    arity: ClassVar[tuple[int, int | None]] = (1, 1)
    """Fewest and most inputs; None is any number."""
    references: ClassVar[tuple[str, ...]] = ()
    """Fields that name another layer, which flows in as an input after the current one."""
    reads_references: ClassVar[bool] = False
    """Whether the values of those layers are read, not only what they remember."""
    rises: ClassVar[bool] = False
    """Never decreasing, the same for every value: it may as well follow the max pool that reads it."""

    def __init_subclass__(cls, **options: Any) -> None:
        super().__init_subclass__(**options)
        remember(cls)

    def bind(self, *referred: "tuple[Layer, Shapes]") -> "Layer":
        """The layer completed by what its ``references`` are: each a layer and its input shapes."""
        return self

    def output(self, inputs: Shapes) -> tuple[Formula, ...]:
        """The law of each axis of the output; raises LayerError where the inputs do not fit."""
        return axes_of(inputs[0])

    def shape(self, inputs: Shapes) -> Shape:
        return tuple(int(axis) for axis in self.output(inputs))

    def arrays(self, inputs: Shapes) -> tuple[Weight, ...]:
        """The arrays of the layer, parameters before buffers."""
        return ()

    def params(self, inputs: Shapes) -> Formula:
        """Trainable parameters."""
        return total(weight.size for weight in self.arrays(inputs) if not weight.buffer)

    def buffers(self, inputs: Shapes) -> Formula:
        return total(weight.size for weight in self.arrays(inputs) if weight.buffer)

    def multiplies(self, inputs: Shapes) -> Formula:
        """Multiply-accumulates for one sample, taps on padding included."""
        return Number(0)

    def additions(self, inputs: Shapes) -> Formula:
        """Additions that go with ``multiplies``: k - 1 an output, and one for a bias."""
        return Number(0)

    def elementwise(self, inputs: Shapes) -> tuple[Item, ...]:
        """Every other operation, itemised."""
        return ()

    def intermediate(self, inputs: Shapes) -> Formula:
        """Values of one sample that it makes on the way to its output, and that training keeps."""
        return Number(0)

    def patches(self, inputs: Shapes) -> int:
        """Values of one sample's patches, where a product with them computes the layer; 0 for others."""
        return 0

    def window(self, inputs: Shapes, which: int = 0) -> tuple[Window, ...]:
        """For each spatial axis, what an output position sees of input ``which``."""
        return tuple(SAME_PLACE for _ in spatial(inputs[which]))

    def least_batch(self, inputs: Shapes) -> int:
        """How many samples a batch in training must have."""
        return 1

    def __eq__(self, other: object) -> bool:
        return self is other or (type(self) is type(other) and self.__dict__ == other.__dict__)

    def __hash__(self) -> int:
        try:
            return self._hash
        except AttributeError:
            object.__setattr__(self, "_hash", hash((type(self), *self.__dict__.values())))
            return self._hash


def remember(layer: type[Layer]) -> None:
    """Keep the answers that this very class gives, by layer and inputs."""
    for name in ANSWERS:
        if name in layer.__dict__:
            setattr(layer, name, lru_cache(maxsize=REMEMBERED)(layer.__dict__[name]))


remember(Layer)


class Weighted(Layer):
    """A layer with parameters of its own."""

    frozen: bool = Field(False, description="keep the parameters as they are in training")


def axes_of(shape: Shape) -> tuple[Formula, ...]:
    """The shape itself as named axes: an elementwise layer's output."""
    return (*spatial_symbols(shape, "i", "input"), Symbol("C", shape[-1], "channels"))


def spatial_symbols(shape: Shape, letter: str, what: str) -> tuple[Symbol, ...]:
    names = AXES[len(shape) - 1]
    return tuple(
        Symbol(f"{letter}_{name}", size, f"{what} {AXIS_NAMES[name]}")
        for name, size in zip(names, shape, strict=False)
    )


def output_symbols(shape: Shape) -> tuple[Symbol, ...]:
    """The output's spatial sizes as symbols ``o_h``, ``o_w`` for the laws of counting."""
    return spatial_symbols(shape, "o", "output")


def values(shape: Shape) -> Formula:
    """How many values a shape holds, by the names ``axes_of`` gives: ``i_h·i_w·C``."""
    return product(axes_of(shape))


def times(number: int, shape: Shape) -> Formula:
    """So many for each value of a shape: ``2·i_h·i_w·C``."""
    return values(shape) if number == 1 else product((number, *axes_of(shape)))


def factors(formula: Formula) -> tuple[Formula, ...]:
    """The formula as factors of a longer product, which is then written without parentheses."""
    return formula.factors if isinstance(formula, Product) else (formula,)
