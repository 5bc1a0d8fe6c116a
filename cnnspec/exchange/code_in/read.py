"""Python code as a network: ``lecture.py``, ``lecture.py:Net``, ``lecture.py:Net@28x28x1``, or a notebook.

The code is read and never run.
"""

from __future__ import annotations

import ast
import re
import warnings
from collections.abc import Iterator
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, Final

from cnnspec.diagnostics import Diagnostic, SpecError
from cnnspec.exchange.code_in.flow import Tensor
from cnnspec.exchange.code_in.frameworks import Frameworks
from cnnspec.exchange.code_in.interpreter import Interpreter
from cnnspec.exchange.code_in.keras.library import is_keras_class
from cnnspec.exchange.code_in.keras.model import KerasModel, KerasTensor
from cnnspec.exchange.code_in.models import Models
from cnnspec.exchange.code_in.notebooks import cells, plain
from cnnspec.exchange.code_in.result import Read, finished
from cnnspec.exchange.code_in.torch.example import Example
from cnnspec.exchange.code_in.torch.modules import TorchModule
from cnnspec.exchange.code_in.torch.tree import inputs_of, members_of, walk
from cnnspec.exchange.code_in.trace import NotFollowed, Trace
from cnnspec.exchange.code_in.values import (
    BudgetSpent,
    Instance,
    UnknownValue,
    UserClass,
)
from cnnspec.exchange.trade import Imported
from cnnspec.files import decoded, read_bytes
from cnnspec.layers.base import Shape, show
from cnnspec.text import Source

SELECTED: Final = re.compile(
    r"(?P<file>.*\.(py|ipynb))(:(?P<model>[\w.]+))?(@(?P<shapes>\d+(x\d+)*(,\d+(x\d+)*)*))?", re.DOTALL
)
"""A file, the model in it, and its inputs."""
LARGEST_CODE: Final = 500_000
"""Bytes of a file of code, and characters of a notebook's cells."""
LARGEST_NOTEBOOK: Final = 10_000_000
"""Bytes of a notebook, most of which are what its cells once printed and drew."""
MOST_PARTS: Final = 100
"""Parts of one name: Python writes each name of an import out once for every part of it."""
BETWEEN_NAMES: Final = re.compile(r"[^\w. \t\f]+|\.\.+|(?<=\w)[ \t\f]+(?=\w)")
USUAL_SIZES: Final = (224, 32, 28, 64, 96, 128, 227, 299, 256, 48, 112, 160, 192, 300, 384, 416, 512, 572)
"""Heights and widths that inputs have, tried where the code says none."""


@dataclass(frozen=True)
class Selection:
    """What is asked of a file."""

    path: Path
    model: str = ""
    shapes: tuple[Shape, ...] = ()
    """Those of its inputs; one stands for all, none is asked of the code."""

    @classmethod
    def of(cls, text: str) -> Selection:
        found = SELECTED.fullmatch(text)
        assert found is not None
        shapes = found["shapes"].split(",") if found["shapes"] else ()
        sizes = tuple(tuple(map(int, shape.split("x"))) for shape in shapes)
        return cls(Path(found["file"]), found["model"] or "", sizes)


def read(path: Path, shape: Shape | None = None) -> Read:
    """The network of a file of Python code; raises SpecError with what cannot be followed, at its line."""
    wanted = Selection.of(str(path))
    if shape is not None and not wanted.shapes:
        wanted = replace(wanted, shapes=(shape,))
    is_notebook = wanted.path.suffix.lower() == ".ipynb"
    data = read_bytes(wanted.path, LARGEST_NOTEBOOK if is_notebook else LARGEST_CODE)
    text = decoded(data, f'"{wanted.path}"', LARGEST_NOTEBOOK)
    if is_notebook:
        text = cells(text, wanted.path)
    if len(text) > LARGEST_CODE:
        message = f"{wanted.path} holds {len(text):,} characters of code; {LARGEST_CODE:,} are read"
        raise SpecError.of("code-not-followed", message)
    return read_source(Source(str(wanted.path), text.replace("\r\n", "\n").replace("\r", "\n")), wanted)


