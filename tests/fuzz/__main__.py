"""Drives random and broken input through the program: ``python -m tests.fuzz --kind all --seconds 60``.

A case has a kind and a number, and is the same one each time: the seed is the first number. A fault is a
traceback, an exit code that no command should have, a process left behind, more than 2 s of a stage's or 500
MB of a case's. Each new kind of fault is printed once, with what makes its case again (``--only N`` drives
that alone, ``--show N`` prints it). Exit code 1 when there was one.
"""

from __future__ import annotations

import argparse
import os
import signal
import sys
from collections import Counter
from collections.abc import Iterator
from itertools import cycle, islice
from pathlib import Path
from random import SystemRandom
from threading import Lock, Thread
from time import monotonic

from .kinds import KINDS, alone, turns
from .lab import sweep
from .limits import SLOWEST, Verdict
from .tally import Tally
from .worker import Worker


def main() -> int:
    parser = argparse.ArgumentParser(prog="python -m tests.fuzz", description=__doc__)
    parser.add_argument("--kind", choices=["all", *KINDS], action="append", help="may be repeated")
    parser.add_argument("--seconds", type=float, default=60, help="stop after so long")
    parser.add_argument("--count", type=int, default=10**9, help="stop after so many cases")
    parser.add_argument("--seed", type=int, help="the first number; drawn, and printed, unless given")
    parser.add_argument("--show", type=int, metavar="N", help="print the case of this number")
    parser.add_argument("--only", type=int, metavar="N", help="drive it alone, here")
    parser.add_argument("--keep", type=Path, metavar="FOLDER", help="write the cases that failed there")
    parser.add_argument("--workers", type=int, default=os.cpu_count() or 1, help="processes at a time")
    parser.add_argument(
        "--log", type=Path, metavar="FILE", help="add a line on this run; print the sum of all"
    )
    given = parser.parse_args()
    kinds = list(KINDS) if "all" in (given.kind or ["all"]) else given.kind
    if given.show is not None or given.only is not None:
        if len(kinds) > 1:
            parser.error("--show and --only want the --kind, too")
        return _one(kinds[0], given.show, given.only)
    seed = SystemRandom().randrange(10**9) if given.seed is None else given.seed
    signal.signal(signal.SIGTERM, signal.default_int_handler)
    tally = fuzz(kinds, seed, given.seconds, given.count, given.keep, workers=given.workers)
    print(tally)
    if given.log is not None:
        print(tally.log(given.log))
    return 1 if tally.kinds else 0


def _one(kind: str, show: int | None, only: int | None) -> int:
    if show is not None:
        sys.stdout.buffer.write(KINDS[kind].make(show))
        return 0
    assert only is not None
    verdict = alone(kind, only)
    for name, seconds in verdict.seconds.items():
        print(f"{seconds:7.3f} s  {name}")
    for stage, what in verdict.faults:
        print(f"{stage}: {what}")
    return 1 if verdict.faults else 0


def fuzz(
    kinds: list[str], seed: int, seconds: float, count: int = 10**9, keep: Path | None = None,
    slowest: float = SLOWEST, workers: int = 1,
) -> Tally:  # fmt: skip
    """Cases of the kinds by turns, in processes of their own, for so long or until Ctrl-C."""
    print(f"seed {seed}", flush=True)
    sweep()
    run = _Run(kinds, seed, monotonic() + seconds, count, keep)
    started = monotonic()
    threads = [Thread(target=run.drive, args=(slowest,)) for _ in range(workers)]
    for thread in threads:
        thread.start()
    try:
        for thread in threads:
            thread.join()
    except KeyboardInterrupt:
        run.until = 0.0
    for thread in threads:
        thread.join()
    run.drive_alone(slowest)
    run.tally.wall = monotonic() - started
    return run.tally


class _Run:
    """Who asks for a case gets the next one; a thread for each process."""

    def __init__(self, kinds: list[str], seed: int, until: float, count: int, keep: Path | None) -> None:
        self.until, self.keep, self.tally = until, keep, Tally(seed)
        self.lock, self.told = Lock(), monotonic()
        self.cases = islice(_cases(kinds, seed), count)
        self.late: list[tuple[str, int]] = []
        """Cases that took too long, others beside them."""

    def drive(self, slowest: float) -> None:
        with Worker(slowest) as worker:
            while (case := self._next()) is not None:
                self._note(*case, worker.ask(*case))

    def drive_alone(self, slowest: float) -> None:
        """What took too long is driven again, one after the other, before it counts or is forgiven."""
        late, self.late = self.late, []
        with Worker(slowest, "alone") as worker:
            for case in late:
                self._note(*case, worker.ask(*case), is_last=True)
        self.tally.late = len(late)

    def _next(self) -> tuple[str, int] | None:
        with self.lock:
            return next(self.cases, None) if monotonic() < self.until else None

    def _note(self, kind: str, number: int, verdict: Verdict, is_last: bool = False) -> None:
        with self.lock:
            if verdict.is_late and not is_last:
                self.late.append((kind, number))
                return
            self.tally.add(kind, number, verdict)
            if verdict.faults and self.keep is not None:
                self.keep.mkdir(parents=True, exist_ok=True)
                (self.keep / f"{kind}-{number}").write_bytes(KINDS[kind].make(number))
            if monotonic() - self.told > 60:
                self.told, done = monotonic(), self.tally
                faults, load = done.kinds.total(), os.getloadavg()[0]
                print(
                    f"{done.files:,} files, {done.specs:,} specs, {faults} faults, "
                    f"{len(self.late)} to try again, load {load:.0f}",
                    flush=True,
                )


def _cases(kinds: list[str], seed: int) -> Iterator[tuple[str, int]]:
    """The kinds by turns, each with its own numbers from the seed on."""
    done = Counter[str]()
    for kind in cycle(turns(kinds)):
        yield kind, seed + done[kind]
        done[kind] += 1


if __name__ == "__main__":
    sys.exit(main())
