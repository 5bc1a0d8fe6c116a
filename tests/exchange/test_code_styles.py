"""Code in the styles that people write it in: what comes in, how its weights begin, what is frozen."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

import cnnspec
from cnnspec.diagnostics import SpecError
from cnnspec.exchange.code_in.notebooks import cells
from cnnspec.exchange.code_in.read import Selection, read_source
from cnnspec.exchange.code_in.result import Read
from cnnspec.text import Source

TORCH = "import math\nimport torch\nfrom torch import nn\nimport torch.nn.functional as F\n"
KERAS = "import numpy as np\nimport keras\nfrom keras import layers\n"


def reading(text: str, asked: str = "m.py") -> Read:
    return read_source(Source("m.py", text), Selection.of(asked))


def params(found: Read) -> int:
    return cnnspec.analyze(found.network).totals.params


def module(init: str, forward: str = "return self.net(x)", base: str = "nn.Module") -> str:
    lines = "".join(f"        {line}\n" for line in init.split("\n"))
    body = "".join(f"        {line}\n" for line in forward.split("\n"))
    head = f"class Net({base}):\n    def __init__(self):\n        super().__init__()\n"
    return f"{TORCH}{head}{lines}    def forward(self, x):\n{body}net = Net()\n"


UNIT = """
class Unit(nn.Sequential):
    def __init__(self, a, b):
        super().__init__(nn.Conv2d(a, b, 3, bias=False), nn.BatchNorm2d(b), nn.ReLU())
class Same(nn.Conv2d):
    def forward(self, x):
        return super().forward(F.pad(x, (1, 1, 1, 1)))
class Parts(nn.ModuleDict):
    def __init__(self):
        super().__init__()
        for n in range(2):
            self.add_module("part%d" % (n + 1), Same(4, 4, 3))
    def forward(self, x):
        for name, part in self.items():
            x = torch.cat([x, part(x[:, :4])], 1)
        return x
