"""One training a folder at a time: a lock that ends with its process, however that ends."""

from __future__ import annotations

import os
from contextlib import suppress
from pathlib import Path
from types import TracebackType
from typing import Final

from cnnspec.diagnostics import Diagnostic, SpecError

try:
    import fcntl
except ImportError:  # Windows: nothing is locked there
    fcntl = None  # type: ignore[assignment]

LOCK: Final = ".lock"
_held: set[str] = set()
"""Folders locked by this process, which the system would let it lock twice."""


class Lock:
    """Within ``with``, this process alone trains into the folder, which is made where it is not there.

    Raises SpecError when another one does. The system lets go of the lock when
    the process is gone; workers that were forked do not hold it.
    """

    def __init__(self, folder: Path) -> None:
        self.folder, self.path = folder, folder / LOCK
        self.key, self.handle = os.path.realpath(folder), -1

    def __enter__(self) -> Lock:
        if self.key in _held:
            raise self._taken()
        self.folder.mkdir(parents=True, exist_ok=True)
        if fcntl is not None:
            self.handle = self._locked()
        _held.add(self.key)
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        _held.discard(self.key)
        if self.handle >= 0:
            self.path.unlink(missing_ok=True)
            os.close(self.handle)

    def _locked(self) -> int:
        """The open and locked file; one that its holder took away meanwhile is made anew."""
        while True:
            handle = os.open(self.path, os.O_RDWR | os.O_CREAT, 0o666)
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

    def _taken(self, pid: str = "") -> SpecError:
        who = f"process {pid}" if pid else "another training"
        message = f"{self.folder} is in use: {who} is training there"
        cures = ("wait for its end, or stop it", "or train into another folder: -o FOLDER")
        return SpecError([Diagnostic("run-in-use", message, help=cures)])


def _is_at(handle: int, path: Path) -> bool:
    try:
        return os.path.samestat(os.fstat(handle), path.stat())
    except FileNotFoundError:
        return False
