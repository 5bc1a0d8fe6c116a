"""ONNX's own tests of single operators: none comes in and computes another number."""

from __future__ import annotations

import re
import runpy
from pathlib import Path

import pytest

pytestmark = pytest.mark.torch
pytest.importorskip("onnx")
ROOT = Path(__file__).resolve().parents[2]


def test_no_operator_comes_in_with_a_wrong_number() -> None:
    text, wrong = runpy.run_path(str(ROOT / "docs" / "make_onnx_operators.py"))["page"]()
    assert wrong == 0
    passed = [int(number) for number in re.findall(r"(\d+) come in and give the expected", text)]
    told = (ROOT / "docs" / "onnx-operators.md").read_text(encoding="utf-8")
    assert passed == [int(number) for number in re.findall(r"(\d+) come in and give the expected", told)]
