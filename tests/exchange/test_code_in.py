"""Python code read as networks: lectures, architectures, our own files, and code that means harm."""

from __future__ import annotations

import json
import time
from pathlib import Path
from typing import Any

import pytest
from tools import Command

import cnnspec
from cnnspec.diagnostics import SpecError
from cnnspec.exchange.code_in import reading as budget
from cnnspec.exchange.code_in.keras.library import KerasLibrary
from cnnspec.exchange.code_in.read import Selection, read, read_source
from cnnspec.exchange.code_in.result import Read
from cnnspec.exchange.code_out.keras import model as keras
from cnnspec.exchange.code_out.pytorch import module as pytorch
from cnnspec.resources import example_names
from cnnspec.text import Source

HERE = Path(__file__).parent


def reading(text: str, asked: str = "lecture.py") -> Read:
    return read_source(Source("lecture.py", text), Selection.of(asked))


def faults(text: str, asked: str = "lecture.py") -> list[Any]:
    with pytest.raises(SpecError) as caught:
        reading(text, asked)
    return list(caught.value.diagnostics)


def params(found: Read) -> int:
    return cnnspec.analyze(found.network).totals.params


CNN = """
model = tf.keras.Sequential([
    tf.keras.layers.Conv2D(kernel_size=5, filters=32, activation='relu', padding='same',
                           input_shape=[28, 28, 1]),
    tf.keras.layers.MaxPooling2D(pool_size=2, strides=2),
    tf.keras.layers.Conv2D(kernel_size=5, filters=64, activation='relu', padding='same'),
    tf.keras.layers.MaxPooling2D(pool_size=2, strides=2),
    tf.keras.layers.Flatten(),
    tf.keras.layers.Dense(1024, activation='relu'),
    tf.keras.layers.Dense(10, activation='softmax')
])
"""
NO_POOL = """
model_no_max_pool = models.Sequential()
model_no_max_pool.add(layers.Conv2D(32, (3, 3), activation='relu',
                                     input_shape=(28, 28, 1)))
model_no_max_pool.add(layers.Conv2D(64, (3, 3), activation='relu'))
model_no_max_pool.add(layers.Conv2D(64, (3, 3), activation='relu'))
"""
DECAY = """
mnist = tf.keras.datasets.mnist
(x_train, y_train), (x_test, y_test) = mnist.load_data()
model = tf.keras.models.Sequential([
    tf.keras.layers.Flatten(input_shape=(28, 28)),
    tf.keras.layers.Dense(128, kernel_initializer="he_normal", activation='relu'),
    tf.keras.layers.Dropout(0.2),
    tf.keras.layers.Dense(10, activation='softmax')
])
# lr decay function
def lr_decay(epoch):
    return 0.01 * math.pow(0.6, epoch)

# lr schedule callback
lr_decay_callback = tf.keras.callbacks.LearningRateScheduler(lr_decay, verbose=True)

model.compile(optimizer='adam', loss='sparse_categorical_crossentropy', metrics=['accuracy'],
              callbacks=[lr_decay_callback])
model.fit(x_train, y_train, batch_size=100, epochs=10)
model.evaluate(x_test, y_test)
"""
POOLING = """
model = tf.keras.Sequential([tf.keras.layers.{kind}(pool_size=(2, 2), strides=None, padding='valid',
                             input_shape=(4, 4, 1))])
"""
LENET = """
class LeNet5(torch.nn.Module):
    def __init__(self):
        super(LeNet5, self).__init__()
        self.conv1 = torch.nn.Conv2d(in_channels=1, out_channels=6, kernel_size=5, stride=1,
                                     padding=2, bias=True)
        self.max_pool_1 = torch.nn.MaxPool2d(kernel_size=2)
        self.conv2 = torch.nn.Conv2d(in_channels=6, out_channels=16, kernel_size=5, stride=1,
                                     padding=0, bias=True)
        self.max_pool_2 = torch.nn.MaxPool2d(kernel_size=2)
        self.fc1 = torch.nn.Linear(16*5*5, 120)
        self.fc2 = torch.nn.Linear(120, 84)
        self.fc3 = torch.nn.Linear(84, 10)

    def forward(self, x):
        x = torch.nn.functional.relu(self.conv1(x))
        x = self.max_pool_1(x)
        x = torch.nn.functional.relu(self.conv2(x))
        x = self.max_pool_2(x)
        x = x.view(-1, 16*5*5)
        x = torch.nn.functional.relu(self.fc1(x))
        x = torch.nn.functional.relu(self.fc2(x))
        return self.fc3(x)
"""


