"""An ONNX file as a spec and weights: each node by the table, or refused by its name.

Nothing is guessed: an operator, a version of one, an attribute or an order of values that the tables have not
decided about is refused. A file that this program wrote gives its own spec back, if that spec and the
weights in the file make the same file again.
"""

from __future__ import annotations

from collections import Counter
from dataclasses import replace
from hashlib import blake2b
from pathlib import Path
from typing import Any, Final

import numpy as np
import onnx
from onnx import TensorProto

from cnnspec.diagnostics import SpecError
from cnnspec.document import Document
from cnnspec.exchange.onnx_in.build import CannotRead, GraphReader, error_at
from cnnspec.exchange.onnx_in.call import NodeCall
from cnnspec.exchange.onnx_in.file import OnnxFile, kind_name, parsed, refused
from cnnspec.exchange.onnx_in.fold import BROADCAST, FOLDS, SEEN, fold
from cnnspec.exchange.onnx_in.operators import TABLE
from cnnspec.exchange.onnx_in.values import Array, Const, Flow, Value, channels_last, ours
from cnnspec.exchange.recover.spec import recover
from cnnspec.exchange.trade import Imported
from cnnspec.layers.base import Shape, channels_first
from cnnspec.network.assemble import NamedLayer, assemble
from cnnspec.network.graph import Network
from cnnspec.network.write import legal_name
from cnnspec.text import Source

SPEC: Final = "cnnspec.spec"
OLDEST: Final = 6
"""The first version that is read; its arithmetic says by an attribute where a smaller tensor lies."""
LARGEST_MAP: Final = 10**9
"""Values of one sample of the input."""
MOST_TOLD: Final = 8
"""Nodes that are named where they cannot be said."""


def read(path: Path, shape: Shape | None = None) -> Imported:
    """The spec and the weights of a file; ``shape`` is the input's where the file leaves its sizes open.

    Raises OSError where it cannot be read, SpecError where it is broken or says what no spec can.
    """
    file = parsed(path)
    own = _own(file) if shape is None else None
    if own is not None:
        return own
    builder, network = translated(file, shape)
    found = recover(network, dict(builder.labels))
    weights = {
        f"{part}.{name}": values for part, each in builder.weights.items() for name, values in each.items()
    }
    return Imported(found.text, found.renamed(weights), tuple(builder.notes))


def _own(file: OnnxFile) -> Imported | None:
    """What this program wrote itself."""
    text = next((entry.value for entry in file.model.metadata_props if entry.key == SPEC), None)
    if text is None or file.model.producer_name != "cnnspec":
        return None
    from cnnspec.exchange.onnx_out.encode import encoded

    try:
        network = Document(Source("<spec>", text)).whole_network
        arrays = {tensor.name: tensor for tensor in file.model.graph.initializer}
        declared = network.weights
        weights = {name: file.array(arrays[name]) for name in declared}
        is_of_size = all(values.shape == declared[name].shape for name, values in weights.items())
        return (
            Imported(text, weights) if is_of_size and encoded(network, weights, text) == file.data else None
        )
    except (SpecError, KeyError, ValueError):
        return None


# The graph ------------------------------------------------------------------------------


def translated(file: OnnxFile, shape: Shape | None = None) -> tuple[GraphReader, Network]:
    """The network of a file, flat, and what was found on the way."""
    graph, builder = file.model.graph, GraphReader(file)
    version = file.opset
    if version < OLDEST:
        raise refused(
            f"the file uses operators of version {version}, and only those from {OLDEST} on are read"
        )
    nodes = list(graph.node)
    for node in nodes:
        builder.readers.update(node.input)
    builder.readers.update(output.name for output in graph.output)
    if graph.sparse_initializer:
        raise refused("the file holds sparse weights, which are not read")
    for tensor in graph.initializer:
        builder.values[tensor.name] = Const(file.array(tensor))
        builder.stored.add(tensor.name)
    start = _inputs(builder, graph, nodes, shape)
    _translate(builder, nodes, version)
    return builder, _network(builder, graph, start)


