"""An ONNX file that anyone may have made: read within bounds, external data from its own folder alone.

The library that parses it is asked only when the file's own lengths say that it is small enough: a file of
some megabytes can hold millions of nodes.
"""

from __future__ import annotations

import os
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from math import prod
from pathlib import Path
from typing import Any, Final

import numpy as np
import onnx
from google.protobuf.message import DecodeError

from cnnspec.diagnostics import SpecError
from cnnspec.files import opened, read_bytes, refuse_links
from cnnspec.text import printable

MOST_NODES: Final = 20_000
"""Nodes, and as many initializers; the largest published convolutional networks have some thousands."""
MOST_VALUES: Final = 2_000_000_000
"""Values of all weights."""
MOST_AXES: Final = 32
MOST_BYTES: Final = 4_000_000_000
"""Bytes of a file; more than protobuf can hold."""
UNFOLDED: Final = 2_000_000_000
"""Bytes that weights and constants may come to, however small the files are: VGG-19 is published without
its values, as shapes of constants, and takes 1.7 GB."""
FOLDS: Final = 20
"""Times the files' size that they may come to beyond that; tensors can name one place again and again."""
DEEPEST: Final = 20
"""Graphs inside graphs."""
GRAPH, NODE, INITIALIZER, ATTRIBUTE, SUBGRAPH, FUNCTION, FUNCTION_NODE = 7, 1, 5, 5, 6, 25, 7
"""Numbers of the fields in ONNX's schema."""
KINDS: Final[Mapping[int, str]] = {
    1: "<f4", 2: "u1", 3: "i1", 4: "<u2", 5: "<i2", 6: "<i4", 7: "<i8", 9: "?", 10: "<f2", 11: "<f8",
    12: "<u4", 13: "<u8",
}  # fmt: skip
"""Numbers as ONNX counts them, and as NumPy writes them."""
FIELDS: Final[Mapping[int, str]] = {1: "float_data", 7: "int64_data", 11: "double_data", 12: "uint64_data",
                                    13: "uint64_data"}  # fmt: skip
"""Where values lie that are not bytes; all others lie in ``int32_data``."""


def refused(message: str, *notes: str, help: str = "") -> SpecError:
    """That a file cannot be imported."""
    cure = (help,) if help else ()
    return SpecError.of("cannot-import", printable(message), *cure, notes=tuple(map(printable, notes)))


class Budget:
    """Bytes that files have, and those that were made of them."""

    def __init__(self) -> None:
        self.files: dict[tuple[int, int], int] = {}
        self.made = 0

    def make(self, size: int) -> None:
        """So many more bytes are held; raises SpecError where that is out of all proportion."""
        self.made += size
        there = sum(self.files.values())
        if self.made > max(UNFOLDED, FOLDS * there):
            message = f"its weights and constants come to more than {self.made - size:,} bytes"
            raise refused(f"{message}, and its files have {there:,}")


