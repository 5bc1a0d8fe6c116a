"""Colours: one fill a family, told apart by colour-blind readers, for light and dark pages.

The fills of families that can touch differ by 12 in CIELAB (CIE76) at least for trichromats, protanopes
and deuteranopes; they were searched for under that rule, with text of a contrast of 7 on each. In grey
only three steps are left: there the word on a card tells, and on a solid, which has none, its hatching.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Final

from cnnspec.layers.base import Family


@dataclass(frozen=True, slots=True)
class Tone:
    """The fill and the line of one family."""

    fill: str
    line: str
    hatch: str = ""
    """How a solid is hatched: one of ``/ | - .`` or a backslash for each direction of the strokes."""


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

    @property
    def second(self) -> str:
        """The ink of what is told beside a name."""
        return mix(self.ink, self.faint, 0.15)

    def tone(self, family: Family) -> Tone:
        return self.families.get(family, self.families[Family.RESHAPE])

    def status(self, status: str) -> Tone:
        """The colours of what is the same, changed, added or removed: some of the families'."""
        return replace(self.tone(STATUSES[status]), hatch="")

    def heat_at(self, share: float) -> str:
        """The colour of a share between 0 and 1; small shares still differ (square root)."""
        place = min(1.0, max(0.0, share)) ** 0.5 * (len(self.heat) - 1)
        low = min(int(place), len(self.heat) - 2)
        return mix(self.heat[low], self.heat[low + 1], place - low)


STATUSES: Final = {
    "same": Family.INPUT, "changed": Family.ACTIVATION, "added": Family.CONV, "removed": Family.POOL,
}  # fmt: skip


LIGHT: Final = Theme(
    name="light", page="#ffffff", ink="#1d2430", faint="#5f6b7c", edge="#7b8697", frame="#c9d0da",
    frame_fill="#f6f8fa", fault=Tone("#fdecea", "#c62828"),
    families={
        Family.INPUT: Tone("#eff3f5", "#7c899b"), Family.CONV: Tone("#8ebffc", "#3a80c4"),
        Family.DENSE: Tone("#c8acd6", "#5f3f98", "|"), Family.POOL: Tone("#f0b298", "#c9642a", "/"),
        Family.ACTIVATION: Tone("#faefae", "#b08d1e"), Family.NORM: Tone("#9de8bc", "#2f8a6f"),
        Family.DROPOUT: Tone("#b8b5b4", "#8c8c8c"), Family.RESHAPE: Tone("#fbf2e7", "#8a8271", "."),
        Family.RESAMPLE: Tone("#b7f3ff", "#2688a6", "-"), Family.MERGE: Tone("#ffc1dc", "#b04676", "\\"),
        Family.ATTENTION: Tone("#a6c269", "#5d7f1f", "/\\"),
        Family.ARITHMETIC: Tone("#c8d1ff", "#4a56b5", "|-"),
    },
    heat=("#fff8e8", "#fde6b8", "#fbc987", "#f3a45f", "#e5824a"),
)  # fmt: skip

DARK: Final = Theme(
    name="dark", page="#14181f", ink="#eaeff5", faint="#a3aebd", edge="#8290a3", frame="#3a4352",
    frame_fill="#1a2029", fault=Tone("#4a1d1f", "#ff7b72"),
    families={
        Family.INPUT: Tone("#1b272e", "#8d9bb0"), Family.CONV: Tone("#174f75", "#74b4f2"),
        Family.DENSE: Tone("#22194b", "#9474d0", "|"), Family.POOL: Tone("#4f2a00", "#ec9358", "/"),
        Family.ACTIVATION: Tone("#555003", "#d8b94a"), Family.NORM: Tone("#345641", "#55c2a2"),
        Family.DROPOUT: Tone("#1f201e", "#a0a0a0"), Family.RESHAPE: Tone("#29200a", "#b3aa97", "."),
        Family.RESAMPLE: Tone("#125661", "#55b9d8", "-"), Family.MERGE: Tone("#651140", "#e283ad", "\\"),
        Family.ATTENTION: Tone("#3f4f27", "#a5cc5a", "/\\"),
        Family.ARITHMETIC: Tone("#183370", "#8f9bf0", "|-"),
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
