"""From the tree of a spec to the validated network."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from importlib import import_module
from typing import Any, TypeVar

from cnnspec.diagnostics import Diagnostic, Label, Severity
from cnnspec.layers.base import Shape
from cnnspec.network.expand import run
from cnnspec.network.expectation import Expectation, read_expectation
from cnnspec.network.graph import Network, Output
from cnnspec.network.scope import Context, Frame, Module, labels_in
from cnnspec.network.template import Recorder
from cnnspec.network.uses import Files
from cnnspec.network.work import Plans, Stop, Work
from cnnspec.syntax import tree
from cnnspec.text import Source, Span

__all__ = ["Elaborated", "elaborate"]

Sentence = TypeVar("Sentence", tree.Header, tree.Train)


@dataclass(frozen=True)
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
    plans: Plans | None = None,
) -> Elaborated:
    """The network of a spec.

    ``read_use`` gives the files that ``use`` names, by their path from the spec's folder;
    ``unknowns`` gives values for the places of ``?``; ``extra`` are faults found before.
    ``bare`` leaves claims, expectations and recipe unjudged and ``plans`` keeps what is found out about
    sentences: for a search that elaborates one tree thousands of times.
    """
    work = Work(unknowns or {}, run, extra)
    work.bare, work.recorder = bare, Recorder()
    if plans is not None:
        work.plans = plans
    module = Module("")
    context = Context(Frame(module, reserved=labels_in(spec.statements)), module.values)
    name, recipe = "", None
    expectations: tuple[Expectation, ...] = ()
    try:
        Files(work, read_use).define(spec.statements, module)
        name = _header(work, spec)
        run(work, spec.statements, context)
        if not bare:
            expectations = _expectations(work, spec, context)
            recipe = _recipe(work, spec, context)
    except Stop:
        pass
    except RecursionError:
        work.report(Diagnostic("nested-too-deeply", "this spec is nested too deeply to be read", spec.span))
    return _result(work, spec, name, expectations, recipe)


def _result(
    work: Work, spec: tree.Spec, name: str, expectations: tuple[Expectation, ...], recipe: Any
) -> Elaborated:
    if work.seen_input is None:
        work.report(
            Diagnostic(
                "missing-input", "this spec has no input", spec.span,
                help=("begin with what flows in: input height x width x channels, such as input 28x28x1",),
            )
        )  # fmt: skip
    diagnostics = work.faults.sorted()
    network = None
    if work.nodes:
        last = work.current if work.current is not None else _last_of_main_chain(work)
        warnings = tuple(item for item in diagnostics if item.severity is not Severity.ERROR)
        outputs = (Output("output", last), *work.heads)
        network = Network(name, tuple(work.nodes), outputs, recipe, expectations, warnings)
    return Elaborated(network, diagnostics, tuple(work.unsolved), dict(work.solved), tuple(work.claims))


def _last_of_main_chain(work: Work) -> int:
    """The last known node outside the side heads."""
    heads = {output.name for output in work.heads}
    for node in reversed(work.nodes):
        if not heads.intersection(".".join(node.path[:n]) for n in range(1, len(node.path))):
            return node.index
    return 0


def _header(work: Work, spec: tree.Spec) -> str:
    header = _only(work, spec, tree.Header, "repeated-header", "a spec describes one network", "named here")
    return header.name.text if header else ""


def _only(
    work: Work, spec: tree.Spec, kind: type[Sentence], code: str, message: str, first: str
) -> Sentence | None:
    """The first sentence of a kind that a spec may have once; the others are told."""
    found = [statement for statement in spec.statements if isinstance(statement, kind)]
    for another in found[1:]:
        label = Label(found[0].span, first)
        help = ("keep one of the two",)
        work.report(Diagnostic(code, message, another.span, labels=(label,), help=help))
    return found[0] if found else None


def _expectations(work: Work, spec: tree.Spec, context: Context) -> tuple[Expectation, ...]:
    found = (
        read_expectation(work, statement, context)
        for statement in spec.statements
        if isinstance(statement, tree.Expect)
    )
    return tuple(item for item in found if item is not None)


def _recipe(work: Work, spec: tree.Spec, context: Context) -> Any:
    train = _only(work, spec, tree.Train, "repeated-train", "a spec has one recipe", "given here")
    if train is None:
        return None
    read = import_module("cnnspec.network.recipe").read_recipe
    image = work.nodes[0].output if work.nodes else None
    recipe, diagnostics = read(train, lambda expression: work.closed(expression, context), image)
    for diagnostic in diagnostics:
        work.report(diagnostic)
    return recipe
