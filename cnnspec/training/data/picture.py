"""Pictures in files: which files are some, and one of them as bytes, upright, grey or in colour."""

from __future__ import annotations

import os
import warnings
from pathlib import Path
from typing import TYPE_CHECKING, BinaryIO, Final, NoReturn

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
DEEP: Final = 257
"""Steps of 16 bits (0 to 65535) in one of 8 (0 to 255)."""
DEEP_KINDS: Final = ("PNG", "PPM")
"""Formats whose values Pillow gives as 32 bits, though they are of 16."""


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
        from PIL import ImageOps
    except ImportError as error:
        raise missing(
            "images are read with Pillow, which is not installed", "pip install 'cnnspec[plot]'"
        ) from error
    with decoding(path, "is not an image, or is damaged"), warnings.catch_warnings():
        warnings.simplefilter("ignore")  # they name lines of Pillow; what matters is raised
        with opened(path) as file, _image(path, file) as image:
            if image.width * image.height > LARGEST:
                raise bad_file(path, f"is {image.height}x{image.width} pixels; at most {LARGEST:,} are read")
            upright = _on_white(_as_bytes(path, ImageOps.exif_transpose(image), image.format))
            grey = _is_grey(channels, image.width * image.height)
            pixels = np.asarray(upright.convert("L" if grey else "RGB"), np.uint8)
    return pixels[..., None] if pixels.ndim == 2 else pixels


def read_plain(path: Path) -> Bytes:
    """The values of a picture as they stand: grey or the numbers of a palette (height, width), or colours."""
    with decoding(path, "is not an image, or is damaged"), warnings.catch_warnings():
        warnings.simplefilter("ignore")
        with opened(path) as file, _image(path, file) as image:
            if image.width * image.height > LARGEST:
                raise bad_file(path, f"is {image.height}x{image.width} pixels; at most {LARGEST:,} are read")
            if image.mode.startswith("I"):  # grey of 16 bits
                numbers = np.asarray(image)
                if numbers.max(initial=0) > 255:
                    raise bad_file(path, f"holds the class {numbers.max():,}; classes go up to 254")
                return numbers.astype(np.uint8)
            if image.mode not in ("L", "P", "1"):
                return np.asarray(image.convert("RGB"), np.uint8)
            return np.asarray(image).astype(np.uint8)


def _image(path: Path, file: BinaryIO) -> Image.Image:
    from PIL import Image, UnidentifiedImageError

    try:
        return Image.open(file, formats=FORMATS)
    except UnidentifiedImageError as error:
        raise bad_file(path, "is not an image, or is damaged") from error
    except Image.DecompressionBombError as error:
        raise bad_file(path, f"has more than {LARGEST:,} pixels; no more are read") from error


def _is_grey(channels: int | Shape, pixels: int) -> bool:
    if isinstance(channels, int):
        return channels == 1
    return channels[2] == 1 if len(channels) == 3 else channels != (3 * pixels,)


def _as_bytes(path: Path, image: Image.Image, kind: str | None) -> Image.Image:
    """Grey of more than 8 bits brought to 0 to 255; raises SpecError where its scale is not known."""
    from PIL import Image

    if image.mode not in ("F", "I") and not image.mode.startswith("I;16"):
        return image
    values = np.asarray(image)
    low, high = float(values.min(initial=0)), float(values.max(initial=0))
    deep = image.mode.startswith("I;16") or (image.mode == "I" and kind in DEEP_KINDS)
    factor = 1 / DEEP if deep else 255.0 if image.mode == "F" and high <= 1 else 1.0
    if not (low >= 0 and high * factor <= 255):
        message = f"holds values from {low:.4g} to {high:.4g}; pixels are 0 to 255"
        raise bad_file(path, message, cure="save it as an image of 8 or 16 bits, or with values of 0 to 1")
    return Image.fromarray(np.rint(values.astype(np.float64) * factor).astype(np.uint8))


def _on_white(image: Image.Image) -> Image.Image:
    """The picture on white paper, where parts of it are transparent."""
    from PIL import Image

    if not image.has_transparency_data:
        return image
    colour = image.convert("RGBA")
    return Image.alpha_composite(Image.new("RGBA", colour.size, "white"), colour)