@pytest.mark.parametrize(
    "text, count", [(CNN, 3_274_634), (NO_POOL, 55_744), (DECAY, 101_770), (LENET, 61_706)]
)
def test_the_listings_of_the_lectures(text: str, count: int) -> None:
    assert params(reading(text)) == count


@pytest.mark.parametrize("kind, word", [("MaxPooling2D", "maxpool"), ("AveragePooling2D", "avgpool")])
def test_the_pooling_exercise(kind: str, word: str) -> None:
    network = reading(POOLING.format(kind=kind)).network
    assert [node.word for node in network.layers] == [word]
    assert network.output == (2, 2, 1)


def test_what_keras_does_otherwise_is_told_at_its_line() -> None:
    text = (
        "m = keras.Sequential([layers.Input((9, 9, 3)),\n"
        " layers.Conv2D(4, 3, strides=2, padding='same'),\n"
        " layers.BatchNormalization(),\n layers.Flatten(),\n"
        " layers.Dense(2)])"
    )
    found = reading(text)
    told = {note.span.line: note.message for note in found.notes if note.span}
    assert "odd pixel" in told[2]
    assert "has epsilon 0.001" in told[3]
    assert "row, column, channel" in told[4]
    assert "batchnorm epsilon=0.001 momentum=0.01" in found.text


def test_a_functional_model_with_branches_and_helpers() -> None:
    text = """
from tensorflow import keras
from tensorflow.keras import layers

def block(x, filters, stride=1):
    shortcut = x
    x = layers.Conv2D(filters, 3, strides=stride, padding="same", use_bias=False)(x)
    x = layers.BatchNormalization()(x)
    if stride != 1:
        shortcut = layers.Conv2D(filters, 1, strides=stride)(shortcut)
    x = layers.add([x, shortcut])
    return layers.Activation("relu")(x)

inputs = keras.Input(shape=(32, 32, 3), name="image")
x = layers.Conv2D(16, 3, padding="same")(inputs)
for n, width in enumerate([16, 32, 64]):
    x = block(x, width, stride=1 if n == 0 else 2)
x = layers.GlobalAveragePooling2D()(x)
outputs = layers.Dense(10, activation="softmax")(x)
model = keras.Model(inputs, outputs)
"""
    network = reading(text).network
    assert network.output == (10,)
    assert sum(node.word == "add" for node in network.layers) == 3


def test_models_are_chosen_by_name() -> None:
    text = "import torch.nn as nn\na = nn.Sequential(nn.Linear(4, 2))\nb = nn.Sequential(nn.Linear(4, 3))\n"
    (fault,) = faults(text)
    assert fault.code == "several-models"
    assert "a, b" in fault.message
    assert reading(text, "lecture.py:b").network.output == (3,)
    assert (
        "did you mean" in faults(text, "lecture.py:bb")[0].message
        or "there are" in faults(text, "lecture.py:c")[0].message
    )


def test_an_input_is_said_taken_or_asked_for() -> None:
    assert [note.code for note in reading(LENET).notes] == ["input-taken"]
    shown = LENET + "\nnet = LeNet5()\nprint(net(torch.randn(1, 1, 28, 28)).shape)\n"
    assert reading(shown).notes == ()
    (fault,) = faults(LENET, "lecture.py:LeNet5@40x40x1")
    assert (fault.code, fault.span.line) == ("reshape-changes-the-count", 20)
    free = "net = nn.Sequential(nn.Conv2d(3, 4, 3), nn.AdaptiveAvgPool2d(1))"
    assert faults(free)[0].code == "input-without-size"
    assert reading(free, "lecture.py@20x20x3").network.output == (1, 1, 4)


