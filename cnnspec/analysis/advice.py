"""Advice: what fits but is probably not meant, or is worth knowing.

Warnings are likely mistakes; notes are facts. Each has a page under ``mistakes/``
and is silenced by ``# cnnspec: allow CODE`` (see ``silence``).
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from dataclasses import replace
from functools import lru_cache
from typing import Final, Protocol, TypeAlias

from cnnspec.analysis.alignment import misaligned
from cnnspec.analysis.cost import Row
from cnnspec.analysis.learning import advise_on_learning, warning
from cnnspec.analysis.receptive_field import Track
from cnnspec.diagnostics import Diagnostic, Fix, Label, Severity
from cnnspec.layers.base import AXIS_NAMES, Family, Shapes, show, spatial
from cnnspec.layers.facts import Effect
from cnnspec.layers.window import Axis, Sliding
from cnnspec.network.graph import Network, Node

MOST: Final = 0.8
"""Share of all parameters from which one dense layer is worth a note."""


class Analysed(Protocol):
    """What advice is read from, of ``analysis.report.Analysis``."""

    @property
    def network(self) -> Network: ...
    @property
    def rows(self) -> tuple[Row, ...]: ...
    @property
    def tracks(self) -> tuple[tuple[Track, ...], ...]: ...


Advice: TypeAlias = Callable[[Analysed], Iterable[Diagnostic]]


def advise(analysis: Analysed) -> tuple[Diagnostic, ...]:
    """All advice on a network; one for each place in the text, however often it is expanded."""
    found = (item for advice in ADVICE for item in advice(analysis))
    return tuple(_once_a_place(found))


def _once_a_place(found: Iterable[Diagnostic]) -> Iterator[Diagnostic]:
    places: dict[tuple[str, object], list[Diagnostic]] = {}
    for item in found:
        places.setdefault((item.code, item.span or item.message), []).append(item)
    for first, *others in places.values():
        more = f"the same in {len(others)} more layer{'s' * (len(others) > 1)} of this line"
        yield replace(first, notes=(*first.notes, more)) if others else first


def _note(code: str, message: str, node: Node, *help: str, notes: tuple[str, ...] = ()) -> Diagnostic:
    return Diagnostic(code, message, node.span, Severity.NOTE, notes=notes, help=help)


@lru_cache(maxsize=8192)
def _axes_that_drop(layer: Sliding, inputs: Shapes) -> tuple[Axis, ...]:
    """The axes at whose end a window leaves pixels out."""
    return tuple(axis for axis in layer.axes(inputs) if axis.dropped)


# The lints -----------------------------------------------------------------------


def _dropped(analysis: Analysed) -> Iterator[Diagnostic]:
    lines = {"h": "row", "w": "column", "d": "slice"}
    for node in analysis.network.layers:
        lost = _axes_that_drop(node.layer, node.input_shapes) if isinstance(node.layer, Sliding) else ()
        if not lost:
            continue
        told = " and ".join(_last_lines(axis.dropped, lines[axis.name]) for axis in lost)
        yield warning(
            "stride-drops-pixels",
            f"{node.word} never looks at {told} of its input {show(node.input_shapes[0])}",
            node,
            *_keeping(node, lost),
            notes=tuple(_left_over(axis) for axis in lost),
        )


def _last_lines(count: int, word: str) -> str:
    return f"the last {word}" if count == 1 else f"the last {count} {word}s"


def _left_over(axis: Axis) -> str:
    padded = axis.size + axis.before + axis.after
    rest = (padded - axis.reach) % axis.stride
    name = AXIS_NAMES[axis.name]
    return f"along the {name}: ({padded} − {axis.reach})/{axis.stride} leaves a remainder of {rest}"


def _keeping(node: Node, lost: Iterable[Axis]) -> Iterator[str]:
    if node.layer.family is Family.POOL:
        yield "rounding=ceil keeps them in a last window of its own"
    missing = max(
        axis.stride - (axis.size + axis.before + axis.after - axis.reach) % axis.stride for axis in lost
    )
    yield f"an input {missing} larger, or {missing} more padding at the far end, fits exactly"


def _bias_before_norm(analysis: Analysed) -> Iterator[Diagnostic]:
    network = analysis.network
    for node in network.layers:
        if not node.layer.has_bias:
            continue
        readers = [network.nodes[reader] for reader in network.readers[node.index]]
        if readers and all(reader.layer.effect is Effect.CENTERS for reader in readers):
            norm = readers[0].word
            yield warning(
                "bias-before-batchnorm",
                f"the bias of this {node.word} is undone by the {norm} after it",
                node,
                "write bias=no",
                notes=(f"{norm} subtracts the mean: {node.output[-1]:,} parameters do nothing",),
            )


def _around_softmax(analysis: Analysed) -> Iterator[Diagnostic]:
    network = analysis.network
    for node in network.layers:
        if node.layer.effect is not Effect.SHARES:
            continue
        source = network.nodes[node.inputs[0]]
        if source.layer.effect is Effect.BENDS:
            yield warning(
                "activation-before-softmax",
                f"{source.word} changes the scores that {node.word} turns into probabilities",
                source,
                f"leave out {source.word} before {node.word}: scores may be negative or large",
            )
        for reader in network.readers[node.index]:
            yield from _after_softmax(node, network.nodes[reader])


def _after_softmax(softmax: Node, after: Node) -> Iterator[Diagnostic]:
    if after.layer.family is Family.ACTIVATION:
        yield warning(
            "activation-after-softmax",
            f"{after.word} after {softmax.word}: the probabilities no longer add up to 1",
            after,
            f"end with {softmax.word} alone, and leave out {after.word}",
            labels=(Label(softmax.span, "the probabilities come from here"),) if softmax.span else (),
        )
    elif after.layer.family in (Family.CONV, Family.DENSE, Family.NORM, Family.POOL):
        yield warning(
            "softmax-inside",
            f"{softmax.word} in front of {after.word} makes every value tiny",
            softmax,
            f"use relu between layers, and {softmax.word} only at the end",
            notes=("its outputs add up to 1, so each is tiny, and their gradients are too",),
        )


def _heavy_dense(analysis: Analysed) -> Iterator[Diagnostic]:
    params = [row.figures.params for row in analysis.rows]
    everything = sum(params)
    if len(params) - params.count(0) < 2:
        return
    for row in analysis.rows:
        if row.node.layer.family is Family.DENSE and row.params > MOST * everything:
            yield _note(
                "dense-holds-most",
                f"this {row.kind} layer holds {100 * row.params // everything} % of all parameters: "
                f"{row.params:,} of {everything:,}",
                row.node,
                "a pool before it, or globalavgpool in place of flatten, makes it smaller",
                notes=(row.laws.params.worked(),),
            )


def _unproductive(analysis: Analysed) -> Iterator[Diagnostic]:
    """Layers that widen a field already wider than the image (Richter et al. 2021)."""
    image = spatial(analysis.network.input)
    if set(image) == {1}:  # what a generator grows from; nothing is narrower
        return
    if any(spatial(node.output) != image for node in analysis.network.inputs):
        return
    late = []
    for row in analysis.rows:
        if row.node.layer.family is not Family.CONV or not row.receptive_field:
            continue
        if set(getattr(row.node.layer, "kernel", (1,))) == {1}:
            continue
        before = analysis.tracks[row.node.inputs[0]]
        if before and all(_width(track.spans) >= size for track, size in zip(before, image, strict=True)):
            late.append(row)
    if late:
        seen = show(tuple(_width(track.spans) for track in analysis.tracks[late[0].node.inputs[0]]))
        count = f"{len(late)} convolutions widen" if len(late) > 1 else "this convolution widens"
        yield _note(
            "field-exceeds-input",
            f"{count} a receptive field that already exceeds the input",
            late[0].node,
            "fewer layers, less striding or a larger input may do as well",
            notes=(f"{late[0].name} reads values that see {seen} pixels; the input has {show(image)}",),
        )


def _width(spans: tuple[tuple[int, int] | None, ...]) -> int:
    return min((span[1] - span[0] + 1 if span else 0) for span in spans)


def _even_same(analysis: Analysed) -> Iterator[Diagnostic]:
    for node in analysis.network.layers:
        if not isinstance(node.layer, Sliding) or node.layer.family is not Family.CONV:
            continue
        for axis in node.layer.axes(node.input_shapes):
            if axis.same and axis.stride == 1 and axis.before != axis.after:
                yield warning(
                    "even-kernel-same",
                    f"a kernel of {axis.kernel} with padding=same moves the map by half a pixel",
                    node,
                    f"take an odd kernel: {axis.kernel - 1} or {axis.kernel + 1}",
                    notes=(
                        f"along the {AXIS_NAMES[axis.name]}: {axis.before} before, {axis.after} after",
                        "the odd pixel goes to the bottom or right, as in TensorFlow",
                    ),
                )
                break


def _alignment(analysis: Analysed) -> Iterator[Diagnostic]:
    return misaligned(analysis.network, analysis.tracks)


def _learning(analysis: Analysed) -> Iterator[Diagnostic]:
    return advise_on_learning(analysis.network, analysis.network.recipe)


def _dropout_at_end(analysis: Analysed) -> Iterator[Diagnostic]:
    for output in analysis.network.outputs:
        node = analysis.network.nodes[output.node]
        if node.layer.family is Family.DROPOUT:
            yield warning(
                "dropout-at-end",
                f"{node.word} on the network's result throws answers away while it is trained",
                node,
                f"put {node.word} before the last dense layer, or leave it out",
                fixes=(Fix(node.span, "identity", f"leave {node.word} out"),) if node.span else (),
            )


ADVICE: Final[tuple[Advice, ...]] = (
    _dropped,
    _bias_before_norm,
    _around_softmax,
    _heavy_dense,
    _unproductive,
    _even_same,
    _alignment,
    _dropout_at_end,
    _learning,
)
