"""A small part of Python, read and never run: constants, lists, loops, functions, classes of the file itself.

Nothing of the file reaches Python's own ``exec``, ``import`` or files. What is not known is ``UnknownValue``
and stays so through all that is done with it; it is told only where a model needs it. Steps, seconds, sizes
of lists and of numbers are bounded.
"""

from __future__ import annotations

import ast
import operator
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from functools import partial
from time import thread_time
from typing import Any, Final

from cnnspec.exchange.code_in.builtin import BUILTINS, LONGEST, LOOKING, METHODS, filled, worked_out
from cnnspec.exchange.code_in.flow import NotFollowed
from cnnspec.exchange.code_in.values import (
    PLAIN,
    BudgetSpent,
    External,
    Function,
    Instance,
    Library,
    NameScope,
    Parent,
    UnknownValue,
    UserClass,
)
from cnnspec.text import Source, Span

MOST_STEPS: Final = 400_000
SECONDS: Final = 1.5
"""Of the processor, so that a busy machine reads the same code."""
A_STEP: Final = 64
"""Values, letters, or bytes of a number that Python makes or goes through as one step."""
NEUTRAL: Final = frozenset((
    "no_grad", "inference_mode", "enable_grad", "set_grad_enabled", "record_function", "profile", "device",
    "name_scope", "scope", "compile", "override", "final", "dataclass", "typechecked", "jaxtyped",
    "abstractmethod", "deprecated", "total_ordering", "function", "add_end_docstrings", "beartype",
))  # fmt: skip
"""Decorators and contexts that change no number of a model, by their last name."""
DEEPEST: Final = 60
"""Calls within calls."""


class _Return(Exception):
    def __init__(self, value: Any) -> None:
        self.value = value


class _Break(Exception):
    pass


class _Continue(Exception):
    pass


BINARY: Final[dict[type, Callable[[Any, Any], Any]]] = {
    ast.Add: operator.add, ast.Sub: operator.sub, ast.Mult: operator.mul, ast.Div: operator.truediv,
    ast.FloorDiv: operator.floordiv, ast.Mod: operator.mod, ast.Pow: operator.pow,
    ast.LShift: operator.lshift, ast.RShift: operator.rshift, ast.BitAnd: operator.and_,
    ast.BitOr: operator.or_, ast.BitXor: operator.xor,
}  # fmt: skip
IN_PLACE: Final[dict[type, Callable[[Any, Any], Any]]] = {
    ast.Add: operator.iadd, ast.BitOr: operator.ior, ast.Sub: operator.isub, ast.BitAnd: operator.iand,
}  # fmt: skip
"""What Python does to a list, dictionary or set itself, so that its other names see it."""
COMPARE: Final[dict[type, Callable[[Any, Any], Any]]] = {
    ast.Eq: operator.eq, ast.NotEq: operator.ne, ast.Lt: operator.lt, ast.LtE: operator.le,
    ast.Gt: operator.gt, ast.GtE: operator.ge, ast.Is: operator.is_, ast.IsNot: operator.is_not,
    ast.In: lambda a, b: a in b, ast.NotIn: lambda a, b: a not in b,
}  # fmt: skip
NESTING: Final = (list, tuple, dict, set)
UNARY: Final[dict[type, Callable[[Any], Any]]] = {
    ast.USub: operator.neg, ast.UAdd: operator.pos, ast.Not: operator.not_, ast.Invert: operator.invert,
}  # fmt: skip


