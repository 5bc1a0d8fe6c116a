"""Several errors in one run, and the good statements stay; any text at all is answered, quickly."""

from __future__ import annotations

import time

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st
from spec_trees import same

from cnnspec.diagnostics import SpecError
from cnnspec.resources import example_names, example_text
from cnnspec.syntax import tree
from cnnspec.syntax.parse import LONGEST, parse, parse_tolerant
from cnnspec.text import Source

BROKEN = """\
network Broken
input 28x28x1
conv 6 5x5 stride= -> relu
conv 16, 5x5
repeat 2 times {
  conv 8 3x3
}
add {
  | conv 8 3x3 padding=1 $ 2
  |
}
dense 10 -> softmax ->
}
"""

SIGNS = list('{}|()=;#?-*,:<"\n\t\r\x00 é漢∞x')
WORDS = """-> == => // 5x5 3 0.5 1e9 a= b: conv relu add else if let and not
    repeat network input train head use from block expect"""
PIECES = [*SIGNS, *WORDS.split()]


def read(text: str) -> tuple[list[str], list[tuple[int, str]]]:
    spec, faults = parse_tolerant(Source("spec.cnn", text))
    return [each.span.text for each in spec.statements], [
        (each.span.line, each.code) for each in faults if each.span
    ]


def test_several_errors_in_one_run() -> None:
    statements, faults = read(BROKEN)
    assert faults == [
        (3, "missing-value"),
        (4, "comma-between-arguments"),
        (5, "missing-body"),
        (9, "odd-character"),
        (12, "dangling-arrow"),
        (13, "stray-brace"),
    ]
    assert [text.split()[0] for text in statements] == [
        "network", "input", "relu", "conv", "add", "dense", "softmax",
    ]  # fmt: skip


def test_strict_parsing_raises_them_all() -> None:
    with pytest.raises(SpecError) as caught:
        parse(Source("spec.cnn", BROKEN))
    assert len(caught.value.diagnostics) == 6


def test_an_unclosed_body_keeps_its_statements() -> None:
    spec, faults = parse_tolerant(Source("spec.cnn", "input 8x8x1\nrepeat 2 {\n  conv 3 3x3\n  relu"))
    assert [each.code for each in faults] == ["missing-brace"]
    repeat = spec.statements[1]
    assert isinstance(repeat, tree.Repeat)
    assert len(repeat.body) == 2
    assert repeat.span.end == len(spec.span.source.text)


def test_errors_inside_a_body_leave_the_rest_of_it() -> None:
    (block,) = parse_tolerant(Source("spec.cnn", "block b {\n  conv 3 stride=\n  relu\n}"))[0].statements
    assert isinstance(block, tree.BlockDefinition)
    assert [each.span.text for each in block.body] == ["relu"]


def test_what_was_meant_is_what_is_read() -> None:
    spec, _ = parse_tolerant(
        Source("spec.cnn", "conv(6, 5x5); conv 6 5 x 5; conv 6 5*5; conv 6 5x5 stride==2")
    )
    plain = parse(Source("spec.cnn", "conv 6 5x5; conv 6 5x5; conv 6 5x5; conv 6 5x5 stride=2"))
    assert same(spec.statements, plain.statements)


def answer(text: str) -> None:
    """A tree or diagnostics with places inside the text; nothing else gets out."""
    spec, faults = parse_tolerant(Source("spec.cnn", text))
    assert isinstance(spec, tree.Spec)
    assert all(each.span and 0 <= each.span.start <= each.span.end <= len(text) for each in faults)


@given(st.text())
@example('"')
@example("input 5x5x1\n->\n#->")
@settings(max_examples=200, deadline=None)
def test_any_text_is_answered(text: str) -> None:
    answer(text)


@given(st.lists(st.sampled_from(PIECES), max_size=40), st.sampled_from(["", " "]))
@settings(max_examples=300, deadline=None)
def test_any_heap_of_signs_is_answered(pieces: list[str], between: str) -> None:
    answer(between.join(pieces))


@given(st.sampled_from(example_names()), st.data())
@settings(max_examples=150, deadline=None)
def test_any_damaged_spec_is_answered(name: str, data: st.DataObject) -> None:
    text = example_text(name)
    for _ in range(data.draw(st.integers(1, 4))):
        at = data.draw(st.integers(0, len(text)))
        text = (
            text[:at] + data.draw(st.sampled_from([*PIECES, ""])) + text[at + data.draw(st.integers(0, 9)) :]
        )
    answer(text)


