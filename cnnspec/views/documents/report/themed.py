"""A picture for light and dark pages at once: its colours become variables of the page."""

from __future__ import annotations

import re
from typing import Final

_COLOR: Final = re.compile(r"#[0-9a-fA-F]{6}\b")
_HEAD: Final = re.compile(r"^\s*(<\?xml[^>]*>|<!DOCTYPE[^>]*>|<!--.*?-->|\s)+", re.DOTALL)
_IMAGE: Final = re.compile(r"<image [^>]*>")
_ID: Final = re.compile(r"\bid=\"([^\"]+)\"")


class Colors:
    """Pairs of colours, light and dark, each with the name of its variable."""

    def __init__(self) -> None:
        self.pairs: dict[tuple[str, str], str] = {}

    def name(self, light: str, dark: str) -> str:
        return self.pairs.setdefault((light.lower(), dark.lower()), f"--c{len(self.pairs)}")

    def css(self, place: int) -> str:
        """The variables for light (0) or dark (1) pages."""
        return ";".join(f"{name}:{pair[place]}" for pair, name in self.pairs.items())

    def both(self, light: str, dark: str, prefix: str = "") -> str:
        """One SVG of two that differ in their colours alone; the light one where they differ more.

        Pictures inside that differ are both there, each shown on its page.
        ``prefix`` keeps the names inside this picture apart from those of others.
        """
        svg = named_apart(_HEAD.sub("", light), prefix)
        others = _COLOR.findall(dark)
        if len(_COLOR.findall(svg)) != len(others):
            return svg
        following, images = iter(others), iter(_IMAGE.findall(dark))
        svg = _IMAGE.sub(lambda found: _either(found[0], next(images)), svg)
        return _COLOR.sub(lambda found: f"var({self.name(found[0], next(following))})", svg)


def _either(light: str, dark: str) -> str:
    """Two pictures, each with the class that hides it on the other page."""
    if light == dark:
        return light
    return light.replace("<image", '<image class="on-light"') + dark.replace(
        "<image", '<image class="on-dark"'
    )


def named_apart(svg: str, prefix: str) -> str:
    """The SVG with a prefix before every id and every mention of one."""
    if not prefix:
        return svg
    for name in set(_ID.findall(svg)):
        quoted = re.escape(name)
        svg = re.sub(rf'(\bid=")({quoted})(")', rf"\g<1>{prefix}\g<2>\g<3>", svg)
        svg = re.sub(rf"(#)({quoted})(?=[\")])", rf"\g<1>{prefix}\g<2>", svg)
    return svg