class Interpreter:
    """Reads a module's statements in order; ``names`` are its own in the end."""

    def __init__(self, source: Source, library: Library, place: Callable[[Any], None]) -> None:
        self.source, self.library, self.place = source, library, place
        self.names = NameScope()
        self.steps, self.depth, self.end = 0, 0, thread_time() + SECONDS
        self.faults: dict[int, NotFollowed] = {}

    def step(self) -> None:
        self.steps += 1
        if self.steps > MOST_STEPS or (self.steps % 256 == 0 and thread_time() > self.end):
            raise BudgetSpent

    def weigh(self, *values: Any) -> None:
        """Counts what Python goes through to compare or to make values: lists in lists each time."""
        for value in values:
            size = value.bit_length() // 8 if isinstance(value, int) else 0
            if isinstance(value, str | list | tuple | dict | set):
                size = len(value)
            if size >= A_STEP:
                self.steps += size // A_STEP
                if thread_time() > self.end:
                    raise BudgetSpent
            if isinstance(value, NESTING):
                self.step()
                inner = (*value, *value.values()) if isinstance(value, dict) else value
                self.weigh(*(one for one in inner if isinstance(one, NESTING)))

    def module(self, tree: ast.Module) -> None:
        for statement in tree.body:
            self.guarded(statement, self.names)

    def guarded(self, statement: ast.stmt, names: NameScope) -> None:
        """A statement of the file itself: what cannot be followed is kept, its names are unknown."""
        try:
            if isinstance(statement, ast.If | ast.With):
                self._guarded_block(statement, names)
            else:
                self.run(statement, names)
        except NotFollowed as fault:
            self.faults[statement.lineno] = fault
            for name in (*_assigned(statement), *_changed(statement)):
                names.values[name] = UnknownValue(fault.message)
        except (_Return, _Break, _Continue):
            pass

    def _guarded_block(self, node: ast.If | ast.With, names: NameScope) -> None:
        """The same for each statement of a block, so that one which is not followed spoils no other."""
        body = node.body
        if isinstance(node, ast.If):
            test = self.value(node.test, names)
            if isinstance(test, UnknownValue):
                raise self.fault(node.test, "what is decided here is not in the code")
            body = node.body if self.truth(test) else node.orelse
        for statement in body:
            self.guarded(statement, names)

    # Statements ----------------------------------------------------------------------

    def block(self, body: list[ast.stmt], names: NameScope) -> None:
        for statement in body:
            self.run(statement, names)

    def run(self, node: ast.stmt, names: NameScope) -> None:
        self.step()
        method = getattr(self, f"_run_{type(node).__name__.lower()}", None)
        if method is not None:
            method(node, names)
        elif not isinstance(node, ast.Pass | ast.Assert):
            raise self.fault(node, f"{type(node).__name__.lower()} is not followed")

    def _run_expr(self, node: ast.Expr, names: NameScope) -> None:
        self.value(node.value, names)

    def _run_assign(self, node: ast.Assign, names: NameScope) -> None:
        value = self.value(node.value, names)
        for target in node.targets:
            self.assign(target, value, names)

    def _run_annassign(self, node: ast.AnnAssign, names: NameScope) -> None:
        if node.value is not None:
            self.assign(node.target, self.value(node.value, names), names)

    def _run_augassign(self, node: ast.AugAssign, names: NameScope) -> None:
        load: Any = ast.copy_location(_loaded(node.target), node)
        sign, left, right = type(node.op), self.value(load, names), self.value(node.value, names)
        if isinstance(left, list | dict | set) and sign in IN_PLACE:
            value = self._checked(node, lambda: IN_PLACE[sign](left, right), left, right)
        else:
            value = self._asked(node, lambda: self.library.in_place(sign, left, right))
            value = self.binary(sign, left, right, node) if value is NotImplemented else value
        self.assign(node.target, value, names)

    def _run_return(self, node: ast.Return, names: NameScope) -> None:
        raise _Return(None if node.value is None else self.value(node.value, names))

    def _run_break(self, node: ast.Break, names: NameScope) -> None:
        raise _Break

    def _run_continue(self, node: ast.Continue, names: NameScope) -> None:
        raise _Continue

    def _run_raise(self, node: ast.Raise, names: NameScope) -> None:
        raise self.fault(node, "the code raises an exception here for what it is given")

    def _run_if(self, node: ast.If, names: NameScope) -> None:
        test = self.value(node.test, names)
        if isinstance(test, UnknownValue):
            raise self.fault(node.test, "what is decided here depends on something that is not in the code")
        self.block(node.body if self.truth(test) else node.orelse, names)

    def _run_for(self, node: ast.For, names: NameScope) -> None:
        for value in self.items(self.value(node.iter, names), node.iter):
            self.assign(node.target, value, names)
            try:
                self.block(node.body, names)
            except _Break:
                return
            except _Continue:
                continue
        self.block(node.orelse, names)

    def _run_while(self, node: ast.While, names: NameScope) -> None:
        while True:
            self.step()
            test = self.value(node.test, names)
            if isinstance(test, UnknownValue):
                raise self.fault(node.test, "how often this is repeated is not in the code")
            if not self.truth(test):
                break
            try:
                self.block(node.body, names)
            except _Break:
                return
            except _Continue:
                continue
        self.block(node.orelse, names)

    def _run_with(self, node: ast.With, names: NameScope) -> None:
        for item in node.items:
            found = self.value(item.context_expr, names)
            if isinstance(found, Instance | Function) or (self.depth and not _is_neutral(item.context_expr)):
                raise self.fault(item.context_expr, "what this does to the statements in it is not followed")
            if item.optional_vars is not None:
                self.assign(item.optional_vars, UnknownValue(), names)
        self.block(node.body, names)

    def _run_try(self, node: ast.Try, names: NameScope) -> None:
        self.block(node.body, names)
        self.block(node.orelse, names)
        self.block(node.finalbody, names)

    def _run_delete(self, node: ast.Delete, names: NameScope) -> None:
        for target in node.targets:
            if not isinstance(target, ast.Name):
                raise self.fault(target, "delete is not followed of a part of something")
            names.values.pop(target.id, None)

    def _run_global(self, node: ast.Global, names: NameScope) -> None:
        names.elsewhere.update(dict.fromkeys(node.names, self.names))

    def _run_nonlocal(self, node: ast.Nonlocal, names: NameScope) -> None:
        for name in node.names:
            if names.outer is not None and (found := names.outer.where(name)) is not None:
                names.elsewhere[name] = found

    def _run_import(self, node: ast.Import, names: NameScope) -> None:
        for alias in node.names:
            path = alias.name if alias.asname else alias.name.partition(".")[0]
            names.values[alias.asname or path] = External(path)

    def _run_importfrom(self, node: ast.ImportFrom, names: NameScope) -> None:
        for alias in node.names:
            names.values[alias.asname or alias.name] = External(f"{node.module or ''}.{alias.name}")

    def _run_functiondef(self, node: ast.FunctionDef, names: NameScope) -> None:
        if (own := self.library.defined(node)) is not None:
            names.values[node.name] = own
            return
        names.values[node.name] = self._decorated(node, self._function(node, names), names)

    def _run_classdef(self, node: ast.ClassDef, names: NameScope) -> None:
        if (own := self.library.defined(node)) is not None:
            names.values[node.name] = own
            return
        bases = [self.value(base, names) for base in node.bases]
        inner = NameScope({}, names)
        self.block(node.body, inner)
        made = UserClass(node.name, bases, inner.values, node)
        for member in inner.values.values():
            if isinstance(member, Function):
                member.outer, member.owner = names if member.outer is inner else member.outer, made
        names.values[node.name] = self._decorated(node, made, names)

    def _decorated(self, node: ast.FunctionDef | ast.ClassDef, made: Any, names: NameScope) -> Any:
        """What a definition is under its decorators: those of the file are called, known ones do nothing."""
        for decorator in reversed(node.decorator_list):
            if _is_neutral(decorator):
                continue
            found = self.value(decorator, names)
            if not isinstance(found, Function):
                why = f"the decorator {ast.unparse(decorator)[:40]} of {node.name} is not followed"
                return UnknownValue(why)
            made = self.call(found, [made], {}, decorator)
        return made

    def assign(self, target: Any, value: Any, names: NameScope) -> None:
        if isinstance(target, ast.Name):
            names.set(target.id, value)
        elif isinstance(target, ast.Tuple | ast.List):
            self._unpack(target, value, names)
        elif isinstance(target, ast.Attribute):
            self.set_member(self.value(target.value, names), target.attr, value, target)
        elif isinstance(target, ast.Subscript):
            owner, key = self.value(target.value, names), self.value(target.slice, names)
            if isinstance(owner, dict | list):
                self._checked(target, lambda: operator.setitem(owner, key, value), key)
            elif self._asked(target, lambda: self.library.assign(owner, key, value)) is not NotImplemented:
                return
            elif not isinstance(owner, UnknownValue | External):
                raise self.fault(target, "what is put here is not followed")

    def set_member(self, owner: Any, name: str, value: Any, node: Any) -> None:
        """``owner.name = value``."""
        if isinstance(owner, UserClass):
            owner.members[name] = value
            return
        if isinstance(owner, External) and self.library.computes(owner):
            raise self.fault(node, f"another {name} is put into a library, which is not followed")
        if isinstance(owner, UnknownValue | External | Function):
            return
        found = self._asked(node, lambda: self.library.assign(owner, name, value))
        if found is not NotImplemented:
            return
        if not isinstance(owner, Instance):
            raise self.fault(node, f"setting .{name} here is not followed")
        owner.members[name] = value

    def _unpack(self, target: Any, value: Any, names: NameScope) -> None:
        wanted = len(target.elts)
        values = [value] * wanted if isinstance(value, UnknownValue) else list(self.items(value, target))
        places = [n for n, one in enumerate(target.elts) if isinstance(one, ast.Starred)]
        if len(places) > 1 or (len(values) < wanted - 1 if places else len(values) != wanted):
            raise self.fault(target, f"{len(values)} values are dealt out to {wanted} names")
        if places:
            start, count = places[0], len(values) - wanted + 1
            values[start : start + count] = [values[start : start + count]]
        for one, part in zip(target.elts, values, strict=True):
            self.assign(one.value if isinstance(one, ast.Starred) else one, part, names)

    # Values --------------------------------------------------------------------------

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
                    return _bound(one.members[name], value.instance)
            return self.library.attribute(value.instance, f"super.{name}")
        if isinstance(value, UserClass):
            found = value.find(name)
            return found[0] if found else UnknownValue(f"{value.name} has no {name}")
        if isinstance(value, list | dict | str | tuple | set):
            if name not in METHODS:
                raise self.fault(node, f".{name} of a {type(value).__name__} is not followed")
            return _Method(value, name)
        found = self.library.attribute(value, name)
        return UnknownValue(f".{name} is not followed here") if found is NotImplemented else found

    def _member(self, instance: Instance, name: str, node: Any) -> Any:
        if name in instance.members:
            return instance.members[name]
        if found := instance.kind.find(name):
            return _bound(found[0], instance)
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

    # Calls ---------------------------------------------------------------------------

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
        if isinstance(target, _Method):
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
            return self.enter(_bound(method[0], target), arguments, options, node)
        return UnknownValue(f"{getattr(target, 'path', 'what is called here')} is not followed")

    def construct(
        self, kind: UserClass, arguments: list[Any], options: dict[str, Any], node: Any
    ) -> Instance:
        made = Instance(kind)
        if found := kind.find("__init__"):
            self.enter(_bound(found[0], made), arguments, options, node)
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
            except _Return as result:
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

    # Help ----------------------------------------------------------------------------

    def items(self, value: Any, node: Any) -> Iterator[Any]:
        """What a value holds, each a step."""
        if isinstance(value, UnknownValue):
            raise self.fault(node, "what is gone through here is not in the code")
        if isinstance(value, list | tuple | range | str | dict | set):
            for one in value:
                self.step()
                yield one
            return
        found = self._asked(node, lambda: self.library.attribute(value, "__iter__"))
        if found is NotImplemented:
            raise self.fault(node, "the reader cannot go through this")
        yield from found

    def truth(self, value: Any) -> bool:
        return bool(value) if isinstance(value, PLAIN) else True

    def _checked(self, node: Any, work: Callable[[], Any], *values: Any) -> Any:
        """Python's own work on plain ``values``; what it refuses is told at the place."""
        self.weigh(*values)
        try:
            made = work()
            self.weigh(made)
            return made
        except (NotFollowed, BudgetSpent, _Return, _Break, _Continue) as known:
            if isinstance(known, NotFollowed) and known.span is None:
                known.span = self.span(node)
            raise
        except Exception as error:
            raise self.fault(
                node, f"Python would stop here: {type(error).__name__}: {str(error)[:80]}"
            ) from error

    def _asked(self, node: Any, work: Callable[[], Any]) -> Any:
        try:
            return work()
        except NotFollowed as fault:
            if fault.span is None:
                fault.span = self.span(node)
            raise

    def fault(self, node: Any, message: str, *help: str) -> NotFollowed:
        found = NotFollowed(message, *help)
        found.span = self.span(node)
        return found

    def span(self, node: Any) -> Span | None:
        """The place of a node in the file."""
        if not hasattr(node, "lineno"):
            return None
        return Span(
            self.source, self._offset(node.lineno, node.col_offset),
            self._offset(node.end_lineno, node.end_col_offset),
        )  # fmt: skip

    def _offset(self, line: int, column: int) -> int:
        """Characters before a place that Python gives in bytes of UTF-8."""
        start = self.source.line_starts[line - 1]
        return start + len(self.source.line(line).encode()[:column].decode(errors="ignore"))


