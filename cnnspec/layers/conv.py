"""Convolution: dense, grouped, and by a table of connections."""

from functools import lru_cache
from math import prod
from typing import Annotated, ClassVar, Final, Self, TypeAlias

from pydantic import Field, PositiveInt, field_validator, model_validator

from cnnspec.diagnostics import LayerError
from cnnspec.formula import Formula, Symbol, product
from cnnspec.layers.base import Family, Shapes, Weight, factors, output_symbols
from cnnspec.layers.facts import Counts, Figures, multiplies
from cnnspec.layers.kernels import Kernelled
from cnnspec.layers.window import Extent, Padding, Sliding, kernel_symbols, need_groups
from cnnspec.layers.writing import Unit
from cnnspec.text import whole

Table: TypeAlias = tuple[tuple[int, ...], ...]

TABLES: Final[dict[str, str]] = {
    "lenet1998": (
        "0 1 2; 1 2 3; 2 3 4; 3 4 5; 0 4 5; 0 1 5; "
        "0 1 2 3; 1 2 3 4; 2 3 4 5; 0 3 4 5; 0 1 4 5; 0 1 2 5; "
        "0 1 3 4; 1 2 4 5; 0 2 3 5; 0 1 2 3 4 5"
    )
}
"""Tables known by name: C3 of LeNet-5 (LeCun et al. 1998, table I), 6 channels to 16 filters."""


@lru_cache(maxsize=64)
def connections_of(text: str) -> Table:
    """The table of a name or a text ``0 1 2; 1 2 3``: a list of channels for each filter.

    Raises ValueError for a text that is neither, or a list that is empty or repeats a channel.
    """
    table = []
    for line in TABLES.get(text, text).split(";"):
        said = tuple(whole(word) for word in line.replace(",", " ").split())
        row = tuple(number for number in said if number is not None)
        if not row or len(row) < len(said):
            names = ", ".join(TABLES)
            raise ValueError(f"is neither a known table ({names}) nor lists of channels such as 0 1 2; 1 2 3")
        if len(set(row)) < len(row):
            raise ValueError(f"lists a channel twice for one filter: {line.strip()}")
        table.append(row)
    return tuple(table)


def _check_connections(table: Table, channels: int) -> None:
    """Refuse a table that names channels which are not there."""
    last = max(map(max, table))
    if last >= channels:
        raise LayerError(
            "connection-to-no-channel",
            f"the connections name channel {last}, but the last one there is {channels - 1}",
            notes=(f"{channels} channels flow in, counted from 0",),
            help=("connect to channels that exist, or give the layer before it more",),
            option="connections",
        )


FILTERS = "how many kernels, one output channel each"
KERNEL = "height and width of the kernel"
STRIDE = "pixels from one position of the kernel to the next"
PADDING = "zeros around the map: a number, (h, w), (top, bottom, left, right), same, valid or full"
DILATION = "pixels from one tap of the kernel to the next"
GROUPS = "cuts the channels into groups that do not see each other"
BIAS = "add one trainable number to each output channel"


def _biased(figures: Figures) -> int:
    return figures.multiplies + figures.biases


def _twice_biased(figures: Figures) -> int:
    return 2 * figures.multiplies + figures.biases


def _params_a_position(figures: Figures) -> int:
    return figures.params * prod(figures.output[:-1])


COUNTS: Final[Counts] = {
    "fvcore": multiplies, "ptflops": _biased, "thop": multiplies, "calflops": _twice_biased,
    "torchinfo": _params_a_position,
}  # fmt: skip


