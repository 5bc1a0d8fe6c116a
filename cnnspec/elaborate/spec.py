"""From the tree of a spec to the validated network."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import field
from functools import partial
from typing import Any, TypeVar

from cnnspec.binding.values import OpenValue, Poisoned, SentenceError, Unresolved, Value
from cnnspec.diagnostics import Diagnostic, Label, Severity, did_you_mean
from cnnspec.elaborate.elaborator import WHICH, Elaborator, LimitReached, OpenLayer
from cnnspec.elaborate.expand import run
from cnnspec.elaborate.faults import reordered
from cnnspec.elaborate.scope import Context, Module, Scope, labels_in, lets_in
from cnnspec.elaborate.uses import Files
from cnnspec.layers.base import Shape
from cnnspec.network.expectation import FIGURES, SYNONYMS, Expectation, names_in
from cnnspec.network.graph import Network, Output
from cnnspec.records import record
from cnnspec.syntax import tree
from cnnspec.text import Source, Span

__all__ = ["Elaborated", "elaborate"]

Sentence = TypeVar("Sentence", tree.Header, tree.Train)


@record
class Elaborated:
    """What became of a spec: the nodes that could be known, and every fault, sorted by place.

    ``network`` is None when not even the input is known; it is partial when there are
    errors. ``unsolved`` are the places of every ``?`` left open, ``solved`` the values of
    those that a layer's own claim decided.
    """

    network: Network | None
    diagnostics: tuple[Diagnostic, ...] = ()
    unsolved: tuple[Span, ...] = ()
    solved: Mapping[Span, object] = field(default_factory=dict)
    claims: tuple[tuple[tree.Size, Shape], ...] = ()
    """Every claimed shape that was reached, with the shape that is really there."""
    open: OpenLayer | None = None
    """The first layer that waits for a ``?``; kept where claims are not judged."""

    @property
    def has_errors(self) -> bool:
        return any(item.severity is Severity.ERROR for item in self.diagnostics)


def elaborate(
    spec: tree.Spec,
    *,
    read_use: Callable[[str], Source] | None = None,
    unknowns: Mapping[Span, object] | None = None,
    extra: Iterable[Diagnostic] = (),
    bare: bool = False,
) -> Elaborated:
    """The network of a spec.

    ``read_use`` gives the files that ``use`` names, by their path from the spec's folder;
    ``unknowns`` gives values for the places of ``?``; ``extra`` are faults found before.
    ``bare`` leaves claims and recipe unjudged: for a search that elaborates one tree
    many times.
    """
    elaborator = Elaborator(unknowns or {}, run, extra)
    elaborator.bare = bare
    for item in () if bare else reordered(spec.span.source):
        elaborator.report(item)
    module = Module("")
    context = Context(
        Scope(module, reserved=labels_in(spec.statements), lets=lets_in(spec.statements)), module.values
    )
    name, recipe = "", None
    expectations: tuple[Expectation, ...] = ()
    try:
        Files(elaborator, read_use).define(spec.statements, module)
        name = _header(elaborator, spec)
        run(elaborator, spec.statements, context)
        expectations = _expectations(elaborator, spec, context)
        recipe = None if bare else _recipe(elaborator, spec, context)
    except LimitReached:
        pass
    except RecursionError:
        elaborator.fault("nested-too-deeply", "this spec is nested too deeply to be read", spec.span)
    return _result(elaborator, spec, name, expectations, recipe)


def _result(
    elaborator: Elaborator, spec: tree.Spec, name: str, expectations: tuple[Expectation, ...], recipe: Any
) -> Elaborated:
    if elaborator.seen_input is None:
        elaborator.fault(
            "missing-input",
            "this spec has no input",
            spec.span,
            "begin with what flows in: input height x width x channels, such as input 28x28x1",
        )
    diagnostics = elaborator.faults.sorted()
    network = None
    if elaborator.nodes:
        last = elaborator.current
        if last is None or last == WHICH:
            last = _last_of_main_chain(elaborator)
        warnings = tuple(item for item in diagnostics if item.severity is not Severity.ERROR)
        outputs = (Output("output", last), *elaborator.heads)
        network = Network(name, tuple(elaborator.nodes), outputs, recipe, expectations, warnings)
    return Elaborated(
        network,
        diagnostics,
        tuple(elaborator.unsolved),
        dict(elaborator.solved),
        tuple(elaborator.claims),
        elaborator.open,
    )


def _last_of_main_chain(elaborator: Elaborator) -> int:
    """The last known node outside the side heads."""
    heads = {output.name for output in elaborator.heads}
    for node in reversed(elaborator.nodes):
        if not heads.intersection(".".join(node.path[:n]) for n in range(1, len(node.path))):
            return node.index
    return 0


def _header(elaborator: Elaborator, spec: tree.Spec) -> str:
    header = _only(
        elaborator, spec, tree.Header, "repeated-header", "a spec describes one network", "named here"
    )
    return header.name.text if header else ""


def _only(
    elaborator: Elaborator, spec: tree.Spec, kind: type[Sentence], code: str, message: str, first: str
) -> Sentence | None:
    """The first sentence of a kind that a spec may have once; the others are told."""
    found = [statement for statement in spec.statements if isinstance(statement, kind)]
    for another in found[1:]:
        label = Label(found[0].span, first)
        help = ("keep one of the two",)
        elaborator.fault(code, message, another.span, *help, labels=(label,))
    return found[0] if found else None


def _expectations(elaborator: Elaborator, spec: tree.Spec, context: Context) -> tuple[Expectation, ...]:
    found = (
        _expectation(elaborator, statement, context)
        for statement in spec.statements
        if isinstance(statement, tree.Expect)
    )
    return tuple(item for item in found if item is not None)


def _expectation(elaborator: Elaborator, statement: tree.Expect, context: Context) -> Expectation | None:
    """The expectation of a sentence; a name that is no figure and no constant is reported."""
    constants: list[tuple[str, Value]] = []
    sound = True
    for name in dict.fromkeys(names_in(statement.condition)):
        bound = context.get(name.text)
        if isinstance(bound, OpenValue | Poisoned):
            sound = False
        elif bound is not None and name.text not in FIGURES:
            constants.append((name.text, bound))
        elif name.text not in FIGURES and name.text not in ("yes", "no"):
            elaborator.report(_unknown_figure(name, context))
            sound = False
    if not sound:
        return None
    text = " ".join(statement.condition.span.text.split())
    found = Expectation(text, statement.condition, statement.span, tuple(constants))
    return found if _is_condition(elaborator, found) else None


def _is_condition(elaborator: Elaborator, expectation: Expectation) -> bool:
    try:
        expectation.holds(dict.fromkeys(FIGURES, 1))
    except Unresolved:
        return False
    except SentenceError as fault:
        if fault.code == "division-by-zero":
            return True
        elaborator.report(fault.diagnostic)
        return False
    return True


def _unknown_figure(name: tree.Name, context: Context) -> Diagnostic:
    known = [*FIGURES, *context.names()]
    return Diagnostic(
        "unknown-figure", f"there is no figure {name.text}", name.span,
        **did_you_mean(name.span, name.text, known, f"the figures: {', '.join(FIGURES)}", synonyms=SYNONYMS),
    )  # fmt: skip


def _recipe(elaborator: Elaborator, spec: tree.Spec, context: Context) -> Any:
    train = _only(elaborator, spec, tree.Train, "repeated-train", "a spec has one recipe", "given here")
    if train is None:
        return None
    from cnnspec.recipe.read import read_recipe  # only specs with a recipe pay for it

    inputs = [node.output for node in elaborator.nodes if not node.inputs]
    image = inputs[0] if len(inputs) == 1 else None  # of several, training tells what does not fit
    evaluate = partial(elaborator.closed, context=context)
    recipe, diagnostics = read_recipe(train, evaluate, image, tuple(context.names()))
    for diagnostic in diagnostics:
        elaborator.report(diagnostic)
    return recipe
