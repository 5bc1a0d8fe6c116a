"""Broken snippets and the mistake each is, with the text that is marked."""

from __future__ import annotations

import pytest

from cnnspec.diagnostics import Diagnostic
from cnnspec.resources import mistake_codes
from cnnspec.syntax.parse import parse_tolerant
from cnnspec.text import Source

SLIPS = [
    ("repaet 3 { relu }", "misspelt-keyword", "repaet"),
    ("For i in 3 { relu }", "misspelt-keyword", "For"),
    ("blok unit width { conv width }", "misspelt-keyword", "blok"),
    ("if a { relu } elif b { tanh }", "misspelt-keyword", "elif"),
    ("if a { relu }\nelseif b { tanh }", "misspelt-keyword", "elseif"),
    ("if a { relu } esle { tanh }", "misspelt-keyword", "esle"),
    ("train { epochs = 5 }", "setting-with-sign", "="),
    ("train { optimizer: adam }", "setting-with-sign", ":"),
    ("expect params < 10,000", "malformed-number", "10,000"),
    ("input 28*28*1", "product-for-size", "28*28*1"),
    ("flatten()", "call-parentheses", "("),
    ("conv 6 stride=", "missing-value", "stride="),
    ("conv 6 stride= -> relu", "missing-value", "stride="),
    ("let w =", "missing-value", "w ="),
    ("relu -> ", "dangling-arrow", "->"),
    ("-> relu", "dangling-arrow", "->"),
    ("relu -> -> relu", "dangling-arrow", "->"),
    ("add { | conv 3 -> | }", "dangling-arrow", "->"),
    ("add { | conv 3 -> }", "dangling-arrow", "->"),
    ("repeat 3 { conv 3", "missing-brace", "{"),
    ("block a {\n  add {\n    | conv 3\n  relu\n}\nconv 3", "missing-brace", "{"),
    ("}", "stray-brace", "}"),
    ("conv 3 }", "stray-brace", "}"),
    ("repeat 3 { relu } }", "stray-brace", "}"),
    ("if a = 3 { relu }", "single-equals", "="),
    ("expect params = 3", "single-equals", "="),
    ("conv 6 5 x 5", "spaced-size", "5 x 5"),
    ("conv 6 5*5", "product-for-size", "5*5"),
    ("maxpool 2*2", "product-for-size", "2*2"),
    ("input 28 x 28 x 1", "spaced-size", "28 x 28 x 1"),
    ("input 28 28 1", "spaced-size", "28 28 1"),
    ("input 28, 28, 1", "spaced-size", "28, 28, 1"),
    ("32x32x3, 16 filters 3x3", "missing-input", "32x32x3"),
    ("784 -> dense 10", "missing-input", "784"),
    ("input", "input-without-size", ""),
    ("input -> conv", "input-without-size", "->"),
    ("conv 6, 5x5", "comma-between-arguments", ","),
    ("conv(6, 5x5)", "call-parentheses", "("),
    ("conv(6, stride=2)", "call-parentheses", "("),
    ("use blocks.cnn", "use-without-quotes", "blocks.cnn"),
    ('use "blocks.cnn', "unclosed-quote", '"blocks.cnn'),
    ("use 'blocks.cnn'", "odd-character", "'blocks.cnn'"),
    ("use “blocks.cnn”", "odd-character", "“blocks.cnn”"),
    ("conv 6 5x5 padding=‘same’", "odd-character", "‘same’"),
    ("conv 6 5X5", "malformed-number", "5X5"),
    ("conv 6 3x", "malformed-number", "3x"),
    ("conv 6 “a”", "odd-character", "“a”"),
    ("conv 6 → relu", "odd-character", "→"),
    ("conv 6 -> relu // comment", "foreign-comment", "//"),
    ("// comment", "foreign-comment", "//"),
    ("/* x */", "foreign-comment", "/*"),
    ("-- comment", "foreign-comment", "--"),
    ("| relu", "bar-outside-merge", "|"),
    ("repeat 3 { | relu }", "bar-outside-merge", "|"),
    ("add { conv 3 }", "branch-without-bar", "conv"),
    ("add { relu -> relu\n | }", "branch-without-bar", "relu"),
    ("else { relu }", "else-without-if", "else"),
    ("if a { relu }\nrelu\nelse { relu }", "else-without-if", "else"),
    ("network ResNet-50", "hyphen-in-name", "ResNet-50"),
    ('network "VGG"', "not-a-name", '"VGG"'),
    ("network", "unfinished-sentence", ""),
    ("network LeNet { conv 3 }", "braces-without-body", "{"),
    ("x: repeat 3 { relu }", "label-without-layer", "x:"),
    ("conv1:", "label-without-layer", ":"),
    ("conv1: -> relu", "label-without-layer", ":"),
    ("repeat 3 conv 5", "missing-body", "conv"),
    ("repeat 3\n{ relu }", "missing-body", "{"),
    ("repeat { relu }", "unfinished-sentence", "{"),
    ("if { relu }", "unfinished-sentence", "{"),
    ("let", "unfinished-sentence", ""),
    ("let width 64", "missing-equals", ""),
    ("width = 64", "constant-without-let", "width"),
    ("block", "unfinished-sentence", ""),
    ("block { relu }", "unfinished-sentence", "{"),
    ("block a b c", "missing-body", ""),
    ("head x", "missing-body", ""),
    ("train", "missing-body", ""),
    ("train data mnist", "missing-body", "data"),
    ("train { data mnist -> epochs 5 }", "arrow-in-recipe", "->"),
    ("train { data fashion-mnist }", "hyphen-in-name", "fashion-mnist"),
    ("conv 6 stride: 2", "colon-for-equals", ":"),
    ("conv 6 stride=2 5x5", "argument-after-option", "5x5"),
    ("conv 6 stride=2 relu", "argument-after-option", "relu"),
    ("if 1 < a < 3 { relu }", "chained-comparison", "<"),
    ("conv 6 padding=(1, 2", "missing-parenthesis", "("),
    ("conv 6 padding=(1 2)", "missing-parenthesis", "("),
    ("conv 6 padding=1)", "stray-parenthesis", ")"),
    ("conv 4*", "missing-operand", "*"),
    ("let a = 3 +", "missing-operand", "+"),
    ("if a and { relu }", "missing-operand", "and"),
    ("conv 6 => ", "claim-not-a-shape", ""),
    ("conv 6 => relu", "claim-not-a-shape", "relu"),
    ("conv 6 => (1,2)", "claim-not-a-shape", "("),
    ("conv 6 => 0.5", "claim-not-a-shape", "0.5"),
    ("conv 6 / 2", "odd-character", "/"),
    ("conv 6 $", "odd-character", "$"),
    ("conv 6\tq=2 ~", "odd-character", "~"),
    ("conv 6 stride=1 stride", "argument-after-option", "stride"),
    ("from", "unfinished-sentence", ""),
    ("from 3", "not-a-name", "3"),
    ("expect", "unfinished-sentence", ""),
    ("repeat 3 times { relu }", "missing-body", "times"),
    ("conv [6]", "odd-character", "["),
    ("conv 6 99999999999999999999", "number-too-large", "99999999999999999999"),
    ("from stem relu", "unexpected-word", "relu"),
    ("network a b", "unexpected-word", "b"),
    ("conv: conv: 3", "colon-for-equals", ":"),
    ("if a { relu } else", "missing-body", ""),
    ("if a { relu } else relu", "missing-body", "relu"),
    ("conv 6 stride==2", "double-equals", "=="),
    ("let x = (3", "missing-parenthesis", "("),
    ("input 28x28x1 conv 6", "unexpected-word", "conv"),
    ("conv 6 5x5 padding=same=2", "single-equals", "="),
    ("conv 6 {", "missing-brace", "{"),
    ("add {", "missing-brace", "{"),
    ("add { |", "missing-brace", "{"),
    ("input 8x8x1; 5x5", "unexpected-word", "5x5"),
    ("input 8x8x1; 3", "unexpected-word", "3"),
    ('"a"', "unexpected-word", '"a"'),
    ("(1,2)", "unexpected-word", "("),
    ("?", "unexpected-word", "?"),
]


