"""Drives random and broken input through the program: ``python -m tests.fuzz --kind all --seconds 60``.

A case has a kind and a number, and is the same one each time: the seed is the first number. A fault is a
traceback, an exit code that no command should have, a process left behind, more than 2 s of a stage's or 500
MB of a case's. Each new kind of fault is printed once, with what makes its case again (``--only N`` drives
that alone, ``--show N`` prints it). Exit code 1 when there was one.
"""

from __future__ import annotations

import argparse
import os
import sys
from collections import Counter
from dataclasses import dataclass, field
from pathlib import Path
from random import SystemRandom
from time import monotonic

from .kinds import KINDS, judged
from .limits import SLOWEST, Verdict
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
    given = parser.parse_args()
    kinds = list(KINDS) if "all" in (given.kind or ["all"]) else given.kind
    if given.show is not None or given.only is not None:
        if len(kinds) > 1:
            parser.error("--show and --only want the --kind, too")
        return _one(kinds[0], given.show, given.only)
    seed = SystemRandom().randrange(10**9) if given.seed is None else given.seed
    tally = fuzz(kinds, seed, given.seconds, given.count, given.keep)
    print(tally)
    return 1 if tally.kinds else 0


def _one(kind: str, show: int | None, only: int | None) -> int:
    if show is not None:
        sys.stdout.buffer.write(KINDS[kind].make(show))
        return 0
    assert only is not None
    verdict = judged(kind, only)
    for name, seconds in verdict.seconds.items():
        print(f"{seconds:7.3f} s  {name}")
    for stage, what in verdict.faults:
        print(f"{stage}: {what}")
    return 1 if verdict.faults else 0


@dataclass
class Tally:
    """What came of the cases so far."""

    seed: int
    cases: Counter[str] = field(default_factory=Counter)
    built: Counter[str] = field(default_factory=Counter)
    kinds: Counter[str] = field(default_factory=Counter)
    memory: int = 0
    seconds: float = 0.0
    """The longest stage."""
    wall: float = 0.0

    def add(self, kind: str, number: int, verdict: Verdict) -> None:
        self.cases[kind] += 1
        self.built[kind] += verdict.built
        self.memory = max(self.memory, verdict.memory)
        self.seconds = max([self.seconds, *verdict.seconds.values()])
        for stage, what in verdict.faults:
            words, _, place = what.partition("[")
            what_kind = f"{kind}: {words[:40]} [{place}" if place else f"{kind}: {stage[:30]}: {words[:30]}"
            if what_kind not in self.kinds:
                print(f"--kind {kind} --only {number}: {stage[:200]}: {what}", flush=True)
            self.kinds[what_kind] += 1

    def __str__(self) -> str:
        lines = [
            f"seed {self.seed}: {self.cases.total():,} cases in {self.wall:.0f} s, "
            f"{self.kinds.total()} faults of {len(self.kinds)} kinds; "
            f"the longest stage took {self.seconds:.1f} s, the most memory was {self.memory / 1e6:.0f} MB"
        ]
        lines += [f"{count:9,} {kind}, {self.built[kind]:,} whole" for kind, count in self.cases.items()]
        return "\n".join(lines + [f"{times:6} x {kind}" for kind, times in self.kinds.most_common()])


def fuzz(
    kinds: list[str], seed: int, seconds: float, count: int = 10**9, keep: Path | None = None,
    slowest: float = SLOWEST,
) -> Tally:  # fmt: skip
    """Cases of the kinds by turns, in a process of their own, for so long."""
    print(f"seed {seed}", flush=True)
    started, tally, told = monotonic(), Tally(seed), monotonic()
    with Worker(slowest) as worker:
        while (now := monotonic()) - started < seconds and tally.cases.total() < count:
            done = tally.cases.total()
            kind, number = kinds[done % len(kinds)], seed + done // len(kinds)
            verdict = worker.ask(kind, number)
            tally.add(kind, number, verdict)
            if verdict.faults and keep is not None:
                keep.mkdir(parents=True, exist_ok=True)
                (keep / f"{kind}-{number}").write_bytes(KINDS[kind].make(number))
            if now - told > 60:
                told = now
                print(
                    f"{done:,} cases, {tally.kinds.total()} faults, load {os.getloadavg()[0]:.0f}", flush=True
                )
    tally.wall = monotonic() - started
    return tally


if __name__ == "__main__":
    sys.exit(main())
