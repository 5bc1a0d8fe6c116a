"""PyTorch as code that is read meets it: modules, functions, tensors and their methods."""

from __future__ import annotations

import ast
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field, replace
from typing import Any, Final

from cnnspec.exchange.code_in import torch_basics as basics
from cnnspec.exchange.code_in import torch_functions as functions
from cnnspec.exchange.code_in import torch_modules as modules
from cnnspec.exchange.code_in import torch_views as views
from cnnspec.exchange.code_in.flow import Tensor
from cnnspec.exchange.code_in.interpreter import Interpreter
from cnnspec.exchange.code_in.own_helpers import Own, only_loads
from cnnspec.exchange.code_in.signature import bound, only
from cnnspec.exchange.code_in.torch_attention import TorchScores
from cnnspec.exchange.code_in.torch_modules import TorchModule
from cnnspec.exchange.code_in.torch_weights import ModuleWeight, OwnParameter, begin, is_turned, weights_of
from cnnspec.exchange.code_in.trace import FAULTS, ModelArray, NotFollowed, Trace
from cnnspec.exchange.code_in.values import External, Function, Instance, Library, UnknownValue, UserClass
from cnnspec.exchange.initials import of_truncated
from cnnspec.network.graph import Group

USUAL: Final = {
    "nn": "torch.nn", "F": "torch.nn.functional", "torch": "torch", "Module": "torch.nn.Module",
}  # fmt: skip
"""NameScope that listings use without importing them."""
SIGNS: Final = {ast.Add: "add", ast.Mult: "mul", ast.Sub: "sub", ast.Div: "div", ast.Pow: "pow",
                ast.MatMult: "matmul"}  # fmt: skip
MADE: Final = ("randn", "rand", "zeros", "ones", "empty", "randint", "full")
"""Functions that make a tensor of a shape."""
SHAPED: Final = ("view", "reshape", "unsqueeze", "squeeze", "transpose", "permute", "flatten", "unflatten")
KEPT: Final = ("clone", "contiguous", "cpu", "cuda", "detach", "float", "requires_grad_", "to", "type")
FILLED: Final[dict[str, Callable[[list[Any]], float | None]]] = {
    "zero_": lambda given: 0.0, "fill_": lambda given: float(given[0]),
    **dict.fromkeys(("normal_", "uniform_", "trunc_normal_", "random_"), lambda given: None),
}  # fmt: skip
"""Methods of a tensor made of a shape: for another shape, none of note, and for other values."""
PASSED: Final = ("eval", "train", "to", "cuda", "cpu", "float", "half", "double")
"""Methods that give the module itself."""
PARTS: Final[dict[str, Callable[[tuple[str, Any]], Any]]] = {
    "children": lambda part: part[1], "values": lambda part: part[1], "keys": lambda part: part[0],
    "named_children": lambda part: part, "items": lambda part: part,
}  # fmt: skip
LISTED: Final = ("parameters", "named_parameters", "modules", "named_modules")
METHODS: Final = (
    "add_module",
    "append",
    "insert",
    "extend",
    *PARTS,
    "forward",
    "state_dict",
    "apply",
    "requires_grad_",
)
SILENT: Final = ("__init__", "register_buffer", "init", "load_state_dict", "zero_grad", "reset_parameters")
HOOKS: Final = ("register_forward_hook", "register_forward_pre_hook", "register_module_forward_hook")
UNKNOWN: Final = ("pop", "popitem", "clear", "update", "setdefault", "register_parameter", "parametrize")
"""Methods that change a module in a way that is not followed."""
SIZES: Final = ("in_channels", "out_channels", "in_features", "out_features", "num_features", "num_channels",
                "num_parameters", "embed_dim", "kernel_size", "normalized_shape", "bias", "affine",
                "elementwise_affine", "groups")  # fmt: skip
"""Options that say how large a module's arrays are, which are made with it."""
READ_ONLY: Final = ("clip_grad_norm_", "clip_grad_value_", "parameters_to_vector", "get_total_norm")
"""What ``torch.nn.utils`` does to a model that changes no number of it in use."""
KNOWN: Final = (*PASSED, *SILENT, *LISTED, *METHODS, *HOOKS)


