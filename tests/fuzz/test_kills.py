"""Trainings killed at random moments; ``python -m tests.fuzz.kills`` goes on for longer."""

from __future__ import annotations

from pathlib import Path
from random import SystemRandom

import pytest

from .kills import kill


@pytest.mark.parametrize(
    ("workers", "count"), [(2, 2), *(pytest.param(n, 50, marks=pytest.mark.slow) for n in (1, 2))]
)
def test_trainings_killed_at_random_moments_end_with_the_same_bits(
    tmp_path: Path, workers: int, count: int
) -> None:
    """The seed is new each time, and printed: ``python -m tests.fuzz.kills --seed N`` kills by it."""
    print(kill(tmp_path, workers, count, SystemRandom().randrange(10**9)))


@pytest.mark.torch
@pytest.mark.parametrize("count", [3, pytest.param(20, marks=pytest.mark.slow)])
def test_processes_of_pytorch_are_killed_so_too(tmp_path: Path, count: int) -> None:
    pytest.importorskip("torch")
    print(kill(tmp_path, 2, count, SystemRandom().randrange(10**9), torchrun=True))


@pytest.mark.torch
@pytest.mark.parametrize("count", [1, pytest.param(20, marks=pytest.mark.slow)])
def test_the_engine_of_pytorch_alone_is_killed_so_too(tmp_path: Path, count: int) -> None:
    pytest.importorskip("torch")
    print(kill(tmp_path, 1, count, SystemRandom().randrange(10**9), backend="torch"))
