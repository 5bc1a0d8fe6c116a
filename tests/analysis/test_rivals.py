"""``--count-like`` agrees with the tools themselves, on random networks: run where they are installed."""

from __future__ import annotations

import contextlib
import importlib
import io
import warnings
from math import prod
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from test_against_pytorch import Step, conv, depthwise, numbers, pool, upconv

import cnnspec
from cnnspec.diagnostics import SpecError

pytestmark = [pytest.mark.torch, pytest.mark.filterwarnings("ignore")]


def fvcore(tool: Any, model: Any, shape: tuple[int, int, int]) -> Any:
    import torch

    return tool.FlopCountAnalysis(model, torch.zeros(1, *shape)).total()


def ptflops(tool: Any, model: Any, shape: tuple[int, int, int]) -> Any:
    return tool.get_model_complexity_info(
        model, shape, as_strings=False, print_per_layer_stat=False, backend="pytorch"
    )[0]


def thop(tool: Any, model: Any, shape: tuple[int, int, int]) -> Any:
    import torch

    return tool.profile(model, inputs=(torch.zeros(1, *shape),), verbose=False)[0]


def torchinfo(tool: Any, model: Any, shape: tuple[int, int, int]) -> Any:
    return tool.summary(model, input_size=(1, *shape), verbose=0).total_mult_adds


def calflops(tool: Any, model: Any, shape: tuple[int, int, int]) -> Any:
    return tool.calculate_flops(
        model, input_shape=(1, *shape), output_as_string=False, print_results=False, print_detailed=False
    )[0]


TOOLS = {
    "fvcore": ("fvcore.nn", fvcore), "ptflops": ("ptflops", ptflops), "thop": ("thop", thop),
    "torchinfo": ("torchinfo", torchinfo), "calflops": ("calflops", calflops),
}  # fmt: skip
"""Tool -> the module to import, and how its figure is asked for a model and C x H x W."""


def tool_of(name: str) -> Any:
    """The tool, or the test is skipped; some print, or import much more than they need."""
    pytest.importorskip("torch")
    try:
        return importlib.import_module(TOOLS[name][0])
    except ImportError as missing:
        pytest.skip(f"{name} is not here: {missing}")


def made(nn: Any, what: Any) -> Any:
    """A module of a function, or of a trained factor for each of so many channels, as people write them."""
    import torch

    class Made(nn.Module):  # type: ignore[misc]
        def __init__(self) -> None:
            super().__init__()
            if not callable(what):
                self.weight = nn.Parameter(torch.ones(what, 1, 1))

        def forward(self, x: Any) -> Any:
            return what(x) if callable(what) else x * self.weight

    return Made()


