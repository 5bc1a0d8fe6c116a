"""The long run: ``python tests/fuzz/fuzz.py --count 200000 --seed 1``; the same seed gives the same specs.

Every new kind of fault is printed once, with the number that makes its spec again
(``--show N`` prints that spec, ``--only N`` drives it alone). Exit code 1 when there was one.
"""

from __future__ import annotations

import argparse
import sys
from collections import Counter
from pathlib import Path
from time import monotonic

from fuzz_drive import Verdict, drive
from fuzz_mutate import mutant


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--count", type=int, default=1000)
    parser.add_argument("--seed", type=int, default=0, help="the first number; one spec a number")
    parser.add_argument("--seconds", type=float, default=float("inf"), help="stop after so long")
    parser.add_argument("--show", type=int, metavar="N")
    parser.add_argument("--only", type=int, metavar="N")
    parser.add_argument("--keep", type=Path, metavar="FOLDER", help="write the specs that failed there")
    given = parser.parse_args()
    if given.show is not None:
        sys.stdout.buffer.write(mutant(given.show).encode("utf-8", "surrogatepass"))
        return 0
    if given.only is not None:
        return _only(given.only)
    return _run(given.seed, given.count, given.seconds, given.keep)


def _only(number: int) -> int:
    verdict = drive(mutant(number))
    for name, seconds in verdict.seconds.items():
        print(f"{seconds:7.3f} s  {name}")
    for stage, what in verdict.faults:
        print(f"{stage}: {what}")
    return 1 if verdict.faults else 0


def _run(seed: int, count: int, limit: float, keep: Path | None) -> int:
    started, built, done = monotonic(), 0, 0
    kinds: Counter[str] = Counter()
    for number in range(seed, seed + count):
        if monotonic() - started > limit:
            break
        text = mutant(number)
        verdict = drive(text, turn=number)
        built, done = built + verdict.built, done + 1
        _note(number, verdict, kinds)
        if verdict.faults and keep is not None:
            keep.mkdir(parents=True, exist_ok=True)
            (keep / f"{number}.cnn").write_bytes(text.encode("utf-8", "surrogatepass"))
        if done % 1000 == 0:
            print(
                f"{done:,} specs, {built:,} of them networks, {kinds.total()} faults of {len(kinds)} kinds",
                flush=True,
            )
    print(f"{done:,} specs from {seed}, {built:,} of them networks, {monotonic() - started:.0f} s")
    for kind, times in kinds.most_common():
        print(f"{times:6} x {kind}")
    return 1 if kinds else 0


def _note(number: int, verdict: Verdict, kinds: Counter[str]) -> None:
    for stage, what in verdict.faults:
        kind = f"{stage}: {what.partition('[')[0][:40]} {what.partition('[')[2]}"
        if not what.startswith("took") and kind not in kinds:
            print(f"spec {number}, {stage}: {what}", flush=True)
        elif what.startswith("took"):
            kind = f"{stage}: slow"
            print(f"spec {number}, {stage}: {what}", flush=True)
        kinds[kind] += 1


if __name__ == "__main__":
    sys.exit(main())
