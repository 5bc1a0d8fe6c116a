"""How mistakes change a result: a term of its laws, the layer, or the law as a whole."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace
from typing import Any, Final

from cnnspec.formula import Call, Formula, Number, Product, Quotient, Sum, Symbol, product, total
from cnnspec.layers.base import output_symbols
from cnnspec.records import record
from cnnspec.teaching.quiz.forms import Form
from cnnspec.teaching.quiz.results import ONE, Result, Rule, is_symbol, rewritten, summed
from cnnspec.teaching.quiz.scene import POOLS, Scene
from cnnspec.teaching.symbols import Cell


@record
class Posed:
    """A question whose right result is known."""

    form: Form
    scene: Scene
    result: Result

    def having(self, *laws: Formula) -> Result:
        """The result by other laws."""
        return replace(self.result, laws=laws)


NOTHING: Final = Number(0)

Change = Callable[[Posed], Result | None]
"""What a mistake leads to; None where it cannot be made."""


def term(rule: Rule, *asks: str) -> Change:
    """A term is changed; ``asks`` are the only questions in which that is this mistake, if not all."""
    return lambda posed: posed.result.changed(rule) if posed.form.asks in asks or not asks else None


def asked_for(make: Change, *asks: str) -> Change:
    return lambda posed: make(posed) if posed.form.asks in asks else None


def law(make: Callable[[Formula], Formula], *asks: str) -> Change:
    """Each law as a whole is changed."""
    return asked_for(lambda posed: posed.having(*map(make, posed.result.laws)), *asks)


def layer(make: Callable[[Any], dict[str, Any] | None], *asks: str) -> Change:
    """The layer has other options, given by the layer as it is."""

    def wrong(posed: Posed) -> Result | None:
        options = make(posed.scene.layer)
        return None if options is None else posed.form.result(posed.scene.changed(**options))

    return asked_for(wrong, *asks)


def padded(new: str, *old: Any) -> Callable[[Any], dict[str, Any] | None]:
    """Another padding in the place of one of these."""
    return lambda one: {"padding": new} if one.padding in old else None


# Biases and padding ----------------------------------------------------------------


def _biases(terms: Sequence[Formula]) -> list[bool]:
    """Which terms of a sum count or add a bias: a count that multiplies a term before it, b or β."""
    known: set[str] = set()
    found = []
    for one in terms:
        own = {symbol.name for symbol in one.symbols()}
        is_count = not isinstance(one, Sum) and bool(own) and own <= known and len(own) < 3
        found.append(is_count or _adds_a_bias(one))
        known |= own if isinstance(one, Product) else set()
    return found


def _adds_a_bias(one: Formula) -> bool:
    return is_symbol(one, "β") or (isinstance(one, Cell) and one.name.startswith("b"))


def no_bias(terms: Sequence[Formula]) -> list[Formula] | None:
    which = _biases(terms)
    return [one for one, is_bias in zip(terms, which, strict=True) if not is_bias] if any(which) else None


def one_bias(terms: Sequence[Formula]) -> list[Formula] | None:
    which = _biases(terms)
    if not any(which) or any(map(_adds_a_bias, terms)):
        return None
    return [ONE if is_bias else one for one, is_bias in zip(terms, which, strict=True)]


def no_padding(terms: Sequence[Formula]) -> list[Formula] | None:
    kept = [
        one
        for one in terms
        if isinstance(one, Call) or not any(is_symbol(part, "padding") for part in one.symbols())
    ]
    return kept if len(kept) < len(terms) else None


def one_side(one: Formula) -> Formula | None:
    """p for 2p."""
    if isinstance(one, Product) and one.factors[0].value == 2 and is_symbol(one.factors[1], "padding"):
        return one.factors[1]
    return None


# Sizes -----------------------------------------------------------------------------


def no_stride(one: Formula) -> Formula | None:
    """i − k for ⌊(i − k)/s⌋."""
    inside = one.arguments[0] if isinstance(one, Call) and one.name in ("floor", "ceil") else one
    return inside.top if isinstance(inside, Quotient) and is_symbol(inside.bottom, "stride") else None


def no_last_one(whole: Formula) -> Formula:
    """Without the 1 that ends a size law, or begins a receptive field's."""
    if not isinstance(whole, Sum):
        return whole
    return total(one for one in whole.terms if not (isinstance(one, Number) and one.value == 1))


