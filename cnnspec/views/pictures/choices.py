"""How much of a network a picture shows."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final


@dataclass(frozen=True, slots=True)
class Choices:
    """How much a picture shows."""

    fold: bool = True
    join: bool = True
    depth: int | None = None
    """Blocks nested deeper than this are drawn as one card; None draws all layers."""
    heat: str | None = None
    stages: int = 0
    """Whether layers of one map size (1), or all (2), are one card too."""
    inset: bool = False
    """Whether the block that stands most often as one card is unrolled beside the picture."""


EVERYTHING: Final = Choices()
