"""A warm process that is fed cases by their numbers, and replaced when it dies or hangs.

As a program (``python -m tests.fuzz.worker``) it reads lines ``kind number`` and answers each with its
verdict as JSON.
"""

from __future__ import annotations

import ctypes
import json
import os
import resource
import select
import signal
import subprocess
import sys
import tempfile
from contextlib import suppress
from dataclasses import asdict
from pathlib import Path
from typing import IO, Final

from .limits import Verdict

ROOT: Final = Path(__file__).resolve().parents[2]
LONGEST: Final = 90.0
"""Seconds after which a case that has not ended is taken for one that waits for ever."""
ADDRESSES: Final = 6_000_000_000
"""Bytes a worker may map beyond those it begins with: what keeps the machine from harm."""
ADOPT: Final = 36
"""PR_SET_CHILD_SUBREAPER: orphans of what a case started become children of the worker."""
DIE_TOO: Final = 1
"""PR_SET_PDEATHSIG: the worker ends with the process that feeds it."""


class Worker:
    """One process at a time; ``ask`` begins another where there is none."""

    def __init__(self, slowest: float) -> None:
        self.slowest = slowest
        self.process: subprocess.Popen[bytes] | None = None
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
        process.stdin.write(f"{kind} {number}\n".encode())
        process.stdin.flush()
        ready, _, _ = select.select([process.stdout], [], [], LONGEST)
        line = process.stdout.readline() if ready else b""
        if line:
            return Verdict(**json.loads(line))
        code = process.poll() if ready else None
        with suppress(subprocess.TimeoutExpired):
            code = process.wait(1) if ready else None
        self._end()
        what = f"died with {code}: {self._last_words()}" if ready else f"no answer after {LONGEST:.0f} s"
        return Verdict([("process", what)])

    def _begun(self) -> subprocess.Popen[bytes]:
        command = [sys.executable, "-X", "faulthandler", "-m", "tests.fuzz.worker", str(self.slowest)]
        self.process = subprocess.Popen(
            command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=self.said, cwd=ROOT,
            start_new_session=True,
        )  # fmt: skip
        return self.process

    def _last_words(self) -> str:
        self.said.seek(max(0, self.said.seek(0, os.SEEK_END) - 400))
        return " ".join(self.said.read().decode("utf-8", "replace").split())

    def _end(self) -> None:
        """The process and all that it started are gone."""
        if self.process is not None:
            with suppress(OSError):
                os.killpg(self.process.pid, signal.SIGKILL)
            self.process.communicate()
            self.process = None


def main() -> None:
    """Answers line after line. What cases print goes nowhere; what their processes say is looked at."""
    from .kinds import judged

    slowest = float(sys.argv[1])
    answers = os.fdopen(os.dup(1), "w")
    os.dup2(os.open(os.devnull, os.O_WRONLY), 1)
    os.fsync = lambda fd: None  # the disk has other work
    with suppress(OSError, AttributeError):
        ctypes.CDLL(None).prctl(ADOPT, 1, 0, 0, 0)
        ctypes.CDLL(None).prctl(DIE_TOO, int(signal.SIGKILL), 0, 0, 0)
    _keep_within(ADDRESSES)
    for line in sys.stdin:
        kind, number = line.split()
        before = os.fstat(2).st_size
        verdict = judged(kind, int(number), slowest)
        with open("/dev/fd/2", "rb") as said:
            said.seek(before)
            if b"Traceback (most recent call last)" in (words := said.read()):
                verdict.faults.append(("stderr", " ".join(words[-400:].decode("utf-8", "replace").split())))
        answers.write(json.dumps(asdict(verdict)) + "\n")
        answers.flush()


def _keep_within(more: int) -> None:
    with suppress(OSError, ValueError):
        pages = int(Path("/proc/self/statm").read_text().split()[0])
        most = pages * resource.getpagesize() + more
        resource.setrlimit(resource.RLIMIT_AS, (most, most))


if __name__ == "__main__":
    main()
