"""Small networks in plain PyTorch, as people write them: what importers are tried on."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Final

import pytest

torch: Any = pytest.importorskip("torch")
nn: Any = torch.nn


def unit(cin: int, cout: int, k: int = 3, s: int = 1, groups: int = 1, act: Any = None) -> Any:
    norm = nn.BatchNorm2d(cout)
    conv = nn.Conv2d(cin, cout, k, s, k // 2, groups=groups, bias=False)
    return nn.Sequential(conv, norm, act or nn.ReLU())


class Residual(nn.Module):  # type: ignore[misc]
    def __init__(self, cin: int, cout: int, stride: int) -> None:
        super().__init__()
        self.conv1 = nn.Conv2d(cin, cout, 3, stride, 1, bias=False)
        self.bn1 = nn.BatchNorm2d(cout)
        self.conv2 = nn.Conv2d(cout, cout, 3, 1, 1, bias=False)
        self.bn2 = nn.BatchNorm2d(cout)
        self.down = nn.Conv2d(cin, cout, 1, stride, bias=False) if stride > 1 else nn.Identity()

    def forward(self, x: Any) -> Any:
        y = torch.relu(self.bn1(self.conv1(x)))
        return torch.relu(self.bn2(self.conv2(y)) + self.down(x))


class DenseUnit(nn.Module):  # type: ignore[misc]
    def __init__(self, cin: int, growth: int) -> None:
        super().__init__()
        self.layers = nn.Sequential(nn.BatchNorm2d(cin), nn.ReLU(), nn.Conv2d(cin, growth, 3, padding=1))

    def forward(self, x: Any) -> Any:
        return torch.cat([x, self.layers(x)], 1)


class Squeeze(nn.Module):  # type: ignore[misc]
    def __init__(self, c: int, gate: Any) -> None:
        super().__init__()
        self.fc1, self.fc2, self.gate = nn.Conv2d(c, c // 2, 1), nn.Conv2d(c // 2, c, 1), gate

    def forward(self, x: Any) -> Any:
        s = nn.functional.adaptive_avg_pool2d(x, 1)
        return x * self.gate(self.fc2(torch.relu(self.fc1(s))))


class Shuffle(nn.Module):  # type: ignore[misc]
    def __init__(self, groups: int) -> None:
        super().__init__()
        self.groups = groups

    def forward(self, x: Any) -> Any:
        n, c, h, w = x.shape
        return x.view(n, self.groups, c // self.groups, h, w).transpose(1, 2).reshape(n, c, h, w)


class Split(nn.Module):  # type: ignore[misc]
    def __init__(self, c: int) -> None:
        super().__init__()
        self.right = unit(c // 2, c // 2)

    def forward(self, x: Any) -> Any:
        a, b = x.chunk(2, 1)
        return torch.cat([a, self.right(b)], 1)


class Mean(nn.Module):  # type: ignore[misc]
    def forward(self, x: Any) -> Any:
        return x.mean([2, 3])


class Flat(nn.Module):  # type: ignore[misc]
    def forward(self, x: Any) -> Any:
        return x.view(x.size(0), -1)


class ConvNext(nn.Module):  # type: ignore[misc]
    def __init__(self, c: int) -> None:
        super().__init__()
        self.depthwise = nn.Conv2d(c, c, 7, padding=3, groups=c)
        self.norm, self.up, self.down = nn.LayerNorm(c), nn.Linear(c, 2 * c), nn.Linear(2 * c, c)

    def forward(self, x: Any) -> Any:
        y = self.norm(self.depthwise(x).permute(0, 2, 3, 1))
        return x + self.down(nn.functional.gelu(self.up(y))).permute(0, 3, 1, 2)


class UNet(nn.Module):  # type: ignore[misc]
    def __init__(self) -> None:
        super().__init__()
        self.enc, self.pool, self.mid = unit(3, 4), nn.MaxPool2d(2), unit(4, 8)
        self.up, self.dec, self.out = nn.ConvTranspose2d(8, 4, 2, 2), unit(8, 4), nn.Conv2d(4, 2, 1)

    def forward(self, x: Any) -> Any:
        e = self.enc(x)
        return self.out(self.dec(torch.cat([e, self.up(self.mid(self.pool(e)))], 1)))


class Encoder(nn.Module):  # type: ignore[misc]
    """Patches with a token and positions, and PyTorch's own attention."""

    def __init__(self, c: int) -> None:
        super().__init__()
        self.patch, self.norm, self.fc = nn.Conv2d(3, c, 4, 4), nn.LayerNorm(c), nn.Linear(c, 5)
        self.cls, self.pos = nn.Parameter(torch.randn(1, 1, c)), nn.Parameter(torch.randn(1, 17, c))
        self.attn = nn.MultiheadAttention(c, 4, batch_first=True)

    def forward(self, x: Any) -> Any:
        x = self.patch(x).flatten(2).transpose(1, 2)
        x = torch.cat([self.cls.expand(x.shape[0], -1, -1), x], 1) + self.pos
        y = self.norm(x)
        x = x + self.attn(y, y, y, need_weights=False)[0]
        return self.fc(x[:, 0])


