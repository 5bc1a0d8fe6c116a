"""Every construct of the language, and the tree it gives."""

from __future__ import annotations

import re
from dataclasses import fields, is_dataclass

import pytest

from cnnspec.syntax import tree
from cnnspec.syntax.parse import parse
from cnnspec.text import Source, Span


def sketch(node: object) -> object:
    """The tree in few signs: ``("Layer", word, …)``, without places and what is absent."""
    if isinstance(node, tree.NumberLiteral):
        return node.value
    if isinstance(node, tree.Name):
        return node.text
    if isinstance(node, tree.Text):
        return f'"{node.value}"'
    if isinstance(node, tree.QuestionMark):
        return "?"
    if isinstance(node, tree.Size):
        return "x".join("?" if part is None else str(part) for part in node.parts)
    if isinstance(node, tree.Binary):
        return (sketch(node.left), node.operator, sketch(node.right))
    if isinstance(node, tree.Unary):
        return (node.operator, sketch(node.operand))
    if isinstance(node, tree.Option):
        return f"{node.name}={sketch(node.value)}"
    if isinstance(node, tuple):
        return [sketch(each) for each in node]
    if isinstance(node, tree.Path):
        return ["|", *(sketch(each) for each in node.statements)]
    if is_dataclass(node):
        parts = [
            sketch(getattr(node, f.name)) for f in fields(node) if not isinstance(getattr(node, f.name), Span)
        ]
        name = re.sub("(Sentence|Definition)$", "", type(node).__name__)
        return [name, *(part for part in parts if part not in (None, []))]
    return node


def read(text: str) -> list[object]:
    return [sketch(each) for each in parse(Source("spec.cnn", text)).statements]


def one(text: str) -> object:
    (statement,) = read(text)
    return statement


RELU, TANH, ELU = ["Layer", "relu"], ["Layer", "tanh"], ["Layer", "elu"]
WIDTH, DATA = ["Parameter", "width"], ["Setting", "data", ["mnist"]]
KEYWORDS = [
    "network",
    "input",
    "let",
    "block",
    "repeat",
    "if",
    "else",
    "from",
    "head",
    "use",
    "expect",
    "train",
]

SENTENCES = [
    ("network LeNet5", ["Header", "LeNet5"]),
    ("input 28x28x1", ["Input", "28x28x1"]),
    ("input 784", ["Input", 784]),
    ("input 16x112x112x3", ["Input", "16x112x112x3"]),
    ("input ?x28x3", ["Input", "?x28x3"]),
    ("input 28×28×1", ["Input", "28x28x1"]),
    ("conv 16 5x5 stride=2 padding=same", ["Layer", "conv", [16, "5x5"], ["stride=2", "padding=same"]]),
    ("relu", ["Layer", "relu"]),
    ("conv1: conv 6 5x5", ["Layer", "conv", "conv1", [6, "5x5"]]),
    ("conv1 : conv 6 5x5", ["Layer", "conv", "conv1", [6, "5x5"]]),
    ("stage1.conv1: conv 6 5x5", ["Layer", "conv", "stage1.conv1", [6, "5x5"]]),
    ("conv 16 5x5 => 10x10x16", ["Layer", "conv", [16, "5x5"], "10x10x16"]),
    ("flatten => 400", ["Layer", "flatten", "400"]),
    ("flatten => ?", ["Layer", "flatten", "?"]),
    ("conv 6 5x5 padding=? => 28x28x6", ["Layer", "conv", [6, "5x5"], ["padding=?"], "28x28x6"]),
    ("let width = 64", ["Let", "width", 64]),
    ("let width=64", ["Let", "width", 64]),
    (
        "block unit width stride=1 { conv width 3x3 }",
        ["Block", "unit", [WIDTH, ["Parameter", "stride", 1]], [["Layer", "conv", ["width", "3x3"]]]],
    ),
    ("block bare { relu }", ["Block", "bare", [RELU]]),
    ("repeat depth - 1 { relu }", ["Repeat", ("depth", "-", 1), [RELU]]),
    ("if C > 3 { relu }", ["If", ("C", ">", 3), [RELU]]),
    ("if a { relu } else { tanh }", ["If", "a", [RELU], [TANH]]),
    (
        "if a { relu } else if b { tanh } else { elu }",
        ["If", "a", [RELU], [["If", "b", [TANH], [ELU]]]],
    ),
    ("if a { relu }\n# otherwise\nelse { tanh }", ["If", "a", [RELU], [TANH]]),
    ("add { | relu | }", ["Layer", "add", [["|", RELU], ["|"]]]),
    ("concat { | relu -> tanh | elu } => 4", ["Layer", "concat", [["|", RELU, TANH], ["|", ELU]], "4"]),
    ("concat enc4", ["Layer", "concat", ["enc4"]]),
    ("add stage1.conv1", ["Layer", "add", ["stage1.conv1"]]),
    ("from stem", ["From", "stem"]),
    ("head aux1 { dense 10 }", ["Head", "aux1", [["Layer", "dense", [10]]]]),
    ("head aux1 weight=0.3 { dense 10 }", ["Head", "aux1", [["Layer", "dense", [10]]], ["weight=0.3"]]),
    ('use "blocks.cnn"', ["Use", '"blocks.cnn"']),
    ("expect params <= 62k", ["Expect", ("params", "<=", 62_000)]),
    ("expect a < 1.5M and b == 3", ["Expect", (("a", "<", 1_500_000), "and", ("b", "==", 3))]),
    (
        "train { data mnist; optimizer adam rate=0.001\n batch 64 }",
        ["Train", [DATA, ["Setting", "optimizer", ["adam"], ["rate=0.001"]], ["Setting", "batch", [64]]]],
    ),
    ("train { }", ["Train"]),
    ("crop padding=(1, 2, 1, 2)", ["Layer", "crop", ["padding=['Tuple', [1, 2, 1, 2]]"]]),
]