def _inputs(builder: GraphReader, graph: Any, nodes: list[Any], shape: Shape | None) -> dict[str, Shape]:
    """What flows in, by name; raises SpecError where it is no maps or vectors of floats, of known size.

    One input is called ``input``, several keep their names; those that no node reads are left out.
    """
    free = [each for each in graph.input if each.name not in builder.values]
    if not free:
        raise refused("nothing flows into the network: it has no input")
    given = [each for each in free if builder.readers[each.name]] or free
    entries = [(each.name, _dimensions(each)) for each in given]
    samples = {sizes[0] for _, sizes in entries}
    if len(samples) > 1:
        said = ", ".join(f"{name} {sizes[0] or 'any number of'}" for name, sizes in entries)
        raise refused(f"the inputs have different numbers of samples: {said}")
    (first,) = samples
    builder.is_open, builder.batch = not first, first or 1
    taken: set[str] = set()
    for name, sizes in entries:
        part = "input" if len(entries) == 1 else legal_name(name, taken)
        last = _is_channels_last(name, len(sizes), nodes)
        asked = shape if len(entries) == 1 or None in sizes[1:] else None
        builder.shapes[part] = found = asked or _known(name, sizes[1:], last)
        if min(found) < 1 or np.prod([float(size) for size in found]) > LARGEST_MAP:
            raise refused(f"the input {name} has {' x '.join(map(str, found))} values")
        flow = Flow(part, found, channels_first(found) if len(sizes) > 1 else ())
        if last:
            flow = flow.moved(lambda places: np.moveaxis(places, 0, -1))
            builder.told(f"the file's {name} is N x height x width x channels, as arrays are here")
        builder.keep(name, flow)
    return dict(builder.shapes)


def _dimensions(entry: Any) -> list[int | None]:
    """The sizes of an input, the batch among them; None for those left open."""
    tensor = entry.type.tensor_type
    if entry.type.WhichOneof("value") != "tensor_type":
        raise refused(f"the input {entry.name} is no tensor")
    if not tensor.HasField("shape"):
        raise refused(f"the input {entry.name} does not say how many axes it has")
    if tensor.elem_type != TensorProto.FLOAT:
        raise refused(f"the input {entry.name} holds {kind_name(tensor.elem_type)}, and FLOAT is read")
    sizes = [each.dim_value if each.HasField("dim_value") else None for each in tensor.shape.dim]
    if not 1 <= len(sizes) <= 5:
        raise refused(f"the input {entry.name} has {len(sizes)} axes, and 1 to 5 are read")
    return sizes


def _known(name: str, sizes: list[int | None], last: bool) -> Shape:
    if None in sizes or 0 in sizes:
        shown = " x ".join(str(size or "?") for size in sizes)
        raise refused(
            f"the file leaves the size of its input open: {name} is {shown}",
            help="say it: cnnspec import FILE --input 224x224x3 (height x width x channels)",
        )
    dims = tuple(size for size in sizes if size is not None)
    return dims if last else ours(dims)


def _is_channels_last(name: str, rank: int, nodes: list[Any]) -> bool:
    """Whether all that reads the input first moves the channels to the front."""
    order = [0, rank - 1, *range(1, rank - 1)]
    readers = [node for node in nodes if name in node.input]
    return bool(readers) and all(
        node.op_type == "Transpose" and any(list(each.ints) == order for each in node.attribute)
        for node in readers
    )


def _translate(builder: GraphReader, nodes: list[Any], version: int) -> None:
    """Each node; what cannot be said is told of all nodes together, as far as it can be known."""
    faults: list[SpecError] = []
    lost: set[str] = set()
    for node in nodes:
        if lost.intersection(node.input):
            lost.update(node.output)
            continue
        try:
            _node(builder, node, version)
        except SpecError as error:
            faults.append(error)
            lost.update(node.output)
    if faults:
        every = [each for error in faults for each in error.diagnostics]
        kept = list(dict.fromkeys(every))
        raise (
            SpecError(kept[:MOST_TOLD])
            if len(kept) <= MOST_TOLD
            else SpecError(
                [*kept[:MOST_TOLD], *refused(f"and {len(kept) - MOST_TOLD} nodes more").diagnostics]
            )
        )


