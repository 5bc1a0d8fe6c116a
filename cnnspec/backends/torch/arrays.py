"""Tensors seen as NumPy's arrays: weights by name, images on their way in and maps on their way out."""

from __future__ import annotations

from typing import Any

import numpy as np
import torch
from numpy.typing import ArrayLike
from torch import Tensor

from cnnspec.backends.arrays import NamedArrays
from cnnspec.backends.contract import Array, Scaling
from cnnspec.backends.images import pixels


class NamedTensors(NamedArrays):
    """The weights of a model, or their gradients: the tensors' own memory on a CPU, copies elsewhere."""

    _arrays: dict[str, Any]

    def __getitem__(self, name: str) -> Array:
        return to_numpy(super().__getitem__(name))

    def _copy(self, name: str, values: ArrayLike) -> None:
        tensor: Tensor = self._arrays[name]
        with torch.no_grad():
            tensor.copy_(torch.from_numpy(np.array(values, self[name].dtype)))


def to_numpy(tensor: Tensor) -> Array:
    """The same values, those of 16 bits in 32, without a copy where the tensor is on a CPU."""
    tensor = tensor.detach().cpu()
    array: Array = (tensor.float() if tensor.dtype == torch.bfloat16 else tensor).numpy()
    return array


def outer(tensor: Tensor) -> Array:
    """A map N x C x H x W as N x H x W x C."""
    return to_numpy(tensor.movedim(1, -1))


class TensorIntake:
    """Brings images N x H x W x C to a device as N x C x H x W, bytes scaled there.

    Rows of pixels stay as they lie, which is PyTorch's channels-last order.
    """

    def __init__(self, device: torch.device, dtype: torch.dtype) -> None:
        self.device, self.dtype = device, dtype
        self._known: tuple[Scaling, Tensor, Tensor | None] | None = None

    def take(self, images: Array | Tensor, scaling: Scaling) -> Tensor:
        """One input; bytes, and what is learned from floats, are scaled, other floats come as they are."""
        if not isinstance(images, Tensor):
            found = np.ascontiguousarray(pixels(images))
            images = torch.from_numpy(found if found.flags.writeable else found.copy())
        tensor = images.to(self.device)
        values = tensor.to(self.dtype)
        if tensor.dtype == torch.uint8 or scaling.learned == "floats":
            factor, shift = self._numbers(scaling)
            values = values.mul_(factor) if values is not tensor else values * factor
            values = values if shift is None else values.add_(shift)
        return values.movedim(-1, 1)

    def _numbers(self, scaling: Scaling) -> tuple[Tensor, Tensor | None]:
        if self._known is None or self._known[0] is not scaling:
            factor, shift = (
                torch.as_tensor(np.asarray(value, float)).to(self.device, self.dtype)
                for value in (scaling.factor, scaling.shift)
            )
            self._known = scaling, factor, shift if np.any(scaling.shift) else None
        return self._known[1:]
