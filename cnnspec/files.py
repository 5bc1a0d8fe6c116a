"""Files read that anyone may have made, and files written so that nobody ever sees half of one."""

from __future__ import annotations

import os
import stat
from codecs import BOM_UTF16_BE, BOM_UTF16_LE
from collections.abc import Callable
from contextlib import suppress
from errno import EFBIG, EINVAL, EISDIR, ELOOP
from io import BufferedReader
from pathlib import Path
from typing import Final

from cnnspec.diagnostics import Diagnostic, SpecError

LARGEST: Final = 2_000_000
"""Bytes a spec may have; a long hand-written one has a few thousand."""
LARGEST_DATA: Final = 16_000_000_000
"""Bytes a file of samples or weights may have."""
CHUNK: Final = 1 << 20
NONBLOCK: Final = getattr(os, "O_NONBLOCK", 0)
"""Opens a pipe that nobody writes to without waiting; none on Windows."""
WIDE: Final = (BOM_UTF16_LE, BOM_UTF16_BE)
UNFINISHED: Final = ".part"
"""Ends the temporary names."""


def opened(path: str | os.PathLike[str], most: int = LARGEST_DATA) -> BufferedReader:
    """A regular file, open to be read; raises OSError for all else, and for one of more than ``most`` bytes.

    A pipe or a device could keep its reader for ever. What the shell itself opened and names by its number
    (``<(git show HEAD:net.cnn)``) is read.
    """
    handle = os.open(path, os.O_RDONLY | getattr(os, "O_BINARY", 0) | NONBLOCK)
    try:
        state = os.fstat(handle)
        if stat.S_ISDIR(state.st_mode):
            raise OSError(EISDIR, "it is a folder", os.fspath(path))
        if not stat.S_ISREG(state.st_mode) and not _is_of_the_shell(path, state.st_mode):
            raise OSError(EINVAL, "it is not a regular file", os.fspath(path))
        if state.st_size > most:
            raise _too_large(path, most)
        if NONBLOCK:
            os.set_blocking(handle, True)
        return os.fdopen(handle, "rb")
    except BaseException:
        os.close(handle)
        raise


def read_bytes(path: str | os.PathLike[str], most: int = LARGEST_DATA) -> bytes:
    """The content of a file; raises OSError as ``opened`` does."""
    with opened(path, most) as file:
        data = file.read(os.fstat(file.fileno()).st_size + 1)
        while len(data) <= most and (more := file.read(CHUNK)):
            data += more  # /proc and the shell's pipes tell no size
    if len(data) > most:
        raise _too_large(path, most)
    return data


def _too_large(path: str | os.PathLike[str], most: int) -> OSError:
    return OSError(EFBIG, f"it is larger than {most:,} bytes", os.fspath(path))


def _is_of_the_shell(path: str | os.PathLike[str], mode: int) -> bool:
    return stat.S_ISFIFO(mode) and os.fspath(path).startswith(("/dev/fd/", "/dev/stdin"))


def decoded(data: bytes, what: str, most: int = LARGEST) -> str:
    """The text of a spec; raises SpecError for what is no text in UTF-8, or larger than ``most`` bytes.

    UTF-16 with its mark, as Windows PowerShell writes it, is text too, and so are lines that end in CR alone.
    """
    if len(data) > most:
        size = most // 1_000_000
        raise _unreadable("spec-too-large", f"{what} is larger than {size} MB; a spec is a short text")
    is_wide = data.startswith(WIDE)
    if b"\0" in data and not is_wide:
        raise _unreadable("not-text", f"{what} is not text: it holds binary data")
    try:
        text = data.decode("utf-16" if is_wide else "utf-8-sig")
        return text if "\n" in text else text.replace("\r", "\n")
    except UnicodeDecodeError as error:
        line, byte = data.count(b"\n", 0, error.start) + 1, data[error.start]
        where = f"byte 0x{byte:02x} on line {line}"
        raise _unreadable("not-text", f"{what} is not UTF-8: {where}; save the file as UTF-8") from error


def _unreadable(code: str, message: str) -> SpecError:
    return SpecError([Diagnostic(code, message)])


def write_atomically(path: str | os.PathLike[str], content: bytes | str, within: Path | None = None) -> None:
    """Write ``content`` under a temporary name beside ``path``, sync it, rename it, and sync the folder.

    A reader, or a crash at any moment, finds the old file or the new one,
    never a part. Text is written as UTF-8 with its line ends as they are. The
    mode of a file that was there is kept. A device or a pipe (``/dev/null``,
    ``/dev/stdout``) is written to and stays what it is. ``within`` a folder, those
    above the file are made, and links and special files are refused. Raises OSError as
    ``open`` would; it names ``path`` when the disk is full, too.
    """
    data = content.encode() if isinstance(content, str) else content
    if within is not None:
        refuse_links(Path(path), within)
        make_folder(Path(path).parent)
    elif _is_special(Path(path)):
        with open(path, "wb") as file:
            file.write(data)
        return
    try:
        _replace(Path(os.path.realpath(path)), data)
    except OSError as error:
        if error.errno:
            error.filename, error.filename2 = os.fspath(path), None
        raise


def _replace(target: Path, data: bytes) -> None:
    import tempfile  # only those who write pay for it

    handle, name = tempfile.mkstemp(UNFINISHED, f".{target.name}.", target.parent)
    try:
        with os.fdopen(handle, "wb") as file:
            file.write(data)
            file.flush()
            os.fsync(file.fileno())
        os.chmod(name, _mode(target))
        os.replace(name, target)
    except BaseException:
        Path(name).unlink(missing_ok=True)
        raise
    sync_folder(target.parent)


def make_folder(folder: Path) -> None:
    """Makes a folder, and those above it, where they are not there; their names outlast a power cut."""
    new = [place for place in (folder, *folder.parents) if not place.exists()]
    folder.mkdir(parents=True, exist_ok=True)
    for place in new:
        sync_folder(place.parent)


def sync_folder(folder: Path) -> None:
    """What was named anew in a folder, or taken away, stays so after a power cut."""
    if os.name != "posix":
        return
    with suppress(OSError):  # a file system that syncs no folders, or a folder that none may list
        handle = os.open(folder, os.O_RDONLY)
        try:
            os.fsync(handle)
        finally:
            os.close(handle)


def refuse_links(path: Path, within: Path) -> None:
    """Raises OSError where a path leads out of a folder by a link, or names a pipe or a device."""
    for place in (path, *path.parents):
        if place == within:
            return
        if place.is_symlink():
            raise OSError(ELOOP, "it is a link to another place", str(place))
        if _is_special(place):
            raise OSError(EINVAL, "it is not a regular file", str(place))


def sweep(folder: Path, is_ours: Callable[[str], object]) -> None:
    """Take away what writers of files with these names left when they were killed; nobody may be writing."""
    for path in folder.glob(f".*.*{UNFINISHED}"):
        if is_ours(path.name.removesuffix(UNFINISHED).rpartition(".")[0][1:]):
            path.unlink(missing_ok=True)


def _is_special(path: Path) -> bool:
    return path.exists() and not path.is_file() and not path.is_dir()


def _mode(target: Path) -> int:
    """The mode the file has, or what a new file would get here."""
    if target.exists():
        return target.stat().st_mode & 0o7777
    mask = os.umask(0)
    os.umask(mask)
    return 0o666 & ~mask
