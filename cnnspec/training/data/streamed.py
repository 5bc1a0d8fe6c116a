"""Images that are too many for memory: decoded from their files when they are asked for, some of them kept.

``StreamedImages`` stands where an array of bytes (samples, height, width, channels) would. Its samples are
decoded by processes of their own; whoever takes slices in turn, as an evaluation does, finds the next one
begun.
"""

from __future__ import annotations

import os
import zlib
from collections import deque
from collections.abc import Callable, Iterator, Sequence
from math import prod
from pathlib import Path
from threading import RLock
from typing import Any, Final, TypeAlias
from weakref import WeakSet

import numpy as np
from numpy.typing import NDArray

from cnnspec.diagnostics import SpecError
from cnnspec.files import opened
from cnnspec.layers.base import Shape, show
from cnnspec.training.data.decoders import DONE, GONE, DecodingProcesses
from cnnspec.training.data.faults import bad_file, decoding, unfolds
from cnnspec.training.data.picture import is_picture, size_of
from cnnspec.training.data.preprocess import Bytes

IN_MEMORY: Final = 500_000_000
"""Bytes of decoded images up to which a folder is loaded whole; a larger one is streamed."""
KEPT: Final = 250_000_000
"""Bytes of decoded images that are kept of a folder that is streamed: those that were asked for first."""
MOST_PROCESSES: Final = 16
MOST_WAITING: Final = 4
"""Questions that nobody waits for yet; beyond, the first is answered before another is put."""
AT_ONCE: Final = 1024
"""Images that are asked for in one question."""
BLOCK: Final = 4096
"""Bytes of a file that its digest is of, at its beginning, its middle and its end."""
Places: TypeAlias = NDArray[np.int64]
Read: TypeAlias = Callable[[Path], Bytes]


