"""A short text cannot describe a network too large to hold: it is refused before it is built."""

from __future__ import annotations

import pytest
from tools import built, codes, known

from cnnspec.elaborate.limits import DEEPEST, MOST_STEPS


def doubling(last: int, first: str) -> str:
    blocks = [f"block b0 {{ {first} }}"]
    blocks += [f"block b{n} {{ b{n - 1}; b{n - 1} }}" for n in range(1, last + 1)]
    return "\n".join([*blocks, "input 4", f"b{last}"])


@pytest.mark.parametrize(
    "text",
    [
        "input 4; repeat 1000000000 { relu }",
        "input 4; repeat 1000000000 { }",
        "input 4; repeat 1000 { repeat 1000 { repeat 1000 { relu } } }",
        "input 4; repeat 300 { add { | repeat 300 { relu } | } }",
        doubling(60, "relu"),
        doubling(60, ""),
        "block a { if 1 == 1 { relu } else { relu } }\ninput 4\nrepeat 40000 { a }",
    ],
)
def test_too_much_is_refused_before_anything_is_built(text: str) -> None:
    found = built(text)
    assert ["network-too-large"] == [item.code for item in found.diagnostics]
    assert found.network is not None
    assert 1 == len(found.network.nodes)


def test_what_cannot_be_counted_beforehand_stops_at_the_limit() -> None:
    found = built("block f n { repeat n { repeat n { relu } } }\ninput 4\nf 400")
    assert ["network-too-large"] == [item.code for item in found.diagnostics]
    assert found.network is not None
    assert len(found.network.nodes) <= MOST_STEPS


def test_an_untaken_branch_does_not_count() -> None:
    assert [] == codes("input 4; if 1 == 2 { repeat 1000000 { relu } }")


def test_ten_thousand_layers_are_no_trouble() -> None:
    found = built("input 8x8x4; repeat 10000 { conv 4 3x3 padding=1; relu }")
    assert found.network is not None
    assert 20_001 == len(found.network.nodes)
    assert "relu10000" == found.network.nodes[-1].name


def test_blocks_inside_blocks_have_a_limit() -> None:
    def chain(length: int) -> str:
        blocks = [f"block b{n} {{ b{n + 1} }}" for n in range(length)]
        return "\n".join([*blocks, f"block b{length} {{ relu }}", "input 4", "b0"])

    assert [] == codes(chain(DEEPEST - 2))
    assert ["nested-too-deeply"] == codes(chain(DEEPEST))


def test_a_long_chain_of_else_if_is_walked() -> None:
    text = "input 4\nif C == 0 { relu }" + " else if C == 0 { relu }" * 60 + " else { tanh }"
    found = built(text)
    assert found.network is not None
    assert ["tanh1"] == [node.name for node in found.network.layers]


@pytest.mark.parametrize("first", ["b0", "b1; b1"])
def test_recursion_is_refused(first: str) -> None:
    text = f"block b0 {{ {first} }}\nblock b1 {{ b0 }}\ninput 4\nb0"
    assert ["recursive-block"] == codes(text)


def test_recursion_names_the_circle() -> None:
    (fault,) = built("block a { b }\nblock b { c }\nblock c { a }\ninput 4\nb").diagnostics
    assert ("b uses c uses a uses b",) == fault.notes


def test_a_block_used_side_by_side_is_no_recursion() -> None:
    assert [] == codes("block a { relu }\nblock b { a; a }\ninput 4\nb; a; b")


def test_sizes_may_not_explode() -> None:
    assert ["tensor-too-large"] == codes("input 8x8x8; repeat 100 { concat { | | } }")
    assert ["tensor-too-large"] == codes("input 8x8x8; repeat 100 { upsample 1000 }")


@pytest.mark.parametrize("text", ["10M * 10M * 100M", "0 - 10M * 10M * 100M", "0.5 * 10M * 10M * 100M"])
def test_numbers_may_not_explode(text: str) -> None:
    assert ["number-too-large"] == codes(f"input 4\nlet n = {text}")


def test_turns_that_can_tell_nothing_new_are_left_out() -> None:
    text = "block f n { repeat n { repeat n { relu } } }\ninput 4\nmaxpool 2x2\nf 400"
    assert ["needs-a-map"] == codes(text)


def test_a_constant_of_constants_does_not_grow_without_end() -> None:
    lets = "\n".join(f"let a{n + 1} = (a{n}, a{n})" for n in range(33))
    found = built(f"let a0 = (1, 1)\n{lets}\ninput 8x8x1\nconv 1 3x3 padding=a33")
    assert [(item.code, known(item.span).line) for item in found.diagnostics] == [("not-a-number", 2)]
