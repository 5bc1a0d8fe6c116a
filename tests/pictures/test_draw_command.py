"""``cnnspec draw``: files and formats, faults, and what happens where a tool is missing."""

from __future__ import annotations

import subprocess
import sys
import time
from pathlib import Path

import pytest
from drawn import Page, words_in

from cnnspec.cli.main import run
from cnnspec.views.pictures import svg

LENET = "input 28x28x1; conv 6 5x5 padding=2 -> relu -> maxpool 2x2; flatten; dense 10"
FAULTY = "input 28x28x1\nconv 6 5x5 -> relu  # fine\nconv 16 40x40 -> relu\nconvv 3\ndense 10\n"
SPEC_IS_WRONG, USAGE_IS_WRONG = 1, 2


@pytest.fixture(autouse=True)
def _inside(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)


@pytest.mark.parametrize(
    ("ending", "start"), [("svg", b"<svg "), ("png", b"\x89PNG"), ("pdf", b"%PDF"), ("dot", b"digraph ")]
)
def test_the_ending_tells_the_format(ending: str, start: bytes) -> None:
    assert run(["draw", "-e", LENET, "-o", f"net.{ending}"]) == 0
    assert Path(f"net.{ending}").read_bytes().startswith(start)


def test_the_format_may_be_said() -> None:
    assert run(["draw", "-e", LENET, "-o", "picture", "--format", "png"]) == 0
    assert Path("picture").read_bytes().startswith(b"\x89PNG")


def test_without_a_file_the_picture_takes_the_name_of_the_spec() -> None:
    assert run(["draw", "lenet"]) == 0
    assert Path("lenet.svg").read_text(encoding="utf-8").startswith("<svg ")


