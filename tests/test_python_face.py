"""What ``import cnnspec`` offers: names, examples in docstrings, and the page that is made of them."""

from __future__ import annotations

import doctest
import importlib
import runpy
from pathlib import Path

import pytest

import cnnspec
from cnnspec import face
from cnnspec.diagnostics import SpecError

ROOT = Path(__file__).resolve().parent.parent
SPEC = "input 28x28x1; conv 6 5x5 padding=2 -> relu -> maxpool 2x2; flatten; dense 10"


def test_every_name_is_there_and_nothing_else_is() -> None:
    assert sorted(cnnspec.__all__) == cnnspec.__all__ == dir(cnnspec)
    assert all(getattr(cnnspec, name).__doc__ for name in cnnspec.__all__)
    with pytest.raises(AttributeError, match="has no attribute"):
        _ = cnnspec.nothing


@pytest.mark.parametrize("name", ["cnnspec", "cnnspec.face"])
def test_examples_in_docstrings_run(name: str) -> None:
    result = doctest.testmod(importlib.import_module(name))
    assert result.attempted
    assert not result.failed


def test_the_reference_is_up_to_date() -> None:
    make_api = runpy.run_path(str(ROOT / "docs" / "make_api.py"))
    assert make_api["page"]() == (ROOT / "docs" / "api.md").read_text(encoding="utf-8")


def test_printed_analyses_and_comparisons_are_the_tables() -> None:
    network = cnnspec.parse(SPEC)
    assert "conv 6 5x5 padding=2" in str(cnnspec.analyze(network))
    assert "kernel 5x5 → 3x3" in str(network.diff(SPEC.replace("5x5 padding=2", "3x3 padding=1")))


def test_explanations_come_as_text_markdown_and_latex() -> None:
    found = cnnspec.parse(SPEC).explain("conv1", about="params")
    assert "6·(5·5·1) + 6 = 156" in str(found)
    assert "156" in found.to_markdown()
    assert "156" in found.to_latex()
    with pytest.raises(KeyError, match="did you mean conv1"):
        cnnspec.explain(SPEC, "conv2")


def test_pictures_are_text_and_files(tmp_path: Path) -> None:
    drawn = cnnspec.parse(SPEC).draw(tmp_path / "net.svg", style="volumes")
    assert drawn == (tmp_path / "net.svg").read_text(encoding="utf-8")
    with pytest.raises(ValueError, match=r"must end in \.svg"):
        cnnspec.draw(SPEC, tmp_path / "net.jpg")


def test_solving_takes_texts_and_tells_faults() -> None:
    two = "input 32x32x3; conv ? 3x3; flatten; dense 2; expect params == 1"
    assert cnnspec.solve(SPEC.replace("padding=2", "padding=? => 28x28x6")).solutions == ((2,),)
    assert not cnnspec.solve(two).solutions
    with pytest.raises(SpecError):
        face.solve("input 28x28x1; conv 6 5x5 padding=")


def test_a_report_is_one_page(tmp_path: Path) -> None:
    page = cnnspec.parse(SPEC).report(tmp_path / "net.html")
    assert page == (tmp_path / "net.html").read_text(encoding="utf-8")
    assert page.startswith("<!DOCTYPE html>")
