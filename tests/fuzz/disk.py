"""A disk that fails when it is told to, and that remembers in what order things reached it.

``Disk(folder)`` counts every operation beneath a folder that a program could see fail. One of them can be
made to fail; and what the folder would hold after the power went off at any moment can be laid out anew.
"""

from __future__ import annotations

import builtins
import io
import os
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from dataclasses import dataclass, field
from itertools import count, product
from pathlib import Path
from typing import Any, Final, TypeAlias
from unittest.mock import patch

Node: TypeAlias = int
"""A file or a folder, whatever it is called; 0 is the folder of the disk."""
OPENING: Final = {"r": os.O_RDONLY, "w": os.O_WRONLY | os.O_CREAT | os.O_TRUNC, "a": os.O_WRONLY | os.O_CREAT}


@dataclass(frozen=True)
class Event:
    """What an operation changed: names in a folder, or what of a file or folder is on the disk for sure."""

    folder: Node | None = None
    names: tuple[tuple[str, Node | None], ...] = ()
    synced: Node | None = None
    data: bytes | None = None


@dataclass
class Operation:
    """One that may fail: ``open``, ``write`` …, and the path."""

    name: str
    path: str


@dataclass
class Disk:
    """Within ``with``, what is done beneath ``folder`` passes here; ``fails`` does, and how."""

    folder: Path
    fails: tuple[int, OSError] | None = None
    operations: list[Operation] = field(default_factory=list)
    events: list[Event] = field(default_factory=list)
    nodes: dict[str, Node] = field(default_factory=dict)
    folders: set[Node] = field(default_factory=lambda: {0})
    begun: dict[Node, bytes | None] = field(default_factory=dict)
    numbers: Iterator[Node] = field(default_factory=lambda: count(1))

    def __post_init__(self) -> None:
        self.root = os.path.realpath(self.folder)
        self.nodes[self.root] = 0
        for path in sorted(Path(self.root).rglob("*")):
            node = self._node(str(path))
            self._named(str(path), node)
            if path.is_dir():
                self.folders.add(node)
            else:
                self.begun[node] = path.read_bytes()
        self.events = [event for event in self.events for event in (event, Event(synced=event.folder))]
        self.start = len(self.events)

    def __enter__(self) -> Disk:
        self.stack = ExitStack()
        ordinary = {name: getattr(os, name) for name in (
            "open", "replace", "rename", "unlink", "remove", "mkdir", "rmdir", "chmod", "fsync", "write",
            "ftruncate",
        )}  # fmt: skip
        self.os = ordinary
        named = {
            "unlink": self._removed,
            "remove": self._removed,
            "rmdir": self._removed,
            "mkdir": self._made,
        }
        for name in ordinary:
            one: Callable[..., Any] = getattr(self, f"_os_{name}", None) or self._on_a_path(
                name, named.get(name)
            )
            self.stack.enter_context(patch.object(os, name, one))
        self.io_open = io.open
        self.stack.enter_context(patch.object(io, "open", self._open))
        self.stack.enter_context(patch.object(builtins, "open", self._open))
        return self

    def __exit__(self, *error: object) -> None:
        self.stack.close()

    # Operations ---------------------------------------------------------------------

    def attempt(self, name: str, path: str) -> None:
        """Counts an operation; raises the error where it is the one that fails."""
        if self.fails and self.fails[0] == len(self.operations):
            error, self.fails = self.fails[1], None
            self.operations.append(Operation(name, path))
            error.filename = None if name in ("write", "fsync", "ftruncate") else path
            raise error
        self.operations.append(Operation(name, path))

    def _path(self, path: Any, folder: int | None = None) -> str | None:
        """The whole path of something beneath the folder; None elsewhere."""
        if isinstance(path, int):
            found = os.readlink(f"/proc/self/fd/{path}")
        else:
            text = os.fsdecode(path)
            base = os.readlink(f"/proc/self/fd/{folder}") if folder is not None else os.getcwd()
            parent, last = os.path.split(os.path.join(base, text))
            found = os.path.join(os.path.realpath(parent), last)
        return found if found == self.root or found.startswith(self.root + "/") else None

    def _on_a_path(self, name: str, after: Callable[[str], None] | None) -> Callable[..., Any]:
        def call(path: Any, *more: Any, dir_fd: int | None = None, **named: Any) -> Any:
            found = self._path(path, dir_fd)
            if found is not None:
                self.attempt(name, found)
            at = {} if dir_fd is None else {"dir_fd": dir_fd}
            result = self.os[name](path, *more, **at, **named)
            if found is not None and after:
                after(found)
            return result

        return call

    def _os_open(self, path: Any, flags: int, mode: int = 0o777, *, dir_fd: int | None = None) -> int:
        found = self._path(path, dir_fd)
        if found is None:
            return int(self.os["open"](path, flags, mode, dir_fd=dir_fd))
        new = not os.path.lexists(found)
        self.attempt("open", found)
        handle = int(self.os["open"](path, flags, mode, dir_fd=dir_fd))
        if new and flags & os.O_CREAT:
            self._named(found, self._node(found))
        return handle

    def _os_rename(
        self, source: Any, target: Any, *, src_dir_fd: int | None = None, dst_dir_fd: int | None = None
    ) -> None:
        self._os_replace(source, target, src_dir_fd=src_dir_fd, dst_dir_fd=dst_dir_fd)

    def _os_replace(
        self, source: Any, target: Any, *, src_dir_fd: int | None = None, dst_dir_fd: int | None = None
    ) -> None:
        one, two = self._path(source, src_dir_fd), self._path(target, dst_dir_fd)
        if one and two:
            self.attempt("rename", two)
        self.os["replace"](source, target, src_dir_fd=src_dir_fd, dst_dir_fd=dst_dir_fd)
        if one and two:
            node, folder = self.nodes.pop(one), self.nodes[os.path.dirname(two)]
            self.nodes[two] = node
            names = ((os.path.basename(one), None), (os.path.basename(two), node))
            self.events.append(Event(folder=folder, names=names))

    def _os_fsync(self, handle: Any) -> None:
        number = handle if isinstance(handle, int) else handle.fileno()
        found = self._path(number)
        if found is None:
            return
        self.attempt("fsync", found)
        node = self.nodes.get(found)
        if node in self.folders:
            self.events.append(Event(synced=node))
        elif node is not None:
            with self.io_open(found, "rb") as file:
                self.events.append(Event(synced=node, data=file.read()))

    def _os_write(self, handle: int, data: bytes) -> int:
        if (found := self._path(handle)) is not None:
            self.attempt("write", found)
        return int(self.os["write"](handle, data))

    def _os_ftruncate(self, handle: int, length: int) -> None:
        if (found := self._path(handle)) is not None:
            self.attempt("ftruncate", found)
        self.os["ftruncate"](handle, length)

    def _open(self, file: Any, mode: str = "r", buffering: int = -1, *more: Any, **named: Any) -> Any:
        """As the builtin, with writes that can fail."""
        found = self._path(file) if isinstance(file, int | str | bytes | os.PathLike) else None
        if found is None or named.get("opener") or (len(more) > 4):
            return self.io_open(file, mode, buffering, *more, **named)
        handle = file
        if not isinstance(file, int):
            flags = OPENING[mode.strip("bt+U")[:1]] | (os.O_APPEND if "a" in mode else 0) | os.O_CLOEXEC
            handle = self._os_open(file, flags, 0o666)
        if "r" in mode:
            return self.io_open(handle, mode, buffering, *more, **named)
        raw = _Raw(handle, mode.replace("t", "").replace("b", ""), self, found)
        buffered = io.BufferedWriter(raw)
        return buffered if "b" in mode else io.TextIOWrapper(buffered, *more, **named)

    # What is where ------------------------------------------------------------------

    def _node(self, path: str) -> Node:
        self.nodes[path] = node = next(self.numbers)
        return node

    def _named(self, path: str, node: Node | None) -> None:
        folder, name = os.path.split(path)
        self.events.append(Event(folder=self.nodes[folder], names=((name, node),)))

    def _removed(self, path: str) -> None:
        self._named(path, None)
        self.nodes.pop(path, None)

    def _made(self, path: str) -> None:
        node = self._node(path)
        self.folders.add(node)
        self._named(path, node)

    # After the power went off ---------------------------------------------------------

    def after_power_loss(self) -> Iterator[tuple[int, dict[str, bytes | None]]]:
        """What may be left, by path, None for a folder, after each event: only what was synced, for sure.

        Of each folder either no name that was not synced, or all of them are there.
        """
        seen: set[tuple[Any, ...]] = set()
        for end in range(self.start, len(self.events) + 1):
            folders = sorted(self.folders)
            for choice in product((False, True), repeat=len(folders)):
                found = self._left(end, dict(zip(folders, choice, strict=True)))
                key = tuple(sorted(found.items(), key=lambda item: item[0]))
                if key not in seen:
                    seen.add(key)
                    yield end, found

    def certain(self) -> dict[str, bytes | None]:
        """What is left for sure when all is over."""
        return self._left(len(self.events), dict.fromkeys(self.folders, False))

    def _left(self, end: int, whole: dict[Node, bool]) -> dict[str, bytes | None]:
        events = self.events[:end]
        synced = {event.synced: n for n, event in enumerate(events)}
        names: dict[Node, dict[str, Node]] = {node: {} for node in self.folders}
        data: dict[Node, bytes | None] = dict(self.begun)
        for n, event in enumerate(events):
            if event.data is not None and event.synced is not None:
                data[event.synced] = event.data
            if event.folder is not None and (whole[event.folder] or n < synced.get(event.folder, -1)):
                for name, node in event.names:
                    if node is None:
                        names[event.folder].pop(name, None)
                    else:
                        names[event.folder][name] = node
        return dict(self._listed(0, "", names, data))

    def _listed(
        self, folder: Node, prefix: str, names: dict[Node, dict[str, Node]], data: dict[Node, bytes | None]
    ) -> Iterator[tuple[str, bytes | None]]:
        for name, node in names[folder].items():
            if node in self.folders:
                yield prefix + name, None
                yield from self._listed(node, f"{prefix}{name}/", names, data)
            else:
                yield prefix + name, data.get(node) or b""


class _Raw(io.FileIO):
    def __init__(self, handle: int, mode: str, disk: Disk, path: str) -> None:
        super().__init__(handle, mode)
        self.disk, self.path = disk, path

    def write(self, data: Any) -> int:
        self.disk.attempt("write", self.path)
        return super().write(data)
