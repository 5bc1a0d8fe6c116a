"""Frames one after another: by Pillow as PNG and GIF, by imageio-ffmpeg, which brings an encoder, as MP4."""

from __future__ import annotations

import io
import tempfile
from collections.abc import Iterator, Sequence
from importlib.util import find_spec
from itertools import islice
from math import ceil
from pathlib import Path
from typing import TYPE_CHECKING, Final, NamedTuple

from cnnspec.views.pictures.svg import NoConverter, can_convert, convert

if TYPE_CHECKING:
    from PIL.Image import Image

NEEDS: Final = {"png": ("PIL", "plot"), "gif": ("PIL", "plot"), "mp4": ("imageio_ffmpeg", "video")}
"""Format -> the package that writes it, and the extra that brings it."""
COLOURS: Final = 128
"""Of a GIF."""
FEWEST: Final = 10
"""Pictures a second of a film: some players show nothing of fewer."""


class Cel(NamedTuple):
    """An SVG document, and what of it lets through what lies under it: the same without the page.

    The latter may lack what lies over the bare page. Only its opacities count: the converter spoils colours
    that are not opaque.
    """

    shown: str
    clear: str


class Cels(NamedTuple):
    """Documents of one size on a page of one colour: what moves, between what stays."""

    page: tuple[int, int, int]
    under: str
    moving: Sequence[Cel]
    over: Cel

    def frames(self, scale: float) -> Iterator[Image]:
        """All frames, the last one first: a film takes its colours from it."""
        under, over = _dots(self.under, scale).convert("RGB"), _drawn(self.over, scale)
        for cel in (self.moving[-1], *self.moving):
            yield self._laid(*over, self._laid(*_drawn(cel, scale), under))

    def _laid(self, shown: Image, through: Image, under: Image) -> Image:
        """A cel over another: its own colour, and so much of how the other differs from the page."""
        from PIL import Image, ImageChops

        page = Image.new("RGB", under.size, self.page)
        seen = Image.composite(under, page, through)
        bands = zip(shown.split(), seen.split(), self.page, strict=True)
        return Image.merge("RGB", [ImageChops.add(one, two, 1.0, -level) for one, two, level in bands])


def _drawn(cel: Cel, scale: float) -> tuple[Image, Image]:
    """A cel on its page, and how much of what is under it each dot lets through."""
    from PIL import ImageChops

    return _dots(cel.shown, scale).convert("RGB"), ImageChops.invert(_dots(cel.clear, scale).getchannel("A"))


def _dots(page: str, scale: float) -> Image:
    from PIL import Image

    return Image.open(io.BytesIO(convert(page, "png", scale)))


def film(cels: Cels, format: str, seconds: float, hold: int = 1, scale: float = 1.0) -> bytes:
    """The frames as ``gif`` or ``mp4``; each stays for so many seconds.

    The last one stays ``hold`` times as long. Raises NoConverter where a package is missing.
    """
    _need(format)
    write = _gif if format == "gif" else _mp4
    return write(cels.frames(scale), seconds, hold, len(cels.moving))


def pngs(cels: Cels, scale: float = 1.0) -> Iterator[bytes]:
    """Each frame as a PNG file. Raises NoConverter where a package is missing."""
    _need("png")
    for frame in islice(cels.frames(scale), 1, None):
        page = io.BytesIO()
        frame.save(page, "PNG")
        yield page.getvalue()


def _need(format: str) -> None:
    """Raises NoConverter where a package that writes such frames is missing."""
    package, extra = NEEDS[format]
    if not can_convert() or find_spec(package) is None:
        raise NoConverter(f"{format.upper()} needs more packages: pip install 'cnnspec[{extra}]'")


def _gif(frames: Iterator[Image], seconds: float, hold: int, count: int) -> bytes:
    """In the colours of the last frame, so that only what changes is stored of the others."""
    from PIL.Image import Dither

    colours = next(frames).quantize(COLOURS)
    images = (frame.quantize(palette=colours, dither=Dither.NONE) for frame in frames)
    times = [max(20, round(1000 * seconds))] * count
    times[-1] *= hold
    page = io.BytesIO()
    next(images).save(page, "GIF", save_all=True, append_images=images, loop=0, duration=times)
    return page.getvalue()


def _mp4(frames: Iterator[Image], seconds: float, hold: int, count: int) -> bytes:
    """H.264 in the colours that all players know, whose sides are even."""
    import imageio_ffmpeg
    import numpy as np

    rate = max(FEWEST, ceil(1 / seconds))
    with tempfile.TemporaryDirectory() as folder:
        path, writer = Path(folder) / "film.mp4", None
        for n, image in enumerate(islice(frames, 1, None)):
            size = (image.width // 2 * 2, image.height // 2 * 2)
            if writer is None:
                writer = imageio_ffmpeg.write_frames(str(path), size, fps=rate, macro_block_size=2, quality=7)
                writer.send(None)
            shown = np.ascontiguousarray(np.asarray(image)[: size[1], : size[0]])
            for _ in range(max(1, round(seconds * rate)) * (hold if n == count - 1 else 1)):
                writer.send(shown)
        assert writer is not None
        writer.close()
        return path.read_bytes()