@dataclass(frozen=True)
class OnnxFile:
    """A parsed file, whose weights are read when they are asked for."""

    model: Any
    folder: Path
    data: bytes = field(repr=False)
    budget: Budget = field(default_factory=Budget, repr=False)

    def __post_init__(self) -> None:
        self.budget.files[0, 0] = len(self.data)

    @property
    def opset(self) -> int:
        """The version of the plain operators; those of other domains are refused by name later."""
        found = [each.version for each in self.model.opset_import if each.domain in ("", "ai.onnx")]
        if not found:
            raise refused("the file does not say which version of ONNX's operators it uses")
        latest = onnx.defs.onnx_opset_version()
        if not 1 <= found[0] <= latest:
            raise refused(f"the file uses operators of version {found[0]}; known are 1 to {latest}")
        return int(found[0])

    def array(self, tensor: Any) -> np.ndarray[Any, Any]:
        """The values of a tensor; raises SpecError where they are not there or not of its size."""
        kind, name = KINDS.get(tensor.data_type), tensor.name
        if kind is None:
            raise refused(f"the tensor {name} holds {kind_name(tensor.data_type)}, which is not read")
        dims = tuple(tensor.dims)
        if len(dims) > MOST_AXES:
            raise refused(f"the tensor {name} says that it has {len(dims):,} axes")
        if any(size < 0 for size in dims) or prod(dims) > MOST_VALUES:
            raise refused(f"the tensor {name} says that it has {prod(dims):,} values")
        count = prod(dims)
        if tensor.data_location == onnx.TensorProto.EXTERNAL:
            data = self._external(tensor, count * np.dtype(kind).itemsize)
        elif tensor.HasField("raw_data"):
            data = tensor.raw_data
        else:
            return _listed(tensor, kind, dims)
        if len(data) != count * np.dtype(kind).itemsize:
            raise refused(f"the tensor {name} has {len(data):,} bytes where {dims} values need others")
        return np.frombuffer(data, kind).reshape(dims)

    def _external(self, tensor: Any, size: int) -> bytes:
        """Bytes of a file beside this one, in the same folder or below it; links are not followed."""
        said = {entry.key: entry.value for entry in tensor.external_data}
        place, name = said.get("location", ""), tensor.name
        path = self.folder / place
        if not place or os.path.isabs(place) or ".." in Path(place).parts:
            raise refused(
                f'the values of {name} are said to lie in "{place}", outside the folder of the file'
            )
        try:
            offset = int(said.get("offset", "0"))
            length = int(said.get("length", str(size)))
            refuse_links(path, self.folder)
            with opened(path) as file:
                state = os.fstat(file.fileno())
                if offset < 0 or length != size or offset + size > state.st_size:
                    raise refused(f'the values of {name} are not whole in "{place}"')
                self.budget.files[state.st_dev, state.st_ino] = state.st_size
                self.budget.make(size)
                file.seek(offset)
                return file.read(size)
        except (OSError, ValueError) as error:
            raise refused(f'the values of {name} cannot be read from "{place}"', str(error)) from error


def kind_name(number: int) -> str:
    """What ONNX calls a kind of values."""
    names = {each: name for name, each in onnx.TensorProto.DataType.items()}
    return str(names.get(number, f"type {number}"))


def _listed(tensor: Any, kind: str, dims: tuple[int, ...]) -> np.ndarray[Any, Any]:
    values = getattr(tensor, FIELDS.get(tensor.data_type, "int32_data"))
    if len(values) != prod(dims):
        raise refused(f"the tensor {tensor.name} has {len(values):,} values where {dims} are said")
    if kind == "<f2":
        return np.array(values, "u2").view("<f2").reshape(dims)
    return np.array(values).astype(kind).reshape(dims)


def parsed(path: Path) -> OnnxFile:
    """The file, with functions put in place; raises OSError, and SpecError where it is none or too large."""
    data = read_bytes(path, MOST_BYTES)
    try:
        for what, number in (("nodes", NODE), ("weights", INITIALIZER)):
            if _count(data, number) > MOST_NODES:
                raise refused(f"the file has more than {MOST_NODES:,} {what}")
        model = onnx.ModelProto.FromString(data)
    except (DecodeError, IndexError, ValueError) as error:
        raise refused(f"{path} is not a whole ONNX file", str(error)) from error
    if not model.HasField("graph"):
        raise refused(f"{path} is not a whole ONNX file", "there is no graph in it")
    found = OnnxFile(_inlined(model), path.parent, data)
    if not all(isinstance(text, str) for text in _texts(found.model)):
        raise refused(f"{path} is not a whole ONNX file", "a name in it is no text in UTF-8")
    return found


