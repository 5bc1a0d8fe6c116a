"""Small tools that the tests of several rooms use."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any, TypeAlias, TypeVar

import numpy as np
import pytest
from safetensors.numpy import load_file

from cnnspec.diagnostics import Diagnostic, SpecError
from cnnspec.elaborate.spec import Elaborated, elaborate
from cnnspec.resources import example_names
from cnnspec.syntax.parse import parse_tolerant
from cnnspec.text import Source
from cnnspec.training.data.dataset import Dataset
from cnnspec.views.terminal.paint import width_of

T = TypeVar("T")
Command: TypeAlias = Callable[..., tuple[int, str, str]]
"""Runs a command: (exit code, stdout, stderr)."""


def built(text: str) -> Elaborated:
    """What becomes of a spec, mistakes included."""
    spec, faults = parse_tolerant(Source("spec.cnn", text))
    return elaborate(spec, extra=faults)


def codes(text: str) -> list[str]:
    return [item.code for item in built(text).diagnostics]


def fault_of(action: Callable[..., object], *arguments: Any, **named: Any) -> Diagnostic:
    """The one thing that is wrong with an action."""
    with pytest.raises(SpecError) as caught:
        action(*arguments, **named)
    (diagnostic,) = caught.value.diagnostics
    return diagnostic


def known(value: T | None) -> T:
    """The value, which is there."""
    assert value is not None
    return value


def same(one: Mapping[str, Any] | Path, other: Mapping[str, Any] | Path) -> bool:
    """Whether two sets of weights have the same names and values: arrays, a file of them, or a run's."""
    a, b = _arrays(one), _arrays(other)
    return a.keys() == b.keys() and all(np.array_equal(a[name], b[name]) for name in a)


def _arrays(weights: Mapping[str, Any] | Path) -> Mapping[str, Any]:
    if not isinstance(weights, Path):
        return weights
    return load_file(weights / "weights.safetensors" if weights.is_dir() else weights)


def archive(path: str | Path, data: Dataset) -> None:
    """The samples of a data set as ``.npz``."""
    np.savez(
        path, x_train=data.train_images, y_train=data.train_labels,
        x_test=data.test_images, y_test=data.test_labels,
    )  # fmt: skip


def bars(count: int, seed: int, noise: int = 60, light: int = 150) -> tuple[np.ndarray, np.ndarray]:
    """8x8 pictures of a bright row (0), column (1) or neither (2), under noise."""
    generator = np.random.default_rng(seed)
    images = generator.integers(0, noise, (count, 8, 8, 1), np.uint8)
    labels = generator.integers(0, 3, count)
    for image, label, place in zip(images, labels, generator.integers(0, 8, count), strict=True):
        if label == 0:
            image[place] += light
        elif label == 1:
            image[:, place] += light
    return images, labels


def too_wide(text: str, width: int) -> list[str]:
    """The lines that reach over a page; commands and very long words stay in one piece."""
    found = [line for line in text.splitlines() if width_of(line) > width]
    return [line for line in found if not line.lstrip().startswith("cnnspec ") and len(line.split()) > 1]


ALIKE = frozenset({
    "googlenet_torchvision", "resnet34", "resnet101", "resnet152", "resnet50_paper",
    "vgg13", "vgg16", "vgg19",
})  # fmt: skip
"""Examples that only repeat the blocks of another more often: where every layer is looked at for itself,
they are the same case again."""


def one_of_each() -> list[str]:
    """The shipped networks without those that are ``ALIKE`` another."""
    return [name for name in example_names() if name not in ALIKE]
