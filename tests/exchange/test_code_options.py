"""Every option of every module and layer that is read is carried, told or refused; none is dropped."""

from __future__ import annotations

import inspect
import re
from typing import Any

import pytest

from cnnspec.diagnostics import SpecError
from cnnspec.exchange.code_in.keras.options import ALL, UNTOLD
from cnnspec.exchange.code_in.keras.table import KINDS
from cnnspec.exchange.code_in.read import Selection, read_source
from cnnspec.exchange.code_in.signature import signature
from cnnspec.exchange.code_in.torch import functions, modules
from cnnspec.text import Source

pytestmark = pytest.mark.torch

TORCH = {
    "LazyConv": "8, 3, padding=1", "Conv": "4, 8, 3, padding=1", "Linear": "4, 6", "LazyLinear": "6",
    "LazyBatchNorm": "", "BatchNorm": "4", "InstanceNorm": "4, affine=True", "Softmax2d": "",
    "SyncBatchNorm": "4", "PReLU": "",
    "LayerNorm": "[4, 12, 12]", "RMSNorm": "[4, 12, 12]", "GroupNorm": "2, 4", "LocalResponseNorm": "3",
    "AvgPool": "3, padding=1", "MaxPool": "3, padding=1", "Adaptive": "2", "Unflatten": "1, (2, 2)",
    "Upsample": "scale_factor=1.3, mode='bilinear'", "UpsamplingNearest2d": "scale_factor=2",
    "UpsamplingBilinear2d": "scale_factor=2", "ConstantPad": "1, 0.0", "ZeroPad": "1",
    "ReflectionPad": "1", "ReplicationPad": "1", "PixelShuffle": "2", "PixelUnshuffle": "2",
    "ChannelShuffle": "2", "GLU": "1", "Softmax": "1", "LogSoftmax": "1",
}  # fmt: skip
"""What modules are made with, by how their names begin; the longest decides."""
OTHERS: dict[str, list[Any]] = {
    "padding_mode": ["reflect"], "mode": ["nearest"], "approximate": ["tanh"], "size": [(9, 9)],
    "scale_factor": [1.7], "normalized_shape": [4], "unflattened_size": [(4, 1)], "dim": [0, 2],
    "kdim": [3], "vdim": [3], "divisor_override": [2], "start_dim": [0, 2], "end_dim": [2], "groups": [2],
    "momentum": [None, 0.3], "data_format": ["channels_first"], "interpolation": ["bilinear"],
    "activation": ["relu"], "padding": ["same", 2], "output_padding": [1], "noise_shape": [(None, 1, 1, 4)],
    "axis": [1], "strides": [3], "target_shape": [(6, 24, 4)], "max_value": [4.0], "value_dim": [7],
    "output_shape": [7], "attention_axes": [(1,)], "sliding_window": [2], "flash_attention": [True],
    "quantization_config": ["int8"], "lora_rank": [2], "renorm_clipping": [{"rmax": 1}], "dims": [(1, 2, 3)],
    "min_value": [0.5], "shared_axes": [[1, 2, 3]], "process_group": [1], "num_channels": [8],
    "upscale_factor": [4], "scale": [False], "offset": [1.0], "cropping": [2], "pool_size": [3],
    "alpha_initializer": ["ones"], "bias_initializer": ["ones"],
}  # fmt: skip
"""Other values of an option, where its default does not show any."""


def others(name: str, default: Any) -> list[Any]:
    if name in OTHERS:
        return OTHERS[name]
    if name.endswith("initializer"):
        return ["he_uniform"]
    if name.endswith(("regularizer", "constraint")):
        return ["l2"]
    if isinstance(default, bool):
        return [not default]
    if isinstance(default, int | float):
        return [default + 1 if isinstance(default, int) else default / 2 + 0.1]
    if isinstance(default, tuple):
        return [3]
    return [2]


