"""A network's module on its device: images go in, the outputs of its nodes come out."""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import nullcontext
from copy import deepcopy
from threading import RLock
from typing import Any, Final

import numpy as np
import torch
from numpy.typing import DTypeLike
from torch import Tensor

from cnnspec.backends.contract import Images, Scaling
from cnnspec.backends.images import by_name
from cnnspec.backends.torch.arrays import NamedTensors, TensorIntake
from cnnspec.backends.torch.device import device_of
from cnnspec.backends.torch.distributed import processes
from cnnspec.backends.torch.module import NetworkModule, Speak
from cnnspec.backends.torch.together import synchronise
from cnnspec.diagnostics import SpecError
from cnnspec.network.graph import Network

DTYPES: Final = {"float32": torch.float32, "float64": torch.float64}


class TorchNetwork:
    """A network with weights that PyTorch runs; ``weights`` has every array by its name.

    ``bf16`` lets products be computed in 16 bits, and ``compiled`` hands the network to ``torch.compile``:
    both are for GPUs. ``sync_batchnorm`` lets batch norm take the whole batch that several processes share.
    ``speak`` puts layers into PyTorch's words.
    """

    def __init__(
        self, network: Network, speak: Speak, seed: int, dtype: DTypeLike,
        device: str | torch.device, bf16: bool, compiled: bool, sync_batchnorm: bool,
    ) -> None:  # fmt: skip
        self.network, self.seed, self.dtype = network, seed, np.dtype(dtype)
        if self.dtype.name not in DTYPES:
            raise ValueError(f"PyTorch's engine computes in {' or '.join(DTYPES)}, not in {self.dtype}")
        self.speak, self.device, self.bf16, self.compiled = speak, device_of(device), bf16, compiled
        self.sync_batchnorm = sync_batchnorm
        self.random = np.random.default_rng(seed)
        self.scaling = Scaling.of(network.training_recipe.normalise)
        self._allocate()

    def __getstate__(self) -> dict[str, Any]:
        own = ("module", "weights", "processes", "_lock", "_intakes", "called")
        state = {name: value for name, value in self.__dict__.items() if name not in own}
        copies = {name: np.array(values) for name, values in self.weights.items()}
        return state | {"random": deepcopy(self.random), "copied": copies}

    def __setstate__(self, state: dict[str, Any]) -> None:
        copied = state.pop("copied")
        self.__dict__.update(state)
        self._allocate()
        self.weights.update(copied)

    def _allocate(self) -> None:
        """The module on its device, with weights of any content."""
        self._lock = RLock()
        self.processes = processes()
        self.resident = self.device.type != "cpu"
        """Whether training keeps all samples on the device."""
        self.module = NetworkModule(self.network, self.speak(self.network))
        self.module.to(self.device, DTYPES[self.dtype.name])
        for tensor in self.module.parameters():
            if tensor.ndim == 4:
                tensor.data = torch.empty_like(tensor.data, memory_format=torch.channels_last)
        for name, values in self.module.named_buffers():
            if name.endswith("num_batches_tracked"):
                values.zero_()
        if self.sync_batchnorm and self.processes.size > 1:
            synchronise(self.module)
        self.called = torch.compile(self.module) if self.compiled else self.module
        found = self.module.arrays()
        self.weights = NamedTensors({name: found[name] for name in self.network.weights})
        self._intakes = {
            node.name: TensorIntake(self.device, DTYPES[self.dtype.name]) for node in self.network.inputs
        }

    def trained(self) -> dict[str, Tensor]:
        """The tensors that training moves, by name."""
        found: dict[str, Any] = self.module.arrays()
        return {
            name: found[name]
            for name in self.network.weights
            if isinstance(found[name], torch.nn.Parameter) and found[name].requires_grad
        }

    def take(self, images: Images) -> list[Tensor]:
        """The inputs as tensors N x C x H x W on the device, in the network's order."""
        given, found = by_name(images, self.network), []
        for node in self.network.inputs:
            values = given[node.name]
            values = values.reshape(len(values), *node.output)
            found.append(self._intakes[node.name].take(values, self.scaling.of_input(node.name)))
        return found

    def values(
        self, inputs: Sequence[Tensor], wanted: tuple[int, ...], called: Any = None
    ) -> tuple[Tensor, ...]:
        """The outputs of nodes, by their numbers; ``called`` stands around the module in training."""
        called = self.called if called is None else called
        try:
            with torch.autocast(self.device.type, torch.bfloat16) if self.bf16 else nullcontext():
                found: tuple[Tensor, ...] = called(*inputs, wanted=wanted)
        except RuntimeError as error:
            if self.compiled and type(error).__module__.startswith("torch._"):
                raise _uncompiled(error) from error
            raise
        return found


def _uncompiled(error: RuntimeError) -> SpecError:
    """That torch.compile lacks what it needs."""
    why = " ".join(str(error).split("\n")[:2])
    return SpecError.of(
        "engine-unavailable", f"torch.compile cannot compile the network here: {why}",
        "leave --compile out, or install what it misses: on processors a compiler of C++",
    )  # fmt: skip