def _node(builder: GraphReader, node: Any, version: int) -> None:
    kind = node.op_type if node.domain in ("", "ai.onnx") else f"{node.domain}.{node.op_type}"
    unknown = [name for name in node.input if name and name not in builder.values]
    if unknown:
        raise error_at(node.name or kind, kind, f"it reads {unknown[0]}, which nothing before it gives")
    given = [builder.values[name] if name else None for name in node.input]
    try:
        if node.domain not in ("", "ai.onnx", "cnnspec"):
            raise CannotRead("it is no operator of ONNX itself")
        since = _since(node, version)
        call = NodeCall(builder, node, since, given)
        found = _result(call, kind)
    except (CannotRead, ValueError) as reason:
        raise error_at(node.name or (node.output[0] if node.output else "?"), kind, str(reason)) from reason
    except (TypeError, IndexError, KeyError, AttributeError, ArithmeticError) as fault:
        reason_text = f"its inputs and attributes are not those of such an operator ({fault})"
        raise error_at(node.name or kind, kind, reason_text) from fault
    for name, value in zip(node.output, found, strict=False):
        if name in builder.values:
            raise error_at(node.name or kind, kind, f"it gives {name}, which is there already")
        if name:
            builder.keep(name, value)


def _since(node: Any, version: int) -> int:
    if node.domain == "cnnspec":
        return 0
    try:
        return int(onnx.defs.get_schema(node.op_type, version, "").since_version)
    except onnx.defs.SchemaError as error:
        raise CannotRead(f"there is no such operator in version {version}") from error


def _result(call: NodeCall, kind: str) -> list[Value]:
    if kind == "Constant":
        return [Const(_constant(call))]
    if kind == "Shape":
        return [_shape(call)]
    known = [each for each in call.given if each is not None]
    if call.version < 7 and kind in BROADCAST and known and "axis" in call.attributes and kind in FOLDS:
        call.align()
        known = [each for each in call.given if each is not None]
    if known and all(isinstance(each, Const) for each in known) and kind in FOLDS:
        return [_folded(call, kind)]
    if kind == "ConstantOfShape" or (kind == "Size" and isinstance(call.input(0), Const)):
        return [_folded(call, kind)]
    row = TABLE.get((call.node.op_type, call.version))
    if row is None:
        raise CannotRead("no word of the language says it")
    other = sorted(set(call.attributes) - row.attributes)
    if other:
        raise CannotRead(f"nothing is decided about its attribute {other[0]}")
    found = row.write(call)
    return found if isinstance(found, list) else [found]


def _constant(call: NodeCall) -> Array:
    (name, value), *_ = call.attributes.items()
    kinds = {"value_float": "f4", "value_floats": "f4", "value_int": "i8", "value_ints": "i8"}
    if name == "value":
        return np.asarray(value)
    if name not in kinds:
        raise CannotRead(f"it holds {name}, which is not read")
    return np.asarray(value, kinds[name])


def _shape(call: NodeCall) -> Const:
    start, end = call.attribute("start", 0), call.attributes.get("end")
    found = call.input(0)
    if isinstance(found, Const):
        return Const(np.array(found.values.shape[start:end], "i8"))
    flow, batch = call.view(), call.builder.batch
    if not flow.led:
        return Const(np.array(flow.dims[start:end], "i8"))
    sizes, other = np.array([batch, *flow.dims], "i8"), np.array([2 * batch, *flow.dims], "i8")
    same = not call.builder.is_open or np.array_equal(sizes[start:end], other[start:end])
    return Const(sizes[start:end], None if same else other[start:end])


def _folded(call: NodeCall, kind: str) -> Const:
    """The result for this batch, and for another where it differs."""
    both = [each.both() if isinstance(each, Const) else (None, None) for each in call.given]
    while both and both[-1][0] is None:
        both.pop()
    first = fold(kind, [one for one, _ in both], call.attributes)  # type: ignore[misc]
    call.builder.file.budget.make(0 if kind in SEEN else 2 * first.nbytes)
    if all(not isinstance(each, Const) or each.other is None for each in call.given):
        return Const(first)
    second = fold(kind, [other for _, other in both], call.attributes)  # type: ignore[misc]
    return Const(first, None if np.array_equal(first, second) else second)


