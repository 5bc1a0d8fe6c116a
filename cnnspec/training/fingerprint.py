"""What must be the same for a run to go on to the weights it would have had without a break."""

from __future__ import annotations

import zlib
from collections.abc import Iterator, Mapping
from typing import Any, Final, NamedTuple

import numpy as np

from cnnspec.backends.contract import Engine
from cnnspec.backends.images import sample_shape
from cnnspec.diagnostics import Diagnostic, SpecError
from cnnspec.layers.base import show
from cnnspec.recipe.models import Recipe
from cnnspec.training.data.dataset import Dataset, Samples
from cnnspec.training.data.streamed import StreamedImages

FREE: Final = {"epochs", "seed", "data", "stop"}
"""Sentences of the recipe that may change: the steps that are made stay the same."""
OPTIONS: Final = {"optimizer rate": "rate", "batch": "batch", "workers": "workers", "seed": "seed"}
"""What the command line and ``fit`` can say."""
SHOWN: Final = 5
"""Changes listed before the rest is only counted."""


class FingerprintChange(NamedTuple):
    """One thing that is not as it was, and what it was, in words."""

    name: str
    text: str
    was: str = ""


def _change(name: str, was: Any, now: Any) -> FingerprintChange:
    return FingerprintChange(name, f"{name} was {_format(was)}, is {_format(now)}", _format(was))


def fingerprint(engine: Engine, recipe: Recipe, data: Dataset) -> dict[str, Any]:
    """Plain values and sums, by which ``differs`` tells what changed."""
    layers = [(node.name, repr(node.layer), node.inputs, node.output) for node in engine.network.nodes]
    return {
        "seed": engine.seed,
        "network": zlib.crc32(repr(layers).encode()),
        "numbers": str(engine.dtype),
        "recipe": recipe.model_dump(mode="json", exclude=FREE),
        "validation": _samples(data.validation) if data.validation else recipe.data.validation,
        "training": _samples(data.train),
        "test": _samples(data.test),
    }


def differs(folder: object, before: Mapping[str, Any], now: Mapping[str, Any]) -> SpecError | None:
    """Why a run that was begun with ``before`` cannot go on with ``now``; None when it can."""
    found = list(_changes(before, now))
    if not found:
        return None
    more = f"; and {len(found) - SHOWN} more" if len(found) > SHOWN else ""
    what = "; ".join(change.text for change in found[:SHOWN]) + more
    return SpecError.of("run-differs", f"{folder} cannot be resumed: {what}", *_cures(folder, found))


def other_test(folder: object, before: Mapping[str, Any], now: Mapping[str, Any]) -> Diagnostic | None:
    """That the test samples are others, which changes no weight."""
    if before.get("test") == now["test"]:
        return None
    message = f"{folder} was started with other test samples"
    note = "this changes no weight; the accuracy is measured on the new test samples"
    return Diagnostic.warning("run-differs", message, notes=(note,))


def _cures(folder: object, found: list[FingerprintChange]) -> Iterator[str]:
    given = [change for change in found if change.name in OPTIONS]
    if given:
        options = " ".join(f"--{OPTIONS[change.name]} {change.was}" for change in given)
        yield f"use what the run was started with: {options}"
    if any(change.name == "network" for change in found):
        yield f"cnnspec diff {folder}/spec.cnn SPEC shows what changed in the network"
    yield f"resume without changes: cnnspec train {folder} --resume"
    yield "or start a new run in another folder: -o FOLDER"


def _changes(before: Mapping[str, Any], now: Mapping[str, Any]) -> Iterator[FingerprintChange]:
    if before.get("network") != now["network"]:
        yield FingerprintChange("network", "the network has changed")
    for name in ("seed", "numbers", "validation"):
        if before.get(name) != now[name]:
            yield _change(name, before.get(name), now[name])
    yield from _recipe_changes(_table(before.get("recipe")), now["recipe"])
    yield from _sample_changes(_table(before.get("training")), now["training"])


def _recipe_changes(before: Mapping[str, Any], now: Mapping[str, Any]) -> Iterator[FingerprintChange]:
    for name in dict.fromkeys((*before, *now)):
        was, new = before.get(name), now.get(name)
        if was == new:
            continue
        if not (isinstance(was, dict) and isinstance(new, dict)):
            yield _change(name, was, new)
        elif was.get("kind") != new.get("kind"):
            yield _change(name, was.get("kind"), new.get("kind"))
        else:
            for option in dict.fromkeys((*was, *new)):
                if was.get(option) != new.get(option):
                    yield _change(f"{name} {option}", was.get(option), new.get(option))


def _sample_changes(before: Mapping[str, Any], now: Mapping[str, Any]) -> Iterator[FingerprintChange]:
    if before.get("samples") != now["samples"]:
        were = f"there were {_format(before.get('samples'))} training images"
        yield FingerprintChange("samples", f"{were}, now there are {now['samples']}")
    elif before.get("shape") != now["shape"]:
        yield _change("size of the training images", before.get("shape"), now["shape"])
    else:
        for name, what in (("images", "training images"), ("labels", "labels")):
            if before.get(name) != now[name]:
                yield FingerprintChange(name, f"the {what} have changed")


def _samples(samples: Samples) -> dict[str, Any]:
    return {
        "samples": len(samples.labels),
        "shape": show(sample_shape(samples.images)),
        "images": _sum(samples.images),
        "labels": zlib.crc32(np.ascontiguousarray(samples.labels).data),
    }


def _sum(images: Any) -> int:
    """Of all bytes; of images that are streamed, by their files."""
    if isinstance(images, StreamedImages):
        return images.digest()
    return zlib.crc32(np.ascontiguousarray(images).data)


def _table(value: Any) -> Mapping[str, Any]:
    return value if isinstance(value, dict) else {}


def _format(value: Any) -> str:
    if value is None:
        return "not given"
    if isinstance(value, dict):
        return " ".join(f"{name}={_format(each)}" for name, each in value.items() if each)
    if isinstance(value, list):
        return f"({', '.join(map(_format, value))})"
    short = f"{value:g}" if isinstance(value, float) else str(value)
    return short if not isinstance(value, float) or float(short) == value else repr(value)
