"""Activations beside ReLU and softmax; apart, so that most specs do without these models."""

from typing import ClassVar, Literal, Self

from pydantic import Field, model_validator

from cnnspec.formula import Symbol
from cnnspec.layers.activation import Activation
from cnnspec.layers.base import Shapes, Weight, Weighted
from cnnspec.layers.facts import NOTHING, Counts, Keeps, params


class Sigmoid(Activation):
    """1/(1 + exp(−x)): any number to one between 0 and 1."""

    word: ClassVar[str] = "sigmoid"
    keeps: ClassVar[Keeps] = Keeps.OUTPUT
    counts: ClassVar[Counts] = NOTHING
    each: ClassVar[dict[str, int]] = {"exponentials": 1, "additions": 1, "divisions": 1}


class Tanh(Activation):
    """The hyperbolic tangent: any number to one between −1 and 1."""

    word: ClassVar[str] = "tanh"
    keeps: ClassVar[Keeps] = Keeps.OUTPUT
    counts: ClassVar[Counts] = NOTHING
    each: ClassVar[dict[str, int]] = {"hyperbolic tangents": 1}


class LeakyRelu(Activation):
    """x where x > 0, else slope·x. Maas et al. 2013."""

    word: ClassVar[str] = "leakyrelu"
    counts: ClassVar[Counts] = NOTHING | {"ptflops": 1, "calflops": 1}
    example: ClassVar[str] = "input 28x28x6; leakyrelu 0.1"
    positional: ClassVar[tuple[str, ...]] = ("slope",)
    each: ClassVar[dict[str, int]] = {"comparisons": 1, "multiplications": 1}

    slope: float = Field(0.01, ge=0, description="factor of the negative values")


class Prelu(Weighted, Activation):
    """x where x > 0, else a·x with a trained slope a for each channel. He et al. 2015.

    Weights: ``weight`` (channels,), or (1,) when all channels share it; it begins at 0.25.
    """

    word: ClassVar[str] = "prelu"
    counts: ClassVar[Counts] = NOTHING | {"ptflops": 2, "thop": 1, "calflops": 1, "torchinfo": params}
    each: ClassVar[dict[str, int]] = {"comparisons": 1, "multiplications": 1}

    shared: bool = Field(False, description="one slope for all channels")

    def arrays(self, inputs: Shapes) -> tuple[Weight, ...]:
        slopes = 1 if self.shared else inputs[0][-1]
        size = Symbol("n", 1, "slopes") if self.shared else Symbol("C", slopes, "channels")
        return (Weight("weight", (slopes,), size, initial="constant", value=0.25),)


class Elu(Activation):
    """x where x > 0, else alpha·(exp(x) − 1). Clevert et al. 2015."""

    word: ClassVar[str] = "elu"
    counts: ClassVar[Counts] = NOTHING | {"ptflops": 2, "calflops": 1}
    positional: ClassVar[tuple[str, ...]] = ("alpha",)
    each: ClassVar[dict[str, int]] = {
        "comparisons": 1, "exponentials": 1, "additions": 1, "multiplications": 1
    }  # fmt: skip

    alpha: float = Field(1.0, gt=0, description="how far below zero it can go")


class Gelu(Activation):
    """x·Φ(x), with Φ the normal distribution. Hendrycks, Gimpel 2016.

    Exactly x·(1 + erf(x/√2))/2; or x·(1 + tanh(√(2/π)·(x + 0.044715·x³)))/2 with ``approximate=tanh``.
    """

    word: ClassVar[str] = "gelu"
    counts: ClassVar[Counts] = NOTHING | {"ptflops": 2, "calflops": 1}

    approximate: Literal["none", "tanh"] = Field("none", description="exact, or the usual stand-in")

    def operations(self) -> dict[str, int]:
        if self.approximate == "tanh":
            return {"multiplications": 6, "additions": 2, "hyperbolic tangents": 1}
        return {"multiplications": 3, "additions": 1, "error functions": 1}


class Silu(Activation):
    """x·sigmoid(x) = x/(1 + exp(−x)), also called swish. Elfwing et al. 2017."""

    word: ClassVar[str] = "silu"
    counts: ClassVar[Counts] = NOTHING | {"ptflops": 1, "calflops": 1}
    each: ClassVar[dict[str, int]] = {"exponentials": 1, "additions": 1, "divisions": 1}


class Hardswish(Activation):
    """x·min(max(x + 3, 0), 6)/6. Howard et al. 2019 (MobileNet v3)."""

    word: ClassVar[str] = "hardswish"
    counts: ClassVar[Counts] = NOTHING
    each: ClassVar[dict[str, int]] = {"additions": 1, "comparisons": 2, "multiplications": 1, "divisions": 1}


class Hardsigmoid(Activation):
    """min(max(x + 3, 0), 6)/6: straight lines in place of the sigmoid."""

    word: ClassVar[str] = "hardsigmoid"
    counts: ClassVar[Counts] = NOTHING
    each: ClassVar[dict[str, int]] = {"additions": 1, "comparisons": 2, "divisions": 1}


class Softplus(Activation):
    """ln(1 + exp(beta·x))/beta: ReLU with a round corner. Dugas et al. 2001."""

    word: ClassVar[str] = "softplus"
    counts: ClassVar[Counts] = NOTHING

    beta: float = Field(1.0, gt=0, description="how sharp the corner is")

    def operations(self) -> dict[str, int]:
        scaling = {} if self.beta == 1 else {"multiplications": 1, "divisions": 1}
        return {"comparisons": 1, "exponentials": 1, "logarithms": 1, "additions": 2} | scaling


class Selu(Activation):
    """gamma·x where x > 0, else gamma·alpha·(exp(x) − 1): keeps mean 0, variance 1. Klambauer et al. 2017."""

    word: ClassVar[str] = "selu"
    counts: ClassVar[Counts] = NOTHING
    each: ClassVar[dict[str, int]] = {
        "comparisons": 1, "exponentials": 1, "additions": 1, "multiplications": 2
    }  # fmt: skip

    alpha: float = Field(1.6732632423543772, gt=0, description="how far below zero it can go, before gamma")
    gamma: float = Field(1.0507009873554805, gt=0, description="factor of all values")


class Mish(Activation):
    """x·tanh(ln(1 + exp(x))): bends like silu. Misra 2019 (YOLO v4)."""

    word: ClassVar[str] = "mish"
    counts: ClassVar[Counts] = NOTHING
    each: ClassVar[dict[str, int]] = {
        "comparisons": 1, "exponentials": 1, "logarithms": 1, "additions": 2, "hyperbolic tangents": 1,
        "multiplications": 1,
    }  # fmt: skip


class Hardtanh(Activation):
    """min(max(x, min), max): what lies beyond an end is cut to it; also called clip."""

    word: ClassVar[str] = "hardtanh"
    counts: ClassVar[Counts] = NOTHING
    positional: ClassVar[tuple[str, ...]] = ("min", "max")

    min: float | None = Field(-1.0, description="the lower end, or no")
    max: float | None = Field(1.0, description="the upper end, or no")

    @model_validator(mode="after")
    def _between(self) -> Self:
        if self.min is None and self.max is None:
            raise ValueError("give a lower or an upper end")
        if self.min is not None and self.max is not None and self.min >= self.max:
            raise ValueError(f"max must be greater than min, which is {self.min:g}")
        return self

    def operations(self) -> dict[str, int]:
        return {"comparisons": 2 - (self.min, self.max).count(None)}