class ImageFiles:
    """Files of images of one shape, what reads one, and the images that are kept.

    Names in digests are those within ``root``. A forked process keeps no more than it has.
    """

    def __init__(self, files: Sequence[Path], root: Path, shape: Shape, read: Read) -> None:
        self.files, self.root, self.shape, self.read = [*map(str, files)], root, shape, read
        self.kept: dict[int, Bytes] = {}
        self.most = KEPT // max(1, prod(shape))
        self.digests: dict[int, bytes] = {}
        self.owner = os.getpid()
        self._processes: DecodingProcesses | None = None
        self.begin_anew()
        _ALIVE.add(self)

    def decode(self, place: int) -> Bytes:
        """One image; raises SpecError where its file cannot be read, or was changed since."""
        path = Path(self.files[place])
        found = self.read(path)
        if found.shape != self.shape:
            raise bad_file(path, f"is {show(found.shape)}, the first image {show(self.shape)}")
        return np.ascontiguousarray(found)

    def image(self, place: int) -> Bytes:
        """One image, kept or decoded."""
        found = self.kept.get(place)
        return self.decode(place) if found is None else found

    def keep(self, place: int, image: Bytes) -> None:
        """Keeps an image where there is room."""
        if len(self.kept) < self.most and self.owner == os.getpid():
            self.kept.setdefault(place, image.copy())

    def processes(self) -> DecodingProcesses | None:
        """Those of this process, begun when they are first asked for; None where the system cannot fork."""
        if not hasattr(os, "fork"):
            return None
        if self._processes is None:
            self._processes = DecodingProcesses(self.decode, processors() if self.owner == os.getpid() else 1)
        return self._processes

    def begin_anew(self) -> None:
        """In a process that was forked: its parent's questions, and who answers them, are not its own."""
        self.lock, self._processes = RLock(), None
        self.waiting: deque[Decoding] = deque()

    def begin(self, places: Places) -> Decoding:
        """Images that are decoded from now on."""
        with self.lock:
            processes = self.processes()
            while len(self.waiting) > MOST_WAITING:
                self.waiting.popleft().receive()
            made = Decoding(self, places, processes)
            self.waiting.append(made)
        return made

    def give_up(self) -> None:
        """Lets the processes go, as one of them is lost; others are begun when they are needed."""
        if self._processes is not None:
            self._processes.close()
            self._processes = None

    def sizes(self) -> Iterator[tuple[Path, tuple[int, int]]]:
        """Height and width of each image, upright, from the head of its file; SpecError for what is none."""
        return ((path, size_of(path)) for path in map(Path, self.files))

    def digest(self, place: int) -> bytes:
        """The name of a file, its size, and a sum over its beginning, middle and end, as bytes."""
        if place not in self.digests:
            path = self.files[place]
            with decoding(Path(path), "cannot be read"), opened(path) as file:
                size = os.fstat(file.fileno()).st_size
                total = zlib.crc32(file.read(BLOCK))
                for start in (max(BLOCK, size // 2 - BLOCK // 2), max(BLOCK, size - BLOCK)):
                    if start < size:
                        file.seek(start)
                        total = zlib.crc32(file.read(BLOCK), total)
            name = os.path.relpath(path, self.root)
            self.digests[place] = f"{name}\0{size}\0{total}\0".encode("utf-8", "surrogateescape")
        return self.digests[place]


_ALIVE: Final[WeakSet[ImageFiles]] = WeakSet()


def _begin_anew() -> None:
    for files in list(_ALIVE):
        files.begin_anew()


if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_begin_anew)


class Decoding:
    """Images on their way into an array: answers come in the order of the questions."""

    def __init__(self, files: ImageFiles, places: Places, processes: DecodingProcesses | None) -> None:
        self.files, self.places, self.processes, self.pid = files, places, processes, os.getpid()
        self.found = np.empty((len(places), *files.shape), np.uint8)
        self.is_done = False
        self.fault: SpecError | None = None
        self.missing = np.array(
            [n for n, place in enumerate(places.tolist()) if place not in files.kept], int
        )
        self.parts = [part for part in np.array_split(self.missing, len(processes or [0])) if len(part)]
        for worker, part in enumerate(self.parts):
            if processes is not None and not processes.order(worker, places[part]):
                files.give_up()
                break

    def wait(self) -> Bytes:
        """All of them; raises SpecError for a file that cannot be decoded."""
        with self.files.lock:
            while not self.is_done:
                self.files.waiting.popleft().receive()
        if self.fault is not None:
            raise self.fault
        return self.found

    def receive(self) -> None:
        """Takes what the processes answer; what they do not is decoded here, so that its fault is told."""
        self.is_done = True
        for worker, part in enumerate(self.parts):
            images = np.empty((len(part), *self.files.shape), np.uint8)
            if self.processes is not None and len(self.processes):
                answer = self.processes.receive(worker, images)
            else:
                answer = GONE
            if answer == GONE:
                self.files.give_up()
            if answer != DONE:
                self._decode_here(part)
                continue
            self.found[part] = images
            for place, image in zip(self.places[part].tolist(), images, strict=True):
                self.files.keep(place, image)
        for n in set(range(len(self.places))) - set(self.missing.tolist()):
            self.found[n] = self.files.image(int(self.places[n]))

    def _decode_here(self, part: Places) -> None:
        try:
            for n in part.tolist():
                self.found[n] = image = self.files.image(int(self.places[n]))
                self.files.keep(int(self.places[n]), image)
        except SpecError as error:
            self.fault = self.fault or error


class StreamedImages:
    """Some images of files, in an order: what is taken of it by places or slices is an array."""

    dtype: Final = np.dtype(np.uint8)

    def __init__(self, files: ImageFiles, places: Places | None = None) -> None:
        self.files = files
        self.places = np.arange(len(files.files)) if places is None else places
        self._next: tuple[tuple[int, int], Decoding] | None = None

    @property
    def shape(self) -> tuple[int, ...]:
        return (len(self.places), *self.files.shape)

    @property
    def ndim(self) -> int:
        return len(self.shape)

    @property
    def size(self) -> int:
        return prod(self.shape)

    def __len__(self) -> int:
        return len(self.places)

    def taken(self, places: Any) -> StreamedImages:
        """Some of them, by places or a mask, not yet decoded."""
        return StreamedImages(self.files, self.places[places])

    def changed(self, change: Callable[[Bytes], Bytes]) -> StreamedImages:
        """All of them, each changed as it is decoded; ``change`` takes and gives (n, …)."""
        files = self.files
        read, shape = files.read, change(self[:1]).shape[1:]
        made = ImageFiles(
            [*map(Path, files.files)], files.root, shape, lambda path: change(read(path)[None])[0]
        )
        return StreamedImages(made, self.places)

    def __getitem__(self, chosen: Any) -> Bytes:
        if isinstance(chosen, slice) and chosen.step in (None, 1):
            return self._slice(*chosen.indices(len(self))[:2])
        places = self.places[chosen]
        if places.ndim == 0:
            return self.files.image(int(places))
        return self._all(places)

    def _all(self, places: Places) -> Bytes:
        """Images of places, in parts, so that no order fills a pipe."""
        parts = [places[start : start + AT_ONCE] for start in range(0, len(places), AT_ONCE)]
        if len(parts) < 2:
            return self.files.begin(places).wait()
        return np.concatenate([self.files.begin(part).wait() for part in parts])

    def _slice(self, start: int, stop: int) -> Bytes:
        """A slice; the one after it is begun, as that is mostly what is asked for next."""
        if stop - start > AT_ONCE:
            return self._all(self.places[start:stop])
        known, self._next = self._next, None
        is_begun = known and known[0] == (start, stop) and known[1].pid == os.getpid()
        begun = known[1] if known and is_begun else self.files.begin(self.places[start:stop])
        after = (stop, min(2 * stop - start, len(self)))
        if start and after[0] < after[1]:
            self._next = (after, self.files.begin(self.places[slice(*after)]))
        return begun.wait()

    def __array__(self, dtype: Any = None, copy: bool | None = None) -> NDArray[Any]:
        """All of them at once, for who can do with nothing less."""
        return self._all(self.places).astype(dtype or np.uint8, copy=False)

    def digest(self) -> int:
        """A sum over the digests of their files, in order."""
        total = 0
        for place in self.places.tolist():
            total = zlib.crc32(self.files.digest(place), total)
        return total


def wanted(files: Sequence[Path], size: int) -> bool:
    """Whether files are pictures that take more memory, once decoded to this ``size``, than they should."""
    return (size > IN_MEMORY or unfolds(files, size)) and all(map(is_picture, files))


def processors() -> int:
    """Those that this process may use, up to some."""
    allowed = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count()
    return min(MOST_PROCESSES, allowed or 1)
