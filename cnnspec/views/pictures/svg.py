"""Writing SVG: shapes and texts in, one deterministic document out; paths; PNG and PDF of it.

Paths have rounded corners. PNG and PDF are made by
vl-convert (resvg and svg2pdf in one wheel).
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from importlib.util import find_spec
from typing import Final, TypeAlias
from xml.sax.saxutils import escape, quoteattr

from cnnspec.views.pictures.font import FONT
from cnnspec.views.pictures.palette import Theme

Point: TypeAlias = tuple[float, float]
NAME: Final = re.compile(r"[\w.-]+")
"""What an id may be made of, in every program that reads SVG."""
CORNER: Final = 8.0
"""The radius of a corner."""
HOW_TO_GET_ONE: Final = "PNG and PDF need vl-convert: pip install vl-convert-python; SVG needs nothing"


def number(value: float) -> str:
    """A coordinate with at most two decimals, never ``-0``."""
    text = f"{value:.2f}".rstrip("0").rstrip(".")
    return "0" if text in ("-0", "") else text


def clean(text: str) -> str:
    """Without the control characters that XML cannot hold."""
    return "".join(c if c >= " " or c in "\n\t" else "�" for c in text if c not in "\ufffe\uffff")


class SvgWriter:
    """Collects elements; units are CSS pixels, y grows downward."""

    def __init__(self, theme: Theme) -> None:
        self.theme = theme
        self._parts: list[str] = []
        self._ids: Counter[str] = Counter()

    def add(self, tag: str, content: str | None = None, **attributes: float | str | None) -> None:
        written = _attributes(attributes)
        self._parts.append(f"<{tag}{written}/>" if content is None else f"<{tag}{written}>{content}</{tag}>")

    def rect(self, x: float, y: float, w: float, h: float, **attributes: float | str | None) -> None:
        self.add("rect", None, x=x, y=y, width=w, height=h, **attributes)

    def line(self, start: Point, end: Point, **attributes: float | str | None) -> None:
        self.add("line", None, x1=start[0], y1=start[1], x2=end[0], y2=end[1], **attributes)

    def polygon(self, points: Iterable[Point], **attributes: float | str | None) -> None:
        self._corners("polygon", points, attributes)

    def polyline(self, points: Iterable[Point], **attributes: float | str | None) -> None:
        self._corners("polyline", points, attributes)

    def _corners(self, tag: str, points: Iterable[Point], look: Mapping[str, float | str | None]) -> None:
        self.add(tag, None, points=" ".join(f"{number(x)},{number(y)}" for x, y in points), **look)

    def path(self, commands: str, **attributes: float | str | None) -> None:
        self.add("path", None, d=commands, **attributes)

    def text(
        self, x: float, y: float, text: str, *, size: float, bold: bool = False,
        fill: str | None = None, anchor: str = "start", **attributes: float | str | None,
    ) -> None:  # fmt: skip
        """One line of text; ``y`` is its baseline."""
        self.add(
            "text", escape(clean(text)), x=x, y=y, font_size=size, font_weight="bold" if bold else None,
            fill=fill or self.theme.ink, text_anchor=None if anchor == "start" else anchor, **attributes,
        )  # fmt: skip

    def image(
        self, x: float, y: float, w: float, h: float, address: str, transform: str | None = None
    ) -> None:
        """A picture at ``address`` (``data:…``), stretched to the rectangle with sharp dots."""
        self.add(
            "image", None, x=x, y=y, width=w, height=h, href=address,
            preserveAspectRatio="none", style="image-rendering:pixelated", transform=transform,
        )  # fmt: skip

    def insert(self, other: SvgWriter, x: float, y: float) -> None:
        """All that another writer collected, moved to (x, y)."""
        with self.group("drawing", transform=f"translate({number(x)} {number(y)})"):
            self._parts += other._parts

    def define(self, name: str, other: SvgWriter) -> None:
        """All that another writer collected, to be drawn where it is used: ``add("use", href="#name")``."""
        self.add("defs", f"<g id={quoteattr(name)}>{''.join(other._parts)}</g>")

    def _id_of(self, layer: str) -> str | None:
        """A name without blanks, numbered where it came before: stages may be called alike."""
        if not layer:
            return None
        name = "-".join(NAME.findall(layer))
        self._ids[name] += 1
        return name if self._ids[name] == 1 else f"{name}-{self._ids[name]}"

    @contextmanager
    def group(
        self, kind: str, *, title: str = "", name: str = "", layer: str = "", about: str = "",
        **attributes: str,
    ) -> Iterator[None]:  # fmt: skip
        """What belongs together; ``title`` is shown when the pointer rests on it.

        What shows a ``layer`` has its name as id, and ``about`` it as description.
        """
        named = {"class": kind, "data-name": name or None, "id": self._id_of(layer), **attributes}
        self._parts.append(f"<g{_attributes(named)}>")
        for tag, text in (("title", title), ("desc", about)):
            if text:
                self._parts.append(f"<{tag}>{escape(clean(text))}</{tag}>")
        yield
        self._parts.append("</g>")

    def arrow(self, tip: Point, direction: Point, size: float, fill: str) -> None:
        """A slim arrow head; ``direction`` is the way it points."""
        length = (direction[0] ** 2 + direction[1] ** 2) ** 0.5 or 1.0
        dx, dy = direction[0] / length * size, direction[1] / length * size
        base = (tip[0] - dx, tip[1] - dy)
        sides = ((base[0] - dy * 0.42, base[1] + dx * 0.42), (base[0] + dy * 0.42, base[1] - dx * 0.42))
        self.polygon((tip, *sides), fill=fill)

    def document(
        self, width: float, height: float, *, title: str, kind: str = "", is_clear: bool = False
    ) -> str:
        """The whole SVG; the page's colour lies under everything, unless it ``is_clear``."""
        wide, high = number(width), number(height)
        head = {"class": kind or None, "xmlns": "http://www.w3.org/2000/svg", "width": wide, "height": high}
        return (
            f'<svg{_attributes(head)} viewBox="0 0 {wide} {high}"'
            f' role="img" aria-label={quoteattr(clean(title))} font-family="{FONT}">\n'
            + (f'<rect class="page" width="100%" height="100%" fill="{self.theme.page}"/>\n' * (not is_clear))
            + "\n".join(self._parts)
            + "\n</svg>\n"
        )


