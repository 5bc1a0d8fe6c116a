"""Questions in plain words: each form is answered by the calculator, with a command that runs."""

from __future__ import annotations

import shlex

import pytest
from tools import Command, too_wide

from cnnspec.resources import example_names
from cnnspec.teaching.ask import FORMS, ask

QUESTIONS = {
    "how many parameters has conv 16 3x3 on 32x32x3": "448 parameters",
    "How many parameters does a convolution with 16 filters of 3 x 3 have on a 32x32x3 image?": "448 param",
    "parameters of conv 16 3×3 with input 32x32x3 without bias": "432 parameters",
    "how many weights has a dense layer of 512 units on 30,976": "15,860,224 parameters",
    "what is the output size of maxpool 2x2 on 28x28x6": "14x14x6",
    "output of a 5x5 filter on 32x32x3": "28x28x1",
    "what comes out of conv 1 3x3 stride 2 on 7x7": "3x3x1",
    "size of conv 16 5x5 stride 2 same padding on 32x32x8": "16x16x16",
    "how many multiplications has conv 64 3x3 on 224x224x3": "85,162,752 multiplications",
    "which padding keeps the size of 28x28x1 with conv 6 5x5": "Padding 2",
    "which padding for a 5x5 conv with 8 filters on 32x32x3 with stride 2 to get 16x16": "Padding 2",
    "how many parameters has vgg16": "138,357,544 parameters",
    "how many parameters has VGG-16?": "138,357,544 parameters",
    "how many multiplies has lenet": "416,520 multiplications",
    "how many parameters has conv2 of lenet": "2,416 parameters",
    "what is the receptive field of conv2 of lenet": "14x14",
    "what is the receptive field of vgg16": "212x212",
    "which layer of lenet has most parameters": "dense1 (dense 120)",
    "which layer of lenet has the fewest parameters": "conv1",
    "which layer of vgg16 has the most multiplications": "stage1.conv2",
    "how much memory does vgg16 need": "553.4 MB",
    "how many layers has lenet": "13 layers",
    "what is the output of lenet": "an output of 10",
    "how many params in a dense layer from 400 to 120": "48,120 parameters",
    "which network has more parameters, vgg16 or alexnet": "61,100,840",
    "what padding keeps 28x28 with a 5x5 kernel": "Padding 2",
    "output of maxpool with a 2x2 kernel on 28x28x6": "14x14x6",
    "how big is vgg16": "138,357,544 parameters",
    "how large is the output of lenet": "an output of 10",
    "how many flops does lenet need": "844,324 flops in all",
    "receptive field of conv3 in vgg16": "stage4.conv3, stage5.conv3",
    "parameters of conv 16 3 on 16000x1": "64 parameters",
    "which padding keeps 16000x1 with conv 8 3": "Padding 1",
    "parameters of attention 4 on 16x64": "16,640 parameters",
    "output of token on 16x64": "17x64",
    "output of droppath 0.5 on 4x4x3": "droppath 0.5 on",
}


@pytest.mark.parametrize("question, told", QUESTIONS.items())
def test_a_question_is_answered_with_a_command_that_says_so_too(
    question: str, told: str, command: Command, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("COLUMNS", "60")
    code, page, _ = command("ask", question)
    assert code == 0
    assert told in page
    assert too_wide(page, 60) == []
    shown = page.splitlines()[-1]
    assert command(*shlex.split(shown)[1:])[0] == 0


@pytest.mark.parametrize("form", FORMS)
def test_every_form_that_is_offered_is_understood(form: str) -> None:
    assert ask(form).text


def test_what_is_not_understood_is_told_with_the_nearest_form_first(command: Command) -> None:
    code, _, told = command("ask", "how many parameters does my network have")
    assert code == 2
    assert "is not understood" in told
    assert told.split("Ask as in:")[1].split("\n")[1].strip().startswith("how many")
    assert all(form in told for form in FORMS)


@pytest.mark.parametrize(
    "question", ["", "?", "3x3", "padding", "which padding", "conv", "which layer of lenet", "x" * 5000]
)
def test_nothing_makes_it_fall(question: str, command: Command) -> None:
    assert command("ask", question)[0] == 2


MISSPELT = {
    "how many paramters has lenett": "how many parameters has lenet",
    "Recptive feild of conv2 of lenet": "receptive field of conv2 of lenet",
    "output size of maxpol 2x2 on 28x28x6": "output size of maxpool 2x2 on 28x28x6",
    "wich padding keeps 28x28 with a 5x5 kernel": "which padding keeps 28x28 with a 5x5 kernel",
    "parameters of resnet-5o": "parameters of resnet50",
    "outptu of conv 1 9x9 on 5x5": "output of conv 1 9x9 on 5x5",
}


@pytest.mark.parametrize("question, meant", MISSPELT.items())
def test_a_word_near_a_known_one_is_suggested(question: str, meant: str, command: Command) -> None:
    code, _, told = command("ask", question)
    assert code == 2
    assert f'did you mean "{meant}"?' in " ".join(told.split())


@pytest.mark.parametrize("question", ["what is love", "the size of my hat", "which padding of lenet"])
def test_nothing_is_suggested_that_would_not_be_understood(question: str, command: Command) -> None:
    code, _, told = command("ask", question)
    assert code == 2
    assert "did you mean" not in told


@pytest.mark.parametrize("name", example_names())
def test_every_example_is_asked_about_without_falling(name: str) -> None:
    for question in ("output of {}", "receptive field of {}", "which layer of {} has fewest parameters"):
        assert ask(question.format(name)).text


def test_a_layer_that_does_not_fit_is_told(command: Command) -> None:
    code, _, told = command("ask", "output of conv 1 9x9 on 5x5")
    assert code == 1
    assert "window-larger-than-input" in told
