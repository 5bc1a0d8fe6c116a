"""Every number with its working: for a layer and a topic, the steps that lead to it.

The steps hold the very formulas that computed the report; a view prints, typesets
or writes them out as data.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from math import prod
from typing import TYPE_CHECKING, Final

from cnnspec.analysis.cost import FLOAT_BYTES, bytes_of
from cnnspec.analysis.memory import OPTIMIZER_STATES
from cnnspec.analysis.receptive_field import Track
from cnnspec.formula import Formula, Number, Symbol, product, total
from cnnspec.layers.base import AXES, AXIS_NAMES, SAME_PLACE, Slide, Window, show, spatial, spatial_symbols
from cnnspec.layers.window import Axis
from cnnspec.network.graph import Node
from cnnspec.records import record

if TYPE_CHECKING:
    from cnnspec.analysis.report import Analysis, Row


@record
class LawStep:
    """One line of a working: what is computed, its law, and a remark where the law is not all."""

    what: str
    law: Formula | None = None
    note: str = ""

    @property
    def symbols(self) -> tuple[Symbol, ...]:
        """The legend: the symbols of the law that say what they mean, in order."""
        return tuple(symbol for symbol in self.law.symbols() if symbol.meaning) if self.law else ()


@record
class Explanation:
    """The steps for one layer and topic; the last law is the result."""

    node: Node
    topic: str
    steps: tuple[LawStep, ...]

    @property
    def result(self) -> Formula | None:
        return next((step.law for step in reversed(self.steps) if step.law is not None), None)

    @property
    def symbols(self) -> tuple[Symbol, ...]:
        """The legend of all steps, each symbol once."""
        found = {symbol.name: symbol for step in self.steps for symbol in step.symbols}
        return tuple(found.values())


def explain(analysis: Analysis, layer: str, topic: str) -> Explanation:
    """The working of one topic of a layer; KeyError for a layer or topic that is not there."""
    row = analysis[layer]
    return Explanation(row.node, topic, tuple(TOPICS[topic](analysis, row)))


def _shape(analysis: Analysis, row: Row) -> Iterator[LawStep]:
    laws = row.laws.output
    names = [AXIS_NAMES[name] for name in AXES[len(laws) - 1]]
    last = "channels" if names else "values"
    notes = [_margin(axis) for axis in _axes(row)] or [""] * len(names)
    for what, law, note in zip((*names, last), laws, (*notes, ""), strict=True):
        yield LawStep(what, law, note)


def _axes(row: Row) -> tuple[Axis, ...]:
    """The window's axes, for a layer that slides one."""
    axes = getattr(row.node.layer, "axes", None)
    found = axes(row.inputs) if axes else ()
    return found if all(isinstance(axis, Axis) for axis in found) else ()


def _margin(axis: Axis) -> str:
    """What the law does not show: where \"same\" pads, and pixels that no window reaches."""
    if axis.same and (axis.before or axis.after):
        return f"padded by {axis.before} before and {axis.after} after"
    if axis.dropped:
        return f"{axis.dropped} of {axis.size} at the end {'fits' if axis.dropped == 1 else 'fit'} no window"
    return ""


def _params(analysis: Analysis, row: Row) -> Iterator[LawStep]:
    weights = row.node.layer.arrays(row.inputs)
    if not weights:
        yield LawStep("parameters", row.laws.params, f"{row.kind} has nothing to learn")
        return
    if row.node.share:
        yield LawStep("parameters", Number(0), f"it uses the weights of {row.node.share}, counted there")
        return
    if row.node.tied:
        bias = next((weight.size for weight in row.node.own_weights.values()), Number(0))
        yield LawStep("parameters", bias, f"the weight is that of {row.node.tied}, transposed, counted there")
        return
    parameters = [weight for weight in weights if not weight.buffer]
    if len(parameters) > 1:
        for weight in parameters:
            yield LawStep(f"{weight.name} {show(weight.shape)}", weight.size)
    yield LawStep("parameters", row.laws.params, "kept as they are in training" if row.frozen else "")
    for weight in weights:
        if weight.buffer:
            yield LawStep(f"{weight.name} {show(weight.shape)}", weight.size, "a buffer: stored, not trained")


