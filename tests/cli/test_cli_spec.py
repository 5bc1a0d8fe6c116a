"""Where a SPEC may come from, and what is said when it cannot be read."""

from __future__ import annotations

import io
import os
import re
import sys
from pathlib import Path

import pytest
from tools import Command

from cnnspec.cli import spec as specs
from cnnspec.cli.main import run
from cnnspec.cli.spec import shift
from cnnspec.files import LARGEST

NET = "input 7x7x1\nconv 1 3x3 stride=2\n"


@pytest.fixture
def net(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A spec in a folder that is the current one."""
    monkeypatch.chdir(tmp_path)
    path = tmp_path / "net.cnn"
    path.write_text(NET)
    return path


def params(arguments: list[str], capsys: pytest.CaptureFixture[str]) -> str:
    assert run(["analyze", *arguments, "--only", "totals.params"]) == 0
    return capsys.readouterr().out.strip()


def complaint(arguments: list[str], capsys: pytest.CaptureFixture[str]) -> str:
    """What is said on stderr of an unreadable SPEC."""
    assert run(["analyze", *arguments]) == 2
    streams = capsys.readouterr()
    assert streams.out == ""
    return streams.err


def test_a_path(net: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert params([str(net)], capsys) == "10"


def test_text(capsys: pytest.CaptureFixture[str]) -> None:
    assert params(["-e", "input 7x7x1; conv 1 3x3 stride=2"], capsys) == "10"


def test_standard_input(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    monkeypatch.setattr(sys, "stdin", io.TextIOWrapper(io.BytesIO(NET.encode())))
    assert params(["-"], capsys) == "10"


@pytest.mark.parametrize("name", ["resnet50", "resnet50.cnn"])
def test_the_name_of_an_example(name: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert params([name], capsys) == "25557032"


def test_a_file_comes_before_an_example_of_its_name(net: Path, capsys: pytest.CaptureFixture[str]) -> None:
    net.rename("resnet50")
    assert params(["resnet50"], capsys) == "10"


def test_blocks_from_a_file_beside_the_spec(net: Path, capsys: pytest.CaptureFixture[str]) -> None:
    Path("blocks.cnn").write_text("block two width { conv width 3x3 -> conv width 3x3 }\n")
    net.write_text('use "blocks.cnn"\ninput 7x7x1\ntwo 2\n')
    assert params(["net.cnn"], capsys) == "58"


def test_a_byte_order_mark_is_no_part_of_the_text(net: Path, capsys: pytest.CaptureFixture[str]) -> None:
    net.write_bytes(b"\xef\xbb\xbf" + NET.encode())
    assert params(["net.cnn"], capsys) == "10"


def test_lines_may_end_as_on_windows(net: Path, capsys: pytest.CaptureFixture[str]) -> None:
    net.write_bytes(NET.replace("\n", "\r\n").encode())
    assert params(["net.cnn"], capsys) == "10"


def test_a_name_nearly_right(net: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert 'did you mean "net.cnn"?' in complaint(["nett.cnn"], capsys)
    assert 'did you mean "resnet50"?' in complaint(["resnet5o"], capsys)


def test_a_text_without_its_e(capsys: pytest.CaptureFixture[str]) -> None:
    assert "put -e before it" in complaint(["input 7x7x1; conv 1 3x3"], capsys)


def test_a_folder_names_its_specs(net: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert "give one of its files: net.cnn" in complaint(["."], capsys)


def test_a_binary_file(net: Path, capsys: pytest.CaptureFixture[str]) -> None:
    net.write_bytes(b"\x89PNG\r\n\x1a\n\0\0\0")
    assert "binary data" in complaint(["net.cnn"], capsys)


def test_a_file_in_another_encoding(net: Path, capsys: pytest.CaptureFixture[str]) -> None:
    net.write_bytes(b"# one\n# caf\xe9\ninput 3\n")
    assert "byte 0xe9 on line 2" in complaint(["net.cnn"], capsys)


def test_a_file_without_end(capsys: pytest.CaptureFixture[str]) -> None:
    assert "it is not a regular file" in complaint(["/dev/zero"], capsys)


def test_a_huge_file(net: Path, capsys: pytest.CaptureFixture[str]) -> None:
    net.write_text("#" * (LARGEST + 1))
    assert "larger than 2 MB" in complaint(["net.cnn"], capsys)


def test_a_file_that_must_not_be_read(
    net: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    def refuse(*arguments: object, **options: object) -> None:
        raise PermissionError(13, "Permission denied")

    monkeypatch.setattr(os, "open", refuse)
    assert "cannot be read: Permission denied" in complaint(["net.cnn"], capsys)


def test_a_spec_given_twice(net: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert run(["draw", str(net), "-e", NET]) == 2
    assert "given twice" in capsys.readouterr().err


def test_no_spec(capsys: pytest.CaptureFixture[str]) -> None:
    assert "no SPEC given" in complaint([], capsys)


def test_an_empty_text_has_no_input(capsys: pytest.CaptureFixture[str]) -> None:
    assert run(["analyze", "-e", ""]) == 1
    assert "missing-input" in capsys.readouterr().err


def test_arguments_move_up_where_e_stands_for_the_spec() -> None:
    assert shift(None, NET, None) == (None, None)
    assert shift("conv1", NET, None) == (None, "conv1")
    assert shift("net.cnn", None, "conv1") == ("net.cnn", "conv1")


def test_whole_networks_only_for_verbs_that_need_one(capsys: pytest.CaptureFixture[str]) -> None:
    import click

    with pytest.raises(click.exceptions.Exit) as left:
        specs.load_network(None, "input 3x3x1; conv 1 5x5")
    assert left.value.exit_code == 1
    assert "window-larger-than-input" in capsys.readouterr().err


@pytest.mark.parametrize(
    "arguments",
    [
        ("train", "--rate", "nan"),
        ("train", "--rate", "inf"),
        ("solve", "--seconds", "nan"),
        ("draw", "--scale", "nan"),
        ("animate", "--seconds", "nan"),
    ],
)
def test_a_number_that_is_none_is_wrong_usage(
    arguments: tuple[str, ...], capsys: pytest.CaptureFixture[str]
) -> None:
    verb, *options = arguments
    assert 2 == run([verb, "-e", "input 4; dense 3", *options])
    assert "is not a finite number" in capsys.readouterr().err


def test_every_verb_of_several_specs_takes_texts_and_tells_all_faults(command: Command) -> None:
    wrong = ("-e", "input 3x3x1; conv 1 5x5", "-e", "input 4; conv 1 3x3")
    for verb in ("check", "diff", "compare", "report", "analyze"):
        code, page, told = command(verb, *wrong)
        assert code == 1, verb
        found = set(re.findall(r"error\[([\w-]+)\]", page + told))
        assert found == {"needs-a-map", "window-larger-than-input"}, verb
    assert command("fmt", "-e", "input 3;relu", "-e", "input 4;relu")[1] == "input 3\nrelu\ninput 4\nrelu\n"
    for verb in ("check", "diff", "compare", "report", "analyze", "solve", "fmt"):
        code, _, told = command(verb, "-", "-")
        assert (code, "only one SPEC can be standard input" in told) == (2, True), verb
        code, _, told = command(verb)
        assert (code, "SPEC" in told) == (2, True), verb
