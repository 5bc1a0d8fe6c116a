"""Models made of values; what pydantic refuses is put into the words of the language."""

from __future__ import annotations

from collections.abc import Mapping
from types import NoneType
from typing import Any, Final, TypeVar, get_args

from pydantic import BaseModel, ValidationError

from cnnspec.diagnostics import any_of, surely
from cnnspec.records import record

Model = TypeVar("Model", bound=BaseModel)


@record
class Refusal:
    """Why a model cannot be made: what is wrong with one option, or with the whole (``option`` None)."""

    option: str | None
    predicate: str
    """``must be at least 1``, or what else its sentence says."""
    meant: str | None = None
    """What was most likely meant instead."""
    help: tuple[str, ...] = ()
    choice_only: bool = False
    """Whether nothing but one of a few words is taken."""
    item: int | None = None
    """Which of several numbers it is, counted from 1."""
    is_missing: bool = False

    def message(self, subject: str, received: str) -> str:
        if self.option is None and not self.predicate.startswith("must"):
            return f"{subject}: {self.predicate}"
        item = f"number {self.item} of " if self.item else ""
        return f"{item}{subject} {self.predicate}. Received: {received}"


def validate(
    model: type[Model], values: Mapping[str, Any], synonyms: Mapping[str, str] = {}
) -> Model | tuple[Refusal, ...]:
    """The model with these values, or why there is none; ``synonyms`` are what others call its choices."""
    try:
        return model.model_validate({name: _plain(model, name, value) for name, value in values.items()})
    except ValidationError as error:
        by_option: dict[str | None, list[Any]] = {}
        for fault in error.errors(include_url=False):
            by_option.setdefault(str(fault["loc"][0]) if fault["loc"] else None, []).append(fault)
        return tuple(
            _refusal(name, values.get(name or ""), faults, synonyms) for name, faults in by_option.items()
        )


_NOTHING: Final = object()
"""A value that every field refuses."""


def _plain(model: type[BaseModel], name: str, value: Any) -> Any:
    """The value as pydantic is given it: yes and no are taken where they belong, and nowhere else.

    ``no`` is also what takes away a default that an option can do without.
    """
    field = model.model_fields.get(name)
    if value is False and field and field.default is not None and NoneType in get_args(field.annotation):
        return None
    if isinstance(value, bool) != (field is not None and field.annotation is bool):
        return _NOTHING
    if isinstance(value, str):  # pydantic cannot name what is no character
        return str(value).encode("utf-8", "replace").decode()
    return value


def _refusal(option: str | None, value: Any, faults: list[Any], synonyms: Mapping[str, str]) -> Refusal:
    """One option's refusal, whose value may be of several kinds: each was refused for its own reason."""
    if faults[0]["type"] == "missing":
        return Refusal(option, "", is_missing=True)
    closest = _closest(faults)
    words = [word for fault in closest for word in _choices(fault)]
    meant = surely(value, words, synonyms) if isinstance(value, str) else None
    if closest[0]["type"] == "bool_type":
        meant = TRUTHS.get(str(value).lower())
    places = [place for place in closest[0]["loc"][1:] if isinstance(place, int)]
    return Refusal(
        option,
        _predicate(closest),
        meant,
        _as_part(closest[0], value),
        choice_only=bool(words) and all(map(_choices, closest)),
        item=places[0] + 1 if places and isinstance(value, tuple) else None,
    )


def _closest(faults: list[Any]) -> list[Any]:
    """What came closest: the fault of an item rather than of the whole, a bound rather than a kind."""
    deepest = max(len(fault["loc"]) for fault in faults)
    closest = [fault for fault in faults if len(fault["loc"]) == deepest]
    return [fault for fault in closest if not _kinds(fault)][:1] or closest


def _predicate(faults: list[Any]) -> str:
    kinds = [kind for fault in faults for kind in _kinds(fault)]
    if len(faults) > 1 or (kinds and faults[0]["type"] != "sizes"):
        return f"must be {any_of(dict.fromkeys(kinds))}"
    return _bound(faults[0])


def _kinds(fault: Any) -> list[str]:
    """The kinds of value, or the words, that would be taken."""
    return _choices(fault) or _KINDS.get(fault["type"], [])


def _choices(fault: Any) -> list[str]:
    """The words in pydantic's ``'a', 'b' or 'c'``."""
    return str(fault["ctx"]["expected"]).split("'")[1::2] if fault["type"] == "literal_error" else []


def _bound(fault: Any) -> str:
    """What a value of the right kind must be."""
    kind, context = fault["type"], fault.get("ctx", {})
    if kind == "greater_than" and isinstance(context["gt"], int):
        return f"must be at least {context['gt'] + 1}"
    if kind in _BOUNDS:
        return _BOUNDS[kind].format(**context).replace("'", "")
    if kind == "value_error":
        return str(context["error"])
    if kind == "extra_forbidden":
        return f"has no option {fault['loc'][-1]}"
    text = str(fault["msg"])
    return text if text.startswith("must ") else f"must be {text.removeprefix('Input should be ')}"


def _as_part(fault: Any, value: Any) -> tuple[str, ...]:
    """A percentage where a part of 1 is wanted."""
    limit = [fault["ctx"][name] for name in ("lt", "le") if name in fault.get("ctx", {})]
    if limit == [1] and isinstance(value, int | float) and 2 <= value < 100:
        return (f"it is a part of 1: {value:g} % is {value / 100:g}",)
    return ()


TRUTHS: Final = {"true": "yes", "on": "yes", "1": "yes", "false": "no", "off": "no", "none": "no", "0": "no"}

_KINDS: Final = {
    "bool_type": ["yes", "no"],
    "int_type": ["a whole number"],
    "int_parsing": ["a whole number"],
    "int_from_float": ["a whole number"],
    "float_type": ["a number"],
    "float_parsing": ["a number"],
    "string_type": ["a word", "text in quotes"],
    "sizes": ["numbers"],
    "tuple_type": ["numbers in brackets, as in (1, 2.5)"],
}
_BOUNDS: Final = {
    "int_parsing_size": "must be a smaller number",
    "finite_number": "must be a finite number",
    "greater_than": "must be greater than {gt:g}",
    "greater_than_equal": "must be at least {ge:g}",
    "less_than": "must be less than {lt:g}",
    "less_than_equal": "must be at most {le:g}",
    "too_long": "must have at most {max_length} numbers",
    "too_short": "must have at least {min_length} numbers",
    "union_tag_invalid": "must be of one of these kinds: {expected_tags}",
    "union_tag_not_found": "must say its {discriminator}",
}