def read(text: str, shape: str) -> tuple[str, list[str]] | None:
    """The spec and what is told; None where it is refused."""
    try:
        found = read_source(Source("m.py", text), Selection.of(f"m.py@{shape}"))
    except SpecError:
        return None
    return found.text, [note.message for note in found.notes]


def base_of(table: dict[str, str], kind: str) -> str:
    fitting = [name for name in table if kind.startswith(name)]
    return table[max(fitting, key=len)] if fitting else ""


def rank_of(kind: str) -> int:
    found = re.search(r"([123])[dD]", kind)
    return int(found[1]) if found else 2


def shape_of(kind: str) -> str:
    if kind.endswith("Linear"):
        return "4"
    return "x".join(["12"] * rank_of(kind) + ["4"])


def dropped(
    write: Any, kind: str, base: str, parameters: Any, ours: Any, untold: Any, shape: str
) -> list[str]:
    """The options that change nothing of what is read, though they are none that may."""
    plain = read(write(base), shape)
    assert plain is not None, (kind, base)
    lost = []
    for name, parameter in parameters.items():
        if name in ("self", "x", "args", "kwargs") or name in untold:
            continue
        if name not in ours:
            lost.append(f"{kind}.{name} is not decided")
            continue
        kept = re.sub(rf",? ?\b{name}=(\([^)]*\)|[^,]*)", "", base)
        place = [*parameters].index(name) - 1
        given = [one for one in re.split(r", (?![^\[(]*[\])])", kept) if one and "=" not in one]
        for value in others(name, parameter.default):
            new = kept
            if place < len(given):
                new = ", ".join([*given[:place], repr(value), *given[place + 1 :], *(
                    one for one in kept.split(", ") if "=" in one)])  # fmt: skip
            else:
                new = f"{kept}, {name}={value!r}".strip(", ")
            if new != base and value != parameter.default and read(write(new), shape) == plain:
                lost.append(f"{kind}({new})")
    return lost


def of_two_axes(table: Any, left: tuple[str, ...]) -> list[str]:
    """Those for one and for three spatial axes are made by the same rows."""
    return [kind for kind in table if not kind.startswith(left) and rank_of(kind) == 2]


@pytest.mark.parametrize("kind", of_two_axes(modules.MODULES, ("MaxUnpool", "Multi", "Identity")))
def test_no_option_of_a_pytorch_module_is_dropped(kind: str) -> None:
    torch = pytest.importorskip("torch")
    parameters = inspect.signature(getattr(torch.nn, kind).__init__).parameters
    ours = signature(modules.MODULES[kind].arguments)
    assert dropped(
        lambda given: f"net = nn.Sequential(nn.{kind}({given}))", kind, base_of(TORCH, kind), parameters,
        ours,
        modules.UNTOLD | {"inplace"} | ({"momentum"} if "Instance" in kind else set()), shape_of(kind),
    ) == []  # fmt: skip


ATTENTION = """
class Net(nn.Module):
    def __init__(self):
        super().__init__()
        self.attention = nn.MultiheadAttention({given})
    def forward(self, x):
        x = x.flatten(2).transpose(1, 2)
        x, _ = self.attention(x, x, x)
        return x.transpose(1, 2).reshape(-1, 4, 5, 5)
"""


def test_no_option_of_attention_is_dropped() -> None:
    torch = pytest.importorskip("torch")
    parameters = inspect.signature(torch.nn.MultiheadAttention.__init__).parameters
    ours = signature(modules.MODULES["MultiheadAttention"].arguments)
    assert dropped(
        lambda given: ATTENTION.replace("{given}", given), "MultiheadAttention", "4, 2, batch_first=True",
        parameters, ours, modules.UNTOLD, "5x5x4",
    ) == []  # fmt: skip


