"""Laws over random specs: every valid one is written and read the same, and no text breaks anything."""

from __future__ import annotations

import re
from dataclasses import replace
from itertools import count

from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from tools import built

import cnnspec
from cnnspec.layers.registry import LAYERS
from cnnspec.network.as_json import from_json, to_json
from cnnspec.network.write import write

RELAXED = settings(deadline=None, max_examples=60, suppress_health_check=list(HealthCheck))

# Valid networks: every piece keeps the map's height and width, so that all of them fit together.

PIECES = [
    "conv 4 3x3 padding=1",
    "conv C 1x1 bias=no -> batchnorm -> relu",
    "conv 2*C 5 padding=same",
    "depthwise 3x3 padding=1 multiplier=2",
    "maxpool 3x3 stride=1 padding=1",
    "if C % 2 == 0 { leakyrelu 0.2 } else if C > 5 { elu } else { sigmoid }",
    "repeat 1 { let NAME = C + 1; conv NAME 1x1 }",
    "dropout 0.25",
    "unit 3",
    "unit C kernel=1",
    "twice { }",
    "groupnorm 1",
    "identity => ?",
]
BLOCKS = """
block unit width kernel=3 {
  inner: conv width kernel padding=same
  concat { | | from inner -> tanh }
}
block twice { unit 2; unit 3 -> relu }
"""


MERGES = st.sampled_from(["add", "multiply", "concat"])


def merge(word: str, paths: list[str]) -> str:
    last = "conv 6 1x1" if word != "concat" else "relu"
    return f"{word} {{ {' '.join(f'| {path} -> {last}' for path in paths)} }}"


def bodies(inner: st.SearchStrategy[str]) -> st.SearchStrategy[str]:
    joined = st.lists(inner, min_size=1, max_size=3).map("; ".join)
    return st.one_of(
        st.tuples(st.integers(0, 3), joined).map(lambda pair: f"repeat {pair[0]} {{ {pair[1]} }}"),
        st.tuples(
            st.sampled_from(["add", "multiply", "concat"]), st.lists(joined, min_size=2, max_size=3)
        ).map(lambda pair: merge(*pair)),
        joined.map(lambda body: f"from input; {body}"),
    )


PIECE = st.sampled_from(PIECES).map(lambda text: text.replace("{ }", "").strip())
BODY = st.recursive(PIECE, bodies, max_leaves=8)


@st.composite
def specs(draw: st.DrawFn) -> str:
    """A valid spec with blocks, branches, labels, skips, jumps and heads."""
    size = draw(st.sampled_from(["5x6x2", "4x4x1", "7x3"]))
    lines, labels = [f"input {size}"], []
    for n in range(draw(st.integers(0, 6))):
        body = draw(BODY)
        lines.append(body.replace("5x5", "5").replace("3x3", "3").replace("1x1", "1"))
        kind = draw(st.integers(0, 5))
        if kind == 0:
            lines.append(f"label{n}: relu")
            labels.append(f"label{n}")
        elif kind == 1 and labels:
            lines.append(
                f"concat {' '.join(draw(st.lists(st.sampled_from(labels), min_size=1, max_size=2)))}"
            )
        elif kind == 2 and labels:
            lines.append(f"from {draw(st.sampled_from(labels))}")
        elif kind == 3:
            lines.append(f"head side{n} weight=0.{n + 1} {{ flatten; dense 3 }}")
    if draw(st.booleans()):
        lines.append("let most = 10M\nexpect params < most and layers >= 0")
    if draw(st.booleans()):
        lines.append("train { epochs 2; optimizer adam rate=0.01 }")
    header = draw(st.sampled_from(["", "network Random\n"]))
    number = count()
    text = re.sub(
        "let NAME (.*?) NAME", lambda let: f"let n{(n := next(number))} {let[1]} n{n}", "\n".join(lines)
    )
    return header + BLOCKS + text


@RELAXED
@given(specs())
def test_valid_networks_are_written_and_read_the_same(text: str) -> None:
    network = cnnspec.parse(text + "\nfrom input; repeat 4 { twice }; unit 3; unit 3; unit 3; unit 3")
    flat = replace(network, nodes=tuple(replace(node, groups=()) for node in network.nodes))
    assert flat == cnnspec.parse(write(network))
    assert network == from_json(to_json(network))


