"""Texts read from bytes, and files written so that nobody ever sees half of one."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Final

from cnnspec.diagnostics import Diagnostic, SpecError

LARGEST: Final = 2_000_000
"""Bytes a spec may have; a long hand-written one has a few thousand."""
UNFINISHED: Final = ".part"
"""Ends the temporary names."""


def decoded(data: bytes, what: str) -> str:
    """The text of a spec; raises SpecError for what is no text in UTF-8, or larger than ``LARGEST``."""
    if len(data) > LARGEST:
        size = LARGEST // 1_000_000
        raise _unreadable("spec-too-large", f"{what} is larger than {size} MB; a spec is a short text")
    if b"\0" in data:
        raise _unreadable("not-text", f"{what} is not text: it holds binary data")
    try:
        return data.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        line, byte = data.count(b"\n", 0, error.start) + 1, data[error.start]
        where = f"byte 0x{byte:02x} on line {line}"
        raise _unreadable("not-text", f"{what} is not UTF-8: {where}; save the file as UTF-8") from error


def _unreadable(code: str, message: str) -> SpecError:
    return SpecError([Diagnostic(code, message)])


def write_atomically(path: str | os.PathLike[str], content: bytes | str) -> None:
    """Write ``content`` under a temporary name beside ``path``, sync it, and rename it.

    A reader, or a crash at any moment, finds the old file or the new one,
    never a part. Text is written as UTF-8 with its line ends as they are. The
    mode of a file that was there is kept. A device or a pipe (``/dev/null``,
    ``/dev/stdout``) is written to and stays what it is. Raises OSError as ``open``
    would; it names ``path`` when the disk is full, too.
    """
    data = content.encode() if isinstance(content, str) else content
    if _is_special(Path(path)):
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


def sweep(folder: Path) -> None:
    """Take away what writers that were killed left in a folder; nobody else may be writing there."""
    for path in folder.glob(f".*.*{UNFINISHED}"):
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
