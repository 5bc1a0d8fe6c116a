"""Python's expressions as they are read: constants, names, operators, comprehensions."""

from __future__ import annotations

import ast
import operator
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from functools import partial
from typing import Any, Final

from cnnspec.exchange.code_in.builtin import BUILTINS, LONGEST, METHODS, filled
from cnnspec.exchange.code_in.reading import BudgetedReading
from cnnspec.exchange.code_in.values import (
    PLAIN,
    External,
    Function,
    Instance,
    NameScope,
    Parent,
    UnknownValue,
    UserClass,
)

BINARY: Final[dict[type, Callable[[Any, Any], Any]]] = {
    ast.Add: operator.add, ast.Sub: operator.sub, ast.Mult: operator.mul, ast.Div: operator.truediv,
    ast.FloorDiv: operator.floordiv, ast.Mod: operator.mod, ast.Pow: operator.pow,
    ast.LShift: operator.lshift, ast.RShift: operator.rshift, ast.BitAnd: operator.and_,
    ast.BitOr: operator.or_, ast.BitXor: operator.xor,
}  # fmt: skip
COMPARE: Final[dict[type, Callable[[Any, Any], Any]]] = {
    ast.Eq: operator.eq, ast.NotEq: operator.ne, ast.Lt: operator.lt, ast.LtE: operator.le,
    ast.Gt: operator.gt, ast.GtE: operator.ge, ast.Is: operator.is_, ast.IsNot: operator.is_not,
    ast.In: lambda a, b: a in b, ast.NotIn: lambda a, b: a not in b,
}  # fmt: skip
UNARY: Final[dict[type, Callable[[Any], Any]]] = {
    ast.USub: operator.neg, ast.UAdd: operator.pos, ast.Not: operator.not_, ast.Invert: operator.invert,
}  # fmt: skip


@dataclass(frozen=True, eq=False)
class PlainMethod:
    """A method of a plain value."""

    value: Any
    name: str


def bound_to(member: Any, instance: Instance) -> Any:
    if isinstance(member, Function):
        return replace(member, bound=instance)
    return member


