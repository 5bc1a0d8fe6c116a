"""A layer on its input as people say it: ``16 filters of 3x3 on 32x32x3, stride 2``."""

from __future__ import annotations

import re
from typing import Final

from cnnspec.layers.registry import LAYERS, SYNONYMS

_INPUT: Final = re.compile(
    r"\b(?:on|with|for|of|over|from|into|to|takes|keeps|input)\s+(?:an?\s+|the\s+)?"
    r"(?:(?:rgb|colou?r|grey|gray)\s+)?(?:(?:input|image|map|picture|vector)\s+)?(?:of\s+)?(?:size\s+)?"
    r"(\d[\d,]*(?:x\d+)*)\b(?!\s*(?:filter|kernel|unit))"
)
_OPTION: Final = re.compile(
    r"\b(stride|padding|dilation|groups|multiplier)\s*(?:=|of|is)?\s*(\d+(?:x\d+)?|same|valid|full)\b"
)
_NAMED_PADDING: Final = re.compile(r"\b(same|valid)(?: padding)?\b")
_NO_BIAS: Final = re.compile(r"\b(?:no|without(?: an?)?) bias(?:es)?\b|\bbias=no\b")
_WORD: Final = re.compile(r"[a-z_]+\d?d?")
_FROM_TO: Final = re.compile(
    r"\bfrom (\d[\d,]*(?:x\d+)*)(?: inputs?| values?| units?| neurons?)? to (\d[\d,]*)\b"
)
"""A dense layer as people say it: from 400 to 120."""


def spec_of(text: str) -> str | None:
    """The spec of a layer and its input that a question tells; None where one of them is missing."""
    options = [f"{name}={value}" for name, value in _OPTION.findall(text)]
    text = _OPTION.sub(" ", text)
    if _NO_BIAS.search(text):
        options, text = [*options, "bias=no"], _NO_BIAS.sub(" ", text)
    word = next((meant for one in _WORD.findall(text) if (meant := _layer(one))), None)
    if word == "dense":
        text = _FROM_TO.sub(r"\2 units on \1", text)
    named = _NAMED_PADDING.search(text)
    if named and not any(option.startswith("padding") for option in options) and word != "dense":
        options, text = [*options, f"padding={named[1]}"], _NAMED_PADDING.sub(" ", text)
    inputs = _INPUT.findall(text) or re.findall(r"\b\d+x\d+x\d+\b", text)
    if word is None or not inputs:
        return None
    shape = inputs[-1].replace(",", "")
    rest = text[: text.rindex(inputs[-1])] + text[text.rindex(inputs[-1]) + len(inputs[-1]) :]
    counts = [one.replace(",", "") for one in re.findall(r"(?<![x\d.])\d[\d,]*(?:\.\d+)?(?![x\d])", rest)]
    kernels = re.findall(r"\b\d+x\d+(?:x\d+)?\b", rest)
    is_line = word in _OF_LINES or (word in ("conv", "upconv") and len(counts) > 1 and not kernels)
    arguments = {"counts": counts[: 1 + is_line], "kernels": kernels[:1]}
    if word == "conv" and not counts:
        arguments["counts"] = ["1"]  # "a 5x5 filter"
    given = [one for kind in _ARGUMENTS.get(word, ("counts", "kernels")) for one in arguments[kind]]
    shape += "x1" if shape.count("x") == 1 and not is_line else ""
    return f"input {shape}; {' '.join([word, *given, *options])}"


_ARGUMENTS: Final = {
    "conv": ("counts", "kernels"), "upconv": ("counts", "kernels"), "dense": ("counts",),
    "maxpool": ("kernels",), "avgpool": ("kernels",), "depthwise": ("kernels",),
}  # fmt: skip
"""What of a layer's numbers stands behind its word, in order."""
_OF_LINES: Final = ("attention", "token", "positions")
"""Layers of sequences: 16x64 is 16 positions, not a map of one channel, as behind ``conv 8 3`` too."""
SPOKEN: Final = {"filters": "conv", "filter": "conv", "kernel": "conv",
                  "convolution": "conv", "convolutional": "conv",
                  "max": "maxpool", "average": "avgpool", "units": "dense"}  # fmt: skip
_NOT_LAYERS: Final = frozenset({
    "max", "maximum", "sum", "times", "plus", "product", "difference", "minus", "add", "log", "exp",
    "padding",
})  # fmt: skip
"""Words of layers that mean something else in a question."""


def _layer(word: str) -> str | None:
    if word in SPOKEN:
        return SPOKEN[word]
    meant = SYNONYMS.get(word, word)
    return meant if meant in LAYERS and word not in _NOT_LAYERS else None
