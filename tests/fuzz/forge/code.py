"""Python code of networks and notebooks, as lectures print them, spoilt or hostile."""

from __future__ import annotations

from functools import cache
from random import Random
from typing import Final

import cnnspec
from cnnspec.exchange import TARGETS

from ..mutants import (
    NUMBERS,
    TOKENS,
    bytes_flipped,
    delete,
    delete_lines,
    duplicate,
    fewer,
    misspell,
    other_number,
    strange,
    swap_lines,
)
from .parts import any_bytes, any_json, as_text

SPECS: Final = (
    "network A\ninput 8x8x2\nc: conv 4 3x3 padding=same -> batchnorm -> relu; maxpool 2x2; flatten; dense 4",
    "network B\nblock u n { conv n 3x3 padding=1 -> relu }\ninput 8x8x4\nrepeat 3 { u 4 }; add { | u 4 | };"
    " concat { | u 2 | maxpool 3x3 stride=1 padding=1 }; upconv 3 2x2 stride=2; globalavgpool -> flatten",
    "network C\ninput 9x8x3\ndepthwise 3x3; groupnorm 3; upsample 2; avgpool 2x2; prelu; dropout 0.5; crop 1",
    "network D\ninput 16x3\nconv 4 3; layernorm; relu; flatten; dense 5; softmax",
)  # fmt: skip
LISTINGS: Final = (
    "model = Sequential()\nmodel.add(Conv2D(8, 3, input_shape=(8, 8, 1)))\nmodel.add(Flatten())\n"
    "model.add(Dense(3, activation='softmax'))\nmodel.summary()\n",
    "class Net(nn.Module):\n    def __init__(self, n=4):\n        super().__init__()\n"
    "        self.a = nn.ModuleList([nn.Conv2d(n, n, 3, padding=1) for _ in range(3)])\n"
    "        self.b = nn.Linear(n * 64, 3)\n    def forward(self, x):\n        for layer in self.a:\n"
    "            x = F.relu(layer(x)) + x\n        return self.b(x.view(x.size(0), -1))\n"
    "net = Net()\nprint(net(torch.randn(1, 4, 8, 8)))\n",
    "inputs = keras.Input(shape=(8, 8, 2))\nx = layers.Conv2D(4, 3, padding='same')(inputs)\n"
    "y = layers.Add()([x, layers.Conv2D(4, 1)(inputs)])\n"
    "model = keras.Model(inputs, layers.Dense(3)(layers.GlobalAveragePooling2D()(y)))\n",
)
WORDS: Final = (
    "nn", "F", "torch", "keras", "layers", "self", "super", "range", "len", "list", "zip", "int", "str",
    "sum", "None", "True", "lambda", "for", "while", "if", "return", "yield", "import", "class", "def", "in",
    "is", "Conv2d", "Linear", "ReLU", "MaxPool2d", "Sequential", "Flatten", "BatchNorm2d", "forward", "view",
    "cat", "reshape", "permute", "flatten", "Dense", "Conv2D", "Add", "Concatenate", "Input", "add", "x",
    "model", "size", "shape", "__class__", "__init__", "__call__", "__dict__", "eval", "exec", "open", "os",
    "chunk", "einsum", "add_module", "ModuleDict", "getattr", "setattr", "print", "@", "*", "**", "=", "(",
    ")", ":",
)  # fmt: skip
FRAGMENTS: Final = (
    "a = []\nfor i in range(10**9):\n    a.append([0] * 99999)", "while True: pass", "a = [0] * 10**12",
    "a = 'x' * 10**12", "a = 9**9**9", "a = 1 << 10**12", "a = '%099999999999d' % 7",
    "a = f'{7:999999999999}'", "a = []\na.append(a)\nb = a == a", "a = {}\na[0] = a\nprint(a)",
    "a = (lambda f: f(f))(lambda f: f(f))", "a = [1]\nfor i in range(99):\n    a = a + a",
    "a = [[0] * 999] * 999", "a = list(range(10**15))", "a = sum(range(10**15))",
    "a = tuple([(0,) * 99999] * 99)", "a = 'a'.join(['b' * 9999] * 9999)",
    "def f(n):\n    return f(n + 1)\nf(0)", "class A(A): pass", "class B:\n    x = 1\nclass B(B): pass",
    "import os\nos.system('touch broken')", "open('broken', 'w').write('x')", "exec('x = 1')",
    "__import__('os')", "raise SystemExit", "from x import *", "del model", "global x", "nonlocal x",
    "yield 3", "await x", "print('\\x1b[2J')", "async def f(): pass", "match x:\n    case 1: pass",
    "try:\n    1/0\nexcept: pass", "model = nn.Sequential(*[nn.ReLU()] * 99999)",
    "model = nn.Sequential(*[nn.Conv2d(4, 4, 3)] * 3000)", "model = nn.Conv2d(10**400, 1, 1)",
    "model = nn.Conv2d(True, None, 'x')", "model = nn.Linear(4, -1)", "model = nn.Sequential(model, model)",
    "model.add(model)", "x = x.view(-1, -1)", "x = x.reshape(0)", "x = torch.cat([x] * 9999, 1)",
    "model = keras.Sequential([keras.Input((None, None, 3))] * 3)",
    "a = {i: [j for j in range(999)] for i in range(999)}", "a = max(range(10**12))",
    "a = sorted([3, 'x', None])", "a = -10**20 ** 0.5", "a = 0 ** -1", "a = 1e308 * 10", "a = [] < {}",
    "a = 'x'[10**30]", "a = [1][::0]", "a, *b = range(10**10)", "a = b = c = d", "a.b.c.d = 7", "a[0][1] = 7",
    "self.x = nn.Linear(3, 3)", "@property\ndef f(self): return 3", "a = int('9' * 99999)",
    "a = str(10**99999)", "a = float('1e999')", "a = round(1e300)", "a = int(1e308)", "a = 7 % 0",
    "a = divmod(1, 0)", "a = 'é'.encode()", "a = (yield)",
)  # fmt: skip
NESTS: Final = (
    ("(", ")"), ("[", "]"), ("-", ""), ("not ", ""), ("f(", ")"), ("lambda: ", ""), ("x if x else ", ""),
    ("1 + ", ""), ("{0: ", "}"), ("nn.Sequential(", ")"), ("a.", ""), ("**", ""), ("f'{", "}'"),
)  # fmt: skip


