"""PyTorch's modules as values of code that is read: what each is made with, and what it does to a tensor."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from math import prod
from typing import Any, Final

from cnnspec.exchange.code_in.flow import Tensor
from cnnspec.exchange.code_in.signature import bound, only
from cnnspec.exchange.code_in.torch import basics as basics
from cnnspec.exchange.code_in.torch import functions as functions
from cnnspec.exchange.code_in.torch import layers as layers
from cnnspec.exchange.code_in.torch import pools as pools
from cnnspec.exchange.code_in.torch import views as views
from cnnspec.exchange.code_in.torch.attention import TorchScores
from cnnspec.exchange.code_in.trace import ModelArray, NotFollowed


@dataclass(eq=False)
class TorchModule:
    """A module of the library; ``children`` are those that a container holds."""

    kind: str
    options: dict[str, Any] = field(default_factory=dict)
    children: dict[str, Any] = field(default_factory=dict)
    path: str = ""
    examples: list[Any] = field(default_factory=list)
    inits: dict[str, str] = field(default_factory=dict)
    """How its arrays begin, where the code says it."""
    given: dict[str, str] = field(default_factory=dict)
    """Values of its arrays as a spec says them."""
    still: set[str] = field(default_factory=set)
    """Its arrays that are not trained."""
    tied: dict[str, Any] = field(default_factory=dict)
    """Arrays of other modules that it uses in place of its own."""

    def parameter(self, name: str, *shape: int) -> ModelArray:
        if name in self.tied:
            found: ModelArray = self.tied[name].module.parameter(self.tied[name].name, *shape)
            return found
        init, given = self.inits.get(name, ""), self.given.get(name, "")
        return ModelArray(f"{self.path}.{name}", shape, None, init, name in self.still, given=given)


@dataclass(frozen=True)
class Kind:
    """How a module is made and what it does."""

    arguments: str
    run: Callable[..., Any]


def _tuple(value: Any, rank: int) -> tuple[int, ...]:
    return basics.per_axis(value, rank)


def _conv(rank: int, lazy: bool = False) -> Kind:
    def run(m: TorchModule, x: Any) -> Tensor:
        o = m.options
        x, kernel, padding = basics.tensor(x), _tuple(o["kernel_size"], rank), o["padding"]
        reads = o.get("in_channels") or x.sizes[1]
        weight = m.parameter("weight", o["out_channels"], max(1, reads // o["groups"]), *kernel)
        bias = m.parameter("bias", o["out_channels"]) if o["bias"] else None
        if o["padding_mode"] != "zeros" and padding:
            sides = [n for size in reversed(_tuple(padding, rank)) for n in (size, size)]
            x, padding = pools.pad(x, sides, o["padding_mode"]), 0
        if padding == "same" and any(step > 1 for step in _tuple(o["stride"], rank)):
            raise NotFollowed('PyTorch refuses padding="same" with a stride', "give the padding in pixels")
        return layers.conv(x, weight, bias, o["stride"], padding, o["dilation"], o["groups"])

    rest = "out_channels kernel_size stride=1 padding=0 dilation=1 groups=1 bias=True padding_mode='zeros'"
    return Kind(rest if lazy else f"in_channels {rest}", run)


def _upconv(rank: int) -> Kind:
    def run(m: TorchModule, x: Any) -> Tensor:
        o = m.options
        shape = o["in_channels"], o["out_channels"] // o["groups"], *_tuple(o["kernel_size"], rank)
        bias = m.parameter("bias", o["out_channels"]) if o["bias"] else None
        return layers.conv_transpose(
            x, m.parameter("weight", *shape), bias, o["stride"], o["padding"], o["output_padding"],
            o["groups"], o["dilation"],
        )  # fmt: skip

    return Kind(
        "in_channels out_channels kernel_size stride=1 padding=0 output_padding=0 groups=1 bias=True "
        "dilation=1 padding_mode='zeros'!", run,
    )  # fmt: skip


def _linear(m: TorchModule, x: Any) -> Tensor:
    o, x = m.options, basics.tensor(x)
    weight = m.parameter("weight", o["out_features"], o.get("in_features") or x.sizes[-1])
    return layers.linear(x, weight, m.parameter("bias", o["out_features"]) if o["bias"] else None)


def _batchnorm(rank: int, lazy: bool = False) -> Kind:
    def run(m: TorchModule, x: Any) -> Tensor:
        o, x = m.options, basics.tensor(x)
        if len(x.sizes) not in ((2, 3) if rank == 1 else (rank + 2,)):
            raise NotFollowed(f"BatchNorm{rank}d gets a tensor of {len(x.sizes)} axes")
        n = o.get("num_features") or x.sizes[1]
        momentum = o["momentum"]
        if momentum is None:
            x.trace.note(
                "framework-differs", "batch norm averages all batches alike there; here momentum=0.1"
            )
            momentum = 0.1
        mean, var = m.parameter("running_mean", n), m.parameter("running_var", n)
        return layers.batch_norm(x, mean, var, *_affine(m, x, n), False, momentum, o["eps"])

    rest = "eps=1e-5 momentum=0.1 affine=True track_running_stats=True! bias=True"
    return Kind(rest if lazy else f"num_features {rest}", run)


def _affine(m: TorchModule, x: Any, *shape: int) -> tuple[ModelArray | None, ModelArray | None]:
    """Scale and shift; a shift that is not there is one that never learns."""
    if not m.options.get("affine", m.options.get("elementwise_affine", True)):
        return None, None
    weight = m.parameter("weight", *shape)
    if m.options["bias"]:
        return weight, m.parameter("bias", *shape)
    basics.tell_of_shift(basics.tensor(x), f"{m.kind} without a bias", prod(shape))
    return weight, ModelArray(f"=0 {m.path}", shape)


def _layernorm(m: TorchModule, x: Any) -> Tensor:
    shape = basics.axes_list(m.options["normalized_shape"])
    return layers.layer_norm(x, shape, *_affine(m, x, *shape), m.options["eps"])


def _rmsnorm(m: TorchModule, x: Any) -> Tensor:
    o, shape = m.options, basics.axes_list(m.options["normalized_shape"])
    weight = m.parameter("weight", *shape) if o["elementwise_affine"] else None
    return layers.rms_norm(x, shape, weight, o["eps"])


def _groupnorm(m: TorchModule, x: Any) -> Tensor:
    basics.need_channels(basics.tensor(x), m.options["num_channels"], "group norm")
    affine = _affine(m, x, m.options["num_channels"])
    return layers.group_norm(x, m.options["num_groups"], *affine, m.options["eps"])


def _instancenorm(m: TorchModule, x: Any) -> Tensor:
    basics.need_channels(basics.tensor(x), m.options["num_features"], "instance norm")
    weight, bias = _affine(m, x, m.options["num_features"])
    return layers.instance_norm(x, None, None, weight, bias, True, 0.1, m.options["eps"])


def _prelu(m: TorchModule, x: Any) -> Tensor:
    if m.options["init"] != 0.25:
        basics.tensor(x).trace.note("framework-differs", "a slope of PReLU begins at 0.25 here")
    return layers.prelu(x, m.parameter("weight", m.options["num_parameters"]))


def _call(name: str, arguments: str = "", **renamed: str) -> Kind:
    """A module that calls a function with its own options."""

    def run(m: TorchModule, x: Any, *others: Any, **more: Any) -> Any:
        untold = UNTOLD | only(arguments)
        options = {renamed.get(key, key): value for key, value in m.options.items() if key not in untold}
        return functions.FUNCTIONS[name](x, *others, **options, **more)

    return Kind(arguments, run)


def _dropout(name: str) -> Kind:
    """Whether it is at work is the module's mode, not in the code."""

    def run(m: TorchModule, x: Any) -> Any:
        return functions.FUNCTIONS[name](x, m.options["p"], None, m.options["inplace"])

    return Kind("p=0.5 inplace=False", run)