@dataclass(frozen=True, eq=False)
class Example:
    """A tensor made of a shape, as listings try a model with; ``value`` is that of all its places."""

    sizes: tuple[int, ...]
    value: float | None = None


@dataclass(frozen=True, eq=False)
class Bound:
    """A method of a tensor or a module."""

    value: Any
    name: str


def is_module(value: Any) -> bool:
    """Whether a value is a PyTorch module, of the library or of the file."""
    if isinstance(value, TorchModule):
        return True
    return isinstance(value, Instance) and is_module_class(value.kind)


def is_module_class(kind: UserClass) -> bool:
    return bool(library_kind(kind))


def library_kind(kind: UserClass) -> str:
    """The module of the library that a class is built on: ``Module`` or one with parts or weights."""
    for base in kind.library():
        if base.last == "Module" or (
            base.path.startswith("torch.nn.") and base.last in (*modules.CONTAINERS, *modules.MODULES)
        ):
            return base.last
    return ""


BASE: Final = "*"
"""The member of an object that is the module of the library it is built on."""


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
            if arguments and all(isinstance(one, Example) for one in arguments):
                target.examples.append(tuple(one.sizes for one in arguments))
                return UnknownValue("what a model gives for an example is not worked out")
            if any(isinstance(one, UnknownValue) for one in arguments):
                return next(one for one in arguments if isinstance(one, UnknownValue))
            return self.run(target, arguments, options)
        return NotImplemented

    def _external(self, target: External, arguments: list[Any], options: dict[str, Any]) -> Any:
        path, last = target.path, target.last
        if path.startswith("torch.nn.init."):
            return begin(self.trace, arguments[0] if arguments else None, last, arguments[1:], options)
        if path.startswith("torch.nn.functional.") or (
            path.startswith("torch.") and last in functions.FUNCTIONS
        ):
            return self._function(last, arguments, options)
        if path.startswith("torch.nn.") and path.count(".") == 2:
            return self._constructed(last, arguments, options)
        if path.startswith("torch.") and last in MADE:
            return self._example(last, arguments, options)
        if path == "torch.linspace" and len(arguments) == 3:
            start, end, count = arguments
            return [start + (end - start) * n / max(1, count - 1) for n in range(min(count, 10_000))]
        if last == "OrderedDict":
            return dict(arguments[0]) if arguments else {}
        if last == "summary" and arguments and is_module(arguments[0]):
            self._summary(arguments, options)
        return NotImplemented

    def _helper(self, target: Own, arguments: list[Any], options: dict[str, Any]) -> Any:
        """A function or class of a file that cnnspec wrote."""
        if only_loads(target):
            return None
        if target.name == "truncated_normal_":
            weight, scale, fan = arguments
            weight.module.inits[weight.name] = of_truncated(scale, fan, is_turned(weight)) or ""
            return None
        if target.name in modules.OWN:
            return TorchModule(
                target.name, bound(target.name, modules.OWN[target.name].arguments, arguments, options)
            )
        if target.name == "attend":
            module, x, *to = arguments
            flat = views.transpose(views.flatten(x, 2), 1, 2)
            other = views.transpose(views.flatten(to[0], 2), 1, 2) if to else flat
            found, _ = self._run_library(module, [flat, other, other], {})
            return Tensor.of(self.trace, found.node)
        if target.name == "bed_of_nails":
            return basics.one(arguments[0], "upsample", scale=arguments[1], mode="nails")
        raise NotFollowed(f"{target.name} is not read back")

    def _constructed(self, last: str, arguments: list[Any], options: dict[str, Any]) -> Any:
        if last == "Parameter":
            given = options.get("data", arguments[0] if arguments else None)
            still = options.get("requires_grad", arguments[1] if len(arguments) > 1 else True) is False
            if isinstance(given, Example) and given.sizes:
                return OwnParameter(given.sizes, frozen=still, value=given.value)
            return UnknownValue("a parameter whose shape is not in the code")
        return modules.made(last, arguments, options) if last[:1].isupper() else NotImplemented

    def _example(self, name: str, arguments: list[Any], options: dict[str, Any]) -> Any:
        sizes = options.get("size", arguments)
        value = {"zeros": 0.0, "ones": 1.0}.get(name)
        if name == "full" and len(arguments) == 2 and type(arguments[1]) in (int, float):
            sizes, value = arguments[:1], float(arguments[1])
        sizes = sizes[0] if len(sizes) == 1 and isinstance(sizes[0], list | tuple) else sizes
        if sizes and all(type(size) is int for size in sizes):
            return Example(tuple(sizes), value)
        return UnknownValue("a tensor whose shape is not in the code")

    def _summary(self, arguments: list[Any], options: dict[str, Any]) -> None:
        """``summary(model, (3, 32, 32))`` says what the model takes."""
        sizes = options.get("input_size", arguments[1] if len(arguments) > 1 else None)
        if isinstance(sizes, list | tuple) and all(type(size) is int for size in sizes):
            has_batch = len(sizes) == 4 or (len(sizes) == 2 and "input_size" in options)
            arguments[0].examples.append((tuple(sizes) if has_batch else (1, *sizes),))

    def _function(self, name: str, arguments: list[Any], options: dict[str, Any]) -> Any:
        short = name.rstrip("_") if name not in functions.FUNCTIONS else name
        if short not in functions.FUNCTIONS:
            raise NotFollowed(f"the reader does not know torch's {name}")
        given = [self._own(one) for one in arguments]
        if any(isinstance(one, Example | UnknownValue) for one in given):
            return UnknownValue(f"{name} of a tensor that is not in the model")
        found = called(functions.FUNCTIONS[short], name, given, {k: self._own(v) for k, v in options.items()})
        return functions.settled(name, given[0], found) if short != name else found

    def _own(self, value: Any) -> Any:
        if isinstance(value, list | tuple) and any(
            isinstance(one, OwnParameter | ModuleWeight) for one in value
        ):
            return type(value)(map(self._own, value))
        if isinstance(value, ModuleWeight):
            return value.module.parameter(value.name, *value.shape)
        if not isinstance(value, OwnParameter):
            return value
        return ModelArray(value.path, value.shape, frozen=value.frozen, value=value.value)

    def _method(self, target: Bound, arguments: list[Any], options: dict[str, Any]) -> Any:
        value, name = target.value, target.name
        if isinstance(value, ModuleWeight | OwnParameter):
            return self._of_weight(value, name, arguments, options)
        if isinstance(value, Example):
            return _of_example(value, name, arguments)
        if isinstance(value, TorchScores):
            return self._function(name, [value, *arguments], options)
        if isinstance(value, Tensor):
            if name.startswith("new_") or name in ("item", "numpy"):
                return UnknownValue("values of a tensor are not worked out")
            return self._function(name, [value, *arguments], options)
        if name == "super.__init__":
            return self._built(value, arguments, options)
        if name == "super.forward":
            return self._run_base(value, arguments, options)
        if name in SILENT:
            return None
        self._refuse_change(value, name, arguments)
        return value if name in PASSED else self._module_method(value, name, arguments)

    def _refuse_change(self, value: Any, name: str, arguments: list[Any]) -> None:
        """What would make a module compute something else."""
        if name == "train" and self.is_running and arguments[:1] not in ([False], [IN_USE]):
            raise NotFollowed("a module is put into its training mode while the model runs")
        if name in HOOKS:
            raise NotFollowed("a hook may change what a module gives, and is not followed")
        if name in UNKNOWN and isinstance(value, TorchModule):
            raise NotFollowed(f"{name} of a {value.kind} is not followed")

    def _of_weight(self, value: Any, name: str, arguments: list[Any], options: dict[str, Any]) -> Any:
        if name in ("expand", "repeat") and isinstance(value, OwnParameter):
            return views.each_sample(value, name, arguments)
        if name in ("dim", "ndimension") and isinstance(value, ModuleWeight):
            return value.axes
        if name == "requires_grad_":
            self.assign(value, "requires_grad", arguments[0] if arguments else True)
        elif name.endswith("_"):
            if self.is_running:
                raise NotFollowed("a weight is changed while the model runs, which is not followed")
            begin(self.trace, value, name, arguments, options)
        else:
            return UnknownValue("values of a weight are not worked out")
        return value

    def _module_method(self, value: Any, name: str, arguments: list[Any]) -> Any:
        if name in LISTED:
            return self._listed(value, name)
        if name == "apply":
            self._applied(value, arguments)
            return value
        if name == "requires_grad_":
            for _, weight in all_weights(value):
                self.assign(weight, "requires_grad", arguments[0] if arguments else True)
            return value
        if name in ("insert", "extend") and isinstance(value, TorchModule):
            return self._inserted(value, name, arguments)
        if name in ("add_module", "register_module"):
            members = value.members if isinstance(value, Instance) else value.children
            members[str(arguments[0])] = arguments[1]
            return None
        if name == "append":
            value.children[str(len(value.children))] = arguments[0]
            return value
        if name in PARTS:
            return [PARTS[name](one) for one in members_of(value)]
        if name == "forward":
            return self.call(value, arguments, {})
        return UnknownValue(f".{name}() of a module is not followed")

    def _inserted(self, value: TorchModule, name: str, arguments: list[Any]) -> TorchModule:
        children = list(value.children.values())
        if name == "insert":
            children.insert(*arguments)
        else:
            assert self.reader is not None
            children += self.reader.items(arguments[0], self.node)
        value.children = {str(n): child for n, child in enumerate(children)}
        return value

    def _listed(self, value: Any, name: str) -> list[Any]:
        if "modules" in name:
            found: list[Any] = [("", value), *all_modules(value)]
        else:
            found = list(all_weights(value))
        return found if name.startswith("named") else [one for _, one in found]

    def _applied(self, value: Any, arguments: list[Any]) -> None:
        """``apply``: a function on every module, which mostly says how weights begin."""
        assert self.reader is not None
        for _, module in [*all_modules(value), ("", value)]:
            self.reader.call(arguments[0], [module], {}, self.node)

    # A model -------------------------------------------------------------------------

    def run(self, module: Any, arguments: list[Any], options: dict[str, Any]) -> Any:
        """What a module gives for tensors."""
        if isinstance(module, TorchModule):
            return self._run_library(module, arguments, options)
        assert self.reader is not None
        method = module.kind.find("__call__") or module.kind.find("forward")
        if method is None:
            return self._run_base(module, arguments, options)
        if not isinstance(method[0], Function):
            raise NotFollowed(f"the forward of {module.kind.name} is not followed: {_why(method[0])}")
        group = self._group(module.kind.name) if module.path else None
        self.trace.scope.append((module.path, group))
        here = self.trace.here
        try:
            function = replace(method[0], bound=module)
            return self.reader.enter(function, arguments, options, self.node)
        finally:
            self.trace.scope.pop()
            self.trace.here = here or self.trace.here

    def _run_base(self, module: Instance, arguments: list[Any], options: dict[str, Any]) -> Any:
        """The ``forward`` of the library's module that an object is built on."""
        if BASE in module.members:
            return self._run_library(module.members[BASE], arguments, options)
        if library_kind(module.kind) != "Sequential":
            raise NotFollowed(f"{module.kind.name} has no forward")
        self.trace.scope.append((module.path, self._group(module.kind.name) if module.path else None))
        try:
            return self._in_sequence([child for _, child in members_of(module)], arguments)
        finally:
            self.trace.scope.pop()

    def _built(self, instance: Instance, arguments: list[Any], options: dict[str, Any]) -> None:
        """``super().__init__`` of an object: its parts, or the module that it is built on."""
        kind = library_kind(instance.kind)
        if kind in modules.CONTAINERS:
            instance.members.update(modules.made(kind, arguments, options).children)
        elif kind != "Module" and kind:
            instance.members[BASE] = modules.made(kind, arguments, options)

    def _group(self, title: str) -> Group:
        self.numbers["group"] = self.numbers.get("group", 0) + 1
        return Group(title, self.numbers["group"])

    def _run_library(self, module: TorchModule, arguments: list[Any], options: dict[str, Any]) -> Any:
        if module.kind == "Sequential":
            return self._in_sequence(list(module.children.values()), arguments)
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

    def _in_sequence(self, children: list[Any], arguments: list[Any]) -> Any:
        values = tuple(arguments)
        for child in children:
            found = self.call(child, list(values), {})
            if found is NotImplemented or isinstance(found, UnknownValue):
                why = f": {found.why}" if isinstance(found, UnknownValue) else ""
                raise NotFollowed(f"a part of this Sequential is no module that the reader knows{why}")
            values = (found,)
        return values[0]

    # Values --------------------------------------------------------------------------

    def attribute(self, value: Any, name: str) -> Any:
        if isinstance(value, TorchScores):
            return Bound(value, name)
        if isinstance(value, Tensor):
            return self._of_flow(value, name)
        if isinstance(value, Example):
            return value.sizes if name == "shape" else Bound(value, name)
        if isinstance(value, ModuleWeight | OwnParameter):
            if name in ("data", "ndim"):
                return value if name == "data" else self._of_weight(value, "dim", [], {})
            if name == "shape":
                return value.shape
            return Bound(value, name)
        if is_module(value):
            return self._of_module(value, name)
        if isinstance(value, Bound) and isinstance(value.value, Tensor):
            raise NotFollowed(f".{value.name} of a tensor is not followed")
        return NotImplemented

    def _of_flow(self, value: Tensor, name: str) -> Any:
        if name == "shape":
            return value.sizes
        if name == "ndim":
            return len(value.sizes)
        if name == "data":
            return value
        if name == "__iter__":
            return views.unbind(value)
        return Bound(value, name) if name not in ("device", "dtype") else UnknownValue()

    def _of_module(self, value: Any, name: str) -> Any:
        if name == "__iter__":
            return [child for _, child in members_of(value)]
        if name == "training":
            return IN_USE
        if name == "__len__":
            return len(list(members_of(value)))
        if isinstance(value, TorchModule):
            if name in value.children:
                return value.children[name]
            found = _weight_of(value, name)
            if found is not None or name in value.options:
                return found or _per_axis(value, name)
        elif name.startswith("super."):
            return Bound(value, name if name in ("super.__init__", "super.forward") else name[6:])
        elif (
            BASE in value.members
            and (found := self._of_module(value.members[BASE], name)) is not NotImplemented
        ):
            return found
        is_known = name in KNOWN or (name in UNKNOWN and isinstance(value, TorchModule))
        return Bound(value, name) if is_known else NotImplemented

    def assign(self, value: Any, name: Any, new: Any) -> Any:
        """``name`` is an attribute, or the place of a part in brackets."""
        if name == "requires_grad" and isinstance(value, ModuleWeight):
            value.freeze(new is False)
        elif name == "requires_grad" and isinstance(value, OwnParameter):
            value.frozen = new is False
        elif (isinstance(value, Example) and isinstance(name, str)) or (
            isinstance(value, ModuleWeight | OwnParameter) and name in ("grad", "data")
        ):
            self._given(name)
        elif isinstance(value, Tensor) and not isinstance(name, str):
            raise NotFollowed("values are put into a part of a tensor, which is not followed")
        elif isinstance(value, TorchModule):
            return self._set(value, name, new)
        else:
            return NotImplemented
        return None

    def _given(self, name: str) -> None:
        if name == "data" and self.is_running:
            raise NotFollowed("a weight is changed while the model runs, which is not followed")
        if name == "data":
            self.trace.note(
                "framework-differs",
                "the values that a weight is given here are not carried: it begins as usual",
            )

    def _set(self, module: TorchModule, name: Any, new: Any) -> Any:
        """Another part, option or weight of a module; all else is not followed."""
        if is_module(new):
            place = [*module.children][name] if isinstance(name, int) else name
            module.children[place] = new
        elif name in ("weight", "bias") and isinstance(new, ModuleWeight):
            module.tied[name] = new
        elif name == "bias" and new is None and "bias" in module.options:
            module.options["bias"] = False
        elif name in module.options and not isinstance(new, UnknownValue):
            self._set_option(module, name, new)
        elif name == "training" and self.is_running and new is not False:
            raise NotFollowed("a module is put into its training mode while the model runs")
        elif name not in ("training", "name"):
            return NotImplemented
        return None

    def _set_option(self, module: TorchModule, name: str, new: Any) -> None:
        is_made = name in SIZES and not module.kind.endswith(("Pool1d", "Pool2d", "Pool3d"))
        if new != module.options[name] and (is_made or name in only(modules.MODULES[module.kind].arguments)):
            raise NotFollowed(
                f"{name} of a {module.kind} is changed after it was made, which is not followed"
            )
        module.options[name] = new

    def is_a(self, value: Any, kind: External) -> Any:
        if not kind.path.startswith("torch."):
            return NotImplemented
        if is_module(value):
            own = value.kind if isinstance(value, TorchModule) else library_kind(value.kind)
            if kind.last in ("Module", own):
                return True
            if kind.last.startswith("_"):
                word = kind.last.strip("_").removesuffix("Nd").removesuffix("Norm")
                return (
                    word in own if word in ("Conv", "Batch", "Instance", "ConvTranspose") else NotImplemented
                )
            return False if kind.last in (*modules.MODULES, *modules.CONTAINERS) else NotImplemented
        if kind.last not in ("Tensor", "Parameter"):
            return False
        return isinstance(value, ModuleWeight | OwnParameter) or (
            kind.last == "Tensor" and isinstance(value, Tensor)
        )

    def item(self, value: Any, key: Any) -> Any:
        if isinstance(value, Tensor):
            return cut(value, key)
        if is_module(value) and not (isinstance(value, TorchModule) and value.kind not in modules.CONTAINERS):
            names = dict(members_of(value))
            children = list(names.values())
            if isinstance(key, slice):
                kind = value.kind if isinstance(value, TorchModule) else "Sequential"
                return TorchModule(kind, {}, {str(n): child for n, child in enumerate(children[key])})
            return names[key] if isinstance(key, str) else children[key]
        return NotImplemented

    def binary(self, sign: type, left: Any, right: Any) -> Any:
        both = (left, right)
        if not any(isinstance(one, Tensor | TorchScores) for one in both):
            return _scaled_example(sign, left, right)
        known = all(
            isinstance(one, Tensor | TorchScores | OwnParameter | ModuleWeight | int | float) for one in both
        )
        if sign not in SIGNS or not known:
            raise NotFollowed("arithmetic of a tensor and something else has no counterpart here")
        return self._function(SIGNS[sign], [left, right], {})

    def in_place(self, sign: type, left: Any, right: Any) -> Any:
        if isinstance(left, Tensor | TorchScores) and sign in SIGNS:
            return functions.settled(f"{SIGNS[sign]}_", left, self.binary(sign, left, right))
        if isinstance(left, OwnParameter | ModuleWeight) and self.is_running:
            raise NotFollowed("a weight is changed while the model runs, which is not followed")
        return NotImplemented

    @property
    def is_running(self) -> bool:
        """Whether a model is gone through, and not made."""
        return bool(self.trace.shapes)

    def has_values(self, *values: Any) -> bool:
        return any(isinstance(one, Tensor | Example | ModuleWeight | OwnParameter) for one in values)

    def passed(self, name: str, target: Any, values: list[Any]) -> None:
        """A call that is not followed may change its tensors in place, or parts of the model."""
        assert self.reader is not None
        here = self.reader.span(self.node)
        is_bound = isinstance(target, Bound)
        if not name.endswith("_") and (is_bound or getattr(target, "path", "").startswith("torch.")):
            if isinstance(target, External) and target.path.startswith("torch.nn.utils."):
                self._changed(name, target.last, values)
            return
        for one in _within([target.value, *values] if is_bound else values):
            if isinstance(one, Tensor):
                one.storage.write(
                    None, here, f"{name} is not followed: it may change the tensor that it is given"
                )
            elif is_part(one) and self.reader.depth and not self.is_running:
                self.trace.here = here
                self.trace.note(
                    "framework-differs",
                    f"{name} is not followed: it is taken to change no layer of the model",
                )

    def _changed(self, name: str, last: str, values: list[Any]) -> None:
        """A tool of ``torch.nn.utils``: most of them put other arithmetic into the module they are given."""
        if last not in READ_ONLY and any(map(is_part, _within(values))):
            raise NotFollowed(f"{name} changes what a module computes, which is not followed")


