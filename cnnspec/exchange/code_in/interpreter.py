"""A small part of Python, read and never run: constants, lists, loops, functions, classes of the file itself.

Nothing of the file reaches Python's own ``exec``, ``import`` or files. What is not known is ``UnknownValue``
and stays so through all that is done with it; it is told only where a model needs it. Steps, seconds, sizes
of lists and of numbers are bounded.
"""

from __future__ import annotations

import ast
import operator
from collections.abc import Callable, Iterator
from typing import Any, Final

from cnnspec.exchange.code_in.calling import Calls
from cnnspec.exchange.code_in.reading import BreakReached, ContinueReached, ReturnReached
from cnnspec.exchange.code_in.trace import NotFollowed
from cnnspec.exchange.code_in.values import (
    External,
    Function,
    Instance,
    NameScope,
    UnknownValue,
    UserClass,
)

NEUTRAL: Final = frozenset((
    "no_grad", "inference_mode", "enable_grad", "set_grad_enabled", "record_function", "profile", "device",
    "name_scope", "scope", "compile", "override", "final", "dataclass", "typechecked", "jaxtyped",
    "abstractmethod", "deprecated", "total_ordering", "function", "add_end_docstrings", "beartype",
))  # fmt: skip
"""Decorators and contexts that change no number of a model, by their last name."""
IN_PLACE: Final[dict[type, Callable[[Any, Any], Any]]] = {
    ast.Add: operator.iadd, ast.BitOr: operator.ior, ast.Sub: operator.isub, ast.BitAnd: operator.iand,
}  # fmt: skip
"""What Python does to a list, dictionary or set itself, so that its other names see it."""


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


class Interpreter(Calls):
    """Reads a module's statements in order; ``names`` are its own in the end."""

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
        except (ReturnReached, BreakReached, ContinueReached):
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
        raise ReturnReached(None if node.value is None else self.value(node.value, names))

    def _run_break(self, node: ast.Break, names: NameScope) -> None:
        raise BreakReached

    def _run_continue(self, node: ast.Continue, names: NameScope) -> None:
        raise ContinueReached

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
            except BreakReached:
                return
            except ContinueReached:
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
            except BreakReached:
                return
            except ContinueReached:
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