def _multiplies(analysis: Analysis, row: Row) -> Iterator[LawStep]:
    each, rest = divmod(row.multiplies, prod(row.output))
    note = "" if rest else f"{each:,} for each of {prod(row.output):,} output values"
    yield LawStep("multiplies", row.laws.multiplies, note if row.multiplies else _elsewhere(row))


def _additions(analysis: Analysis, row: Row) -> Iterator[LawStep]:
    note = "n products need n − 1 additions"
    note += ", and one more for the bias" if row.node.layer.has_bias else ""
    yield LawStep("additions", row.laws.additions, note if row.additions else _elsewhere(row))


def _elsewhere(row: Row) -> str:
    return "counted as elementwise" if row.elementwise else ""


def _elementwise(analysis: Analysis, row: Row) -> Iterator[LawStep]:
    items = row.laws.elementwise
    for item in items:
        yield LawStep(item.what, item.count)
    if len(items) != 1:
        together = total(Symbol(item.what, item.count.value) for item in items)
        yield LawStep("elementwise", together)


def _memory(analysis: Analysis, row: Row) -> Iterator[LawStep]:
    batch, law = analysis.batch, row.laws.activation_bytes
    yield LawStep("output, bytes", law if batch == 1 else Symbol("N", batch, "samples in the batch") * law)
    if row.params:
        size = Symbol("b", FLOAT_BYTES, "bytes of a value")
        yield LawStep("parameters, bytes", size * Symbol("params", row.params, "parameters"))
    memory, node = analysis.memory, row.node
    step = memory.step(node.index)
    yield LawStep("buffer", note=_buffer_note(analysis, node, step.buffer))
    nodes = analysis.network.nodes
    sizes = [Symbol(nodes[index].name, batch * bytes_of(nodes[index].output)) for index in step.live]
    sizes += [
        Symbol(f"places of {nodes[index].name}", memory.remembered_bytes(nodes[index]))
        for index in step.places
    ]
    yield LawStep("in use while it runs, bytes", total(sizes))
    yield from _training(analysis, row)


def _training(analysis: Analysis, row: Row) -> Iterator[LawStep]:
    """What the layer adds to the memory of a training step, the gradients of activations apart."""
    training, node = analysis.training, row.node
    between = analysis.memory.intermediate_bytes(node)
    if between:
        yield LawStep("made on the way, values", node.layer.intermediate(node.input_shapes))
    states = OPTIMIZER_STATES[training.optimizer]
    terms: list[Formula] = [Symbol(what, size) for what, size in analysis.memory.kept(node).items()]
    if row.trainable:
        each = 1 + Symbol("u", states, f"values that {training.optimizer} keeps for a parameter")
        terms.append(Symbol("b", FLOAT_BYTES, "bytes of a value") * Symbol("params", row.trainable) * each)
    note = "what the backward pass reads, a gradient and the optimizer's state for each parameter"
    yield LawStep("kept in training, bytes", total(terms), note if row.trainable else "")


def _buffer_note(analysis: Analysis, node: Node, buffer: int) -> str:
    if buffer == node.index:
        return "a buffer of its own"
    owner = analysis.network.nodes[buffer].name
    if node.layer.storage.is_view:
        return f"shares the buffer of {owner}: nothing is copied"
    return f"writes over the buffer of {owner}, which nothing else reads any more"


# Receptive field -----------------------------------------------------------------


def _receptive_field(analysis: Analysis, row: Row) -> Iterator[LawStep]:
    field, node = row.receptive_field, row.node
    if field is None:
        yield LawStep("receptive field", note="a vector has no rows and columns: it sees the whole input")
        return
    if node.layer.window(row.inputs) == (SAME_PLACE,) * len(field.size) and len(node.inputs) == 1:
        yield LawStep("receptive field", note="unchanged")
        return
    for axes, source, window in _axes_alike(analysis, row):
        along = f"along the {' and the '.join(AXIS_NAMES[AXES[len(field.size)][axis]] for axis in axes)}"
        if len(node.inputs) == 1 and isinstance(window, Slide) and len(source.spans) == 1:
            yield from _slid(source, window, along)
        else:
            yield LawStep(f"size {along}", note=_told(field.sizes[axes[0]], len(node.inputs)))


