"""How large a solid is drawn: linear while that stays readable, compressed as stated otherwise."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from math import log
from typing import Final

from cnnspec.views.pictures.volumes.solids import Solid

MILD: Final = 0.995
"""An exponent above this is told as "to scale"."""


@dataclass(frozen=True, slots=True)
class Power:
    """Pixels = ``most`` · (size / ``largest``) ^ ``exponent``."""

    most: float
    largest: float
    exponent: float

    def __call__(self, size: float) -> float:
        return self.most * float((size / self.largest) ** self.exponent)

    @property
    def told(self) -> str:
        return "to scale" if self.exponent > MILD else f"as size^{self.exponent:.2f}"


def power(sizes: Sequence[float], most: float, least: float) -> Power:
    """The gentlest compression that draws the smallest with ``least`` pixels, the largest with ``most``."""
    if not sizes:
        return Power(most, 1, 1)
    ratio = max(sizes) / min(sizes)
    exponent = 1.0 if ratio <= most / least else log(most / least) / log(ratio)
    return Power(most, max(sizes), exponent)


@dataclass(frozen=True, slots=True)
class Scale:
    """Sizes in pixels of maps' sides, of channels, of vectors; ``slant`` is the oblique share of a width."""

    side: Power
    channel: Power
    length: Power
    slant: tuple[float, float]

    def box(self, solid: Solid) -> tuple[float, float, float, float]:
        """(thickness, height, slant to the right, slant upward)."""
        if solid.sign:
            return 18.0, 18.0, 0.0, 0.0
        if solid.is_vector:
            return 9.0, self.length(solid.shape[-1]), 5.0, 4.0
        height = self.side(solid.shape[-3] if len(solid.shape) > 2 else solid.shape[0])
        width = self.side(solid.shape[-2]) if len(solid.shape) > 2 else 14.0
        return self.channel(solid.shape[-1]), height, width * self.slant[0], width * self.slant[1]

    @property
    def note(self) -> str:
        """What the drawing says about itself."""
        sides, channels = self.side.told, self.channel.told
        if sides == channels == "to scale":
            return "Heights, widths and channels of the maps are to scale."
        if channels != "to scale":
            channels = channels.replace("size", "channels")
        return f"Heights and widths of the maps are drawn {sides}, their thickness {channels}."


def scale_for(
    solids: Sequence[Solid],
    *,
    most: float,
    least: float,
    thick: tuple[float, float],
    slant: tuple[float, float],
) -> Scale:
    """The scale of a picture: sides between ``least`` and ``most`` pixels, thickness within ``thick``."""
    maps = [solid for solid in solids if solid.is_map]
    sides = [float(size) for solid in maps for size in solid.shape[:-1][-2:]]
    channels = [float(solid.shape[-1]) for solid in maps]
    lengths = [float(solid.shape[-1]) for solid in solids if solid.is_vector]
    thickest = max(thick[0] + 1, min(thick[1], 4 + 2.6 * max(channels, default=1.0) ** 0.5))
    longest = min(most * 0.74, 24 + 12 * max(lengths, default=1.0) ** 0.5)
    return Scale(
        power(sides, most, least), power(channels, thickest, thick[0]), power(lengths, longest, 24.0), slant
    )