HUGE = {
    "open parentheses": "conv " + "(" * 80_000,
    "open braces": "repeat 2 {" * 19_000,
    "a long sum": "let a = " + "1+" * 50_000 + "1",
    "many minuses": "let a = " + "-" * 90_000 + "1",
    "many nots": "if " + "not " * 45_000 + "a { }",
    "many else-ifs": "if a {}" + " else if a {}" * 14_000,
    "one error a line": "conv 6 5x5 )\n" * 14_000,
    "garbage": "$" * LONGEST,
    "hashes": "#" * LONGEST,
    "empty comments": "#\n" * 90_000,
    "a long size": "5" + "x5" * 90_000,
    "a long number": "input " + "9" * 190_000,
    "arrows": "->" * 90_000,
    "an arrow after many lines": "\n" * 190_000 + "->",
    "quotes": '"' * 190_000,
    "dots": "a." * 90_000,
    "too long": "relu\n" * 60_000,
}


@pytest.mark.parametrize("text", HUGE.values(), ids=HUGE.keys())
def test_huge_texts_are_answered_in_time(text: str) -> None:
    begun = time.process_time()
    answer(text)
    assert time.process_time() - begun < 6


def test_what_is_too_deep_is_said_once_and_pruned() -> None:
    spec, faults = parse_tolerant(Source("spec.cnn", "let a = " + "(" * 100 + "1" + ")" * 100 + "\nrelu"))
    assert [each.code for each in faults] == ["nested-too-deeply"]
    assert [type(each) for each in spec.statements] == [tree.Let, tree.LayerSentence]


def test_reading_is_quick() -> None:
    text = example_text("resnet50") + example_text("unet")
    parse(Source("warm", text))
    times = []
    for _ in range(5):
        begun = time.process_time()
        parse(Source("spec.cnn", text))
        times.append(time.process_time() - begun)
    assert min(times) < 0.02


@pytest.mark.parametrize(
    "text, kept",
    [
        ("input 3x3x1 relu", ["input 3x3x1", "relu"]),
        ("network LeNet 5\nrelu", ["network LeNet", "relu"]),
        ("relu } tanh", ["relu", "tanh"]),
        ("repeat 3 { relu } }\ntanh", ["repeat 3 { relu }", "tanh"]),
        ("relu -> -> tanh", ["relu", "tanh"]),
        ("bad $ -> relu", ["relu"]),
        ("relu -> bad $ -> tanh", ["relu", "tanh"]),
        ("if C = 3 { relu }\nelu", ["if C = 3 { relu }", "elu"]),
        ("if ( {\n  relu\n} else {\n  tanh\n}\nelu", ["elu"]),
        ("repaet 3 {\n  relu\n}", ["repaet 3 {\n  relu\n}"]),
        ("blok a {\n  relu\n}\ntanh", ["tanh"]),
    ],
)
def test_what_is_good_is_kept(text: str, kept: list[str]) -> None:
    assert read(text)[0] == kept


@pytest.mark.parametrize(
    "line, shape",
    [
        ("input 28x28x1x", "28x28x1"), ("input 28xx28x1", "28x28x1"), ("input [28, 28, 1]", "28x28x1"),
        ("input = 28x28x1", "28x28x1"), ("Input(shape=(28,28,1))", "28x28x1"), ("input: 784", "784"),
        ("input 28x28x1 => 28x28x1", "28x28x1"), ("input -> 28x28x1", None), ("input 28x28xthree", None),
        ("input <large>", None),
    ],
)  # fmt: skip
def test_the_sizes_of_a_broken_input_are_kept(line: str, shape: str | None) -> None:
    spec, faults = parse_tolerant(Source("spec.cnn", f"{line}\nconv 6 5x5\n"))
    assert faults
    inputs = [statement for statement in spec.statements if isinstance(statement, tree.Input)]
    sizes = [each.shape.parts for each in inputs if isinstance(each.shape, tree.Size)]
    numbers = [(each.shape.value,) for each in inputs if isinstance(each.shape, tree.NumberLiteral)]
    assert ([tuple(map(int, shape.split("x")))] if shape else []) == [*sizes, *numbers]
    (layer,) = (
        each for each in spec.statements if isinstance(each, tree.LayerSentence) and each.word == "conv"
    )
    assert "conv 6 5x5" == layer.span.text
