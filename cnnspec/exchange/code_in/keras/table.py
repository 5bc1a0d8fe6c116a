"""What Keras's layers do, as layers of ours: one table for code that is read and for live models."""

from __future__ import annotations

from typing import Final

from cnnspec.exchange.code_in.keras.curves import (
    channels_dropout,
    curve,
    dropout,
    in_training,
    leaky,
    of_channels,
    prelu,
    relu,
    rescaling,
    softmax,
)
from cnnspec.exchange.code_in.keras.layering import (
    KerasKind,
    Layering,
    Map,
)
from cnnspec.exchange.code_in.keras.moves import ends, flatten, merge, pad, permute, reshape, slices
from cnnspec.exchange.code_in.keras.norms import attention, batchnorm, groupnorm, layernorm, rmsnorm
from cnnspec.exchange.code_in.keras.own import OWN
from cnnspec.exchange.code_in.keras.windows import (
    adaptive,
    conv,
    dense,
    depthwise,
    global_pool,
    pool,
    separable,
    upconv,
    upsample,
)


def _tied(t: Layering) -> Map:
    o, owner = t.options, t.options["owner"]
    kinds = {"matmul": "Dense", "conv": owner.kind.removesuffix("Transpose"),
             "conv_transpose": f"{owner.kind}Transpose"}  # fmt: skip
    shape = {"filters": o["units"], "kernel_size": owner.options.get("kernel_size"), "_key": id(o)}
    layering = Layering(t.trace, {**o, **shape}, t.inputs, t.name)
    return KINDS[kinds[o["function"].last]].make(layering)


_CONV: Final = ("filters kernel_size strides=1 padding='valid' data_format=None dilation_rate=1 groups=1 "
                "activation=None use_bias=True")  # fmt: skip
_POOLED: Final = "pool_size=2 strides=None padding='valid' data_format=None"
_POOLED_TO: Final = "output_size data_format=None"
_SEPARABLE: Final = ("filters kernel_size strides=1 padding='valid' data_format=None dilation_rate=1 "
                     "depth_multiplier=1 activation=None use_bias=True")  # fmt: skip

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
    "cnnspec.Tied": KerasKind(
        "owner function units use_bias=True strides=1 padding='valid' dilation_rate=1", _tied),
    **OWN,
}  # fmt: skip
"""By their names in ``keras.layers``; the last rows are operations on tensors and parts of our files."""
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
