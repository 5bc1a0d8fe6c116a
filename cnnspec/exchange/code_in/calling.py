"""Calls of code that is read: functions and classes of the file, Python's own, a library's."""

from __future__ import annotations

import ast
from typing import Any, Final

from cnnspec.exchange.code_in.builtin import BUILTINS, LOOKING, METHODS, worked_out
from cnnspec.exchange.code_in.expressions import Expressions, PlainMethod, bound_to
from cnnspec.exchange.code_in.reading import ReturnReached
from cnnspec.exchange.code_in.values import (
    External,
    Function,
    Instance,
    NameScope,
    Parent,
    UnknownValue,
    UserClass,
)

DEEPEST: Final = 60
"""Calls within calls."""


class Calls(Expressions):
    """What a call gives."""

    def _call(self, node: ast.Call, names: NameScope) -> Any:
        if isinstance(node.func, ast.Name) and node.func.id == "super":
            return self._super(names)
        target = self.value(node.func, names)
        arguments = self._elements(node.args, names)
        options: dict[str, Any] = {}
        for keyword in node.keywords:
            value = self.value(keyword.value, names)
            if keyword.arg is not None:
                options[keyword.arg] = value
            elif isinstance(value, dict):
                options.update(value)
            else:
                raise self.fault(keyword, "the options that are given here are not in the code")
        self.place(node)
        return self.call(target, arguments, options, node)

    def _super(self, names: NameScope) -> Any:
        try:
            return Parent(names.find("self"), names.find("__class__"))
        except KeyError:
            return UnknownValue("super() outside a class")

    def call(self, target: Any, arguments: list[Any], options: dict[str, Any], node: Any) -> Any:
        found = self._answer(target, arguments, options, node)
        if isinstance(found, UnknownValue) and not isinstance(target, Function | UserClass):
            name = ast.unparse(node.func)[:60] if isinstance(node, ast.Call) else "what is called here"
            given = [*arguments, *options.values()]
            self._asked(node, lambda: self.library.passed(name, target, given))
        return found

    def _answer(self, target: Any, arguments: list[Any], options: dict[str, Any], node: Any) -> Any:
        if isinstance(target, UnknownValue):
            return target
        if isinstance(target, Function):
            return self.enter(target, arguments, options, node)
        if isinstance(target, UserClass):
            return self.construct(target, arguments, options, node)
        if isinstance(target, PlainMethod):
            return self._checked(
                node, lambda: METHODS[target.name](self, target.value, *arguments, **options),
                *arguments, *options.values(), *([target.value] if target.name in LOOKING else []),
            )  # fmt: skip
        if callable(target) and target in BUILTINS.values():
            return self._checked(node, lambda: target(self, node, *arguments, **options), *arguments)
        if isinstance(target, External) and not options:
            found = self._checked(node, lambda: worked_out(target, arguments))
            if found is not NotImplemented:
                return found
        found = self._asked(node, lambda: self.library.call(target, arguments, options))
        if found is not NotImplemented:
            return found
        if isinstance(target, Instance) and (method := target.kind.find("__call__")):
            return self.enter(bound_to(method[0], target), arguments, options, node)
        return UnknownValue(f"{getattr(target, 'path', 'what is called here')} is not followed")

    def construct(
        self, kind: UserClass, arguments: list[Any], options: dict[str, Any], node: Any
    ) -> Instance:
        made = Instance(kind)
        if found := kind.find("__init__"):
            self.enter(bound_to(found[0], made), arguments, options, node)
        elif (begin := self.library.attribute(made, "super.__init__")) is not NotImplemented:
            self.call(begin, arguments, options, node)
        elif kind.has_fields:
            made.members.update(self._fields(kind, arguments, options, node))
        elif arguments or options:
            raise self.fault(node, f"what {kind.name} does with these arguments is not followed")
        return made

    def _fields(
        self, kind: UserClass, arguments: list[Any], options: dict[str, Any], node: Any
    ) -> dict[str, Any]:
        """The fields of a data class by name: given, or as the class says."""
        names = list(kind.fields())
        found = {**dict(zip(names, arguments, strict=False)), **options}
        if len(arguments) > len(names) or found.keys() - {*names}:
            raise self.fault(node, f"{kind.name} has no field for what it is given here")
        if missing := [name for name in names if name not in found and not kind.find(name)]:
            raise self.fault(node, f"{kind.name} is not given {missing[0]}")
        return found

    def enter(self, function: Function, arguments: list[Any], options: dict[str, Any], node: Any) -> Any:
        """The body of a function of the file, with what it is given."""
        self.depth += 1
        try:
            if self.depth > DEEPEST:
                raise self.fault(node, "functions call each other too deeply here")
            bound = [] if function.bound is None else [function.bound]
            inner = NameScope({}, function.outer)
            self._bind(function, [*bound, *arguments], options, inner, node)
            if function.owner is not None:
                inner.values["__class__"] = function.owner
                inner.values.setdefault("self", function.bound)
            if isinstance(function.node, ast.Lambda):
                return self.value(function.node.body, inner)
            try:
                self.block(function.node.body, inner)
            except ReturnReached as result:
                return result.value
            return None
        finally:
            self.depth -= 1

    def _bind(
        self, function: Function, arguments: list[Any], options: dict[str, Any], names: NameScope, node: Any
    ) -> None:
        taken = function.node.args
        wanted = [one.arg for one in (*taken.posonlyargs, *taken.args)]
        keys = [one.arg for one in taken.kwonlyargs]
        title = getattr(function.node, "name", "the function")
        names.values.update(function.defaults)
        names.values.update(zip(wanted, arguments, strict=False))
        rest = arguments[len(wanted) :]
        if taken.vararg:
            names.values[taken.vararg.arg] = tuple(rest)
        elif rest:
            raise self.fault(node, f"{title} takes {len(wanted)} arguments, but {len(arguments)} are given")
        more = {key: value for key, value in options.items() if key not in (*wanted, *keys)}
        names.values.update({key: value for key, value in options.items() if key in (*wanted, *keys)})
        if taken.kwarg:
            names.values[taken.kwarg.arg] = more
        elif more:
            raise self.fault(node, f"{title} has no argument {next(iter(more))}")
        if missing := [name for name in (*wanted, *keys) if name not in names.values]:
            raise self.fault(node, f"{title} is not given {missing[0]}")
