"""Attention that PyTorch code writes out: read as one layer where it is exactly that, else refused."""

from __future__ import annotations

from typing import Any

import pytest

import cnnspec
from cnnspec.diagnostics import SpecError
from cnnspec.exchange.code_in.read import Selection, read_source
from cnnspec.text import Source

HEAD = "import math\nimport torch\nfrom torch import nn\nimport torch.nn.functional as F\n"
INIT = """self.heads, self.scale = 2, 4 ** -0.5
self.qkv = nn.Linear(8, 24)
self.q, self.k, self.v = nn.Linear(8, 8), nn.Linear(8, 8), nn.Linear(8, 8)
self.proj = nn.Linear(8, 8)
self.drop, self.norm = nn.Dropout(0.1), nn.Identity()
self.soft = nn.Softmax(dim=-1)
self.used = nn.Linear(8, 8)"""
SEQUENCE = "b, c, h, w = x.shape\nx = x.flatten(2).transpose(1, 2)\nB, N, C = x.shape\n"
BACK = "\nreturn y.transpose(1, 2).reshape(b, c, h, w)"
TIMM = "qkv = self.qkv(x).reshape(B, N, 3, self.heads, C // self.heads).permute(2, 0, 3, 1, 4)\n"
APART = """q = self.q(x).view(B, N, 2, 4).transpose(1, 2)
k = self.k(x).view(B, N, 2, 4).transpose(1, 2)
v = self.v(x).view(B, N, 2, 4).transpose(1, 2)
"""
END = "y = self.proj(y.transpose(1, 2).reshape(B, N, C))"
READ = {
    "timm": TIMM + "q, k, v = qkv[0], qkv[1], qkv[2]\na = (q @ k.transpose(-2, -1)) * self.scale\n"
    "a = self.drop(a.softmax(dim=-1))\ny = a @ v\n" + END,
    "unbind and norms": TIMM + "q, k, v = qkv.unbind(0)\nq, k = self.norm(q), self.norm(k)\n"
    "q = q * self.scale\na = q @ k.transpose(-2, -1)\na = a.softmax(dim=-1)\ny = a @ v\n" + END
    + "\ny = self.drop(y)",
    "unpacked": TIMM + "q, k, v = qkv\na = torch.matmul(q, k.transpose(2, 3))\n"
    "y = F.softmax(a / 2.0, -1) @ v\n" + END,
    "the kernel of torch": TIMM + "q, k, v = qkv\ny = F.scaled_dot_product_attention(q, k, v)\n" + END,
    "apart": APART + "a = self.soft(q @ k.permute(0, 1, 3, 2) / math.sqrt(4))\n"
    "y = torch.matmul(a, v)\ny = self.proj(y.transpose(1, 2).contiguous().view(B, N, C))",
    "in thirds": "q, k, v = self.qkv(x).chunk(3, dim=-1)\nq = q.view(B, N, 2, 4).transpose(1, 2)\n"
    "k = k.view(B, N, 2, 4).transpose(1, 2)\nv = v.view(B, N, 2, 4).transpose(1, 2)\n"
    "y = (q @ k.transpose(-2, -1) * self.scale).softmax(-1) @ v\n" + END,
    "split": "q, k, v = self.qkv(x).split(8, dim=2)\nq = q.view(B, N, 2, 4).transpose(1, 2)\n"
    "k = k.view(B, N, 2, 4).transpose(1, 2)\nv = v.view(B, N, 2, 4).transpose(1, 2)\n"
    "a = q @ k.transpose(-2, -1)\na *= self.scale\ny = a.softmax(-1) @ v\n" + END,
    "one head": "q, k, v = self.q(x), self.k(x), self.v(x)\n"
    "y = torch.bmm((torch.bmm(q, k.transpose(1, 2)) / math.sqrt(C)).softmax(2), v)\ny = self.proj(y)",
    "without a scale": APART + "y = (q @ k.transpose(-2, -1)).softmax(-1) @ v\n" + END,
    "two in turn": TIMM + "q, k, v = qkv\ny = F.scaled_dot_product_attention(q, k, v)\n" + END
    + "\nx = x + y\n" + APART + "y = (q @ k.transpose(-2, -1) * self.scale).softmax(-1) @ v\n"
    "y = self.used(y.transpose(1, 2).reshape(B, N, C))",
    "to another": "z = torch.tanh(x)\nq = self.q(x).view(B, N, 2, 4).transpose(1, 2)\n"
    "k = self.k(z).view(B, N, 2, 4).transpose(1, 2)\nv = self.v(z).view(B, N, 2, 4).transpose(1, 2)\n"
    "y = F.scaled_dot_product_attention(q, k, v)\n" + END,
}  # fmt: skip
SOFT = "y = (q @ k.transpose(-2, -1) * self.scale).softmax(-1) @ v\n"
WRONG = {
    "keys that are not turned": TIMM + "q, k, v = qkv\ny = (q @ k.transpose(1, 2)).softmax(-1) @ v\n" + END,
    "a softmax of the queries": APART + "y = (q @ k.transpose(-2, -1) * self.scale).softmax(-2) @ v\n" + END,
    "a softmax of the heads": APART + "y = (q @ k.transpose(-2, -1) * self.scale).softmax(1) @ v\n" + END,
    "another scale": APART + "y = (q @ k.transpose(-2, -1) * 0.3).softmax(-1) @ v\n" + END,
    "scaled behind the softmax": APART + "a = (q @ k.transpose(-2, -1)).softmax(-1)\n"
    "y = (a * self.scale) @ v\n" + END,
    "heads and values exchanged": "q, k, v = (f(x).view(B, N, 4, 2).permute(0, 3, 1, 2) for f in "
    "(self.q, self.k, self.v))\n" + SOFT + END,
    "heads not brought back": APART + SOFT + "y = self.proj(y.reshape(B, N, C))",
    "thirds within the heads": "qkv = self.qkv(x).reshape(B, N, 2, 3, 4).permute(3, 0, 2, 1, 4)\n"
    "q, k, v = qkv\n" + SOFT + END,
    "a mask": APART + "a = q @ k.transpose(-2, -1)\na = a.masked_fill(a > 0, 0.0)\n"
    "y = a.softmax(-1) @ v\n" + END,
    "a causal kernel": TIMM + "q, k, v = qkv\n"
    "y = F.scaled_dot_product_attention(q, k, v, is_causal=True)\n" + END,
    "no softmax": APART + "y = (q @ k.transpose(-2, -1)) @ v\n" + END,
    "no projection": APART + SOFT + "y = y.transpose(1, 2).reshape(B, N, C)",
    "something before the projection": APART + SOFT
    + "y = self.proj(torch.tanh(y.transpose(1, 2).reshape(B, N, C)))",
    "queries read otherwise": APART + SOFT + END + "\ny = y + self.q.weight.sum()",
    "keys read otherwise": "k0 = self.k(x)\n" + APART.replace("self.k(x)", "k0") + SOFT + END
    + "\ny = y + k0",
    "queries bent": APART + "q = torch.tanh(q)\n" + SOFT + END,
    "samples among themselves": APART + "q, k, v = (t.permute(1, 2, 0, 3) for t in (q, k, v))\n" + SOFT
    + "y = self.proj(y.permute(2, 0, 1, 3).transpose(1, 2).reshape(B, N, C))",
}  # fmt: skip


