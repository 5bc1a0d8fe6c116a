"""Dropout."""

from __future__ import annotations

from typing import ClassVar

from pydantic import Field

from cnnspec.layers.base import Family, Layer
from cnnspec.layers.facts import NOTHING, Counts, Effect, Picture, Storage


class Dropout(Layer):
    """Sets a random share of the values to zero in training and scales up the rest.

    Does nothing when the network is used, so it costs nothing there. Srivastava et al. 2014.
    """

    word: ClassVar[str] = "dropout"
    family: ClassVar[Family] = Family.DROPOUT
    storage: ClassVar[Storage] = Storage.VIEW_IN_USE
    effect: ClassVar[Effect] = Effect.NONE
    picture: ClassVar[Picture] = Picture.STRIP
    counts: ClassVar[Counts] = NOTHING
    example: ClassVar[str] = "input 4096; dropout 0.5"
    positional: ClassVar[tuple[str, ...]] = ("rate",)

    rate: float = Field(0.5, ge=0, lt=1, description="share of the values set to zero")
