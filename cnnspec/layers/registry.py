"""The registry of layers: every word of the catalogue, and the words people use instead."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from importlib import import_module
from typing import Any, Final, TypeGuard

from cnnspec.layers.base import Layer

HOMES: Final[dict[str, str]] = {
    "conv": "conv", "depthwise": "depthwise", "upconv": "upconv", "dense": "dense",
    "maxpool": "pool", "avgpool": "avgpool", "minpool": "other_pools", "medianpool": "other_pools",
    "subsample": "other_pools", "globalavgpool": "globalpool", "globalmaxpool": "globalpool",
    "unpool": "other_pools", "flatten": "flatten", "reshape": "reshape", "identity": "reshape",
    "pad": "borders", "crop": "borders",
    "upsample": "resample", "shuffle": "borders", "pixelshuffle": "rearrange", "pixelunshuffle": "rearrange",
    "transpose": "rearrange", "slice": "borders", "relu": "activation", "leakyrelu": "curves",
    "prelu": "curves", "elu": "curves", "gelu": "curves", "silu": "curves",
    "sigmoid": "curves", "tanh": "curves", "softmax": "activation", "hardswish": "curves",
    "hardsigmoid": "curves", "softplus": "curves", "selu": "curves", "mish": "curves",
    "hardtanh": "curves", "scale": "arithmetic", "abs": "arithmetic", "square": "arithmetic",
    "sqrt": "arithmetic", "power": "arithmetic", "exp": "arithmetic", "log": "arithmetic",
    "mean": "arithmetic", "max": "arithmetic", "batchnorm": "norm", "layernorm": "norm", "groupnorm": "norm",
    "instancenorm": "norm", "l2norm": "arithmetic", "rmsnorm": "norm", "lrn": "norm",
    "dropout": "dropout", "droppath": "dropout", "attention": "attention", "positions": "attention",
    "token": "attention", "add": "merge", "subtract": "merge", "multiply": "merge", "divide": "merge",
    "maximum": "merge", "minimum": "merge", "concat": "merge",
}  # fmt: skip
"""The file of each layer in this folder, by the layer's word, in the order of the reference."""


class Layers(Mapping[str, type[Layer]]):
    """The classes of layers by their words; a file is read when the first of its layers is asked for.

    Pydantic takes about half a millisecond for a class, and most specs have five kinds of layers: those that
    most specs have stand in files of their own.
    """

    def __init__(self) -> None:
        self._known: dict[str, type[Layer]] = {}

    def __getitem__(self, word: str) -> type[Layer]:
        if word not in self._known:
            file = import_module(f"cnnspec.layers.{HOMES[word]}")
            self._known |= {each.word: each for name, each in vars(file).items() if _is_layer(name, each)}
        return self._known[word]

    def get(self, word: str, default: Any = None) -> Any:
        return self[word] if word in HOMES else default

    def __contains__(self, word: object) -> bool:
        return word in HOMES

    def __iter__(self) -> Iterator[str]:
        return iter(HOMES)

    def __len__(self) -> int:
        return len(HOMES)


def _is_layer(name: str, thing: object) -> TypeGuard[type[Layer]]:
    """Whether it is the class of a word: no base, and none that is made for a layer's inside."""
    return isinstance(thing, type) and issubclass(thing, Layer) and "word" in vars(thing) and name[0] != "_"


LAYERS: Final = Layers()
"""Every layer by its word, in the order of the reference."""

