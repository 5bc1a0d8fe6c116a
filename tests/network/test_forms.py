"""Powers, turns, words as parameters, and blocks that use themselves."""

from __future__ import annotations

import pytest
from tools import built, codes, known

import cnnspec


def words(text: str) -> list[str]:
    return [node.word for node in known(built(text).network).layers]


def outputs(text: str) -> list[tuple[int, ...]]:
    return [node.output for node in cnnspec.parse(text).layers]


@pytest.mark.parametrize(
    "written, value",
    [
        ("2**3", 8), ("2**3**2", 512), ("(2**3)**2", 64), ("2*3**2", 18), ("2**0", 1), ("5 - 2**2", 1),
        ("-2**2 + 5", 1), ("4**0.5", 2), ("4**(-1)*8", 2), ("2**-1 * 4", 2), ("0**0", 1), ("(-1)**2", 1),
    ],
)  # fmt: skip
def test_powers(written: str, value: int) -> None:
    assert [(value,)] == outputs(
        f"input {value}; let w = {written}; if w == {value} {{ relu }} else {{ dense 99 }}"
    )


@pytest.mark.parametrize(
    "written, code",
    [
        ("10**16", "number-too-large"), ("9**9**9**9", "number-too-large"),
        ("2**1000000000", "number-too-large"),
        ("(0.1)**(-1000)", "number-too-large"), ("0**-1", "division-by-zero"), ("(-8)**0.5", "not-a-number"),
        ("0.5**1000000000", ""), ("1**1000000000", ""),
    ],
)  # fmt: skip
def test_powers_without_a_value(written: str, code: str) -> None:
    assert [code] * bool(code) == codes(f"input 4; let w = {written}; relu")


def test_the_turns_of_a_repeat_are_counted_from_0() -> None:
    shapes = outputs("input 9x9x1; repeat 3 as i { conv 2**i + i 1x1 }")
    assert [(9, 9, 1), (9, 9, 3), (9, 9, 6)] == shapes


def test_turns_within_turns() -> None:
    shapes = outputs("input 3x3x1; repeat 2 as i { repeat 2 as j { conv 10*i+j+1 1x1 } }")
    assert [1, 2, 11, 12] == [shape[-1] for shape in shapes]


def test_a_turn_is_known_inside_alone() -> None:
    assert ["unknown-name"] == codes("input 4; repeat 2 as i { relu }; dense i + 1")
    assert [] == codes("input 4; repeat 2 as i { relu }; repeat 2 as i { dense i + 1 }; let i = 3; dense i")


@pytest.mark.parametrize(
    "text",
    [
        "input 4; let i = 1; repeat 2 as i { relu }",
        "input 4; repeat 2 as i { let i = i + 1; relu }",
        "input 4; repeat 2 as i { repeat 2 { let i = 5; relu } }",
        "input 4; repeat 2 as i { add { | let i = 5; relu | } }",
        "input 4; repeat 2 as i { repeat 2 as i { relu } }",
        "block b i { repeat 2 as i { relu } }; input 4; b 3",
    ],
)
def test_a_turn_is_given_once(text: str) -> None:
    assert ["repeated-name"] == codes(text)


def test_a_turn_may_not_have_a_meaning_of_its_own() -> None:
    assert ["reserved-name"] == codes("input 4; repeat 2 as C { relu }")


def test_let_in_a_repeat_binds_anew() -> None:
    assert [4, 8, 16, 32] == [shape[-1] for shape in outputs(
        "input 4x4x1; let w = 4; repeat 3 { conv w 1x1; let w = 2*w }; conv w 1x1")]  # fmt: skip


# Words ------------------------------------------------------------------------------


def test_a_word_stands_for_a_layer() -> None:
    text = "block unit n act=relu { conv n 1x1 -> act }; input 4x4x1; unit 2; unit 2 act=silu; unit 2 tanh"
    assert ["conv", "relu", "conv", "silu", "conv", "tanh"] == words(text)


def test_a_word_stands_for_a_block_with_its_options() -> None:
    text = (
        "block gn groups=2 { groupnorm groups }; block unit norm=batchnorm { conv 8 1x1 -> norm groups=4 }\n"
        "input 4x4x1; unit norm=gn"
    )
    network = cnnspec.parse(text)
    assert ["unit1.conv1", "unit1.gn1.groupnorm1"] == [node.name for node in network.layers]
    assert 4 == network.layers[1].layer.options()["groups"]


