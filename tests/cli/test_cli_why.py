"""``cnnspec why``: the pages of the mistakes, in the terminal."""

from __future__ import annotations

from pathlib import Path

import pytest

from cnnspec.cli.main import run
from cnnspec.mistakes import concepts, search, titles
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
    assert [code for code in (*titles(), *concepts()) if code not in out] == []
    assert " ".join(out.split()).count("a brace that is never closed") == 1


@pytest.mark.parametrize(
    ("words", "code"),
    [
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
def test_words_find_their_page(words: str, code: str, capsys: pytest.CaptureFixture[str]) -> None:
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


FOREIGN = (Path(__file__).parent / "foreign_messages.txt").read_text(encoding="utf-8").splitlines()
"""A message, then the page about it and what its numbers are read as."""


@pytest.mark.parametrize("message, meant", [*zip(FOREIGN[::2], FOREIGN[1::2], strict=True)])
def test_what_another_program_said_is_read_with_its_numbers(
    message: str, meant: str, capsys: pytest.CaptureFixture[str]
) -> None:
    code, _, reading = meant.strip().partition(":")
    assert run(["why", message]) == 0
    told, _, page = capsys.readouterr().out.partition(f"{code}: ")
    assert page
    assert bool(told) is bool(reading)
    assert reading.strip() in " ".join(told.split())


@pytest.mark.parametrize(
    "message, said",
    [
        ("mat1 and mat2 shapes cannot be multiplied (64x256 and 400x120)",
         "In LeNet5 that is dense1 (dense 120, line 9), which takes 400 and gives 120. So the layer itself "
         "is as in the spec, and what comes before it differs"),
        ("mat1 and mat2 shapes cannot be multiplied (64x400 and 256x120)",
         "So 400 is right, and the layer is to be made for 400."),
        ("mat1 and mat2 shapes cannot be multiplied (64x256 and 400x121)",
         "No layer of LeNet5 has these numbers."),
        ("weight of size [16, 3, 5, 5], expected input[1, 6, 14, 14] to have 3 channels, but got 6 channels",
         "that is conv2 (conv 16 5x5, line 7), which takes 14x14x6 and gives 10x10x16"),
        ("Negative dimension size caused by subtracting 5 from 3",
         "In LeNet5 that is conv1 (conv 6 5x5 padding=2, line 6), which takes"),
        ("Target 10 is out of bounds", "LeNet5 ends with 10: the labels 0 to 9."),
        ("for the following indices Got invalid dimensions for input: index: 2 Got: 32 Expected: 28",
         "LeNet5 takes 28x28x1 (height x width x channels)."),
    ],
)  # fmt: skip
def test_a_spec_shows_the_layer_that_a_message_means(
    message: str, said: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert run(["why", message, "--spec", "lenet"]) == 0
    assert said in " ".join(capsys.readouterr().out.split())


@pytest.mark.parametrize(
    "words, name",
    [
        ("same", "same"), ("padding", "padding"), ("flops", "flops"), ("receptive field", "receptive-field"),
        ("bias", "bias"), ("batch norm", "batch-norm"), ("stride", "stride"), ("Dilated", "dilation"),
        ("receptive-field", "receptive-field"), ("transposed convolution", "upconv"), ("MACs", "flops"),
    ],
)  # fmt: skip
def test_a_concept_is_explained_by_its_laws_on_an_example(
    words: str, name: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert run(["why", words]) == 0
    page = capsys.readouterr().out
    assert page.startswith(f"{name}: ")
    assert " = " in page.split("Worked out: ")[1]


def test_a_concept_leads_to_the_mistakes_with_it(capsys: pytest.CaptureFixture[str]) -> None:
    assert run(["why", "bias"]) == 0
    assert "bias-before-batchnorm" in capsys.readouterr().out