def faults(text: str) -> tuple[Diagnostic, ...]:
    return parse_tolerant(Source("spec.cnn", text))[1]


@pytest.mark.parametrize("text, code, marked", SLIPS, ids=[text for text, _, _ in SLIPS])
def test_a_slip_is_named_and_marked(text: str, code: str, marked: str) -> None:
    assert [(each.code, each.span.text if each.span else None) for each in faults(text)] == [(code, marked)]


@pytest.mark.parametrize("text, code, marked", SLIPS, ids=[text for text, _, _ in SLIPS])
def test_a_slip_says_how_it_is_cured(text: str, code: str, marked: str) -> None:
    (fault,) = faults(text)
    assert fault.help or fault.fixes or code in ("odd-character", "malformed-number")


def test_every_slip_has_a_page() -> None:
    assert {code for _, code, _ in SLIPS} - set(mistake_codes()) == set()


def fixed(text: str) -> str:
    """The text with the first fix of its first fault applied."""
    fix = faults(text)[0].fixes[0]
    return text[: fix.span.start] + fix.replacement + text[fix.span.end :]


@pytest.mark.parametrize("text", [text for text, _, _ in SLIPS if faults(text)[0].fixes])
def test_a_fix_removes_its_fault(text: str) -> None:
    assert faults(text)[0] not in faults(fixed(text))


@pytest.mark.parametrize(
    "text, cured",
    [
        ("conv 6 5 x 5", "conv 6 5x5"),
        ("conv 6 5X5", "conv 6 5x5"),
        ("conv 16 5*5", "conv 16 5x5"),
        ("input 28, 28, 1", "input 28x28x1"),
        ("conv 6 → relu", "conv 6 -> relu"),
        ("if C = 3 { relu }", "if C == 3 { relu }"),
        ("conv 6 stride==2", "conv 6 stride=2"),
        ("width = 64", "let width = 64"),
        ("let width 64", "let width = 64"),
        ("use blocks.cnn", 'use "blocks.cnn"'),
        ("network ResNet-50", "network ResNet_50"),
        ("train { data fashion-mnist }", "train { data fashion_mnist }"),
        ("conv 6 stride: 2", "conv 6 stride= 2"),
        ("// note", "# note"),
        ("if a { relu } elif b { tanh }", "if a { relu } else if b { tanh }"),
        ("repeats 3 { relu }", "repeat 3 { relu }"),
        ("train { epochs = 5 }", "train { epochs  5 }"),
        ("expect params < 1,234,567", "expect params < 1234567"),
        ("input 28*28*1", "input 28x28x1"),
        ("flatten() -> maxpool(2, 2)", "flatten -> maxpool(2, 2)"),
        ("conv(6, 5x5) -> relu", "conv 6 5x5 -> relu"),
    ],
)
def test_a_fix_gives_what_was_meant(text: str, cured: str) -> None:
    assert fixed(text) == cured
    assert [each for each in faults(cured) if each in faults(text)] == []
