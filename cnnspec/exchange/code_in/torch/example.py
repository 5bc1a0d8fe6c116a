"""Tensors made of a shape, as listings try a model with."""

from __future__ import annotations

import ast
from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Any, Final

from cnnspec.exchange.code_in.flow import Tensor
from cnnspec.exchange.code_in.torch import basics as basics
from cnnspec.exchange.code_in.torch import functions as functions
from cnnspec.exchange.code_in.torch import modules as modules
from cnnspec.exchange.code_in.torch import views as views
from cnnspec.exchange.code_in.trace import FAULTS, NotFollowed, Trace
from cnnspec.exchange.code_in.values import UnknownValue

MADE: Final = ("randn", "rand", "zeros", "ones", "empty", "randint", "full")
"""Functions that make a tensor of a shape."""


SHAPED: Final = ("view", "reshape", "unsqueeze", "squeeze", "transpose", "permute", "flatten", "unflatten")


KEPT: Final = ("clone", "contiguous", "cpu", "cuda", "detach", "float", "requires_grad_", "to", "type")


FILLED: Final[dict[str, Callable[[list[Any]], float | None]]] = {
    "zero_": lambda given: 0.0, "fill_": lambda given: float(given[0]),
    **dict.fromkeys(("normal_", "uniform_", "trunc_normal_", "random_"), lambda given: None),
}  # fmt: skip
"""Methods of a tensor made of a shape: for another shape, none of note, and for other values."""


@dataclass(frozen=True, eq=False)
class Example:
    """A tensor made of a shape, as listings try a model with; ``value`` is that of all its places."""

    sizes: tuple[int, ...]
    value: float | None = None


def called(function: Callable[..., Any], name: str, arguments: list[Any], options: dict[str, Any]) -> Any:
    try:
        return function(*arguments, **options)
    except FAULTS as error:
        raise NotFollowed(f"{name} cannot be called so: {error}") from error


def method_of_example(value: Example, name: str, arguments: list[Any]) -> Any:
    """A method of a tensor made of a shape: in another shape where the layers have one, else as it is."""
    if name in FILLED:
        return replace(value, value=FILLED[name](arguments))
    if name in KEPT:
        return value
    if name not in SHAPED or any(isinstance(one, UnknownValue) for one in arguments):
        return UnknownValue(f"{name} of a tensor made here is not worked out")
    made = Tensor.shaped(Trace(), "", value.sizes)
    return Example(called(functions.FUNCTIONS[name], name, [made, *arguments], {}).sizes, value.value)


def scaled_example(sign: type, left: Any, right: Any) -> Any:
    """A tensor of one value times a number; of two, the first with nothing known of its values."""
    examples = [one for one in (left, right) if isinstance(one, Example)]
    if not examples:
        return NotImplemented
    other = right if isinstance(left, Example) else left
    value = examples[0].value
    if isinstance(other, Example) and other.sizes != examples[0].sizes:
        return UnknownValue("a tensor made of two others is not worked out")
    is_known = sign is ast.Mult and value is not None and type(other) in (int, float)
    return Example(examples[0].sizes, value * other if is_known else None)
