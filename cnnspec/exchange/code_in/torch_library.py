"""PyTorch as code that is read meets it: modules, functions, tensors and their methods."""

from __future__ import annotations

import ast
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any, Final

from cnnspec.exchange.code_in import torch_functions as functions
from cnnspec.exchange.code_in import torch_modules as modules
from cnnspec.exchange.code_in.flow import FAULTS, ModelArray, NotFollowed, Tensor, Trace
from cnnspec.exchange.code_in.interpreter import (
    External,
    Function,
    Instance,
    Interpreter,
    Library,
    UnknownValue,
    UserClass,
)
from cnnspec.exchange.code_in.own_helpers import Own, only_loads
from cnnspec.exchange.code_in.signature import bound
from cnnspec.exchange.code_in.torch_modules import TorchModule
from cnnspec.network.graph import Group

USUAL: Final = {
    "nn": "torch.nn", "F": "torch.nn.functional", "torch": "torch", "Module": "torch.nn.Module",
}  # fmt: skip
"""NameScope that listings use without importing them."""
SIGNS: Final = {ast.Add: "add", ast.Mult: "mul", ast.Sub: "sub", ast.Div: "div", ast.Pow: "pow"}
MADE: Final = ("randn", "rand", "zeros", "ones", "empty", "randint")
"""Functions that make a tensor of a shape."""
PASSED: Final = ("eval", "train", "to", "cuda", "cpu", "float", "half", "apply", "requires_grad_", "double")
"""Methods that give the module itself."""
SILENT: Final = ("__init__", "register_buffer", "init", "load_state_dict", "zero_grad", "reset_parameters")


@dataclass(frozen=True, eq=False)
class Example:
    """A tensor made of a shape, as listings try a model with."""

    sizes: tuple[int, ...]


@dataclass(frozen=True, eq=False)
class Bound:
    """A method of a tensor or a module."""

    value: Any
    name: str


@dataclass(eq=False)
class OwnParameter:
    """An ``nn.Parameter`` of a module of the file; its path is known once the model is walked through."""

    shape: tuple[int, ...]
    path: str = ""


def is_module(value: Any) -> bool:
    """Whether a value is a PyTorch module, of the library or of the file."""
    if isinstance(value, TorchModule):
        return True
    return isinstance(value, Instance) and is_module_class(value.kind)


def is_module_class(kind: UserClass) -> bool:
    return any(base.last == "Module" for base in kind.library())


