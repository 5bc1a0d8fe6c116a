"""Some seconds of fuzzing in every run of the tests; ``python -m tests.fuzz`` goes on for longer."""

from __future__ import annotations

import pytest

from .drive import drive
from .kinds import KINDS
from .mutants import mutant


@pytest.mark.parametrize("first", range(0, 60, 10))
def test_broken_specs_end_in_diagnostics(first: int) -> None:
    faults = {
        number: found
        for number in range(first, first + 10)
        if (found := drive(mutant(number), slowest=8).faults)
    }
    assert {} == faults


@pytest.mark.parametrize("kind", KINDS)
def test_a_number_always_makes_the_same_case(kind: str) -> None:
    assert [KINDS[kind].make(number) for number in range(5)] == [
        KINDS[kind].make(number) for number in range(5)
    ]