def code(body: str) -> str:
    lines = [f"        {line}\n" for line in ("super().__init__()\n" + INIT).split("\n")]
    text = [f"        {line}\n" for line in (SEQUENCE + body + BACK).split("\n")]
    made = ["    def __init__(self):\n", *lines, "    def forward(self, x):\n", *text]
    return f"{HEAD}class Net(nn.Module):\n{''.join(made)}"


def read(body: str) -> Any:
    return read_source(Source("m.py", code(body)), Selection.of("m.py:Net@3x5x8"))


def live(body: str) -> Any:
    import torch

    space: dict[str, Any] = {}
    exec(code(body), space)
    torch.manual_seed(0)
    return space["Net"]().eval()


@pytest.mark.torch
@pytest.mark.parametrize("case", READ)
def test_attention_that_is_written_out_is_one_layer(case: str) -> None:
    torch = pytest.importorskip("torch")
    import numpy as np

    module, x = live(READ[case]), torch.randn(2, 8, 3, 5)
    model = cnnspec.from_torch(module, x)
    with torch.no_grad():
        wanted = np.moveaxis(module(x).numpy(), 1, -1)
    np.testing.assert_allclose(model.forward(np.moveaxis(x.numpy(), 1, -1))["output"], wanted, atol=1e-5)
    found = read(READ[case]).network
    assert [node.word for node in found.layers if node.word == "attention"]
    layers = [node.layer for node in found.layers if node.word != "dropout"]
    assert layers == [node.layer for node in model.network.layers]
    ours, theirs = cnnspec.analyze(found).totals, cnnspec.analyze(model.network).totals
    assert (ours.params, ours.multiplies) == (theirs.params, theirs.multiplies)


@pytest.mark.parametrize("case", WRONG)
def test_what_is_not_that_attention_is_refused_at_its_line(case: str) -> None:
    with pytest.raises(SpecError) as caught:
        read(WRONG[case])
    assert all(one.span is not None for one in caught.value.diagnostics)


@pytest.mark.torch
@pytest.mark.parametrize("case", WRONG)
def test_a_live_module_that_is_not_that_attention_is_refused(case: str) -> None:
    torch = pytest.importorskip("torch")
    with pytest.raises((SpecError, RuntimeError)):
        cnnspec.from_torch(live(WRONG[case]), torch.randn(2, 8, 3, 5))


def test_a_bias_that_some_projections_lack_is_told() -> None:
    body = READ["timm"].replace("self.qkv(x)", "self.plain(x)")
    text = code(body).replace("self.proj =", "self.plain = nn.Linear(8, 24, bias=False)\n        self.proj =")
    found = read_source(Source("m.py", text), Selection.of("m.py:Net@3x5x8"))
    assert any("24 parameters more" in note.message for note in found.notes)