def _attributes(attributes: Mapping[str, float | str | None]) -> str:
    return "".join(
        f" {name.replace('_', '-')}={quoteattr(value if isinstance(value, str) else number(value))}"
        for name, value in attributes.items()
        if value is not None
    )


def rounded(points: Sequence[Point]) -> str:
    """The SVG of a way along points, its corners rounded."""
    path = f"M{xy(points[0])}"
    for n in range(1, len(points) - 1):
        before, at, after = points[n - 1 : n + 2]
        r = min(CORNER, _length(before, at) / 2, _length(at, after) / 2)
        path += f"L{xy(_toward(at, before, r))}Q{xy(at)} {xy(_toward(at, after, r))}"
    return path + f"L{xy(points[-1])}" if len(points) > 1 else path


def _length(one: Point, two: Point) -> float:
    return abs(one[0] - two[0]) + abs(one[1] - two[1])


def _toward(start: Point, end: Point, distance: float) -> Point:
    length = _length(start, end) or 1.0
    return (
        start[0] + (end[0] - start[0]) * distance / length,
        start[1] + (end[1] - start[1]) * distance / length,
    )


def xy(point: Point) -> str:
    """A point as SVG writes it."""
    return f"{number(point[0])} {number(point[1])}"


class NoConverter(Exception):
    """vl-convert is not installed."""


def can_convert() -> bool:
    """Whether ``convert`` would work here."""
    return find_spec("vl_convert") is not None


def convert(svg: str, format: str, scale: float = 2.0) -> bytes:
    """The picture as ``svg``, ``png`` (``scale`` dots a pixel) or ``pdf``. Raises NoConverter."""
    if format == "svg":
        return svg.encode(errors="replace")
    if not can_convert():
        raise NoConverter(HOW_TO_GET_ONE)
    import vl_convert

    if format == "pdf":
        made: bytes = vl_convert.svg_to_pdf(svg)
        return made
    drawn: bytes = vl_convert.svg_to_png(svg, scale=scale)
    return drawn
