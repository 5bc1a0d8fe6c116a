"""SVG to PNG and PDF, by vl-convert (resvg and svg2pdf in one wheel; Vega's converter)."""

from __future__ import annotations

from importlib.util import find_spec
from typing import Final

HOW_TO_GET_ONE: Final = "PNG and PDF need vl-convert: pip install 'cnnspec[draw]'; SVG needs nothing"


class NoConverter(Exception):
    """vl-convert is not installed."""


def can_convert() -> bool:
    """Whether ``convert`` would work here."""
    return find_spec("vl_convert") is not None


def convert(svg: str, format: str, scale: float = 2.0) -> bytes:
    """The picture as ``png`` (``scale`` dots a pixel) or ``pdf``. Raises NoConverter."""
    if not can_convert():
        raise NoConverter(HOW_TO_GET_ONE)
    import vl_convert

    if format == "pdf":
        made: bytes = vl_convert.svg_to_pdf(svg)
        return made
    drawn: bytes = vl_convert.svg_to_png(svg, scale=scale)
    return drawn