class Expressions(BudgetedReading):
    """The value of an expression."""

    def value(self, node: Any, names: NameScope) -> Any:
        self.step()
        self.place(node)
        method = getattr(self, f"_{type(node).__name__.lower()}", None)
        if method is None:
            return UnknownValue(f"{type(node).__name__} is not followed")
        return method(node, names)

    def _constant(self, node: ast.Constant, names: NameScope) -> Any:
        return node.value if isinstance(node.value, PLAIN) else UnknownValue()

    def _name(self, node: ast.Name, names: NameScope) -> Any:
        if node.id == "__name__":
            return "__main__"
        try:
            return names.find(node.id)
        except KeyError:
            pass
        if node.id in BUILTINS:
            return BUILTINS[node.id]
        try:
            return self.library.name(node.id)
        except KeyError:
            return UnknownValue(f"{node.id} is not defined in this file")

    def _attribute(self, node: ast.Attribute, names: NameScope) -> Any:
        value = self.value(node.value, names)
        return self.attribute(value, node.attr, node)

    def attribute(self, value: Any, name: str, node: Any) -> Any:
        if isinstance(value, External):
            return External(f"{value.path}.{name}")
        if isinstance(value, Instance):
            return self._member(value, name, node)
        if isinstance(value, Parent):
            line = list(value.instance.kind.line())
            for one in line[line.index(value.after) + 1 :]:
                if name in one.members:
                    return bound_to(one.members[name], value.instance)
            return self.library.attribute(value.instance, f"super.{name}")
        if isinstance(value, UserClass):
            found = value.find(name)
            return found[0] if found else UnknownValue(f"{value.name} has no {name}")
        if isinstance(value, list | dict | str | tuple | set):
            if name not in METHODS:
                raise self.fault(node, f".{name} of a {type(value).__name__} is not followed")
            return PlainMethod(value, name)
        found = self.library.attribute(value, name)
        return UnknownValue(f".{name} is not followed here") if found is NotImplemented else found

    def _member(self, instance: Instance, name: str, node: Any) -> Any:
        if name in instance.members:
            return instance.members[name]
        if found := instance.kind.find(name):
            return bound_to(found[0], instance)
        found = self.library.attribute(instance, name)
        if found is NotImplemented:
            raise self.fault(node, f"{instance.kind.name} has no {name} where this is read")
        return found

    def _subscript(self, node: ast.Subscript, names: NameScope) -> Any:
        value, key = self.value(node.value, names), self.value(node.slice, names)
        if isinstance(value, UnknownValue) or isinstance(key, UnknownValue):
            return UnknownValue()
        if isinstance(value, list | tuple | dict | str | range):
            return self._checked(node, lambda: value[key], key)
        found = self._asked(node, lambda: self.library.item(value, key))
        return UnknownValue() if found is NotImplemented else found

    def _slice(self, node: ast.Slice, names: NameScope) -> Any:
        parts = [
            None if one is None else self.value(one, names) for one in (node.lower, node.upper, node.step)
        ]
        return UnknownValue() if any(isinstance(part, UnknownValue) for part in parts) else slice(*parts)

    def _tuple(self, node: ast.Tuple, names: NameScope) -> Any:
        return tuple(self._elements(node.elts, names))

    def _list(self, node: ast.List, names: NameScope) -> Any:
        return self._elements(node.elts, names)

    def _elements(self, nodes: list[Any], names: NameScope) -> list[Any]:
        found: list[Any] = []
        for one in nodes:
            if isinstance(one, ast.Starred):
                found += self.items(self.value(one.value, names), one)
            else:
                found.append(self.value(one, names))
        return found

    def _dict(self, node: ast.Dict, names: NameScope) -> Any:
        found: dict[Any, Any] = {}
        for key, value in zip(node.keys, node.values, strict=True):
            if key is None:
                more = self.value(value, names)
                self._checked(value, partial(found.update, more), more)
            else:
                self._keep(found, self.value(key, names), self.value(value, names), key)
        return found

    def _keep(self, found: dict[Any, Any], key: Any, value: Any, node: Any) -> None:
        if isinstance(key, UnknownValue):
            raise self.fault(node, "what is kept here is not in the code")
        self._checked(node, lambda: operator.setitem(found, key, value), key)

    def _binop(self, node: ast.BinOp, names: NameScope) -> Any:
        return self.binary(type(node.op), self.value(node.left, names), self.value(node.right, names), node)

    def binary(self, sign: type, left: Any, right: Any, node: Any) -> Any:
        if isinstance(left, PLAIN) and isinstance(right, PLAIN):
            if sign not in BINARY:
                return UnknownValue()
            self._bounded(sign, left, right, node)
            return self._checked(node, lambda: BINARY[sign](left, right))
        found = self._asked(node, lambda: self.library.binary(sign, left, right))
        return UnknownValue() if found is NotImplemented else found

    def _bounded(self, sign: type, left: Any, right: Any, node: Any) -> None:
        """Refuses what would be too large before it is made."""
        self.weigh(*((left, right) if sign is ast.Mod else ()))
        size = 0.0
        if sign is ast.Pow and isinstance(left, int) and isinstance(right, int):
            size = left.bit_length() * max(0, right)
        elif sign is ast.LShift and isinstance(left, int) and isinstance(right, int):
            size = left.bit_length() + max(0, right)
        elif sign is ast.Mult:
            for one, other in ((left, right), (right, left)):
                if isinstance(one, str | list | tuple) and isinstance(other, int):
                    size = len(one) * max(0, other)
            if isinstance(left, int) and isinstance(right, int):
                size = left.bit_length() + right.bit_length()
        elif (
            sign is ast.Add and isinstance(left, str | list | tuple) and isinstance(right, str | list | tuple)
        ):
            size = len(left) + len(right)
        elif sign is ast.Mod and isinstance(left, str):
            size = filled(left, right)
        if size > LONGEST:
            raise self.fault(node, "what is made here is larger than the reader follows")

    def _unaryop(self, node: ast.UnaryOp, names: NameScope) -> Any:
        value = self.value(node.operand, names)
        if isinstance(node.op, ast.Not) and not isinstance(value, UnknownValue):
            return not self.truth(value)
        if isinstance(value, int | float):
            return UNARY[type(node.op)](value)
        if not isinstance(node.op, ast.USub):
            return value if isinstance(node.op, ast.UAdd) else UnknownValue("~ is not followed here")
        found = self._asked(node, lambda: self.library.binary(ast.Mult, value, -1))
        return UnknownValue() if found is NotImplemented else found

    def _boolop(self, node: ast.BoolOp, names: NameScope) -> Any:
        value: Any = None
        for one in node.values:
            value = self.value(one, names)
            if isinstance(value, UnknownValue) or self.truth(value) == isinstance(node.op, ast.Or):
                return value
        return value

    def _compare(self, node: ast.Compare, names: NameScope) -> Any:
        left = self.value(node.left, names)
        for sign, one in zip(node.ops, node.comparators, strict=True):
            right = self.value(one, names)
            if isinstance(left, UnknownValue) or isinstance(right, UnknownValue):
                return UnknownValue()
            if isinstance(sign, ast.Eq | ast.NotEq) and self.library.has_values(left, right):
                return UnknownValue("values of a tensor are not worked out")
            if isinstance(right, range) and not isinstance(left, int):
                return UnknownValue()
            if not self._checked(node, partial(COMPARE[type(sign)], left, right), left, right):
                return False
            left = right
        return True

    def _ifexp(self, node: ast.IfExp, names: NameScope) -> Any:
        test = self.value(node.test, names)
        if isinstance(test, UnknownValue):
            return UnknownValue()
        return self.value(node.body if self.truth(test) else node.orelse, names)

    def _joinedstr(self, node: ast.JoinedStr, names: NameScope) -> Any:
        parts = [self.value(one, names) for one in node.values]
        if any(isinstance(part, UnknownValue) for part in parts):
            return UnknownValue()
        text = "".join(parts)[:LONGEST]
        self.weigh(text)
        return text

    def _formattedvalue(self, node: ast.FormattedValue, names: NameScope) -> Any:
        value = self.value(node.value, names)
        form = "" if node.format_spec is None else self.value(node.format_spec, names)
        if not isinstance(value, str | int | float) or not isinstance(form, str) or len(form) > 6:
            return UnknownValue()
        if isinstance(value, int) and value.bit_length() > 9999:
            return ""
        return self._checked(
            node, lambda: format(repr(value) if node.conversion == ord("r") else value, form)
        )

    def _lambda(self, node: ast.Lambda, names: NameScope) -> Any:
        return self._function(node, names)

    def _function(self, node: Any, names: NameScope) -> Function:
        """A function, whose defaults are worked out where it is defined, as Python does."""
        taken = node.args
        wanted = [one.arg for one in (*taken.posonlyargs, *taken.args)]
        given = [*zip(reversed(wanted), reversed(taken.defaults), strict=False)]
        given += [
            (one.arg, value) for one, value in zip(taken.kwonlyargs, taken.kw_defaults, strict=True) if value
        ]
        return Function(node, names, defaults={name: self.value(value, names) for name, value in given})

    def _listcomp(self, node: Any, names: NameScope) -> Any:
        inner = NameScope({}, names)
        return [self.value(node.elt, inner) for _ in self._turns(node.generators, inner)]

    _generatorexp = _listcomp

    def _setcomp(self, node: ast.SetComp, names: NameScope) -> Any:
        return self._checked(node, partial(set, self._listcomp(node, names)))

    def _set(self, node: ast.Set, names: NameScope) -> Any:
        return self._checked(node, partial(set, self._elements(node.elts, names)))

    def _dictcomp(self, node: ast.DictComp, names: NameScope) -> Any:
        inner = NameScope({}, names)
        found: dict[Any, Any] = {}
        for _ in self._turns(node.generators, inner):
            self._keep(found, self.value(node.key, inner), self.value(node.value, inner), node)
        return found

    def _turns(self, generators: list[ast.comprehension], names: NameScope) -> Iterator[None]:
        if not generators:
            yield
            return
        first, *rest = generators
        for value in self.items(self.value(first.iter, names), first.iter):
            self.assign(first.target, value, names)
            if all(self._kept(test, names) for test in first.ifs):
                yield from self._turns(rest, names)

    def _kept(self, test: ast.expr, names: NameScope) -> bool:
        value = self.value(test, names)
        if isinstance(value, UnknownValue):
            raise self.fault(test, "what is decided here is not in the code")
        return self.truth(value)

    def _namedexpr(self, node: ast.NamedExpr, names: NameScope) -> Any:
        value = self.value(node.value, names)
        self.assign(node.target, value, names)
        return value

    def _starred(self, node: ast.Starred, names: NameScope) -> Any:
        return self.value(node.value, names)
