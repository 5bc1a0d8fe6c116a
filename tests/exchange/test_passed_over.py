"""Python around PyTorch's calls that changes what a model computes: followed exactly, told, or refused."""

from __future__ import annotations

import pytest

from cnnspec.diagnostics import SpecError

from .test_in_place import HEAD, code, of_torch, read

FORWARD = "    def forward(self, x):\n        return self.act(x) + x\n"
NET = (
    "class Net(nn.Module):\n    def __init__(self):\n        super().__init__()\n"
    "        self.act = nn.Tanh()\n"
)
FOLLOWED = {
    "global": HEAD + "count = 1\ndef add():\n    global count\n    count += 1\nadd()\nadd()\n" + NET
    + "    def forward(self, x):\n        return self.act(x) * count\n",
    "nonlocal": code("n = 1\ndef more():\n    nonlocal n\n    n = n + 2\nmore()\nreturn x * n"),
    "a decorator of the file": HEAD + "def twice(f):\n    def inner(self, x):\n"
    "        return f(self, f(self, x))\n"
    "    return inner\n" + NET + "    @twice\n" + FORWARD,
    "a decorator that does nothing": HEAD + NET + "    @torch.no_grad()\n" + FORWARD,
    "a method put in place of another": HEAD + NET + FORWARD
    + "def other(self, x):\n    return self.act(x) * 3\nNet.forward = other\n",
    "a part by setattr": code("return self.s(x)", "self.s = nn.Sequential(nn.Tanh(), nn.Sigmoid())\n"
                              "for n, m in self.s.named_children():\n    if isinstance(m, nn.Sigmoid):\n"
                              "        setattr(self.s, n, nn.ReLU())"),
    "hasattr": code("return self.t(x) if hasattr(self, 't') else x", "self.t = nn.Tanh()"),
    "hasattr of a library's module": code("return x * (2 if hasattr(self.c, 'in_channels') else 3)",
                                          "self.c = nn.Conv2d(4, 4, 1)"),
    "a data class": HEAD + "from dataclasses import dataclass\n@dataclass\nclass Config:\n"
    "    times: int = 2\n"
    "    plus: float = 1.0\nc = Config(times=5)\n" + NET
    + "    def forward(self, x):\n        return self.act(x) * c.times + c.plus\n",
    "a named tuple": HEAD + "from typing import NamedTuple\nclass Config(NamedTuple):\n    times: int = 2\n"
    "c = Config(7)\n" + NET + "    def forward(self, x):\n        return self.act(x) * c.times\n",
    "a set": code("for n in {len({1, 1, 2})}:\n    x = x * n\nreturn x"),
    "a comprehension of a set": code("return x * len({n % 2 for n in range(5)})"),
    "sorted in place": code("ns = [3, 1, 2]\nns.sort()\nreturn x * ns[0]"),
    "removed": code("ns = [3, 1, 2]\nns.remove(3)\nreturn x * ns[0]"),
    "cleared": code("ns = [3]\nns.clear()\nreturn x * (len(ns) + 2)"),
    "a loop's else": code("n = 3\nwhile n < 2:\n    n += 1\nelse:\n    x = x * 5\nreturn x"),
    "how a text is written": code("d = {'a02': 5, 'a2': 3}\nreturn x * d[f'a{2:02d}']"),
    "defaults at definition": code("k = 2\ndef f(t, n=k):\n    return t * n\nk = 7\nreturn f(x)"),
    "a list as default": code("def f(n, seen=[]):\n    seen.append(n)\n    return len(seen)\n"
                              "f(1)\nf(2)\nreturn x * f(3)"),
    "lambdas of a loop": code("fs = [lambda t: t * k for k in (2, 5)]\nreturn fs[0](x)"),
    "two names of a dictionary": code(
        "d = {'n': 1}\ne = d\ne['n'] = 4\nd |= {'m': 3}\nreturn x * e['n'] * e['m']"
    ),
    "__call__": HEAD + NET + FORWARD + "    def __call__(self, x):\n        return self.forward(x) * 4\n",
    "an option set later": code("return self.a(x)",
                                 "self.a = nn.LeakyReLU(0.1)\nself.a.negative_slope = 0.5"),
    "a part set later": code("return self.s(x)", "self.s = nn.Sequential(nn.Tanh())\nself.s[0] = nn.ReLU()"),
    "in use": code("return x * 2 if self.training else x * 3"),
    "is it a base": code("return x * (2 if isinstance(self.c, nn.modules.conv._ConvNd) else 3)",
                         "self.c = nn.Conv2d(4, 4, 1)"),
    "a sequence of its own": HEAD + "class S(nn.Sequential):\n    pass\n" + NET
    + "        self.s = S(nn.ReLU())\n    def forward(self, x):\n"
    "        return self.s(x) * (2 if isinstance(self.s, nn.Sequential) else 3)\n",
}  # fmt: skip
REFUSED = {
    "a hook": code("return self.a(x)",
                   "self.a = nn.Tanh()\nself.a.register_forward_hook(lambda m, i, o: o * 2)"),
    "weights made anew": code("return self.a(x)",
                              "self.a = nn.Conv2d(4, 4, 1)\nnn.utils.spectral_norm(self.a)"),
    "a decorator from elsewhere": HEAD + "from there import twice\n" + NET + "    @twice\n" + FORWARD,
    "a context of the file": HEAD + "class C:\n    def __enter__(self):\n        pass\n"
    "    def __exit__(self, *a):\n        pass\n" + NET
    + "    def forward(self, x):\n        with C():\n            return self.act(x)\n",
    "a context from elsewhere": code("with halved():\n    return torch.tanh(x)"),
    "options from elsewhere": code("return self.a(x)",
                                   "from there import given\nself.a = nn.LeakyReLU(**given)"),
    "a dictionary of them": code("return x * len({**given})"),
    "exec": code("exec('x = x * 2')\nreturn x + 1"),
    "a part taken out": code("return self.s(x)",
                             "self.s = nn.Sequential(nn.Tanh(), nn.ReLU())\nself.s.pop(1)"),
    "delattr": code("return x + 1", "self.a = 1\ndelattr(self, 'a')"),
    "sorted by something": code("ns = [3, 1]\nns.sort(key=lambda n: -n)\nreturn x * ns[0]"),
    "arguments that go nowhere": code("class C:\n    n = 3\nreturn x * C(5).n"),
    "a size set later": code("return self.c(x)", "self.c = nn.Conv2d(4, 4, 1)\nself.c.out_channels = 9"),
    "a weight put in": code("self.c.weight.data = x\nreturn self.c(x)", "self.c = nn.Conv2d(4, 4, 1)"),
    "a library's function replaced": HEAD + "F.relu = torch.tanh\n" + NET
    + "    def forward(self, x):\n        return F.relu(x)\n",
    "a parameter over the map": code("return x * self.p.repeat(1, 2, 1, 1)",
                                     "self.p = nn.Parameter(torch.ones(1, 2, 1, 1))"),
}  # fmt: skip