def _axes_alike(analysis: Analysis, row: Row) -> Iterator[tuple[tuple[int, ...], Track, Window]]:
    """The axes in groups along which the input is seen, and the window moves, in the same way."""
    assert row.receptive_field is not None
    windows = row.node.layer.window(row.inputs)
    if len(windows) < len(row.receptive_field.size):  # a vector comes first, as where channels are weighed
        windows = (SAME_PLACE,) * len(row.receptive_field.size)
    sources = analysis.tracks[row.node.inputs[0]]
    groups: dict[tuple[Track, Window, tuple[int, ...]], list[int]] = {}
    for axis, sizes in enumerate(row.receptive_field.sizes):
        groups.setdefault((sources[axis], windows[axis], sizes), []).append(axis)
    for (source, window, _), axes in groups.items():
        yield tuple(axes), source, window


def _slid(source: Track, window: Slide, along: str) -> Iterator[LawStep]:
    low, high = source.spans[0] or (0, -1)
    r = Symbol("r_in", high - low + 1, f"pixels seen by an input value {along}")
    j = Symbol("j_in", source.advance, f"pixels between neighbours of the input {along}")
    k, s = Symbol("k", window.kernel, f"kernel {along}"), Symbol("s", window.stride, f"stride {along}")
    reach: Formula = k - 1 if window.dilation == 1 else Symbol("d", window.dilation, "dilation") * (k - 1)
    yield LawStep(f"size {along}", r + reach * j)
    yield LawStep(f"jump {along}", j * s)
    first = Symbol("a_in", low, "first pixel of the input's first value")
    yield LawStep(f"start {along}", first - Symbol("p", window.before, "padding") * j)


def _told(sizes: tuple[int, ...], inputs: int) -> str:
    seen = " or ".join(map(str, sizes))
    by_place = ", by position" if len(sizes) > 1 else ""
    return f"{seen} pixels{by_place}" + (": the hull of what its inputs see" if inputs > 1 else "")


TOPICS: Final[dict[str, Callable[[Analysis, Row], Iterator[LawStep]]]] = {
    "shape": _shape,
    "params": _params,
    "multiplies": _multiplies,
    "additions": _additions,
    "elementwise": _elementwise,
    "receptive-field": _receptive_field,
    "memory": _memory,
}
"""What can be asked about a layer."""


# Against a dense layer --------------------------------------------------------------


@record
class AsDense:
    """What the same map would cost if every output value weighed every input value."""

    node: Node
    weights: Formula
    """Stored weights of the dense matrix; also its multiplies."""
    operations: Formula
    """Multiplies and additions of the dense matrix."""
    own_weights: int
    own_operations: int


def as_dense(analysis: Analysis, layer: str) -> AsDense | None:
    """The comparison for a layer that multiplies and adds; None for any other."""
    row = analysis[layer]
    if not row.multiplies:
        return None
    inputs = product((*spatial_symbols(row.inputs[0], "i", "input"), _last(row.inputs[0], "C_in")))
    outputs = product((*spatial_symbols(row.output, "o", "output"), _last(row.output, "C_out")))
    if not spatial(row.inputs[0]):
        inputs, outputs = _last(row.inputs[0], "n_in"), _last(row.output, "n_out")
    weights = outputs * inputs
    each = 2 * Symbol("n", inputs.value, "input values") - 1
    operations = Symbol("m", outputs.value, "output values") * each
    return AsDense(row.node, weights, operations, row.params, row.multiplies + row.additions)


def _last(shape: tuple[int, ...], name: str) -> Symbol:
    return Symbol(name, shape[-1], "channels" if spatial(shape) else "values")
