"""Fully connected layers."""

from typing import ClassVar

from pydantic import Field, PositiveInt

from cnnspec.formula import Formula, Symbol
from cnnspec.layers.base import Family, Shapes, Weight
from cnnspec.layers.facts import Counts, multiplies, params
from cnnspec.layers.kernels import Kernelled
from cnnspec.layers.window import need_vector


class Dense(Kernelled):
    """Fully connected: every unit weighs every input value and adds its bias.

    Takes a vector of n values, gives a vector of ``units``. Weights: ``weight``
    (units, n), ``bias`` (units,).
    """

    word: ClassVar[str] = "dense"
    family: ClassVar[Family] = Family.DENSE
    counts: ClassVar[Counts] = {
        "fvcore": multiplies, "ptflops": lambda figures: figures.multiplies + figures.biases,
        "thop": multiplies, "calflops": lambda figures: 2 * figures.multiplies, "torchinfo": params,
    }  # fmt: skip
    example: ClassVar[str] = "input 400; dense 120"
    positional: ClassVar[tuple[str, ...]] = ("units",)

    units: PositiveInt = Field(description="how many units, one output value each")
    bias: bool = Field(True, description="add one trainable number to each unit")

    def output(self, inputs: Shapes) -> tuple[Formula, ...]:
        need_vector(self.word, inputs[0])
        self.arrays(inputs)
        return (self._units(),)

    def arrays(self, inputs: Shapes) -> tuple[Weight, ...]:
        need_vector(self.word, inputs[0])
        n = inputs[0][0]
        weight = self.kernels(Weight("weight", (self.units, n), self.multiplies(inputs), n, self.units))
        bias = Weight("bias", (self.units,), self._units(), n, self.units, initial="zeros")
        return (weight, bias) if self.bias else (weight,)

    def multiplies(self, inputs: Shapes) -> Formula:
        return self._inputs(inputs) * self._units()

    def additions(self, inputs: Shapes) -> Formula:
        n = self._inputs(inputs)
        return (n if self.bias else n - 1) * self._units()

    def _units(self) -> Formula:
        return Symbol("n_out", self.units, "units")

    def _inputs(self, inputs: Shapes) -> Formula:
        return Symbol("n_in", inputs[0][0], "input values")
