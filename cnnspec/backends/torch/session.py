"""A training on PyTorch: its loss, its optimizer, and the processes that share each batch."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager, nullcontext
from typing import Any, Final

import numpy as np
import torch
from torch import Tensor
from torch.nn.parallel import DistributedDataParallel

from cnnspec.backends.contract import Array, BatchResult, BatchSource, Images
from cnnspec.backends.images import by_name
from cnnspec.backends.torch.arrays import NamedTensors
from cnnspec.backends.torch.distributed import losses_told
from cnnspec.backends.torch.losses import LOSSES, Targets
from cnnspec.backends.torch.network import TorchNetwork
from cnnspec.backends.torch.optimizers import TorchOptimizer
from cnnspec.backends.torch.together import set_empty
from cnnspec.recipe.models import Recipe

MOST_RESIDENT: Final = 2_000_000_000
"""Bytes of samples up to which they lie on the device."""


class TorchSession:
    """See ``contract.TrainingSession``."""

    def __init__(
        self, engine: TorchNetwork, recipe: Recipe, batches: BatchSource,
        class_weights: Sequence[float] | None = None,
    ) -> None:  # fmt: skip
        self.engine, self.clip, self.group = engine, recipe.clip, engine.processes
        options = recipe.loss.model_dump(exclude={"kind"})
        if class_weights is not None:
            options["class_weights"] = class_weights
        self.loss = LOSSES[recipe.loss.kind](**options)
        self.batches = batches.shard(self.group.rank, self.group.size)
        self.trained = engine.trained()
        self.optimizer = TorchOptimizer(recipe.optimizer, list(self.trained.values()))
        network = engine.network
        self.ends = tuple(network.logits(output, self.loss.end).index for output in network.outputs)
        self.is_random = any(hasattr(node.layer, "rate") for node in network.layers)
        used = {name for one in engine.module.needed(self.ends) for name in one.node.weights}
        self.unused = [tensor for name, tensor in self.trained.items() if name not in used]
        self.called, self.was_empty = self._shared(), False
        self.resident = on_device(engine, self.batches)

    def _shared(self) -> Any:
        """The module, in several processes inside what sums their gradients."""
        module = self.engine.called
        if self.group.size == 1 or not self.trained:
            return module
        return DistributedDataParallel(module, find_unused_parameters=bool(self.unused))

    @property
    def gradients(self) -> Mapping[str, Array]:
        return NamedTensors({
            name: torch.zeros_like(tensor) if tensor.grad is None else tensor.grad
            for name, tensor in self.trained.items()
        })  # fmt: skip

    @property
    def arrays(self) -> Mapping[str, Array]:
        return self.optimizer.arrays

    @property
    def state(self) -> dict[str, Any]:
        generator = self.engine.random.bit_generator
        return {"random": generator.state, "optimizer_count": self.optimizer.count}

    @contextmanager
    def running(self) -> Iterator[None]:
        yield

    def epoch(self, epoch: int, first: int) -> Iterator[tuple[Any, Any]]:
        """Batches as NumPy's arrays; tensors, where all samples lie on the device."""
        if not self.resident:
            return self.batches.epoch(epoch, first)
        images, targets = self.resident
        chosen = (torch.from_numpy(places).to(targets.device) for places in self.batches.places(epoch, first))
        return (({name: each[some] for name, each in images.items()}, targets[some]) for some in chosen)

    def backward(self, images: Images, labels: Array, step: int) -> BatchResult:
        engine, samples = self.engine, len(labels)
        if not engine.module.training:
            engine.module.train()
            self.was_empty = False
        if not samples:  # of a small last batch: who has no sample takes part all the same
            images, labels = self._nothing(labels)
        if self.was_empty is not (not samples):
            self.was_empty = not samples
            set_empty(engine.module, self.was_empty)
        given = torch.as_tensor(np.ascontiguousarray(labels) if isinstance(labels, np.ndarray) else labels)
        given = given.to(engine.device)
        for tensor in self.trained.values():
            tensor.grad = None
        with self._drawing(step), losses_told():
            outputs = engine.values(engine.take(images), self.ends, self.called)
            loss, weight, right = self._measured(outputs, given)
            loss, found = self._over_all(loss, weight, right, samples)
            if loss.requires_grad:
                loss.backward()
        for tensor in self.unused:
            tensor.grad = torch.zeros_like(tensor)
        return found

    def _nothing(self, labels: Array) -> tuple[Images, Array]:
        """One sample that counts nothing."""
        images = {node.name: np.zeros((1, *node.output), np.float32) for node in self.engine.network.inputs}
        return images, np.zeros((1, *labels.shape[1:]), labels.dtype)

    def _measured(self, outputs: Sequence[Tensor], given: Tensor) -> tuple[Tensor, float, float]:
        """The loss over all outputs, its weight among parts of a batch, and the number right."""
        losses, weights, right = [], [], 0.0
        for n, (output, about) in enumerate(zip(outputs, self.engine.network.outputs, strict=True)):
            scores = output.float() if self.engine.bf16 else output
            targets = Targets(given, scores)
            mean, weight = self.loss.mean(scores, targets)
            losses.append(mean if about.weight == 1 else about.weight * mean)
            weights.append(weight)
            right = self.loss.correct(scores.detach(), targets) if n == 0 else right
        return sum(losses[1:], losses[0]), weights[0], right

    def _over_all(
        self, loss: Tensor, weight: float, right: float, samples: int
    ) -> tuple[Tensor, BatchResult]:
        """This process's share of the batch's loss, by its weight, and what came of the whole batch.

        The gradients of all processes are averaged, so that a share is taken as often as there are processes.
        """
        value, size = float(loss.detach()), self.group.size
        if size == 1:
            return loss, BatchResult(value * samples, right, samples)
        weight = weight if samples else 0.0
        mass, mean, rights, count = self.group.sum([weight, weight and weight * value, right, samples])
        mass = mass or 1.0
        found = BatchResult(mean / mass * count, rights, int(count))
        return loss * (weight * size / mass), found

    def _drawing(self, step: int) -> Any:
        """What is random in a step follows from the seed, the step and the process alone."""
        return drawn(self.engine, step, self.group.rank) if self.is_random else nullcontext()

    def update(self, rate: float) -> None:
        if self.clip:
            torch.nn.utils.clip_grad_norm_(list(self.trained.values()), self.clip)
        self.optimizer.update(rate)

    def check(self, state: Mapping[str, Any]) -> None:
        type(self.engine.random.bit_generator)(0).state = state["random"]
        if not isinstance(state["optimizer_count"], int):
            raise TypeError("the optimizer's count is not a whole number")

    def restore(self, arrays: Mapping[str, Array], state: Mapping[str, Any]) -> None:
        self.optimizer.restore(arrays, state["optimizer_count"])
        self.engine.random.bit_generator.state = state["random"]


def on_device(engine: TorchNetwork, batches: BatchSource) -> tuple[dict[str, Tensor], Tensor] | None:
    """All samples on a device that is not the processor, as bytes, where they take a small part of it.

    A batch is then chosen there, and not sent.
    """
    whole = batches.whole() if engine.resident else None
    if whole is None:
        return None
    images, targets = whole
    given = by_name(images, engine.network)
    if sum(values.nbytes for values in (*given.values(), targets)) > MOST_RESIDENT:
        return None
    found = {
        name: torch.as_tensor(np.ascontiguousarray(values)).to(engine.device)
        for name, values in given.items()
    }
    return found, torch.as_tensor(np.ascontiguousarray(targets)).to(engine.device)


@contextmanager
def drawn(engine: TorchNetwork, step: int, rank: int) -> Iterator[None]:
    """PyTorch's generators begun anew for one step, and left to others as they were."""
    number = int(np.random.SeedSequence([engine.seed, step, rank]).generate_state(1, np.uint64)[0] >> 1)
    devices = [engine.device] if engine.device.type == "cuda" else []
    with torch.random.fork_rng(devices=devices):
        torch.manual_seed(number)
        yield
