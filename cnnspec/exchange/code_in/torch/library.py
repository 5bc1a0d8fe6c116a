"""PyTorch as code that is read meets it: modules, functions, tensors and their methods."""

from __future__ import annotations

import ast
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any, Final

from cnnspec.exchange.code_in.flow import Tensor
from cnnspec.exchange.code_in.own_helpers import Own, only_loads
from cnnspec.exchange.code_in.signature import bound
from cnnspec.exchange.code_in.torch import basics as basics
from cnnspec.exchange.code_in.torch import functions as functions
from cnnspec.exchange.code_in.torch import modules as modules
from cnnspec.exchange.code_in.torch import views as views
from cnnspec.exchange.code_in.torch.attention import TorchScores
from cnnspec.exchange.code_in.torch.example import MADE, Example, called, method_of_example, scaled_example
from cnnspec.exchange.code_in.torch.modules import TorchModule
from cnnspec.exchange.code_in.torch.own import OWN
from cnnspec.exchange.code_in.torch.running import PASSED, SILENT, Bound, TorchModules
from cnnspec.exchange.code_in.torch.tree import is_module, is_part, library_kind, members_of
from cnnspec.exchange.code_in.torch.weights import ModuleWeight, OwnParameter, begin, give, is_turned
from cnnspec.exchange.code_in.trace import ModelArray, NotFollowed
from cnnspec.exchange.code_in.values import External, UnknownValue
from cnnspec.exchange.initials import of_truncated

USUAL: Final = {
    "nn": "torch.nn", "F": "torch.nn.functional", "torch": "torch", "Module": "torch.nn.Module",
}  # fmt: skip
"""NameScope that listings use without importing them."""
SIGNS: Final = {ast.Add: "add", ast.Mult: "mul", ast.Sub: "sub", ast.Div: "div", ast.Pow: "pow",
                ast.MatMult: "matmul"}  # fmt: skip
READ_ONLY: Final = ("clip_grad_norm_", "clip_grad_value_", "parameters_to_vector", "get_total_norm")
"""What ``torch.nn.utils`` does to a model that changes no number of it in use."""


@dataclass
class TorchLibrary(TorchModules):
    """Answers an interpreter; ``trace`` gathers the layers while a model is gone through."""

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
        if target.name == "set_values":
            give(*arguments, **options)
            return None
        if target.name == "truncated_normal_":
            weight, scale, fan = arguments
            weight.module.inits[weight.name] = of_truncated(scale, fan, is_turned(weight)) or ""
            return None
        if target.name in OWN:
            return TorchModule(
                target.name, bound(target.name, OWN[target.name].arguments, arguments, options)
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
            return method_of_example(value, name, arguments)
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

    # A model -------------------------------------------------------------------------

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
            return scaled_example(sign, left, right)
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


def _within(values: Any) -> Iterator[Any]:
    """Values, and those in lists and dictionaries of them."""
    for one in values:
        yield one
        if isinstance(one, list | tuple | dict):
            yield from _within(one.values() if isinstance(one, dict) else one)


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
