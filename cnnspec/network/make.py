"""Layers made from words and options, once for each different sentence.

A sentence met again (a repeat, a block, another network) costs one look-up:
made layers are shared, and remember the shapes they have answered with.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache
from typing import Any, Final

from pydantic import ValidationError

from cnnspec.binding.values import LARGEST, format_value
from cnnspec.diagnostics import LayerError, nearest
from cnnspec.layers.base import Layer, Shape, Shapes

MOST_KEPT: Final = 20_000
"""Made layers kept for later; beyond that the store is emptied."""


MOST_ANSWERS: Final = 4096
"""Shapes that one made layer remembers."""


class Made:
    """A layer with its answers so far."""

    __slots__ = ("answers", "layer")

    def __init__(self, layer: Layer) -> None:
        self.layer = layer
        self.answers: dict[Shapes, Shape] = {}

    def shape(self, inputs: Shapes) -> Shape:
        """The output's shape; raises LayerError where the inputs do not fit."""
        known = self.answers.get(inputs)
        if known is None:
            known = self.layer.shape(inputs)
            if max(known) > LARGEST:
                raise LayerError(
                    "tensor-too-large", f"{self.layer.word} would give more values than any machine holds",
                    notes=("the largest size allowed is 10^15",),
                )  # fmt: skip
            if len(self.answers) >= MOST_ANSWERS:
                self.answers.clear()
            self.answers[inputs] = known
        return known


@dataclass(frozen=True, slots=True)
class Wrong:
    """A fault of one option; ``option`` is None when it is the whole layer's."""

    option: str | None
    code: str
    message: str
    help: tuple[str, ...] = ()
    replacement: str | None = None
    missing: str | None = None

    @property
    def names(self) -> frozenset[str | None]:
        return frozenset((self.option, self.missing)) - {None}


_store: dict[Any, Made] = {}


def make(kind: type[Layer], options: Mapping[str, Any]) -> Made | tuple[Wrong, ...]:
    """The layer of these options, or what is wrong with them."""
    values = tuple(options.values())
    key = (kind, tuple(options), values, tuple(map(type, values)))
    made = _store.get(key)
    if made is not None:
        return made
    result = _construct(kind, options)
    if isinstance(result, Made):
        if len(_store) >= MOST_KEPT:
            _store.clear()
        _store[key] = result
    return result


def _construct(kind: type[Layer], options: Mapping[str, Any]) -> Made | tuple[Wrong, ...]:
    wrongs = _truths(kind, options)
    faulty = {wrong.option for wrong in wrongs}
    try:
        made = Made(kind(**{name: value for name, value in options.items() if name not in faulty}))
    except LayerError as error:
        return (*wrongs, Wrong(error.option, error.code, error.message, error.help))
    except ValidationError as error:
        return (*wrongs, *(w for w in _translate(kind, options, error) if w.names.isdisjoint(faulty)))
    return tuple(wrongs) or made


def bound(made: Made, referred: tuple[tuple[Layer, Shapes], ...]) -> Made:
    """A layer completed by the layers it refers to; raises LayerError where they do not suit it."""
    key = (made.layer, referred)
    if key not in _store:
        _store[key] = Made(made.layer.bind(*referred))
    return _store[key]


@cache
def fields_of(kind: type[Layer]) -> frozenset[str]:
    """The names of the options a user may give."""
    return frozenset(kind.option_fields())


def usage(kind: type[Layer]) -> str:
    """How a layer is written: ``conv filters kernel``."""
    return " ".join((kind.word, *kind.positional))


def sample(kind: type[Layer]) -> str:
    """A layer as one might write it: ``conv 16 3x3``."""
    return " ".join((kind.word, *(_SAMPLES.get(name, name) for name in kind.positional)))


_TRUTHS: Final = {"true": "yes", "on": "yes", "1": "yes", "false": "no", "off": "no", "none": "no", "0": "no"}