def _softmax(m: TorchModule, x: Any) -> Any:
    return functions.softmax(x, m.options["dim"])


def _pad(mode: str, valued: bool = False) -> Kind:
    def run(m: TorchModule, x: Any) -> Tensor:
        sides = m.options["padding"]
        rank = basics.rank_of(basics.tensor(x))
        sides = list(sides) if isinstance(sides, list | tuple) else [sides] * 2 * rank
        return pools.pad(x, sides, mode, m.options.get("value") or None)

    return Kind("padding value" if valued else "padding", run)


def _attention(m: TorchModule, query: Any, key: Any, value: Any, **options: Any) -> Any:
    o, c = m.options, m.options["embed_dim"]
    if key is not value:
        raise NotFollowed(
            "attention with keys from one tensor and values from another has no counterpart here"
        )
    if not o["batch_first"]:
        raise NotFollowed("this attention takes positions first", "give it batch_first=True")
    if o["dropout"]:
        basics.tensor(query).trace.note(
            "framework-differs", "the dropout within an attention is not carried: in use it changes nothing"
        )
    if strange := [n for n in options if n not in ("need_weights", "average_attn_weights")]:
        raise NotFollowed(f"attention with {strange[0]} has no counterpart here")
    others = o["kdim"] or c
    if (o["vdim"] or c) != others:
        raise NotFollowed("attention to keys and values of several widths has no counterpart here")
    if others == c:
        parameters = {"in_proj_weight": m.parameter("in_proj_weight", 3 * c, c)}
    else:
        sizes = {"q": c, "k": others, "v": others}
        parameters = {f"{n}_proj_weight": m.parameter(f"{n}_proj_weight", c, s) for n, s in sizes.items()}
    parameters["out_proj.weight"] = m.parameter("out_proj.weight", c, c)
    if o["bias"]:
        parameters |= {"in_proj_bias": m.parameter("in_proj_bias", 3 * c),
                       "out_proj.bias": m.parameter("out_proj.bias", c)}  # fmt: skip
    return layers.attention(query, c, o["num_heads"], parameters, m.path, value), None


