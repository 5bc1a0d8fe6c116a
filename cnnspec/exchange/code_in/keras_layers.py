"""What Keras's layers do, as layers of ours: one table for code that is read and for live models.

Maps are channels last in both. An array of a layer is a ``ModelArray`` whose turn brings it into PyTorch's
order of axes, and behind a flatten into the order in which we flatten.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from math import prod
from typing import Any, Final

from cnnspec.exchange.code_in.trace import ModelArray, NotFollowed, Trace
from cnnspec.exchange.code_out.rearranging import steps_of
from cnnspec.exchange.initials import of_keras
from cnnspec.layers.base import Shape
from cnnspec.layers.registry import LAYERS


@dataclass(frozen=True)
class Map:
    """A layer's output; ``flat`` is the shape of the map that it was flattened from in Keras's order."""

    node: str
    flat: Shape | None = None
    padded: tuple[tuple[tuple[int, int], ...], float] | None = None
    """Pixels around it, of a value that only a pool can use."""


@dataclass(frozen=True, eq=False)
class Initializer:
    """One of ``keras.initializers`` as code makes it."""

    name: str
    options: dict[str, Any]


def initializer_names(name: str) -> list[str]:
    """The arguments of an initialiser in their order."""
    first = {"VarianceScaling": "scale mode distribution", "RandomUniform": "minval maxval",
             "Orthogonal": "gain", "Constant": "value"}  # fmt: skip
    return first.get(name, "mean stddev").split()


def initializer(value: Any) -> tuple[str, dict[str, Any]]:
    """The name and options of an initialiser, as code or a configuration has it; none for none."""
    if isinstance(value, dict):
        return str(value.get("class_name", "")), dict(value.get("config") or {})
    if isinstance(value, Initializer):
        return value.name, value.options
    name = getattr(value, "last", value)
    return (name, {}) if isinstance(name, str) else ("", {}) if value is None else ("what is given", {"?": 0})


@dataclass
class Layering:
    """One layer being made: its options, its inputs, and what its own layers are called."""

    trace: Trace
    options: dict[str, Any]
    inputs: list[Map]
    name: str = ""

    @property
    def x(self) -> Map:
        if self.inputs[0].padded is not None:
            raise NotFollowed("padding with a value other than 0 is read before a max pool alone")
        return self.inputs[0]

    @property
    def shape(self) -> Shape:
        return self.trace.shapes[self.inputs[0].node]

    @property
    def rank(self) -> int:
        return len(self.shape) - 1

    def add(
        self, word: str, weights: dict[str, ModelArray] | None = None, /, part: str = "", **options: Any
    ) -> Map:
        """A layer on the first input."""
        if word not in LAYERS:
            raise NotFollowed(f"the language has no {word}")
        name = f"{self.name}.{part}" if self.name and part else self.name
        return Map(self.trace.add(word, [self.x.node], options, name, weights))

    def array(
        self, key: str, *shape: int, turn: Callable[[Any], Any] | None = None, begins: str = "",
        flipped: bool = False,
    ) -> ModelArray:  # fmt: skip
        """An array of the layer; ``begins`` is the option that says how, ``flipped`` as in ``of_keras``."""
        owner = self.options.get("owner") if key == "kernel" else None
        options = self.options if owner is None else owner.options
        name = f"{options.get('_key', id(options))}.{key}"
        init = self._init(begins, flipped) if begins in self.options else ""
        still = self.options.get("trainable", True) is False
        return ModelArray(name, shape, turn, init, still, tied=owner is not None)

    def _init(self, option: str, flipped: bool) -> str:
        name, options = initializer(self.options[option])
        if not name or (name == "GlorotUniform" and "_key" in self.options):
            return ""  # what Keras writes into every configuration
        found = of_keras(name, options, flipped)
        if found is None:
            self.trace.note("framework-differs", f"{option}={name} with these options is not carried")
        return found or ""

    def then(self, found: Map, word: str, **options: Any) -> Map:
        """Another layer on what was made."""
        return Map(self.trace.add(word, [found.node], options))

    def activated(self, found: Map) -> Map:
        chosen = self.options.get("activation")
        return found if chosen is None else activation(self.trace, found, chosen)


def activation(trace: Trace, x: Map, chosen: Any) -> Map:
    """An activation by Keras's name."""
    chosen = chosen.get("config", chosen.get("class_name")) if isinstance(chosen, dict) else chosen
    name = str(getattr(chosen, "last", chosen))
    if name == "linear":
        return x
    if name not in ACTIVATIONS or ACTIVATIONS[name][0] not in LAYERS:
        raise NotFollowed(f"the language has no activation {name}")
    word, options = ACTIVATIONS[name]
    return replace(x, node=trace.add(word, [x.node], options))


ACTIVATIONS: Final[dict[str, tuple[str, dict[str, Any]]]] = {
    "relu": ("relu", {}), "relu6": ("relu", {"max": 6.0}), "sigmoid": ("sigmoid", {}), "tanh": ("tanh", {}),
    "softmax": ("softmax", {}), "elu": ("elu", {}), "gelu": ("gelu", {}), "silu": ("silu", {}),
    "swish": ("silu", {}), "hard_sigmoid": ("hardsigmoid", {}), "hard_silu": ("hardswish", {}),
    "hard_swish": ("hardswish", {}), "leaky_relu": ("leakyrelu", {"slope": 0.2}), "selu": ("selu", {}),
    "softplus": ("softplus", {}), "mish": ("mish", {}), "exponential": ("exp", {}),
}  # fmt: skip


