"""The keys of quizzes against PyTorch: shapes, parameters, values and gradients of the layers asked about."""

from __future__ import annotations

from typing import Any

import pytest
from quiz_by_hand import layer_of, maps, options, place_in, scores

import cnnspec
from cnnspec.teaching.quiz.make import LEVELS, TOPICS, quiz
from cnnspec.teaching.quiz.question import Question

pytestmark = pytest.mark.torch


def module(node: Any) -> Any:
    """The layer as PyTorch has it."""
    import torch

    layer, channels = node.layer, node.input_shapes[0][-1]
    if node.word == "dense":
        return torch.nn.Linear(channels, layer.units, bias=layer.bias)
    if node.word == "batchnorm":
        return torch.nn.BatchNorm2d(channels, affine=layer.affine).requires_grad_(not layer.frozen)
    stride, padding = layer.stride or layer.kernel, layer.padding
    if node.word in ("maxpool", "avgpool"):
        amount = 0 if isinstance(padding, str) else padding
        if node.word == "maxpool":
            return torch.nn.MaxPool2d(layer.kernel, stride, amount)
        return torch.nn.AvgPool2d(layer.kernel, stride, amount, count_include_pad=layer.count_padding)
    groups = channels if node.word == "depthwise" else layer.groups
    filters = channels if node.word == "depthwise" else layer.filters
    amount = padding if isinstance(padding, str) else two(padding)
    kernel, dilation = two(layer.kernel), two(layer.dilation)
    return torch.nn.Conv2d(channels, filters, kernel, two(stride), amount, dilation, groups, layer.bias)


def two(sizes: Any) -> tuple[int, int]:
    return sizes[0], sizes[-1]


def given(question: Question) -> tuple[Any, Any]:
    """The layer with the question's weights, and its input."""
    import torch

    made = module(layer_of(question))
    if filters := maps(question, "filter"):
        made.weight.data = torch.tensor([filters], dtype=torch.float32)
        made.bias.data = torch.tensor(question.given.get("bias", [[0]])[0], dtype=torch.float32)
    return made, torch.tensor([maps(question, "input")], dtype=torch.float32, requires_grad=True)


def by_torch(question: Question) -> list[float] | None:
    """The answer; None where it is of sums that PyTorch does not make."""
    import torch

    asks = question.asks
    if asks == "shape":
        node = layer_of(question)
        if node.layer.padding == "same" and max(node.layer.stride) > 1:  # type: ignore[attr-defined]
            return None
        channels, *sides = torch.zeros(1, node.input_shapes[0][-1], *node.input_shapes[0][:-1]).shape[1:]
        channels, *sides = module(node)(torch.zeros(1, channels, *sides)).shape[1:]
        return [*sides, channels]
    if asks in ("params", "trained", "buffers", "stored"):
        made = module(layer_of(question))
        arrays = [*made.parameters(), *(one for one in made.buffers() if one.ndim)]
        wanted = {"params": [True], "trained": [True], "buffers": [False], "stored": [True, False]}[asks]
        return [sum(one.numel() for one in arrays if one.requires_grad in wanted)]
    if asks in ("output", "value"):
        made, input = given(question)
        found = made(input)[0, 0].detach()
        return [float(found[place_in(question)])] if asks == "value" else found.ravel().tolist()
    if asks in ("weight-slope", "input-slopes"):
        made, input = given(question)
        made(input).backward(torch.tensor([[question.given["δ"]]], dtype=torch.float32))
        return (
            [float(made.weight.grad[0, 0][place_in(question)])] if maps(question, "filter") else _grad(input)
        )
    if asks in ("share", "loss", "slope"):
        values, target = scores(question)
        z = torch.tensor([values], requires_grad=True)
        loss = torch.nn.functional.cross_entropy(z, torch.tensor([target]))
        loss.backward()
        return [
            float(
                {"share": z.softmax(1)[0, target].detach(), "loss": loss.detach(), "slope": _grad(z)[target]}[
                    asks
                ]
            )
        ]
    if asks == "update":
        words = options(question.command)
        weight = torch.nn.Parameter(torch.tensor(float(words["dense1"])))
        weight.grad = torch.tensor(float(words["--upstream"]))
        torch.optim.SGD([weight], float(words["--optimizer"].partition("rate=")[2])).step()
        return [float(weight.detach())]
    return None


def _grad(input: Any) -> list[float]:
    found: list[float] = input.grad.ravel().tolist()
    return found


def test_keys_agree_with_pytorch() -> None:
    checked = set()
    questions = [
        question for topic in TOPICS for seed, level in enumerate(LEVELS)
        for question in quiz(topics=[topic], count=12, seed=seed, level=level).questions
    ]  # fmt: skip
    questions += quiz(cnnspec.load("lenet"), "lenet", count=30, level="hard").questions
    for question in questions:
        found = by_torch(question)
        if found is not None:
            assert list(question.right.result.numbers) == pytest.approx(found, abs=1e-5), question
            checked.add(question.asks)
    assert checked == {
        "shape", "params", "trained", "buffers", "stored", "output", "value", "weight-slope", "input-slopes",
        "share", "loss", "slope", "update",
    }  # fmt: skip
