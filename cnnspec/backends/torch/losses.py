"""Losses on maps N x C x …, means over samples and places, and the number right: those of ``numpy.losses``.

Each is PyTorch's own function where that has one. A loss gives its mean and the weight of that mean, by
which means over parts of a batch are put together.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable, Sequence
from functools import partial
from typing import Any, ClassVar, Final

import torch
import torch.nn.functional as F  # noqa: N812 - as everyone names it
from torch import Tensor

from cnnspec.backends.contract import IGNORED

NOWHERE: Final = -100
"""The class number of places that count nowhere: none that a class has, as 255 may be one of many classes."""


class Targets:
    """What is wanted of one output: class numbers (N, …), or the outputs themselves, N x C x ….

    ``valid`` is where a class is wanted, None for everywhere.
    """

    def __init__(self, given: Tensor, output: Tensor) -> None:
        self.labels: Tensor | None = None
        self.valid: Tensor | None = None
        self.samples = len(output)
        if given.ndim == output.ndim:
            self.values = given.movedim(-1, 1).to(output.dtype)
            return
        if given.dtype == torch.uint8:
            valid = given != IGNORED
            self.valid = None if bool(valid.all()) else valid
        self.labels = given.long()

    @property
    def counted(self) -> int:
        """Places that are not ignored."""
        assert self.labels is not None
        return self.labels.numel() if self.valid is None else int(self.valid.sum())

    def shares(self, output: Tensor) -> Tensor:
        """The wanted outputs N x C x …: 1 at the wanted class, 0 elsewhere and where a place is ignored."""
        if self.labels is None:
            return self.values
        classes = torch.arange(output.shape[1], device=output.device)
        classes = classes.reshape(-1, *(1 for _ in output.shape[2:]))
        return (self.labels[:, None] == classes).to(output.dtype)


class TorchLoss(ABC):
    """One kind of loss, with the options of the recipe."""

    end: ClassVar[str] = ""
    """The layer that is part of the loss where a network ends with it."""

    @abstractmethod
    def mean(self, output: Tensor, targets: Targets) -> tuple[Tensor, float]:
        """The mean over samples and places, and its weight in a mean over several parts of a batch."""

    def correct(self, output: Tensor, targets: Targets) -> float:
        """How many places have their greatest value at the wanted class, in samples; 0 without classes."""
        if targets.labels is None:
            return 0.0
        right = int((output.argmax(1) == targets.labels).sum())
        return right * targets.samples / max(1, targets.counted)


class TorchCrossEntropy(TorchLoss):
    """From scores, with smoothing and weights of classes."""

    end = "softmax"

    def __init__(self, smoothing: float = 0.0, class_weights: Sequence[float] | None = None) -> None:
        self.smoothing = smoothing
        self.class_weights = None if class_weights is None else torch.tensor(class_weights)

    def mean(self, output: Tensor, targets: Targets) -> tuple[Tensor, float]:
        if self.class_weights is not None:
            self.class_weights = self.class_weights.to(output.device, output.dtype)
        weights = self.class_weights
        options: dict[str, Any] = {"label_smoothing": self.smoothing, "weight": weights}
        if targets.labels is None:
            return F.cross_entropy(output, targets.values, **options), float(targets.samples)
        labels = targets.labels
        if targets.valid is not None:
            labels = torch.where(targets.valid, labels, NOWHERE)
            if not targets.counted:  # all ignored: there is nothing to learn
                return output.sum() * 0, 0.0
        found = F.cross_entropy(output, labels, ignore_index=NOWHERE, **options)
        if weights is None:
            return found, float(targets.counted)
        counted = labels if targets.valid is None else labels[targets.valid]
        return found, float(weights[counted].sum())


class TorchDice(TorchLoss):
    """1 - the mean over the classes of (2·Σp·t + 1)/(Σp + Σt + 1), sums over all places of the batch."""

    end = "softmax"

    def mean(self, output: Tensor, targets: Targets) -> tuple[Tensor, float]:
        shares = output.softmax(1)
        if targets.valid is not None:
            shares = shares * targets.valid[:, None]
        wanted, axes = targets.shares(output), [0, *range(2, output.ndim)]
        both, whole = (shares * wanted).sum(axes), shares.sum(axes) + wanted.sum(axes)
        return 1 - ((2 * both + 1) / (whole + 1)).mean(), float(targets.samples)


class TorchWantedLoss(TorchLoss):
    """A mean over all values of something of output and target: a function of PyTorch's, with its options."""

    def __init__(self, function: Callable[..., Tensor], **options: Any) -> None:
        self.function = partial(function, **options)

    def mean(self, output: Tensor, targets: Targets) -> tuple[Tensor, float]:
        return self.function(output, targets.shares(output)), float(targets.samples)


class TorchBinaryCrossEntropy(TorchWantedLoss):
    """From scores; right is what is on the wanted side."""

    end = "sigmoid"

    def correct(self, output: Tensor, targets: Targets) -> float:
        right = int(((output > 0) == (targets.shares(output) > 0.5)).sum())
        return float(right * targets.samples / output.numel())


LOSSES: Final[dict[str, Callable[..., TorchLoss]]] = {
    "crossentropy": TorchCrossEntropy, "dice": TorchDice,
    "bce": partial(TorchBinaryCrossEntropy, F.binary_cross_entropy_with_logits),
    "mse": partial(TorchWantedLoss, F.mse_loss), "mae": partial(TorchWantedLoss, F.l1_loss),
    "huber": partial(TorchWantedLoss, F.huber_loss),
}  # fmt: skip
"""By the names of the recipe."""