def is_part(value: Any) -> bool:
    """Whether a value is a module or a weight of a model."""
    return is_module(value) or isinstance(value, ModuleWeight | OwnParameter)


def _within(values: Any) -> Iterator[Any]:
    """Values, and those in lists and dictionaries of them."""
    for one in values:
        yield one
        if isinstance(one, list | tuple | dict):
            yield from _within(one.values() if isinstance(one, dict) else one)


def _why(value: Any) -> str:
    return value.why if isinstance(value, UnknownValue) else "it is no function of the file"


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
            value = views.unsqueeze(value, dim)
        elif type(one) is int and all(rest == slice(None) for rest in keys[dim + 1 :]):
            return views.take(value, dim, one)
        elif not isinstance(one, slice):
            raise NotFollowed("a single place of a tensor is taken, which the language cannot say")
        elif one.step not in (None, 1):
            raise NotFollowed("every so many-th place of a tensor is taken, which the language cannot say")
        elif one.start is not None or one.stop is not None:
            value = views.cut(value, dim, one.start or 0, 2**62 if one.stop is None else one.stop)
    return value


class _InUse(int):
    """What ``self.training`` is while a model is read: no, but not as an option that says so."""


IN_USE: Final = _InUse(0)


def _per_axis(module: TorchModule, name: str) -> Any:
    """An option as the module keeps it: one number an axis for a convolution."""
    value, kind = module.options[name], module.kind
    is_size = name in ("kernel_size", "stride", "padding", "dilation") and kind.startswith(
        ("Conv", "LazyConv")
    )
    return (value,) * int(kind[-2]) if is_size and type(value) is int else value