def _truths(kind: type[Layer], options: Mapping[str, Any]) -> list[Wrong]:
    """Yes and no go where they belong and nowhere else; pydantic alone would take 1 for yes."""
    wrongs = []
    for name, value in options.items():
        wanted = kind.model_fields[name].annotation is bool
        if wanted and not isinstance(value, bool):
            wrongs.append(_refused(name, "must be yes or no", value, _TRUTHS.get(str(value).lower())))
        elif isinstance(value, bool) and not wanted and "bool" not in str(kind.model_fields[name].annotation):
            wrongs.append(_refused(name, "takes a value of its own, not yes or no", value))
    return wrongs


def _refused(name: str, must: str, value: Any, replacement: str | None = None) -> Wrong:
    help = (f"did you mean {replacement}?",) if replacement else ()
    return Wrong(name, "wrong-option", f"{name} {must}. Received: {format_value(value)}", help, replacement)


def _translate(kind: type[Layer], options: Mapping[str, Any], error: ValidationError) -> tuple[Wrong, ...]:
    by_option: dict[str | None, list[Any]] = {}
    for fault in error.errors(include_url=False):
        by_option.setdefault(str(fault["loc"][0]) if fault["loc"] else None, []).append(fault)
    return tuple(_wrong(kind, name, options.get(name or ""), faults) for name, faults in by_option.items())


def _wrong(kind: type[Layer], name: str | None, value: Any, faults: list[Any]) -> Wrong:
    if name is None:
        return Wrong(None, "wrong-option", f"{kind.word}: {_must(faults[0], value)}")
    if faults[0]["type"] == "missing":
        help = (f"write {usage(kind)}, such as {sample(kind)}",) if name in kind.positional else ()
        return Wrong(None, "missing-option", f"{kind.word} needs its {name}", help, missing=name)
    words = [word for fault in faults for word in _choices(fault)]
    others = [fault for fault in faults if fault["type"] != "literal_error"]
    if isinstance(value, str) and words:
        return _refused(name, _must_be_word(words, bool(others)), value, nearest(value, words))
    if words and not others:
        return _refused(name, _must_be_word(words, False), value)
    return _refused(name, _must(others[0], value), value)


def _must_be_word(words: list[str], numbers_too: bool) -> str:
    choices = [*words, "numbers"] if numbers_too else words
    return f"must be {listed(choices)}"


def listed(words: list[str]) -> str:
    """``a, b or c``."""
    return " or ".join(filter(None, (", ".join(words[:-1]), words[-1])))


def _choices(fault: Any) -> list[str]:
    if fault["type"] != "literal_error":
        return []
    return str(fault["ctx"]["expected"]).replace(" or ", ", ").replace("'", "").split(", ")


def _must(fault: Any, value: Any) -> str:
    kind, context = fault["type"], fault.get("ctx", {})
    if kind == "greater_than" and isinstance(value, int | tuple) and context["gt"] == 0:
        return "must be at least 1"
    if kind in _MUST:
        return _MUST[kind].format(**{name: _plain(bound) for name, bound in context.items()})
    if kind in ("value_error", "assertion_error"):
        return str(context["error"])
    text = str(fault["msg"])
    return "must be " + text.removeprefix("Input should be ").removeprefix("a valid ")


def _plain(bound: Any) -> Any:
    """A bound as one says it: 1, not 1.0."""
    return f"{bound:g}" if isinstance(bound, float) else bound


_SAMPLES: Final = {
    "filters": "16", "kernel": "3x3", "units": "10", "rate": "0.5", "to": "7x7x64", "amount": "1",
    "scale": "2", "groups": "4", "start": "0", "stop": "16", "pool": "pool1", "multiplier": "1",
}  # fmt: skip

_MUST: Final = {
    "int_type": "must be a whole number",
    "int_parsing": "must be a whole number",
    "int_from_float": "must be a whole number",
    "int_parsing_size": "must be a smaller number",
    "float_type": "must be a number",
    "float_parsing": "must be a number",
    "finite_number": "must be a finite number",
    "string_type": "must be a word",
    "tuple_type": "must be a number, or one for each axis",
    "list_type": "must be a list of numbers",
    "greater_than": "must be more than {gt}",
    "greater_than_equal": "must be at least {ge}",
    "less_than": "must be less than {lt}",
    "less_than_equal": "must be at most {le}",
    "too_long": "must have at most {max_length} numbers",
    "too_short": "must have at least {min_length} numbers",
}