@RELAXED
@given(specs())
def test_the_graph_is_in_order_and_its_names_are_its_own(text: str) -> None:
    network = cnnspec.parse(text)
    assert len(network.nodes) == len({node.name for node in network.nodes})
    for index, node in enumerate(network.nodes):
        assert index == node.index
        assert all(source < index for source in node.inputs)
        assert node.input_shapes == tuple(network.nodes[source].output for source in node.inputs)
        assert node.output == (node.layer.shape(node.input_shapes) if index else network.input)
        assert node.name == ".".join(node.path)


# Anything at all ---------------------------------------------------------------------

WORD = st.sampled_from([*LAYERS, "unit", "twice", "foo", "conv2d", "stem", "input", "C", "width", "a", "b"])
VALUES = [
    "1",
    "2",
    "3",
    "0",
    "-1",
    "?",
    "5x5",
    "?x?",
    "?x3",
    "(1,2)",
    "(?,1)",
    "2x2x2x2",
    "0x0",
    "1e9",
    "0.5",
]
WORDS = ["same", "yes", "no", "C", "H//2", "C//0", "-C", "W-1", "9k*9M", "3 == 3", "not yes", "k", '"x"']
VALUE = st.one_of(st.sampled_from(VALUES), st.sampled_from(WORDS), WORD)
OPTION = st.tuples(
    st.sampled_from(sorted({field for kind in LAYERS.values() for field in kind.model_fields})), VALUE
).map("=".join)
CLAIM = st.sampled_from(["", "", "", " => 8x8x4", " => ?x?x3", " => 10", " => ?"])


@st.composite
def sentences(draw: st.DrawFn) -> str:
    label = draw(st.sampled_from(["", "", "", "a: ", "b: ", "stem: "]))
    arguments = " ".join(draw(st.lists(VALUE, max_size=3)))
    options = " ".join(draw(st.lists(OPTION, max_size=2)))
    return f"{label}{draw(WORD)} {arguments} {options}{draw(CLAIM)}"


def statements(inner: st.SearchStrategy[str]) -> st.SearchStrategy[str]:
    body = st.lists(inner, max_size=3).map("; ".join)
    return st.one_of(
        st.tuples(VALUE, body).map(lambda p: f"repeat {p[0]} {{ {p[1]} }}"),
        st.tuples(VALUE, body, body).map(lambda p: f"if {p[0]} {{ {p[1]} }} else {{ {p[2]} }}"),
        st.tuples(WORD, body, body).map(lambda p: f"{p[0]} {{ | {p[1]} | {p[2]} }}"),
        st.tuples(WORD, body).map(lambda p: f"head {p[0]} weight=0.5 {{ {p[1]} }}"),
        st.tuples(WORD, WORD, VALUE, body).map(lambda p: f"block {p[0]} {p[1]}={p[2]} {{ {p[3]} }}"),
    )


STATEMENT = st.recursive(
    st.one_of(
        sentences(),
        st.tuples(WORD, VALUE).map(lambda p: f"let {p[0]} = {p[1]}"),
        WORD.map("from {}".format),
        VALUE.map("expect params < {}".format),
        VALUE.map("input {}".format),
        VALUE.map("train {{ epochs {} }}".format),
        st.sampled_from(['use "a.cnn"', 'use "../a"', 'use ""', "network N"]),
    ),
    statements,
    max_leaves=8,
)


@settings(RELAXED, max_examples=250)
@given(st.sampled_from(["", "input 8x8x4\n", "input 16\n"]), st.lists(STATEMENT, max_size=8).map("\n".join))
def test_any_sentences_give_a_network_or_diagnostics(start: str, text: str) -> None:
    found = built(start + text)
    assert found.network is not None or found.has_errors
    if found.network is not None and not found.has_errors:
        assert from_json(to_json(found.network)) == found.network


@settings(RELAXED, max_examples=150)
@given(st.text(alphabet='conv relu add{}|()x3?=>:;\n+-*/%"#.,58input', max_size=80))
def test_any_text_gives_a_network_or_diagnostics(text: str) -> None:
    found = built(text)
    assert found.network is not None or found.has_errors