def test_what_cannot_be_followed_is_told_at_its_line() -> None:
    text = "import os\nfrom torch import nn\n\nwidth = int(os.environ['W'])\n"
    text += "net = nn.Sequential(nn.Linear(4, width))\n"
    found = faults(text)
    assert any(fault.span and fault.span.line == 5 and "out_features" in fault.message for fault in found)
    (fault,) = faults("net = nn.Sequential(nn.Conv2d(1, 8, 3), nn.Conv2d(16, 4, 3))", "x.py@9x9x1")
    assert "made for 16 channels, but 8 flow in" in fault.message
    (fault,) = faults("net = nn.Sequential(nn.Conv2d(1, 8, 3), nn.LSTM(3, 4))", "x.py@9x9x1")
    assert "torch.nn.LSTM" in fault.message


@pytest.mark.parametrize(
    "call, message",
    [
        ("keras.Sequential(nn.Linear(3, 4))", "does not say the input"),
        ("keras.Sequential(layers.Dense(3))", "cannot go through this"),
        ("keras.Input(shape=5)", "describes no network"),
        ("keras.Model(inputs=keras.Input(4), outputs=[3])", "cannot be followed"),
        ("layers.Concatenate()(keras.Input((4,)), 3)", ""),
    ],
)
def test_a_library_is_given_what_it_does_not_take(call: str, message: str) -> None:
    text = f"import keras\nfrom keras import layers\nfrom torch import nn\nmodel = {call}\n"
    assert any(message in fault.message for fault in faults(text))