def _weight_of(module: TorchModule, name: str) -> ModuleWeight | None:
    if name not in ("weight", "bias") or (name == "bias" and module.options.get("bias") is False):
        return None
    return next((one for one in weights_of(module) if one.name == name), None)


def _of_example(value: Example, name: str, arguments: list[Any]) -> Any:
    """A method of a tensor made of a shape: in another shape where the layers have one, else as it is."""
    if name in FILLED:
        return replace(value, value=FILLED[name](arguments))
    if name in KEPT:
        return value
    if name not in SHAPED or any(isinstance(one, UnknownValue) for one in arguments):
        return UnknownValue(f"{name} of a tensor made here is not worked out")
    made = Tensor.shaped(Trace(), "", value.sizes)
    return Example(called(functions.FUNCTIONS[name], name, [made, *arguments], {}).sizes, value.value)


def _scaled_example(sign: type, left: Any, right: Any) -> Any:
    """A tensor of one value times a number; of two, the first with nothing known of its values."""
    examples = [one for one in (left, right) if isinstance(one, Example)]
    if not examples:
        return NotImplemented
    other = right if isinstance(left, Example) else left
    value = examples[0].value
    if isinstance(other, Example) and other.sizes != examples[0].sizes:
        return UnknownValue("a tensor made of two others is not worked out")
    is_known = sign is ast.Mult and value is not None and type(other) in (int, float)
    return Example(examples[0].sizes, value * other if is_known else None)


