"""Checked shapes: ``=> 10x10x16`` holds, or the working that contradicts it is shown."""

from __future__ import annotations

from dataclasses import field
from functools import partial
from itertools import islice
from typing import Any, Final

from cnnspec.binding.values import OpenValue, Poisoned, SentenceError, Value, format_value
from cnnspec.diagnostics import Diagnostic, Fix, Severity
from cnnspec.elaborate.candidates import Tries, solutions
from cnnspec.elaborate.elaborator import Elaborator, OpenLayer
from cnnspec.elaborate.scope import Context
from cnnspec.layers.base import AXES, AXIS_NAMES, Layer, Shape, Shapes, show
from cnnspec.records import record
from cnnspec.syntax import tree
from cnnspec.text import Span

MOST_SHOWN: Final = 6


def fits(claim: tuple[int | None, ...], shape: tuple[int | None, ...]) -> bool:
    """Whether a claim holds; a ``?`` in it claims nothing."""
    if claim == shape or claim == (None,):
        return True
    return len(claim) == len(shape) and all(
        part is None or part == size for part, size in zip(claim, shape, strict=True)
    )


def check_claim(
    elaborator: Elaborator, sentence: tree.LayerSentence, claim: tree.Size, node: int, context: Context
) -> None:
    """Reports a wrong claim with its working; what follows is then in doubt."""
    shape = elaborator.nodes[node].output
    elaborator.claims.append((claim, shape))
    if elaborator.bare or fits(claim.parts, shape) or elaborator.in_doubt(claim.span, (node,)):
        return
    elaborator.report(
        Diagnostic(
            "wrong-shape",
            f"{sentence.word} gives {show(shape)}, not {claim.span.text}",
            claim.span,
            notes=_working(elaborator, node, claim.parts, sentence),
            help=(f"write => {show(shape)}, or change the options", *_cures(elaborator, sentence, node)),
            fixes=(Fix(claim.span, show(shape), f"write {show(shape)}"),),
        ),
        context,
    )
    elaborator.doubtful.add(node)


def _working(
    elaborator: Elaborator, node: int, claim: tuple[int | None, ...], sentence: tree.LayerSentence
) -> tuple[str, ...]:
    found = elaborator.nodes[node]
    flows = tuple(elaborator.flow(source) for source in found.inputs)
    if found.word != sentence.word or not found.inputs:
        return (f"its last layer is {found.name}", *flows)
    names = [*(AXIS_NAMES[axis] for axis in AXES[len(found.output) - 1]), "channels"]
    names = names if len(names) > 1 else ["size"]
    if len(claim) != len(found.output):
        return (*flows, f"{show(found.output)} has {len(found.output)} sizes: {', '.join(names)}")
    laws = found.layer.output(found.input_shapes)
    lines = []
    for name, law, size, said in zip(names, laws, found.output, claim, strict=False):
        if said is not None and said != size:
            text = law.law()
            worked = law.worked() if text != law.worked() else text
            lines.append(f"{name}: {text}: {worked}, not {said}" if text != worked else f"{name}: {text}")
    return (*flows, *lines)


def _cures(elaborator: Elaborator, sentence: tree.LayerSentence, node: int) -> tuple[str, ...]:
    """The one option whose change would make the claim true, if there is one."""
    found = elaborator.nodes[node]
    kind, claim = type(found.layer), sentence.claim
    if found.word != sentence.word or claim is None or None in claim.parts or found.layer.references:
        return ()
    options = found.layer.options()
    for name in ("padding", "stride", *kind.positional):
        if name in kind.option_fields() and elaborator.tries.left >= 0:
            trial = {**options, name: OpenValue(claim.span, (claim.span,))}
            wanted = partial(fits, claim.parts)
            ways = solutions(kind, trial, found.input_shapes, claim.parts, wanted, elaborator.tries)
            for way in islice(ways, 1):
                return (f"{name}={format_value(way[name])} would give {claim.span.text}",)
    return ()


