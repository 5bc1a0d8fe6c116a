"""Python's own functions and methods, as far as code that is read may use them."""

from __future__ import annotations

import ast
import math
import re
from collections.abc import Callable, Mapping
from functools import partial
from typing import Any, Final

from cnnspec.exchange.code_in.trace import NotFollowed
from cnnspec.exchange.code_in.values import External, Instance, Reader, UnknownValue, UserClass

LONGEST: Final = 100_000
"""Values of a list, letters of a string, bits of a number."""


def _append(reader: Reader, value: list[Any], one: Any) -> None:
    if len(value) >= LONGEST:
        raise NotFollowed("a list grows larger than the reader follows")
    value.append(one)


def _extend(reader: Reader, value: list[Any], more: Any) -> None:
    for one in reader.items(more, None):
        _append(reader, value, one)


def filled(pattern: str, *values: Any) -> float:
    """About how long a pattern becomes; without end where it asks for wide numbers."""
    if "*" in pattern or re.search(r"\d{3}", pattern):
        return math.inf
    return len(pattern) + sum(
        len(str(one)) if isinstance(one, str | int | float | tuple) else LONGEST for one in values
    )


def _formatted(reader: Reader, value: str, *values: Any, **named: Any) -> str:
    if filled(value, *values, *named.values()) > LONGEST:
        raise NotFollowed("what is made here is larger than the reader follows")
    return value.format(*values, **named)


METHODS: Final[Mapping[str, Callable[..., Any]]] = {
    "append": _append, "extend": _extend,
    "insert": lambda reader, value, place, one: value.insert(place, one),
    "pop": lambda reader, value, *where: value.pop(*where),
    "items": lambda reader, value: list(value.items()), "keys": lambda reader, value: list(value),
    "values": lambda reader, value: list(value.values()), "get": lambda reader, value, *key: value.get(*key),
    "update": lambda reader, value, other: value.update(other), "lower": lambda reader, value: value.lower(),
    "upper": lambda reader, value: value.upper(), "copy": lambda reader, value: value.copy(),
    "index": lambda reader, value, one: value.index(one),
    "startswith": lambda reader, value, one: value.startswith(one),
    "format": _formatted,
    "join": lambda reader, value, parts: value.join(map(str, reader.items(parts, None)))[:LONGEST],
    "setdefault": lambda reader, value, key, one=None: value.setdefault(key, one),
    "split": lambda reader, value, *by: value.split(*by), "strip": lambda reader, value: value.strip(),
    "endswith": lambda reader, value, one: value.endswith(one),
    "reverse": lambda reader, value: value.reverse(), "clear": lambda reader, value: value.clear(),
    "remove": lambda reader, value, one: value.remove(one), "add": lambda reader, value, one: value.add(one),
    "sort": lambda reader, value, reverse=False: value.sort(reverse=bool(reverse)),
    **{name: partial(lambda name, reader, value, *given: getattr(value, name)(*given), name) for name in (
        "isdigit", "title", "capitalize", "rstrip", "lstrip", "partition", "rpartition", "removeprefix",
        "removesuffix", "union", "issubset", "intersection", "difference")},
    "count": lambda reader, value, one: value.count(one),
    "replace": lambda reader, *texts: _replaced(reader, *texts),
}  # fmt: skip


def _listed(reader: Reader, node: Any, value: Any = ()) -> list[Any]:
    return list(reader.items(value, node))


def _ranged(reader: Reader, node: Any, *bounds: Any) -> Any:
    if any(isinstance(one, UnknownValue) for one in bounds):
        raise reader.fault(node, "how far this range goes is not in the code")
    return range(*bounds)


def _enumerated(reader: Reader, node: Any, value: Any, start: int = 0) -> list[Any]:
    return [(start + n, one) for n, one in enumerate(reader.items(value, node))]


def _zipped(reader: Reader, node: Any, *values: Any, strict: bool = False) -> list[Any]:
    return list(zip(*(reader.items(value, node) for value in values), strict=strict))


def _counted(reader: Reader, node: Any, value: Any) -> Any:
    return (
        len(value)
        if isinstance(value, str | list | tuple | dict | set | range)
        else reader.library.attribute(value, "__len__")
    )


def _is(reader: Reader, node: Any, value: Any, kind: Any) -> Any:
    kinds = {BUILTINS["int"]: int, BUILTINS["list"]: list, BUILTINS["tuple"]: tuple, BUILTINS["str"]: str,
             BUILTINS["float"]: float, BUILTINS["dict"]: dict}  # fmt: skip
    wanted = kind if isinstance(kind, tuple) else (kind,)
    if all(one in kinds for one in wanted):
        return isinstance(value, tuple(kinds[one] for one in wanted))
    answers = [_is_one(reader, value, one) for one in wanted]
    if any(answer is True for answer in answers):
        return True
    return UnknownValue() if NotImplemented in answers else False


def _is_one(reader: Reader, value: Any, kind: Any) -> Any:
    if isinstance(kind, UserClass):
        return kind in value.kind.line() if isinstance(value, Instance) else False
    if isinstance(kind, External):
        return reader.library.is_a(value, kind)
    return NotImplemented


