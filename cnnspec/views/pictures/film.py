"""Frames one after another as a GIF or an MP4: by Pillow, and by imageio-ffmpeg, which brings an encoder."""

from __future__ import annotations

import io
import tempfile
from collections.abc import Iterator, Sequence
from importlib.util import find_spec
from math import ceil
from pathlib import Path
from typing import TYPE_CHECKING, Final

from cnnspec.views.pictures.svg import NoConverter, can_convert, convert

if TYPE_CHECKING:
    from PIL.Image import Image

NEEDS: Final = {"gif": ("PIL", "plot"), "mp4": ("imageio_ffmpeg", "video")}
"""Format -> the package that writes it, and the extra that brings it."""
COLOURS: Final = 128
"""Of a GIF."""
FEWEST: Final = 10
"""Pictures a second of a film: some players show nothing of fewer."""


def film(frames: Sequence[str], format: str, seconds: float, hold: int = 1, scale: float = 1.0) -> bytes:
    """The frames, SVG documents of one size, as ``gif`` or ``mp4``; each stays for so many seconds.

    The last one stays ``hold`` times as long. Raises NoConverter where a package is missing.
    """
    package, extra = NEEDS[format]
    if not can_convert() or find_spec(package) is None:
        raise NoConverter(f"{format.upper()} needs more packages: pip install 'cnnspec[{extra}]'")
    images = _images(frames, scale)
    return _gif(images, seconds, hold) if format == "gif" else _mp4(images, seconds, hold, len(frames))


def _images(frames: Sequence[str], scale: float) -> Iterator[Image]:
    from PIL import Image

    for frame in frames:
        yield Image.open(io.BytesIO(convert(frame, "png", scale))).convert("RGB")


def _gif(images: Iterator[Image], seconds: float, hold: int) -> bytes:
    """In the colours of the last frame, so that only what changes is stored of the others."""
    from PIL.Image import Dither

    every = list(images)
    colours = every[-1].quantize(COLOURS)
    first, *others = (image.quantize(palette=colours, dither=Dither.NONE) for image in every)
    times = [max(20, round(1000 * seconds))] * len(every)
    times[-1] *= hold
    page = io.BytesIO()
    first.save(page, "GIF", save_all=True, append_images=others, loop=0, duration=times)
    return page.getvalue()


def _mp4(images: Iterator[Image], seconds: float, hold: int, count: int) -> bytes:
    """H.264 in the colours that all players know, whose sides are even."""
    import imageio_ffmpeg
    import numpy as np

    rate = max(FEWEST, ceil(1 / seconds))
    with tempfile.TemporaryDirectory() as folder:
        path, writer = Path(folder) / "film.mp4", None
        for n, image in enumerate(images):
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