FUNCTIONS = {
    "leaky_relu": "", "elu": "", "gelu": "", "hardtanh": "", "glu": "1", "softplus": "",
    "max_pool2d": "3, padding=1", "avg_pool2d": "3, padding=1", "adaptive_avg_pool2d": "2",
    "adaptive_max_pool2d": "2", "softmax": "1",
    "log_softmax": "1", "local_response_norm": "3", "interpolate": "None, 1.3, mode='bilinear'",
    "normalize": "", "dropout": "", "dropout2d": "", "pad": "(1, 1)",
}  # fmt: skip


@pytest.mark.parametrize("name", FUNCTIONS)
def test_no_option_of_a_pytorch_function_is_dropped(name: str) -> None:
    parameters = inspect.signature(functions.FUNCTIONS[name]).parameters
    real = {"leaky_relu": "negative_slope=0.01", "elu": "alpha=1.0", "gelu": "approximate='none'",
            "softplus": "beta=1.0 threshold=20.0"}.get(name)  # fmt: skip
    if real:
        head = [inspect.Parameter("x", inspect.Parameter.POSITIONAL_OR_KEYWORD)]
        named = [inspect.Parameter(key, inspect.Parameter.POSITIONAL_OR_KEYWORD, default=value)
                 for key, value in signature(real).items()]  # fmt: skip
        parameters = inspect.Signature([*head, *named]).parameters

    def write(given: str) -> str:
        body = "class Net(nn.Module):\n    def forward(self, x):\n"
        return f"{body}        return F.{name}(x{', ' if given else ''}{given})\nnet = Net()\n"

    untold = {"inplace", "_stacklevel", "dtype", "out", "aliases"}
    assert dropped(write, name, FUNCTIONS[name], parameters, parameters, untold, "12x12x4") == []


KERAS = {
    "Conv": "8, 3", "DepthwiseConv": "3", "SeparableConv": "8, 3", "Dense": "6", "Reshape": "(144, 4)",
    "Activation": "'gelu'", "GroupNormalization": "2", "Dropout": "0.5", "SpatialDropout": "0.5",
    "Adaptive": "2", "Rescaling": "2.0", "Permute": "(2, 1, 3)", "MaxPooling": "2", "AveragePooling": "2",
    "PReLU": "shared_axes=[1, 2]", "Cropping": "1",
}  # fmt: skip
LEFT = ("GaussianNoise", "GaussianDropout", "AlphaDropout", "ActivityRegularization", "Random", "cnnspec.",
        "MultiHeadAttention", "pad", "slice", "Identity", "Add", "Multiply", "Concatenate", "Subtract",
        "Maximum", "Minimum", "Divide", "by number", "power", "abs", "square", "sqrt", "exp", "log", "max",
        "mean")  # fmt: skip
"""Those without options, that are no layers of Keras, or that are at work in training alone."""


@pytest.mark.parametrize("kind", of_two_axes(KINDS, LEFT))
def test_no_option_of_a_keras_layer_is_dropped(kind: str) -> None:
    keras = pytest.importorskip("keras")
    parameters = inspect.signature(getattr(keras.layers, kind).__init__).parameters
    ours = {**signature(KINDS[kind].arguments), **dict.fromkeys(ALL)}
    untold = UNTOLD - {"data_format", "kernel_initializer", "depthwise_initializer",
                                    "pointwise_initializer", "trainable", "interpolation"}  # fmt: skip
    sizes = ", ".join(["12"] * rank_of(kind) + ["4"])
    head = f"keras.Input(({sizes}))"
    if kind == "Dense":
        head = "keras.Input((4,))"
    write = lambda given: f"net = keras.Sequential([{head}, layers.{kind}({given})])"  # noqa: E731
    more = {"trainable": inspect.Parameter("trainable", inspect.Parameter.KEYWORD_ONLY, default=True)}
    with_weights = ("Conv", "Dense", "PReLU", "Normalization")
    options = {**parameters, **(more if any(word in kind for word in with_weights) else {})}
    shape = "4" if kind == "Dense" else sizes.replace(", ", "x")
    assert dropped(write, kind, base_of(KERAS, kind), options, ours, untold, shape) == []
