"""What picks the steps of a layer gives: the kernel of each, and why it is that one."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import TypeAlias

from cnnspec.backends.numpy.step import Step
from cnnspec.network.graph import Node


@dataclass(frozen=True, slots=True)
class Choice:
    """A kernel, and where there were several the reason for this one."""

    kernel: type[Step]
    reason: str = ""


Pick: TypeAlias = Callable[[Node, int, bool], tuple[Choice, ...]]
"""The steps of a node in order, for a batch, in training or not."""


def always(*kernels: type[Step]) -> Pick:
    """The steps of a layer that has no others."""
    choices = tuple(map(Choice, kernels))
    return lambda node, batch, training: choices
