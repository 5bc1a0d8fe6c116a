"""Pictures in files: which files are some, and one of them as bytes, upright, grey or in colour."""

from __future__ import annotations

import os
import warnings
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from io import BytesIO
from pathlib import Path
from threading import Lock
from typing import TYPE_CHECKING, Any, BinaryIO, Final, NoReturn

import numpy as np

from cnnspec.files import opened
from cnnspec.layers.base import Shape
from cnnspec.training.data.faults import bad_file, decoding, missing
from cnnspec.training.data.preprocess import Bytes

if TYPE_CHECKING:
    from PIL import Image

SUFFIXES: Final = {".png", ".jpg", ".jpeg", ".bmp", ".gif", ".tif", ".tiff", ".webp", ".pgm", ".ppm"}
FORMATS: Final = ("PNG", "JPEG", "BMP", "GIF", "TIFF", "WEBP", "PPM")
"""What Pillow may take a file for, whatever its ending: others are programs (EPS), or name other files."""
ENDINGS: Final = f"files are known by their endings: {', '.join(sorted(SUFFIXES))}"
HIDDEN: Final = ("__macosx", "thumbs.db", "desktop.ini")
"""What systems leave in folders, beside names that begin with a dot."""
LARGEST: Final = 50_000_000
"""Pixels an image may have; a larger one is refused before it is unpacked."""
PARTS: Final = {
    "train": ("train", "training"),
    "validation": ("val", "valid", "validation"),
    "test": ("test", "testing"),
}
"""What the folders of parts are called, in capitals or not."""
COSTS: Final = {"TIFF": 2, "progressive JPEG": 2, "WEBP": 3}
"""Kinds whose decoders take more memory; of them a half or a third as many pixels are read."""
AT_ONCE: Final = 1 << 18
"""Pixels that are converted together."""
SMALL: Final = 1 << 20
"""Bytes of a file that is read at once: on several threads each read is a wait for the others."""
ORIENTATION: Final = 0x0112
"""The tag of Exif that says how the camera was held."""
UPRIGHT: Final[dict[int, Callable[[Bytes], Bytes]]] = {
    2: lambda pixels: pixels[:, ::-1],
    3: lambda pixels: pixels[::-1, ::-1],
    4: lambda pixels: pixels[::-1],
    5: lambda pixels: pixels.swapaxes(0, 1),
    6: lambda pixels: pixels[::-1].swapaxes(0, 1),
    7: lambda pixels: pixels[::-1, ::-1].swapaxes(0, 1),
    8: lambda pixels: pixels[:, ::-1].swapaxes(0, 1),
}
"""What a picture with each orientation is turned by; the first is upright."""
DEEP: Final = 257
"""Steps of 16 bits (0 to 65535) in one of 8 (0 to 255)."""
DEEP_KINDS: Final = ("PNG", "PPM")
"""Formats whose values Pillow gives as 32 bits, though they are of 16."""


_TAGGED: Final = {"exif", "xmp", "XML:com.adobe.xmp", "Raw profile type exif"}
"""What Pillow calls the parts of a file that may say its orientation."""


class _Quiet:
    """Within ``with``, on any number of threads: no warnings of Pillow. They name lines of its own; what
    matters is raised.

    The filters of warnings are one for all threads, so the first thread sets them, and the last one sets
    them back.
    """

    def __init__(self) -> None:
        self.lock, self.inside, self.kept = Lock(), 0, warnings.catch_warnings()

    def __enter__(self) -> None:
        with self.lock:
            self.inside += 1
            if self.inside == 1:
                self.kept = warnings.catch_warnings()
                self.kept.__enter__()
                warnings.simplefilter("ignore")

    def __exit__(self, *error: object) -> None:
        with self.lock:
            self.inside -= 1
            if not self.inside:
                self.kept.__exit__(None, None, None)


QUIET: Final = _Quiet()
if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=QUIET.__init__)  # type: ignore[misc]


def is_picture(path: Path, *more: str) -> bool:
    """Whether a path is an image's by its ending, or has one ``more``."""
    return path.suffix.lower() in (*SUFFIXES, *more)


