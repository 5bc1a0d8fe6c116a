"""One text with all that is known of it, as far as it is known."""

from __future__ import annotations

from pathlib import Path

import pytest

import cnnspec
from cnnspec.cli.main import run
from cnnspec.document import Document
from cnnspec.text import Source

NET = "network Net\ninput 7x7x1\nconv 1 3x3\n"


def document(text: str) -> Document:
    return Document(Source("net.cnn", text))


def test_a_whole_text() -> None:
    found = document(NET)
    assert not found.failed
    assert found.network is found.whole_network
    assert ("Net", "net") == (found.title, found.stem)
    assert found.analysis is not None
    assert 10 == found.analysis.totals.params
    assert () == found.diagnostics == found.findings == found.syntax_errors
    assert () == found.unknowns


def test_a_text_with_a_fault_is_known_up_to_it() -> None:
    found = document("input 7x7x1; conv 1 3x3; conv 1 9x9; let = ")
    assert found.failed
    assert found.network is not None
    assert ["input", "conv1"] == [node.name for node in found.network.nodes]
    assert found.analysis is not None
    assert 10 == found.analysis.totals.params
    assert {"window-larger-than-input", found.syntax_errors[0].code} == {item.code for item in found.errors}
    with pytest.raises(cnnspec.SpecError) as caught:
        found.whole_network  # noqa: B018
    assert found.diagnostics == caught.value.diagnostics


def test_a_text_that_holds_nothing() -> None:
    found = document("")
    assert found.failed
    assert found.network is None
    assert found.analysis is None
    assert "net" == found.title


def test_the_places_of_what_is_not_known() -> None:
    found = document("input 7x7x1; conv 2 3x3 padding=? => 7x7x2; dense ?")
    assert ["?"] == [span.text for span in found.unknowns]


def test_the_budgets_of_a_whole_network_are_among_the_findings() -> None:
    found = document(NET + "expect params < 5\n")
    assert () == found.diagnostics
    assert ["expectation-broken"] == [item.code for item in found.findings]


def test_the_files_it_uses(tmp_path: Path) -> None:
    (tmp_path / "one.cnn").write_text('use "two.cnn"\nblock one { two }\n')
    (tmp_path / "two.cnn").write_text("block two { relu }\n")
    (tmp_path / "net.cnn").write_text('use "one.cnn"\ninput 4\none\n')
    assert ["one.cnn", "two.cnn"] == sorted(Document.from_path(tmp_path / "net.cnn").used)
    assert {} == Document.from_path("lenet").used


@pytest.mark.parametrize(
    "content, code, message",
    [
        (b"input 4\n\xff", "not-text", "byte 0xff on line 2"),
        ("input 4".encode("utf-16-le"), "not-text", "binary data"),
        (b"\x89PNG\0", "not-text", "binary data"),
        (b"#" * 2_000_001, "spec-too-large", "larger than 2 MB"),
    ],
)
def test_what_is_no_spec(tmp_path: Path, content: bytes, code: str, message: str) -> None:
    (tmp_path / "net.cnn").write_bytes(content)
    with pytest.raises(cnnspec.SpecError) as caught:
        cnnspec.load(tmp_path / "net.cnn")
    assert code == caught.value.diagnostics[0].code
    assert message in caught.value.diagnostics[0].message


@pytest.mark.parametrize("encoding", ["utf-16", "utf-8-sig", "utf-8"])
@pytest.mark.parametrize("newline", ["\n", "\r", "\r\n"])
def test_a_spec_as_windows_and_old_macs_write_it(tmp_path: Path, encoding: str, newline: str) -> None:
    """PowerShell's ``>`` writes UTF-16; it was told to be binary data, and lone CR joined all lines."""
    text = "network N  # eins\ninput 28x28x1\nconv 6 5x5\n"
    (tmp_path / "net.cnn").write_bytes(text.replace("\n", newline).encode(encoding))
    assert (24, 24, 6) == cnnspec.load(tmp_path / "net.cnn").output


def test_every_command_hears_what_a_comment_allows(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """``analyze`` and ``draw`` showed warnings of the recipe that ``check`` left out."""
    recipe = "input 4; dense 3 -> softmax\ntrain {\n  optimizer sgd rate=5\n}\n"
    (tmp_path / "net.cnn").write_text(recipe)
    assert 0 == run(["analyze", str(tmp_path / "net.cnn")])
    assert "unusual-setting" in capsys.readouterr().err
    (tmp_path / "net.cnn").write_text("# cnnspec: allow unusual-setting\n" + recipe)
    assert 0 == run(["analyze", str(tmp_path / "net.cnn")])
    assert "unusual-setting" not in capsys.readouterr().err
