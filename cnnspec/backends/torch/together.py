"""Batch norm over the batches of all processes."""

from __future__ import annotations

from typing import Any

import torch
import torch.distributed.nn.functional as together
from torch import Tensor, nn


class TogetherNorm(nn.modules.batchnorm._BatchNorm):  # type: ignore[misc]
    """Mean and variance in training are those of the whole batch, on processors too; else as it was."""

    is_empty = False
    """Whether the samples of this process count nothing."""

    def _check_input_dim(self, x: Tensor) -> None:
        """The network's shapes are known to fit."""

    def forward(self, x: Tensor) -> Tensor:
        if not self.training:
            found: Tensor = super().forward(x)
            return found
        axes = [0, *range(2, x.ndim)]
        share = 0.0 if self.is_empty else 1.0
        count = x.new_full((1,), x.numel() / x.shape[1])
        sums = together.all_reduce(torch.cat([x.sum(axes), count]) * share)
        mean = sums[:-1] / sums[-1]
        shape = (1, -1, *(1 for _ in x.shape[2:]))
        centred = x - mean.view(shape)
        variance = together.all_reduce(centred.square().sum(axes) * share) / sums[-1]
        self._keep(mean.detach(), variance.detach(), sums[-1].detach())
        y = centred * (variance + self.eps).rsqrt().view(shape)
        return y if self.weight is None else y * self.weight.view(shape) + self.bias.view(shape)

    def _keep(self, mean: Tensor, variance: Tensor, count: Tensor) -> None:
        """The running statistics take the unbiased variance, as PyTorch's own do."""
        share = self.momentum
        self.running_mean.lerp_(mean.to(self.running_mean.dtype), share)
        self.running_var.lerp_((variance * count / (count - 1)).to(self.running_var.dtype), share)


def set_empty(module: nn.Module, is_empty: bool) -> None:
    """Says of every batch norm whether this process has samples; alone, one without them keeps nothing."""
    for part in module.modules():
        if isinstance(part, TogetherNorm):
            part.is_empty = is_empty
        elif isinstance(part, nn.modules.batchnorm._BatchNorm):
            part.train(not is_empty)


def synchronise(module: nn.Module) -> None:
    """Makes every batch norm in a module that is not frozen one over all processes."""
    for part in module.modules():
        kind: Any = type(part)
        if kind in (nn.BatchNorm1d, nn.BatchNorm2d, nn.BatchNorm3d):
            part.__class__ = TogetherNorm
