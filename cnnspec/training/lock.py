"""The lock on the folder of a run: one training at a time, and the folder that it began in."""

from __future__ import annotations

import os
from contextlib import suppress
from errno import EEXIST
from pathlib import Path
from typing import Final

from cnnspec.diagnostics import SpecError
from cnnspec.files import make_folder, refuse_links

try:
    import fcntl
except ImportError:  # Windows: nothing is locked there
    fcntl = None  # type: ignore[assignment]

LOCK: Final = ".lock"
_held: set[tuple[int, int]] = set()
"""Folders locked by this process, which the system would let it lock twice."""


class Lock:
    """Within ``with``, this process alone trains into the folder, which is made where it is not there.

    Raises SpecError when another one does. The system lets go of the lock when
    the process is gone; workers that were forked do not hold it.
    """

    def __init__(self, folder: Path) -> None:
        self.folder, self.path = folder, folder / LOCK
        self.place, self.handle = (-1, -1), -1

    def __enter__(self) -> Lock:
        make_folder(self.folder)
        self.place = self._there()
        if self.place in _held:
            raise self._taken()
        if fcntl is not None:
            self.handle = self._locked()
        _held.add(self.place)
        return self

    def __exit__(self, *error: object) -> None:
        _held.discard(self.place)
        if self.handle >= 0:
            if _is_at(self.handle, self.path):
                self.path.unlink(missing_ok=True)
            os.close(self.handle)

    def holds(self) -> bool:
        """Whether the folder still stands under its name, and nobody else has locked it."""
        try:
            there = self._there()
        except OSError:
            return False
        return there == self.place and (
            self.handle < 0 or not self.path.exists() or _is_at(self.handle, self.path)
        )

    def _there(self) -> tuple[int, int]:
        """Tells the folder under this name from every other."""
        state = self.folder.stat()
        return state.st_dev, state.st_ino

    def _locked(self) -> int:
        """The open and locked file; one that its holder took away meanwhile is made anew."""
        while True:
            handle = self._opened()
            try:
                fcntl.lockf(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except (BlockingIOError, PermissionError):
                fault = self._taken(os.read(handle, 20).decode("ascii", "replace").strip())
                os.close(handle)
                raise fault from None
            except OSError:  # a file system without locks
                return handle
            if _is_at(handle, self.path):
                with suppress(OSError):  # the number is only for people
                    os.ftruncate(handle, 0)
                    os.write(handle, f"{os.getpid()}\n".encode())
                return handle
            os.close(handle)

    def _opened(self) -> int:
        """The file of the lock; raises OSError where something else of the user's has its name."""
        refuse_links(self.path, self.folder)
        handle = os.open(self.path, os.O_RDWR | os.O_CREAT | os.O_NOFOLLOW, 0o666)
        if not os.pread(handle, 20, 0).strip().isdigit() and os.fstat(handle).st_size:
            os.close(handle)
            raise OSError(EEXIST, "it is a file of something else", str(self.path))
        return handle

    def _taken(self, pid: str = "") -> SpecError:
        who = f"process {pid}" if pid else "another training"
        message = f"{self.folder} is in use: {who} is training there"
        cures = ("wait until it ends, or stop it", "or train into another folder: -o FOLDER")
        return SpecError.of("run-in-use", message, *cures)


def is_locked(folder: Path) -> bool:
    """Whether another process trains into a folder now; False where the system has no locks."""
    if fcntl is None:
        return False
    try:
        handle = os.open(folder / LOCK, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK)
    except OSError:
        return False
    try:
        fcntl.lockf(handle, fcntl.LOCK_SH | fcntl.LOCK_NB)
    except (BlockingIOError, PermissionError):
        return True
    except OSError:  # a file system without locks
        return False
    finally:
        os.close(handle)
    return False


def _is_at(handle: int, path: Path) -> bool:
    try:
        return os.path.samestat(os.fstat(handle), path.stat())
    except FileNotFoundError:
        return False