# The network ----------------------------------------------------------------------------


def _network(builder: GraphReader, graph: Any, start: dict[str, Shape]) -> Network:
    ends = []
    for n, output in enumerate(graph.output):
        value = builder.values.get(output.name)
        if not isinstance(value, Flow):
            raise refused(f"the output {output.name} is not computed from the input")
        ends.append(
            (
                "output" if n == 0 else legal_name(output.name, {"output"}),
                _end(builder, output.name, value),
                1.0,
            )
        )
    if not builder.parts:
        raise refused("the network computes nothing: its output is its input")
    parts = _sharing(builder, _used(builder, {part for _, part, _ in ends}))
    name = _title(graph.name)
    network = assemble(name, start, parts, ends)
    builder.weights = {
        part.name: {
            name: values
            for name, values in builder.weights[part.name].items()
            if not part.tied or name != "weight"
        }
        for part in parts
        if not part.share
    }
    return network


def _sharing(builder: GraphReader, parts: list[NamedLayer]) -> list[NamedLayer]:
    """The layers, those with the weights of an earlier one said to share them.

    Equal numbers are shared ones where they vary, as trained ones do, or where the file holds them once.
    """
    owners: dict[tuple[Any, ...], str] = {}
    found: list[NamedLayer] = []
    for part in parts:
        arrays = sorted(builder.weights[part.name].items())
        if arrays:
            varies = any((values != values.flat[0]).any() for _, values in arrays)
            held = () if varies else builder.sources.get(part.name) or (part.name,)
            same = tuple((name, values.shape, blake2b(values.data).digest()) for name, values in arrays)
            owner = owners.setdefault((part.layer.word, same, held), part.name)
            part = replace(part, share=owner) if owner != part.name else _tied(builder, part, found)
        found.append(part)
    return found


def _tied(builder: GraphReader, part: NamedLayer, before: list[NamedLayer]) -> NamedLayer:
    """A dense layer, said to be tied to an earlier one whose weight it uses transposed."""
    source = builder.sources.get(part.name, ())[:1]
    for other in before if part.layer.word == "dense" and source else ():
        if other.layer.word != "dense" or builder.sources.get(other.name, ())[:1] != source or other.tied:
            continue
        if np.array_equal(builder.weights[other.name]["weight"], builder.weights[part.name]["weight"].T):
            return replace(part, tied=other.name)
    return part


def _title(name: str) -> str:
    """The graph's name, where a person gave it one."""
    usual = ("", "main_graph", "torch_jit", "torch-jit-export", "graph", "network", "tf2onnx")
    return "" if name.lower() in usual else legal_name(name, set()).replace(".", "_")


def _end(builder: GraphReader, name: str, flow: Flow) -> str:
    try:
        if channels_last(flow) and flow.dims != flow.plain and flow.places is not None:
            builder.told(f"the file's {name} is N x height x width x channels, as arrays are here")
            return flow.part
        if flow.places is not None and flow.is_sequence:
            builder.told(f"the file's {name} is N x positions x channels, as arrays are here")
            flow = flow.moved(lambda places: places.T)
        return (
            builder.plain(flow).part
            if flow.part in builder.at
            else builder.add("identity", {}, [builder.plain(flow)]).part
        )
    except CannotRead as reason:
        raise error_at(name, "output", str(reason)) from reason


def _used(builder: GraphReader, ends: set[str]) -> list[NamedLayer]:
    """The layers that an output needs, in order."""
    wanted, kept = set(ends), []
    for part in reversed(builder.parts):
        if part.name in wanted:
            wanted.update(part.inputs)
            kept.append(part)
    unread = Counter(part.name for part in builder.parts) - Counter(part.name for part in kept)
    for name in unread:
        builder.labels.pop(name, None)
    return kept[::-1]
