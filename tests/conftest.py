"""Makes the folders beside this file importable in tests: ``from cases.registry import CASES``."""

from __future__ import annotations

import gc
import os

import pytest
from tools import Command

os.environ.setdefault("KERAS_BACKEND", "torch")  # before anything imports keras


def pytest_collection_finish() -> None:
    """Leaves what stays to the end out of the search for garbage, which took a tenth of all the time."""
    gc.collect()
    gc.freeze()


@pytest.fixture
def command(capsys: pytest.CaptureFixture[str]) -> Command:
    """Runs a command: (exit code, stdout, stderr)."""
    from cnnspec.cli.main import run

    def call(*arguments: object) -> tuple[int, str, str]:
        capsys.readouterr()
        code = run([str(argument) for argument in arguments])
        captured = capsys.readouterr()
        return code, captured.out, captured.err

    return call
