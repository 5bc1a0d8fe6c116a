"""Layers that leave parts out at random in training, and do nothing when the network is used."""

from typing import ClassVar, Literal, TypeAlias

from pydantic import Field

from cnnspec.layers.base import Family, Layer
from cnnspec.layers.facts import NOTHING, Counts, Effect, Keeps, Picture, Storage

Part: TypeAlias = Literal["value", "channel", "sample"]


class _LeftOut(Layer):
    """A random share of the parts is set to zero in training, and the rest scaled up by 1/(1 − rate)."""

    family: ClassVar[Family] = Family.DROPOUT
    storage: ClassVar[Storage] = Storage.VIEW_IN_USE
    keeps: ClassVar[Keeps] = Keeps.DRAWN
    effect: ClassVar[Effect] = Effect.NONE
    picture: ClassVar[Picture] = Picture.STRIP
    counts: ClassVar[Counts] = NOTHING
    positional: ClassVar[tuple[str, ...]] = ("rate",)

    @property
    def part(self) -> Part:
        """What is left out or kept together."""
        raise NotImplementedError


class Dropout(_LeftOut):
    """Sets a random share of the values to zero in training and scales up the rest.

    Does nothing when the network is used, so it costs nothing there. Srivastava et al. 2014; whole
    channels: Tompson et al. 2015.
    """

    word: ClassVar[str] = "dropout"
    example: ClassVar[str] = "input 4096; dropout 0.5"

    rate: float = Field(0.5, ge=0, lt=1, description="share of the values set to zero")
    channels: bool = Field(False, description="whole channels of a sample instead of single values")

    @property
    def part(self) -> Part:
        return "channel" if self.channels else "value"


class DropPath(_LeftOut):
    """Leaves a branch out for a random share of the samples in training and scales up the rest.

    It stands last in a branch of add, so that those samples take the way around it: stochastic depth.
    Does nothing when the network is used. Huang et al. 2016.
    """

    word: ClassVar[str] = "droppath"
    example: ClassVar[str] = "input 28x28x6; add { | | conv 6 1x1 -> droppath 0.1 }"

    rate: float = Field(0.1, ge=0, lt=1, description="share of the samples that it leaves out")

    @property
    def part(self) -> Part:
        return "sample"