class OwnAttention(nn.Module):  # type: ignore[misc]
    """Written by hand, as in timm."""

    def __init__(self, c: int, heads: int) -> None:
        super().__init__()
        self.heads, self.qkv, self.proj = heads, nn.Linear(c, 3 * c), nn.Linear(c, c)

    def forward(self, x: Any) -> Any:
        x = x.flatten(2).transpose(1, 2)
        n, length, c = x.shape
        parts = self.qkv(x).reshape(n, length, 3, self.heads, c // self.heads).permute(2, 0, 3, 1, 4)
        q, k, v = parts.unbind(0)
        shares = ((q @ k.transpose(-2, -1)) * (c // self.heads) ** -0.5).softmax(-1)
        return self.proj((shares @ v).transpose(1, 2).reshape(n, length, c)).mean(1)


def head(c: int) -> list[Any]:
    return [nn.AdaptiveAvgPool2d(1), nn.Flatten(), nn.Linear(c, 5)]


def net(*layers: Any) -> Any:
    return nn.Sequential(*layers)


NETWORKS: Final[dict[str, Callable[[], Any]]] = {
    "plain": lambda: net(
        nn.Conv2d(3, 6, 5, padding=2), nn.ReLU(), nn.MaxPool2d(2), Flat(), nn.Linear(384, 10), nn.Softmax(1)
    ),
    "residual": lambda: net(
        unit(3, 8), Residual(8, 8, 1), Residual(8, 16, 2), Residual(16, 16, 1), *head(16)
    ),
    "dense": lambda: net(unit(3, 8), DenseUnit(8, 4), DenseUnit(12, 4), nn.AvgPool2d(2), *head(16)),
    "squeeze": lambda: net(unit(3, 8), Squeeze(8, nn.Sigmoid()), *head(8)),
    "hardswish": lambda: net(unit(3, 8, act=nn.Hardswish()), Squeeze(8, nn.Hardsigmoid()), *head(8)),
    "depthwise": lambda: net(
        unit(3, 8, act=nn.ReLU6()), unit(8, 8, groups=8, act=nn.ReLU6()), nn.Dropout(0.2), *head(8)
    ),
    "transposed": UNet,
    "groupnorm": lambda: net(nn.Conv2d(3, 8, 3), nn.GroupNorm(4, 8), nn.SiLU(), Mean(), nn.Linear(8, 5)),
    "instancenorm": lambda: net(
        nn.ReflectionPad2d(1),
        nn.Conv2d(3, 8, 3),
        nn.InstanceNorm2d(8, affine=True),
        nn.LeakyReLU(0.2),
        nn.Upsample(scale_factor=2),
        nn.Conv2d(8, 3, 3),
        nn.Tanh(),
    ),
    "shuffle": lambda: net(unit(3, 8), Shuffle(2), Split(8), Shuffle(4), *head(8)),
    "pixelshuffle": lambda: net(nn.Conv2d(3, 12, 3, padding=1), nn.PixelShuffle(2), nn.Conv2d(3, 3, 3)),
    "convnext": lambda: net(nn.Conv2d(3, 8, 2, 2), ConvNext(8), ConvNext(8), *head(8)),
    "activations": lambda: net(
        nn.Conv2d(3, 4, 1),
        nn.ELU(),
        nn.Conv2d(4, 4, 1),
        nn.GELU(),
        nn.Conv2d(4, 4, 1),
        nn.PReLU(4),
        nn.Conv2d(4, 4, 1),
        nn.Sigmoid(),
    ),
    "attention": lambda: Encoder(16),
    "own attention": lambda: net(nn.Conv2d(3, 16, 4, 4), OwnAttention(16, 2), nn.Linear(16, 5)),
    "bilinear": lambda: net(unit(3, 4), nn.Upsample(scale_factor=2, mode="bilinear"), nn.Conv2d(4, 2, 1)),
}
"""By what is tried; each takes N x 3 x 16 x 16, ``plain`` 3 x 16 x 16 too."""


def made(name: str) -> Any:
    """The network in use, with statistics of its own."""
    torch.manual_seed(0)
    module = NETWORKS[name]().eval()
    for buffer_name, buffer in module.named_buffers():
        if "running" in buffer_name:
            buffer.uniform_(0.5, 1.5)
    return module