def _texts(model: Any) -> Iterator[Any]:
    """Every name; the parser gives bytes for what is no text."""
    graph = model.graph
    yield from (text for entry in model.metadata_props for text in (entry.key, entry.value))
    yield from (each.domain for each in model.opset_import)
    yield from (each.name for each in (graph, *graph.input, *graph.output, *graph.initializer))
    yield from (
        entry for each in graph.initializer for pair in each.external_data for entry in (pair.key, pair.value)
    )
    for node in graph.node:
        yield from (node.name, node.op_type, node.domain, *node.input, *node.output)
        yield from (each.name for each in node.attribute)


# Before it is parsed ------------------------------------------------------------------


def _count(data: bytes, what: int) -> int:
    """How many nodes or initializers there are, those in inner graphs and functions too."""
    view, total = memoryview(data), 0
    for number, start, stop in _fields(view, 0, len(view)):
        if number == GRAPH:
            total += _in_graph(view, start, stop, what, NODE, 0, total)
        elif number == FUNCTION:
            total += _in_graph(view, start, stop, what, FUNCTION_NODE, 0, total)
    return total


def _in_graph(view: memoryview, start: int, stop: int, what: int, nodes: int, depth: int, before: int) -> int:
    total = 0
    if depth > DEEPEST:
        raise refused(f"the file has graphs inside graphs, more than {DEEPEST} deep")
    for number, begin, end in _fields(view, start, stop):
        total += (number == nodes) if what == NODE else (number == what and nodes == NODE)
        if before + total > MOST_NODES:
            return total
        if number == nodes:
            total += _in_node(view, begin, end, what, depth, before + total)
    return total


def _in_node(view: memoryview, start: int, stop: int, what: int, depth: int, before: int) -> int:
    total = 0
    for number, begin, end in _fields(view, start, stop):
        if number == ATTRIBUTE:
            for inner, first, last in _fields(view, begin, end):
                if inner in (SUBGRAPH, 11):
                    total += _in_graph(view, first, last, what, NODE, depth + 1, before + total)
    return total


def _fields(view: memoryview, place: int, stop: int) -> Iterator[tuple[int, int, int]]:
    """Number, start and end of each field of a message that has a length."""
    while place < stop:
        key, place = _varint(view, place)
        kind = key & 7
        if kind == 0:
            _, place = _varint(view, place)
        elif kind == 2:
            length, place = _varint(view, place)
            if place + length > stop:
                raise ValueError("a part of it is longer than the whole")
            yield key >> 3, place, place + length
            place += length
        elif kind in (1, 5):
            place += 8 if kind == 1 else 4
        else:
            raise ValueError("it does not have the form of a protobuf message")


def _varint(view: memoryview, place: int) -> tuple[int, int]:
    value = shift = 0
    while True:
        byte = view[place]
        value |= (byte & 0x7F) << shift
        place += 1
        if byte < 0x80:
            return value, place
        shift += 7
        if shift > 63:
            raise ValueError("a number in it has no end")


# Functions ------------------------------------------------------------------------------


def _inlined(model: Any) -> Any:
    """The model without functions of its own; raises SpecError where they grow beyond all bounds."""
    if not model.functions:
        return model
    sizes: dict[tuple[str, str], int] = {}
    bodies = {(each.domain, each.name): each.node for each in model.functions}

    def size(key: tuple[str, str], above: tuple[tuple[str, str], ...] = ()) -> int:
        if key in above or len(above) > DEEPEST:
            raise refused(f"the function {key[1]} of the file calls itself")
        if key not in sizes:
            inner = ((each.domain, each.op_type) for each in bodies[key])
            sizes[key] = sum(size(each, (*above, key)) if each in bodies else 1 for each in inner)
        return sizes[key]

    called = ((each.domain, each.op_type) for each in model.graph.node)
    if sum(size(each) if each in bodies else 1 for each in called) > MOST_NODES:
        raise refused(f"the file has more than {MOST_NODES:,} nodes")
    from onnx import inliner

    try:
        return inliner.inline_local_functions(model)
    except (onnx.checker.ValidationError, RuntimeError, ValueError) as error:
        raise refused("the functions of the file cannot be put in place", str(error)) from error
