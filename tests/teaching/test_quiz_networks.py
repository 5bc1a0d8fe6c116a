"""Quizzes on shipped networks and on odd ones: each key is what loops find, each wrong choice is wrong."""

from __future__ import annotations

import shlex
from functools import cache
from itertools import chain

import pytest
from quiz_by_hand import BY_HAND, gives, layer_of
from tools import Command, one_of_each

import cnnspec
from cnnspec.teaching.quiz.make import LEVELS, TOPICS, quiz
from cnnspec.teaching.quiz.question import Question

ODD = {
    "several inputs": "input a 9x9x3; input b 9x9x3; from a; conv 4 3x3; conv 1 3x3 -> keep: maxpool 2x2; "
    "from b; conv 1 4x4 stride=5; subtract keep; flatten; dense 3",
    "one axis": "input 64x2; conv 8 5 dilation=2; batchnorm; maxpool 2; flatten; dense 4; softmax",
    "three axes": "input 8x8x8x1; conv 4 3x3x3; maxpool 2x2x2; flatten; dense 3",
    "no weights": "input 6x6x1; maxpool 2x2; flatten; softmax",
    "elementwise": "input 9x9x1; sigmoid; avgpool to=1x1; flatten",
    "one number": "input 1x1x1; conv 1 1x1 bias=no",
    "wide norms": "input 6x6x4; batchnorm affine=no; conv 4 3x3; batchnorm frozen=yes; instancenorm; lrn",
    "shared": "input 8x8x4; a: conv 4 3x3 padding=1; conv 4 3x3 padding=1 share=a; flatten; b: dense 8; "
    "dense 256 tied=b",
    "shared norm": "input 8x8x4; a: batchnorm; batchnorm share=a; conv 1 3x3 bias=no",
    "blocks": "block unit w { add { | conv w 3x3 padding=1 | conv w 1x1 bias=no } }; input 6x6x2; "
    "repeat 2 { unit 2 }; conv 1 3x3 bias=no; maxpool 2x2 stride=1",
    "many channels": "input 4x4x512; conv 1 4x4 bias=no",
    "wide strides": "input 20x31x1; conv 2 3x3 padding=1 stride=3; conv 2 3x3 padding=2 stride=4",
    "padding that enlarges": "input 10x10x1; conv 8 3x3 padding=4; conv 2 3x3 padding=1",
    "padding by name": "input 9x9x1; conv 1 1x1 stride=2 padding=same; maxpool 3x3 stride=2 padding=same",
    "ceil": "input 6x6x1; maxpool 3x3 stride=2 rounding=ceil; avgpool 2x2 padding=1 count_padding=no",
    "overlapping pools": "input 5x5x1; maxpool 3x3 stride=1; maxpool 2x2 stride=1",
    "groups": "input 8x8x4; conv 8 3x3 groups=2; depthwise 3x3 multiplier=2; flatten; dense 5",
    "only upconv": "input 4x4x2; upconv 4 2x2 stride=2; upconv 2 2x2 stride=2",
}  # fmt: skip


@cache
def asked_of(spec: str, level: str) -> tuple[Question, ...]:
    """One of each topic, and some that the network itself suggests."""
    network = cnnspec.parse(spec) if ";" in spec else cnnspec.load(spec)
    spec = f'-e "{spec}"' if ";" in spec else spec
    made = [
        quiz(network, spec, topics=list(TOPICS), count=2 * len(TOPICS), seed=5, level=level),
        quiz(network, spec, count=3, seed=6, level=level),
    ]
    return tuple(chain.from_iterable(one.questions for one in made))


def check(question: Question) -> None:
    right = question.right.result
    by_hand = BY_HAND[question.asks](question)
    assert list(right.numbers) == pytest.approx(by_hand, abs=1e-9), question
    assert question.wrong, question
    for wrong in question.wrong:
        assert not right.says(wrong.result.shown), question
        if question.asks == "padding":
            assert not gives(question, wrong.result.numbers[0]), question
    assert len({one.text for one in question.choices}) == len(question.choices), question


@pytest.mark.parametrize("level", [LEVELS[0], LEVELS[2]])
@pytest.mark.parametrize("spec", ODD.values(), ids=ODD)
def test_an_odd_network_is_asked_about_without_a_wrong_key(spec: str, level: str) -> None:
    for question in asked_of(spec, level):
        check(question)


@pytest.mark.parametrize("spec", one_of_each())
def test_every_example_is_asked_about_without_a_wrong_key(spec: str) -> None:
    for question in asked_of(spec, "hard"):
        check(question)


@pytest.mark.parametrize(
    "name", ["several inputs", "blocks", "no weights", "shared norm", "overlapping pools"]
)
def test_commands_of_odd_networks_run(name: str, command: Command) -> None:
    for question in asked_of(ODD[name], "hard"):
        code, _, told = command(*shlex.split(question.command)[1:])
        assert code == 0, (question.command, told)


def test_weights_that_are_shared_are_not_asked_for_as_a_layers_own() -> None:
    for name in ("shared", "shared norm"):
        for question in asked_of(ODD[name], "hard"):
            if question.asks in ("params", "trained", "buffers", "stored"):
                assert not layer_of(question).sharing, question
