"""Optimizers and schedules: how the gradient updates the weights, and how the rate changes."""

import math
from typing import Annotated, ClassVar, Final, Literal, TypeAlias

from pydantic import Field, NonNegativeFloat, PositiveFloat

from cnnspec.recipe.base import ByKind, Epochs, Rate, SettingModel, Share, WholeEpochs

DECAY: Final = "weight decay: decay·w is added to the gradient"


class OptimizerSetting(SettingModel):
    """What all optimizers have in common."""

    word = "optimizer"
    highest_rate: ClassVar[float] = 0.1
    """The learning rate above which a network hardly ever learns."""
    highest_decay: ClassVar[float] = 0.1
    """The decay above which all weights are pulled to 0."""
    usual_decay: ClassVar[str] = "decay=1e-5 to 1e-3"


class Sgd(OptimizerSetting):
    """Stochastic gradient descent: v = momentum·v + g, w = w - rate·v (Sutskever et al. 2013)."""

    example = "optimizer sgd rate=0.05 momentum=0.9 decay=5e-4"
    highest_rate = 1.0

    kind: Literal["sgd"] = "sgd"
    rate: Rate = Field(default=0.01, description="learning rate")
    momentum: Share = Field(default=0.0, description="share of the previous step that is added to the next")
    nesterov: bool = Field(default=False, description="look ahead along the momentum (Nesterov 1983)")
    decay: NonNegativeFloat = Field(default=0.0, description=DECAY)


class Moments(OptimizerSetting):
    """Steps scaled by running moments of the gradient, as Adam takes them."""

    rate: Rate = Field(default=0.001, description="learning rate")
    beta1: Share = Field(default=0.9, description="how much of the mean gradient so far is kept")
    beta2: Share = Field(default=0.999, description="how much of the mean squared gradient so far is kept")
    epsilon: PositiveFloat = Field(
        default=1e-8, description="added to the divisor, so that no division is by zero"
    )


class Adam(Moments):
    """Adam: steps scaled by running moments of the gradient (Kingma and Ba 2015)."""

    example = "optimizer adam rate=0.001"

    kind: Literal["adam"] = "adam"
    decay: NonNegativeFloat = Field(default=0.0, description=DECAY)


class AdamW(Moments):
    """Adam with weight decay apart from the gradient (Loshchilov and Hutter 2019)."""

    example = "optimizer adamw rate=0.001 decay=0.01"
    highest_decay = 1.0
    usual_decay = "decay=0.01 to 0.1"

    kind: Literal["adamw"] = "adamw"
    decay: NonNegativeFloat = Field(default=0.01, description="weight decay: a step takes rate·decay·w off")


class RmsProp(OptimizerSetting):
    """RMSprop: steps divided by the root of the mean squared gradient (Hinton 2012)."""

    example = "optimizer rmsprop rate=0.001 memory=0.9"

    kind: Literal["rmsprop"] = "rmsprop"
    rate: Rate = Field(default=0.001, description="learning rate")
    memory: Share = Field(default=0.99, description="how much of the mean squared gradient so far is kept")
    momentum: Share = Field(default=0.0, description="share of the previous step that is added to the next")
    epsilon: PositiveFloat = Field(
        default=1e-8, description="added to the divisor, so that no division is by zero"
    )
    decay: NonNegativeFloat = Field(default=0.0, description=DECAY)


class Schedule(SettingModel):
    """How the rate changes; ``warmup`` epochs climb to it in a straight line first (Goyal et al. 2017)."""

    word = "schedule"
    last = ("warmup",)

    warmup: Epochs = Field(
        default=0.0,
        description="warm-up: a straight climb from 0 to the rate, in epochs (not steps; 0.5 is half of one)",
    )

    def rate(self, base: float, step: int, per_epoch: int, steps: int) -> float:
        """The rate of a step counted from 0, of ``steps`` in all and ``per_epoch`` an epoch.

        In closed form, so that a resumed training has the same. ``base`` is the
        optimizer's rate; warm-up ends at it and is part of the steps.
        """
        climb = round(self.warmup * per_epoch)
        if step < climb:
            return base * (step + 1) / climb
        return self._after(base, step // per_epoch, (step - climb) / max(1, steps - climb))

    def _after(self, base: float, epoch: int, share: float) -> float:
        """The rate after the warm-up, in an epoch from 0, at a share from 0 to 1 of the steps left."""
        return base


class Constant(Schedule):
    """The optimizer's rate throughout."""

    example = "schedule constant warmup=1"

    kind: Literal["constant"] = "constant"


class Exponential(Schedule):
    """rate·factor^epoch, in whole epochs."""

    positional = ("factor",)
    example = "schedule exponential 0.9"

    kind: Literal["exponential"] = "exponential"
    factor: PositiveFloat = Field(default=0.9, description="what an epoch multiplies the rate by")

    def _after(self, base: float, epoch: int, share: float) -> float:
        return base * self.factor**epoch


class StepDecay(Schedule):
    """rate·factor^⌊epoch/every⌋."""

    example = "schedule step every=2 factor=0.1"

    kind: Literal["step"] = "step"
    every: WholeEpochs = Field(default=1, description="epochs between two drops")
    factor: PositiveFloat = Field(default=0.1, description="what a drop multiplies the rate by")

    def _after(self, base: float, epoch: int, share: float) -> float:
        return base * self.factor ** (epoch // self.every)


class Cosine(Schedule):
    """Half a cosine from the rate down towards ``floor`` (Loshchilov and Hutter 2017).

    The floor would come one step after the last, so that no step is lost where it is 0: as in PyTorch's
    CosineAnnealingLR with T_max, and Keras's CosineDecay with decay_steps, of the steps after the warm-up.
    """

    example = "schedule cosine warmup=0.5"

    kind: Literal["cosine"] = "cosine"
    floor: NonNegativeFloat = Field(default=0.0, description="what it falls to, one step after the last")

    def _after(self, base: float, epoch: int, share: float) -> float:
        return _half_cosine(base, self.floor, share)


class OneCycle(SettingModel):
    """Up to a peak, then down to almost nothing, in cosines, step by step (Smith and Topin 2018)."""

    word = "schedule"
    positional = ("peak",)
    example = "schedule onecycle peak=0.05"

    kind: Literal["onecycle"] = "onecycle"
    peak: Rate | None = Field(default=None, description="the highest rate; the optimizer's rate unless given")
    climb: Share = Field(default=0.3, description="part of the steps spent climbing")
    start: PositiveFloat = Field(default=25.0, description="the first rate is peak/start")
    end: PositiveFloat = Field(default=250000.0, description="the last rate is peak/end")

    def rate(self, base: float, step: int, per_epoch: int, steps: int) -> float:
        """Cosines from peak/start up to the peak at ``climb`` of the steps, and down to peak/end."""
        peak = self.peak or base
        last, top = steps - 1, self.climb * steps - 1
        if step <= top and top > 0:
            return _half_cosine(peak / self.start, peak, step / top)
        return _half_cosine(peak, peak / self.end, (step - max(top, 0)) / max(1, last - max(top, 0)))


def _half_cosine(first: float, last: float, share: float) -> float:
    """From ``first`` (share 0) to ``last`` (share 1)."""
    return last + (first - last) * (1 + math.cos(math.pi * share)) / 2


Optimizer: TypeAlias = Annotated[Sgd | Adam | AdamW | RmsProp, ByKind()]
AnySchedule: TypeAlias = Annotated[Constant | Exponential | StepDecay | Cosine | OneCycle, ByKind()]
