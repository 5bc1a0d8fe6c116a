"""What came of many cases: counted, printed, and kept in a log that adds up over runs."""

from __future__ import annotations

import json
from collections import Counter
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from .kinds import SPECS
from .limits import Verdict


@dataclass
class Tally:
    """What came of the cases so far."""

    seed: int
    cases: Counter[str] = field(default_factory=Counter)
    built: Counter[str] = field(default_factory=Counter)
    kinds: Counter[str] = field(default_factory=Counter)
    memory: int = 0
    """Bytes that one case added at most."""
    held: int = 0
    """Bytes that a process held at most between two cases."""
    seconds: float = 0.0
    """The longest stage."""
    wall: float = 0.0
    late: int = 0
    """Cases that were too slow beside others, and were driven again alone."""

    def add(self, kind: str, number: int, verdict: Verdict) -> None:
        self.cases[kind] += 1
        self.built[kind] += verdict.built
        self.memory = max(self.memory, verdict.memory)
        self.held = max(self.held, verdict.held)
        self.seconds = max([self.seconds, *verdict.seconds.values()])
        for stage, what in verdict.faults:
            words, _, place = what.partition("[")
            what_kind = f"{kind}: {words[:40]} [{place}" if place else f"{kind}: {stage[:30]}: {words[:30]}"
            if what_kind not in self.kinds:
                print(f"--kind {kind} --only {number}: {stage[:200]}: {what}", flush=True)
            self.kinds[what_kind] += 1

    @property
    def files(self) -> int:
        return sum(count for kind, count in self.cases.items() if kind not in SPECS)

    @property
    def specs(self) -> int:
        return self.cases.total() - self.files

    def __str__(self) -> str:
        lines = [
            f"seed {self.seed}: {self.files:,} files and {self.specs:,} specs in {self.wall:.0f} s, "
            f"{self.kinds.total()} faults of {len(self.kinds)} kinds",
            f"longest stage {self.seconds:.1f} s ({self.late} cases were driven again alone), "
            f"most memory {self.memory / 1e6:.0f} MB for one case; "
            f"a process held at most {self.held / 1e6:.0f} MB",
        ]
        lines += [f"{count:9,} {kind}, {self.built[kind]:,} whole" for kind, count in self.cases.items()]
        return "\n".join(lines + [f"{times:6} x {kind}" for kind, times in self.kinds.most_common()])

    def log(self, path: Path) -> str:
        """Adds a line of JSON to a file; says what all its lines come to."""
        line = {
            "seed": self.seed, "seconds": round(self.wall), "files": self.files, "specs": self.specs,
            "faults": self.kinds, "longest stage": round(self.seconds, 3), "memory": self.memory,
            "held": self.held, "late": self.late, "cases": self.cases, "whole": self.built,
        }  # fmt: skip
        with path.open("a") as file:
            file.write(json.dumps(line) + "\n")
        return summed([json.loads(each) for each in path.read_text().splitlines()])


def summed(runs: list[dict[str, Any]]) -> str:
    """What several runs come to, in two lines and one a kind."""
    cases = sum((Counter(run["cases"]) for run in runs), Counter[str]())
    total = {name: sum(run[name] for run in runs) for name in ("files", "specs", "seconds")}
    faults = sum(Counter(run["faults"]).total() for run in runs)
    first = (
        f"{len(runs)} runs: {total['files']:,} files and {total['specs']:,} specs "
        f"in {total['seconds']:,} s, {faults} faults"
    )
    most = (
        f"longest stage {max(run['longest stage'] for run in runs):.1f} s, "
        f"most memory {max(run['memory'] for run in runs) / 1e6:.0f} MB for one case; "
        f"a process held at most {max(run['held'] for run in runs) / 1e6:.0f} MB"
    )
    return "\n".join([first, most, *(f"{count:9,} {kind}" for kind, count in cases.items())])