def imported(path: Path, shape: Shape | None = None) -> Imported:
    """What a file of Python code says; ``shape`` is the input's where the code leaves it open."""
    found = read(path, shape)
    return Imported(found.text, None, found.notes)


def read_source(source: Source, wanted: Selection) -> Read:
    try:
        return _Reading(source, wanted).read()
    except NotFollowed as fault:
        raise SpecError([fault.diagnostic()]) from fault
    except BudgetSpent as stop:
        message = "this code loops for ever, or builds more than can be read in time"
        raise SpecError.of("code-not-followed", message) from stop
    except RecursionError as error:
        raise SpecError.of("code-not-followed", "this code is nested too deeply to be read") from error


class _Reading:
    def __init__(self, source: Source, wanted: Selection) -> None:
        self.source, self.wanted = source, wanted
        self.library = Frameworks()
        self.reader = Interpreter(source, self.library, self._at)
        self.library.attach(self.reader)

    def _at(self, node: Any) -> None:
        self.library.node = node

    def read(self) -> Read:
        self.reader.module(self._parsed())
        name, model = Models(self.reader, self.wanted.path, self.wanted.model).chosen()
        kind = model.kind if isinstance(model, Instance) else model
        if isinstance(kind, UserClass) and is_keras_class(kind):
            model = self._subclassed(name, model)
        if isinstance(model, KerasModel):
            return self._keras(name, model)
        return self._torch(name, model)

    def _parsed(self) -> ast.Module:
        text = plain(self.source.text)
        joined = re.sub(r"\\\r?\n", "", text)
        if max(part.count(".") for part in BETWEEN_NAMES.split(joined)) >= MOST_PARTS:
            raise SpecError.of("code-not-followed", f"this code has a name of more than {MOST_PARTS} parts")
        try:
            with warnings.catch_warnings():
                warnings.simplefilter("ignore")
                return ast.parse(text)
        except SyntaxError as error:
            line = min(max(error.lineno or 1, 1), len(self.source.line_starts))
            start = self.source.line_starts[line - 1]
            span = self.source.span(start, start + len(self.source.line(line)))
            raise SpecError(
                [Diagnostic("code-not-followed", f"this is no Python: {error.msg}", span)]
            ) from error
        except (ValueError, MemoryError) as error:
            raise SpecError.of(
                "code-not-followed", f"this is no Python: {error or 'nested too deeply'}"
            ) from error

    # Results -------------------------------------------------------------------------

    def _subclassed(self, name: str, model: UserClass | Instance) -> KerasModel:
        """A model that is a class of the file: what its ``call`` makes of an input."""
        made = self.library.constructed(model) if isinstance(model, UserClass) else model
        shapes = self.wanted.shapes or next(iter(made.examples), ())
        if not shapes:
            raise NotFollowed(
                f"the code does not say what {name} takes",
                f"say it behind the file: {self.wanted.path}:{name}@28x28x1", code="input-without-size",
            )  # fmt: skip
        starts = [KerasTensor(None, (), shape) for shape in shapes]
        found = self.library.keras.run(made, [starts[0] if len(starts) == 1 else starts], {})
        outputs = list(found) if isinstance(found, list | tuple) else [found]
        if not all(isinstance(one, KerasTensor) for one in outputs):
            raise NotFollowed(f"what {name} gives cannot be followed")
        return KerasModel([], starts, outputs)

    def _keras(self, name: str, model: KerasModel) -> Read:
        return model.finished(name, self.wanted.shapes)

    def _torch(self, name: str, model: Any) -> Read:
        if isinstance(model, UserClass):
            model = self.library.constructed(model)
        walk(model)
        self.told = self.library.torch.trace.notes
        shapes = self.wanted.shapes or self._shown(model)
        if shapes:
            return self._traced(name, model, shapes)
        return self._guessed(name, model)

    def _shown(self, model: Any) -> tuple[Shape, ...]:
        """The inputs that the code itself tries the model with."""
        for example in model.examples:
            if all(len(sizes) >= 2 for sizes in example):
                return tuple((*sizes[2:], sizes[1]) for sizes in example)
        return self._beside(model)

    def _beside(self, model: Any) -> tuple[Shape, ...]:
        """The one tensor that the file makes beside the model, where its axes and channels fit."""
        try:
            rank, channels = self._first(model)
        except NotFollowed:
            return ()
        values = self.reader.names.values.values()
        shapes = {one.sizes for one in values if isinstance(one, Example)}
        fitting = {sizes for sizes in shapes if len(sizes) == rank + 2 and sizes[1] == channels}
        return tuple((*sizes[2:], sizes[1]) for sizes in fitting) if len(fitting) == 1 else ()

    def _traced(self, name: str, model: Any, shapes: tuple[Shape, ...]) -> Read:
        names = inputs_of(model, len(shapes))
        given = dict(zip(names, shapes * len(names) if len(shapes) == 1 else shapes, strict=False))
        if len(given) < len(names):
            raise NotFollowed(
                f"{name} takes {len(names)} inputs: {', '.join(names)}, but {len(shapes)} shapes are given",
                f"say them behind the file: {self.wanted.path}@{','.join(['28x28x1'] * len(names))}",
            )
        trace = Trace(notes=list(self.told))
        trace.start(given)
        self.library.torch.trace = trace
        try:
            found = self.library.torch.run(model, [Tensor.of(trace, one) for one in given], {})
            results = _results(name, found)
        except NotFollowed as fault:
            if fault.span is None:
                fault.span = trace.here or self.reader.span(self.library.node)
            raise
        return finished(name, trace, given, results, {})

    def _guessed(self, name: str, model: Any) -> Read:
        """The usual input that fits; where many do, the code does not say it."""
        rank, channels = self._first(model)
        fitting: list[tuple[Shape, Read]] = []
        furthest: tuple[int, NotFollowed | None] = (-1, None)
        sizes: Any = [()] if rank == 0 else USUAL_SIZES
        for size in sizes:
            shape = ((size,) * rank if rank else ()) + (channels,)
            try:
                fitting.append((shape, self._traced(name, model, (shape,))))
            except NotFollowed as fault:
                if len(self.library.torch.trace.parts) > furthest[0]:
                    furthest = len(self.library.torch.trace.parts), fault
            if len(fitting) > 3:
                break
        if not fitting:
            raise furthest[1] or NotFollowed("no input fits this model")
        if rank and len(fitting) > 3:
            example = show(fitting[0][0])
            raise NotFollowed(
                f"{name} takes inputs of many sizes, and the code does not say which is meant",
                f"say it behind the file: {self.wanted.path}@{example}", code="input-without-size",
            )  # fmt: skip
        shape, found = fitting[0]
        return _with_guess(found, shape, self.wanted.path) if rank else found

    def _first(self, model: Any) -> tuple[int, int]:
        """The number of spatial axes and of channels that the first layer takes."""
        for module in _leaves(model):
            o = module.options
            if found := re.fullmatch(r"Conv(Transpose)?([123])d", module.kind):
                return int(found[2]), o["in_channels"]
            if module.kind == "Linear":
                return 0, o["in_features"]
            if found := re.fullmatch(r"(Batch|Instance)Norm([23])d", module.kind):
                return int(found[2]), o["num_features"]
        raise NotFollowed(
            "the code does not say what the model takes",
            f"say it behind the file: {self.wanted.path}@28x28x1", code="input-without-size",
        )  # fmt: skip


def _results(name: str, found: Any) -> list[Tensor]:
    results = list(found) if isinstance(found, list | tuple) else [found]
    if isinstance(found, UnknownValue) or not all(isinstance(one, Tensor) for one in results):
        why = found.why if isinstance(found, UnknownValue) else "it gives something else than tensors"
        raise NotFollowed(f"what {name} gives cannot be followed: {why}")
    return results


def _leaves(model: Any) -> Iterator[Any]:
    if isinstance(model, TorchModule) and not model.children:
        yield model
    for _, child in members_of(model):
        yield from _leaves(child)


def _with_guess(found: Read, shape: Shape, path: Path) -> Read:
    note = Diagnostic.warning(
        "input-taken",
        f"the code does not say its input: {show(shape)} is the usual one that fits",
        f"say another behind the file: {path}@HEIGHTxWIDTHxCHANNELS",
    )
    return Read(found.text, found.network, found.weights, (note, *found.notes), found.nodes)
