"""The sentences of ``train { }``: one frozen model each, and the recipe they make.

Every field says what it means, its unit and what it is when left out, and every
sentence shows an example, so the reference page is made from these models. A
sentence with several kinds (``optimizer sgd``, ``optimizer adam``) is one model
a kind; ``kind`` is its first word.
"""

from typing import Annotated, Any, Literal, Self

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

from cnnspec.layers.base import Initial
from cnnspec.layers.writing import Unit
from cnnspec.recipe.base import Pixels, SettingModel, Share, WholeEpochs
from cnnspec.recipe.optimizers import (
    Adam,
    AdamW,
    AnySchedule,
    Constant,
    Cosine,
    Exponential,
    OneCycle,
    Optimizer,
    RmsProp,
    Schedule,
    Sgd,
    StepDecay,
)
from cnnspec.recipe.targets import (
    AnyLoss,
    AnyTarget,
    BinaryCrossEntropy,
    ClassTarget,
    CrossEntropy,
    Dice,
    Huber,
    MeanAbsoluteError,
    MeanSquaredError,
)
from cnnspec.upward import upward

__all__ = [
    "Adam", "AdamW", "AnyLoss", "AnySchedule", "AnyTarget", "Augment", "BinaryCrossEntropy", "ClassTarget",
    "Constant", "Cosine", "CrossEntropy", "Data", "Dice", "Exponential", "Huber", "Initial",
    "MeanAbsoluteError", "MeanSquaredError", "Normalise", "OneCycle", "Optimizer", "Recipe", "RmsProp",
    "Schedule", "SettingModel", "Sgd", "StepDecay", "Stop",
]  # fmt: skip


class Data(SettingModel):
    """Where the samples come from: a known set, or files of one's own.

    mnist and fashion_mnist are looked for in --data-dir, CNNSPEC_DATA and the cache, else downloaded;
    digits come with scikit-learn; of these, or of MNIST's at the path, digits_scene makes pictures of several
    digits with a class at every pixel, and digits_pairs two digits, the same or not, for two inputs; idx,
    npz, images (a folder a class) and csv are files at the path, and a path alone says by itself which they
    are: data "own/pictures". It is relative to the spec's folder. Of several inputs an .npz has an
    array each, by their names, and a csv a column of files.
    Folders of images may stand in folders train, val and test (or training, valid or validation, testing),
    and an .npz may hold x_val and y_val. Without a validation part of their own, samples for validation are
    drawn once, by the seed, from the training samples. They are evaluated after each epoch, never trained on.
    """

    word = "data"
    positional = ("name", "path")
    quoted = "path"
    example = "data mnist validation=0.1"

    name: Annotated[
        Literal[
            "mnist",
            "fashion_mnist",
            "digits",
            "digits_scene",
            "digits_pairs",
            "idx",
            "npz",
            "images",
            "csv",
            "files",
        ],
        BeforeValidator(lambda name: name.replace("-", "_") if isinstance(name, str) else name),
    ] = Field(default="mnist", description="a known set, or the kind of files at path; files: as they are")
    path: str | None = Field(default=None, description="file or folder of the samples, in quotes")
    validation: Share = Field(default=0.0, description="part of the training samples kept for validation")
    test: Share = Field(default=0.2, description="part kept for testing where the files hold no test part")
    resize: bool = Field(default=False, description="resize the images to the network's input")
    label: str | PositiveInt | None = Field(
        default=None, description="column of a csv that holds the label: its head, or its number from 1"
    )

    @model_validator(mode="before")
    @classmethod
    def _a_path_gives_its_kind(cls, values: Any) -> Any:
        if isinstance(values, dict) and values.get("path") is not None and "name" not in values:
            return {"name": "files", **values}
        return values

    @model_validator(mode="after")
    def _files_have_a_path(self) -> Self:
        if self.name in ("idx", "npz", "images", "csv", "files") and self.path is None:
            raise ValueError(f'must say where its files are: data {self.name} "path"')
        return self


class Normalise(SettingModel):
    """How the bytes of an image are scaled: (x/255 - mean)/std, or not at all."""

    word = "normalise"
    positional = ("kind",)
    derived = frozenset()
    example = "normalise mean=0.1307 std=0.3081"

    kind: Literal["unit", "standard", "none"] = Field(
        default="unit",
        description="unit: to 0..1, then mean and std as given; standard: with the training set's own "
        "mean and deviation; none: bytes as they are",
    )
    mean: float | tuple[float, ...] = Field(
        default=0.0, description="subtracted after scaling to 0..1; one number, or one for each channel"
    )
    std: PositiveFloat | tuple[PositiveFloat, ...] = Field(
        default=1.0, description="divided by after that; one number, or one for each channel"
    )

    @model_validator(mode="after")
    def _one_way_only(self) -> Self:
        if self.kind != "unit" and {"mean", "std"} & self.model_fields_set:
            raise ValueError(f"must be {self.kind} or have mean and std, not both")
        return self