@dataclass
class TorchLibrary(Library):
    """Answers an interpreter; ``trace`` gathers the layers while a model is gone through."""

    reader: Interpreter | None = None
    trace: Trace = field(default_factory=Trace)
    node: Any = None
    numbers: dict[str, int] = field(default_factory=dict)

    def name(self, name: str) -> Any:
        if name in USUAL:
            return External(USUAL[name])
        raise KeyError(name)

    # Calls ---------------------------------------------------------------------------

    def call(self, target: Any, arguments: list[Any], options: dict[str, Any]) -> Any:
        assert self.reader is not None
        self.trace.here = self.reader.span(self.node)
        if isinstance(target, External):
            return self._external(target, arguments, options)
        if isinstance(target, Own) and not target.is_keras:
            return self._helper(target, arguments, options)
        if isinstance(target, Bound):
            return self._method(target, arguments, options)
        if is_module(target):
            if arguments and isinstance(arguments[0], Example):
                target.examples.append(arguments[0].sizes)
                return UnknownValue("what a model gives for an example is not worked out")
            if any(isinstance(one, UnknownValue) for one in arguments):
                return next(one for one in arguments if isinstance(one, UnknownValue))
            return self.run(target, arguments, options)
        return NotImplemented

    def _external(self, target: External, arguments: list[Any], options: dict[str, Any]) -> Any:
        path, last = target.path, target.last
        if path.startswith("torch.nn.functional.") or (
            path.startswith("torch.") and last in functions.FUNCTIONS
        ):
            return self._function(last, arguments, options)
        if path.startswith("torch.nn.") and path.count(".") == 2:
            return self._constructed(last, arguments, options)
        if path.startswith("torch.") and last in MADE:
            return self._example(arguments, options)
        if last == "OrderedDict":
            return dict(arguments[0]) if arguments else {}
        if last == "summary" and arguments and is_module(arguments[0]):
            self._summary(arguments, options)
        return NotImplemented

    def _helper(self, target: Own, arguments: list[Any], options: dict[str, Any]) -> Any:
        """A function or class of a file that cnnspec wrote."""
        if only_loads(target):
            return None
        if target.name in modules.OWN:
            return TorchModule(
                target.name, bound(target.name, modules.OWN[target.name].arguments, arguments, options)
            )
        if target.name == "attend":
            module, x, *to = arguments
            flat = functions.transpose(functions.flatten(x, 2), 1, 2)
            other = functions.transpose(functions.flatten(to[0], 2), 1, 2) if to else flat
            found, _ = self._run_library(module, [flat, other, other], {})
            return Tensor.of(self.trace, found.node)
        if target.name == "bed_of_nails":
            return functions.one(arguments[0], "upsample", scale=arguments[1], mode="nails")
        raise NotFollowed(f"{target.name} is not read back")

    def _constructed(self, last: str, arguments: list[Any], options: dict[str, Any]) -> Any:
        if last == "Parameter":
            shape = arguments[0].sizes if arguments and isinstance(arguments[0], Example) else None
            return (
                OwnParameter(shape) if shape else UnknownValue("a parameter whose shape is not in the code")
            )
        return modules.made(last, arguments, options) if last[:1].isupper() else NotImplemented

    def _example(self, arguments: list[Any], options: dict[str, Any]) -> Any:
        sizes = options.get("size", arguments)
        sizes = sizes[0] if len(sizes) == 1 and isinstance(sizes[0], list | tuple) else sizes
        if sizes and all(type(size) is int for size in sizes):
            return Example(tuple(sizes))
        return UnknownValue("a tensor whose shape is not in the code")

    def _summary(self, arguments: list[Any], options: dict[str, Any]) -> None:
        """``summary(model, (3, 32, 32))`` says what the model takes."""
        sizes = options.get("input_size", arguments[1] if len(arguments) > 1 else None)
        if isinstance(sizes, list | tuple) and all(type(size) is int for size in sizes):
            has_batch = len(sizes) == 4 or (len(sizes) == 2 and "input_size" in options)
            arguments[0].examples.append(tuple(sizes) if has_batch else (1, *sizes))

    def _function(self, name: str, arguments: list[Any], options: dict[str, Any]) -> Any:
        short = name.rstrip("_") if name not in functions.FUNCTIONS else name
        if short not in functions.FUNCTIONS:
            raise NotFollowed(f"the reader does not know torch's {name}")
        given = [self._own(one) for one in arguments]
        if any(isinstance(one, Example | UnknownValue) for one in given):
            return UnknownValue(f"{name} of a tensor that is not in the model")
        return called(functions.FUNCTIONS[short], name, given, {k: self._own(v) for k, v in options.items()})

    def _own(self, value: Any) -> Any:
        if isinstance(value, list | tuple) and any(isinstance(one, OwnParameter) for one in value):
            return type(value)(map(self._own, value))
        return ModelArray(value.path, value.shape) if isinstance(value, OwnParameter) else value

    def _method(self, target: Bound, arguments: list[Any], options: dict[str, Any]) -> Any:
        value, name = target.value, target.name
        if isinstance(value, Tensor):
            if name.startswith("new_") or name in ("item", "numpy"):
                return UnknownValue("values of a tensor are not worked out")
            return self._function(name, [value, *arguments], options)
        if name in SILENT:
            return None
        if name in PASSED:
            return value
        return self._module_method(value, name, arguments)

    def _module_method(self, value: Any, name: str, arguments: list[Any]) -> Any:
        if name in ("add_module", "register_module"):
            members = value.members if isinstance(value, Instance) else value.children
            members[str(arguments[0])] = arguments[1]
            return None
        if name == "append":
            value.children[str(len(value.children))] = arguments[0]
            return value
        if name in ("children", "values"):
            return [child for _, child in members_of(value)]
        if name in ("named_children", "items"):
            return list(members_of(value))
        if name == "forward":
            return self.call(value, arguments, {})
        return UnknownValue(f".{name}() of a module is not followed")

    # A model -------------------------------------------------------------------------

    def run(self, module: Any, arguments: list[Any], options: dict[str, Any]) -> Any:
        """What a module gives for tensors."""
        if isinstance(module, TorchModule):
            return self._run_library(module, arguments, options)
        assert self.reader is not None
        method = module.kind.find("forward")
        if method is None:
            raise NotFollowed(f"{module.kind.name} has no forward")
        group = self._group(module.kind.name) if module.path else None
        self.trace.scope.append((module.path, group))
        here = self.trace.here
        try:
            function = Function(method[0].node, method[0].outer, module, method[0].owner)
            return self.reader.enter(function, arguments, options, self.node)
        finally:
            self.trace.scope.pop()
            self.trace.here = here

    def _group(self, title: str) -> Group:
        self.numbers["group"] = self.numbers.get("group", 0) + 1
        return Group(title, self.numbers["group"])

    def _run_library(self, module: TorchModule, arguments: list[Any], options: dict[str, Any]) -> Any:
        if module.kind == "Sequential":
            values = tuple(arguments)
            for child in module.children.values():
                found = self.call(child, list(values), {})
                if found is NotImplemented or isinstance(found, UnknownValue):
                    raise NotFollowed("a part of this Sequential is no module that the reader knows")
                values = (found,)
            return values[0]
        if module.kind in modules.CONTAINERS:
            raise NotFollowed(f"a {module.kind} is called; only its parts can be")
        self.trace.prefer = module.path
        try:
            return called(
                {**modules.MODULES, **modules.OWN}[module.kind].run,
                module.kind,
                [module, *arguments],
                options,
            )
        finally:
            self.trace.prefer = ""

    # Values --------------------------------------------------------------------------

    def attribute(self, value: Any, name: str) -> Any:
        if isinstance(value, Tensor):
            return self._of_flow(value, name)
        if isinstance(value, Example):
            return value.sizes if name == "shape" else UnknownValue("an example's values")
        if is_module(value):
            return self._of_module(value, name)
        if isinstance(value, Instance) and name == "super.__init__":
            return Bound(value, "__init__")
        return NotImplemented

    def _of_flow(self, value: Tensor, name: str) -> Any:
        if name == "shape":
            return value.sizes
        if name == "ndim":
            return len(value.sizes)
        return Bound(value, name) if name not in ("device", "dtype") else UnknownValue()

    def _of_module(self, value: Any, name: str) -> Any:
        if name == "__iter__":
            return [child for _, child in members_of(value)]
        if name == "__len__":
            return len(list(members_of(value)))
        if isinstance(value, TorchModule):
            if name in value.children:
                return value.children[name]
            if name in value.options:
                return value.options[name]
        elif name.startswith("super."):
            return Bound(value, name.removeprefix("super."))
        elif name == "training":
            return False
        known = (*PASSED, *SILENT, "add_module", "append", "children", "named_children", "values", "items",
                 "forward", "modules", "parameters", "state_dict")  # fmt: skip
        return Bound(value, name) if name in known else NotImplemented

    def item(self, value: Any, key: Any) -> Any:
        if isinstance(value, Tensor):
            return cut(value, key)
        if isinstance(value, TorchModule) and value.kind in modules.CONTAINERS:
            children = list(value.children.values())
            if isinstance(key, slice):
                return TorchModule(value.kind, {}, {str(n): child for n, child in enumerate(children[key])})
            return value.children[key] if isinstance(key, str) else children[key]
        return NotImplemented

    def binary(self, sign: type, left: Any, right: Any) -> Any:
        both = (left, right)
        if not any(isinstance(one, Tensor) for one in both):
            examples = [one for one in both if isinstance(one, Example)]
            return examples[0] if examples else NotImplemented
        known = all(isinstance(one, Tensor | OwnParameter | int | float) for one in both)
        if sign not in SIGNS or not known:
            raise NotFollowed("arithmetic of a tensor and something else has no counterpart here")
        return self._function(SIGNS[sign], [left, right], {})


