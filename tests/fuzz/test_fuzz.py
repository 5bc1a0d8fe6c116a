"""Some seconds of fuzzing in every run of the tests; ``python -m tests.fuzz`` goes on for longer."""

from __future__ import annotations

import os
import signal
import subprocess
import tempfile
from collections.abc import Callable
from itertools import count
from pathlib import Path
from random import SystemRandom

import pytest
from tools import known

from . import limits, worker
from .__main__ import fuzz
from .drive import drive
from .kinds import KINDS, Kind, alone, judged
from .lab import sweep
from .limits import Verdict, measured
from .mutants import mutant
from .worker import Worker


@pytest.mark.parametrize("first", range(0, 60, 10))
def test_broken_specs_end_in_diagnostics(first: int) -> None:
    faults = {
        number: found
        for number in range(first, first + 10)
        if (found := drive(mutant(number), slowest=8).faults)
    }
    assert {} == faults


def test_fresh_cases_of_every_kind_end_in_messages() -> None:
    """The seed is new each time, and printed: ``python -m tests.fuzz --seed N`` makes the same cases."""
    tally = fuzz(list(KINDS), SystemRandom().randrange(10**9), seconds=20, slowest=8)
    assert not tally.kinds, str(tally)
    assert len(KINDS) == len(tally.cases)


@pytest.mark.parametrize(
    ("work", "stage", "what"),
    [
        (lambda: 1 // 0, "it", "ZeroDivisionError"),
        (lambda: next(n for n in count() if n < 0), "it", "Hangs"),
        (lambda: bytearray(600_000_000).count(1), "memory", "MB more"),
        (lambda: subprocess.Popen(["sleep", "60"]), "children", "is left"),
    ],
    ids=["an error", "a loop", "memory", "a child"],
)
def test_what_a_case_does_wrong_is_seen(
    work: Callable[[], object], stage: str, what: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(limits, "HANG", 0.3)
    verdict = Verdict()
    with measured(verdict):
        left = verdict.attempt("it", work, ())
    if isinstance(left, subprocess.Popen):
        left.returncode = -9
    assert stage in dict(verdict.faults)
    assert what in dict(verdict.faults)[stage]


def test_a_worker_that_dies_is_replaced() -> None:
    with Worker(slowest=8) as worker:
        died = worker.ask("no such kind", 1)
        assert "process" in dict(died.faults)
        assert [] == worker.ask("csv", 1).faults


def test_a_worker_that_holds_much_is_replaced(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(worker, "MOST_HELD", 0)
    with Worker(slowest=8) as one:
        assert [] == one.ask("csv", 1).faults
        assert one.process is None


def test_a_worker_that_is_killed_leaves_no_file_behind(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(worker, "MEMORY", tmp_path)
    with Worker(slowest=8) as one:
        assert [] == one.ask("csv", 1).faults
        assert [] != list(tmp_path.iterdir())
        os.kill(known(one.process).pid, signal.SIGKILL)
        assert "process" in dict(one.ask("csv", 2).faults)
        assert [] == list(tmp_path.iterdir())
        one.ask("csv", 3)
    assert [] == list(tmp_path.iterdir())


def test_what_a_killed_run_has_left_is_taken_away_by_the_next(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path))
    ended = subprocess.Popen(["true"])
    ended.wait()
    for name in (f"fuzz-{ended.pid}-x/run", f"fuzz-{os.getpid()}-x", "fuzz-mine"):
        (tmp_path / name).mkdir(parents=True)
    sweep()
    assert {f"fuzz-{os.getpid()}-x", "fuzz-mine"} == {path.name for path in tmp_path.iterdir()}


def test_a_case_that_is_late_may_try_again_alone(monkeypatch: pytest.MonkeyPatch) -> None:
    late = iter([Verdict([("it", "took 9.0 s")]), Verdict(), Verdict([("it", "KeyError: x")])])
    monkeypatch.setitem(KINDS, "csv", Kind(lambda number: b"", lambda *case: next(late)))
    assert [] == alone("csv", 1).faults
    assert [("it", "KeyError: x")] == alone("csv", 1).faults


def test_a_case_that_is_late_each_time_is_a_fault_on_a_busy_machine_too(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    def test(data: bytes, number: int, slowest: float) -> Verdict:
        verdict = Verdict()
        verdict.judge_time("it", 4.5, slowest)
        return verdict

    monkeypatch.setitem(KINDS, "csv", Kind(lambda number: b"", test))
    monkeypatch.setattr(limits, "_pace", lambda: 1000.0)
    assert [("it", "took 4.5 s")] == alone("csv", 1).faults


def test_what_is_slow_beside_others_is_driven_again_alone() -> None:
    """Nothing takes no time: each case is late beside others, and alone."""
    tally = fuzz(["csv"], 1, seconds=60, count=3, slowest=0.0, workers=2)
    assert (3, 3) == (tally.files, tally.late)
    assert tally.kinds


def test_runs_add_up(tmp_path: Path) -> None:
    for seed in (1, 2):
        tally = fuzz(["csv", "generated"], seed, seconds=60, count=6, slowest=8, workers=2)
        assert (3, 3) == (tally.files, tally.specs)
        assert f"{seed} runs: {3 * seed} files and {3 * seed} specs" in tally.log(tmp_path / "log")


@pytest.mark.skipif("onnx" not in KINDS, reason="onnx is not installed")
@pytest.mark.parametrize("number", [27515932, 27516021, 27516648, 27517381])
def test_onnx_files_that_once_ended_in_a_traceback_are_refused(number: int) -> None:
    """Functions in a circle, a tensor of 74 axes, two functions of one name, a type that nobody has named."""
    assert [] == judged("onnx", number, slowest=8).faults


@pytest.mark.skipif("onnx" not in KINDS, reason="onnx is not installed")
def test_an_onnx_file_of_a_million_nodes_is_refused_before_its_weights_are_counted() -> None:
    assert [] == alone("onnx", 509792151).faults


@pytest.mark.parametrize("kind", KINDS)
def test_a_number_always_makes_the_same_case(kind: str) -> None:
    assert [KINDS[kind].make(number) for number in range(5)] == [
        KINDS[kind].make(number) for number in range(5)
    ]
