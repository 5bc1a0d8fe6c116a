"""``cnnspec why``: the pages of the mistakes, in the terminal."""

from __future__ import annotations

import pytest

from cnnspec.cli.main import run
from cnnspec.mistakes import search, titles
from cnnspec.views.terminal.paint import Terminal, render_page

PAGE = """\
# code: the title

Why: one `two` three four five six seven eight nine ten.
The same paragraph.

- an item that is long enough for two lines of text
- another

## A spec

```cnnspec
input  5x5x1

# not a heading
```
"""


def test_a_page_is_readable() -> None:
    assert (
        render_page(PAGE, Terminal(40))
        == """\
code: the title

Why: one `two` three four five six seven
eight nine ten. The same paragraph.

- an item that is long enough for two
  lines of text
- another

A spec

    input  5x5x1

    # not a heading"""
    )


def test_colour_marks_headings_and_code() -> None:
    coloured = render_page(PAGE, Terminal(80, color=True))
    assert coloured.startswith("\x1b[1mcode: the title\x1b[0m\n")
    assert "one \x1b[34mtwo\x1b[0m three" in coloured


def test_a_code_prints_its_page(capsys: pytest.CaptureFixture[str]) -> None:
    assert run(["why", "missing-brace"]) == 0
    out = capsys.readouterr().out
    assert out.startswith("missing-brace: a brace that is never closed\n\nWhy: ")
    assert "\n    block unit width {\n" in out
    assert "```" not in out


@pytest.mark.parametrize(
    "written", ["error[missing-brace]:", "[missing-brace]", "Missing_Brace", "missing brace"]
)
def test_a_code_may_be_copied_from_a_message(written: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert run(["why", written]) == 0
    assert capsys.readouterr().out.startswith("missing-brace: ")


def test_markdown_is_the_page_itself(capsys: pytest.CaptureFixture[str]) -> None:
    assert run(["why", "missing-brace", "--format", "markdown"]) == 0
    assert capsys.readouterr().out.startswith("# missing-brace: ")


def test_an_unknown_code_gets_the_nearest(capsys: pytest.CaptureFixture[str]) -> None:
    assert run(["why", "mising-brace"]) == 2
    assert 'did you mean "missing-brace"?' in capsys.readouterr().err
    assert run(["why", "qqqqqqq"]) == 2
    assert "cnnspec why lists them all" in capsys.readouterr().err


@pytest.mark.parametrize("width", ["40", "100"])
def test_all_are_listed(
    width: str, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("COLUMNS", width)
    assert run(["why"]) == 0
    out = capsys.readouterr().out
    assert [code for code in titles() if code not in out] == []
    assert " ".join(out.split()).count("a brace that is never closed") == 1


@pytest.mark.parametrize(
    ("words", "code"),
    [
        ("mat1 and mat2 shapes cannot be multiplied (32x3456 and 400x120)", "needs-a-vector"),
        ("Negative dimension size caused by subtracting 5 from 3", "window-larger-than-input"),
        ("The size of tensor a (64) must match the size of tensor b (128)", "shapes-do-not-match"),
        ("shape '[-1, 400]' is invalid for input of size 3456", "reshape-changes-the-count"),
        ("batch norm subtracts bias", "bias-before-batchnorm"),
        ("early stopping", "stop-without-validation"),
        ("validation split", "stop-without-validation"),
        ("overfitting", "stop-without-validation"),
        ("my training diverges", "loss-not-finite"),
        ("exploding gradients", "loss-not-finite"),
        ("the loss is not decreasing", "weights-not-moving"),
        ("data augmentation", "augment-too-strong"),
        ("label smoothing", "unusual-setting"),
    ],
)
def test_words_and_foreign_messages_find_their_page(
    words: str, code: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert run(["why", *words.split()]) == 0
    assert capsys.readouterr().out.startswith(f"{code}: ")


@pytest.mark.parametrize(
    ("words", "codes"),
    [
        ("nan", {"loss-not-finite"}),
        ("loss is nan", {"loss-not-finite"}),
        ("learning rate too high", {"loss-not-finite", "unusual-setting"}),
        ("warm-up", {"warmup-too-long"}),
        ("resume", {"run-differs", "checkpoint-unusable"}),
        ("out of memory", {"tensor-too-large", "worker-lost"}),
    ],
)
def test_words_of_training_find_their_pages(words: str, codes: set[str]) -> None:
    assert codes <= set(search(words))


def test_a_setting_that_no_page_speaks_of_has_its_reference(capsys: pytest.CaptureFixture[str]) -> None:
    assert run(["why", "random", "seed"]) == 2
    assert "cnnspec layers seed tells" in capsys.readouterr().err


def test_several_pages_are_listed_titles_first(capsys: pytest.CaptureFixture[str]) -> None:
    assert run(["why", "flatten"]) == 0
    found = [line.split()[0] for line in capsys.readouterr().out.splitlines()]
    assert {"needs-a-map", "needs-a-vector"} < set(found) < set(titles())
    assert search("residual")[0] == search("RESIDUAL ")[0] == "shapes-do-not-match"
    assert search("softmax")[:3] == (
        "activation-after-softmax",
        "activation-before-softmax",
        "softmax-inside",
    )