@pytest.mark.torch
@pytest.mark.parametrize("case", FOLLOWED)
def test_python_is_followed_as_it_runs(case: str) -> None:
    torch = pytest.importorskip("torch")
    import numpy as np

    x = torch.randn(2, 4, 6, 6, generator=torch.Generator().manual_seed(0))
    with torch.no_grad():
        wanted = np.moveaxis(of_torch(FOLLOWED[case])(x.clone()).numpy(), 1, -1)
    found = read(FOLLOWED[case]).network.build(seed=0).forward(np.moveaxis(x.numpy(), 1, -1))["output"]
    np.testing.assert_allclose(found, wanted, atol=1e-5)


@pytest.mark.parametrize("case", REFUSED)
def test_what_may_change_a_number_is_refused_at_its_line(case: str) -> None:
    with pytest.raises(SpecError) as caught:
        read(REFUSED[case])
    assert all(one.span is not None for one in caught.value.diagnostics)


SHAPED = {
    "view": "torch.ones(4).view(1, -1, 1, 1)", "unsqueeze": "torch.ones(4).unsqueeze(-1).unsqueeze(-1)",
    "filled": "torch.empty(4, 1, 1).fill_(0.5)", "times": "0.5 * torch.ones((4, 1, 1))",
    "permute": "torch.ones(1, 1, 1, 4).permute(0, 3, 1, 2)",
}  # fmt: skip


@pytest.mark.parametrize("made", SHAPED)
def test_a_parameter_has_the_shape_it_is_brought_into(made: str) -> None:
    found = read(code("return x * self.p", f"self.p = nn.Parameter({SHAPED[made]})")).network
    assert found.layers[0].layer.word == "scale"


def test_what_may_change_a_part_is_told() -> None:
    found = read(
        code("return self.c(x)", "from there import init\nself.c = nn.Conv2d(4, 4, 1)\ninit(self.c)")
    )
    assert any("init is not followed" in note.message for note in found.notes)


def test_a_dropout_is_told_where_it_is_at_work_in_use() -> None:
    module = read(code("return self.d(self.c(x))", "self.c, self.d = nn.Conv2d(4, 4, 1), nn.Dropout(0.2)"))
    function = read(code("return F.dropout(self.c(x), 0.2)", "self.c = nn.Conv2d(4, 4, 1)"))
    assert [len(each.notes) for each in (module, function)] == [0, 1]
