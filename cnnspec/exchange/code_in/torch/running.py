"""PyTorch's modules as code meets them: their methods and parts, and what they give for tensors."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field, replace
from typing import Any, Final

from cnnspec.exchange.code_in.interpreter import Interpreter
from cnnspec.exchange.code_in.signature import only
from cnnspec.exchange.code_in.torch import basics as basics
from cnnspec.exchange.code_in.torch import functions as functions
from cnnspec.exchange.code_in.torch import modules as modules
from cnnspec.exchange.code_in.torch import views as views
from cnnspec.exchange.code_in.torch.example import called
from cnnspec.exchange.code_in.torch.modules import TorchModule
from cnnspec.exchange.code_in.torch.own import OWN
from cnnspec.exchange.code_in.torch.tree import (
    BASE,
    all_modules,
    all_weights,
    is_module,
    library_kind,
    members_of,
    option_of,
    weight_of,
)
from cnnspec.exchange.code_in.torch.weights import ModuleWeight
from cnnspec.exchange.code_in.trace import NotFollowed, Trace
from cnnspec.exchange.code_in.values import Function, Instance, Library, UnknownValue
from cnnspec.network.graph import Group

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


KNOWN: Final = (*PASSED, *SILENT, *LISTED, *METHODS, *HOOKS)


@dataclass(frozen=True, eq=False)
class Bound:
    """A method of a tensor or a module."""

    value: Any
    name: str


def _why(value: Any) -> str:
    return value.why if isinstance(value, UnknownValue) else "it is no function of the file"


class _InUse(int):
    """What ``self.training`` is while a model is read: no, but not as an option that says so."""


IN_USE: Final = _InUse(0)


@dataclass
class TorchModules(Library):
    """A library whose modules run; ``trace`` gathers the layers while a model is gone through."""

    reader: Interpreter | None = None
    trace: Trace = field(default_factory=Trace)
    node: Any = None
    numbers: dict[str, int] = field(default_factory=dict)

    def _refuse_change(self, value: Any, name: str, arguments: list[Any]) -> None:
        """What would make a module compute something else."""
        if name == "train" and self.is_running and arguments[:1] not in ([False], [IN_USE]):
            raise NotFollowed("a module is put into its training mode while the model runs")
        if name in HOOKS:
            raise NotFollowed("a hook may change what a module gives, and is not followed")
        if name in UNKNOWN and isinstance(value, TorchModule):
            raise NotFollowed(f"{name} of a {value.kind} is not followed")

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
                {**modules.MODULES, **OWN}[module.kind].run,
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
            found = weight_of(value, name)
            if found is not None or name in value.options:
                return found or option_of(value, name)
        elif name.startswith("super."):
            return Bound(value, name if name in ("super.__init__", "super.forward") else name[6:])
        elif (
            BASE in value.members
            and (found := self._of_module(value.members[BASE], name)) is not NotImplemented
        ):
            return found
        is_known = name in KNOWN or (name in UNKNOWN and isinstance(value, TorchModule))
        return Bound(value, name) if is_known else NotImplemented

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

    @property
    def is_running(self) -> bool:
        """Whether a model is gone through, and not made."""
        return bool(self.trace.shapes)