def called(function: Callable[..., Any], name: str, arguments: list[Any], options: dict[str, Any]) -> Any:
    try:
        return function(*arguments, **options)
    except FAULTS as error:
        raise NotFollowed(f"{name} cannot be called so: {error}") from error


def cut(value: Tensor, key: Any) -> Tensor:
    """``x[:, 2:5]`` and the like."""
    keys = key if isinstance(key, tuple) else (key,)
    if any(one is Ellipsis for one in keys):
        raise NotFollowed("... in the brackets of a tensor is not followed")
    for dim, one in enumerate(keys):
        if one is None:
            value = functions.unsqueeze(value, dim)
        elif not isinstance(one, slice):
            raise NotFollowed("a single place of a tensor is taken, which the language cannot say")
        elif one.step not in (None, 1):
            raise NotFollowed("every so many-th place of a tensor is taken, which the language cannot say")
        elif one.start is not None or one.stop is not None:
            value = functions.cut(value, dim, one.start or 0, 2**62 if one.stop is None else one.stop)
    return value


def members_of(value: Any) -> list[tuple[str, Any]]:
    """The modules within a module, by name."""
    members = value.children if isinstance(value, TorchModule) else value.members
    return [(name, child) for name, child in members.items() if is_module(child)]


def walk(value: Any, path: str = "", depth: int = 0) -> None:
    """Gives every module of a model its path; one that stands in two places keeps the first."""
    if depth > 50:
        raise NotFollowed("modules lie within each other too deeply")
    if not isinstance(value, TorchModule):
        for name, weight in value.members.items():
            if isinstance(weight, OwnParameter):
                weight.path = f"{path}.{name}".lstrip(".")
    for name, child in members_of(value):
        if not child.path:
            child.path = f"{path}.{name}".lstrip(".")
            walk(child, child.path, depth + 1)
