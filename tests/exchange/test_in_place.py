"""Work in place in PyTorch code: the values that PyTorch has, also by other names and views, or a refusal."""

from __future__ import annotations

from typing import Any

import pytest

import cnnspec
from cnnspec.diagnostics import SpecError
from cnnspec.exchange.code_in.read import Selection, read_source
from cnnspec.text import Source

HEAD = "import torch\nfrom torch import nn\nimport torch.nn.functional as F\n"
INIT = """self.relu = nn.ReLU(inplace=True)
self.drop = nn.Dropout(0.5)
self.inner = nn.Sequential(nn.Tanh(), nn.ReLU(inplace=True))
self.same = nn.Identity()
self.conv = nn.Conv2d(4, 4, 1)
self.pool = nn.MaxPool2d(2, return_indices=True)
self.back = nn.MaxUnpool2d(2)"""


def code(forward: str, init: str = INIT) -> str:
    lines = [f"        {line}\n" for line in ("super().__init__()\n" + init).split("\n")]
    body = [f"        {line}\n" for line in forward.split("\n")]
    made = "".join(["    def __init__(self):\n", *lines, "    def forward(self, x):\n", *body])
    return f"{HEAD}class Net(nn.Module):\n{made}"


EXACT = {
    "the name before": "a = torch.tanh(x)\nb = self.relu(a)\nreturn a + 2 * b",
    "a name beside": "y = torch.tanh(x)\nz = y\ny += x\nreturn z",
    "a name beside, times": "y = torch.tanh(x)\nz = y\ny *= y\nreturn z - x",
    "a new value keeps the old": "y = torch.tanh(x)\nz = y\ny = y + x\nreturn z",
    "a method": "y = torch.tanh(x)\ny.add_(x)\nreturn y",
    "a method and another name": "y = torch.tanh(x)\nz = y\ny.mul_(0.5).sub_(x)\nreturn z",
    "a function with _": "y = torch.tanh(x)\nF.relu_(y)\nreturn y",
    "inplace=": "y = torch.tanh(x)\nz = F.leaky_relu(y, 0.1, inplace=True)\nreturn y * z",
    "inplace as the second": "y = torch.tanh(x)\nF.relu(y, True)\nreturn y",
    "not inplace": "y = torch.tanh(x)\nF.relu(y)\nreturn y",
    "a copy stays": "y = torch.tanh(x)\nz = y.clone()\ny.relu_()\nreturn z",
    "within a sequence": "y = self.inner(x)\nreturn y + x",
    "the first of a sequence": "y = torch.tanh(x)\nz = nn.Sequential(nn.ReLU(inplace=True), nn.Tanh())(y)\n"
    "return y + z",
    "a view": "y = torch.tanh(x)\nz = y.transpose(2, 3)\ny.relu_()\nreturn z.transpose(2, 3) + x",
    "through a view": "y = torch.tanh(x)\nz = y.view(y.size(0), -1)\nz.relu_()\nreturn y + x",
    "a list": "ys = [torch.tanh(x)]\nys[0] += x\nreturn ys[0] * x",
    "a list grows": "ys = [torch.tanh(x)]\nzs = ys\nys += [x]\nreturn zs[0] + zs[1]",
    "the input": "y = x * 1\nself.relu(x)\nreturn y + x",
    "a residual": "r = x\no = torch.tanh(x)\no += r\nreturn self.relu(o)",
    "a residual that is changed": "o = torch.tanh(x)\no = o * 2\nr = self.relu(x)\no += x\nreturn o",
    "clamped": "y = torch.tanh(x)\ny.clamp_(min=0.1)\nreturn y",
    "places": "y, i = self.pool(x)\ny = self.relu(y)\nreturn self.back(y, i)",
    "parts beside each other": "a, b = x.chunk(2, 1)\na.relu_()\nreturn a - b",
    "detached": "y = torch.tanh(x)\ny.detach().relu_()\nreturn y",
    "its data": "y = torch.tanh(x)\ny.data.relu_()\nreturn y",
    "a function of the file": "def f(t):\n    t += x\n    return t * 2\n"
    "y = torch.tanh(x)\nz = f(y)\nreturn y - z",
    "a number of a tensor": "n = 2\nn *= x\nreturn n + x",
    "defaults in a loop": "fs = [lambda t, k=k: t * k for k in (1.0, 3.0)]\nreturn fs[0](x) - fs[1](x) * x",
    "plus": "return +x * 2",
    "reshaped and no more": "y = torch.tanh(x).reshape(-1, 4, 36)\ny += 1\nreturn y.reshape(-1, 4, 6, 6)",
    "an average to its own size": "y = F.adaptive_avg_pool2d(x, 6)\ny.relu_()\nreturn x + y",
}  # fmt: skip
REFUSED = {
    "a part": "x[:, 0:2] = 0\nreturn x",
    "a part grows": "x[:, 0:2] += 1\nreturn x",
    "the whole of a part": "a = x[:, 0:2]\na.relu_()\nreturn x",
    "a part of the whole": "a = x[:, 0:2]\nx.relu_()\nreturn a",
    "parts that overlap": "a, b = x[:, 0:3], x[:, 1:4]\na.relu_()\nreturn a * b",
    "what dropout gives may be its input": "y = torch.tanh(x)\nz = self.drop(y)\nz.relu_()\nreturn y + z",
    "what Identity gives": "y = torch.tanh(x)\nz = self.same(y)\nz.relu_()\nreturn y + z",
    "reshape may copy": "y = torch.tanh(x)\nz = y.reshape(-1, 144)\ny.relu_()\nreturn z",
    "flatten may copy": "y = torch.tanh(x)\nz = y.flatten(1)\nz.relu_()\nreturn y + x",
    "another shape": "y = x.mean((2, 3), keepdim=True)\ny += x\nreturn y",
    "the tensor itself": "x.unsqueeze_(1)\nreturn x",
    "a function that is not followed": "y = torch.tanh(x)\nchange(y)\nreturn y",
    "a mask": "x[x > 0] = 1\nreturn x",
    "places as values": "y, i = x.max(1, keepdim=True)\nreturn i",
    "places of a pool as values": "y, i = self.pool(x)\nreturn i + y",
    "out=": "y = torch.tanh(x)\ntorch.add(x, x, out=y)\nreturn y",
    "copy_": "y = torch.tanh(x)\ny.copy_(x)\nreturn y",
    "whole numbers": "return x.to(torch.int32)",
    "training within": "self.drop.train()\nreturn self.drop(x)",
    "a weight within": "self.conv.weight.data.mul_(2)\nreturn self.conv(x)",
    "options from elsewhere": "return F.leaky_relu(x, **options)",
    "not": "return ~x",
    "x == 0": "return torch.tanh(x) if x == 0 else x",
}  # fmt: skip