class Conv(Sliding, Kernelled):
    """Convolution with ``filters`` kernels (cross-correlation, as every framework computes it).

    Each filter reads all channels of its group, or those that ``connections`` gives it. Weights:
    ``weight`` (filters, channels/groups, *kernel), with connections (connections, *kernel), filter
    by filter; ``bias`` (filters,). LeCun et al. 1998.
    """

    word: ClassVar[str] = "conv"
    family: ClassVar[Family] = Family.CONV
    counts: ClassVar[Counts] = COUNTS
    example: ClassVar[str] = "input 32x32x3; conv 16 3x3 padding=1"
    positional: ClassVar[tuple[str, ...]] = ("filters", "kernel")

    filters: PositiveInt = Field(description=FILTERS)
    kernel: Extent = Field(description=KERNEL)
    stride: Extent = Field((1,), description=STRIDE)
    padding: Padding = Field((0,), description=PADDING)
    dilation: Extent = Field((1,), description=DILATION)
    groups: PositiveInt = Field(1, description=GROUPS)
    bias: bool = Field(True, description=BIAS)
    connections: Annotated[str, Unit("name or text in quotes")] | None = Field(
        None,
        description="which channels each filter reads: lenet1998, or one list per filter, as in 0 1 2; 1 2 3",
    )

    @field_validator("connections")
    @classmethod
    def _readable(cls, text: str | None) -> str | None:
        if text is not None:
            connections_of(text)
        return text

    @model_validator(mode="after")
    def _one_list_a_filter(self) -> Self:
        if self.connections is None:
            return self
        if self.groups != 1:
            raise ValueError("connections and groups cannot be given together")
        rows = len(connections_of(self.connections))
        if rows != self.filters:
            raise ValueError(f"connections lists {rows} filters, but there are {self.filters}")
        return self

    def table(self) -> tuple[tuple[int, ...], ...] | None:
        """The channels that each filter reads; None when it reads all of its group."""
        return None if self.connections is None else connections_of(self.connections)

    def output(self, inputs: Shapes) -> tuple[Formula, ...]:
        need_groups("input channels", inputs[0][-1], self.groups, self.filters)
        need_groups("filters", self.filters, self.groups, inputs[0][-1])
        if self.connections is not None:
            _check_connections(connections_of(self.connections), inputs[0][-1])
        self.arrays(inputs)
        return (*(axis.output for axis in self.axes(inputs)), self.outputs_of())

    def arrays(self, inputs: Shapes) -> tuple[Weight, ...]:
        kernel = tuple(axis.kernel for axis in self.axes(inputs))
        table, taps, channels = self.table(), prod(kernel), inputs[0][-1]
        fan_in, fan_out = channels // self.groups * taps, self.filters // self.groups * taps
        shape: tuple[int, ...] = (self.filters, channels // self.groups, *kernel)
        if table is not None:
            lines = sum(map(len, table))
            fan_in, fan_out = round(taps * lines / self.filters), round(taps * lines / channels)
            shape = (lines, *kernel)
        size, taps_from = product(self._kernels(inputs)), len(shape) - len(kernel)
        weight = self.kernels(Weight("weight", shape, size, fan_in, fan_out, taps_from=taps_from))
        bias = Weight("bias", (self.filters,), self.outputs_of(), fan_in, fan_out, initial="zeros")
        return (weight, bias) if self.bias else (weight,)

    def patches(self, inputs: Shapes) -> int:
        """What each output position reads, all channels; none where that is one pixel."""
        taps = prod(axis.kernel for axis in self.axes(inputs))
        return taps * inputs[0][-1] * prod(self.shape(inputs)[:-1]) if taps > 1 else 0

    def multiplies(self, inputs: Shapes) -> Formula:
        return product((*output_symbols(self.shape(inputs)), *self._kernels(inputs)))

    def additions(self, inputs: Shapes) -> Formula:
        if self.bias:
            return self.multiplies(inputs)
        places = output_symbols(self.shape(inputs))
        if self.connections is not None:
            return product((*places, product(self._kernels(inputs)) - self.outputs_of()))
        return product((*places, *factors(self.outputs_of()), self.taps(inputs) - 1))

    def outputs_of(self) -> Formula:
        """The number of output channels."""
        return Symbol("F", self.filters, "filters")

    def taps(self, inputs: Shapes) -> Formula:
        """Multiplications for one output value: the kernel over the channels it reads."""
        kernel = kernel_symbols(self.axes(inputs))
        if self.groups == inputs[0][-1] and self.groups > 1:
            return product(kernel)
        channels = Symbol("C", inputs[0][-1], "input channels")
        if self.groups == 1:
            return product((*kernel, channels))
        return product((*kernel, channels / Symbol("g", self.groups, "groups")))

    def _kernels(self, inputs: Shapes) -> tuple[Formula, ...]:
        """Taps of all filters together, as factors."""
        table = self.table()
        if table is None:
            return *factors(self.outputs_of()), self.taps(inputs)
        lines = Symbol("n", sum(map(len, table)), "connections")
        return lines, product(kernel_symbols(self.axes(inputs)))
