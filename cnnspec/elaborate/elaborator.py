"""The network as it grows: nodes, names, labels, limits, and the faults found on the way."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import replace
from functools import partial
from typing import Any, Final, TypeAlias, TypeVar

from cnnspec.binding.binder import Binding, Signature, bind, last_of
from cnnspec.binding.values import (
    TRUTH,
    OpenValue,
    Poisoned,
    SentenceError,
    Sight,
    Unknowns,
    Unresolved,
    UnsolvedError,
    Value,
    Word,
    evaluate,
)
from cnnspec.diagnostics import Diagnostic, Label, did_you_mean
from cnnspec.elaborate.candidates import Tries
from cnnspec.elaborate.faults import Faults
from cnnspec.elaborate.limits import MOST_STEPS, StepBound
from cnnspec.elaborate.scope import Context, Definition, Names, Scope
from cnnspec.layers.base import Layer, Shape, Shapes, show
from cnnspec.layers.writing import MEANINGS
from cnnspec.network.graph import Group, Node, Output
from cnnspec.network.made_layers import MadeLayer
from cnnspec.records import record
from cnnspec.syntax import tree
from cnnspec.text import Span

AXIS_VALUES: Final = {"C": -1, "W": -2, "H": -3, "D": -4}
AXIS_MEANINGS: Final = {"C": "channels", "W": "width", "H": "height", "D": "depth"}


Found = TypeVar("Found")
Run: TypeAlias = "Callable[[Elaborator, tuple[tree.Statement, ...], Context], None]"


WHOSE: Final = ("share", "tied")
"""Options that say whose weights a layer, or with the first a block, uses."""

WHICH: Final = -1
"""Stands for the current node where there are several inputs, and no ``from`` says which flows in."""

MOST_TRIES: Final = 20_000
"""Combinations tried for all the ``?`` and wrong claims of one spec."""


@record
class OpenLayer:
    """The first layer whose options hold a ``?``, with what flows into it."""

    sentence: tree.LayerSentence
    kind: type[Layer]
    options: dict[str, Value]
    inputs: Shapes
    seen: tuple[object, ...]
    """What the rest of the spec can see besides this layer: labelled shapes and the values of names."""


@record
class Expansion:
    """What a use of a block made, for the uses that are alike."""

    scope: Scope
    nodes: tuple[Node, ...]
    last: int
    """The node that flows on."""
    first: int
    """The index of the first of its nodes."""
    steps: int
    groups: int
    """The groups before it."""
    made: int
    """The groups in it."""
    outer: int
    """The groups around it."""


class LimitReached(Exception):
    """A limit is passed; the diagnostic has been reported."""


class Elaborator:
    """One elaboration in progress; ``current`` is the node that flows on, None where it is not known."""

    def __init__(self, unknowns: Unknowns, run: Run, before: Iterable[Diagnostic] = ()) -> None:
        self.faults = Faults(before)
        self.unknowns, self.run = dict(unknowns), run
        self.nodes: list[Node] = []
        self.current: int | None = None
        self.names = Names()
        self.labels: dict[str, int | None] = {}
        self.instances: dict[str, tuple[str, Definition]] = {}
        """Labelled uses of blocks: their names, and the blocks."""
        self.heads: list[Output] = []
        self.doubtful: set[int] = set()
        self.unsolved: dict[Span, OpenValue] = {}
        self.solved: dict[Span, Any] = {}
        self.steps = self.groups = 0
        self.seen_input: tree.Input | None = None
        self.bindings: dict[tuple[int, int], Binding] = {}
        self.stand_ins: dict[tuple[int, str], tree.LayerSentence] = {}
        self.bound, self.tries = StepBound(), Tries(MOST_TRIES)
        self.guessed = self.bare = False
        self.claims: list[tuple[tree.Size, Shape]] = []
        self.open: OpenLayer | None = None
        self.expansions: dict[tuple[object, ...], Expansion] = {}
        self.lookups = 0
        """How often what has a label was looked for."""

    @property
    def is_plain(self) -> bool:
        """Whether there is no fault, no ``?`` and no label that reaches into a block so far."""
        return not (self.faults.items or self.unknowns or self.unsolved or self.solved or self.names.dotted)

    def reached(self) -> tuple[object, ...]:
        """What an expansion that hangs on nothing outside it leaves as it was."""
        return self.lookups, len(self.labels), len(self.heads), len(self.claims), self.is_plain

    def here(self, span: Span, context: Context) -> int | None:
        """The node that flows in at a place; of several inputs one has to be chosen."""
        if self.current == WHICH:
            names = [node.name for node in self.nodes if not node.inputs]
            message = f"this network has {len(names)} inputs: say which flows in here"
            self.fault("which-input", message, span, f"write from {names[0]} before it", context=context)
            self.current = 0
        return self.current

    def report(self, diagnostic: Diagnostic, context: Context | None = None) -> None:
        """Adds a fault."""
        self.faults.add(diagnostic, context)

    def fault(
        self, code: str, message: str, span: Span, *help: str, context: Context | None = None, **more: Any
    ) -> None:
        """Adds the fault that a Diagnostic of these is."""
        self.report(Diagnostic(code, message, span, help=help, **more), context)

    def may_be_named(self, name: str, span: Span, what: str, context: Context | None = None) -> bool:
        """Whether a name can be given to a value; one with a meaning of its own is a fault."""
        if name in MEANINGS:
            message = f"{name} has a meaning of its own and cannot be a {what}"
            self.fault("reserved-name", message, span, "choose another name", context=context)
        return name not in MEANINGS

    def meant_by(self, sentence: tree.LayerSentence, word: str) -> tree.LayerSentence:
        """The sentence with another word, always the same object for the same ones."""
        key = (id(sentence), word)
        if key not in self.stand_ins:
            self.stand_ins[key] = replace(sentence, word=str(word))
        return self.stand_ins[key]

    def needless_branches(self, sentence: tree.LayerSentence, why: str, context: Context) -> None:
        self.fault(
            "needless-branches", f"{sentence.word} {why}; it takes no branches", sentence.word_span,
            "merge the branches with add, concat or multiply", context=context,
        )  # fmt: skip

    def step(self, span: Span) -> None:
        """Counts what is expanded; raises LimitReached at the limit."""
        self.steps += 1
        if self.steps > MOST_STEPS:
            self.need_steps(0, span)

    def need_steps(self, more: int, span: Span) -> None:
        """Stops before expanding what cannot fit."""
        if self.steps + more > MOST_STEPS:
            message = f"this spec expands to more than {MOST_STEPS:,} layers and blocks"
            self.fault(
                "network-too-large", message, span, "repeat less often, or use fewer blocks inside blocks"
            )
            raise LimitReached

    def binding(self, sentence: tree.LayerSentence, signature: Signature) -> Binding:
        """The expressions of a sentence by option, found once however often it is repeated."""
        key = (id(sentence), id(signature))
        if key not in self.bindings:
            span = sentence.word_span.to(last_of(sentence))
            own = [
                each for each in sentence.options if each.name not in WHOSE or each.name in signature.options
            ]
            self.bindings[key] = bind(signature, sentence.arguments, own, span)
        return self.bindings[key]

    # Values ---------------------------------------------------------------------

    def value(self, expression: tree.Expression, context: Context) -> Value:
        """The value of an expression here; raises SentenceError or Unresolved."""
        if type(expression) is tree.NumberLiteral:
            return expression.value
        try:
            if type(expression) is tree.Name and expression.text not in TRUTH:
                return self._named(expression, context)
            if context.sight is None:
                named = partial(self._named, context=context)
                context.sight = Sight(named, self.unknowns, context.takes_words)
            return evaluate(expression, context.sight)
        except UnsolvedError as fault:
            raise self.left_open(fault.value) from None
        except SentenceError as fault:
            raise self._with_guess(fault, context) from None

    def _named(self, name: tree.Name, context: Context) -> Value:
        """What a name stands for by now: a ``?`` may have been found since it was read. Raises Unresolved."""
        value = context.get(name.text)
        if value is None:
            return self.axis(name, context) if name.text in AXIS_VALUES else self._word(name, context)
        if type(value) is OpenValue and self.solved.keys() >= set(value.spans):
            return value.filled(self.solved)  # type: ignore[no-any-return]
        if type(value) is Poisoned:
            raise Unresolved
        return value

    def _with_guess(self, fault: SentenceError, context: Context) -> SentenceError:
        """An unknown name with the one that was likely meant."""
        if (
            fault.code != "unknown-name"
            or fault.diagnostic.labels
            or self.faults.told(fault.code, fault.span)
        ):
            return fault
        name = fault.span.text
        cure = did_you_mean(fault.span, name, context.names(), *fault.diagnostic.help)
        shape = self.nodes[self.current].output if self.current not in (None, WHICH) else ()
        if not cure["fixes"] and name.upper() in _axes_of(shape):
            what = AXIS_MEANINGS[name.upper()]
            cure["help"] = (f"did you mean {name.upper()}, the {what} of what flows in here?", *cure["help"])
        return SentenceError(fault.code, fault.message, fault.span, **cure)

    def _word(self, name: tree.Name, context: Context) -> Word:
        """A name without a value stands for itself, unless it gets a value too late."""
        given = context.scope.lets.get(name.text)
        if given is not None and given.source is name.span.source and given.start > name.span.start:
            raise SentenceError(
                "unknown-name", f"{name.text} gets its value further down, on line {given.line}", name.span,
                labels=(Label(given, "given here"),), help=("move its let above this line",),
            )  # fmt: skip
        return Word(name.text)

    def closed(self, expression: tree.Expression, context: Context) -> Value:
        """As ``value``, where a ``?`` has no business."""
        value = self.value(expression, context)
        if isinstance(value, OpenValue):
            raise self.left_open(value)
        return value

    def known(self, find: Callable[[], Found], context: Context) -> Found | None:
        """What is found, or None where it cannot be known; a fault is reported."""
        try:
            return find()
        except SentenceError as fault:
            self.report(fault.diagnostic, context)
        except Unresolved:
            pass
        return None

    def left_open(self, value: OpenValue) -> SentenceError | Unresolved:
        """What to raise for a ``?`` that nothing decides; one that mends a broken line is unresolved."""
        if value.spans[0].text != "?":
            return Unresolved()
        for span in value.spans:
            self.unsolved.setdefault(span, value)
        return UnsolvedError(value)

    def axis(self, name: tree.Name, context: Context) -> int:
        """``H``, ``W``, ``C`` or ``D`` of the tensor that flows in here."""
        current = self.here(name.span, context)
        if current is None:
            if self.seen_input is None:
                raise SentenceError(
                    "unknown-name", f"{name.text} is not known before the input", name.span,
                    help=("H, W and C are sizes of the tensor that flows in at this place",),
                )  # fmt: skip
            raise Unresolved
        shape = self.nodes[current].output
        position = AXIS_VALUES[name.text]
        if len(shape) < -position:
            raise SentenceError(
                "unknown-name", f"{name.text} is not known: {show(shape)} flows in here", name.span,
                help=(f"a tensor of this shape has {', '.join(_axes_of(shape))}",),
            )  # fmt: skip
        return shape[position]

    # Nodes ----------------------------------------------------------------------

    def name(self, sentence: tree.LayerSentence, context: Context) -> tuple[str, str | None]:
        """The name of a layer or block instance, and its label's full name, if it has one."""
        if sentence.label is None:
            return self.names.automatic(sentence.word, context), None
        text = sentence.label.text
        full = context.scope.prefix + text
        if context.repeating:
            return self.names.automatic(text, context), full
        name = self.names.label(text, context)
        if name is None:
            self.fault(
                "repeated-label",
                f"the label {text} is already given",
                sentence.label.span,
                "labels are unique within their block",
                context=context,
                labels=self._label_places(full),
            )
            return self.names.automatic(text, context), full
        return name, full

    def _label_places(self, full: str) -> tuple[Label, ...]:
        node = self.labels.get(full)
        span = self.nodes[node].span if node is not None else None
        return (Label(span, "first given here"),) if span else ()

    def place(
        self,
        made: MadeLayer,
        inputs: tuple[int, ...],
        shapes: Shapes,
        name: str,
        span: Span,
        context: Context,
    ) -> int:
        """Adds a node; raises LayerError where the shapes of its inputs do not fit."""
        shape, index, scope = made.shape(shapes), len(self.nodes), context.scope
        local = name[len(scope.prefix) :]
        path = (*scope.path, *(local.split(".") if "." in local else (local,)))
        self.nodes.append(Node(index, name, made.layer, inputs, shapes, shape, span, path, context.groups))
        if self.doubtful and not self.doubtful.isdisjoint(inputs):
            self.doubtful.add(index)
        return index

    def new_group(self, title: str, turn: int = 0, turns: int = 1, repeat: int | None = None) -> Group:
        self.groups += 1
        return Group(title, self.groups, turn, turns, repeat)

    # Faults of what flows in ---------------------------------------------

    def flow(self, node: int) -> str:
        """``28x28x1 flows in from input, line 3``."""
        source = self.nodes[node]
        line = f", line {source.span.line}" if source.span else ""
        return f"{show(source.output)} flows in from {source.name}{line}"

    def in_doubt(self, span: Span, inputs: tuple[int, ...]) -> bool:
        """Whether a fault before may have spoilt what a layer is or what flows into it."""
        return self.guessed or self.faults.after_break(span) or not self.doubtful.isdisjoint(inputs)


def _axes_of(shape: Shape) -> list[str]:
    return [name for name, position in reversed(AXIS_VALUES.items()) if len(shape) >= -position]
