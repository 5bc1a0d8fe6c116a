"""What code that is read works with: things of libraries and of the file itself, names, and the unknown."""

from __future__ import annotations

import ast
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any, Final, Protocol

PLAIN: Final = (int, float, bool, str, list, tuple, dict, set, range, type(None), slice)


@dataclass(frozen=True)
class UnknownValue:
    """A value that the reader cannot follow, and why."""

    why: str = "the reader cannot follow where this comes from"


@dataclass(frozen=True)
class External:
    """Something of a library, by its dotted path."""

    path: str

    @property
    def last(self) -> str:
        return self.path.rpartition(".")[2]


@dataclass(eq=False)
class Function:
    """A function of the file, with the names around it."""

    node: Any
    outer: NameScope
    bound: Any = None
    owner: UserClass | None = None
    defaults: dict[str, Any] = field(default_factory=dict)


@dataclass(eq=False)
class UserClass:
    """A class of the file."""

    name: str
    bases: list[Any]
    members: dict[str, Any]
    node: Any = None

    def find(self, name: str) -> Any:
        for one in self.line():
            if name in one.members:
                return one.members[name], one
        return None

    def line(self) -> list[UserClass]:
        """It and what it is built on, each once."""
        found, todo = {}, [self]
        while todo:
            one = todo.pop()
            if id(one) not in found:
                found[id(one)] = one
                todo += [base for base in reversed(one.bases) if isinstance(base, UserClass)]
        return list(found.values())

    @property
    def has_fields(self) -> bool:
        """Whether it is a data class or a named tuple, whose fields are its arguments."""
        words = [ast.unparse(one) for kind in self.line() for one in kind.node.decorator_list]
        words += [base.path for base in self.library()]
        return any("dataclass" in word or word.endswith("NamedTuple") for word in words)

    def fields(self) -> Iterator[str]:
        for one in reversed(self.line()):
            for node in one.node.body:
                if isinstance(node, ast.AnnAssign) and isinstance(node.target, ast.Name):
                    yield node.target.id

    def library(self) -> list[External]:
        """The library's classes that it is built on."""
        return [base for one in self.line() for base in one.bases if isinstance(base, External)]


@dataclass(eq=False)
class Instance:
    """An object of a class of the file."""

    kind: UserClass
    members: dict[str, Any] = field(default_factory=dict)
    path: str = ""
    examples: list[Any] = field(default_factory=list)


@dataclass(eq=False)
class Parent:
    """What ``super()`` gives."""

    instance: Instance
    after: UserClass


@dataclass(eq=False)
class NameScope:
    """Names and their values, and where else to look."""

    values: dict[str, Any] = field(default_factory=dict)
    outer: NameScope | None = None
    elsewhere: dict[str, NameScope] = field(default_factory=dict)
    """Names that are ``global`` or ``nonlocal`` here."""

    def where(self, name: str) -> NameScope | None:
        """The scope that a name is of; None where it is of none."""
        here: NameScope | None = self
        while here is not None:
            if name in here.elsewhere:
                return here.elsewhere[name]
            if name in here.values:
                return here
            here = here.outer
        return None

    def find(self, name: str) -> Any:
        here = self.where(name)
        if here is None:
            raise KeyError(name)
        return here.values[name]

    def set(self, name: str, value: Any) -> None:
        self.elsewhere.get(name, self).values[name] = value


class BudgetSpent(Exception):
    """The budget is used up."""


class Reader(Protocol):
    """What Python's own functions need of the interpreter."""

    library: Library

    def items(self, value: Any, node: Any) -> Iterator[Any]: ...

    def truth(self, value: Any) -> bool: ...

    def call(self, target: Any, arguments: list[Any], options: dict[str, Any], node: Any) -> Any: ...

    def attribute(self, value: Any, name: str, node: Any) -> Any: ...

    def set_member(self, owner: Any, name: str, value: Any, node: Any) -> None: ...

    def binary(self, sign: type, left: Any, right: Any, node: Any) -> Any: ...

    def fault(self, node: Any, message: str, *help: str) -> Exception: ...


class Library:
    """What an interpreter asks of a framework; ``frameworks`` answers."""

    def name(self, name: str) -> Any:
        """A name that the file does not define; KeyError where it means nothing."""
        raise KeyError(name)

    def call(self, target: Any, arguments: list[Any], options: dict[str, Any]) -> Any:
        """Calls something that is none of Python's; NotImplemented where that is not known."""
        return NotImplemented

    def attribute(self, value: Any, name: str) -> Any:
        return NotImplemented

    def item(self, value: Any, key: Any) -> Any:
        return NotImplemented

    def binary(self, sign: type, left: Any, right: Any) -> Any:
        return NotImplemented

    def in_place(self, sign: type, left: Any, right: Any) -> Any:
        """``left += right`` of something that is changed by it; NotImplemented for what gets a new value."""
        return NotImplemented

    def has_values(self, *values: Any) -> bool:
        """Whether one of them is a tensor, whose values are not worked out."""
        return False

    def computes(self, owner: External) -> bool:
        """Whether a part of a library holds what models compute with."""
        return False

    def passed(self, name: str, target: Any, values: list[Any]) -> None:
        """Takes note of what was given to a call that is not followed, or refuses it."""

    def assign(self, value: Any, name: Any, new: Any) -> Any:
        """Sets an attribute of something of a library; NotImplemented where that is not known."""
        return NotImplemented

    def is_a(self, value: Any, kind: External) -> Any:
        """Whether a value is of a class of a library; NotImplemented where that is not known."""
        return NotImplemented

    def defined(self, node: ast.FunctionDef | ast.ClassDef) -> Any:
        """What stands for a function or class that the library knows by its text; None for others."""
        return None
