"""The modules of a PyTorch model in code, within each other, with their weights and paths."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, Final

from cnnspec.exchange.code_in.torch import basics as basics
from cnnspec.exchange.code_in.torch import functions as functions
from cnnspec.exchange.code_in.torch import modules as modules
from cnnspec.exchange.code_in.torch import views as views
from cnnspec.exchange.code_in.torch.modules import TorchModule
from cnnspec.exchange.code_in.torch.weights import ModuleWeight, OwnParameter, weights_of
from cnnspec.exchange.code_in.trace import NotFollowed
from cnnspec.exchange.code_in.values import Function, Instance, UserClass


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


def is_part(value: Any) -> bool:
    """Whether a value is a module or a weight of a model."""
    return is_module(value) or isinstance(value, ModuleWeight | OwnParameter)


def option_of(module: TorchModule, name: str) -> Any:
    """An option as the module keeps it: one number an axis for a convolution."""
    value, kind = module.options[name], module.kind
    is_size = name in ("kernel_size", "stride", "padding", "dilation") and kind.startswith(
        ("Conv", "LazyConv")
    )
    return (value,) * int(kind[-2]) if is_size and type(value) is int else value


def weight_of(module: TorchModule, name: str) -> ModuleWeight | None:
    if name not in ("weight", "bias") or (name == "bias" and module.options.get("bias") is False):
        return None
    return next((one for one in weights_of(module) if one.name == name), None)


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