def solve_here(
    elaborator: Elaborator, sentence: tree.LayerSentence, context: Context, kind: type[Layer],
    options: dict[str, Value], inputs: tuple[int, ...] | None,
) -> dict[str, Value] | None:  # fmt: skip
    """The options with every ``?`` replaced, found from the layer's own claim."""
    opens = {name: value for name, value in options.items() if isinstance(value, OpenValue)}
    claim = sentence.claim
    if inputs is None:
        return None
    if elaborator.bare:
        if elaborator.open is None:
            elaborator.open = _open_layer(elaborator, sentence, context, kind, options, inputs)
        return None
    if claim is None or claim.parts == (None,) or elaborator.tries.left < 0:
        _leave_open(elaborator, opens, context)
        return None
    if elaborator.in_doubt(claim.span, inputs):
        return None
    search = LayerSearch(kind, options, opens, claim, tuple(elaborator.nodes[n].output for n in inputs))
    found = search.found(elaborator.tries)
    if elaborator.tries.left < 0 or (elaborator.tries.cut and not found):
        _leave_open(elaborator, opens, context)
        return None
    if not found:
        elaborator.report(search.none(), context)
        return None
    for name, value in opens.items():
        _remember(elaborator, value, found[0][name])
    if len(found) > 1:
        elaborator.report(search.several(found), context)
    return found[0]


def _open_layer(
    elaborator: Elaborator, sentence: tree.LayerSentence, context: Context, kind: type[Layer],
    options: dict[str, Value], inputs: tuple[int, ...],
) -> OpenLayer:  # fmt: skip
    nodes = elaborator.nodes
    in_sight = elaborator.labels.values() if context.depth == 0 else range(len(nodes))
    shapes = (None if node is None else nodes[node].output for node in in_sight)
    values = (context.get(name) for name in context.names())
    seen = (*shapes, *(value for value in values if not isinstance(value, OpenValue | Poisoned)))
    return OpenLayer(sentence, kind, options, tuple(nodes[n].output for n in inputs), seen)


def _leave_open(elaborator: Elaborator, opens: dict[str, OpenValue], context: Context) -> None:
    for value in opens.values():
        fault = elaborator.left_open(value)
        if isinstance(fault, SentenceError):
            elaborator.report(fault.diagnostic, context)


def _remember(elaborator: Elaborator, hole: OpenValue, value: Any) -> None:
    whole, parts = (value, hole.parts) if hole.parts else ((value,), (None,))
    missing = (size for size, part in zip(whole, parts, strict=True) if part is None)
    elaborator.solved.update(zip(hole.spans, missing, strict=True))


@record
class LayerSearch:
    """The unknowns of one layer against its claimed shape."""

    kind: type[Layer]
    options: dict[str, Value]
    opens: dict[str, OpenValue]
    claim: tree.Size
    shapes: Shapes
    met: dict[Shape, None] = field(default_factory=dict)

    def found(self, tries: Tries) -> list[dict[str, Any]]:
        """The solutions, the most usual first; a few of them when there are many."""

        def wanted(shape: Shape) -> bool:
            self.met.setdefault(shape)
            return fits(self.claim.parts, shape)

        ways = solutions(self.kind, self.options, self.shapes, self.claim.parts, wanted, tries)
        return list(islice(ways, MOST_SHOWN + 1))

    @property
    def _first(self) -> Span:
        return next(iter(self.opens.values())).span

    def several(self, found: list[dict[str, Any]]) -> Diagnostic:
        ways = [", ".join(f"{name}={format_value(way[name])}" for name in self.opens) for way in found]
        more = "; …" if len(found) > MOST_SHOWN else ""
        return Diagnostic(
            "several-solutions", f"several values fit this shape; {ways[0]} is taken", self._first,
            severity=Severity.NOTE, notes=(f"all of these fit: {'; '.join(ways[:MOST_SHOWN])}{more}",),
            help=("write the one that is meant",),
        )  # fmt: skip

    def none(self) -> Diagnostic:
        near = sorted(self.met, key=lambda shape: distance(shape, self.claim.parts))[:4]
        return Diagnostic(
            "no-solution", f"no {' and '.join(self.opens)} gives {self.claim.span.text}", self._first,
            notes=(f"{' and '.join(map(show, self.shapes))} flows in",),
            help=(f"the nearest shapes that can be had: {', '.join(map(show, near))}",) if near else (),
        )  # fmt: skip


def distance(shape: Shape, claim: tuple[int | None, ...]) -> tuple[int, int]:
    """How far a shape is from a claim: first in axes, then in sizes."""
    pairs = zip(shape, claim, strict=False)
    return abs(len(shape) - len(claim)), sum(abs(a - b) for a, b in pairs if b is not None)
