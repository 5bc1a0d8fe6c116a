"""What a network is trained for, ``target``, and what training minimises, ``loss``.

A target says which losses fit it, the usual one first. How each is read, checked, judged and shown stands in
tables by the same names: ``training.data.target_values``, ``training.data.fitting``, ``training.targets`` and
``training.shown``.
"""

from typing import Annotated, ClassVar, Final, Literal, TypeAlias

from pydantic import Field, PositiveFloat

from cnnspec.layers.writing import Unit
from cnnspec.recipe.base import ByKind, SettingModel, Share

# Losses ----------------------------------------------------------------------------


class LossSetting(SettingModel):
    """What all losses have in common."""

    word = "loss"


class CrossEntropy(LossSetting):
    """-log of the probability of the right class, over a softmax; of a mask the mean over its pixels.

    Validation and test samples are evaluated with the same loss, smoothing included, class weights left out.
    """

    example = "loss crossentropy smoothing=0.1"

    kind: Literal["crossentropy"] = "crossentropy"
    smoothing: Share = Field(
        default=0.0, description="part of the target spread over all classes (Szegedy et al. 2016)"
    )


class Dice(LossSetting):
    """1 - the Dice coefficient of a mask, (2·Σp·t + 1)/(Σp + Σt + 1), over a softmax (Milletari et al. 2016).

    The sums run over all pixels of a batch, and the mean over the classes: a rare class counts as much as
    the background does.
    """

    example = "loss dice"
    beside = "target mask"

    kind: Literal["dice"] = "dice"


class BinaryCrossEntropy(LossSetting):
    """-t·log p - (1 - t)·log(1 - p), over a sigmoid: for each yes or no by itself, the mean of all."""

    example = "loss bce"
    beside = "target binary"

    kind: Literal["bce"] = "bce"


class MeanSquaredError(LossSetting):
    """Mean of (output - target)², over all outputs; of a class the target is one-hot."""

    example = "loss mse"

    kind: Literal["mse"] = "mse"


class MeanAbsoluteError(LossSetting):
    """Mean of |output - target|, over all outputs: an outlier pulls no harder than its distance."""

    example = "loss mae"
    beside = "target numbers"

    kind: Literal["mae"] = "mae"


class Huber(LossSetting):
    """Half the squared error up to delta, and delta·(|error| - delta/2) beyond (Huber 1964)."""

    example = "loss huber delta=1"
    beside = "target numbers"

    kind: Literal["huber"] = "huber"
    delta: Annotated[PositiveFloat, Unit("number")] = Field(
        default=1.0, description="error up to which the loss is a square"
    )


AnyLoss: TypeAlias = Annotated[
    CrossEntropy | Dice | BinaryCrossEntropy | MeanSquaredError | MeanAbsoluteError | Huber,
    ByKind(),
]

# Targets ---------------------------------------------------------------------------


class TargetSetting(SettingModel):
    """What all targets have in common."""

    word = "target"
    losses: ClassVar[tuple[type[LossSetting], ...]] = ()
    """Those that fit, the usual one first."""
    answer: ClassVar[str] = ""
    """What a network gives for one sample, in words."""

    kind: str = ""


class ClassTarget(TargetSetting):
    """One class for each sample: the label of a known set, the folder of an image, a column of a csv."""

    example = "target class"
    losses = (CrossEntropy, MeanSquaredError)
    answer = "one class"

    kind: Literal["class"] = "class"


class MaskTarget(TargetSetting):
    """A class at every pixel: a mask of the image's height and width, which holds the number of each class.

    The masks of images in folders are PNG files in a folder beside them, each with its image's name: of
    class numbers (grey, or a palette), or of colours, whose classes a table says. An .npz has them as y.
    """

    positional = ("path",)
    quoted = "path"
    example = 'target mask "masks" ignore=255'
    beside = 'data images "photos"'
    losses = (CrossEntropy, Dice)
    answer = "a class at every pixel"

    kind: Literal["mask"] = "mask"
    path: str | None = Field(default=None, description="folder of the masks, in quotes")
    ignore: Annotated[int, Field(ge=0, le=255), Unit("class number")] | None = Field(
        default=None, description="pixels with this number count nowhere; usually 255"
    )
    classes: str | None = Field(
        default=None,
        description="the classes in order, in quotes: their names, or names with colours, as "
        '"sky #87ceeb, road #808080"',
    )


class BinaryTarget(TargetSetting):
    """Yes or no, one question or several at once: columns of 0 and 1, or a folder for no and one for yes.

    Of two folders of images, the second by name is yes. An .npz has them as y, a column a question.
    """

    positional = ("columns",)
    example = 'target binary "smiling, glasses"'
    beside = 'data csv "faces.csv"'
    losses = (BinaryCrossEntropy,)
    answer = "yes or no, a number each"

    kind: Literal["binary"] = "binary"
    columns: str | None = Field(
        default=None, description="columns of a csv that hold 0 or 1, in quotes, with commas between"
    )


class NumbersTarget(TargetSetting):
    """Numbers: columns of a csv, or y of an .npz, one column a number. They are taken as they are."""

    positional = ("columns",)
    example = 'target numbers "price, area"'
    beside = 'data csv "houses.csv"'
    losses = (MeanSquaredError, MeanAbsoluteError, Huber)
    answer = "numbers"

    kind: Literal["numbers"] = "numbers"
    columns: str | None = Field(
        default=None, description="columns of a csv that hold the numbers, in quotes, with commas between"
    )


class ImageTarget(TargetSetting):
    """An image: the input itself, as an autoencoder gives it back, or one of a paired folder.

    Images of a folder are paired by their names; an .npz has them as y. Bytes become 0 to 1, whatever
    normalise makes of the input: the network's output is on that scale.
    """

    positional = ("path",)
    quoted = "path"
    example = "target image"
    losses = (MeanSquaredError, MeanAbsoluteError, Huber)
    answer = "an image"

    kind: Literal["image"] = "image"
    path: str | None = Field(
        default=None, description="folder of the images to give, in quotes; the input itself unless given"
    )
    smaller: Annotated[int, Field(ge=2, le=16), Unit("times")] | None = Field(
        default=None,
        description="the network sees each image so many times smaller, and is to give the whole one",
    )
    noise: Annotated[float, Field(gt=0, le=255), Unit("levels of 255")] | None = Field(
        default=None,
        description="the network sees each image with normal noise of this deviation, and is to give the "
        "clean one",
    )


AnyTarget: TypeAlias = Annotated[
    ClassTarget | MaskTarget | BinaryTarget | NumbersTarget | ImageTarget, ByKind()
]
CLASS: Final = ClassTarget.model_construct()
"""The target where neither the recipe nor the data say another."""
