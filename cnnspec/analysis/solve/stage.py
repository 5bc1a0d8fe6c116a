"""One layer that waits for its ``?``: the shapes that values would give it, without a network around it.

The size of a window's output hangs on a few numbers, its law: many options come to few laws.
"""

from __future__ import annotations

from collections.abc import Hashable, Mapping, Sequence
from functools import lru_cache
from typing import Any, Final, TypeAlias, cast

from cnnspec.binding.values import OpenValue
from cnnspec.diagnostics import LayerError
from cnnspec.elaborate.elaborator import OpenLayer
from cnnspec.layers.base import Layer, Shape, spatial
from cnnspec.layers.upconv import UpConv, spread_size
from cnnspec.layers.window import Sliding, alone, per_axis, positions, sides
from cnnspec.network.made_layers import MadeLayer, make_layer

Values: TypeAlias = tuple[Any, ...]
Size: TypeAlias = tuple[int | None, ...]
"""A shape; None where it hangs on a width that is not known yet."""
Law: TypeAlias = tuple[Any, ...]
"""What a size law takes besides the input's size: three things where the window spreads, else six."""

WINDOW: Final[dict[str, Any]] = {
    "kernel": 1, "stride": None, "padding": 0, "dilation": 1, "rounding": "floor", "output_padding": 0,
}  # fmt: skip
"""The options that the law of a window hangs on, as they are unless given."""


class Stage:
    """``layers`` is the layer with what flows into it for each set of widths."""

    def __init__(self, layers: Sequence[OpenLayer], claims: tuple[Shape, ...]) -> None:
        self.layers, self.layer, self.wide = layers, layers[0], len(layers) > 1
        self.claim, options = self.layer.sentence.claim, self.layer.options
        self.open = {name: value for name, value in options.items() if isinstance(value, OpenValue)}
        self.spans = [span for value in self.open.values() for span in value.spans]
        self.constants = {name: value for name, value in options.items() if name not in self.open}
        self.has_law = issubclass(self.layer.kind, (Sliding, UpConv)) and "to" not in options
        self.sides = spatial(self.layer.inputs[0])
        self.is_square = len(set(self.sides)) == 1
        self.seen = (claims, *((layer.seen, layer.inputs[0][-1]) for layer in layers))
        """All but its own output that what follows can hang on."""
        self.inputs = self.sides if self.has_law else self.layer.inputs
        holes = tuple((name, value.parts) for name, value in self.open.items())
        self.key = (self.layer.kind, len(self.sides), holes, *self.constants.items())
        """Equal where values have the same laws."""

    @property
    def is_known(self) -> bool:
        """Whether its sizes hang on its values and on no width."""
        return not self.layer.kind.references and all(
            self._fixed(layer) == self._fixed(self.layer) for layer in self.layers
        )

    def _fixed(self, layer: OpenLayer) -> object:
        options = {name: value for name, value in layer.options.items() if not isinstance(value, OpenValue)}
        if not self.has_law:
            return layer.sentence.span, layer.inputs, options
        window = {name: value for name, value in options.items() if name in WINDOW}
        return layer.sentence.span, spatial(layer.inputs[0]), window

    def options(self, values: Values) -> dict[str, Any]:
        """The layer's options with the values in."""
        options, left = dict(self.constants), iter(values)
        for name, value in self.open.items():
            parts = value.parts or (None,)
            filled = tuple([next(left) if part is None else part for part in parts])
            options[name] = filled if value.parts else filled[0]
        return options

    def law(self, values: Values) -> Hashable:
        """Equal for values that give equal sizes whatever flows in; None where they do not go together."""
        if not self.has_law:
            return values
        return laws_of(self.layer.kind, self.options(values), len(self.sides))

    def sizes(self, law: Any) -> Size | None:
        """The sizes of the output, its channels left out for a window; None where there is no such layer."""
        if not self.has_law:
            return self.shape(law)
        rank = len(self.sides)
        if self.is_square and len(law) == 1:
            size = size_by(law[0], self.sides[0])
            return (size,) * rank if size >= 1 else None
        laws = law * rank if len(law) == 1 else law
        found = tuple([size_by(one, size) for one, size in zip(laws, self.sides, strict=True)])
        return found if min(found) >= 1 else None

    def shape(self, values: Values) -> Size | None:
        """The output's shape as the layer itself tells it."""
        made = make_layer(self.layer.kind, self.options(values))
        if not isinstance(made, MadeLayer):
            return None
        try:
            if self.has_law and self.wide:
                return (*(axis.count for axis in cast(Any, made.layer).axes(self.layer.inputs)), None)
            return made.shape(self.layer.inputs)
        except LayerError:
            return None


def laws_of(kind: type[Layer], options: Mapping[str, Any], rank: int) -> tuple[Law, ...] | None:
    """The law of each axis, or the one of all; None where the options do not go together."""
    given = {**WINDOW, **options}
    if given["stride"] is None:
        given["stride"] = kind.model_fields["stride"].default or given["kernel"]
    padding, up, spreads = given["padding"], given["rounding"] == "ceil", issubclass(kind, UpConv)
    try:
        parts = [_sizes(given[name], rank) for name in ("kernel", "stride", "dilation", "output_padding")]
        axes = list(zip(*parts, strict=True))
        if isinstance(padding, tuple) or len(set(axes)) > 1:
            return tuple(_law(axis, padding, n, rank, up, spreads) for n, axis in enumerate(axes))
        return (_law(axes[0], padding, 0, 1, up, spreads),)
    except (LayerError, TypeError):
        return None


def size_by(law: Law, size: int) -> int:
    """The output's size along an axis; below 1 where the window does not fit."""
    return spread_size(size, 0, *law) if len(law) == 3 else positions(size, *law)


@lru_cache(maxsize=1024)
def _sizes(value: Any, rank: int) -> tuple[int, ...]:
    return per_axis("", alone(value), rank)


def _law(axis: Sequence[int], padding: Any, n: int, rank: int, up: bool, spreads: bool) -> Law:
    """Rounded down, a window of reach r over a map padded by p is one of reach r - p over the map alone."""
    kernel, stride, dilation, extra = axis
    if padding == "same":
        return (stride, 0, True) if spreads else (1, stride, 0, 0, True, False)
    reach = dilation * (kernel - 1) + 1
    pixels = padding if isinstance(padding, str) else alone(padding)
    before, after = sides(pixels, n, rank, 0, reach, stride)
    if spreads:
        return stride, before + after - reach - extra, False
    if up:
        return reach, stride, before, after, False, True
    return reach - before - after, stride, 0, 0, False, False