def whole_kernel(terms: Sequence[Formula]) -> list[Formula] | None:
    """k for k − 1."""
    return [terms[0]] if len(terms) == 2 and is_symbol(terms[0], "kernel") and terms[1].value == -1 else None


def last_kernel(whole: Formula) -> Formula:
    return [one for one in whole.symbols() if is_symbol(one, "kernel")][-1]


def half_kernel(one: Formula) -> Formula | None:
    """k/2 rounded up for (k − 1)/2."""
    if isinstance(one, Quotient) and isinstance(one.bottom, Number):
        return Call("ceil", (rewritten(one.top, summed(whole_kernel)) / 2,))
    return None


def zeros_at_stride_one(posed: Posed) -> Result:
    axis = posed.scene.layer.axes(posed.scene.node.input_shapes)[0]
    return posed.having(axis.symbols()[1] - 1)


# Counts ----------------------------------------------------------------------------


def every_position(posed: Posed) -> Result | None:
    """Parameters counted anew at every position."""
    if posed.scene.node.word not in ("conv", "depthwise"):
        return None
    return posed.having(product((*output_symbols(posed.scene.node.output), posed.result.laws[0])))


def every_pixel(posed: Posed) -> Result | None:
    """A norm's numbers counted for each pixel."""
    sides = [Symbol(f"i_{'hw'[n]}", side, "input") for n, side in enumerate(posed.scene.input[:-1])]
    return posed.having(product((*posed.result.laws[0].parts(), *sides))) if _is_norm(posed) else None


def _is_norm(posed: Posed) -> bool:
    return posed.scene.node.word == "batchnorm"


def with_biases(posed: Posed) -> Result:
    """One more for each output value."""
    node = posed.scene.node
    return posed.having(
        posed.result.laws[0] + product((*output_symbols(node.output), Symbol("F", node.output[-1])))
    )


def of_input(posed: Posed) -> Result | None:
    """The input's height and width in the place of the output's."""
    sides = dict(zip(("o_h", "o_w"), posed.scene.input[:-1], strict=False))

    def rule(one: Formula) -> Formula | None:
        if not isinstance(one, Symbol) or one.name not in sides:
            return None
        return Symbol(one.name.replace("o", "i"), sides[one.name], "input")

    return posed.result.changed(rule)


def filters_for_depth(posed: Posed) -> Result | None:
    """The number of filters in the place of the input's channels."""
    filters = getattr(posed.scene.layer, "filters", None)
    if filters is None:
        return None
    new = Symbol("F", filters, "filters")
    return posed.result.changed(lambda one: new if is_symbol(one, "input channels") else None)


def depth_for_filters(posed: Posed) -> Result | None:
    """The input's channels in the place of the number of filters."""
    channels = Symbol("C", posed.scene.input[-1], "input channels")
    return posed.result.changed(lambda one: channels if is_symbol(one, "filters") else None)


def pool_params(channels: bool, biases: bool) -> Change:
    """A pool's window taken for weights."""

    def wrong(posed: Posed) -> Result | None:
        scene = posed.scene
        if scene.node.word not in POOLS:
            return None
        taps, count = scene.layer.taps(scene.node.input_shapes), Symbol("C", scene.input[-1], "channels")
        weights = product((taps, count)) if channels else taps
        return posed.having(weights + count if biases else weights)

    return asked_for(wrong, "params")


def once_a_channel(one: Formula) -> Formula | None:
    """C for 2C."""
    if isinstance(one, Product) and isinstance(one.factors[0], Number):
        return product(one.factors[1:])
    return None


def added_sides(one: Formula) -> Formula | None:
    """A sum in the place of a product of sides."""
    factors = one.factors if isinstance(one, Product) else ()
    sides = [factor for factor in factors if is_symbol(factor, "i_h", "i_w", "C")]
    rest = [factor for factor in factors if factor not in sides]
    return product((*rest, total(sides))) if len(sides) > 2 else None
