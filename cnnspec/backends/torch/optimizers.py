"""PyTorch's optimizers, whose memory is told and taken as the NumPy engine has it: one array a name."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any, Final, NamedTuple

import numpy as np
import torch
from torch import Tensor

from cnnspec.backends.contract import Array
from cnnspec.backends.torch.arrays import to_numpy


class OptimizerRule(NamedTuple):
    """What makes an optimizer from a recipe's sentence, and what PyTorch calls the arrays it remembers."""

    make: Callable[..., torch.optim.Optimizer]
    options: Callable[[Any], dict[str, Any]]
    names: Mapping[str, str]


def _betas(setting: Any) -> dict[str, Any]:
    return {"betas": (setting.beta1, setting.beta2), "eps": setting.epsilon, "fused": True}


_MEANS: Final = {"mean": "exp_avg", "square": "exp_avg_sq"}
RULES: Final[dict[str, OptimizerRule]] = {
    "sgd": OptimizerRule(
        torch.optim.SGD,
        lambda s: {"momentum": s.momentum, "nesterov": s.nesterov and s.momentum > 0, "fused": True},
        {"velocity": "momentum_buffer"},
    ),
    "adam": OptimizerRule(torch.optim.Adam, _betas, _MEANS),
    "adamw": OptimizerRule(torch.optim.AdamW, _betas, _MEANS),
    "rmsprop": OptimizerRule(
        torch.optim.RMSprop,
        lambda s: {"alpha": s.memory, "eps": s.epsilon, "momentum": s.momentum},
        {"square": "square_avg", "velocity": "momentum_buffer"},
    ),
}
"""By the names of the recipe."""


class TorchOptimizer:
    """Moves the trained tensors; ``count`` are the steps made."""

    def __init__(self, setting: Any, trained: Sequence[Tensor]) -> None:
        rule = RULES[setting.kind]
        self.trained, self.count = list(trained), 0
        self.names = {
            name: theirs for name, theirs in rule.names.items() if name != "velocity" or setting.momentum > 0
        }
        options = {"lr": setting.rate, "weight_decay": setting.decay, **rule.options(setting)}
        self.optimizer = rule.make(self.trained, **options) if self.trained else None

    def update(self, rate: float) -> None:
        """One step at a learning rate, by the gradients that the tensors have."""
        self.count += 1
        if self.optimizer is not None:
            self.optimizer.param_groups[0]["lr"] = rate
            self.optimizer.step()

    @property
    def arrays(self) -> dict[str, Array]:
        """What it remembers: each array flat, weight after weight, zeros before the first step."""
        return {name: self._flat(theirs) for name, theirs in self.names.items()}

    def _flat(self, theirs: str) -> Array:
        parts = []
        for tensor in self.trained:
            found = self.optimizer.state[tensor].get(theirs) if self.optimizer else None
            values = torch.zeros_like(tensor) if found is None else found
            parts.append(to_numpy(values).ravel())
        return np.concatenate(parts) if parts else np.zeros(0, np.float32)

    def restore(self, arrays: Mapping[str, Array], count: int) -> None:
        """Takes up what ``arrays`` told, after ``count`` steps."""
        self.count, start = count, 0
        for tensor in self.trained:
            assert self.optimizer is not None
            size = tensor.numel()
            state: dict[str, Any] = {"step": torch.tensor(float(count))}
            for name, theirs in self.names.items():
                part = np.array(arrays[name][start : start + size]).reshape(tensor.shape)
                state[theirs] = torch.empty_like(tensor).copy_(torch.from_numpy(part))
            self.optimizer.state[tensor] = state if count else {}
            start += size
