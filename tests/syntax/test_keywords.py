"""Misspelt keywords are told from layers and blocks."""

from __future__ import annotations

import pytest
from tools import codes

from cnnspec.layers.registry import LAYERS, SYNONYMS
from cnnspec.syntax.keywords import FORMS, INSTEAD, keyword_meant
from cnnspec.syntax.parse import parse
from cnnspec.text import Source


@pytest.mark.parametrize("form", FORMS.values())
def test_every_form_can_be_read(form: str) -> None:
    (sentence,) = parse(Source("form", form)).statements
    assert type(sentence).__name__ != "Layer"


@pytest.mark.parametrize(
    "word, keyword", [("Input", "input"), ("inptu", "input"), ("netwrok", "network"), ("for", "repeat")]
)
def test_the_keyword_that_was_meant(word: str, keyword: str) -> None:
    assert keyword_meant(word) == keyword


def test_words_of_layers_are_left_to_the_layers() -> None:
    assert set(INSTEAD) & (set(LAYERS) | set(SYNONYMS)) == set()
    assert [word for word in LAYERS if codes(f"input 9x9x3; {word}x 3").count("misspelt-keyword")] == []


def test_a_misspelt_input_still_flows() -> None:
    assert codes("Input 9x9x1\nconv 3 11x11") == ["misspelt-keyword", "window-larger-than-input"]


def test_a_misspelt_sentence_beside_the_chain_leaves_the_chain() -> None:
    assert codes("netwrok N\ninput 9x9x1\nconv 3 11x11\nexpct params < 3") == [
        "misspelt-keyword",
        "window-larger-than-input",
        "misspelt-keyword",
    ]


def test_a_block_of_that_name_is_a_block() -> None:
    assert codes("block inputs { relu }\ninput 9x9x1\ninputs") == []


def test_a_nearer_block_is_meant() -> None:
    assert codes("block inputs2 { relu }\ninput 9x9x1\ninputs3") == ["unknown-word"]