def read(text: str) -> Any:
    return read_source(Source("m.py", text), Selection.of("m.py:Net@6x6x4"))


def of_torch(text: str) -> Any:
    space: dict[str, Any] = {}
    exec(text, space)
    return space["Net"]().eval()


@pytest.mark.torch
@pytest.mark.parametrize("case", EXACT)
def test_the_values_are_those_of_pytorch(case: str) -> None:
    torch = pytest.importorskip("torch")
    import numpy as np

    text = code(EXACT[case])
    x = torch.randn(2, 4, 6, 6, generator=torch.Generator().manual_seed(0))
    with torch.no_grad():
        wanted = np.moveaxis(of_torch(text)(x.clone()).numpy(), 1, -1)
    images = np.moveaxis(x.numpy(), 1, -1)
    found = read(text).network.build(seed=0).forward(images)["output"]
    np.testing.assert_allclose(found, wanted, atol=1e-6)


@pytest.mark.torch
@pytest.mark.parametrize("case", [*EXACT, *REFUSED])
def test_a_live_module_gives_its_values_or_is_refused(case: str) -> None:
    torch = pytest.importorskip("torch")
    import numpy as np

    try:
        module = of_torch(code({**EXACT, **REFUSED}[case]))
        x = torch.randn(2, 4, 6, 6, generator=torch.Generator().manual_seed(0))
        with torch.no_grad():
            wanted = np.moveaxis(module(x.clone()).numpy(), 1, -1)
        model = cnnspec.from_torch(module, x.clone())
    except (SpecError, NameError, RuntimeError, AttributeError, TypeError):
        assert case in REFUSED or case in ("its data", "plus")
        return
    found = model.forward(np.moveaxis(x.numpy(), 1, -1))["output"]
    np.testing.assert_allclose(found, wanted, atol=1e-6)


@pytest.mark.parametrize("case", REFUSED)
def test_what_cannot_be_followed_is_refused_at_its_line(case: str) -> None:
    with pytest.raises(SpecError) as caught:
        read(code(REFUSED[case]))
    assert all(one.span is not None for one in caught.value.diagnostics)