def sizes(value: Any, rank: int) -> tuple[int, ...]:
    found = tuple(value) if isinstance(value, list | tuple) else (value,) * rank
    if len(found) not in (1, rank) or not all(type(one) is int for one in found):
        raise NotFollowed(f"{value!r} is no size along {rank} axes")
    return found * rank if len(found) == 1 else found


def short(found: Sequence[int]) -> tuple[int, ...]:
    return tuple(found[:1]) if len(set(found)) == 1 else tuple(found)


def _last_first(array: Any) -> Any:
    """Kernels with inputs and outputs last, as PyTorch has them: first, the other way round."""
    import numpy as np

    return np.moveaxis(array, (-1, -2), (0, 1))


def _padding(t: Layering, kernel: Sequence[int], dilation: Sequence[int]) -> Any:
    padding, strides = t.options.get("padding", "valid"), sizes(t.options.get("strides", 1), t.rank)
    if padding == "causal":
        return (dilation[0] * (kernel[0] - 1), 0)
    if padding == "same" and any(step > 1 for step in strides):
        t.trace.note(
            "framework-differs",
            "padding same with a stride pads an odd pixel at the far end, here as in Keras; "
            "PyTorch's padding is the same on both sides",
        )
    if padding not in ("same", "valid"):
        raise NotFollowed(f"padding {padding!r} is not known")
    return padding if padding == "same" else (0,)


def _need(t: Layering, rank: int) -> None:
    if t.rank != rank:
        raise NotFollowed(
            f"the layer needs a map with {rank} spatial axes, not {t.shape}", code="needs-a-map"
        )


