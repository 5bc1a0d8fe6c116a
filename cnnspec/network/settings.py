"""The sentences of ``train { }``: one frozen model each, and the recipe they make.

Every field says what it means and what it is when left out, so the reference
page is made from these models. A sentence with several kinds (``optimizer
sgd``, ``optimizer adam``) is one model a kind; ``kind`` is its first word.
"""

from __future__ import annotations

from typing import Annotated, Any, ClassVar, Literal, TypeAlias

from pydantic import (
    BaseModel,
    BeforeValidator,
    ConfigDict,
    Field,
    NonNegativeFloat,
    NonNegativeInt,
    PositiveFloat,
    PositiveInt,
    model_validator,
)

from cnnspec.layers.initial import Initial

Share: TypeAlias = Annotated[float, Field(ge=0, lt=1)]
"""A part of a whole: 0 is none; all of it is too much."""


class Setting(BaseModel):
    """The base of all sentences of a recipe."""

    model_config = ConfigDict(frozen=True, extra="forbid", strict=True)
    positional: ClassVar[tuple[str, ...]] = ()
    """Fields that may be given without their name, in order, after the kind."""


class Data(Setting):
    """Where the samples come from: a known set, or files of the user's."""

    positional = ("name", "path")

    name: Annotated[
        Literal["mnist", "fashion_mnist", "digits", "idx", "npz", "images", "csv"],
        BeforeValidator(lambda name: name.replace("-", "_") if isinstance(name, str) else name),
    ] = Field(default="mnist", description="a known set, or the kind of files at path")
    path: str | None = Field(default=None, description="file or folder of the samples")
    validation: Share = Field(default=0.0, description="share of the training samples kept for validation")
    test: Share = Field(default=0.2, description="share kept for testing where the files hold no test part")
    resize: bool = Field(default=False, description="resize the images to the network's input")

    @model_validator(mode="after")
    def _files_have_a_path(self) -> Data:
        if self.name in ("idx", "npz", "images", "csv") and self.path is None:
            raise ValueError(f'must say where its files are: data {self.name} "path"')
        return self


class Sgd(Setting):
    """Stochastic gradient descent: v = momentum·v + g, w = w - rate·v (Sutskever et al. 2013)."""

    kind: Literal["sgd"] = "sgd"
    rate: PositiveFloat = Field(default=0.01, description="learning rate")
    momentum: Share = Field(default=0.0, description="share of the last step that is kept")
    nesterov: bool = Field(default=False, description="look ahead along the momentum")
    decay: NonNegativeFloat = Field(default=0.0, description="weight decay, added to the gradient")


class Adam(Setting):
    """Adam (Kingma and Ba 2015): steps scaled by running moments of the gradient."""

    kind: Literal["adam"] = "adam"
    rate: PositiveFloat = Field(default=0.001, description="learning rate")
    beta1: Share = Field(default=0.9, description="memory of the mean gradient")
    beta2: Share = Field(default=0.999, description="memory of the squared gradient")
    epsilon: PositiveFloat = Field(default=1e-8, description="keeps the division finite")
    decay: NonNegativeFloat = Field(default=0.0, description="weight decay, added to the gradient")


class AdamW(Setting):
    """Adam with weight decay apart from the gradient (Loshchilov and Hutter 2019)."""

    kind: Literal["adamw"] = "adamw"
    rate: PositiveFloat = Field(default=0.001, description="learning rate")
    beta1: Share = Field(default=0.9, description="memory of the mean gradient")
    beta2: Share = Field(default=0.999, description="memory of the squared gradient")
    epsilon: PositiveFloat = Field(default=1e-8, description="keeps the division finite")
    decay: NonNegativeFloat = Field(default=0.01, description="share of a weight taken off, times the rate")


class RmsProp(Setting):
    """RMSprop (Hinton 2012): steps divided by the root of the mean squared gradient."""

    kind: Literal["rmsprop"] = "rmsprop"
    rate: PositiveFloat = Field(default=0.001, description="learning rate")
    memory: Share = Field(default=0.99, description="memory of the squared gradient")
    momentum: Share = Field(default=0.0, description="share of the last step that is kept")
    epsilon: PositiveFloat = Field(default=1e-8, description="keeps the division finite")
    decay: NonNegativeFloat = Field(default=0.0, description="weight decay, added to the gradient")


class Schedule(Setting):
    """How the rate moves; ``warmup`` epochs climb to it in a straight line first."""

    warmup: NonNegativeFloat = Field(default=0.0, description="epochs of straight climb from 0 to the rate")


class Constant(Schedule):
    """The optimizer's rate throughout."""

    kind: Literal["constant"] = "constant"


class Exponential(Schedule):
    """rate·factor^epoch, in whole epochs."""

    kind: Literal["exponential"] = "exponential"
    positional = ("factor",)
    factor: PositiveFloat = Field(default=0.9, description="what an epoch multiplies the rate by")


class Step(Schedule):
    """rate·factor^⌊epoch/every⌋."""

    kind: Literal["step"] = "step"
    every: PositiveInt = Field(default=1, description="epochs between two drops")
    factor: PositiveFloat = Field(default=0.1, description="what a drop multiplies the rate by")