@pytest.mark.parametrize("text, expected", SENTENCES, ids=[text for text, _ in SENTENCES])
def test_sentence(text: str, expected: object) -> None:
    assert one(text) == expected


@pytest.mark.parametrize(
    "text",
    [
        "conv 6 5x5 -> relu -> flatten",
        "conv 6 5x5\nrelu\nflatten",
        "conv 6 5x5; relu; flatten",
        "conv 6 5x5\n  -> relu\n  -> flatten",
        "conv 6 5x5 ->\n relu # here\n # and there\n -> flatten",
        "\n\n ; conv 6 5x5 ;;\r\n relu\t->flatten\n;\n",
        "\ufeffconv 6 5×5 -> relu -> flatten  # the end",
    ],
)
def test_newline_semicolon_and_arrow_mean_the_same(text: str) -> None:
    assert read(text) == [["Layer", "conv", [6, "5x5"]], ["Layer", "relu"], ["Layer", "flatten"]]


EXPRESSIONS = [
    ("1 + 2 * 3", (1, "+", (2, "*", 3))),
    ("(1 + 2) * 3", ((1, "+", 2), "*", 3)),
    ("1 - 2 - 3", ((1, "-", 2), "-", 3)),
    ("a // 2 % 3", (("a", "//", 2), "%", 3)),
    ("-a * b", (("-", "a"), "*", "b")),
    ("--1", ("-", ("-", 1))),
    ("not a and b or c", ((("not", "a"), "and", "b"), "or", "c")),
    ("not a == b", ("not", ("a", "==", "b"))),
    ("stride != 1 or C != 4*width", (("stride", "!=", 1), "or", ("C", "!=", (4, "*", "width")))),
    ("62k", 62_000),
    ("1M", 1_000_000),
    ("1.5G", 1_500_000_000),
    ("0.01", 0.01),
    ("5e-4", 5e-4),
    (".5", 0.5),
    ("2.0", 2.0),
    ('"a # b"', '"a # b"'),
    ("H", "H"),
    ("?", "?"),
    ("?x3", "?x3"),
    ("(1, (2, 3))", ["Tuple", [1, ["Tuple", [2, 3]]]]),
]


@pytest.mark.parametrize("text, expected", EXPRESSIONS, ids=[text for text, _ in EXPRESSIONS])
def test_expression(text: str, expected: object) -> None:
    assert one(f"let it = {text}") == ["Let", "it", expected]


def test_an_argument_takes_every_operator() -> None:
    assert one("conv 4*width 1x1 bias=no") == ["Layer", "conv", [(4, "*", "width"), "1x1"], ["bias=no"]]
    assert one("conv width - 1 1x1") == ["Layer", "conv", [("width", "-", 1), "1x1"]]
    assert one("conv 2 (-1)") == ["Layer", "conv", [2, ("-", 1)]]


@pytest.mark.parametrize(
    "word",
    [
        "network",
        "input",
        "let",
        "block",
        "repeat",
        "if",
        "else",
        "from",
        "head",
        "use",
        "expect",
        "train",
        "and",
        "or",
        "not",
    ],
)
def test_keywords_serve_as_options_and_labels(word: str) -> None:
    assert one(f"conv 6 {word}=3") == ["Layer", "conv", [6], [f"{word}=3"]]
    assert one(f"{word}: conv 6") == ["Layer", "conv", word, [6]]


@pytest.mark.parametrize(
    "word",
    ["network", "input", "let", "block", "repeat", "if", "else", "from", "head", "use", "expect", "train"],
)
def test_keywords_serve_as_names_and_in_recipes(word: str) -> None:
    assert one(f"add {word}") == ["Layer", "add", [word]]
    assert one(f"from {word}") == ["From", word]
    assert one(f"train {{ {word} 3 }}") == ["Train", [["Setting", word, [3]]]]


def test_a_word_that_begins_like_a_keyword_is_a_word() -> None:
    assert one("inputs 3") == ["Layer", "inputs", [3]]
    assert one("iffy") == ["Layer", "iffy"]


def test_the_empty_text_is_the_empty_spec() -> None:
    assert [read(text) for text in ("", "  \n\n", "# only this", ";")] == [[], [], [], []]


def test_comments_are_kept_beside_the_tree() -> None:
    spec = parse(Source("spec.cnn", '# one  \nrelu  # two\nuse "a # b"\n#three'))
    assert [(each.text, each.alone) for each in spec.comments] == [
        ("# one", True),
        ("# two", False),
        ("#three", True),
    ]
    assert spec == parse(spec.span.source)
