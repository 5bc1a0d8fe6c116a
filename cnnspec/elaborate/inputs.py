"""What flows in: ``input 28x28x1``."""

from __future__ import annotations

from functools import partial

from cnnspec.binding.values import format_value
from cnnspec.diagnostics import Fix, Label, Severity
from cnnspec.elaborate.elaborator import Elaborator
from cnnspec.elaborate.scope import Context
from cnnspec.layers.base import show
from cnnspec.network.graph import InputLayer, Node
from cnnspec.syntax import tree


def begin_input(elaborator: Elaborator, statement: tree.Input, context: Context) -> None:
    if elaborator.seen_input is not None:
        elaborator.fault(
            "repeated-input",
            "a network has one input",
            statement.span,
            "keep one of the two",
            labels=(Label(elaborator.seen_input.span, "given here"),),
        )
        return
    value = elaborator.known(partial(elaborator.closed, statement.shape, context), context)
    elaborator.seen_input = statement
    if value is None:
        return
    shape = value if isinstance(value, tuple) else (value,)
    if not all(type(size) is int and size > 0 for size in shape) or not 1 <= len(shape) <= 4:
        _wrong_input(elaborator, statement, format_value(value))
        return
    elaborator.nodes.append(Node(0, "input", InputLayer(), (), (), shape, statement.span, ("input",)))
    _suspect_order(elaborator, statement, shape)
    elaborator.names.taken.add("input")
    elaborator.labels["input"] = elaborator.current = 0


def _suspect_order(elaborator: Elaborator, statement: tree.Input, shape: tuple[int, ...]) -> None:
    """Images written channels first, as PyTorch has them, are read as very flat ones."""
    if len(shape) == 3 and shape[0] <= 4 and shape[1] == shape[2] >= 16:
        text = show((*shape[1:], shape[0]))
        elaborator.fault(
            "channels-first",
            f"this image is {shape[0]} pixel{'s' * (shape[0] > 1)} high and has {shape[2]} channels",
            statement.shape.span,
            f"if {shape[0]} is the number of channels, write input {text}",
            severity=Severity.WARNING,
            notes=("sizes are height x width x channels",),
            fixes=(Fix(statement.shape.span, text, f"write {text}"),),
        )


def _wrong_input(elaborator: Elaborator, statement: tree.Input, received: str) -> None:
    elaborator.fault(
        "wrong-input",
        f"an input must be one to four sizes of at least 1. Received: {received}",
        statement.shape.span,
        "write height x width x channels: input 28x28x1",
        "or a vector's length: input 784",
    )
