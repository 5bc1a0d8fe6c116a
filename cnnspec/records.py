"""Frozen data classes that are cheap to define: every command defines a hundred before its first line."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import MISSING, Field, FrozenInstanceError, dataclass, field, fields
from functools import partial
from operator import attrgetter
from typing import Any, TypeAlias, TypeVar, dataclass_transform

T = TypeVar("T")
Methods: TypeAlias = dict[str, Callable[..., Any]]


@dataclass_transform(frozen_default=True, field_specifiers=(field,))
def record(cls: type[T]) -> type[T]:
    """``dataclass(frozen=True)`` at a third of its price: one method is compiled, the others are shared."""
    return _made(cls, _comparing)


@dataclass_transform(frozen_default=True, eq_default=False, field_specifiers=(field,))
def single_record(cls: type[T]) -> type[T]:
    """A record that is equal to itself alone: ``dataclass(frozen=True, eq=False)``."""
    return _made(cls, lambda every: {})


def plain_dataclass(
    cls: type[T] | None = None, /, *, repr: bool = True, eq: bool = True, frozen: bool = False,
    kw_only: bool = False, slots: bool = False,
) -> Any:  # fmt: skip
    """``dataclass`` at a tenth of its price for files of others while they load; frozen is hashable alone."""
    if cls is None:
        return partial(plain_dataclass, repr=repr, eq=eq, frozen=frozen, kw_only=kw_only, slots=slots)
    own = {name for name, thing in vars(cls).items() if (name, thing) != ("__hash__", None)}
    init = hasattr(cls, "__post_init__")
    made: Any = dataclass(init=init, repr=False, eq=False, kw_only=kw_only, slots=slots)(cls)
    if not all(each.init for each in fields(made)):
        raise TypeError("a field that __init__ does not take")
    shared: dict[str, Any] = {} if init else {"__init__": _Init(made, "pass", "self.{} = {}")}
    shared |= {"__repr__": _repr} if repr else {}
    if eq:
        shared |= _comparing(fields(made)) | ({} if frozen else {"__hash__": None})
    for name in shared.keys() - own:
        setattr(made, name, shared[name])
    return made


def _made(cls: type[T], comparing: Callable[[tuple[Field[Any], ...]], Methods]) -> type[T]:
    made: Any = dataclass(init=False, repr=False, eq=False)(cls)
    own = set(vars(cls))
    for name, method in ({"__init__": _Init(made, *_OWN)} | comparing(fields(made)) | _SHARED).items():
        if name not in own:
            setattr(made, name, method)
    return cls


class _Init:
    """``__init__``, compiled when it is first asked for: half of the records that a command defines it never
    makes."""

    def __init__(self, home: Any, first: str, each: str) -> None:
        self.home, self.first, self.each = home, first, each

    def __get__(self, made: Any, kind: Any = None) -> Any:
        self.home.__init__ = init = _init(fields(self.home), self.first, self.each)
        return init.__get__(made, kind)


_OWN = "_own = self.__dict__", "_own['{}'] = {}"
"""How the fields of what is frozen are set, in a third of what object.__setattr__ takes."""


def _init(every: tuple[Field[Any], ...], first: str, setting: str) -> Callable[..., None]:
    known: dict[str, Any] = {"_absent": MISSING}
    parameters, named, lines = ["self"], ["*"], [first]
    for each in every:
        name, default, make = each.name, each.default, each.default_factory
        known[f"_{name}"] = default if make is MISSING else make
        absent = "_absent" if make is not MISSING else f"_{name}"
        parameter = name if default is make is MISSING else f"{name}={absent}"
        (named if each.kw_only else parameters).append(parameter)
        value = name if make is MISSING else f"_{name}() if {name} is _absent else {name}"
        lines.append(setting.format(name, value))
    taken = parameters + named if named[1:] else parameters
    exec(f"def __init__({', '.join(taken)}): {'; '.join(lines)}", known)
    init: Callable[..., None] = known["__init__"]
    return init


def _comparing(every: tuple[Field[Any], ...]) -> Methods:
    names = [each.name for each in every if each.compare]
    values: Callable[[Any], Any] = attrgetter(*names) if names else type

    def same(self: Any, other: Any) -> Any:
        return values(self) == values(other) if other.__class__ is self.__class__ else NotImplemented

    return {"__eq__": same, "__hash__": lambda self: hash(values(self))}


def _repr(self: Any) -> str:
    shown = (f"{each.name}={getattr(self, each.name)!r}" for each in fields(self) if each.repr)
    return f"{type(self).__qualname__}({', '.join(shown)})"


def _refuse(self: Any, name: str, *value: Any) -> None:
    raise FrozenInstanceError(f"cannot change field {name!r}")


_SHARED: Methods = {"__repr__": _repr, "__setattr__": _refuse, "__delattr__": _refuse}