def test_a_word_is_passed_on() -> None:
    text = "block a act { b act=act }; block b act=relu { act }; input 4; let mine = tanh; a mine; a elu"
    assert ["tanh", "elu"] == words(text)


def test_a_block_of_the_user_goes_into_another_file() -> None:
    from cnnspec.elaborate.spec import elaborate
    from cnnspec.syntax.parse import parse
    from cnnspec.text import Source

    spec = parse(Source("spec.cnn", 'use "b.cnn"; block mine { relu -> tanh }; input 4; unit act=mine'))
    found = elaborate(spec, read_use=lambda name: Source(name, "block unit act=relu { act }"))
    assert ["relu", "tanh"] == [node.word for node in known(found.network).layers]


def test_the_same_sentence_is_another_layer_each_time() -> None:
    text = "block u act { act 0.3 }; input 4; u dropout; u leakyrelu; u dropout"
    assert ["dropout", "leakyrelu", "dropout"] == words(text)
    assert "u1.dropout1" == cnnspec.parse(text).layers[0].name


@pytest.mark.parametrize("given", ["3", "rleu", "same", "3x3"])
def test_a_value_that_is_no_layer(given: str) -> None:
    (fault,) = built(f"block u act=relu {{ act }}; input 4; u act={given}").diagnostics
    assert "unknown-word" == fault.code
    assert f"act is {given} here" in fault.message


def test_a_block_given_as_a_word_may_not_use_itself_for_ever() -> None:
    assert ["recursive-block"] == codes("block a f { f f }; input 4; a a")


@pytest.mark.parametrize(
    "text",
    [
        "input 4; let x = foo; relu", "block u n=3 { if n == 3 { relu } }; input 4; u foo",
        "input 4; if strid == 1 { relu }", "block u f=no { if f == ys { relu } }; input 4; u",
    ],
)  # fmt: skip
def test_a_name_that_nothing_defines(text: str) -> None:
    assert ["unknown-name"] == codes(text)


@pytest.mark.parametrize(
    "text",
    [
        "input 4x4x1; let p = same; conv 1 3x3 padding=p",
        "block m other { add other }; input 4; a: relu; tanh; m a",
        "block u kind=basic { if kind == wide { relu } else { tanh } }; input 4; u wide",
    ],
)  # fmt: skip
def test_words_that_are_known(text: str) -> None:
    assert [] == codes(text)


# Blocks that use themselves -----------------------------------------------------------

HOURGLASS = """
block hourglass depth {
  add {
    | maxpool 2x2 -> if depth > 1 { hourglass depth-1 } -> upsample 2
    | conv C 3x3 padding=1
  }
}
input 64x64x4
"""


def test_a_block_uses_itself_until_a_condition_ends_it() -> None:
    network = cnnspec.parse(HOURGLASS + "hourglass 4")
    assert 4 == sum(node.word == "conv" for node in network.layers)
    assert (4, 4, 4) == min(node.output for node in network.layers)
    assert (64, 64, 4) == network.output
    assert "hourglass1.hourglass1.hourglass1.hourglass1.conv1" in network.by_name


def test_a_shape_may_end_it() -> None:
    assert [(8,), (4,), (2,), (1,)] == outputs("block half { if C > 1 { dense C//2; half } }; input 16; half")


@pytest.mark.parametrize(
    "text, said",
    [
        ("block b n { conv n 3x3; b n }; input 28x28x1; b 8", "so it would never end"),
        ("block b n { if n > 0 { b n } }; input 4; b 8", "with the same values and the same shape"),
        ("block b n { if n > 0 { b n+1 } }; input 4; b 8", "one inside the other"),
        ("block b n { if n > 0 { dense C+1; b n } }; input 4; b 8", "one inside the other"),
        ("block b n { if n > 0 { b n+1; b n+2 } }; input 4; b 8", "one inside the other"),
        ("block b n { add { | if n > 0 { b n+1 } | } }; input 4; b 8", "one inside the other"),
        ("block b n { repeat n { b n } }; input 4; b 8", "with the same values"),
        ("block b n { if n > 0 { head a { b n } } }; input 4; b 8", "with the same values"),
    ],
)
def test_recursion_without_an_end(text: str, said: str) -> None:
    (fault,) = built(text).diagnostics
    assert "recursive-block" == fault.code
    assert said in fault.message


def test_a_block_that_doubles_itself_is_cut() -> None:
    assert ["network-too-large"] == codes(
        "block b n { if n > 0 { b n-1; b n-1 } else { relu } }; input 4; b 40"
    )
