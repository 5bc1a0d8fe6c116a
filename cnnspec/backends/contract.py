"""What training, evaluation and prediction need of an engine: a library that runs networks.

Arrays cross this border as NumPy's: images N x H x W x C, weights by PyTorch's
names and in PyTorch's layouts, whatever an engine keeps inside. A network with several
inputs takes them by name, ``{"left": images, "right": images}``, as many of each, or as one array of
records with a field an input (``images.joined``): that is how samples are kept, drawn and cut into batches.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, MutableMapping, Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Final, Literal, Protocol, TypeAlias

import numpy as np
from numpy.typing import NDArray

from cnnspec.backends.processes import ProcessGroup
from cnnspec.diagnostics import SpecError
from cnnspec.network.graph import Network

if TYPE_CHECKING:
    from cnnspec.recipe.models import Normalise, Recipe

Array: TypeAlias = NDArray[Any]
Images: TypeAlias = "Array | Mapping[str, Array]"
"""What flows in: N x H x W x C; by name, or as records, where a network has several inputs."""

IGNORED: Final = 255
"""The class number, in masks of bytes, of places that count nowhere."""
PREDICT_BATCH = 64
"""Samples that are predicted at a time, unless told otherwise."""


@dataclass(frozen=True)
class Scaling:
    """What is done to bytes on their way in: ``byte·factor + shift``, one number or one a channel.

    Floating-point images are taken as they are, unless the network learned from such. Of several inputs
    each may be scaled in its own way.
    """

    factor: Array | float = 1 / 255
    shift: Array | float = 0.0
    learned: Literal["", "bytes", "floats"] = ""
    """What the network learned from; of ``floats``, whatever comes in is scaled as a float."""
    inputs: Mapping[str, Scaling] = field(default_factory=dict)
    """Of several inputs, what is done to each."""

    def of_input(self, name: str) -> Scaling:
        """What is done to an input."""
        return self.inputs.get(name, self)

    @classmethod
    def of(cls, normalise: Normalise) -> Scaling:
        """What a recipe asks for; ``standard`` needs the training set, and is to 0..1 until then."""
        if normalise.kind == "none":
            return cls(1.0, 0.0)
        mean, std = np.asarray(normalise.mean, float), np.asarray(normalise.std, float)
        return cls(1 / (255 * std), -mean / std)


@dataclass(frozen=True, slots=True)
class BatchResult:
    """What came of one batch: the sum of its losses, how many were right, how many there were.

    Of a mask a part of the sample may be right.
    """

    loss: float
    correct: float
    samples: int


class BatchSource(Protocol):
    """Training samples in batches, whose order follows from the epoch alone."""

    def epoch(self, epoch: int, first: int = 0) -> Iterator[tuple[Images, Array]]:
        """Images and targets of the batches of an epoch, from place ``first`` on.

        Images are N x …, bytes or floats. Targets are class numbers (N,), masks of bytes (N, H, W) where
        ``IGNORED`` counts nowhere, or the wanted outputs themselves, N x … as floats.
        """

    def shard(self, part: int, parts: int) -> BatchSource:
        """The same batches, of each only one of so many parts."""

    def whole(self) -> tuple[Images, Array] | None:
        """All samples and targets, where every batch is some of them as they are; else None."""

    def places(self, epoch: int, first: int = 0) -> Iterator[Array]:
        """Which of all samples the batches of an epoch have."""


class Predictor(Protocol):
    """A network with weights, ready to be asked."""

    @property
    def network(self) -> Network: ...

    @property
    def weights(self) -> MutableMapping[str, Array]:
        """All weights and statistics by name. What is assigned is copied in, and counts at once."""

    scaling: Scaling
    classes: tuple[str, ...]
    """Names of the classes in the order of the outputs; none where that is not known."""

    def forward(
        self, images: Images, keep: Sequence[str] = (), batch: int = PREDICT_BATCH
    ) -> dict[str, Array]:
        """All outputs by name, and those of the layers named in ``keep``: N x H x W x C each.

        Bytes are scaled, floats are taken as they are. Infinities and NaN go through in silence.
        """


class Engine(Predictor, Protocol):
    """A predictor that can be trained; a copy of it has weights of its own.

    What is random in it follows from its seed.
    """

    @property
    def seed(self) -> int: ...

    @property
    def initial(self) -> str:
        """The name of the initialiser that its weights began with."""

    @property
    def dtype(self) -> np.dtype[Any]: ...

    @property
    def processes(self) -> ProcessGroup:
        """Those that train together, each with an engine of its own."""

    def shards(self, recipe: Recipe) -> int:
        """How many parts a batch is cut into."""

    def train(
        self, recipe: Recipe, batches: BatchSource, class_weights: Sequence[float] | None = None
    ) -> TrainingSession:
        """A training by the recipe's optimizer, loss, clip and workers, ready for its first step."""


class TrainingSession(Protocol):
    """An engine's part in a training: gradients, the optimizer, and what both remember.

    A step is ``backward``, then ``update``.
    """

    @property
    def gradients(self) -> Mapping[str, Array]:
        """The gradients of the trained weights by name, as the last ``backward`` left them."""

    @property
    def arrays(self) -> Mapping[str, Array]:
        """The optimizer's arrays by name."""

    @property
    def state(self) -> dict[str, Any]:
        """All else that going on needs (counts, generators of random numbers), as JSON has it."""

    def running(self) -> AbstractContextManager[None]:
        """Held while steps are made; everything the session holds (threads, processes) is let go after."""

    def epoch(self, epoch: int, first: int) -> Iterator[tuple[Images, Array]]:
        """The batches of an epoch, from place ``first`` on, each of them for ``backward``."""

    def backward(self, images: Images, labels: Array, step: int) -> BatchResult:
        """The gradients of a batch; ``step`` counts from 0 over the whole training."""

    def update(self, rate: float) -> None:
        """One step of the optimizer at a learning rate."""

    def check(self, state: Mapping[str, Any]) -> None:
        """Raises KeyError, TypeError, ValueError or OverflowError if it is not a ``state`` to go on from."""

    def restore(self, arrays: Mapping[str, Array], state: Mapping[str, Any]) -> None:
        """Goes on from ``arrays`` and a ``state`` that ``check`` lets pass."""


def no_training() -> SpecError:
    """That onnxruntime's engine predicts alone; said where that package is missing too."""
    return SpecError.of(
        "engine-unavailable", "onnxruntime predicts, and does not train",
        "train with NumPy or PyTorch: --backend numpy, --backend torch",
        "then predict with its weights: cnnspec evaluate RUN --backend onnxruntime",
    )  # fmt: skip
