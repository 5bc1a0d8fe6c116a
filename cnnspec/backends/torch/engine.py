"""PyTorch's engine: the same network, weights and recipe, on a processor or a GPU."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

import numpy as np
import torch
from numpy.typing import DTypeLike

from cnnspec.backends.contract import PREDICT_BATCH, Array, BatchSource, Images
from cnnspec.backends.images import count, part
from cnnspec.backends.initializers import begin_all
from cnnspec.backends.torch.arrays import outer
from cnnspec.backends.torch.module import Speak
from cnnspec.backends.torch.network import TorchNetwork
from cnnspec.network.graph import Network
from cnnspec.recipe.models import Recipe

if TYPE_CHECKING:
    from cnnspec.backends.torch.session import TorchSession


class TorchEngine(TorchNetwork):
    """A network that runs and trains on PyTorch; see ``contract.Engine``.

    Its first weights are those that the NumPy engine has for the same seed. Several threads may predict with
    one engine, by turns; a copy has weights of its own. Raises SpecError for layers that PyTorch has no words
    for, and for devices that are not there.
    """

    def __init__(
        self, network: Network, *, speak: Speak, seed: int = 0, dtype: DTypeLike = np.float32,
        initial: str = "he", device: str | torch.device = "auto", bf16: bool = False, compiled: bool = False,
        sync_batchnorm: bool = False,
    ) -> None:  # fmt: skip
        super().__init__(network, speak, seed, dtype, device, bf16, compiled, sync_batchnorm)
        self.classes: tuple[str, ...] = ()
        self.initialize(initial)

    def initialize(self, initial: str) -> None:
        """Begin anew: every weight as its layer says, else as the initialiser ``initial`` says."""
        self.initial = initial
        drawn = {name: np.empty(weight.shape, self.dtype) for name, weight in self.network.weights.items()}
        begin_all(drawn, self.network, self.random, initial)
        self.weights.update(drawn)

    def forward(
        self, images: Images, keep: Sequence[str] = (), batch: int = PREDICT_BATCH
    ) -> dict[str, Array]:
        """All outputs by name, and those of the layers named in ``keep``; see ``contract.Predictor``.

        Of several processes each does its part, and all have the whole.
        """
        names = [*(output.name for output in self.network.outputs), *keep]
        nodes = [output.node for output in self.network.outputs] + [self.network[name].index for name in keep]
        samples, group = count(images), self.processes
        rows = range(samples * group.rank // group.size, samples * (group.rank + 1) // group.size)
        results = {
            name: np.empty((len(rows), *self.network.nodes[node].output), self.dtype)
            for name, node in zip(names, nodes, strict=True)
        }
        with self._lock, torch.inference_mode():
            self.module.eval()
            for start in range(rows.start, rows.stop, max(1, batch)):
                size = min(batch, rows.stop - start)
                found = self.values(self.take(part(images, start, size)), tuple(nodes))
                for name, tensor in zip(names, found, strict=True):
                    results[name][start - rows.start :][:size] = outer(tensor)
        return {name: np.concatenate(group.gather(values)) for name, values in results.items()}

    def shards(self, recipe: Recipe) -> int:
        """One for each process; PyTorch's own threads share it further, whatever the recipe's workers are."""
        return self.processes.size

    def train(
        self, recipe: Recipe, batches: BatchSource, class_weights: Sequence[float] | None = None
    ) -> TorchSession:
        """A training by the recipe's optimizer, loss and clip, ready for its first step."""
        from cnnspec.backends.torch.session import TorchSession  # only those who train pay for it

        return TorchSession(self, recipe, batches, class_weights)