PLAIN = {
    "batchnorm": lambda nn, c: nn.BatchNorm2d(c),
    "groupnorm 1": lambda nn, c: nn.GroupNorm(1, c),
    "instancenorm": lambda nn, c: nn.InstanceNorm2d(c, affine=True),
    "lrn": lambda nn, c: nn.LocalResponseNorm(5),
    "relu": lambda nn, c: nn.ReLU(),
    "relu max=6": lambda nn, c: nn.ReLU6(),
    "leakyrelu": lambda nn, c: nn.LeakyReLU(),
    "prelu": lambda nn, c: nn.PReLU(c),
    "elu": lambda nn, c: nn.ELU(),
    "gelu": lambda nn, c: nn.GELU(),
    "silu": lambda nn, c: nn.SiLU(),
    "sigmoid": lambda nn, c: nn.Sigmoid(),
    "tanh": lambda nn, c: nn.Tanh(),
    "hardswish": lambda nn, c: nn.Hardswish(),
    "hardsigmoid": lambda nn, c: nn.Hardsigmoid(),
    "softplus": lambda nn, c: nn.Softplus(),
    "selu": lambda nn, c: nn.SELU(),
    "mish": lambda nn, c: nn.Mish(),
    "hardtanh": lambda nn, c: nn.Hardtanh(),
    "square": lambda nn, c: made(nn, lambda x: x.square()),
    "scale": lambda nn, c: made(nn, c),
    "scale 0.5": lambda nn, c: made(nn, lambda x: 0.5 * x),
    "mean": lambda nn, c: made(nn, lambda x: x.mean(1, keepdim=True)),
    "max": lambda nn, c: made(nn, lambda x: x.amax(1, keepdim=True)),
    "l2norm": lambda nn, c: made(nn, nn.functional.normalize),
    "dropout": lambda nn, c: nn.Dropout(),
    "dropout channels=yes": lambda nn, c: nn.Dropout2d(),
    "pixelshuffle 2": lambda nn, c: nn.PixelShuffle(2),
    "pixelunshuffle 2": lambda nn, c: nn.PixelUnshuffle(2),
    "identity": lambda nn, c: nn.Identity(),
    "upsample 2": lambda nn, c: nn.Upsample(scale_factor=2),
    "upsample 2 mode=bilinear": lambda nn, c: nn.Upsample(scale_factor=2, mode="bilinear"),
    "globalavgpool": lambda nn, c: nn.AdaptiveAvgPool2d(1),
    "globalmaxpool": lambda nn, c: nn.AdaptiveMaxPool2d(1),
}  # fmt: skip
ON_VECTORS = {
    "layernorm": lambda nn, c: nn.LayerNorm(c),
    "rmsnorm": lambda nn, c: nn.RMSNorm(c),
    "batchnorm": lambda nn, c: nn.BatchNorm1d(c),
    "relu": lambda nn, c: nn.ReLU(),
    "softmax": lambda nn, c: nn.Softmax(-1),
    "dense 7": lambda nn, c: nn.Linear(c, 7),
    "dense 12 bias=no": lambda nn, c: nn.Linear(c, 12, bias=False),
}


LAST = ("dense 5", lambda nn, c: nn.Linear(c, 5))
"""calflops asks a model for its first parameter, so there has to be one."""


@st.composite
def steps(draw: st.DrawFn) -> Step:
    kind = draw(st.sampled_from([conv, depthwise, upconv, pool, None, None, None]))
    return kind(draw) if kind else draw(st.sampled_from(list(PLAIN.items())))


def built(
    drawn: list[Step], last: list[Step], height: int, width: int, channels: int
) -> tuple[str, Any, tuple[int, int, int]]:
    """A spec and PyTorch's model of it, of the steps that fit; C x H x W."""
    from torch import nn

    modules: list[Any] = []
    shape: tuple[int, ...] = (height, width, channels)
    text = f"input {height}x{width}x{channels}"
    for step, build in [*drawn, ("flatten", lambda nn, c: nn.Flatten()), *last, LAST]:
        try:
            output = cnnspec.parse(f"{text}; {step}").output
        except SpecError:
            continue
        if prod(output) > 2**16 or (step.startswith("groupnorm") and prod(output) == 1):
            continue
        text, modules, shape = f"{text}; {step}", [*modules, build(nn, shape[-1])], output
    return text, nn.Sequential(*modules).eval(), (channels, height, width)


def differs(name: str, text: str, model: Any, shape: tuple[int, int, int]) -> tuple[int, Any] | None:
    """Our figure and the tool's, where they are not the same."""
    with contextlib.redirect_stdout(io.StringIO()), contextlib.redirect_stderr(io.StringIO()):
        warnings.simplefilter("ignore")
        theirs = TOOLS[name][1](tool_of(name), model, shape)
    ours = cnnspec.analyze(text, convention=name).totals.flops
    return None if ours == theirs else (ours, theirs)


@pytest.mark.parametrize("name", TOOLS)
@settings(
    max_examples=100, deadline=None,
    suppress_health_check=[HealthCheck.too_slow, HealthCheck.filter_too_much],
)  # fmt: skip
@given(
    drawn=st.lists(steps(), max_size=5), last=st.lists(st.sampled_from(list(ON_VECTORS.items())), max_size=3),
    height=numbers(4, 20), width=numbers(4, 20), channels=st.sampled_from([1, 2, 3, 4, 8]),
)  # fmt: skip
def test_a_hundred_random_networks(
    name: str, drawn: list[Step], last: list[Step], height: int, width: int, channels: int
) -> None:
    text, model, shape = built(drawn, last, height, width, channels)
    assert differs(name, text, model, shape) is None, text
