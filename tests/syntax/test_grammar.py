"""The grammar file itself, and the editors' grammars that follow it."""

from __future__ import annotations

import json
import re

import pytest

from cnnspec.layers.registry import LAYERS
from cnnspec.resources import example_names, example_text, folder, grammar_text

TEXTMATE = json.loads((folder("grammar") / "cnnspec.tmLanguage.json").read_text(encoding="utf-8"))
VIM = (folder("grammar") / "cnnspec.vim").read_text(encoding="utf-8")
KEYWORDS = set(re.findall(r'^_?[A-Z]+: "([a-z]+)"$', grammar_text(), re.MULTILINE)) | {"else"}
OPERATORS = {"and", "or", "not", "as"}


def words(pattern: str) -> set[str]:
    """The words of the pattern's longest choice: ``(network|input|…)``."""
    choices: list[str] = re.findall(r"\(((?:[a-z]+\|)+[a-z]+)\)", pattern)
    return set(max(choices, key=len).split("|")) if choices else set()


def scope(name: str) -> str:
    """The pattern of a rule, with what Python's ``re`` spells differently put right."""
    return (
        str(TEXTMATE["repository"][name]["match"])
        .replace(r"\p{L}", "A-Za-z")
        .replace("(?<=^|[;{|>])", "(?:^|(?<=[;{|>]))")
    )


def test_the_grammar_knows_no_layer() -> None:
    named = set(re.findall(r'"([a-z]+)"', grammar_text()))
    assert named & set(LAYERS) == set()


def test_textmate_has_the_keywords_of_the_grammar() -> None:
    operators = next(
        each for each in TEXTMATE["repository"]["operator"]["patterns"] if ".word." in each["name"]
    )
    assert words(scope("keyword")) == KEYWORDS - OPERATORS
    assert words(operators["match"]) == OPERATORS


def test_vim_has_the_keywords_of_the_grammar() -> None:
    (keywords,) = re.findall(r"cnnspecKeyword .*\\%\((network.*)\\\)", VIM)
    assert set(keywords.split(r"\|")) == KEYWORDS - OPERATORS
    assert set(re.findall(r"syntax keyword cnnspecOperator (.*)", VIM)[0].split()) == OPERATORS


def test_every_rule_of_textmate_is_included() -> None:
    included = set(re.findall(r'"#(\w+)"', json.dumps(TEXTMATE)))
    assert included == set(TEXTMATE["repository"])


@pytest.mark.parametrize(
    "rule, text, found",
    [
        ("size", "conv 6 28x28x1 ?x3 3xa", ["28x28x1", "?x3"]),
        ("string", 'use "a # b"', ['"a # b"']),
        ("label", "conv1: conv 6", ["conv1:"]),
        ("option", "conv 6 stride=2 a==b c=>3", ["stride="]),
        ("claim", "conv 6 => 10x?x6", ["=> 10x?x6"]),
        ("comment", "relu # note", ["# note"]),
        ("keyword", "repeat 3 { relu }", ["repeat"]),
        ("keyword", "conv 6 repeat=3", []),
        ("keyword", "add input", []),
        ("definition", "block unit width {", ["block unit"]),
    ],
)
def test_textmate_finds(rule: str, text: str, found: list[str]) -> None:
    assert [match[0].strip() for match in re.finditer(scope(rule), text)] == found


@pytest.mark.parametrize("name", example_names())
def test_textmate_finds_every_layer_of_the_examples(name: str) -> None:
    text = re.sub(r'#.*|"[^"]*"', "", example_text(name))
    used = {word for word in re.findall(r"\b[a-z0-9]+\b(?!=)", text) if word in LAYERS}
    found = {match[1] for line in text.splitlines() for match in re.finditer(scope("layer"), line)}
    assert used - found == set()
