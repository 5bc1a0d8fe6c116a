"""A warm process that is fed cases by their numbers, and replaced when it dies or hangs.

As a program (``python -m tests.fuzz.worker``) it reads lines ``kind number`` and answers each with its
verdict as JSON.
"""

from __future__ import annotations

import ctypes
import gc
import json
import os
import resource
import select
import shutil
import signal
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import asdict
from pathlib import Path
from typing import IO, Final

from .lab import MEMORY, PREFIX
from .limits import Verdict

ROOT: Final = Path(__file__).resolve().parents[2]
LONGEST: Final = 300.0
"""Seconds by the clock, on a busy machine too, after which a case is taken for one that waits for ever."""
MOST_HELD: Final = 300_000_000
"""Bytes that a process may hold between cases: caches that are full make the garbage collector slow."""
WARM: Final = 100
"""Cases after which all is loaded that will be, and the garbage collector need not look at it again."""
ADDRESSES: Final = 6_000_000_000
"""Bytes a worker may map beyond those it begins with: what keeps the machine from harm."""
ADOPT: Final = 36
"""PR_SET_CHILD_SUBREAPER: orphans of what a case started become children of the worker."""
DIE_TOO: Final = 1
"""PR_SET_PDEATHSIG: the worker ends with the process that feeds it."""


class Worker:
    """One process at a time; ``ask`` begins another where there is none."""

    def __init__(self, slowest: float, judge: str = "judged") -> None:
        self.slowest, self.judge = slowest, judge
        self.process: subprocess.Popen[bytes] | None = None
        self.folder = ""
        """The process's own, for all that it lays down, however it ends."""
        self.said: IO[bytes] = tempfile.TemporaryFile()  # noqa: SIM115

    def __enter__(self) -> Worker:
        return self

    def __exit__(self, *error: object) -> None:
        self._end()
        self.said.close()

    def ask(self, kind: str, number: int) -> Verdict:
        """What becomes of a case, even when it takes the process with it."""
        process = self.process or self._begun()
        assert process.stdin is not None
        assert process.stdout is not None
        with suppress(BrokenPipeError):  # a process that has died says nothing, which is told below
            process.stdin.write(f"{kind} {number}\n".encode())
            process.stdin.flush()
        ready, _, _ = select.select([process.stdout], [], [], LONGEST)
        line = process.stdout.readline() if ready else b""
        if line:
            verdict = Verdict(**json.loads(line))
            if verdict.held > MOST_HELD:
                self._end()
            return verdict
        code = process.poll() if ready else None
        with suppress(subprocess.TimeoutExpired):
            code = process.wait(1) if ready else None
        self._end()
        what = f"died with {code}: {self._last_words()}" if ready else f"no answer after {LONGEST:.0f} s"
        return Verdict([("process", what)])

    def _begun(self) -> subprocess.Popen[bytes]:
        command = [sys.executable, "-X", "faulthandler", "-m", "tests.fuzz.worker"]
        command += [str(self.slowest), self.judge]
        self.folder = tempfile.mkdtemp(prefix=PREFIX, dir=MEMORY if os.access(MEMORY, os.W_OK) else None)
        self.process = subprocess.Popen(
            command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=self.said, cwd=ROOT,
            start_new_session=True, env=os.environ | {"TMPDIR": self.folder, "OMP_NUM_THREADS": "1"},
        )  # fmt: skip
        return self.process

    def _last_words(self) -> str:
        self.said.seek(max(0, self.said.seek(0, os.SEEK_END) - 400))
        return " ".join(self.said.read().decode("utf-8", "replace").split())

    def _end(self) -> None:
        """The process, all that it started and all that it laid down are gone."""
        if self.process is not None:
            with suppress(OSError):
                os.killpg(self.process.pid, signal.SIGKILL)
            self.process.communicate()
            self.process = None
            shutil.rmtree(self.folder)


def main() -> None:
    """Answers line after line. What cases print goes nowhere; what their processes say is looked at."""
    from . import kinds

    slowest, judge = float(sys.argv[1]), getattr(kinds, sys.argv[2])
    answers = os.fdopen(os.dup(1), "w")
    os.dup2(os.open(os.devnull, os.O_WRONLY), 1)
    os.fsync = lambda fd: None  # the disk has other work
    with suppress(OSError, AttributeError):
        ctypes.CDLL(None).prctl(ADOPT, 1, 0, 0, 0)
        ctypes.CDLL(None).prctl(DIE_TOO, int(signal.SIGKILL), 0, 0, 0)
    _keep_within(ADDRESSES)
    gc.set_threshold(20_000, 20, 20)  # as there is one network after the other
    for turn, line in enumerate(sys.stdin):
        if turn == WARM:
            gc.collect()
            gc.freeze()
        kind, number = line.split()
        before = os.fstat(2).st_size
        verdict = judge(kind, int(number), slowest)
        verdict.faults += _left(before)
        verdict.held = _pages() * resource.getpagesize()
        answers.write(json.dumps(asdict(verdict)) + "\n")
        answers.flush()


def _left(before: int) -> Iterator[tuple[str, str]]:
    """What a case should not have: said to standard error from there on, or laid among temporary files."""
    if os.fstat(2).st_size > before:
        with open("/dev/fd/2", "rb") as said:
            said.seek(before)
            if b"Traceback (most recent call last)" in (words := said.read()):
                yield "stderr", " ".join(words[-400:].decode("utf-8", "replace").split())
    for path in Path(tempfile.gettempdir()).iterdir():
        if not path.name.startswith("fuzz-"):
            yield "files", f"{path.name} is left among the temporary files"
            shutil.rmtree(path) if path.is_dir() else path.unlink()


def _pages(which: int = 1) -> int:
    """How many pages of memory this process holds; 0 stands for those it has mapped."""
    with suppress(OSError):
        return int(Path("/proc/self/statm").read_text().split()[which])
    return 0


def _keep_within(more: int) -> None:
    with suppress(OSError, ValueError):
        most = _pages(0) * resource.getpagesize() + more
        resource.setrlimit(resource.RLIMIT_AS, (most, most))


if __name__ == "__main__":
    main()