def test_arguments_of_any_kind_are_told_at_their_place(monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(*_: object) -> None:
        raise TypeError("'int' object is not iterable")

    monkeypatch.setattr(KerasLibrary, "_external", refuse)
    (fault,) = faults("import keras\nmodel = keras.Sequential([])\n")
    assert (fault.span.line, "not iterable" in fault.message) == (2, True)


UNREAD = {
    "self.n = nn.Sequential(nn.Conv2d(3, 8, 3)); self.n[0] = 1": "what is put here",
    "self.n = nn.Conv2d(3, 8, 3); (torch.zeros(2))[0] = 1": "what is put here",
    "self.n = [nn.Conv2d(3, 8, 3), nn.ReLU()]; del self.n[-1]": "delete is not followed",
}


@pytest.mark.parametrize("what", UNREAD)
def test_a_statement_that_would_change_the_network_is_refused(what: str) -> None:
    text = "import torch\nfrom torch import nn\nclass A(nn.Module):\n    def __init__(self):\n"
    text += f"        super().__init__(); {what}\n"
    text += "    def forward(self, x):\n        return self.n(x)\nnet = A()\n"
    assert any(UNREAD[what] in fault.message for fault in faults(text, "lecture.py@8x8x3"))


@pytest.mark.parametrize("call", ["keras.ops.softmax(x, axis=1)", "keras.ops.gelu(x, approximate=True)"])
def test_an_activation_with_options_is_refused(call: str) -> None:
    text = "import keras\nfrom keras import layers\nx = i = keras.Input((8, 8, 3))\n"
    text += f"x = {call}\nmodel = keras.Model(i, x)\n"
    assert any("with options" in str(fault) for fault in faults(text))


def test_the_options_of_an_own_layer_reach_its_call() -> None:
    text = """
import keras
from keras import layers
class Down(layers.Layer):
    def __init__(self):
        super().__init__()
        self.a, self.b = layers.Conv2D(4, 3), layers.Conv2D(8, 3)
    def call(self, x, wide=False):
        return self.b(x) if wide else self.a(x)
i = keras.Input((8, 8, 3))
model = keras.Model(i, Down()(i, wide=True))
"""
    assert params(reading(text, "lecture.py:model")) == 8 * 27 + 8


def test_two_tensors_are_added_by_a_function() -> None:
    text = "import keras\nfrom keras import layers\ni = keras.Input((8, 8, 3))\n"
    text += "a = layers.Conv2D(3, 1)(i)\nmodel = keras.Model(i, keras.ops.add(a, i))\n"
    assert reading(text).network.layers[-1].word == "add"


HOSTILE = {
    "endless": "while True:\n    x = 1\n",
    "endless layers": "l = []\nwhile True:\n    l.append(nn.Linear(2, 2))\n",
    "10^9 layers": "net = nn.Sequential(*[nn.Linear(2, 2) for _ in range(10**9)])",
    "a large power": "x = 10 ** 10 ** 10\nnet = nn.Sequential(nn.Linear(2, 2))",
    "a large list": "x = [0] * 10 ** 9\nnet = nn.Sequential(nn.Linear(2, 2))",
    "a large text": "x = 'a' * 10 ** 9\nnet = nn.Sequential(nn.Linear(2, 2))",
    "recursion": "def f(n):\n    return f(n + 1)\nnet = nn.Sequential(nn.Linear(f(0), 2))",
    "deep": "x = " + "(" * 150 + "1" + ")" * 150 + "\nnet = nn.Sequential(nn.Linear(2, 2))",
    "deeper": "x = " + "-" * 5000 + "1\nnet = nn.Sequential(nn.Linear(2, 2))",
    "long sums": "x = " + "1 + " * 20000 + "1\nnet = nn.Sequential(nn.Linear(2, 2))",
    "a great layer": "net = nn.Sequential(nn.Linear(10**15, 10**15))",
    "no Python": "def f(:\n",
    "nothing": "",
    "a running file": "import os\nos.system('touch harm')\n__import__('os').mkdir('harm')\n",
    "exec": "exec('import os')\neval('1')\nopen('harm', 'w')\n",
    "itself": "a = []\na.append(a)\nnet = nn.Sequential(*a)",
    "a module in itself": "class A(nn.Module):\n    def __init__(self):\n        self.a = self\n"
    "    def forward(self, x):\n        return self.a(x)\nnet = A()",
    "shifts": "x = 1 << 10 ** 12\n",
    "doubling": "x = [1]\nfor _ in range(100):\n    x = x + x\n",
    "lists in lists": "x = [1]\ny = [1]\nfor i in range(60):\n    x, y = [x, x], [y, y]\nz = x == y\n",
    "a fraction among numbers": "x = 5.5 in range(10**12)\n",
    "rounding far": "x = round(5, -10**10)\n",
    "a text in a text": "x = 'a' * 99_999\ny = x.replace('a', x)\n",
    "NumPy's rounding": "x = np.round(5, -10**10)\n",
    "modules in modules": "m = nn.ReLU()\nfor i in range(30): m = nn.Sequential(m, m)\n"
    "for p in m.parameters(): p.requires_grad = False\nn = len(list(m.modules()))\n",
    "lists in a text": "x = [1]\nfor i in range(60): x = [x, x]\ny = '%s' % (x,)\n",
    "lists in a pattern": "x = [1]\nfor i in range(60): x = [x, x]\ny = '{a}'.format(a=(x,))\n",
    "lists as keys": "x = {([],): 1}\ny = {[1]: 2 for i in range(3)}\nz = {[]: 1}\n",
    "lists added up": "x = sum([[0] * 999] * 9999, [])\n",
    "many long lists": "x = [('a ' * 49_000).split() for i in range(9999)]\n",
    "models of one kind": "".join(f"m{n} = nn.ReLU()\n" for n in range(4_000)),
    "classes": "".join(f"class A{n}(nn.Module): pass\n" for n in range(10_000)),
    "bases": "class A0(nn.Module): pass\n"
    + "".join(f"class A{n}(A{n - 1}, A{n - 1}): pass\n" for n in range(1, 60)),
    "layers of one name": "x = y = keras.Input((8, 8, 3))\nfor i in range(1500): x = layers.ReLU()(x)\n"
    "m = keras.Model(y, x)\n",
    "layers in pairs": "m = nn.Sequential("
    + ", ".join(f"nn.Linear(9, 9), nn.Linear(9, 9, bias={n % 2})" for n in range(500))
    + ")",
}


@pytest.mark.parametrize("name", HOSTILE)
def test_harm_is_read_in_two_seconds_or_refused(
    name: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    if name not in ("endless", "lists in lists"):
        monkeypatch.setattr(budget, "MOST_STEPS", 60_000)  # the same bound, sooner
    start = time.process_time()
    try:
        reading(HOSTILE[name], "lecture.py@9x9x1")
    except SpecError as error:
        told = str(error)
    else:
        told = "read"
    assert told
    assert time.process_time() - start < 2
    assert list(tmp_path.iterdir()) == []


def test_commands_take_code_and_notebooks(command: Command, tmp_path: Path) -> None:
    (tmp_path / "lecture.py").write_text(CNN)
    code, out, _ = command("analyze", tmp_path / "lecture.py", "--only", "params")
    assert (code, out.strip()) == (0, "3274634")
    cells = [
        {"cell_type": "markdown", "source": ["# CNN"]},
        {"cell_type": "code", "source": ["%pylab\n", CNN]},
    ]
    (tmp_path / "lecture.ipynb").write_text(json.dumps({"cells": cells}))
    code, out, _ = command("analyze", f"{tmp_path}/lecture.ipynb:model", "--only", "params")
    assert (code, out.strip()) == (0, "3274634")
    (tmp_path / "bad.py").write_text("net = nn.Sequential(nn.Linear(4, width))\n")
    code, _, err = command("analyze", tmp_path / "bad.py")
    assert code == 1
    assert "width is not defined in this file" in " ".join(err.split())
    code, _, err = command("import", tmp_path / "lecture.py", "-o", tmp_path / "net.cnn")
    assert code == 0, err
    assert "conv 32 5x5 padding=same" in (tmp_path / "net.cnn").read_text()
    (tmp_path / "net.ipynb").write_text("{}")
    assert command("analyze", tmp_path / "net.ipynb")[0] == 1


CODES = {"pytorch": pytorch.code, "keras": keras.code}


@pytest.mark.parametrize("target", CODES)
@pytest.mark.parametrize("name", example_names())
def test_what_we_write_reads_as_the_same(name: str, target: str) -> None:
    network = cnnspec.load(name)
    found = reading(CODES[target](network)).network
    ours, theirs = cnnspec.analyze(network).totals, cnnspec.analyze(found).totals
    assert (found.input, found.output, len(found.outputs)) == (
        network.input, network.output, len(network.outputs)
    )  # fmt: skip
    for figure in ("params", "multiplies", "trainable", "buffers"):
        assert getattr(theirs, figure) == getattr(ours, figure), figure


ARCHITECTURES = (HERE / "architectures.py").read_text()


@pytest.mark.torch
@pytest.mark.parametrize("name", [
    "ResidualNet", "DenseNet", "SqueezeExcite", "Depthwise", "Transposed", "Norms", "Shuffled", "Unet",
    "ConvNext", "Audio", "Padded", "make_mlp", "WrittenVit", "WholeVit",
])  # fmt: skip
def test_architectures_come_in_by_code_and_live(name: str) -> None:
    torch = pytest.importorskip("torch")
    import numpy as np

    from exchange import architectures

    torch.manual_seed(0)
    module = getattr(architectures, name)()
    module.eval()
    channels, *sizes = architectures.EXAMPLES[name]
    example = torch.randn(2, channels, *sizes)
    model = cnnspec.from_torch(module, example)
    with torch.no_grad():
        wanted = np.moveaxis(module(example).numpy(), 1, -1)
    given = model.forward(np.moveaxis(example.numpy(), 1, -1))["output"]
    np.testing.assert_allclose(given, wanted, atol=1e-4)
    count = sum(parameter.numel() for parameter in module.parameters())
    assert cnnspec.analyze(model.network).totals.params == count
    shape = "x".join(map(str, (*sizes, channels)))
    read = reading(ARCHITECTURES, f"architectures.py:{name}@{shape}").network
    assert cnnspec.analyze(read).totals.params == count
    assert read.output == model.network.output
    assert cnnspec.analyze(read).totals.multiplies == cnnspec.analyze(model.network).totals.multiplies


def test_lines_end_as_they_do_for_python(tmp_path: Path) -> None:
    (tmp_path / "x.py").write_bytes(b"x = 1\rmodel = nn.Linear(4, 3)\r\nfoo(x)\n")
    assert "dense 3" in read(tmp_path / "x.py").text


def test_a_notebook_may_have_printed_much(tmp_path: Path) -> None:
    def notebook(source: str, printed: int) -> Path:
        cell = {"cell_type": "code", "source": source, "outputs": [{"text": "x" * printed}]}
        (tmp_path / "x.ipynb").write_text(json.dumps({"cells": [cell]}))
        return tmp_path / "x.ipynb"

    assert "dense 3" in read(notebook("model = nn.Linear(4, 3)", 5_000_000)).text
    with pytest.raises(SpecError, match="500,000 are read"):
        read(notebook("a\n" * 300_000, 0))
    with pytest.raises(OSError, match="larger than 10,000,000 bytes"):
        read(notebook("model = nn.Linear(4, 3)", 10_000_000))
