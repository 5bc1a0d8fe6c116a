"""onnxruntime's engine, for prediction alone: often the fastest on a processor."""

from __future__ import annotations

import os
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from threading import RLock
from typing import Any, NoReturn, TypeAlias

import numpy as np
from numpy.typing import ArrayLike, DTypeLike

from cnnspec.backends.arrays import NamedArrays
from cnnspec.backends.contract import PREDICT_BATCH, Array, BatchSource, Images, Scaling, no_training
from cnnspec.backends.images import by_name, count, part, pixels
from cnnspec.backends.initializers import begin_all
from cnnspec.backends.processes import ProcessGroup
from cnnspec.network.graph import Network, Output
from cnnspec.recipe.models import Recipe

# Before it is imported: from 1.29 on it tells its makers of every model it loads, unless it is told not to.
os.environ.setdefault("ORT_DISABLE_TELEMETRY", "1")
import onnxruntime

Encode: TypeAlias = Callable[[Network, Mapping[str, Array]], bytes]
"""Writes a network with its weights as an ONNX file; raises SpecError for layers that ONNX cannot say."""


class OnnxEngine:
    """A network that onnxruntime runs; see ``contract.Predictor``. It does not train: raises SpecError there.

    Its first weights are those that the NumPy engine has for the same seed. A file is made in memory when it
    is first asked, and again when weights were assigned. Several threads may predict with it, by turns.
    """

    def __init__(
        self, network: Network, *, encode: Encode, seed: int = 0, dtype: DTypeLike = np.float32,
        initial: str = "he",
    ) -> None:  # fmt: skip
        self.network, self.encode, self.seed, self.initial = network, encode, seed, initial
        self.dtype = np.dtype(dtype)
        if self.dtype != np.float32:
            raise ValueError(f"onnxruntime's engine computes in float32, not in {self.dtype}")
        self.classes: tuple[str, ...] = ()
        self.scaling = Scaling.of(network.training_recipe.normalise)
        self.processes = ProcessGroup()
        drawn = {name: np.empty(weight.shape, self.dtype) for name, weight in network.weights.items()}
        begin_all(drawn, network, np.random.default_rng(seed), initial)
        self.weights = ReadOnlyArrays(drawn)
        self._begin_anew()

    def _begin_anew(self) -> None:
        self._lock = RLock()
        self._sessions: dict[tuple[int, ...], tuple[int, Any]] = {}

    def __getstate__(self) -> dict[str, Any]:
        copied = ReadOnlyArrays({name: values.copy() for name, values in self.weights.items()})
        own = {name: value for name, value in self.__dict__.items() if name not in ("_lock", "_sessions")}
        return own | {"weights": copied}

    def __setstate__(self, state: dict[str, Any]) -> None:
        self.__dict__.update(state)
        self._begin_anew()

    def forward(
        self, images: Images, keep: Sequence[str] = (), batch: int = PREDICT_BATCH
    ) -> dict[str, Array]:
        """All outputs by name, and those of the layers named in ``keep``; see ``contract.Predictor``."""
        named = {output.name: output.node for output in self.network.outputs}
        named |= {name: self.network[name].index for name in keep}
        nodes = self.network.nodes
        found = {node: [np.empty((0, *nodes[node].output), self.dtype)] for node in named.values()}
        with self._lock:
            session = self._session(tuple(found))
            for start in range(0, count(images), max(1, batch)):
                size = min(batch, count(images) - start)
                outputs = session.run(None, self._taken(part(images, start, size)))
                for values, output in zip(found.values(), outputs, strict=True):
                    values.append(np.moveaxis(output, 1, -1))
        return {name: np.concatenate(found[node]) for name, node in named.items()}

    def _session(self, nodes: tuple[int, ...]) -> Any:
        """What gives the outputs of these nodes."""
        known = self._sessions.get(nodes)
        if known is None or known[0] != self.weights.changes:
            outputs = tuple(Output(self.network.nodes[node].name, node) for node in nodes)
            data = self.encode(replace(self.network, outputs=outputs), self.weights)
            options = onnxruntime.SessionOptions()
            options.log_severity_level = 3
            session = onnxruntime.InferenceSession(data, options, providers=["CPUExecutionProvider"])
            known = self._sessions[nodes] = self.weights.changes, session
        return known[1]

    def _taken(self, images: Images) -> dict[str, Array]:
        given = by_name(images, self.network)
        return {
            node.name: self._scaled(node.name, given[node.name], node.output) for node in self.network.inputs
        }

    def _scaled(self, name: str, images: Array, shape: tuple[int, ...]) -> Array:
        found, scaling = pixels(images), self.scaling.of_input(name)
        values = found.reshape(len(found), *shape).astype(np.float32)
        if found.dtype == np.uint8 or scaling.learned == "floats":
            values = values * np.float32(scaling.factor) + np.float32(scaling.shift)
        return np.ascontiguousarray(np.moveaxis(values, -1, 1))

    def shards(self, recipe: Recipe) -> int:
        return 1

    def train(
        self, recipe: Recipe, batches: BatchSource, class_weights: Sequence[float] | None = None
    ) -> NoReturn:
        raise no_training()


class ReadOnlyArrays(NamedArrays):
    """Weights that are assigned, never written into: ``changes`` counts how often."""

    changes = 0

    def __init__(self, arrays: Mapping[str, Array]) -> None:
        super().__init__(arrays)
        for values in self._arrays.values():
            values.flags.writeable = False

    def _copy(self, name: str, values: ArrayLike) -> None:
        mine = self._arrays[name]
        mine.flags.writeable = True
        np.copyto(mine, values, casting="same_kind")
        mine.flags.writeable = False
        self.changes += 1
