"""Layers made from words and options, once for each different sentence.

A sentence met again (a repeat, a block, another network) costs one look-up:
made layers are shared, and remember the shapes they have answered with.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Final

from cnnspec.binding.refusals import Refusal, validate
from cnnspec.diagnostics import LayerError
from cnnspec.layers.base import Layer, Shape, Shapes
from cnnspec.syntax.tree import LARGEST

MOST_KEPT: Final = 20_000
"""Made layers kept for later; beyond that the store is emptied."""


MOST_ANSWERS: Final = 4096
"""Shapes that one made layer remembers."""


@dataclass(eq=False, slots=True)
class MadeLayer:
    """A layer with its answers so far."""

    layer: Layer
    answers: dict[Shapes, Shape] = field(default_factory=dict)

    def shape(self, inputs: Shapes) -> Shape:
        """The output's shape; raises LayerError where the inputs do not fit."""
        known = self.answers.get(inputs)
        if known is None:
            known = self.layer.shape(inputs)
            if max(known) > LARGEST:
                raise LayerError(
                    "tensor-too-large",
                    f"{self.layer.word} would give more values than any machine holds",
                    notes=("the largest size allowed is 10^15",),
                )
            if len(self.answers) >= MOST_ANSWERS:
                self.answers.clear()
            self.answers[inputs] = known
        return known


_store: dict[Any, MadeLayer] = {}


def make_layer(kind: type[Layer], options: Mapping[str, Any]) -> MadeLayer | tuple[Refusal, ...]:
    """The layer of these options, or why there is none."""
    values = tuple(options.values())
    key = (kind, tuple(options), values, tuple(map(type, values)))
    made = _store.get(key)
    if made is not None:
        return made
    layer = validate(kind, options)
    if not isinstance(layer, Layer):
        return layer
    if len(_store) >= MOST_KEPT:
        _store.clear()
    made = _store[key] = MadeLayer(layer)
    return made


def completed(made: MadeLayer, referred: tuple[tuple[Layer, Shapes], ...]) -> MadeLayer:
    """A layer completed by the layers it refers to; raises LayerError where they do not suit it."""
    key = (made.layer, referred)
    if key not in _store:
        _store[key] = MadeLayer(made.layer.bind(*referred))
    return _store[key]
