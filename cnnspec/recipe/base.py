"""What the sentences of ``train { }`` have in common: their base, and the units of their numbers."""

from __future__ import annotations

from typing import Annotated, ClassVar, TypeAlias

from pydantic import BaseModel, ConfigDict, Field, NonNegativeFloat, PositiveFloat, PositiveInt


class Unit(str):
    """What a number counts: ``epochs``, ``pixels``; it takes the place of "number" in the reference."""

    __slots__ = ()


Share: TypeAlias = Annotated[float, Field(ge=0, lt=1), Unit("share")]
"""A part of a whole: 0 is none; all of it is too much."""
Rate: TypeAlias = Annotated[PositiveFloat, Unit("number")]
Epochs: TypeAlias = Annotated[NonNegativeFloat, Unit("epochs")]
WholeEpochs: TypeAlias = Annotated[PositiveInt, Unit("whole epochs")]
Pixels: TypeAlias = Annotated[NonNegativeFloat, Unit("pixels")]


class Setting(BaseModel):
    """The base of all sentences of a recipe."""

    model_config = ConfigDict(frozen=True, extra="forbid", strict=True)
    positional: ClassVar[tuple[str, ...]] = ()
    """Fields that may be given without their name, in order, after the kind."""
    quoted: ClassVar[str] = ""
    """The field that text in quotes fills where it stands first and is no word of the first field's: a
    path, which is relative to the spec's folder."""
    example: ClassVar[str] = ""
    """How it is written, with options worth trying first."""
    beside: ClassVar[str] = ""
    """Another sentence that it makes little sense without."""
