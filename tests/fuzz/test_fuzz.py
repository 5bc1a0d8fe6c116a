"""A few hundred broken specs in every run of the tests; ``fuzz.py`` drives as many as one likes."""

from __future__ import annotations

import pytest
from fuzz_drive import drive
from fuzz_mutate import mutant


@pytest.mark.parametrize("first", range(0, 60, 10))
def test_broken_specs_end_in_diagnostics(first: int) -> None:
    faults = {
        number: found
        for number in range(first, first + 10)
        if (found := drive(mutant(number), slowest=8).faults)
    }
    assert {} == faults