class Augment(SettingModel):
    """Random changes of the training images, drawn anew for each image and epoch.

    Each option is the most that happens, both ways; augment alone changes nothing. Test and validation
    images stay as they are. elastic is on Simard's scale: 34 with smooth=4 suits images of 28x28, and moves a
    pixel by 1.4 (the root of the mean square: 0.163·elastic/smooth).
    """

    word = "augment"
    example = "augment shift=2 rotate=10 scale=0.1"

    shift: Pixels = Field(
        default=0.0, description="pixels up, down, left or right, at most; fractions are allowed"
    )
    rotate: Annotated[float, Field(ge=0, le=180), Unit("degrees")] = Field(
        default=0.0, description="either way, at most: 10 turns by -10 to 10 degrees"
    )
    scale: Share = Field(default=0.0, description="larger or smaller, at most: 0.1 is 0.9 to 1.1 times")
    elastic: Pixels = Field(
        default=0.0,
        description="elastic distortion: uniform random numbers of -1 to 1, smoothed, times this many "
        "pixels (Simard et al. 2003)",
    )
    smooth: Annotated[float, Field(gt=0, le=1000), Unit("pixels")] = Field(
        default=4.0, description="deviation of the Gaussian that smooths elastic"
    )
    flip: bool = Field(default=False, description="mirror left and right, half of the time")


class Stop(SettingModel):
    """Early stopping: end when the loss stops falling, and keep the weights of the best epoch.

    The validation loss is watched; without data validation=… it is the training loss, which says nothing
    of overfitting.
    """

    word = "stop"
    positional = ("patience",)
    example = "stop patience=3"
    beside = "data mnist validation=0.1"

    patience: WholeEpochs = Field(
        default=3, description="epochs in a row without a lower loss before the training ends"
    )
    change: NonNegativeFloat = Field(
        default=0.0, description="the loss must fall by more than this to count as lower"
    )


class Recipe(BaseModel):
    """All of a training: what, with what, how long. The defaults are the recipe of a spec without one."""

    model_config = ConfigDict(frozen=True, extra="forbid", strict=True, defer_build=True)

    data: Data = Field(
        default=Data.model_construct(), description="where the samples come from, and their validation part"
    )
    optimizer: Optimizer = Field(
        default=Adam.model_construct(), description="how the gradient updates the weights"
    )
    schedule: AnySchedule = Field(
        default=Constant.model_construct(), description="how the learning rate changes; warm-up"
    )
    batch: Annotated[PositiveInt, Unit("samples")] = Field(
        default=64, description="samples per step; the last batch of an epoch may be smaller", examples=[128]
    )
    epochs: WholeEpochs = Field(default=5, description="passes through the training samples", examples=[4])
    seed: NonNegativeInt = Field(
        default=0, description="fixes weights, shuffling, dropout and augmentation", examples=[1]
    )
    target: AnyTarget | None = Field(
        default=None,
        description="what the network is to give; unless said that of the data, usually a class",
    )
    loss: AnyLoss = Field(
        default=CrossEntropy.model_construct(),
        description="what training minimises; unless said, the usual loss of the target",
    )
    initial: Initial = Field(
        default="he",
        description="initialiser of the weights, where a layer's init does not say: he suits ReLU "
        "(He et al. 2015), glorot tanh and sigmoid (Glorot and Bengio 2010)",
        examples=["glorot"],
    )
    normalise: Normalise = Field(
        default=Normalise.model_construct(), description="how the bytes of an image are scaled"
    )
    augment: Augment | None = Field(default=None, description="random changes of the training images")
    classweights: Literal["balanced"] | tuple[PositiveFloat, ...] | None = Field(
        default=None,
        description="weight of each class in the cross entropy; balanced: by how rare it is",
        examples=["balanced"],
    )
    clip: Annotated[PositiveFloat, Unit("number")] | None = Field(
        default=None,
        description="largest norm of the gradient over all weights; a larger one is scaled down to it "
        "(Pascanu et al. 2013)",
        examples=[1],
    )
    stop: Stop | None = Field(default=None, description="early stopping, when the loss stops falling")
    workers: Annotated[int, Field(ge=1, le=64), Unit("processes")] = Field(
        default=1,
        description="processes that share each batch; the same number gives the same weights, another one "
        "other weights where there is batch norm, dropout or augmentation",
        examples=[2],
    )

    @model_validator(mode="after")
    def _a_target_gives_its_loss(self) -> Self:
        if self.target and "loss" not in self.model_fields_set:
            self.__dict__["loss"] = self.target.losses[0]()
        return self

    def changed(self, **changes: Any) -> "Recipe":
        """A copy with some settings changed; None changes nothing, False leaves an optional one off.

        A setting is a number (``epochs=3``), a sentence as in the file (``optimizer="adam rate=0.01"``)
        or its model; ``rate`` is the optimizer's and ``validation`` that of data. Raises TypeError for a
        name that is no setting, SpecError for a value that cannot be.
        """
        made: Recipe = upward("change_recipe")(self, changes)
        return made