@cache
def _whole() -> tuple[str, ...]:
    """Code after specs, by both writers, and listings of our own."""
    networks = [cnnspec.parse(text) for text in SPECS]
    written = [TARGETS[to].write(network, {}, "") for network in networks for to in ("pytorch", "keras")]
    return (*(str(text) for text in written), *LISTINGS)


def code(random: Random) -> bytes:
    """A file after one that is whole."""
    text = random.choice(_whole())
    for _ in range(random.choice((0, 1, 1, 1, 2, 3))):
        text = random.choice(CHANGES)(text, random)[:300_000]
    data = text.encode("utf-8", "surrogatepass")
    return any_bytes(data, random) if random.random() < 0.05 else data


def notebook(random: Random) -> bytes:
    """Cells with what was printed between them, seldom as Jupyter writes it."""
    lines = code(random).decode("utf-8", "replace").splitlines(keepends=True)
    at = random.randrange(len(lines) + 1)
    cells: list[object] = [
        {"cell_type": "markdown", "source": ["# \x1b[31m"]},
        {"cell_type": "code", "source": lines[:at], "outputs": []},
        {"cell_type": "code", "source": "".join(lines[at:]), "outputs": [{"text": ["x" * 999]}]},
    ]
    if random.random() < 0.05:
        cells *= random.choice((30, 3000))
    found: object = {"cells": cells, "metadata": {}, "nbformat": 4}
    for _ in range(random.choice((0, 0, 1, 2))):
        found = any_json(found, random)
    return as_text(found, random).encode("utf-8", "surrogatepass")


def _word(text: str, random: Random) -> str:
    tokens = TOKENS.findall(text)
    places = [n for n, token in enumerate(tokens) if not token.isspace()]
    for _ in range(random.choice((1, 1, 3))):
        if places:
            tokens[random.choice(places)] = random.choice((*WORDS, *NUMBERS))
    return "".join(tokens)


def _fragment(text: str, random: Random) -> str:
    """Lines put among the others, as far in as these."""
    lines = text.split("\n")
    at = random.randrange(len(lines) + 1)
    before = lines[at - 1] if at else ""
    inner = " " * (len(before) - len(before.lstrip()))
    return "\n".join([*lines[:at], *(inner + line for line in _lines(random)), *lines[at:]])


def _lines(random: Random) -> list[str]:
    return random.choice(FRAGMENTS).split("\n")


def _nested(text: str, random: Random) -> str:
    tokens = TOKENS.findall(text)
    at = random.randrange(len(tokens) + 1)
    opening, closing = random.choice(NESTS)
    depth = random.choice((3, 50, 90, 300, 3000, 90_000))
    inner = tokens[at : at + 1] or ["x"]
    return "".join([*tokens[:at], opening * depth, *inner, closing * depth, *tokens[at + 1 :]])


CHANGES: Final = (
    _word, _word, _word, _fragment, _fragment, _fragment, _nested, bytes_flipped, delete, delete_lines,
    duplicate, fewer, misspell, other_number, other_number, strange, swap_lines,
)  # fmt: skip
