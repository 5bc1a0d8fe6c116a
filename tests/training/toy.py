"""An engine as small as the contract allows: softmax regression, written out, on plain NumPy."""

from __future__ import annotations

from collections import UserDict
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from copy import deepcopy
from typing import Any

import numpy as np
from numpy.typing import DTypeLike

from cnnspec.backends.contract import PREDICT_BATCH, Array, BatchResult, BatchSource, Images, Scaling
from cnnspec.backends.processes import ProcessGroup
from cnnspec.network.graph import Network
from cnnspec.recipe.models import Recipe

WEIGHT, BIAS = "dense1.weight", "dense1.bias"
SEEN = 0.9
"""The share of pixels that a training step sees: something random, so that resuming has to restore it."""


class Copied(UserDict[str, Array]):
    """Arrays by name; what is assigned is copied."""

    def __setitem__(self, name: str, values: Array) -> None:
        self.data[name] = np.array(values, np.float32)


class ToyEngine:
    """Runs ``input …; flatten -> dense N -> softmax``, and nothing else."""

    dtype = np.dtype(np.float32)
    processes = ProcessGroup()

    def __init__(
        self, network: Network, seed: int = 0, initial: str = "he", dtype: DTypeLike = "float32"
    ) -> None:
        if np.dtype(dtype) != self.dtype:
            raise ValueError(f"this engine computes in {self.dtype}, not in {np.dtype(dtype)}")
        self.network, self.seed, self.initial = network, seed, initial
        self.scaling = Scaling.of(network.training_recipe.normalise)
        self.classes: tuple[str, ...] = ()
        self.random = np.random.default_rng(seed)
        shape = network["dense1"].weights[WEIGHT].shape
        begun = np.zeros(shape) if initial == "zeros" else 0.1 * self.random.standard_normal(shape)
        self.weights = Copied({WEIGHT: begun, BIAS: np.zeros(shape[0])})

    def __copy__(self) -> ToyEngine:
        return deepcopy(self)

    def forward(
        self, images: Images, keep: Sequence[str] = (), batch: int = PREDICT_BATCH
    ) -> dict[str, Array]:
        flat = self.flat(images)
        logits = self.logits(flat)
        found = {"output": np.exp(log_softmax(logits)), "flatten1": flat, "dense1": logits}
        return {name: found[name] for name in ("output", *keep)}

    def flat(self, images: Images) -> Array:
        """Images N x H x W x C as N x …, in the order of PyTorch, bytes scaled."""
        assert not isinstance(images, Mapping)
        if images.dtype == np.uint8:
            images = images * self.scaling.factor + self.scaling.shift
        return np.moveaxis(images, -1, 1).reshape(len(images), -1).astype(np.float32)

    def logits(self, flat: Array) -> Array:
        return flat @ self.weights[WEIGHT].T + self.weights[BIAS]

    def shards(self, recipe: Recipe) -> int:
        return 1

    def train(
        self, recipe: Recipe, batches: BatchSource, class_weights: Sequence[float] | None = None
    ) -> ToySession:
        return ToySession(self, recipe, batches, class_weights)


class ToySession:
    """Cross entropy and plain gradient descent with momentum 0.9 or none; several workers are one."""

    def __init__(
        self, engine: ToyEngine, recipe: Recipe, batches: BatchSource, class_weights: Sequence[float] | None
    ) -> None:
        self.engine, self.batches, self.clip = engine, batches, recipe.clip
        self.momentum = float(getattr(recipe.optimizer, "momentum", 0.0))
        self.class_weights = None if class_weights is None else np.array(class_weights, np.float32)
        self.gradients: dict[str, Array] = {}
        self.arrays = {name: np.zeros_like(values) for name, values in engine.weights.items()}
        self.count, self.open = 0, False

    @property
    def state(self) -> dict[str, Any]:
        return {"count": self.count, "random": self.engine.random.bit_generator.state}

    @contextmanager
    def running(self) -> Iterator[None]:
        self.open = True
        try:
            yield
        finally:
            self.open = False

    def epoch(self, epoch: int, first: int) -> Iterator[tuple[Images, Array]]:
        return self.batches.epoch(epoch, first)

    def backward(self, images: Images, labels: Array, step: int) -> BatchResult:
        flat = self.engine.flat(images)
        flat *= self.engine.random.random(flat.shape) < SEEN
        logs, right = log_softmax(self.engine.logits(flat)), (np.arange(len(labels)), labels)
        each = np.ones(len(labels)) if self.class_weights is None else self.class_weights[labels]
        each = each / each.sum()
        slope = np.exp(logs)
        slope[right] -= 1
        slope *= each[:, None]
        self.gradients = {WEIGHT: slope.T @ flat, BIAS: slope.sum(0)}
        loss = -float(logs[right] @ each) * len(labels)
        return BatchResult(loss, int((logs.argmax(1) == labels).sum()), len(labels))

    def update(self, rate: float) -> None:
        norm = np.sqrt(sum(float((values**2).sum()) for values in self.gradients.values()))
        factor = min(1.0, self.clip / norm) if self.clip and norm else 1.0
        for name, gradient in self.gradients.items():
            self.arrays[name] = (self.momentum * self.arrays[name] + factor * gradient).astype(np.float32)
            self.engine.weights[name] = self.engine.weights[name] - rate * self.arrays[name]
        self.count += 1

    def check(self, state: Mapping[str, Any]) -> None:
        if not isinstance(state["count"], int):
            raise TypeError("the count is no whole number")
        np.random.PCG64(0).state = state["random"]

    def restore(self, arrays: Mapping[str, Array], state: Mapping[str, Any]) -> None:
        self.arrays = {name: values.copy() for name, values in arrays.items()}
        self.count = state["count"]
        self.engine.random.bit_generator.state = state["random"]


def log_softmax(logits: Array) -> Array:
    logits = logits - logits.max(1, keepdims=True)
    whole: Array = np.log(np.exp(logits).sum(1, keepdims=True))
    return logits - whole
