"""Inputs in which NaN, infinities, zeros of both signs and huge values are sown, and what they became."""

from __future__ import annotations

import numpy as np
from cases.registry import Case
from cases.single import Run, data, model_of, run

from cnnspec.backends.numpy.layout import Array
from cnnspec.layers.base import Family

SPECIAL = np.array([np.nan, np.inf, -np.inf, -0.0, 0.0, 1e30, -1e30], np.float32)
FINITE = SPECIAL[3:]
ADDING = {"subsample", "avgpool", "globalavgpool", "softmax", "medianpool", "attention"}


def tamed(values: Array) -> Array:
    """Values whose products are finite: 1e30 becomes 1e15."""
    huge = np.abs(values) == np.float32(1e30)
    return np.where(huge, np.copysign(np.float32(1e15), values), values)


def adds(case: Case) -> bool:
    """Whether the layer adds, so that it depends on the order whether a zero comes out, and of which sign."""
    families = (Family.CONV, Family.DENSE, Family.NORM)
    return case.layer.family in families or case.layer.word in ADDING


def sown(case: Case, values: Array, share: float) -> tuple[Array, Array]:
    """Images with a share of them special, and a gradient for the output.

    Attention multiplies sums of values with each other: of huge ones what rounding left decides the sign.
    """
    values = tamed(values) if case.layer.word == "attention" else values
    images, direction = data(model_of(case, dtype="float32"), 4)
    random = np.random.default_rng(0)
    special = random.choice(values, images.shape)
    return np.where(random.random(images.shape) < share, special, images), direction


def fast(case: Case, images: Array, direction: Array, *, reference: bool = False) -> Run:
    with np.errstate(all="ignore"):
        return run(model_of(case, dtype="float32", reference=reference), images, direction)


def kinds(values: Array) -> Array:
    """Of each value which it is: NaN, an infinity, or just a number."""
    names = np.full(values.shape, "number")
    names[np.isnan(values)] = "NaN"
    names[np.isposinf(values)], names[np.isneginf(values)] = "+inf", "-inf"
    return names


def zeros(values: Array) -> Array:
    """Of each value whether it is a zero, and of which sign."""
    return np.where(values == 0, np.where(np.signbit(values), "-0", "+0"), "other")