def files_in(folder: Path) -> list[Path]:
    """All files under a folder, however deep, in order; what a system hides there is passed over.

    Links to folders are followed, each folder is read once. Raises SpecError where one cannot be read.
    """
    found: list[Path] = []
    seen: set[str] = set()
    for place, folders, files in os.walk(folder, onerror=_refuse_folder, followlinks=True):
        new = os.path.realpath(place) not in seen
        seen.add(os.path.realpath(place))
        folders[:] = [name for name in folders if new and not _is_hidden(name)]
        found += [Path(place, name) for name in files if new and not _is_hidden(name)]
    return sorted(found)


def folders_in(folder: Path) -> list[Path]:
    """The folders in a folder, by name, but for those that a system hides; SpecError if it cannot be read."""
    return [place for place in entries_in(folder) if place.is_dir() and not _is_hidden(place.name)]


def entries_in(folder: Path) -> list[Path]:
    """What a folder holds, by name; raises SpecError if it cannot be read."""
    try:
        return sorted(folder.iterdir())
    except OSError as error:
        _refuse_folder(error)


def named_parts(path: Path) -> dict[str, Path]:
    """The folders that are named after a part, by the names of ``PARTS``."""
    folders = folders_in(path)
    found = {}
    for part, names in PARTS.items():
        named = [folder for folder in folders if folder.name.lower() in names]
        if named:
            found[part] = min(named, key=lambda folder: names.index(folder.name.lower()))
    return found


def parts_in(path: Path) -> dict[str, Path]:
    """The folder of each part; all is for training where no folder is named after that."""
    found = named_parts(path)
    return found if "train" in found else {"train": path}


def _is_hidden(name: str) -> bool:
    """Whether a system keeps this file or folder for itself."""
    return name.startswith(".") or name.lower() in HIDDEN


def _refuse_folder(error: OSError) -> NoReturn:
    reason = error.strerror or str(error)
    raise missing(
        f"{error.filename} cannot be read: {reason}", f"allow it: chmod -R u+rX {error.filename}"
    ) from error


def read_image(path: Path, channels: int | Shape) -> Bytes:
    """One image (height, width, channels) as bytes, upright; grey for one channel, colour for three.

    What is transparent lies on white. Grey of 16 bits and floats of 0 to 1 are
    brought to 0 to 255; others beyond that are refused. In place of the channels, the
    network's input says them: a vector takes colour where its values are as many as
    those of the image in colour.
    """
    try:
        import PIL  # noqa: F401
    except ImportError as error:
        raise missing(
            "images are read with Pillow, which is not installed", "pip install 'cnnspec[plot]'"
        ) from error
    with _decoding(path) as file, _image(path, file) as image:
        mode = "L" if _is_grey(channels, image.width * image.height) else "RGB"
        pixels = _pixels(path, image, mode)
        turn = UPRIGHT.get(_orientation(image))
        return pixels if turn is None else turn(pixels)


def _pixels(path: Path, image: Image.Image, mode: str) -> Bytes:
    """The values of a picture in a mode, L or RGB, of 8 bits (height, width, channels)."""
    if image.mode == mode and not image.has_transparency_data:  # most are so
        return np.array(image).reshape(image.height, image.width, -1)
    factor = _factor(path, image)
    pixels = np.empty((image.height, image.width, len(mode)), np.uint8)
    for top, strip in _strips(image):
        part = _on_white(_as_bytes(strip, factor)).convert(mode)
        pixels[top : top + strip.height] = np.asarray(part).reshape(strip.height, strip.width, -1)
    return pixels


def _orientation(image: Image.Image) -> int:
    """How the camera was held; 1 where the picture says nothing."""
    if image.format in ("JPEG", "BMP", "PPM") and not _TAGGED & image.info.keys():
        return 1  # there is nothing to be parsed, which takes as long as a small picture
    tags: Any = image.getexif()
    found: int = tags.get(ORIENTATION, 1)
    return found


@contextmanager
def _decoding(path: Path) -> Iterator[BinaryIO]:
    """The file of a picture; what is wrong with it is raised as SpecError."""
    with decoding(path, "is not an image, or is damaged"), QUIET, opened(path) as file:
        is_small = os.fstat(file.fileno()).st_size <= SMALL
        yield BytesIO(file.read()) if is_small else file


