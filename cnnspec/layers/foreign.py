"""Words of other tools that are no other name for a layer of ours: the same in our words, or what is nearest.

A word stands here as ``plain`` makes it: in small letters, without its underscores and its ``2d``.
"""

from __future__ import annotations

import re
from typing import Final

SAME: Final = {
    "celu": "elu",
    "reciprocal": "power (-1)",
    "neg": "scale (-1)",
    "negative": "scale (-1)",
    "gelutanh": "gelu approximate=tanh",
    "newgelu": "gelu approximate=tanh",
    "adaptiveavgpool 1": "globalavgpool",
    "adaptiveavgpool 1x1": "globalavgpool",
    "adaptivemaxpool 1": "globalmaxpool",
    "adaptivemaxpool 1x1": "globalmaxpool",
    "adaptiveavgpool": "avgpool to={}",
    "adaptivemaxpool": "maxpool to={}",
    "resize": "upsample to={}",
    "reflectionpad": "pad {} mode=reflect",
    "replicationpad": "pad {} mode=replicate",
    "centercrop": "crop to={}",
    "depthtospace": "pixelshuffle {} order=dcr",
    "spacetodepth": "pixelunshuffle {} order=dcr",
    **dict.fromkeys(("dropout1d", "dropout2d", "dropout3d"), "dropout {} channels=yes"),
    "featuredropout": "dropout {} channels=yes",
    "spatialdropout": "dropout {} channels=yes",
    "separableconv": "separable {} padding=valid",
    "depthwiseseparable": "separable {} padding=valid",
    "depthwiseseparableconv": "separable {} padding=valid",
    "squeezeexcitation": "squeeze_excite",
    "seblock": "squeeze_excite",
}
"""The same thing: a word, with its arguments where only these will do, and the sentence; ``{}`` are the
arguments and options as they were written. A sentence without ``{}`` is for a word that stands alone."""

_NEAREST: Final = {
    "glu": "the nearest is multiply { | conv 8 1x1 | conv 8 1x1 -> sigmoid }",
    "swiglu": "the nearest is multiply { | conv 8 1x1 | conv 8 1x1 -> silu }",
    "softsign": "the nearest is tanh, which reaches its ends sooner",
    "softmin": "the nearest is softmax, which gives the greatest value the greatest share",
    "logsoftmax": "softmax gives the shares themselves; the loss takes their logarithm by itself",
    "logsigmoid": "the nearest is sigmoid, whose logarithm it is",
    "rrelu": "the nearest is leakyrelu, whose slope is not drawn at random",
    "threshold": "the nearest is relu, whose threshold is 0",
    "activation act": "an activation is a layer of its own, such as relu, tanh or softmax",
    "transformer transformerencoder transformerencoderlayer": "a block of it is add { | layernorm "
    "over=channels -> attention 4 | }, then add { | layernorm over=channels -> conv 4*C 1 -> gelu -> "
    "conv 64 1 | }",
    "lstm gru rnn convlstm": "no layer remembers from step to step here; attention looks at all positions "
    "at once, a dilated conv at many",
    "embedding": "the nearest is dense bias=no over inputs that are 0 or 1",
    "dropconnect": "the nearest is dropout, which drops values, not weights",
    "dropblock": "the nearest is dropout, which drops single values, not squares of them",
    "alphadropout gaussiandropout": "the nearest is dropout, which sets values to zero",
    "gaussiannoise": "the nearest is dropout, which sets values to zero and adds nothing",
    "norm": "there are batchnorm, layernorm, groupnorm, instancenorm, rmsnorm, l2norm and lrn: say which one",
    "weightnorm spectralnorm": "the nearest is batchnorm, which scales what comes out, not the weights",
    "layerscale": "it is scale initial=1e-6, with the number that its trained factors begin at",
    "maxout": "maximum takes the greatest of several branches: maximum { | dense 8 | dense 8 }",
    "bias": "conv, dense and others add a bias by themselves: bias=yes",
    "pool pooling": "there are maxpool, avgpool, minpool and medianpool: say which one",
    "globalpool": "there are globalavgpool and globalmaxpool: say which one",
    "lppool": "the nearest is avgpool, which adds the values themselves",
    "fractionalmaxpool": "the nearest is maxpool, whose windows lie on a regular grid",
    "interpolate": "upsample makes a map so many times larger, or of a size: upsample 2 mode=bilinear, or "
    "upsample to=56x56",
    "groupconv groupedconv": "conv has groups: conv 64 3x3 groups=4",
    "dilatedconv atrousconv": "conv has a dilation: conv 64 3x3 dilation=2",
    "deformconv": "the nearest is conv, whose taps stay in place",
    "locallyconnected": "the nearest is conv, whose kernel is the same at all places",
    "mbconv": "the nearest is the block inverted_residual, which weighs no channels",
    "basicblock resblock residualblock": "the block residual is one: residual 64 stride=2",
    "se": "the block squeeze_excite weighs the channels: squeeze_excite 16",
    "permute swapaxes": "transpose names the axes in their new order by letters: transpose CHW",
    "view": "flatten makes one vector of a map, reshape another shape",
    "split chunk narrow channels": "slice takes channels, from the first number up to before the second: "
    "slice 0 32",
    "stack": "concat joins channels; nothing makes a new axis",
    "merge": "there are add, subtract, multiply, divide, maximum, minimum and concat: say which one",
    "gate": "multiply takes the product of two paths: multiply { | | conv 8 1x1 -> sigmoid }",
    "lambda": "a spec holds no code; a block gives several layers a name",
    "sequential": "the chain is implicit: one layer a line",
}
NEAREST: Final = {word: told for words, told in _NEAREST.items() for word in words.split()}
"""There is no such thing here: what comes nearest, and in what it differs."""

SAME_OPTIONS: Final = {
    "align_corners=yes": "align=corners", "align_corners=no": "align=edges",
    "ceil_mode=yes": "rounding=ceil", "ceil_mode=no": "rounding=floor",
    "trainable=yes": "frozen=no", "trainable=no": "frozen=yes",
}  # fmt: skip
"""Options with their values, and the same in our words."""
NO_OPTIONS: Final = {
    "padding_mode": "pad the map before it, as in pad 1 mode=reflect",
    **dict.fromkeys(("axis", "dim"), "leave it out: channels are always the last size"),
    "inplace": "leave it out: memory is used again wherever it can be",
    "name": "a layer is named by a label before it, as in conv1: conv 6 5x5",
    **dict.fromkeys(
        ("in_channels", "in_features", "num_features", "input_shape", "input_dim"),
        "leave it out: what flows in is known",
    ),
}
"""Options of other tools that are none here, and what to do instead."""


def plain(word: str) -> str:
    return re.sub(r"_|[123]d", "", word.lower())


def sentence_for(word: str, written: str) -> str | None:
    """The same in our words, for a word and what is written after it; None where there is none."""
    name = plain(word)
    pattern = SAME.get(f"{name} {written}") or SAME.get(word.lower()) or SAME.get(name)
    if pattern is None or ("{}" not in pattern and written and f"{name} {written}" not in SAME):
        return None
    said = re.findall(r"\w+(?==)", written)
    words = [part for part in pattern.split() if part.partition("=")[0] not in said]
    return " ".join(words).replace("{}", written).rstrip()


def nearest_thing(word: str) -> str | None:
    """What comes nearest to a word that nothing here does."""
    return NEAREST.get(word.lower()) or NEAREST.get(plain(word))
