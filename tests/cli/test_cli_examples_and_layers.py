"""``examples`` and ``layers``: the shipped specs and the reference of words."""

from __future__ import annotations

import re
from pathlib import Path
from typing import get_args

import pytest

from cnnspec.cli.examples import description
from cnnspec.cli.main import run
from cnnspec.layers.base import Initial
from cnnspec.layers.registry import LAYERS
from cnnspec.resources import example_names, example_text
from cnnspec.syntax.keywords import FORMS
from cnnspec.views.reference import FAMILIES, laws, layer_entries
from cnnspec.views.sentences import PARTS, block_entries, part_entries, sentence_entries
from cnnspec.views.terminal.paint import Terminal
from cnnspec.views.terminal.reference import render_layer, render_sentence


def test_the_list_has_every_example_with_its_first_comment(capsys: pytest.CaptureFixture[str]) -> None:
    assert run(["examples"]) == 0
    page = " ".join(capsys.readouterr().out.split())
    missing = [n for n in example_names() if f"{n} {description(example_text(n))}" not in page]
    assert missing == []


def test_every_example_says_what_it_is() -> None:
    assert [name for name in example_names() if not description(example_text(name))] == []


def test_an_example_is_printed_as_it_is(capsys: pytest.CaptureFixture[str]) -> None:
    assert run(["examples", "resnet50"]) == 0
    assert capsys.readouterr().out == example_text("resnet50")


def test_an_unknown_example(capsys: pytest.CaptureFixture[str]) -> None:
    assert run(["examples", "resnet5"]) == 2
    assert "did you mean" in capsys.readouterr().err


def test_a_copy_brings_the_files_it_uses(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(tmp_path)
    assert run(["examples", "googlenet", "--copy"]) == 0
    assert run(["analyze", "googlenet.cnn", "--only", "network"]) == 0
    assert capsys.readouterr().out == "GoogLeNet\n"
    assert run(["examples", "googlenet", "--copy"]) == 0


def test_a_copy_overwrites_nothing(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(tmp_path)
    Path("resnet18.cnn").write_text("mine")
    assert run(["examples", "resnet18", "--copy"]) == 2
    assert "resnet18.cnn is here already" in capsys.readouterr().err
    assert Path("resnet18.cnn").read_text() == "mine"


def test_a_copy_needs_a_name(capsys: pytest.CaptureFixture[str]) -> None:
    assert run(["examples", "--copy"]) == 2


def test_the_reference_lists_every_word(capsys: pytest.CaptureFixture[str]) -> None:
    assert run(["layers"]) == 0
    page = capsys.readouterr().out
    assert [word for word in LAYERS if f"\n  {word} " not in page] == []
    assert {layer.family for layer in LAYERS.values()} <= set(FAMILIES)


def test_the_reference_lists_every_sentence_and_block(capsys: pytest.CaptureFixture[str]) -> None:
    assert run(["layers"]) == 0
    page = capsys.readouterr().out
    assert set(FORMS) == set(sentence_entries())
    assert {"residual", "bottleneck", "squeeze_excite"} < set(block_entries())
    assert [word for word in (*FORMS, *PARTS, *block_entries()) if f"\n  {word} " not in page] == []


@pytest.mark.parametrize("word", [*FORMS, *PARTS, *block_entries()])
def test_a_sentence_or_a_block_is_told_with_an_example_that_runs(
    word: str, capsys: pytest.CaptureFixture[str]
) -> None:
    one = (sentence_entries() | part_entries() | block_entries())[word]
    assert run(["layers", word]) == 0
    page = capsys.readouterr().out
    if word == "train":
        assert "classweights" in page
    else:
        assert page.startswith(one.usage)
        assert one.meaning in " ".join(page.split())
    spec = re.search(r'cnnspec analyze -e "([^"]*)"', page)
    assert (spec is None) == (word in ("use", "train"))
    if spec is not None:
        sign = {"label": ": ", "chain": "->", "expression": "[*]"}.get(word, re.escape(word))
        assert re.search(rf"\b{word}\b" if word not in PARTS else sign, spec[1])
        assert run(["check", "-e", spec[1]]) == 0


@pytest.mark.parametrize("word", [*FORMS, *PARTS, *block_entries()])
def test_a_page_of_a_sentence_keeps_to_its_width(word: str) -> None:
    page = render_sentence((sentence_entries() | part_entries() | block_entries())[word], Terminal(80))
    assert [line for line in page.splitlines() if len(line) > 80] == []


@pytest.mark.parametrize(
    ("word", "told"),
    [
        ("**", "** a power"),
        ("C", "channels"),
        ("for", "repeat 3 {"),
        ("def", "block unit"),
        ("celu", "elu"),
        ("rrelu", "the nearest is leakyrelu"),
    ],
)
def test_a_foreign_word_is_told_what_it_is_here(
    word: str, told: str, capsys: pytest.CaptureFixture[str]
) -> None:
    run(["layers", word])
    printed = capsys.readouterr()
    assert told in printed.out + printed.err


@pytest.mark.parametrize("word", LAYERS)
def test_every_word_is_told_whole(word: str) -> None:
    one = layer_entries()[word]
    assert one.summary
    assert [option.name for option in one.options if not option.meaning] == []
    assert {option.name for option in one.options} == set(LAYERS[word].model_fields) - LAYERS[word].derived
    page = render_layer(word)
    assert one.example in page


@pytest.mark.parametrize("word", LAYERS)
def test_the_example_of_every_word_works(word: str) -> None:
    node, found = laws(word)
    assert node.word == word
    assert found
    assert run(["analyze", "-e", LAYERS[word].spec()]) == 0


def test_what_may_be_written_and_what_is_taken(capsys: pytest.CaptureFixture[str]) -> None:
    assert run(["layers", "conv"]) == 0
    page = " ".join(capsys.readouterr().out.split())
    assert page.startswith("conv FILTERS KERNEL")
    assert "filters whole number, 1 or more, required" in page
    assert "padding pixels, same, valid or full = 0" in page
    assert "bias yes or no = yes" in page
    assert "params F·(k_h·k_w·C) + F" in page


def test_very_many_choices_are_listed_on_a_page_of_their_own(capsys: pytest.CaptureFixture[str]) -> None:
    assert run(["layers", "conv"]) == 0
    page = " ".join(capsys.readouterr().out.split())
    count = len(get_args(Initial))
    assert f"init he, glorot, lecun, orthogonal, … ({count} words: cnnspec layers init)" in page
    assert "xavier_uniform" not in page
    entries = layer_entries().values()
    folded = {option.name for one in entries for option in one.options if "…" in option.kind}
    assert folded == {"init"}
    assert run(["layers", "init"]) == 0
    told = capsys.readouterr().out.replace(",", " ").split()
    assert [word for word in get_args(Initial) if word not in told] == []


@pytest.mark.parametrize("word", LAYERS)
def test_a_page_keeps_to_its_width(word: str) -> None:
    lines = render_layer(word, Terminal(80)).splitlines()
    assert [line for line in lines if len(line) > 80] == []


@pytest.mark.parametrize(("word", "meant"), [("linear", "dense"), ("BN", "batchnorm"), ("Conv", "conv")])
def test_a_foreign_word_shows_the_layer_it_means(
    word: str, meant: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert run(["layers", word]) == 0
    assert capsys.readouterr().out.split()[0] == meant


def test_an_unknown_word(capsys: pytest.CaptureFixture[str]) -> None:
    assert run(["layers", "cov"]) == 2
    assert 'did you mean "conv"?' in capsys.readouterr().err
