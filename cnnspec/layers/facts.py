"""Facts of a layer that memory, pictures, advice and other tools' ways of counting ask for.

They stand on the layer's class and not in lists of words where they are used, so that a new layer
is not forgotten there. A class states each fact itself or takes it from its family's base.
"""

from collections.abc import Callable, Mapping
from enum import StrEnum
from math import prod
from typing import Any, ClassVar, Final, TypeAlias

from cnnspec.records import record


class Storage(StrEnum):
    """Where the output lies when a network runs layer by layer."""

    OWN = "own"
    IN_PLACE = "in place"
    """Written over an input that nothing else reads."""
    VIEW = "view"
    """The input's own buffer: nothing is copied."""
    VIEW_IN_USE = "view in use"
    """A view when the network is used, a buffer of its own in training."""

    @property
    def is_view(self) -> bool:
        return self is Storage.VIEW or self is Storage.VIEW_IN_USE


class Keeps(StrEnum):
    """What the backward pass of a layer reads of the forward pass, its weights apart."""

    NOTHING = "nothing"
    INPUT = "input"
    OUTPUT = "output"
    """Its gradient follows from its output, so that may lie over the input."""
    BOTH = "input and output"
    PLACES = "places"
    """Which value of each window won."""
    DRAWN = "drawn"
    """What was drawn for each value."""

    @property
    def of_input(self) -> bool:
        return self is Keeps.INPUT or self is Keeps.BOTH

    @property
    def of_output(self) -> bool:
        return self is Keeps.OUTPUT or self is Keeps.BOTH


class Effect(StrEnum):
    """What a layer does to its values that makes its neighbours useless or harmful."""

    NONE = "none"
    BENDS = "bends"
    """A curve on every value: it distorts the scores that softmax reads."""
    SHARES = "shares"
    """Its outputs sum to 1, so each is small."""
    CENTERS = "centers"
    """Takes each channel's mean away, and with it any bias added before."""


class Picture(StrEnum):
    """How a layer is drawn."""

    BOX = "box"
    STRIP = "strip"
    """A strip on the card of the layer it follows; in the volumes a part of that layer's box."""
    PASSED = "passed"
    """A card, but no box of its own among the volumes."""
    SLAB = "slab"
    """A box, or a slab of the concatenation that alone reads it."""
    STACK = "stack"
    """A box of slabs, one an input."""
    SIGN = "sign"
    """The layer's ``sign``, such as + for a sum."""


@record
class Figures:
    """What a tool's rule may look at: one layer, its first input, its output, our own figures."""

    layer: Any
    input: tuple[int, ...]
    output: tuple[int, ...]
    multiplies: int
    params: int

    @property
    def biases(self) -> int:
        """One for each output value of a layer with a bias."""
        return prod(self.output) if self.layer.has_bias else 0


Rule: TypeAlias = Callable[[Figures], int | None]
Count: TypeAlias = int | Rule | None
"""Flops of one sample: so many an input value, or a rule; None where the tool has no such layer."""

Counts: TypeAlias = Mapping[str, Count]

NOTHING: Final[dict[str, Count]] = {"fvcore": 0, "ptflops": 0, "thop": 0, "calflops": 0, "torchinfo": 0}
"""Every tool knows the layer and counts nothing for it."""
UNKNOWN: Final[Counts] = dict.fromkeys(NOTHING)
"""PyTorch has no such layer, so the tools that count its modules say nothing about it."""


def multiplies(figures: Figures) -> int:
    return figures.multiplies


def params(figures: Figures) -> int:
    return figures.params


class Facts:
    """What each layer class or its family's base states. The values here are safe, but no decision."""

    __slots__ = ()

    storage: ClassVar[Storage] = Storage.OWN
    keeps: ClassVar[Keeps] = Keeps.BOTH
    effect: ClassVar[Effect] = Effect.NONE
    picture: ClassVar[Picture] = Picture.BOX
    sign: ClassVar[str] = ""
    counts: ClassVar[Counts] = {}
    """How tools that go by module count the layer, by the tool's name; a tool left out is undecided."""
    example: ClassVar[str] = "input 28x28x6; {word}"
    """A one-line spec that uses the layer, whose own word may be left open."""

    word: ClassVar[str]
    """The layer's word in the language."""

    @classmethod
    def spec(cls) -> str:
        """The example, with its word."""
        return cls.example.replace("{word}", cls.word)

    @property
    def has_bias(self) -> bool:
        """Whether a trained number is added to each output channel, or to each unit."""
        return bool(vars(self).get("bias", False))
