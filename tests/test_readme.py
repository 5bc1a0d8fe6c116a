"""The README tells the truth: its output is made anew, its specs parse, its Python runs."""

from __future__ import annotations

import contextlib
import io
import os
import re
import runpy
from pathlib import Path

import pytest

import cnnspec
from cnnspec.recipe.models import Recipe

ROOT = Path(__file__).resolve().parent.parent
README = (ROOT / "README.md").read_text(encoding="utf-8")
make_readme = runpy.run_path(str(ROOT / "docs" / "make_readme.py"))

COMMANDS = [(block["command"], block["output"]) for block in make_readme["BLOCK"].finditer(README)]
FENCED = re.findall(r"^```(\w*)\n(.*?)^```$", README, re.DOTALL | re.MULTILINE)
SPECS = [text for language, text in FENCED if language == "" and re.search("^input", text, re.MULTILINE)]
PIECES = [text for language, text in FENCED if language == "" and text not in SPECS]


def test_there_is_output_to_check() -> None:
    assert len(COMMANDS) >= 5
    assert SPECS


@pytest.mark.parametrize("command, printed", COMMANDS, ids=[command for command, _ in COMMANDS])
def test_printed_output_is_real(command: str, printed: str) -> None:
    assert make_readme["output_of"](command) == printed


def test_the_benchmarks_are_the_measured_ones() -> None:
    page = make_readme["BENCHMARKS"].read_text(encoding="utf-8")
    assert make_readme["NETWORKS"].findall(page) == make_readme["TABLE"].findall(README) != []


@pytest.mark.parametrize("spec", SPECS)
def test_specs_parse(spec: str) -> None:
    assert cnnspec.parse(spec).layers


@pytest.mark.parametrize("piece", PIECES)
def test_pieces_of_specs_parse_behind_an_input(piece: str) -> None:
    assert cnnspec.parse(f"input 28x28x1\nconv 6 3x3\n{piece}").layers


def test_the_settings_of_the_table_parse_and_are_all() -> None:
    table = README.partition("| setting |")[2].partition("\n\n")[0]
    written = re.findall(r"`([^`]+)`", table)
    sentences = [text for text in written if text.split()[0] in Recipe.model_fields]
    assert set(Recipe.model_fields) == {text.split()[0] for text in sentences}
    for text in sentences:
        assert cnnspec.parse(f"input 28x28x1\nflatten -> dense 10\ntrain {{ {text} }}").recipe


def test_pictures_are_there() -> None:
    pictures = re.findall(r'src(?:set)?="([^"]+)"', README)
    assert pictures
    assert [] == [name for name in pictures if not (ROOT / name).is_file()]


def test_links_lead_somewhere() -> None:
    links = re.findall(r"(?<!!)\[[^\]]*\]\((?!http)([^)#]+)\)", README)
    assert [] == [link for link in links if not (ROOT / link).exists()]


def test_python_runs(tmp_path: Path) -> None:
    (code,) = (text for language, text in FENCED if language == "python")
    if "CNNSPEC_DATA" not in os.environ:
        code = code.replace('"mnist"', '"digits"')
    assert code.count("\n") <= 30
    printed = io.StringIO()
    with contextlib.redirect_stdout(printed), contextlib.chdir(tmp_path):
        exec(compile(code, "README.md", "exec"), {})
    params, accuracy = printed.getvalue().split()
    assert "61706" == params
    assert float(accuracy.rstrip("%")) >= (99.0 if "CNNSPEC_DATA" in os.environ else 80.0)
