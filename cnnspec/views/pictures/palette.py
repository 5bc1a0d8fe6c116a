"""Colours: one hue a family, told apart by colour-blind readers, for light and dark pages.

The hues follow Paul Tol's and Okabe and Ito's sets for colour-blind readers,
softened; every coloured thing carries its word as well, so no meaning hangs on colour alone.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

from cnnspec.layers.base import Family


@dataclass(frozen=True, slots=True)
class Tone:
    """The fill and the line of one family."""

    fill: str
    line: str


@dataclass(frozen=True, slots=True)
class Theme:
    """Everything a picture needs to know about colour."""

    name: str
    page: str
    ink: str
    faint: str
    edge: str
    frame: str
    frame_fill: str
    fault: Tone
    families: dict[Family, Tone]
    heat: tuple[str, ...]

    def tone(self, family: Family) -> Tone:
        return self.families.get(family, self.families[Family.RESHAPE])

    def heat_at(self, share: float) -> str:
        """The colour of a share between 0 and 1; small shares still differ (square root)."""
        place = min(1.0, max(0.0, share)) ** 0.5 * (len(self.heat) - 1)
        low = min(int(place), len(self.heat) - 2)
        return mix(self.heat[low], self.heat[low + 1], place - low)


LIGHT: Final = Theme(
    name="light", page="#ffffff", ink="#1d2430", faint="#5f6b7c", edge="#7b8697", frame="#c9d0da",
    frame_fill="#f6f8fa", fault=Tone("#fdecea", "#c62828"),
    families={
        Family.INPUT: Tone("#e9edf2", "#7c899b"), Family.CONV: Tone("#d3e5f7", "#3a80c4"),
        Family.DENSE: Tone("#e0d6f0", "#5f3f98"), Family.POOL: Tone("#fadfcd", "#c9642a"),
        Family.ACTIVATION: Tone("#faf1c8", "#b08d1e"), Family.NORM: Tone("#d3ece2", "#2f8a6f"),
        Family.DROPOUT: Tone("#eeeeee", "#8c8c8c"), Family.RESHAPE: Tone("#ebe8e1", "#8a8271"),
        Family.RESAMPLE: Tone("#d0edf5", "#2688a6"), Family.MERGE: Tone("#f5dbe6", "#b04676"),
        Family.ATTENTION: Tone("#e2edcf", "#5d7f1f"), Family.ARITHMETIC: Tone("#d8dbf6", "#4a56b5"),
    },
    heat=("#fff8e8", "#fde6b8", "#fbc987", "#f3a45f", "#e5824a"),
)  # fmt: skip

DARK: Final = Theme(
    name="dark", page="#14181f", ink="#e8ecf2", faint="#a3aebd", edge="#8290a3", frame="#3a4352",
    frame_fill="#1a2029", fault=Tone("#4a1d1f", "#ff7b72"),
    families={
        Family.INPUT: Tone("#2a313c", "#8d9bb0"), Family.CONV: Tone("#1b3a5c", "#74b4f2"),
        Family.DENSE: Tone("#382a54", "#9474d0"), Family.POOL: Tone("#52301a", "#ec9358"),
        Family.ACTIVATION: Tone("#463c14", "#d8b94a"), Family.NORM: Tone("#16423a", "#55c2a2"),
        Family.DROPOUT: Tone("#303030", "#a0a0a0"), Family.RESHAPE: Tone("#37342c", "#b3aa97"),
        Family.RESAMPLE: Tone("#153f4d", "#55b9d8"), Family.MERGE: Tone("#4d2438", "#e283ad"),
        Family.ATTENTION: Tone("#2f3d17", "#a5cc5a"), Family.ARITHMETIC: Tone("#272c57", "#8f9bf0"),
    },
    heat=("#262a31", "#41352a", "#5f4427", "#7f5325", "#985618"),
)  # fmt: skip

THEMES: Final = {"light": LIGHT, "dark": DARK}


def mix(first: str, second: str, share: float) -> str:
    """The colour ``share`` of the way from the first to the second."""
    pairs = zip(rgb(first), rgb(second), strict=True)
    return "#" + "".join(f"{round(a + (b - a) * share):02x}" for a, b in pairs)


def rgb(color: str) -> tuple[int, int, int]:
    return int(color[1:3], 16), int(color[3:5], 16), int(color[5:7], 16)