net = nn.Sequential(Unit(3, 4), Parts())
net(torch.randn(1, 3, 9, 9))
"""
TOKENS = """self.cls = nn.Parameter(torch.zeros(1, 1, 8))
self.pos = nn.Parameter(torch.randn(1, 17, 8) * 0.02)
self.head = nn.Linear(8, 2)"""
TOKENS_USE = """x = x.flatten(2).transpose(1, 2)
x = torch.cat((self.cls.expand(x.shape[0], -1, -1), x), dim=1) + self.pos
return self.head(x[:, 0])"""
STYLES: dict[str, tuple[str, int]] = {
    "classes built on the library's": (TORCH + UNIT, 108 + 8 + 2 * (4 * 4 * 9 + 4)),
    "a class token and positions": (module(TOKENS, TOKENS_USE), 8 + 17 * 8 + 18),
    "starred names": (module("first, *rest = [3, 4, 2]\nself.net = nn.Linear(4, rest[1])"), 10),
    "a function of math": (module("self.net = nn.Linear(2 ** math.ceil(math.log2(7)), 2)"), 18),
    "a part that is set in brackets": (
        TORCH + "net = nn.Sequential(nn.Linear(4, 4), nn.Linear(4, 9))\nnet[1] = nn.Linear(4, 2)\n", 30),
    "a part that is set": (module("self.net = nn.Linear(4, 9)\nself.net = nn.Linear(4, 2)"), 10),
    "no bias, later": (module("self.net = nn.Linear(4, 2)\nself.net.bias = None"), 8),
    "tied weights": (
        module("self.a, self.b = nn.Linear(4, 4, bias=False), nn.Linear(4, 4, bias=False)\n"
               "self.b.weight = self.a.weight", "return self.b(F.relu(self.a(x)))"), 16),
    "a gate of two halves": (module("self.net = nn.Conv2d(3, 8, 1)", "return F.glu(self.net(x), 1)"), 32),
    "models within a model": (
        KERAS + "a = keras.Sequential([layers.RandomFlip(input_shape=(8, 8, 3))])\n"
        "m = keras.Sequential([a, layers.Rescaling(1 / 255), layers.Conv2D(2, 3)])\n", 56),
    "a class that is built": (
        KERAS + "class M(keras.Model):\n    def __init__(self):\n        super().__init__()\n"
        "        self.d = layers.Dense(3)\n    def call(self, x):\n        return self.d(x)\n"
        "m = M()\nm.build((None, 4))\n", 15),
    "a class that is tried": (
        KERAS + "class M(keras.Model):\n    def __init__(self):\n        super().__init__()\n"
        "        self.d = layers.Dense(3)\n    def call(self, x):\n        return self.d(x)\n"
        "m = M()\ny = m(np.zeros((1, 4)))\n", 15),
    "an encoder used twice": (
        KERAS + "i = keras.Input((4,))\nenc = keras.Model(i, layers.Dense(3)(i))\n"
        "a, b = keras.Input((4,), name='left'), keras.Input((4,), name='right')\n"
        "m = keras.Model([a, b], layers.Concatenate()([enc(a), enc(b)]))\n", 15),
}  # fmt: skip


@pytest.mark.parametrize("style", STYLES)
def test_a_style_is_read(style: str) -> None:
    text, count = STYLES[style]
    shape = "@3x3x3" if "halves" in style else "@4x4x8" if "token" in style else "@9x9x3"
    inner = {"starred": "@4", "math": "@8", "set": "@4", "later": "@4", "tied": "@4"}
    shape = next((one for word, one in inner.items() if word in style), shape)
    asked = f"m.py{shape}" if not text.startswith(KERAS) and "library" not in style else "m.py"
    assert params(reading(text, asked)) == count


@pytest.mark.parametrize("what, word", [
    ("keras.ops.abs(x)", "abs"), ("x / 2", "scale 0.5"), ("1 - x", "scale -1 shift=1"), ("x ** 2", "square"),
    ("x / x", "divide"), ("x ** 3", "power 3"), ("keras.ops.sqrt(x)", "sqrt"),
])  # fmt: skip
def test_arithmetic_of_keras_tensors_is_read(what: str, word: str) -> None:
    text = f"{KERAS}i = keras.Input((4,))\nx = layers.Dense(3)(i)\nm = keras.Model(i, {what})\n"
    assert word in reading(text).text


def test_several_inputs_and_shared_weights_are_read() -> None:
    text = STYLES["an encoder used twice"][0]
    network = reading(text).network
    assert [node.name for node in network.inputs] == ["left", "right"]
    assert [bool(node.share) for node in network.layers if node.word == "dense"] == [False, True]
    both = TORCH + (
        "class Two(nn.Module):\n    def __init__(self):\n        super().__init__()\n"
        "        self.a = nn.Linear(4, 3)\n    def forward(self, left, right):\n"
        "        return torch.abs(self.a(left) - self.a(right))\n"
    )
    network = reading(both, "m.py@4").network
    assert [node.name for node in network.inputs] == ["left", "right"]
    assert sum(bool(node.share) for node in network.layers) == 1
    shown = both + "net = Two()\nnet(torch.randn(1, 4), torch.randn(1, 4))\n"
    assert reading(shown).network.output == (3,)


INITS = {
    "kaiming_normal_(m.weight)": "init=he",
    "kaiming_uniform_(m.weight, nonlinearity='relu')": "init=he_uniform",
    "kaiming_uniform_(m.weight, a=math.sqrt(5))": "init=pytorch",
    "xavier_uniform_(m.weight)": "init=glorot_uniform",
    "orthogonal_(m.weight)": "init=orthogonal", "kaiming_normal_(m.weight, mode='fan_out')": "",
    "normal_(m.weight, 0, 0.01)": "", "normal_(m.weight, std=0.05)": "init=normal",
}  # fmt: skip


@pytest.mark.parametrize("how", ["loop", "apply"])
@pytest.mark.parametrize("call", INITS)
def test_how_weights_begin_is_read_or_told(call: str, how: str) -> None:
    lines = f"if isinstance(m, (nn.Conv2d, nn.Linear)):\n    nn.init.{call}\n    nn.init.zeros_(m.bias)"
    inner = lines.replace("\n", "\n    ")
    init = "self.net = nn.Sequential(nn.Conv2d(3, 4, 3), nn.BatchNorm2d(4))\n"
    init += (
        f"for m in self.modules():\n    {inner}"
        if how == "loop"
        else f"def f(m):\n    {inner}\nself.apply(f)"
    )
    found = reading(module(init), "m.py@9x9x3")
    told = [note for note in found.notes if "is not carried" in note.message]
    assert bool(told) == (not INITS[call])
    assert INITS[call] in found.text
    assert ("init=" in found.text) == bool(INITS[call])


KERAS_INITS = {
    "'he_normal'": "init=he_truncated", "'glorot_uniform'": "init=glorot_uniform",
    "keras.initializers.HeUniform()": "init=he_uniform",
    "keras.initializers.RandomNormal(stddev=0.02)": "", "keras.initializers.RandomNormal()": "init=normal",
    "keras.initializers.VarianceScaling(2.0, mode='fan_in', distribution='untruncated_normal')": "init=he",
}  # fmt: skip


@pytest.mark.parametrize("given", KERAS_INITS)
def test_how_weights_of_keras_begin_is_read_or_told(given: str) -> None:
    layer = f"layers.Conv2D(4, 3, kernel_initializer={given})"
    text = f"{KERAS}m = keras.Sequential([keras.Input((9, 9, 3)), {layer}])"
    found = reading(text)
    assert bool(KERAS_INITS[given]) != any("not carried" in note.message for note in found.notes)
    assert KERAS_INITS[given] in found.text


FROZEN = [
    "for p in self.net[0].parameters():\n    p.requires_grad = False",
    "self.net[0].requires_grad_(False)",
    "for name, p in self.net.named_parameters():\n"
    "    if name.startswith('0.'):\n        p.requires_grad = False",
]


@pytest.mark.parametrize("freeze", FROZEN)
def test_what_is_not_trained_is_frozen(freeze: str) -> None:
    init = f"self.net = nn.Sequential(nn.Linear(4, 3), nn.Linear(3, 2))\n{freeze}"
    totals = cnnspec.analyze(reading(module(init), "m.py@4").network).totals
    assert (totals.frozen, totals.trainable) == (15, 8)
    text = f"{KERAS}a = layers.Dense(3)\na.trainable = False\n"
    text += "m = keras.Sequential([keras.Input((4,)), a, layers.Dense(2)])"
    totals = cnnspec.analyze(reading(text).network).totals
    assert (totals.frozen, totals.trainable) == (15, 8)


REFUSED = {
    "hooks": (module("self.net = nn.Linear(4, 2)\nself.net.register_forward_hook(print)"), "hook"),
    "a matrix product": (module("self.net = nn.Linear(4, 2)", "return x @ x"), "matrix product"),
    "an attribute of a tensor": (
        module("self.net = nn.Linear(4, 2)", "x.data = 3\nreturn self.net(x)"),
        "setting"),
    "an unpool of another size": (
        module("self.p, self.u = nn.MaxPool2d(2, return_indices=True), nn.MaxUnpool2d(2)",
               "x, places = self.p(x)\nreturn self.u(x, places)"), "output_size"),
    "channels first": (
        KERAS + "m = keras.Sequential([keras.Input((3, 9, 9)),\n"
        "  layers.GlobalAveragePooling2D(data_format='channels_first')])", "channels_first"),
    "training": (
        KERAS + "i = keras.Input((4,))\nm = keras.Model(i, layers.Dropout(0.5)(i, training=True))",
        "training=True"),
    "a layer that is not known": (
        KERAS + "m = keras.Sequential([layers.Input((4, 3))])\nm.add(layers.LSTM(3))\n"
        "m.add(layers.Dense(2))\n",
        "LSTM"),
    "an option that cannot be": (
        module("self.net = nn.Dropout(2.0)"), "rate of dropout must be less than 1. Received: 2.0"),
    "a function for a size": (
        KERAS + "m = keras.Sequential([keras.Input((8, 8, 1)), layers.Conv2D(8, str)])",
        "what the code makes there is no size along 2 axes"),
    "a function for filters": (
        module("self.net = nn.Conv2d(3, lambda x: x, 3)"), "Received: what the code makes there"),
    "a kernel of no pixel": (module("self.net = nn.Conv2d(3, 4, 0)"), "kernel of conv must be"),
}  # fmt: skip


@pytest.mark.parametrize("case", REFUSED)
def test_what_would_be_wrong_is_refused(case: str) -> None:
    text, word = REFUSED[case]
    with pytest.raises(SpecError) as caught:
        reading(text, "m.py@9x9x3" if text.startswith(TORCH) else "m.py")
    said = caught.value.diagnostics
    assert any(word in " ".join([one.message, *one.help]) for one in said)


def test_a_notebook_is_read_without_what_only_a_notebook_says() -> None:
    parts = ["!pip install torch\n%matplotlib inline\n" + TORCH, "%%bash\nfor f in *; do rm $f; done",
             "files = !ls\nnet?\n?net", "%%time\nnet = nn.Sequential(nn.Linear(4, 2))\n"]  # fmt: skip
    text = json.dumps({"cells": [{"cell_type": "code", "source": part} for part in parts]})
    assert params(reading(cells(text, Path("n.ipynb")))) == 10


def test_reading_many_merges_takes_no_longer_than_their_number() -> None:
    init = "self.net = nn.ModuleList([nn.Conv2d(3 + n, 1, 1) for n in range(40)])"
    use = "xs = [x]\nfor conv in self.net:\n    xs.append(conv(torch.cat(xs, 1)))\nreturn torch.cat(xs, 1)"
    assert params(reading(module(init, use), "m.py@5x5x3")) == sum(3 + n + 1 for n in range(40))


CHAIN = (
    KERAS + "x = i = keras.Input((8, 8, 3))\nx = layers.Conv2D(4, 3, name='c')(x)\n"
    "x = layers.GlobalAveragePooling2D()(x)\nx = layers.Dense(2)(x)\nm = keras.Model(i, x)\n"
)


@pytest.mark.parametrize(
    "freeze, frozen",
    [
        ("for one in m.layers:\n    one.trainable = False", ["conv", "dense"]),
        ("for one in m.layers[:-1]:\n    one.trainable = False", ["conv"]),
        ("m.get_layer('c').trainable = False", ["conv"]),
        ("m.get_layer(index=1).trainable = False", ["conv"]),
        ("m.layers[0].trainable = False", []),
    ],
)
def test_layers_of_a_functional_model_are_frozen(freeze: str, frozen: list[str]) -> None:
    found = reading(f"{CHAIN}{freeze}\n").network
    assert [node.word for node in found.layers if getattr(node.layer, "frozen", False)] == frozen


def test_a_comparison_of_a_keras_tensor_is_not_taken_for_no() -> None:
    text = CHAIN.replace("m = keras", "if x == 0:\n    x = layers.ReLU()(x)\nm = keras")
    with pytest.raises(SpecError):
        reading(text)