def size_of(path: Path) -> tuple[int, int]:
    """Height and width of a picture, upright, from the head of its file, which is not decoded further."""
    with _decoding(path) as file, _opened(path, file) as image:
        is_turned = image.width != image.height and _orientation(image) > 4
        return (image.width, image.height) if is_turned else (image.height, image.width)


def read_plain(path: Path) -> Bytes:
    """The values of a picture as they stand: grey or the numbers of a palette (height, width), or colours."""
    with _decoding(path) as file, _image(path, file) as image:
        if image.mode.startswith("I"):  # grey of 16 bits
            numbers = np.asarray(image)
            if numbers.max(initial=0) > 255:
                raise bad_file(path, f"holds the class {numbers.max():,}; classes go up to 254")
            return numbers.astype(np.uint8)
        if image.mode not in ("L", "P", "1"):
            return np.asarray(image.convert("RGB"), np.uint8)
        return np.asarray(image).astype(np.uint8)


def _image(path: Path, file: BinaryIO) -> Image.Image:
    """The picture in a file, decoded; raises SpecError for one of more pixels than are read."""
    image = _opened(path, file)
    image.load()
    return image


def _opened(path: Path, file: BinaryIO) -> Image.Image:
    """The picture in a file, of which the head is read; raises SpecError as ``_image`` does."""
    from PIL import Image, UnidentifiedImageError

    try:
        image = Image.open(file, formats=FORMATS)
    except UnidentifiedImageError as error:
        raise bad_file(path, "is not an image, or is damaged") from error
    except Image.DecompressionBombError as error:
        raise bad_file(path, f"has more than {LARGEST:,} pixels; no more are read") from error
    kind = "progressive JPEG" if image.info.get("progressive") else str(image.format)
    most = LARGEST // COSTS.get(kind, 1)
    if image.width * image.height > most:
        said = f"is {image.height}x{image.width} pixels; at most {most:,} are read"
        raise bad_file(path, said + f" of {kind}" * (most < LARGEST), cure="make it smaller")
    return image


def _strips(image: Image.Image) -> Iterator[tuple[int, Image.Image]]:
    """The picture in parts, from the top, so that what is made of them takes little memory."""
    rows = max(1, AT_ONCE // max(1, image.width))
    for top in range(0, image.height, rows):
        yield top, image.crop((0, top, image.width, min(top + rows, image.height)))


def _is_grey(channels: int | Shape, pixels: int) -> bool:
    if isinstance(channels, int):
        return channels == 1
    return channels[2] == 1 if len(channels) == 3 else channels != (3 * pixels,)


def _factor(path: Path, image: Image.Image) -> float:
    """What brings grey of more than 8 bits to 0 to 255; raises SpecError where its scale is not known."""
    if not _is_deep(image):
        return 1.0
    ends = [(values.min(), values.max()) for values in (np.asarray(strip) for _, strip in _strips(image))]
    low, high = float(np.min(ends, initial=0)), float(np.max(ends, initial=0))
    deep = image.mode.startswith("I;16") or (image.mode == "I" and image.format in DEEP_KINDS)
    factor = 1 / DEEP if deep else 255.0 if image.mode == "F" and high <= 1 else 1.0
    if not (low >= 0 and high * factor <= 255):
        message = f"holds values from {low:.4g} to {high:.4g}; pixels are 0 to 255"
        raise bad_file(path, message, cure="save it as an image of 8 or 16 bits, or with values of 0 to 1")
    return factor


def _is_deep(image: Image.Image) -> bool:
    return image.mode in ("F", "I") or image.mode.startswith("I;16")


def _as_bytes(image: Image.Image, factor: float) -> Image.Image:
    from PIL import Image

    if not _is_deep(image):
        return image
    return Image.fromarray(np.rint(np.asarray(image).astype(np.float64) * factor).astype(np.uint8))


def _on_white(image: Image.Image) -> Image.Image:
    """The picture on white paper, where parts of it are transparent."""
    from PIL import Image

    if not image.has_transparency_data:
        return image
    colour = image.convert("RGBA")
    return Image.alpha_composite(Image.new("RGBA", colour.size, "white"), colour)