def _identity(m: TorchModule, x: Any) -> Any:
    if isinstance(x, TorchScores):
        return x
    return basics.elementwise(x, "identity").part_of(basics.tensor(x))


def _flatten(m: TorchModule, x: Any) -> Tensor:
    return views.flatten(x, m.options["start_dim"], m.options["end_dim"])


def _unpool(m: TorchModule, x: Any, indices: Any, output_size: Any = None) -> Tensor:
    return pools.max_unpool(x, indices, **m.options, output_size=output_size)


def _upsample(m: TorchModule, x: Any) -> Tensor:
    return pools.interpolate(x, **m.options)


def _upsampled(mode: str) -> Callable[..., Tensor]:
    return lambda m, x: pools.interpolate(x, **m.options, mode=mode, align_corners=mode != "nearest")


_POOL: Final = "kernel_size stride=None padding=0"
_NORM: Final = "eps=1e-5 momentum=0.1 affine=False track_running_stats=False! bias=True"
UNTOLD: Final = frozenset({"device", "dtype", "sparse"})
"""Options of modules that change no number of a network in use."""
_UPSAMPLE: Final = "size=None scale_factor=None mode='nearest' align_corners=None recompute_scale_factor=None"
_BARE: Final = {
    "ReLU": "relu", "ReLU6": "relu6", "Sigmoid": "sigmoid", "Tanh": "tanh", "SiLU": "silu", "Mish": "mish",
    "Hardswish": "hardswish", "Hardsigmoid": "hardsigmoid", "SELU": "selu",
}  # fmt: skip