def _member(reader: Reader, node: Any, value: Any, name: str, *default: Any) -> Any:
    if isinstance(value, Instance) and name not in value.members and not value.kind.find(name) and default:
        return default[0]
    return reader.attribute(value, name, node)


def _has(reader: Reader, node: Any, value: Any, name: str) -> Any:
    if isinstance(value, UnknownValue):
        return value
    if isinstance(value, Instance):
        return name in value.members or value.kind.find(name) is not None
    return reader.library.attribute(value, name) is not NotImplemented


def _set_member(reader: Reader, node: Any, value: Any, name: str, new: Any) -> None:
    reader.set_member(value, name, new, node)


def _refused(name: str) -> Callable[..., Any]:
    """A function that may change anything."""

    def refuse(reader: Reader, node: Any, *values: Any, **options: Any) -> Any:
        raise reader.fault(node, f"{name} is not followed")

    return refuse


def _over(function: Callable[..., Any]) -> Callable[..., Any]:
    def apply(reader: Reader, node: Any, *values: Any, **options: Any) -> Any:
        found = [
            list(reader.items(value, node)) if isinstance(value, list | tuple | range | set) else value
            for value in values
        ]
        if any(
            isinstance(v, UnknownValue)
            or (isinstance(v, list) and any(isinstance(w, UnknownValue) for w in v))
            for v in found
        ):
            return UnknownValue()
        return function(*found, **options)

    return apply


def _summed(reader: Reader, node: Any, values: Any, start: Any = 0) -> Any:
    for value in reader.items(values, node):
        if isinstance(value, UnknownValue):
            return value
        start = reader.binary(ast.Add, start, value, node)
    return start


def rounded(value: Any, digits: Any = None) -> Any:
    """As Python rounds; of more digits than a number has, which would take for ever, as of those."""
    return round(value, None if digits is None else max(-400, min(400, digits)))


def _rounded(reader: Reader, node: Any, *values: Any) -> Any:
    return rounded(*values) if all(isinstance(one, int | float) for one in values) else UnknownValue()


def _number(kind: Callable[..., Any]) -> Callable[..., Any]:
    def convert(reader: Reader, node: Any, value: Any = 0, *more: Any) -> Any:
        return kind(value, *more) if isinstance(value, int | float | str | bool) else UnknownValue()

    return convert


MATHS: Final[Mapping[str, Callable[..., Any]]] = {
    **{name: getattr(math, name) for name in (
        "ceil", "floor", "sqrt", "log", "log2", "log10", "exp", "gcd", "pow", "prod", "tanh", "cos", "sin")},
    "round": lambda value, digits=0: rounded(value, digits), "abs": abs, "max": max, "min": min,
}  # fmt: skip
"""Functions of ``math`` and NumPy on plain numbers, by their last name."""


def worked_out(target: External, arguments: list[Any]) -> Any:
    """A function of ``math`` or NumPy of numbers; NotImplemented for all else."""
    known = target.last in MATHS and target.path.partition(".")[0] in ("math", "np", "numpy")
    numbers = [one for value in arguments for one in (value if isinstance(value, list | tuple) else [value])]
    if not known or not all(isinstance(one, int | float) and abs(one) < 1e15 for one in numbers):
        return NotImplemented
    return MATHS[target.last](*arguments)


LOOKING: Final = ("sort", "remove", "index", "copy", "update", "split", "count", "reverse", "strip")
"""Methods that go through their value, or that compare what it holds."""


def _replaced(reader: Reader, value: str, old: str, new: str) -> str:
    if value.count(old) * len(new) > LONGEST:
        raise NotFollowed("a text grows larger than the reader follows")
    return value.replace(old, new)


BUILTINS: Final[dict[str, Any]] = {
    "range": _ranged, "len": _counted, "enumerate": _enumerated, "zip": _zipped, "list": _listed,
    "tuple": lambda reader, node, value=(): (
        value if isinstance(value, UnknownValue) else tuple(reader.items(value, node))),
    "reversed": lambda reader, node, value: list(reader.items(value, node))[::-1],
    "dict": lambda reader, node, *value, **options: dict(*value, **options),
    "int": _number(int), "float": _number(float),
    "bool": lambda reader, node, value=False: reader.truth(value),
    "str": _number(str),
    "max": _over(max), "min": _over(min), "sum": _summed, "abs": _over(abs), "round": _rounded,
    "sorted": _over(sorted), "isinstance": _is, "getattr": _member, "setattr": _set_member,
    "map": lambda reader, node, function, value: [
        reader.call(function, [one], {}, node) for one in reader.items(value, node)],
    "hasattr": _has,
    **{name: _refused(name) for name in ("delattr", "eval", "exec", "globals", "locals", "vars")},
    "set": lambda reader, node, value=(): set(reader.items(value, node)),
    "print": lambda reader, node, *values, **options: None,
    "object": lambda reader, node: UnknownValue(), "all": _over(all), "any": _over(any),
}  # fmt: skip
"""Python's own functions, as far as they are followed."""
