"""ViT and ConvNeXt against the same networks in PyTorch, small versions of the shipped examples."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
import pytest

import cnnspec
from cnnspec.backends.numpy.engine import NumpyEngine
from cnnspec.resources import example_path

torch = pytest.importorskip("torch")
nn = torch.nn
pytestmark = pytest.mark.torch


def small(name: str, changes: Mapping[str, str]) -> NumpyEngine:
    """The engine of an example with some of its text replaced; its weights are all different from zero."""
    text = example_path(name).read_text(encoding="utf-8")
    for old, new in changes.items():
        assert old in text
        text = text.replace(old, new)
    engine = NumpyEngine(cnnspec.parse(text), dtype="float64")
    random = np.random.default_rng(0)
    for values in engine.weights.values():
        values[...] = 0.3 * random.standard_normal(values.shape)
    return engine


def close(engine: NumpyEngine, module: Any, parameters: list[Any]) -> None:
    """The module, with our weights in our order, gives what we give."""
    assert sum(values.size for values in engine.weights.values()) == sum(p.numel() for p in parameters)
    with torch.no_grad():
        for values, parameter in zip(engine.weights.values(), parameters, strict=True):
            parameter.copy_(torch.tensor(values).reshape(parameter.shape))
    images = np.random.default_rng(1).standard_normal((2, *engine.network.input))
    expected = module.eval()(torch.tensor(images).movedim(-1, 1)).softmax(1)
    np.testing.assert_allclose(engine.predict(images), expected.detach().numpy(), atol=1e-9)


class Encoder(nn.Module):  # type: ignore[misc, name-defined]
    def __init__(self, width: int, heads: int, mlp: int) -> None:
        super().__init__()
        self.first = nn.LayerNorm(width, 1e-6)
        self.attention = nn.MultiheadAttention(width, heads, batch_first=True)
        self.second = nn.LayerNorm(width, 1e-6)
        self.mlp = nn.Sequential(nn.Linear(width, mlp), nn.GELU(), nn.Linear(mlp, width))

    def forward(self, x: Any) -> Any:
        y = self.first(x)
        x = x + self.attention(y, y, y, need_weights=False)[0]
        return x + self.mlp(self.second(x))


class VisionTransformer(nn.Module):  # type: ignore[misc, name-defined]
    def __init__(self, width: int, patch: int, positions: int, depth: int, heads: int, mlp: int) -> None:
        super().__init__()
        self.patches = nn.Conv2d(3, width, patch, patch)
        self.token = nn.Parameter(torch.zeros(1, 1, width))
        self.places = nn.Parameter(torch.zeros(1, positions + 1, width))
        self.encoders = nn.Sequential(*(Encoder(width, heads, mlp) for _ in range(depth)))
        self.norm, self.head = nn.LayerNorm(width, 1e-6), nn.Linear(width, 10)

    def forward(self, x: Any) -> Any:
        x = self.patches(x).flatten(2).transpose(1, 2)
        x = torch.cat([self.token.expand(len(x), -1, -1), x], 1) + self.places
        return self.head(self.norm(self.encoders(x))[:, 0])

    def in_order(self) -> list[Any]:
        rest = [p for part in (self.encoders, self.norm, self.head) for p in part.parameters()]
        return [*self.patches.parameters(), self.token, self.places, *rest]


def test_vit_is_pytorchs() -> None:
    changes = {
        "224x224x3": "32x32x3", "=> 197x768": "=> 5x24", "conv 768": "conv 24",
        "repeat 12 { encoder 12 3072 }": "repeat 2 { encoder 3 48 }", "dense 1000": "dense 10",
        "expect params == 86567656": "",
    }  # fmt: skip
    module = VisionTransformer(24, 16, 4, 2, 3, 48).double()
    close(small("vit_b16", changes), module, module.in_order())


class ConvNeXtUnit(nn.Module):  # type: ignore[misc, name-defined]
    def __init__(self, width: int) -> None:
        super().__init__()
        self.depthwise = nn.Conv2d(width, width, 7, padding=3, groups=width)
        self.norm = nn.LayerNorm(width, 1e-6)
        self.mlp = nn.Sequential(nn.Linear(width, 4 * width), nn.GELU(), nn.Linear(4 * width, width))
        self.scale = nn.Parameter(torch.zeros(width))

    def forward(self, x: Any) -> Any:
        y = self.mlp(self.norm(self.depthwise(x).movedim(1, -1))) * self.scale
        return x + y.movedim(-1, 1)

    def in_order(self) -> list[Any]:
        parts = (self.depthwise, self.norm, self.mlp)
        return [*(p for part in parts for p in part.parameters()), self.scale]


class ChannelNorm(nn.LayerNorm):  # type: ignore[misc, name-defined]
    def forward(self, x: Any) -> Any:
        return super().forward(x.movedim(1, -1)).movedim(-1, 1)


def test_convnext_is_pytorchs() -> None:
    widths, depths = (6, 12, 18, 24), (3, 3, 9, 3)
    changes = {f" {96 * 2**n}": f" {width}" for n, width in enumerate(widths)} | {
        "224x224x3": "32x32x3", "dense 1000": "dense 10", "expect params == 28589128": "",
    }  # fmt: skip
    parts: list[Any] = [nn.Conv2d(3, widths[0], 4, 4), ChannelNorm(widths[0], 1e-6)]
    for n, (width, depth) in enumerate(zip(widths, depths, strict=True)):
        parts += [ChannelNorm(widths[n - 1], 1e-6), nn.Conv2d(widths[n - 1], width, 2, 2)] if n else []
        parts += [ConvNeXtUnit(width) for _ in range(depth)]
    parts += [nn.AdaptiveAvgPool2d(1), ChannelNorm(widths[-1], 1e-6), nn.Flatten(), nn.Linear(widths[-1], 10)]
    module = nn.Sequential(*parts).double()
    ordered = [p.in_order() if isinstance(p, ConvNeXtUnit) else p.parameters() for p in parts]
    close(small("convnext_tiny", changes), module, [p for part in ordered for p in part])
