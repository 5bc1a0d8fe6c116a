"""The names of initialisers: how random weights may begin. Backends give them their meaning."""

from __future__ import annotations

from typing import Literal, TypeAlias

Initial: TypeAlias = Literal[
    "he", "he_uniform", "he_truncated", "glorot", "glorot_uniform", "glorot_truncated",
    "lecun", "lecun_uniform", "lecun_truncated", "orthogonal", "normal", "uniform", "truncated_normal",
    "pytorch", "zeros", "ones",
    "he_normal", "glorot_normal", "lecun_normal", "random_normal", "random_uniform",
    "kaiming", "kaiming_normal", "kaiming_uniform", "xavier", "xavier_normal", "xavier_uniform", "default",
]  # fmt: skip
"""Names of the initialisers, then Keras's and PyTorch's names for the same; a plain one draws normally."""