def all_modules(value: Any, path: str = "", seen: set[int] | None = None) -> Iterator[tuple[str, Any]]:
    """The modules within a module, and within those, each once."""
    seen = {id(value)} if seen is None else seen
    for name, child in members_of(value):
        if id(child) not in seen:
            seen.add(id(child))
            here = _path(path, name)
            yield here, child
            yield from all_modules(child, here, seen)


def all_weights(value: Any) -> Iterator[tuple[str, Any]]:
    """The arrays that are trained in a module and in those within it, by their names."""
    for path, module in [("", value), *all_modules(value)]:
        if isinstance(module, TorchModule):
            yield from ((f"{path}.{one.name}".lstrip("."), one) for one in weights_of(module))
        else:
            owned = {n: one for n, one in module.members.items() if isinstance(one, OwnParameter)}
            yield from ((f"{path}.{n}".lstrip("."), one) for n, one in owned.items())


def _path(outer: str, name: str) -> str:
    return outer if name == BASE else f"{outer}.{name}".lstrip(".")


def members_of(value: Any) -> list[tuple[str, Any]]:
    """The modules within a module, by name."""
    members = value.children if isinstance(value, TorchModule) else value.members
    return [(name, child) for name, child in members.items() if is_module(child)]


def inputs_of(model: Any, given: int = 1) -> list[str]:
    """The names of a model's inputs: ``input`` where there is one, else what ``forward`` calls them."""
    method = model.kind.find("forward") if isinstance(model, Instance) else None
    if method is None or not isinstance(method[0], Function):
        return ["input"]
    taken = method[0].node.args
    names = [one.arg for one in (*taken.posonlyargs, *taken.args)][1:]
    count = max(1, given, len(names) - len(taken.defaults))
    return names[:count] if count > 1 and len(names) > 1 else ["input"]


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
            child.path = _path(path, name)
            walk(child, child.path, depth + 1)