class Cosine(Schedule):
    """Half a cosine from the rate down to ``floor`` (Loshchilov and Hutter 2017)."""

    kind: Literal["cosine"] = "cosine"
    floor: NonNegativeFloat = Field(default=0.0, description="the rate at the end")


class OneCycle(Setting):
    """Up to a peak, then down to almost nothing, in cosines (Smith and Topin 2018)."""

    kind: Literal["onecycle"] = "onecycle"
    positional = ("peak",)
    peak: PositiveFloat | None = Field(default=None, description="the highest rate, or the optimizer's")
    climb: Share = Field(default=0.3, description="share of the steps spent climbing")
    start: PositiveFloat = Field(default=25.0, description="the first rate is peak/start")
    end: PositiveFloat = Field(default=250000.0, description="the last rate is peak/end")


class CrossEntropy(Setting):
    """-log of the probability of the right class, over a softmax."""

    kind: Literal["crossentropy"] = "crossentropy"
    smoothing: Share = Field(default=0.0, description="share of the target spread over all classes")


class MeanSquaredError(Setting):
    """Mean of (output - one-hot target)²."""

    kind: Literal["mse"] = "mse"


class Normalise(Setting):
    """What is done to the bytes of an image: (x/255 - mean)/std, or nothing at all."""

    positional = ("kind",)

    kind: Literal["unit", "standard", "none"] = Field(
        default="unit",
        description="unit: to 0..1, then mean and std as given; standard: with the training set's own "
        "mean and deviation; none: bytes as they are",
    )
    mean: float | tuple[float, ...] = Field(
        default=0.0, description="taken off; one number, or one a channel"
    )
    std: PositiveFloat | tuple[PositiveFloat, ...] = Field(
        default=1.0, description="divided by; one number, or one a channel"
    )

    @model_validator(mode="after")
    def _one_way_only(self) -> Normalise:
        if self.kind != "unit" and {"mean", "std"} & self.model_fields_set:
            raise ValueError(f"must be {self.kind} or have mean and std, not both")
        return self


class Augment(Setting):
    """Random changes of the training images, drawn anew each epoch."""

    shift: NonNegativeFloat = Field(default=0.0, description="pixels up, down, left or right, at most")
    rotate: Annotated[float, Field(ge=0, le=180)] = Field(default=0.0, description="degrees, at most")
    scale: Share = Field(default=0.0, description="share larger or smaller, at most")
    elastic: NonNegativeFloat = Field(
        default=0.0, description="pixels of smooth random displacement (Simard et al. 2003)"
    )
    smooth: PositiveFloat = Field(default=4.0, description="pixels over which the displacement is smooth")
    flip: bool = Field(default=False, description="mirror left and right, half of the time")


class Stop(Setting):
    """End early when the validation loss (the training loss if there is none) stops falling."""

    positional = ("patience",)

    patience: PositiveInt = Field(default=3, description="epochs without a better loss that are borne")
    change: NonNegativeFloat = Field(default=0.0, description="a fall smaller than this is none")


Optimizer: TypeAlias = Annotated[Sgd | Adam | AdamW | RmsProp, Field(discriminator="kind")]
AnySchedule: TypeAlias = Annotated[
    Constant | Exponential | Step | Cosine | OneCycle, Field(discriminator="kind")
]
Loss: TypeAlias = Annotated[CrossEntropy | MeanSquaredError, Field(discriminator="kind")]


class Recipe(BaseModel):
    """All of a training: what, with what, how long. The defaults are the recipe of a spec without one."""

    model_config = ConfigDict(frozen=True, extra="forbid", strict=True)

    data: Data = Field(default=Data(), description="where the samples come from")
    optimizer: Optimizer = Field(default=Adam(), description="how a gradient becomes a step")
    schedule: AnySchedule = Field(default=Constant(), description="how the rate moves")
    batch: PositiveInt = Field(default=64, description="samples a step")
    epochs: PositiveInt = Field(default=5, description="times through the training samples")
    seed: NonNegativeInt = Field(default=0, description="fixes weights, shuffling, dropout and augmentation")
    loss: Loss = Field(default=CrossEntropy(), description="what is made small")
    initial: Initial = Field(default="he", description="how weights begin, unless a layer says")
    normalise: Normalise = Field(default=Normalise(), description="what is done to the bytes of an image")
    augment: Augment | None = Field(default=None, description="random changes of the training images")
    classweights: Literal["balanced"] | tuple[PositiveFloat, ...] | None = Field(
        default=None, description="weight of each class in the loss; balanced: by how rare it is"
    )
    clip: PositiveFloat | None = Field(default=None, description="largest norm of the whole gradient")
    stop: Stop | None = Field(default=None, description="end early when the loss stops falling")
    workers: Annotated[int, Field(ge=1, le=64)] = Field(
        default=1, description="processes that share each batch; the same number gives the same weights"
    )

    def changed(self, **changes: Any) -> Recipe:
        """A copy with some fields changed, validated; None changes nothing. ``rate`` is the optimizer's."""
        given = {name: value for name, value in changes.items() if value is not None}
        if (rate := given.pop("rate", None)) is not None:
            given["optimizer"] = type(self.optimizer).model_validate({**dict(self.optimizer), "rate": rate})
            if isinstance(self.schedule, OneCycle):
                given["schedule"] = self.schedule.model_copy(update={"peak": rate})
        return Recipe.model_validate({**dict(self), **given})
