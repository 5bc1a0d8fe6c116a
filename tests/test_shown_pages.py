"""The pages that show commands tell the truth: what they print is printed, what they say to run runs."""

from __future__ import annotations

import re
import runpy
import shlex
from pathlib import Path

import pytest

from cnnspec.cli.main import run
from cnnspec.resources import example_names

ROOT = Path(__file__).resolve().parent.parent
make_readme = runpy.run_path(str(ROOT / "docs" / "make_readme.py"))
LECTURES, TUTORIAL = (ROOT / "docs" / f"{name}.md" for name in ("lectures", "tutorial"))
BLOCKS = [
    pytest.param(block["command"], block["output"], id=f"{page.stem}: {block['command'][8:60]}")
    for page in (LECTURES, TUTORIAL)
    for block in make_readme["BLOCK"].finditer(page.read_text(encoding="utf-8"))
]


@pytest.mark.parametrize("command, printed", BLOCKS)
def test_what_a_page_shows_is_printed(command: str, printed: str) -> None:
    assert make_readme["output_of"](command) == printed


@pytest.mark.parametrize("name", ["animate", "pictures"])
def test_every_picture_of_a_page_is_there_with_its_command(name: str) -> None:
    text = (ROOT / "docs" / f"{name}.md").read_text(encoding="utf-8")
    shown = re.findall(r'src="pictures/(\w+)\.svg"', text)
    assert shown == re.findall(r"^cnnspec .+ -o pictures/(\w+)\.svg$", text, re.MULTILINE)
    folder = ROOT / "docs" / "pictures"
    assert all((folder / f"{one}{ending}.svg").exists() for one in shown for ending in ("", "_dark"))


def test_every_question_of_the_lectures_is_answered() -> None:
    asked = re.findall(r"\*\(([\d, ]+)\)\*", LECTURES.read_text(encoding="utf-8"))
    assert {int(number) for text in asked for number in text.split(",")} == set(range(1, 37))


@pytest.mark.parametrize("page", [LECTURES, TUTORIAL])
def test_links_lead_somewhere(page: Path) -> None:
    text = page.read_text(encoding="utf-8")
    files = re.findall(r"\]\((?!http)([^)#]+)\)", text)
    assert [] == [name for name in files if not (page.parent / name).exists()]
    titles = {
        re.sub(r"[^\w ]", "", title).strip().lower().replace(" ", "-")
        for title in re.findall("^## (.*)", text, re.M)
    }
    assert set(re.findall(r"\]\(#([^)]+)\)", text)) <= titles


def test_commands_of_the_page_on_pictures_run(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    text = (ROOT / "docs" / "pictures.md").read_text(encoding="utf-8")
    for line in re.findall(r"^cnnspec draw .+", text, re.MULTILINE):
        assert run(shlex.split(line)[1:]) == 0, line


@pytest.mark.slow
@pytest.mark.parametrize("page", [LECTURES, TUTORIAL])
def test_what_a_page_says_to_run_runs(page: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    for block in re.findall(r"```sh\n(.*?)```", page.read_text(encoding="utf-8"), re.DOTALL):
        for line in block.splitlines():
            assert run(shlex.split(line)[1:]) == 0, line


def test_the_gallery_shows_every_example(tmp_path: Path) -> None:
    """The page is made of what the specs say of themselves; three of its pictures are drawn again."""
    make_pictures = runpy.run_path(str(ROOT / "docs" / "make_pictures.py"))
    assert (ROOT / "docs" / "gallery.md").read_text("utf-8") == make_pictures["gallery_page"]()
    folder = ROOT / "docs" / "pictures" / "gallery"
    assert sorted(path.stem for path in folder.iterdir()) == sorted(example_names())
    for name, style in (("alexnet", "volumes"), ("densenet121", "graph"), ("two_filters", "volumes")):
        drawn = ["draw", name, "--style", style, "--for", "slide", "-o", str(tmp_path / f"{name}.svg")]
        assert run(drawn) == 0
        assert (tmp_path / f"{name}.svg").read_text("utf-8") == (folder / f"{name}.svg").read_text("utf-8")