_SAME_MEANING: Final[dict[str, str]] = {
    "conv": "conv1d conv2d conv3d convolution convolution2d conv_2d convolutional convolve cnn",
    "depthwise": "dwconv depthwiseconv depthwiseconv2d depthwise_conv depthwise_conv2d depthconv",
    "upconv": "deconv deconv2d deconvolution convtranspose convtranspose1d convtranspose2d convtranspose3d "
    "conv2dtranspose conv_transpose transposedconv transposeconv transposed_conv tconv up_conv",
    "dense": "linear fc fullyconnected fully_connected full affine inner_product innerproduct gemm "
    "perceptron",
    "maxpool": "maxpool1d maxpool2d maxpool3d maxpooling maxpooling1d maxpooling2d maxpooling3d max_pool "
    "max_pool2d max_pooling max_pooling2d mp",
    "avgpool": "avgpool1d avgpool2d avgpool3d avgpooling averagepool averagepooling averagepooling1d "
    "averagepooling2d averagepooling3d average_pool average_pooling avg_pool avg_pool2d avg_pooling "
    "meanpool mean_pool meanpooling",
    "minpool": "minpool2d minpooling min_pool minpooling2d",
    "medianpool": "medianpool2d medianpooling median_pool median",
    "subsample": "subsampling sub_sample sub_sampling",
    "globalavgpool": "gap global_avg_pool globalaveragepool globalaveragepooling globalaveragepooling2d "
    "global_average_pooling globalavgpool2d globalavgpooling globalmean global_avgpool",
    "globalmaxpool": "gmp global_max_pool globalmaxpooling globalmaxpooling2d globalmaxpool2d "
    "global_max_pooling global_maxpool",
    "unpool": "maxunpool maxunpool2d max_unpool unpooling maxunpooling max_unpooling",
    "flatten": "flat vectorize ravel flattening",
    "reshape": "unflatten resize_shape",
    "identity": "noop nop skip shortcut pass linear_activation",
    "pad": "padding zeropad zeropad2d zeropadding zeropadding2d zero_pad",
    "crop": "cropping cropping2d",
    "upsample": "upsampling upsampling2d upsample2d up_sample up",
    "shuffle": "channelshuffle channel_shuffle shufflechannels",
    "relu": "rectifier rectified_linear rectifiedlinear",
    "leakyrelu": "lrelu leaky_relu leaky leakyrectifier",
    "prelu": "parametricrelu parametric_relu p_relu",
    "elu": "exponential_linear",
    "gelu": "gaussian_error_linear",
    "silu": "swish swish1",
    "sigmoid": "logistic logsig sigm",
    "tanh": "hyperbolictangent hyperbolic_tangent tansig",
    "softmax": "softargmax softmax2d",
    "hardswish": "hard_swish hswish h_swish hard_silu hardsilu",
    "hardsigmoid": "hard_sigmoid hsigmoid h_sigmoid",
    "softplus": "soft_plus",
    "selu": "scaled_exponential_linear",
    "hardtanh": "hard_tanh clamp clipbyvalue clip_by_value",
    "scale": "rescale rescaling channelscale",
    "abs": "absolute absolutevalue",
    "square": "squared",
    "sqrt": "squareroot square_root",
    "power": "pow",
    "log": "logarithm naturallog",
    "mean": "reducemean reduce_mean channelmean",
    "max": "reducemax reduce_max channelmax amax",
    "l2norm": "l2_norm l2normalize l2normalization l2normalisation l2_normalize lpnormalization "
    "unitnormalization",
    "batchnorm": "bn batch_norm batchnorm1d batchnorm2d batchnorm3d batchnormalization "
    "batch_normalization batchnormalisation",
    "layernorm": "ln layer_norm layernormalization layer_normalization layernormalisation",
    "groupnorm": "gn group_norm groupnormalization group_normalization groupnormalisation",
    "instancenorm": "instance_norm instancenorm1d instancenorm2d instancenorm3d instancenormalization "
    "instance_normalization instancenormalisation",
    "lrn": "localresponsenorm local_response_norm localresponsenormalization localresponsenormalisation "
    "response_norm",
    "rmsnorm": "rms_norm rmsnormalization rms_normalization rmsnormalisation",
    "dropout": "drop drop_out",
    "droppath": "drop_path stochasticdepth stochastic_depth",
    "pixelshuffle": "pixel_shuffle subpixel subpixelconv",
    "pixelunshuffle": "pixel_unshuffle",
    "attention": "selfattention self_attention multiheadattention multi_head_attention mha mhsa "
    "multiheadselfattention crossattention nonlocal non_local transformerattention",
    "positions": "positionembedding position_embedding positionalembedding positional_embedding pos_embed "
    "posembed positionalencoding positional_encoding learnedpositions",
    "token": "classtoken class_token clstoken cls_token cls registertoken",
    "add": "sum plus addition elementwise_add",
    "concat": "concatenate cat concatenation join depthconcat",
    "subtract": "sub minus difference",
    "multiply": "mul times product elementwise_multiply hadamard",
    "divide": "div quotient",
    "maximum": "elementwise_max",
    "minimum": "elementwise_min",
}

SYNONYMS: Final[dict[str, str]] = {
    synonym: word for word, others in _SAME_MEANING.items() for synonym in others.split()
}
"""Words of other tools, and what they are called here: material for "did you mean"."""
