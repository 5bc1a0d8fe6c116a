"""How mistakes change values: of maps, losses, gradients and steps."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from math import log
from typing import Any

from cnnspec.formula import Call, Formula, Quotient, Symbol, exact, product, total
from cnnspec.layers.registry import LAYERS
from cnnspec.teaching.quiz import asked
from cnnspec.teaching.quiz.changes import NOTHING, Change, Posed, asked_for
from cnnspec.teaching.quiz.results import Result, Rule, call, summed
from cnnspec.teaching.symbols import Cell, cells


def flipped(posed: Posed) -> Result | None:
    """Each weight with the value of the one across the kernel's middle."""
    weights = posed.scene.values.of_node(posed.scene.node).get("weight")
    if weights is None or weights.ndim < 4:
        return None
    turned = weights[..., ::-1, ::-1]

    def rule(one: Formula) -> Formula | None:
        is_weight = isinstance(one, Cell) and one.name[0] == "w"
        return Cell(one.name, turned[one.place], one.place) if isinstance(one, Cell) and is_weight else None

    return posed.result.changed(rule)


def first_channel(terms: Sequence[Formula]) -> list[Formula] | None:
    """Without the products of the other channels."""
    kept = [one for one in terms if not any(map(_is_of_other_channel, one.symbols()))]
    return kept if len(kept) < len(terms) else None


def _is_of_other_channel(one: Symbol) -> bool:
    return isinstance(one, Cell) and one.name[0] == "x" and one.place[0] > 0


def pooled_as(word: str, other: str) -> Change:
    """The values of the other kind of pool."""

    def wrong(posed: Posed) -> Result | None:
        one = posed.scene.layer
        if one.word != word:
            return None
        options = {name: getattr(one, name) for name in ("kernel", "stride", "padding")}
        return posed.form.result(posed.scene.with_layer(LAYERS[other](**options)))

    return asked_for(wrong, "output", "input-slopes")


def counting(counted: bool) -> Callable[[Any], dict[str, Any] | None]:
    """Whether the padding counts in a mean."""

    def options(one: Any) -> dict[str, Any] | None:
        return {"count_padding": counted} if getattr(one, "count_padding", counted) is not counted else None

    return options


def top(of_powers: bool) -> Rule:
    """What is divided, without the division: of a mean, or of softmax."""

    def rule(one: Formula) -> Formula | None:
        is_power = isinstance(one, Quotient) and isinstance(one.top, Call)
        return one.top if isinstance(one, Quotient) and is_power is of_powers else None

    return rule


def slopes_for_all(posed: Posed) -> Result | None:
    """δ in every place of a max pool's windows."""
    shared = pooled_as("maxpool", "avgpool")(posed)
    return shared.changed(top(False)) if shared else None


def slopes_for_first(posed: Posed) -> Result | None:
    """δ in the first place of each window of a pool whose windows lie side by side."""
    one = posed.scene.layer
    every, (rows, columns) = slopes_for_all(posed), two_sides(one.kernel)
    side_by_side = two_sides(one.stride or one.kernel) == (rows, columns)
    if every is None or not side_by_side or one.padding not in ("valid", (0,)):
        return None
    first = [n // every.columns % rows == n % every.columns % columns == 0 for n in range(len(every.laws))]
    return posed.having(
        *(one if is_first else NOTHING for one, is_first in zip(every.laws, first, strict=True))
    )


def slopes_times_inputs(posed: Posed) -> Result:
    inputs = cells("x", posed.scene.values.maps[posed.scene.node.inputs[0]][0], 0).ravel()
    pairs = zip(posed.result.laws, inputs, strict=True)
    return posed.having(*(one * x if one.value else one for one, x in pairs))


def two_sides(sizes: Sequence[int]) -> tuple[int, int]:
    return sizes[0], sizes[-1]


# Losses, gradients, steps ------------------------------------------------------------


def logarithm(base: int) -> Rule:
    return call("log", lambda inside: Call("log", inside) / Symbol(f"log({base})", exact(log(base))))


def no_log(one: Formula) -> Formula | None:
    """1 − y for −log y."""
    inner = getattr(one, "inner", None)
    return 1 - inner.arguments[0] if isinstance(inner, Call) and inner.name == "log" else None


def no_minus(one: Formula) -> Formula:
    inner = getattr(one, "inner", None)
    return inner if isinstance(inner, Formula) else one


def without_own(one: Formula) -> Formula | None:
    """A softmax whose sum leaves the class itself out."""
    if isinstance(one, Quotient) and isinstance(one.top, Call):
        return one.top / total(part for part in one.bottom.parts() if part != one.top)
    return None


def turned(whole: Formula) -> Formula:
    share, _ = whole.parts()
    return 1 - share


def first_use(terms: Sequence[Formula]) -> list[Formula] | None:
    is_slope = any(one.name.startswith("δ") for one in terms[0].symbols())
    return [terms[0]] if len(terms) > 1 and is_slope else None


def opposite(posed: Posed) -> Result:
    return asked.weight_slope(posed.scene, opposite=True)


def weights_for_inputs(posed: Posed) -> Result | None:
    """δ times the filter's weights in their order."""
    weights = cells("w", posed.scene.values.of_node(posed.scene.node)["weight"][0, 0], 0).ravel()

    def make(terms: Sequence[Formula]) -> list[Formula]:
        deltas = [one for part in terms for one in part.symbols() if one.name.startswith("δ")]
        return [product(pair) for pair in zip(deltas, weights, strict=False)]

    return posed.result.changed(summed(make))


def uphill(whole: Formula) -> Formula:
    weight, step = whole.parts()
    return weight + no_minus(step)