@dataclass(frozen=True, eq=False)
class _Method:
    """A method of a plain value."""

    value: Any
    name: str


def _bound(member: Any, instance: Instance) -> Any:
    if isinstance(member, Function):
        return replace(member, bound=instance)
    return member


def _is_neutral(node: ast.expr) -> bool:
    """Whether a decorator or a context changes no number: ``torch.no_grad()``, ``register_model``."""
    name = ast.unparse(node.func if isinstance(node, ast.Call) else node)
    return name.rpartition(".")[2] in NEUTRAL or "regist" in name or name.startswith("torch.jit.")


def _loaded(target: Any) -> Any:
    return ast.parse(ast.unparse(target), mode="eval").body


def _changed(statement: ast.stmt) -> Iterator[str]:
    """The names of what a statement puts something into: ``a`` in ``a[0] = b`` and ``a.add(b)``."""
    places: list[ast.AST] = []
    if isinstance(statement, ast.Assign):
        places = [one for one in statement.targets if isinstance(one, ast.Subscript | ast.Attribute)]
    elif isinstance(statement, ast.Expr) and isinstance(statement.value, ast.Call):
        places = [statement.value.func] if isinstance(statement.value.func, ast.Attribute) else []
    for place in places:
        while isinstance(place, ast.Attribute | ast.Subscript):
            place = place.value
        if isinstance(place, ast.Name):
            yield place.id


def _assigned(statement: ast.stmt) -> list[str]:
    return [n.id for n in ast.walk(statement) if isinstance(n, ast.Name) and isinstance(n.ctx, ast.Store)]
