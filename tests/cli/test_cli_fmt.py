"""``cnnspec fmt``: in place, as a filter, checking, showing, spelling defaults out."""

from __future__ import annotations

import io
import sys
from pathlib import Path

import pytest

from cnnspec.cli.main import run
from cnnspec.document import Document
from cnnspec.elaborate.spec import elaborate
from cnnspec.network.graph import Network
from cnnspec.resources import example_names, example_path, folder
from cnnspec.syntax.parse import parse
from cnnspec.text import Source

UNTIDY, TIDY = "input 7x7x1;conv 1  3×3 # one\n", "input 7x7x1\nconv 1 3x3  # one\n"


@pytest.fixture
def net(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    path = tmp_path / "net.cnn"
    path.write_text(UNTIDY, encoding="utf-8")
    return path


def test_a_file_is_changed_in_place(net: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert run(["fmt", "net.cnn"]) == 0
    assert net.read_text(encoding="utf-8") == TIDY
    streams = capsys.readouterr()
    assert (streams.out, streams.err) == ("", "net.cnn changed\n")


def test_a_tidy_file_is_left_alone(net: Path, capsys: pytest.CaptureFixture[str]) -> None:
    net.write_text(TIDY, encoding="utf-8")
    before = net.stat().st_mtime_ns
    assert run(["fmt", "net.cnn"]) == 0
    assert (net.stat().st_mtime_ns, *capsys.readouterr()) == (before, "", "")


def test_check_writes_nothing_and_exits_1(net: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert run(["fmt", "--check", "net.cnn"]) == 1
    assert net.read_text(encoding="utf-8") == UNTIDY
    assert tuple(capsys.readouterr()) == ("", "net.cnn would change\n")
    net.write_text(TIDY, encoding="utf-8")
    assert run(["fmt", "--check", "net.cnn"]) == 0


def test_diff_shows_and_writes_nothing(net: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert run(["fmt", "--diff", "net.cnn"]) == 0
    assert net.read_text(encoding="utf-8") == UNTIDY
    assert capsys.readouterr().out == (
        "--- net.cnn\n+++ net.cnn\n@@ -1 +1,2 @@\n"
        "-input 7x7x1;conv 1  3×3 # one\n+input 7x7x1\n+conv 1 3x3  # one\n"
    )


def test_standard_input_is_filtered(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(sys, "stdin", io.TextIOWrapper(io.BytesIO(UNTIDY.encode()), encoding="utf-8"))
    assert run(["fmt", "-"]) == 0
    assert tuple(capsys.readouterr()) == (TIDY, "")


def test_inline_text_is_printed(capsys: pytest.CaptureFixture[str]) -> None:
    assert run(["fmt", "-e", "a;b->c"]) == 0
    assert capsys.readouterr().out == "a\nb -> c\n"


def test_a_folder_is_all_its_specs(net: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (net.parent / "more").mkdir()
    (net.parent / "more" / "b.cnn").write_text(UNTIDY, encoding="utf-8")
    (net.parent / "other.txt").write_text(UNTIDY, encoding="utf-8")
    assert run(["fmt", "."]) == 0
    assert (net.parent / "more" / "b.cnn").read_text(encoding="utf-8") == TIDY
    assert (net.parent / "other.txt").read_text(encoding="utf-8") == UNTIDY


def test_a_broken_file_stays_and_the_others_are_done(net: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (net.parent / "bad.cnn").write_text("conv 6 stride=\n")
    assert run(["fmt", "bad.cnn", "net.cnn"]) == 1
    assert (net.parent / "bad.cnn").read_text() == "conv 6 stride=\n"
    assert net.read_text(encoding="utf-8") == TIDY
    assert "error[missing-value]" in capsys.readouterr().err


@pytest.mark.parametrize(
    "arguments, words",
    [
        ([], "no SPEC given"),
        (["nowhere.cnn"], 'there is no file "nowhere.cnn"'),
        (["lenet"], "is a shipped example"),
        (["empty"], "has no .cnn files"),
    ],
)
def test_wrong_usage_exits_2(
    arguments: list[str], words: str, net: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (net.parent / "empty").mkdir()
    assert run(["fmt", *arguments]) == 2
    assert words in capsys.readouterr().err


def network(name: str, text: str) -> Network:
    def read_use(path: str) -> Source:
        return Source(path, (folder("examples") / path).read_text(encoding="utf-8"))

    found = elaborate(parse(Source(name, text)), read_use=read_use)
    assert found.network is not None
    assert not found.has_errors
    return found.network


def test_expand_spells_every_default() -> None:
    assert Document(Source("s", "input 9x9x1\nconv 6 5x5 stride=2 -> maxpool 2x2 -> batchnorm")).formatted(
        True
    ) == (
        "input 9x9x1\n"
        "conv 6 5x5 stride=2 frozen=no padding=0 dilation=1 groups=1 bias=yes\n"
        "  -> maxpool 2x2 stride=2x2 padding=0 rounding=floor dilation=1\n"
        "  -> batchnorm frozen=no epsilon=1e-5 affine=yes momentum=0.1\n"
    )


def test_expand_leaves_blocks_and_unknown_words_alone() -> None:
    text = "block conv a {\n  relu\n}\nconv 3\nelephant 4\n"
    assert Document(Source("s", text)).formatted(True) == text


@pytest.mark.parametrize("name", example_names())
def test_expand_keeps_the_network(name: str) -> None:
    source = Source(name, example_path(name).read_text(encoding="utf-8"))
    expanded = Document(source).formatted(True)
    assert Document(Source(name, expanded)).formatted(True) == expanded
    before, after = network(name, source.text), network(name, expanded)
    assert [(each.name, each.inputs, each.output) for each in after.nodes] == [
        (each.name, each.inputs, each.output) for each in before.nodes
    ]
    assert [each.layer.params(each.input_shapes).value for each in after.layers] == [
        each.layer.params(each.input_shapes).value for each in before.layers
    ]
