"""What other programs say, with the numbers in it: PyTorch, Keras, NumPy, ONNX Runtime.

Each row of the table is a message, the page about it, and what its numbers mean. In a message ``{name}``
stands for a number, ``…`` for anything.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from functools import cache
from math import gcd, isqrt
from typing import Final, NamedTuple


class Message(NamedTuple):
    said: str
    page: str
    reading: str = ""
    where: str = ""
    """Which layers of a spec are meant: a key of the table in ``cli/why.py``."""


class Reading(NamedTuple):
    """A message that was understood: its page, what its numbers mean, and the numbers."""

    page: str
    text: str
    where: str
    numbers: Mapping[str, int]


FEATURES: Final = "{arrive} features arrive where {expect} are expected"
CHANNELS: Final = "the layer expects {expect} channels and gets {arrive}"
MOST_CHANNELS: Final = 100_000
"""More are not looked for behind a flattened map."""
AXES: Final = "the layer expects {expect} axes and gets {arrive}"
WINDOW: Final = "the window is {kernel} pixels long, and the map, padding included, only {size}"
STACKED: Final = "two paths of {one} and {two} along one axis cannot be stacked"
JOINED: Final = "two paths of {one} and {two} meet along axis {axis}, and cannot be joined value by value"
LABEL: Final = "the label {label} has no output: n outputs stand for the labels 0 to n − 1"
LABELS: Final = "a label is {one} wide, and there are {two} outputs"
VALUES: Final = "{have} values are there, and {want} are asked for"

MESSAGES: Final = (
    # PyTorch
    Message("mat1 and mat2 shapes cannot be multiplied ({rows}x{arrive} and {expect}x{units})",
            "features", FEATURES, "features"),
    Message("size mismatch, m1: [{rows} x {arrive}], m2: [{expect} x {units}]",
            "features", FEATURES, "features"),
    Message("mat1 and mat2 shapes cannot be multiplied", "features"),
    Message("size mismatch, m1", "features"),
    Message("a and b must have same reduction dim, but got [{rows}, {arrive}] X [{expect}, {units}]",
            "features", FEATURES, "features"),
    Message("weight of size [{filters}, {reads}, …], expected input…to have {expect} channels, but got "
            "{arrive} channels",
            "channels", CHANNELS, "channels"),
    Message("to have {expect} channels, but got {arrive} channels", "channels", CHANNELS),
    Message("running_mean should contain {arrive} elements not {expect}", "channels", CHANNELS),
    Message("padded input size per channel: ({size} x …). Kernel size: ({kernel} x …)",
            "window-larger-than-input", WINDOW, "window"),
    Message("padded input size per channel: ({size}). Kernel size: ({kernel})",
            "window-larger-than-input", WINDOW, "window"),
    Message("Kernel size can't be greater than actual input size", "window-larger-than-input"),
    Message("Given input size: ({channels}x{height}x{width})…Output size is too small",
            "window-larger-than-input",
            "a map of {height}x{width} arrives, and the window finds no place on it", "map"),
    Message("Output size is too small", "window-larger-than-input"),
    Message("size of tensor a ({one}) must match the size of tensor b ({two}) at non-singleton dimension "
            "{axis}",
            "shapes-do-not-match", JOINED),
    Message("Sizes of tensors must match except in dimension {axis}. Expected size {one} but got size {two}",
            "shapes-do-not-match", STACKED),
    Message("Sizes of tensors must match except in dimension {axis}. Got {one} and {two}",
            "shapes-do-not-match", STACKED),
    Message("shape '[…, {want}]' is invalid for input of size {have}",
            "reshape-changes-the-count", "{have} values cannot be cut into rows of {want}"),
    Message("Expected more than 1 value per channel when training", "one-value-a-channel"),
    Message("Target {label} is out of bounds", "targets", LABEL, "output"),
    Message("cur_target < n_classes", "targets"),
    Message("t < n_classes", "targets"),
    Message("device-side assert triggered", "targets"),
    Message("multi-target not supported",
            "targets", "a label is one number for each image, without an axis of its own"),
    Message("0D or 1D target tensor expected",
            "targets", "a label is one number for each image, without an axis of its own"),
    Message("input batch_size ({one}) to match target batch_size ({two})",
            "targets", "{one} answers meet {two} labels: the images were cut otherwise on the way"),
    Message("using a target size", "targets"),
    Message("must be the same as input size", "targets"),
    Message("size mismatch for …: copying a param with shape …[{saved}]… from checkpoint, the shape in "
            "current model is …[{here}]",
            "foreign-weights", "the file has {saved} numbers where the network has {here}"),
    Message("size mismatch for …: copying a param with shape …[{saved}, …]… from checkpoint, the shape "
            "in current model is …[{here}, …",
            "foreign-weights",
            "the first axis of that weight is {saved} in the file and {here} in the network"),
    Message("Error(s) in loading state_dict", "foreign-weights"),
    Message("key(s) in state_dict", "foreign-weights"),
    Message("4D (batched) input to conv2d",
            "batch",
            "a convolution takes images x channels x height x width: four axes, or three for one image"),
    Message("Expected 4-dimensional input",
            "batch", "a convolution takes images x channels x height x width: four axes"),
    Message("expected 4D input (got {arrive}D input)", "batch", "the layer expects 4 axes and gets {arrive}"),
    Message("expected 2D or 3D input (got {arrive}D input)",
            "batch",
            "the layer expects 2 or 3 axes and gets {arrive}: BatchNorm1d is for vectors, BatchNorm2d "
            "for maps"),
    Message("Input type (…) and weight type (…) should be the same", "types"),
    Message("Input type (…) and bias type (…) should be the same", "types"),
    Message("expected scalar type … but found", "types"),
    Message("must have the same dtype", "types"),
    Message("Expected all tensors to be on the same device", "types"),
    Message("CUDA out of memory", "memory"),
    Message("OOM when allocating", "memory"),
    Message("can't allocate memory", "memory"),
    Message("pad should be at most half of", "window-sees-only-padding"),
    Message("pad should be smaller than or equal to half", "window-sees-only-padding"),
    Message("Padding size should be less than the corresponding input dimension", "reflection-too-wide"),
    Message("output padding must be smaller than", "output-padding-too-large"),
    Message("divisible by groups", "groups-do-not-divide"),
    Message("divisible by num_groups", "groups-do-not-divide"),
    Message("divisible by the number of groups", "groups-do-not-divide"),
    Message("normalized_shape=[{expect}], expected input with shape …, but got input of size[…, {arrive}]",
            "features", FEATURES),
    # Keras and TensorFlow
    Message("Negative dimension size caused by subtracting {kernel} from {size}",
            "window-larger-than-input", WINDOW, "window"),
    Message("dimensions in the output is <= 0 due to downsampling", "window-larger-than-input"),
    Message("layer requires inputs with matching shapes", "shapes-do-not-match"),
    Message("Inputs have incompatible shapes", "shapes-do-not-match"),
    Message("expected axis -1 of input shape to have value {expect}, but received input with shape (…, "
            "{arrive})",
            "features", FEATURES, "features"),
    Message("expected axis -1 of input shape to have value {expect} but received input with shape […, "
            "{arrive}]",
            "features", FEATURES, "features"),
    Message("expected min_ndim={expect}, found ndim={arrive}", "batch", AXES),
    Message("expected ndim={expect}, found ndim={arrive}", "batch", AXES),
    Message("logits and labels must have the same first dimension, got logits shape [{two},{classes}] "
            "and labels shape [{one}]",
            "targets",
            "{one} labels meet {two} answers of {classes} numbers: one-hot labels need the loss "
            "without sparse, or the images were cut otherwise"),
    Message("Shapes (None, {one}) and (None, {two}) are incompatible", "targets", LABELS, "output"),
    Message("must have the same shape, received ((None, {two}) vs (None, {one}))",
            "targets", LABELS, "output"),
    Message("label value of {label} which is outside the valid range of [0, {classes})",
            "targets", LABEL, "output"),
    Message("total size of new array must be unchanged", "reshape-changes-the-count"),
    Message("Cannot reshape a tensor with {have} elements to shape …({want} elements)",
            "reshape-changes-the-count", VALUES),
    Message("Shape mismatch in layer", "foreign-weights"),
    Message("Received saved weight with shape", "foreign-weights"),
    Message("Data cardinality is ambiguous", "targets", "images and labels are not equally many"),
    Message("loss: nan", "loss-not-finite"),
    # NumPy
    Message("shapes (…{arrive}) and ({expect},…) not aligned", "features", FEATURES, "features"),
    Message("shapes (…{arrive},) and ({expect},…) not aligned", "features", FEATURES, "features"),
    Message("mismatch in its core dimension 0…(size {expect} is different from {arrive})",
            "features", FEATURES, "features"),
    Message("operands could not be broadcast together", "shapes-do-not-match"),
    Message("cannot reshape array of size {have} into shape",
            "reshape-changes-the-count", "{have} values do not fill the new shape"),
    Message("the concatenation axis must match exactly, but along dimension {axis}, the array at index 0 "
            "has size {one} and the array at index 1 has size {two}",
            "shapes-do-not-match", STACKED),
    Message("index {label} is out of bounds for axis {axis} with size {classes}", "targets", LABEL, "output"),
    # ONNX Runtime
    Message("GEMM: Dimension mismatch, W: {{units},{expect}} K: {arrive}", "features", FEATURES, "features"),
    Message("Incompatible dimensions for matrix multiplication", "features"),
    Message("cannot be reshaped to the requested shape", "reshape-changes-the-count"),
    Message("Got invalid dimensions for input: …index: {axis} Got: {arrive} Expected: {expect}",
            "data-unlike-network",
            "axis {axis} of the input is {arrive} where the network takes {expect}", "input"),
    Message("Invalid rank for input: …Got: {arrive} Expected: {expect}", "batch", AXES, "input"),
)  # fmt: skip


def read(words: str) -> Reading | None:
    """What a message of another program says; None where it is none that is known."""
    line = " ".join(words.split())
    for message in MESSAGES:
        if found := _pattern(message.said).search(line):
            numbers = {name: int(text) for name, text in found.groupdict().items()}
            text = message.reading.format_map(numbers)
            if message.reading is FEATURES:
                text += _as_maps(numbers["arrive"], numbers["expect"])
            return Reading(
                message.page, f"{text[:1].upper()}{text[1:]}." * bool(text), message.where, numbers
            )
    return None


@cache
def _pattern(said: str) -> re.Pattern[str]:
    numbered = re.sub(r"\\\{([a-z]+)\\\}", r"(?P<\1>-?\\d{1,15}(?!\\d))", re.escape(said).replace("…", ".*?"))
    return re.compile(numbered.replace(r"\ ", r" ?"), re.IGNORECASE)


def _as_maps(arrive: int, expect: int) -> str:
    """What two counts of features tell of the map that was flattened, or was not."""
    common = gcd(arrive, expect)
    for channels in (n for n in range(min(common, MOST_CHANNELS), 0, -1) if common % n == 0):
        one, two = (isqrt(count // channels) for count in (arrive, expect))
        if (one * one * channels, two * two * channels) == (arrive, expect):
            return f", as from a map of {one}x{one}x{channels} in place of {two}x{two}x{channels}"
    return f"; {expect} is {expect // arrive} times {arrive}: is a flatten missing?" * (expect % arrive == 0)
