"""What flows in: ``input 28x28x1``, or several inputs by name."""

from __future__ import annotations

from functools import partial

from cnnspec.binding.values import format_value
from cnnspec.diagnostics import Fix, Label, Severity
from cnnspec.elaborate.elaborator import WHICH, Elaborator
from cnnspec.elaborate.scope import Context
from cnnspec.layers.base import show
from cnnspec.network.graph import InputLayer, Node
from cnnspec.syntax import tree


def begin_input(elaborator: Elaborator, statement: tree.Input, context: Context) -> None:
    """Adds the node of an input; with several, each chain says with ``from`` which it begins with."""
    first = elaborator.seen_input
    if first is not None and not _may_follow(elaborator, statement, first):
        return
    value = elaborator.known(partial(elaborator.closed, statement.shape, context), context)
    elaborator.seen_input = first or statement
    name = statement.name.text if statement.name else "input"
    if statement.name and not elaborator.may_be_named(name, statement.name.span, "name of an input"):
        return
    elaborator.names.taken.add(name)
    elaborator.current = elaborator.labels[name] = None
    if value is None:
        return
    shape = value if isinstance(value, tuple) else (value,)
    if not all(type(size) is int and size > 0 for size in shape) or not 1 <= len(shape) <= 4:
        _wrong_input(elaborator, statement, format_value(value))
        return
    index = len(elaborator.nodes)
    elaborator.nodes.append(Node(index, name, InputLayer(), (), (), shape, statement.span, (name,)))
    _suspect_order(elaborator, statement, shape)
    elaborator.labels[name] = index
    elaborator.current = index if first is None else WHICH


def _may_follow(elaborator: Elaborator, statement: tree.Input, first: tree.Input) -> bool:
    """Whether a second input may stand here; a fault where not."""
    place = Label(first.span, "given here")
    if first.name is None or statement.name is None:
        message = "a network has one input, unless each has a name"
        help = "keep one of the two, or give each a name: input left 28x28x1"
        elaborator.fault("repeated-input", message, statement.span, help, labels=(place,))
    elif any(node.inputs for node in elaborator.nodes):
        message, help = "inputs stand before the first layer", "move it up, behind the other input"
        elaborator.fault("repeated-input", message, statement.span, help, labels=(place,))
    elif statement.name.text in elaborator.names.taken:
        message = f"there are two inputs named {statement.name.text}"
        elaborator.fault("repeated-input", message, statement.name.span, "give each a name of its own")
    else:
        return True
    return False


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
    is_name = isinstance(statement.shape, tree.Name)
    elaborator.fault(
        "wrong-input",
        f"an input must be one to four sizes of at least 1. Received: {received}",
        statement.shape.span,
        "write height x width x channels: input 28x28x1",
        "or a vector's length: input 784",
        *(["one of several has its name before its size: input left 28x28x1"] if is_name else []),
    )