def test_a_picture_never_overwrites_its_spec(capsys: pytest.CaptureFixture[str]) -> None:
    Path("net.svg").write_text(LENET, encoding="utf-8")
    assert run(["draw", "net.svg"]) == USAGE_IS_WRONG
    assert Path("net.svg").read_text(encoding="utf-8") == LENET
    assert "overwrite" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("name", "hint"), [("x.pgn", "did you mean x.png?"), ("x", "does not say which format")]
)
def test_an_unknown_ending_is_a_diagnostic(name: str, hint: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert run(["draw", "-e", LENET, "-o", name]) == USAGE_IS_WRONG
    shown = capsys.readouterr().err
    assert "unknown-picture-format" in shown
    assert hint in shown
    assert not Path(name).exists()


def test_to_stdout_goes_the_picture_alone() -> None:
    command = [sys.executable, "-m", "cnnspec", "draw", "-e", LENET, "-o", "-", "--style", "volumes"]
    done = subprocess.run(command, capture_output=True, check=True)
    assert done.stdout.startswith(b"<svg ")
    assert done.stdout.endswith(b"</svg>\n")


def test_a_spec_with_errors_is_drawn_as_far_as_it_is_known() -> None:
    Path("net.cnn").write_text(FAULTY, encoding="utf-8")
    assert run(["draw", "net.cnn", "-o", "net.svg"]) == SPEC_IS_WRONG
    page = Page(Path("net.svg").read_text(encoding="utf-8"))
    cards = {g.attrib["data-name"]: [word.text for word in words_in(g)] for g in page.groups("card")}
    assert cards["n1"] == ["conv1", "24×24×6", "conv 6 5×5", "156", "relu"]
    assert cards["fault0"][:2] == ["conv 16 40x40", "line 3: window-larger-than-input"]
    assert "40 pixels long" in " ".join(cards["fault0"])
    assert cards["fault1"][:2] == ["convv 3", "line 4: unknown-word"]
    edges = {g.attrib["data-name"] for g in page.groups("edge")}
    assert {"n1 fault0", "n1 fault1"} <= edges


@pytest.mark.parametrize("style", ["graph", "volumes"])
def test_a_spec_of_which_nothing_is_known_still_gives_a_picture(style: str) -> None:
    Path("net.cnn").write_text("conv 6 5x5\n", encoding="utf-8")
    assert run(["draw", "net.cnn", "-o", "net.svg", "--style", style]) == SPEC_IS_WRONG
    page = Page(Path("net.svg").read_text(encoding="utf-8"))
    assert "input" in " ".join(word.text for word in page.all_words())


def test_errors_are_written_under_volumes() -> None:
    Path("net.cnn").write_text(FAULTY, encoding="utf-8")
    assert run(["draw", "net.cnn", "-o", "net.svg", "--style", "volumes"]) == SPEC_IS_WRONG
    page = Page(Path("net.svg").read_text(encoding="utf-8"))
    assert len(page.groups("fault")) == 2
    assert all(page.rect.holds(word.rect) for word in page.all_words())


def test_without_a_converter_volumes_say_how_to_get_one(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(svg, "can_convert", lambda: False)
    assert run(["draw", "-e", LENET, "-o", "net.png", "--style", "volumes"]) == 1
    assert "no-picture-converter" in capsys.readouterr().err


def test_what_does_not_go_together_is_refused(capsys: pytest.CaptureFixture[str]) -> None:
    assert run(["draw", "-e", LENET, "-o", "net.dot", "--style", "volumes"]) == USAGE_IS_WRONG
    assert "Traceback" not in capsys.readouterr().err


def test_a_folder_that_is_not_there_is_made_and_what_cannot_be_written_is_told(
    capsys: pytest.CaptureFixture[str],
) -> None:
    assert run(["draw", "-e", LENET, "-o", "new/folder/net.svg"]) == 0
    assert run(["draw", "-e", LENET, "-o", "new/folder/net.svg/net.svg"]) == USAGE_IS_WRONG
    assert "cannot be written" in capsys.readouterr().err


def test_what_was_folded_is_told_and_how_to_unfold_it(capsys: pytest.CaptureFixture[str]) -> None:
    assert run(["draw", "googlenet", "-o", "net.svg"]) == 0
    told = " ".join(capsys.readouterr().err.split())
    assert "to keep texts at 8 pt on a slide (900x430 pt), blocks are drawn as one thing each" in told
    assert "--depth 2 draws every layer" in told
    assert run(["draw", "googlenet", "-o", "all.svg", "--depth", "2"]) == 0
    assert "the smallest text has 3.2 pt on a slide" in " ".join(capsys.readouterr().err.split())
    page = Page(Path("all.svg").read_text(encoding="utf-8"))
    assert len(page.groups("card")) == 97


def test_a_picture_that_is_read_as_it_is_is_not_talked_about(capsys: pytest.CaptureFixture[str]) -> None:
    assert run(["draw", "lenet", "-o", "net.svg"]) == 0
    assert capsys.readouterr().err.split() == ["wrote", "net.svg"]


@pytest.mark.parametrize("style", ["graph", "volumes"])
def test_a_column_of_a_paper_has_no_title_and_no_legend(style: str) -> None:
    def words(*options: str) -> str:
        assert run(["draw", "lenet", "-o", "net.svg", "--style", style, *options]) == 0
        return " ".join(word.text for word in Page(Path("net.svg").read_text(encoding="utf-8")).all_words())

    assert "LeNet5 61,706 parameters" in words("--for", "slide")
    bare = words("--for", "column")
    assert "LeNet5" not in bare
    assert "activation" not in bare
    assert "LeNet5" in words("--for", "column", "--title")
    assert "dense" in words("--for", "column", "--legend").split()[-40:] or style == "graph"
    assert "LeNet5" not in words("--for", "page", "--no-title")


@pytest.mark.parametrize(
    ("options", "width", "height"),
    [
        (["--for", "slide"], 1200.0, 573.3),
        (["--width", "10cm"], 378.0, None),
        (["--width", "4in", "--height", "5in"], 384.0, 480.0),
        (["--for", "page", "--width", "300pt"], 400.0, 864.0),
        (["--width", "640px"], 640.0, None),
    ],
)
def test_the_picture_is_as_large_as_the_room(options: list[str], width: float, height: float | None) -> None:
    assert run(["draw", "alexnet", "-o", "net.svg", *options]) == 0
    root = Page(Path("net.svg").read_text(encoding="utf-8")).root
    wide, high = float(root.attrib["width"]), float(root.attrib["height"])
    assert wide <= width + 0.1
    assert height is None or high <= height + 0.1
    assert abs(wide - width) < 0.2 or (height is not None and abs(high - height) < 0.2)


@pytest.mark.parametrize("length", ["3 bananas", "12", "-3cm", "0in", "1e9cm", "cm", ""])
def test_what_is_no_length_is_told_with_the_units(length: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert run(["draw", "lenet", "-o", "net.svg", f"--width={length}"]) == USAGE_IS_WRONG
    told = capsys.readouterr().err
    assert "not-a-length" in told
    assert "in, cm, mm, pt, px" in told
    assert not Path("net.svg").exists()


@pytest.mark.parametrize("style", ["graph", "volumes"])
def test_a_room_too_small_for_anything_is_told(style: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert run(["draw", "lenet", "-o", "net.svg", "--width", "3mm", "--style", style]) == SPEC_IS_WRONG
    told = " ".join(capsys.readouterr().err.split())
    assert "no-room-for-picture" in told
    assert "give a larger --width or --height" in told


@pytest.mark.parametrize("option", ["--direction=lr", "--wrap=3", "--columns=3", "--theme=dark", "--no-fold"])
def test_options_change_the_picture(option: str) -> None:
    assert run(["draw", "vgg16", "-o", "plain.svg"]) == 0
    assert run(["draw", "vgg16", "-o", "other.svg", option]) == 0
    assert Path("plain.svg").read_bytes() != Path("other.svg").read_bytes()


@pytest.mark.parametrize("option", ["--direction=LR", "--wrap=2"])
def test_what_volumes_have_no_use_for_is_refused(option: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert run(["draw", "lenet", "--style", "volumes", "-o", "net.svg", option]) == USAGE_IS_WRONG
    assert "leave it out, or take --style graph" in " ".join(capsys.readouterr().err.split())


@pytest.mark.parametrize("style", ["graph", "volumes"])
def test_a_picture_of_thousands_is_refused_at_once(style: str, capsys: pytest.CaptureFixture[str]) -> None:
    spec = "input 8x8x4; repeat 5000 { conv 4 3x3 padding=1 }"
    start = time.perf_counter()
    assert run(["draw", "-e", spec, "-o", "net.svg", "--no-fold", "--style", style]) == SPEC_IS_WRONG
    assert time.perf_counter() - start < 20
    assert "picture-too-large" in capsys.readouterr().err
    assert run(["draw", "-e", spec, "-o", "net.svg", "--style", style]) == 0