MODULES: Final[dict[str, Kind]] = {
    **{f"Conv{n}d": _conv(n) for n in (1, 2, 3)}, **{f"LazyConv{n}d": _conv(n, True) for n in (1, 2, 3)},
    **{f"ConvTranspose{n}d": _upconv(n) for n in (1, 2, 3)},
    "Linear": Kind("in_features out_features bias=True", _linear),
    "LazyLinear": Kind("out_features bias=True", _linear),
    **{f"BatchNorm{n}d": _batchnorm(n) for n in (1, 2, 3)},
    **{f"LazyBatchNorm{n}d": _batchnorm(n, True) for n in (1, 2, 3)},
    "SyncBatchNorm": Kind(f"{_batchnorm(2).arguments} process_group=None!",
                          lambda m, x: _batchnorm(basics.rank_of(basics.tensor(x))).run(m, x)),
    "LayerNorm": Kind("normalized_shape eps=1e-5 elementwise_affine=True bias=True", _layernorm),
    "RMSNorm": Kind("normalized_shape eps=None elementwise_affine=True", _rmsnorm),
    "GroupNorm": Kind("num_groups num_channels eps=1e-5 affine=True bias=True", _groupnorm),
    **{f"InstanceNorm{n}d": Kind(f"num_features {_NORM}", _instancenorm) for n in (1, 2, 3)},
    "PReLU": Kind("num_parameters=1 init=0.25", _prelu),
    "LocalResponseNorm": _call("local_response_norm", "size alpha=1e-4 beta=0.75 k=1.0"),
    **{f"MaxPool{n}d": _call(f"max_pool{n}d", f"{_POOL} dilation=1 return_indices=False ceil_mode=False")
       for n in (1, 2, 3)},
    **{f"AvgPool{n}d": _call(f"avg_pool{n}d",
                             f"{_POOL} ceil_mode=False count_include_pad=True divisor_override=None")
       for n in (1, 2, 3)},
    **{f"MaxUnpool{n}d": Kind(_POOL, _unpool) for n in (1, 2, 3)},
    **{f"AdaptiveAvgPool{n}d": _call(f"adaptive_avg_pool{n}d", "output_size") for n in (1, 2, 3)},
    **{f"AdaptiveMaxPool{n}d": _call(f"adaptive_max_pool{n}d", "output_size return_indices=False!")
       for n in (1, 2, 3)},
    **{name: _call(function, "inplace=False") for name, function in _BARE.items()},
    "LeakyReLU": _call("leaky_relu", "negative_slope=0.01 inplace=False"),
    "ELU": _call("elu", "alpha=1.0 inplace=False"), "GELU": _call("gelu", "approximate='none'"),
    "Hardtanh": _call("hardtanh", "min_val=-1.0 max_val=1.0 inplace=False min_value=None! max_value=None!"),
    "GLU": _call("glu", "dim=-1"),
    "Softplus": _call("softplus", "beta=1.0 threshold=20.0"),
    "Softmax": Kind("dim=None", _softmax), "Softmax2d": _call("softmax"),
    "LogSoftmax": _call("log_softmax", "dim=None"),
    "Dropout": _dropout("dropout"), **{f"Dropout{n}d": _dropout("dropout2d") for n in (1, 2, 3)},
    "Identity": Kind("a=None b=None c=None", _identity),
    "Flatten": Kind("start_dim=1 end_dim=-1", _flatten),
    "Unflatten": Kind("dim unflattened_size",
                      lambda m, x: views.unflatten(x, m.options["dim"], m.options["unflattened_size"])),
    "Upsample": Kind(_UPSAMPLE, _upsample),
    "UpsamplingNearest2d": Kind("size=None scale_factor=None", _upsampled("nearest")),
    "UpsamplingBilinear2d": Kind("size=None scale_factor=None", _upsampled("bilinear")),
    **{f"ZeroPad{n}d": _pad("constant") for n in (1, 2, 3)},
    **{f"ConstantPad{n}d": _pad("constant", True) for n in (1, 2, 3)},
    **{f"ReflectionPad{n}d": _pad("reflect") for n in (1, 2, 3)},
    **{f"ReplicationPad{n}d": _pad("replicate") for n in (1, 2, 3)},
    "PixelShuffle": _call("pixel_shuffle", "upscale_factor"),
    "PixelUnshuffle": _call("pixel_unshuffle", "downscale_factor"),
    "ChannelShuffle": _call("channel_shuffle", "groups"),
    "MultiheadAttention": Kind(
        "embed_dim num_heads dropout=0.0 bias=True add_bias_kv=False! add_zero_attn=False! kdim=None "
        "vdim=None batch_first=False", _attention),
}  # fmt: skip
"""By their names in ``torch.nn``."""
CONTAINERS: Final = ("Sequential", "ModuleList", "ModuleDict")


def made(kind: str, arguments: list[Any], options: dict[str, Any]) -> TorchModule:
    """A module as its constructor makes it; raises NotFollowed for one that is not known."""
    if kind in CONTAINERS:
        return TorchModule(kind, {}, _children(arguments))
    if kind not in MODULES:
        raise NotFollowed(f"the reader does not know torch.nn.{kind}")
    found = bound(f"nn.{kind}", MODULES[kind].arguments, arguments, options, UNTOLD)
    return TorchModule(kind, found)


def _children(arguments: list[Any]) -> dict[str, Any]:
    first = arguments[0] if len(arguments) == 1 else None
    if isinstance(first, dict):
        return {str(name): child for name, child in first.items()}
    children = first if isinstance(first, list | tuple) else arguments
    return {str(n): child for n, child in enumerate(children)}


# Those of files that cnnspec wrote -------------------------------------------------------
