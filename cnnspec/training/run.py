"""The folder of a run: the spec, the metrics, the checkpoints, the weights.

spec.cnn              the network and its recipe, with the files it uses
run.json              the record: seed, recipe, data, scaling of the pixels, the result
metrics.jsonl         one line an epoch
checkpoints/          the last three; --resume goes on from the newest whole one
best.safetensors      the weights of the best epoch, when there is validation
weights.safetensors   the weights at the end
"""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Final, Literal

from pydantic import (
    BaseModel,
    ConfigDict,
    Field,
    FiniteFloat,
    NonNegativeInt,
    ValidationError,
    field_serializer,
)

from cnnspec.backends.contract import Predictor, Scaling
from cnnspec.backends.weights import CHECKPOINTS as CHECKPOINTS
from cnnspec.backends.weights import WEIGHTS as WEIGHTS
from cnnspec.backends.weights import ScalingWords, load
from cnnspec.diagnostics import Diagnostic, SpecError
from cnnspec.document import RUN_SPEC
from cnnspec.files import read_bytes, write_atomically
from cnnspec.network.as_json import to_dict
from cnnspec.recipe.models import Data, Recipe
from cnnspec.training.checkpoint import Checkpoint, CheckpointManager, alike, unusable
from cnnspec.training.evaluate import number
from cnnspec.training.lock import LOCK

if TYPE_CHECKING:
    from cnnspec.training.evaluate import Evaluation

SPEC, RECORD, METRICS, BEST = RUN_SPEC, "run.json", "metrics.jsonl", "best.safetensors"
OURS: Final = (SPEC, RECORD, METRICS, CHECKPOINTS, BEST, WEIGHTS)
"""What a run leaves in its folder."""
LARGEST: Final = 20_000_000
"""Bytes a record may have; the names of the classes are most of it."""


class TestFigures(BaseModel):
    """How the trained network did on the test set."""

    model_config = ConfigDict(frozen=True)

    accuracy: Annotated[float, Field(ge=0, le=1)] | None = None
    """None where answers are not just right or wrong."""
    loss: FiniteFloat | None
    samples: NonNegativeInt
    figures: dict[str, FiniteFloat | None] = {}
    """All by their names, the one that tells most first."""


class Run(BaseModel):
    """What is known of a training: the contents of ``run.json``."""

    model_config = ConfigDict(frozen=True, ser_json_inf_nan="constants")

    format: Literal["cnnspec/run/1"] = "cnnspec/run/1"
    network: str
    seed: NonNegativeInt
    recipe: Recipe
    data: Data | None
    """What gives the samples again; None where they were given as arrays."""
    set: str
    """What the samples are called."""
    classes: tuple[str, ...]
    begun_from: str | None = None
    """The file or run whose weights it began with; None for random ones."""
    scaling: tuple[tuple[FiniteFloat, ...], tuple[FiniteFloat, ...]]
    """Factor and shift of the pixels, one number or one a channel, as they were trained with."""
    floats: bool = False
    """Whether it was trained on floats, not on bytes."""
    inputs: dict[str, ScalingWords] = {}
    """Of several inputs, both for each."""
    dark_borders: bool | None = None
    """Whether the training images end in dark pixels, as MNIST's do; None in records that do not say."""
    test: TestFigures | None = None
    uses: tuple[str, ...] = ()
    """The files that the spec uses, which lie beside it."""

    @field_serializer("recipe")
    def _recipe(self, recipe: Recipe) -> dict[str, Any]:
        return to_dict(recipe)

    @classmethod
    def read(cls, folder: Path) -> Run:
        """The record in a folder; raises SpecError where there is none, or one that is damaged."""
        try:
            return cls.model_validate_json(read_bytes(folder / RECORD, LARGEST))
        except OSError as error:
            raise _no_record(folder, error.strerror or str(error)) from error
        except ValidationError as error:
            fault = error.errors(include_url=False)[0]
            place = ".".join(map(str, fault["loc"]))
            raise _no_record(folder, f"{place}: {fault['msg']}" if place else fault["msg"]) from error

    def write(self, folder: Path) -> None:
        write_atomically(folder / RECORD, self.model_dump_json(indent=1) + "\n", folder)

    def judged(self, found: Evaluation) -> Run:
        """The record with the figures of the test set."""
        figures = {name: number(value) for name, value in found.figures.items()}
        test = TestFigures(
            accuracy=number(found.accuracy), loss=number(found.loss), samples=found.samples, figures=figures
        )
        return self.model_copy(update={"test": test})

    @property
    def pixels(self) -> Scaling:
        """What is done to the bytes of an image."""
        learned: Literal["floats", "bytes"] = "floats" if self.floats else "bytes"
        return ScalingWords(scaling=self.scaling, learned=learned, inputs=self.inputs).read()


def is_run(path: str | Path) -> bool:
    """Whether a path is the folder of a run."""
    return (Path(path) / RECORD).is_file() and (Path(path) / SPEC).is_file()


def runs_of_seeds(folder: Path) -> list[Path]:
    """The runs in a folder of ``train --seeds``, the least seed first; none where it is another folder."""
    found = [path for path in folder.glob("seed-*") if is_run(path)]
    return sorted(found, key=lambda path: (len(path.name), path.name))


def has_results(folder: Path) -> bool:
    """Whether work would be lost with the run in a folder."""
    return is_run(folder) and (
        (folder / WEIGHTS).exists() or bool(CheckpointManager(folder / CHECKPOINTS).paths)
    )


def claimed(folder: Path) -> set[str]:
    """The names in a folder that a run may replace: those that its record says are a run's."""
    try:
        return {*OURS, *Run.read(folder).uses}
    except SpecError:
        return set()


def refuse_names(uses: Iterable[str]) -> None:
    """Raises SpecError where a spec uses files under names that a run gives to its own."""
    for name in uses:
        if name.split("/")[0].casefold() in (*OURS, LOCK):
            message = f'a run keeps a file of its own under the name of "{name}", which the spec uses'
            raise SpecError.of("run-not-written", message, "rename the file, and say so in the spec")


def take_weights(model: Predictor, folder: Path) -> tuple[Diagnostic, ...]:
    """Gives the model the weights of a run; says why newer checkpoints were passed over.

    They are those of the end or, of an unfinished run, of its newest checkpoint.
    Raises SpecError when there are none.
    """
    if (folder / WEIGHTS).exists():
        load(model, folder / WEIGHTS)
        return ()

    def fault(found: Checkpoint) -> str | None:
        return None if alike(found.weights, model.weights) else f"its weights are not those of {SPEC}"

    checkpoint, refused = CheckpointManager(folder / CHECKPOINTS).latest(fault)
    if checkpoint is None:
        raise unusable(folder, "it has no complete checkpoint yet", "train it: cnnspec train … --resume")
    model.weights.update(checkpoint.weights)
    return refused


def _no_record(folder: Path, why: str) -> SpecError:
    cure = "train it again: another program or version wrote it, or it was damaged"
    return SpecError.of("run-unusable", f"{folder / RECORD} cannot be used: {why}", cure)