def conv(rank: int) -> Callable[[Layering], Map]:
    def make(t: Layering) -> Map:
        _need(t, rank)
        o, channels = t.options, t.shape[-1]
        kernel, dilation = sizes(o["kernel_size"], rank), sizes(o["dilation_rate"], rank)
        groups, filters = o.get("groups", 1), o["filters"]
        weights = {
            "weight": t.array("kernel", *kernel, channels // groups, filters, turn=_last_first, begins=KERNEL)
        }
        if o["use_bias"]:
            weights["bias"] = t.array("bias", filters)
        return t.activated(t.add(
            "conv", weights, filters=filters, kernel=kernel, stride=short(sizes(o["strides"], rank)),
            padding=_padding(t, kernel, dilation), dilation=short(dilation), groups=groups,
            bias=bool(o["use_bias"]),
        ))  # fmt: skip

    return make


def depthwise(rank: int) -> Callable[[Layering], Map]:
    def make(t: Layering) -> Map:
        _need(t, rank)
        return t.activated(_depthwise(t, rank, "kernel", bool(t.options["use_bias"])))

    return make


def _depthwise(t: Layering, rank: int, key: str, bias: bool, part: str = "") -> Map:
    o, channels = t.options, t.shape[-1]
    kernel, many = sizes(o["kernel_size"], rank), o.get("depth_multiplier", 1)
    dilation = sizes(o["dilation_rate"], rank)

    def turn(array: Any) -> Any:
        import numpy as np

        return np.moveaxis(array, (-2, -1), (0, 1)).reshape(channels * many, 1, *kernel)

    begins = "depthwise_initializer"
    weights = {"weight": t.array(key, *kernel, channels, many, turn=turn, begins=begins, flipped=True)}
    if bias:
        weights["bias"] = t.array("bias", channels * many)
    return t.add(
        "depthwise", weights, kernel=kernel, stride=short(sizes(o["strides"], rank)),
        padding=_padding(t, kernel, dilation), dilation=short(dilation), multiplier=many,
        bias=bias, part=part,
    )  # fmt: skip


def separable(rank: int) -> Callable[[Layering], Map]:
    """A depthwise convolution without a bias, then a 1x1 one."""

    def make(t: Layering) -> Map:
        _need(t, rank)
        o = t.options
        first = _depthwise(t, rank, "depthwise_kernel", False, "depthwise")
        reads = t.trace.shapes[first.node][-1]
        shape, begins = (*[1] * rank, reads, o["filters"]), "pointwise_initializer"
        weights = {"weight": t.array("pointwise_kernel", *shape, turn=_last_first, begins=begins)}
        if o["use_bias"]:
            weights["bias"] = t.array("bias", o["filters"])
        second = Layering(t.trace, o, [first], t.name)
        return t.activated(second.add(
            "conv", weights, filters=o["filters"], kernel=(1,), bias=bool(o["use_bias"]), part="pointwise"
        ))  # fmt: skip

    return make


def upconv(rank: int) -> Callable[[Layering], Map]:
    def make(t: Layering) -> Map:
        _need(t, rank)
        o, channels = t.options, t.shape[-1]
        kernel, strides = sizes(o["kernel_size"], rank), sizes(o["strides"], rank)
        if o["padding"] not in ("same", "valid"):
            raise NotFollowed(f"padding {o['padding']!r} is not known")
        if o.get("output_padding") is not None:
            raise NotFollowed("output_padding of Keras is not read")
        if set(sizes(o["dilation_rate"], rank)) != {1}:
            raise NotFollowed("a dilation of Keras's transposed convolution is not read")
        shape = (*kernel, o["filters"], channels)
        weights = {"weight": t.array("kernel", *shape, turn=_last_first, begins=KERNEL, flipped=True)}
        if o["use_bias"]:
            weights["bias"] = t.array("bias", o["filters"])
        extra = tuple(max(0, s - k) for s, k in zip(strides, kernel, strict=True))
        padding = {"padding": "same"} if o["padding"] == "same" else {"output_padding": short(extra)}
        return t.activated(t.add(
            "upconv", weights, filters=o["filters"], kernel=kernel, stride=short(strides),
            bias=bool(o["use_bias"]), **padding,
        ))  # fmt: skip

    return make


def dense(t: Layering) -> Map:
    o, reads = t.options, t.shape[-1]
    bias = {"bias": t.array("bias", o["units"])} if o["use_bias"] else {}
    if t.rank:
        rank = t.rank
        turn: Any = lambda array: array.T.reshape(o["units"], reads, *[1] * rank)  # noqa: E731
        weights = {"weight": t.array("kernel", reads, o["units"], turn=turn, begins=KERNEL), **bias}
        made = t.add("conv", weights, filters=o["units"], kernel=(1,), bias=bool(o["use_bias"]))
        return t.activated(made)
    order = _order(t.x.flat)
    turn = lambda array: order(array).T  # noqa: E731
    weights = {"weight": t.array("kernel", reads, o["units"], turn=turn, begins=KERNEL), **bias}
    return t.activated(t.add("dense", weights, units=o["units"], bias=bool(o["use_bias"])))


def _order(flat: Shape | None) -> Callable[[Any], Any]:
    """Values in Keras's order of flattening, put into ours, along the first axis."""

    def ordered(array: Any) -> Any:
        if flat is None:
            return array
        import numpy as np

        places = np.arange(prod(flat)).reshape(flat)
        return array[np.moveaxis(places, -1, 0).ravel()]

    return ordered


def pool(word: str, rank: int) -> Callable[[Layering], Map]:
    def make(t: Layering) -> Map:
        _need(t, rank)
        o = dict(t.options)
        kernel = sizes(o["pool_size"], rank)
        if o["padding"] not in ("same", "valid"):
            raise NotFollowed(f"padding {o['padding']!r} is not known")
        strides = sizes(o["strides"], rank) if o["strides"] is not None else kernel
        options: dict[str, Any] = {
            "kernel": kernel,
            "padding": o["padding"] if o["padding"] == "same" else (0,),
        }
        if strides != kernel:
            options["stride"] = short(strides)
        if word == "avgpool" and o["padding"] == "same":
            options["count_padding"] = False
        if t.inputs[0].padded is not None:
            ends, value = t.inputs[0].padded
            if word != "maxpool" or value != float("-inf") or o["padding"] != "valid":
                raise NotFollowed("padding with a value other than 0 is read before a max pool alone")
            options["padding"] = short([n for end in ends for n in end])
            t.inputs[0] = replace(t.inputs[0], padded=None)
        return t.add(word, **options)

    return make


def global_pool(word: str) -> Callable[[Layering], Map]:
    def make(t: Layering) -> Map:
        found = t.add(word)
        return found if t.options.get("keepdims") else t.then(found, "flatten")

    return make


def _norm_arrays(t: Layering, n: int, *more: str) -> tuple[bool, dict[str, ModelArray]]:
    """Scale and shift; where Keras has but one, the other is as if it had never learned."""
    order = _order(t.x.flat)
    center, scale = t.options.get("center", True), t.options.get("scale", True)
    found = {ours: t.array(theirs, n, turn=order) for ours, theirs in zip(
        ("running_mean", "running_var"), more, strict=False)}  # fmt: skip
    if not center and not scale:
        return False, found
    key = t.options.get("_key", id(t.options))
    still = t.options.get("trainable", True) is False
    found["weight"] = (
        t.array("gamma", n, turn=order) if scale else ModelArray(f"=1 {key}", (n,), frozen=still)
    )
    found["bias"] = t.array("beta", n, turn=order) if center else ModelArray(f"=0 {key}", (n,), frozen=still)
    if not (center and scale):
        t.trace.note(
            "framework-differs",
            f"this norm has a {'scale and no shift' if scale else 'shift and no scale'}; "
            f"here a norm has both or none: {n:,} parameters more",
        )
    return True, found


def batchnorm(t: Layering) -> Map:
    o = t.options
    _need_channels(t, "batch norm")
    affine, weights = _norm_arrays(t, t.shape[-1], "moving_mean", "moving_variance")
    t.trace.note(
        "framework-differs",
        f"batch norm of Keras has epsilon {o['epsilon']} and keeps a share of {o['momentum']}: "
        f"here epsilon={o['epsilon']} momentum={round(1 - o['momentum'], 12)} (PyTorch: 1e-05 and 0.1)",
    )
    made = t.add(
        "batchnorm", weights, epsilon=o["epsilon"], momentum=round(1 - o["momentum"], 12), affine=affine
    )
    return replace(made, flat=t.x.flat)


def _axis(axis: Any, rank: int) -> Any:
    found = axis[0] if isinstance(axis, list | tuple) and len(axis) == 1 else axis
    return found + rank + 2 if isinstance(found, int) and found < 0 else found


def _need_channels(t: Layering, what: str) -> None:
    if _axis(t.options["axis"], t.rank) != t.rank + 1:
        raise NotFollowed(f"{what} over another axis than the channels has no counterpart here")


def softmax(t: Layering) -> Map:
    _need_channels(t, "softmax")
    return replace(t.add("softmax"), flat=t.x.flat)


def layernorm(t: Layering) -> Map:
    axis, o = t.options["axis"], t.options
    axes = sorted(_axis(one, t.rank) for one in (axis if isinstance(axis, list | tuple) else [axis]))
    if axes == [t.rank + 1]:
        affine, weights = _norm_arrays(t, t.shape[-1])
        over = "channels" if t.rank else "all"
        return replace(
            t.add("layernorm", weights, epsilon=o["epsilon"], affine=affine, over=over), flat=t.x.flat
        )
    if axes != list(range(1, t.rank + 2)) or not (o.get("center", True) and o.get("scale", True)):
        raise NotFollowed("layer norm over some of the spatial axes, or with a scale alone")

    def turn(array: Any) -> Any:
        import numpy as np

        return np.moveaxis(array, -1, 0)

    weights = {"weight": t.array("gamma", *t.shape, turn=turn), "bias": t.array("beta", *t.shape, turn=turn)}
    return t.add("layernorm", weights, epsilon=o["epsilon"])


def groupnorm(t: Layering) -> Map:
    o, channels = t.options, t.shape[-1]
    _need_channels(t, "group norm")
    affine, weights = _norm_arrays(t, channels)
    groups = channels if o["groups"] == -1 else o["groups"]
    if o["groups"] == -1 and t.rank:
        return t.add("instancenorm", weights, epsilon=o["epsilon"], affine=affine)
    return t.add("groupnorm", weights, epsilon=o["epsilon"], affine=affine, groups=groups)


def relu(t: Layering) -> Map:
    o = t.options
    if o["negative_slope"] or o["threshold"]:
        raise NotFollowed("a ReLU with a slope or a threshold", "LeakyReLU has a slope")
    found = t.add("relu") if o["max_value"] is None else t.add("relu", max=float(o["max_value"]))
    return replace(found, flat=t.x.flat)


def of_channels(word: str) -> Callable[[Layering], Map]:
    """One value of the channels at each place."""

    def make(t: Layering) -> Map:
        if t.options["axis"] not in (-1, t.rank + 1) or t.options["keepdims"] is not True:
            raise NotFollowed(f"{word} is read over the channels, axis=-1, with keepdims=True")
        return t.add(word)

    return make


def curve(word: str, **fields: str) -> Callable[[Layering], Map]:
    def make(t: Layering) -> Map:
        options = {ours: t.options[theirs] for ours, theirs in fields.items()}
        return replace(t.add(word, **options), flat=t.x.flat)

    return make


def leaky(t: Layering) -> Map:
    slope = t.options.get("alpha")
    return replace(
        t.add("leakyrelu", slope=t.options["negative_slope"] if slope is None else slope), flat=t.x.flat
    )


def dropout(t: Layering) -> Map:
    rate, shape = t.options["rate"], t.options["noise_shape"]
    if not rate:
        return t.x
    if shape is None:
        return replace(t.add("dropout", rate=rate), flat=t.x.flat)
    *places, channels = shape[1:]
    if set(places) <= {1} and channels == 1:
        return replace(t.add("droppath", rate=rate), flat=t.x.flat)
    if set(places) == {1} and channels in (None, -1, t.shape[-1]):
        return t.add("dropout", rate=rate, channels=True)
    raise NotFollowed("dropout of rows or columns together has no counterpart here")


def channels_dropout(t: Layering) -> Map:
    return t.add("dropout", rate=t.options["rate"], channels=True) if t.options["rate"] else t.x


def adaptive(word: str, rank: int) -> Callable[[Layering], Map]:
    def make(t: Layering) -> Map:
        _need(t, rank)
        return t.add(word, to=short(sizes(t.options["output_size"], rank)))

    return make


def rescaling(t: Layering) -> Map:
    by, shift = (t.options[name] for name in ("scale", "offset"))
    if not all(type(one) in (int, float) for one in (by, shift)):
        raise NotFollowed("Rescaling by a number for each channel has no counterpart here")
    return replace(t.add("scale", by=float(by), shift=float(shift)), flat=t.x.flat)


def permute(t: Layering) -> Map:
    letters = "DHWC"[-len(t.shape) :] if t.rank > 1 else "WC"
    order = "".join(letters[axis - 1] for axis in t.options["dims"])
    return t.x if order == letters else t.add("transpose", order=order)


def in_training(t: Layering) -> Map:
    t.trace.note("framework-differs", "a layer that is at work in training alone is left out", "see: augment")
    return t.x


def rmsnorm(t: Layering) -> Map:
    o = t.options
    axes = sorted(
        _axis(one, t.rank) for one in (o["axis"] if isinstance(o["axis"], list | tuple) else [o["axis"]])
    )
    if axes != [t.rank + 1]:
        raise NotFollowed("RMS norm over other axes than the channels has no counterpart here")
    weights = {"weight": t.array("scale", t.shape[-1], turn=_order(t.x.flat))}
    over = "channels" if t.rank else "all"
    return replace(t.add("rmsnorm", weights, epsilon=o["epsilon"], over=over), flat=t.x.flat)


def attention(t: Layering) -> Map:
    """Over all positions of a map or sequence, which is what Keras does unless it is told the axes."""
    o, channels, others = t.options, t.shape[-1], t.trace.shapes[t.inputs[-1].node][-1]
    if len(t.inputs) > 2 and t.inputs[1].node != t.inputs[2].node:
        raise NotFollowed(
            "attention with keys from one tensor and values from another has no counterpart here"
        )
    if "_key" in o:
        raise NotFollowed("attention is read from code, not from a live model")
    if not t.rank or o["value_dim"] not in (None, o["key_dim"]) or o["output_shape"] not in (None, channels):
        raise NotFollowed("attention to another width than its input's has no counterpart here")
    if o["dropout"]:
        t.trace.note(
            "framework-differs", "the dropout within an attention is not carried: in use it changes nothing"
        )
    width = o["num_heads"] * o["key_dim"]
    parts = {"in": (3 * width, channels)} if channels == others else {
        "q": (width, channels), "k": (width, others), "v": (width, others)}  # fmt: skip
    weights = {f"{n}_proj_weight": t.array(f"{n}_proj", *shape, begins=KERNEL) for n, shape in parts.items()}
    weights["out_proj.weight"] = t.array("out_proj", channels, width)
    if o["use_bias"]:
        weights |= {
            "in_proj_bias": t.array("in_bias", 3 * width),
            "out_proj.bias": t.array("out_bias", channels),
        }
    options: dict[str, Any] = {"heads": o["num_heads"], "bias": bool(o["use_bias"])}
    options |= {"width": width} if width != channels else {}
    inputs = [t.x.node]
    if t.inputs[-1].node != t.x.node:
        inputs.append(t.inputs[-1].node)
        options["to"] = inputs[-1]
    return Map(t.trace.add("attention", inputs, options, t.name, weights))


def prelu(t: Layering) -> Map:
    axes = sorted(t.options["shared_axes"] or ())
    t.trace.note("framework-differs", "a slope of PReLU begins at 0.25 here, and at 0 in Keras unless said")
    if axes not in (list(range(1, t.rank + 1)), list(range(1, t.rank + 2))):
        raise NotFollowed("a PReLU with a slope of its own at each pixel", "share it: shared_axes=[1, 2]")
    shared = len(axes) > t.rank
    slopes = 1 if shared else t.shape[-1]
    weight = t.array("alpha", slopes, turn=lambda array: array.reshape(slopes))
    return t.add("prelu", {"weight": weight}, shared=shared)


def flatten(t: Layering) -> Map:
    if not t.rank:
        return t.x
    shape = t.shape
    found = t.add("flatten")
    if shape[-1] > 1 and prod(shape[:-1]) > 1:
        t.trace.note(
            "framework-differs",
            "Flatten of Keras runs row, column, channel; here it runs channel, row, column, as in PyTorch: "
            "the layer behind it has the same numbers in another order",
        )
        return replace(found, flat=shape)
    return found


def reshape(t: Layering) -> Map:
    target = (
        [t.options["target_shape"]]
        if isinstance(t.options["target_shape"], int)
        else list(t.options["target_shape"])
    )
    whole = prod(t.shape)
    if target.count(-1) == 1:
        target[target.index(-1)] = whole // max(1, -prod(target))
    if prod(target) != whole:
        raise NotFollowed(
            f"{t.shape} cannot be reshaped to {tuple(target)}", code="reshape-changes-the-count"
        )
    if tuple(target) == t.shape:
        return t.x
    keeps = target[-1] == t.shape[-1] or (t.rank == 0 and prod(target[:-1]) == 1)
    single = t.shape[-1] == 1 and target[-1] == 1
    one_place = prod(t.shape[:-1]) == 1 and (prod(target[:-1]) == 1)
    onto_one = t.rank == 0 and target[-1] == 1
    if not (keeps or single or one_place or onto_one):
        if t.x.flat is not None and tuple(target) == t.x.flat:
            return t.add("reshape", to=tuple(target))
        raise NotFollowed(
            "Reshape of Keras fills channels first at each pixel, which the language says only where "
            "the channels stay"
        )
    if len(target) == 1:
        return t.add("flatten")
    return t.add("reshape", to=tuple(target))


def sides(value: Any, rank: int) -> tuple[tuple[int, int], ...]:
    """Keras's paddings: a number, one an axis, or two an axis."""
    if isinstance(value, int):
        return ((value, value),) * rank
    found = tuple(value)
    if rank == 1 and len(found) == 2 and all(isinstance(one, int) for one in found):
        return (found,)
    return tuple((one, one) if isinstance(one, int) else tuple(one) for one in found)


def ends(word: str, rank: int, key: str) -> Callable[[Layering], Map]:
    def make(t: Layering) -> Map:
        _need(t, rank)
        pixels = tuple(n for end in sides(t.options[key], rank) for n in end)
        return t.add(word, amount=short(pixels)) if any(pixels) else t.x

    return make


def pad(t: Layering) -> Map:
    """``ops.pad``: with zeros a layer; with another value kept for the pool that reads it."""
    pixels = tuple(tuple(end) for end in t.options["pad_width"])
    value = t.options.get("constant_values") or 0.0
    if len(pixels) != t.rank + 2 or any(map(any, (pixels[0], pixels[-1]))) or t.options["mode"] != "constant":
        raise NotFollowed("only the spatial axes of a map are padded, with one value")
    inner = pixels[1:-1]
    if value:
        return replace(t.x, padded=(inner, float(value)))
    amount = short([n for end in inner for n in end])
    return t.add("pad", amount=amount) if any(amount) else t.x


def upsample(rank: int) -> Callable[[Layering], Map]:
    def make(t: Layering) -> Map:
        _need(t, rank)
        mode = t.options.get("interpolation", "nearest")
        if mode not in ("nearest", "bilinear"):
            raise NotFollowed(f"upsampling by {mode} has no counterpart here")
        return t.add("upsample", scale=short(sizes(t.options["size"], rank)), mode=mode)

    return make


def merge(word: str) -> Callable[[Layering], Map]:
    def make(t: Layering) -> Map:
        if word == "concat" and _axis(t.options.get("axis", -1), t.rank) != t.rank + 1:
            raise NotFollowed("Concatenate along another axis than the channels has no counterpart here")
        flats = {one.flat for one in t.inputs}
        if len(flats) > 1 or (word == "concat" and flats != {None}):
            raise NotFollowed("a flattened map meets a vector of another order")
        return Map(t.trace.add(word, [one.node for one in t.inputs], {}, t.name), t.inputs[0].flat)

    return make


def slices(t: Layering) -> Map:
    start, stop = t.options["start"], t.options["stop"]
    return t.add("slice", start=start, stop=min(stop, t.shape[-1]))


@dataclass(frozen=True)
class KerasKind:
    arguments: str
    make: Callable[[Layering], Map]


_CONV: Final = ("filters kernel_size strides=1 padding='valid' data_format=None dilation_rate=1 groups=1 "
                "activation=None use_bias=True")  # fmt: skip
_POOLED: Final = "pool_size=2 strides=None padding='valid' data_format=None"
_POOLED_TO: Final = "output_size data_format=None"
_SEPARABLE: Final = ("filters kernel_size strides=1 padding='valid' data_format=None dilation_rate=1 "
                     "depth_multiplier=1 activation=None use_bias=True")  # fmt: skip

KERNEL: Final = "kernel_initializer"
KINDS: dict[str, KerasKind] = {
    **{f"Conv{n}D": KerasKind(_CONV, conv(n)) for n in (1, 2, 3)},
    **{f"DepthwiseConv{n}D": KerasKind(
        "kernel_size strides=1 padding='valid' depth_multiplier=1 data_format=None dilation_rate=1 "
        "activation=None use_bias=True", depthwise(n)) for n in (1, 2)},
    **{f"SeparableConv{n}D": KerasKind(_SEPARABLE, separable(n)) for n in (1, 2)},
    **{f"Conv{n}DTranspose": KerasKind(
        f"filters kernel_size strides=1 padding='valid' {rest} dilation_rate=1 activation=None use_bias=True",
        upconv(n)) for n, rest in zip((1, 2, 3), (*["output_padding=None data_format=None"] * 2,
                                                  "data_format=None output_padding=None"), strict=True)},
    "Dense": KerasKind("units activation=None use_bias=True", dense),
    **{f"MaxPooling{n}D": KerasKind(_POOLED, pool("maxpool", n)) for n in (1, 2, 3)},
    **{f"AveragePooling{n}D": KerasKind(_POOLED, pool("avgpool", n)) for n in (1, 2, 3)},
    **{f"GlobalAveragePooling{n}D": KerasKind("data_format=None keepdims=False", global_pool("globalavgpool"))
       for n in (1, 2, 3)},
    **{f"GlobalMaxPooling{n}D": KerasKind("data_format=None keepdims=False", global_pool("globalmaxpool"))
       for n in (1, 2, 3)},
    "BatchNormalization": KerasKind("axis=-1 momentum=0.99 epsilon=0.001 center=True scale=True", batchnorm),
    "LayerNormalization": KerasKind("axis=-1 epsilon=0.001 center=True scale=True", layernorm),
    "GroupNormalization": KerasKind("groups=32 axis=-1 epsilon=0.001 center=True scale=True", groupnorm),
    "RMSNormalization": KerasKind("axis=-1 epsilon=1e-6", rmsnorm),
    "MultiHeadAttention": KerasKind(
        "num_heads key_dim value_dim=None dropout=0.0 use_bias=True output_shape=None attention_axes=None! "
        "sliding_window=None! flash_attention=None use_gate=False!", attention),
    **{f"AdaptiveAveragePooling{n}D": KerasKind(_POOLED_TO, adaptive("avgpool", n)) for n in (1, 2, 3)},
    **{f"AdaptiveMaxPooling{n}D": KerasKind(_POOLED_TO, adaptive("maxpool", n)) for n in (1, 2, 3)},
    "ReLU": KerasKind("max_value=None negative_slope=0.0 threshold=0.0", relu),
    "LeakyReLU": KerasKind("negative_slope=0.3 alpha=None", leaky),
    "ELU": KerasKind("alpha=1.0", curve("elu", alpha="alpha")),
    "PReLU": KerasKind(
        "alpha_initializer='zeros' alpha_regularizer=None alpha_constraint=None shared_axes=None", prelu),
    "Softmax": KerasKind("axis=-1", softmax),
    "Activation": KerasKind("activation", lambda t: t.activated(t.x)),
    "Dropout": KerasKind("rate noise_shape=None seed=None", dropout),
    **{f"SpatialDropout{n}D": KerasKind("rate", channels_dropout) for n in (1, 2, 3)},
    "Flatten": KerasKind("data_format=None", flatten), "Reshape": KerasKind("target_shape", reshape),
    "Identity": KerasKind("", curve("identity")),
    **{f"ZeroPadding{n}D": KerasKind("padding=1 data_format=None", ends("pad", n, "padding"))
       for n in (1, 2, 3)},
    **{f"Cropping{n}D": KerasKind(f"cropping={int(n != 2)} data_format=None", ends("crop", n, "cropping"))
       for n in (1, 2, 3)},
    **{f"UpSampling{n}D": KerasKind(f"size=2 {rest}", upsample(n)) for n, rest in (
        (1, ""), (2, "data_format=None interpolation='nearest'"), (3, "data_format=None"))},
    "Rescaling": KerasKind("scale offset=0.0", rescaling), "Permute": KerasKind("dims", permute),
    **{name: KerasKind("a=None b=None c=None d=None", in_training) for name in (
        "GaussianNoise", "GaussianDropout", "AlphaDropout", "ActivityRegularization", "RandomFlip",
        "RandomRotation", "RandomZoom", "RandomTranslation", "RandomContrast", "RandomBrightness")},
    "Add": KerasKind("", merge("add")), "Multiply": KerasKind("", merge("multiply")),
    "Concatenate": KerasKind("axis=-1", merge("concat")), "Subtract": KerasKind("", merge("subtract")),
    "Maximum": KerasKind("", merge("maximum")), "Minimum": KerasKind("", merge("minimum")),
    "pad": KerasKind("pad_width mode='constant' constant_values=None", pad),
    "slice": KerasKind("start stop", slices), "Divide": KerasKind("", merge("divide")),
    "by number": KerasKind("by shift", curve("scale", by="by", shift="shift")),
    "power": KerasKind("exponent", curve("power", exponent="exponent")),
    **{word: KerasKind("", curve(word)) for word in ("abs", "square", "sqrt", "exp", "log")},
    **{word: KerasKind("axis=None keepdims=False", of_channels(word)) for word in ("max", "mean")},
}  # fmt: skip
"""By their names in ``keras.layers``; the last rows are operations on tensors."""
# Those of files that cnnspec wrote -------------------------------------------------------


def _subsample(t: Layering) -> Map:
    pool = t.options["pool"].options
    stride = pool["pool_size"] if pool["strides"] is None else pool["strides"]
    rank, channels = t.rank, t.shape[-1]
    weights = {name: t.array(name, channels) for name in ("weight", "bias")}
    kernel, strides = (short(sizes(one, rank)) for one in (pool["pool_size"], stride))
    return t.add("subsample", weights, kernel=kernel, stride=strides)


def _table_conv(t: Layering) -> Map:
    o, rows = t.options, t.options["table"].split(";")
    weights = {"weight": t.array("weight", sum(len(row.split()) for row in rows), *o["kernel"])}
    if o["use_bias"]:
        weights["bias"] = t.array("bias", len(rows))
    return t.add(
        "conv", weights, filters=len(rows), kernel=o["kernel"], connections=o["table"],
        stride=short(sizes(o["strides"], 2)), dilation=short(sizes(o["dilation"], 2)),
        bias=bool(o["use_bias"]),
    )  # fmt: skip


def _unpooled(t: Layering) -> Map:
    """To the places of the pool that reads the second input."""
    source, kernel = t.inputs[1].node, tuple(t.options["kernel"])
    for name, inputs in t.trace.inputs.items():
        layer: Any = t.trace.made[name].layer
        if inputs == (source,) and layer.word == "maxpool" and layer.kernel == kernel:
            return Map(t.trace.add("unpool", [t.inputs[0].node, name], {"pool": name}, t.name))
    raise NotFollowed("no pool reads the map whose places are meant")


def _scale(t: Layering) -> Map:
    o = t.options
    weights = {name: t.array(name, t.shape[-1]) for name in ("weight", *(["bias"] if o["bias"] else []))}
    return t.add("scale", weights, initial=o["initial"], bias=bool(o["bias"]), shift=o["shift"])


def _rearranged(t: Layering) -> Map:
    """The trade of pixels for channels whose steps these are."""
    wanted = [list(t.options[name]) for name in ("split", "order", "joined")]
    joined = wanted[2]
    for word in ("pixelshuffle", "pixelunshuffle"):
        small, large = (t.shape, joined) if word == "pixelshuffle" else (joined, t.shape)
        for order in ("crd", "dcr"):
            options: dict[str, Any] = {"factor": max(1, large[0] // small[0]), "order": order}
            layer = LAYERS[word](**options)
            if list(map(list, steps_of(layer, t.shape, tuple(joined), channels_first=False))) == wanted:
                return t.add(word, **options)
    raise NotFollowed("these axes are rearranged in a way the language cannot say")


def _mirrored(t: Layering) -> Map:
    pixels = short([n for end in t.options["pixels"] for n in end])
    return t.add("pad", amount=pixels, mode=t.options["mode"])


def _tied(t: Layering) -> Map:
    o, owner = t.options, t.options["owner"]
    kinds = {"matmul": "Dense", "conv": owner.kind.removesuffix("Transpose"),
             "conv_transpose": f"{owner.kind}Transpose"}  # fmt: skip
    shape = {"filters": o["units"], "kernel_size": owner.options.get("kernel_size"), "_key": id(o)}
    layering = Layering(t.trace, {**o, **shape}, t.inputs, t.name)
    return KINDS[kinds[o["function"].last]].make(layering)


KINDS |= {
    "cnnspec.Tied": KerasKind(
        "owner function units use_bias=True strides=1 padding='valid' dilation_rate=1", _tied),
    "cnnspec.Subsample": KerasKind("pool taps", _subsample),
    "cnnspec.TableConv2D": KerasKind("table kernel strides=1 dilation=1 use_bias=True", _table_conv),
    "cnnspec.unpooled": KerasKind("kernel", _unpooled),
    "cnnspec.Scale": KerasKind("initial=1.0 bias=False shift=0.0", _scale),
    "cnnspec.Positions": KerasKind("", lambda t: t.add(
        "positions", {"weight": t.array("weight", prod(t.shape[:-1]), t.shape[-1])})),
    "cnnspec.ClassToken": KerasKind("count=1", lambda t: t.add(
        "token", {"weight": t.array("weight", t.options["count"], t.shape[-1])}, count=t.options["count"])),
    "cnnspec.rearranged": KerasKind("split order joined", _rearranged),
    "cnnspec.mirrored": KerasKind("pixels mode", _mirrored),
    "cnnspec.reshaped": KerasKind("to", lambda t: t.add("reshape", to=tuple(t.options["to"]))),
    "cnnspec.shuffled": KerasKind("groups", lambda t: t.add("shuffle", groups=t.options["groups"])),
    "cnnspec.bed_of_nails": KerasKind(
        "scales", lambda t: t.add("upsample", scale=short(t.options["scales"]), mode="nails")),
    "cnnspec.local_response_norm": KerasKind("size alpha beta k", curve(
        "lrn", size="size", alpha="alpha", beta="beta", k="k")),
}  # fmt: skip
SAME_KINDS: Final = {
    **{f"MaxPool{n}D": f"MaxPooling{n}D" for n in (1, 2, 3)},
    **{f"AvgPool{n}D": f"AveragePooling{n}D" for n in (1, 2, 3)},
    **{f"AvgPooling{n}D": f"AveragePooling{n}D" for n in (1, 2, 3)},
    **{f"GlobalAvgPool{n}D": f"GlobalAveragePooling{n}D" for n in (1, 2, 3)},
    **{f"GlobalMaxPool{n}D": f"GlobalMaxPooling{n}D" for n in (1, 2, 3)},
    **{f"Convolution{n}D": f"Conv{n}D" for n in (1, 2, 3)},
    "add": "Add", "multiply": "Multiply", "concatenate": "Concatenate", "subtract": "Subtract",
    "maximum": "Maximum", "minimum": "Minimum",
}  # fmt: skip
"""Other names of the same."""
UNTOLD: Final = frozenset(
    """
    name dtype trainable input_shape input_dim batch_input_shape input_length batch_size weights autocast
    seed synchronized fused virtual_batch_size lora_alpha kernel_initializer depthwise_initializer
    pointwise_initializer fill_mode interpolation fill_value data_format
    """.split()  # noqa: SIM905
)
"""Options of all layers that change no number of a network in use, or are read by another name."""
USUAL_BEGIN: Final[Mapping[str, Any]] = {
    **dict.fromkeys(("bias_initializer", "beta_initializer", "moving_mean_initializer"), "zeros"),
    **dict.fromkeys(("gamma_initializer", "moving_variance_initializer"), "ones"),
    "alpha_initializer": "zeros",
}  # fmt: skip
IN_TRAINING: Final = frozenset(
    f"{array}_{what}" for what in ("regularizer", "constraint")
    for array in ("kernel", "bias", "activity", "beta", "gamma", "depthwise", "pointwise", "alpha")
)  # fmt: skip
"""Options that change how a network is trained."""
ALONE: Final[Mapping[str, Any]] = {"lora_rank": None, "quantization_config": None, "renorm": False,
                                   "renorm_clipping": None, "renorm_momentum": 0.99}  # fmt: skip
"""Options of which only this value is read."""
ALL: Final = UNTOLD | USUAL_BEGIN.keys() | IN_TRAINING | ALONE.keys()


def tell(t: Layering, kind: str) -> None:
    """Refuses options that have no counterpart, and tells of those that are not carried."""
    if t.options.get("data_format") == "channels_first":
        raise NotFollowed("channels_first is not read", "leave data_format out: channels are last")
    for name, value in t.options.items():
        if name in ALONE and value not in (ALONE[name], None):
            raise NotFollowed(f"{kind} with {name}={value!r} has no counterpart here")
        is_usual = initializer(value)[0].lower() in (USUAL_BEGIN.get(name), "") and name in USUAL_BEGIN
        if (name in IN_TRAINING and value is not None) or (name in USUAL_BEGIN and not is_usual):
            t.trace.note(
                "framework-differs",
                f"{name} is not carried: it changes how the network is trained, not its layers",
            )
