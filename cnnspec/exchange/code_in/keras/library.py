"""Keras as code that is read meets it: its functions, layers, tensors and models."""

from __future__ import annotations

import ast
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any, Final

from cnnspec.exchange.code_in.interpreter import Interpreter
from cnnspec.exchange.code_in.keras.layering import ACTIVATIONS, Initializer, Map, initializer_names
from cnnspec.exchange.code_in.keras.model import (
    KerasLayer,
    KerasModel,
    KerasTensor,
    append_layer,
    evaluate,
    give,
    layer_by,
    layers_of,
    parts_of,
    shape_from,
    starts_of,
)
from cnnspec.exchange.code_in.keras.options import ALL
from cnnspec.exchange.code_in.keras.table import KINDS, SAME_KINDS
from cnnspec.exchange.code_in.own_helpers import Own, only_loads
from cnnspec.exchange.code_in.signature import bound
from cnnspec.exchange.code_in.trace import NotFollowed, Trace
from cnnspec.exchange.code_in.values import External, Instance, Library, UnknownValue, UserClass
from cnnspec.layers.base import Shape
from cnnspec.text import Span

USUAL: Final = {
    "tf": "tensorflow", "keras": "keras", "layers": "keras.layers", "models": "keras.models",
    "Sequential": "keras.Sequential", "Input": "keras.Input", "Model": "keras.Model", "ops": "keras.ops",
}  # fmt: skip
"""NameScope that listings use without importing them."""
LIBRARIES: Final = ("keras", "tensorflow", "tf_keras")


UNSEEN: Final = frozenset({"training", "mask"})
"""What Keras gives to calls by itself."""


def keras_layer(kind: str, arguments: list[Any], options: dict[str, Any], span: Span | None) -> KerasLayer:
    """A layer as its constructor makes it."""
    found = bound(kind, KINDS[kind].arguments, arguments, options, ALL)
    name = found.get("name")
    return KerasLayer(kind, found, name if isinstance(name, str) else "", span)


def is_keras_class(kind: UserClass) -> bool:
    """Whether a class of the file is a Keras model."""
    return any(base.last in ("Model", "Layer") and _is_keras(base.path) for base in kind.library())


def _is_numpy(target: External) -> bool:
    return target.path.partition(".")[0] in ("np", "numpy") and target.last in MADE


def _is_keras(path: str) -> bool:
    return path.partition(".")[0] in LIBRARIES


@dataclass
class KerasLibrary(Library):
    """Answers an interpreter."""

    reader: Interpreter | None = None
    node: Any = None
    called: list[tuple[KerasModel, KerasTensor]] = field(default_factory=list)
    """The models that were given tensors, and these."""

    def name(self, name: str) -> Any:
        if name in USUAL:
            return External(USUAL[name])
        if name in KINDS or name in SAME_KINDS:
            return External(f"keras.layers.{name}")
        raise KeyError(name)

    def call(self, target: Any, arguments: list[Any], options: dict[str, Any]) -> Any:
        assert self.reader is not None
        span = self.reader.span(self.node)
        if isinstance(target, External) and (_is_keras(target.path) or _is_numpy(target)):
            return self._external(target, arguments, options, span)
        if isinstance(target, Own) and target.is_keras:
            return self._helper(target, arguments, options, span)
        if isinstance(target, KerasLayer):
            return self._called(target, arguments, options)
        if isinstance(target, KerasModel) and arguments:
            given = arguments[0] if isinstance(arguments[0], list | tuple) else arguments[:1]
            if all(isinstance(one, KerasTensor) for one in given):
                self.called.append((target, given[0]))
                found = target.applied(given)
                return found[0] if len(found) == 1 else found
        if isinstance(target, _KerasMethod):
            return target.call(arguments, options)
        if isinstance(target, Instance) and is_keras_class(target.kind):
            if arguments and all(isinstance(one, Sizes) for one in arguments):
                target.examples.append(tuple(one.shape for one in arguments))
                return UnknownValue("what a model gives for an example is not worked out")
            return self.run(target, arguments, options)
        return NotImplemented

    def _called(self, layer: KerasLayer, arguments: list[Any], options: dict[str, Any]) -> Any:
        """A layer on tensors, with what its call takes besides."""
        if options.get("training") is True:
            raise NotFollowed("training=True keeps this layer as in training, which has no counterpart here")
        named = [options[name] for name in ("query", "value", "key", "inputs") if name in options]
        if layer.kind == "MultiHeadAttention":
            if options.get("use_causal_mask") or any(
                "mask" in name and options[name] is not None for name in options
            ):
                raise NotFollowed("attention with a mask has no counterpart here")
            return self._applied(layer, [[*arguments, *named]])
        return self._applied(layer, arguments or named)

    def _applied(self, layer: KerasLayer, arguments: list[Any]) -> Any:
        given = arguments[0] if arguments else None
        inputs = tuple(given) if isinstance(given, list | tuple) else (given,)
        if not all(isinstance(one, KerasTensor) for one in inputs):
            return UnknownValue("a layer reads something that is no tensor of the model")
        return KerasTensor(layer, inputs)

    def _helper(
        self, target: Own, arguments: list[Any], options: dict[str, Any], span: Span | None
    ) -> Any:  # fmt: skip
        """A function or class of a file that cnnspec wrote."""
        if only_loads(target):
            return None
        if target.name == "set_values":
            give(*arguments, **options)
            return None
        kind = f"cnnspec.{target.name}"
        if kind not in KINDS:
            raise NotFollowed(f"{target.name} is not read back")
        if target.name[0].isupper():
            return keras_layer(kind, arguments, options, span)
        count = 2 if target.name == "unpooled" else 1
        return self._applied(keras_layer(kind, arguments[count:], options, span), [arguments[:count]])

    def _external(
        self, target: External, arguments: list[Any], options: dict[str, Any], span: Span | None
    ) -> Any:
        if target.last in MADE and not target.path.startswith("torch"):
            sizes = options.get(
                "shape", options.get("size", arguments[0] if len(arguments) == 1 else arguments)
            )
            shape = shape_from(tuple(sizes)[1:]) if isinstance(sizes, list | tuple) else None
            return Sizes(shape) if shape else NotImplemented
        makers = {"Input": self._input, "InputLayer": self._input, "Sequential": self._sequential,
                  "Model": self._model, "set_image_data_format": self._ordered}  # fmt: skip
        last = SAME_KINDS.get(target.last, target.last)
        if ".initializers." in target.path and last != "get":
            return Initializer(
                last, {**dict(zip(initializer_names(last), arguments, strict=False)), **options}
            )
        if last in makers:
            return makers[last](arguments, options)
        if target.last in SAME_KINDS and target.last.islower():
            joined = len(arguments) > 1 and all(isinstance(one, KerasTensor) for one in arguments)
            return self._applied(keras_layer(last, [], options, span), [arguments] if joined else arguments)
        if last in KINDS and not (last[0].islower() and ".layers." in target.path):
            if last[0].islower():
                return self._applied(keras_layer(last, arguments[1:], options, span), arguments[:1])
            return keras_layer(last, arguments, options, span)
        if last in ACTIVATIONS and arguments and isinstance(arguments[0], KerasTensor):
            return self._curved(last, arguments, options, span)
        if ".layers." in target.path and target.last[:1].isupper():
            raise NotFollowed(f"the reader does not know Keras's {target.last}")
        return NotImplemented

    def _curved(self, kind: str, arguments: list[Any], options: dict[str, Any], span: Span | None) -> Any:
        """An activation of a tensor as a function, which is read as it is by default."""
        if arguments[1:] or options.keys() - {"name"}:
            raise NotFollowed(f"{kind} with options is not read")
        return self._applied(KerasLayer(kind, {}, "", span), arguments)

    def _ordered(self, arguments: list[Any], options: dict[str, Any]) -> None:
        if "channels_first" in (*arguments, *options.values()):
            raise NotFollowed("channels_first is not read", "leave it out: channels are last")

    def _input(self, arguments: list[Any], options: dict[str, Any]) -> Any:
        given = options.get("shape", arguments[0] if arguments else options.get("input_shape"))
        if given is None and (batch := options.get("batch_shape")) is not None:
            given = batch[1:]
        shape = shape_from(given)
        if shape is None:
            raise NotFollowed(
                "the shape of this input is not in the code", "say it behind the file, as in @28x28x1"
            )
        return KerasTensor(None, (), shape, _title(options))

    def _sequential(self, arguments: list[Any], options: dict[str, Any]) -> KerasModel:
        assert self.reader is not None
        made, layers = KerasModel(name=_title(options)), options.get("layers", (*arguments, None)[0])
        for layer in self.reader.items([] if layers is None else layers, self.node):
            append_layer(made, layer)
        return made

    def _model(self, arguments: list[Any], options: dict[str, Any]) -> Any:
        inputs = options.get("inputs", arguments[0] if arguments else None)
        outputs = options.get("outputs", arguments[1] if len(arguments) > 1 else None)
        both: list[list[Any]] = [
            list(one) if isinstance(one, list | tuple) else [one] for one in (inputs, outputs)
        ]
        if not all(isinstance(one, KerasTensor) for part in both for one in part):
            why = next((one.why for part in both for one in part if isinstance(one, UnknownValue)), "")
            raise NotFollowed(
                "the inputs or outputs of this model cannot be followed" + (f": {why}" if why else "")
            )
        starts = {id(one) for one in both[0]}
        used = [model for model, x in self.called if starts & {id(one) for one in starts_of(x)}]
        return KerasModel([], both[0], both[1], _title(options), used)

    def run(self, instance: Instance, arguments: list[Any], options: dict[str, Any]) -> Any:
        """What a model or layer of the file gives for tensors."""
        assert self.reader is not None
        method = instance.kind.find("call")
        if method is None:
            raise NotFollowed(f"{instance.kind.name} has no call")
        function = replace(method[0], bound=instance)
        taken = {one.arg for one in (*function.node.args.args, *function.node.args.kwonlyargs)}
        own = {name: one for name, one in options.items() if name in taken or name not in UNSEEN}
        return self.reader.enter(function, arguments, own, self.node)

    def attribute(self, value: Any, name: str) -> Any:
        if isinstance(value, KerasModel):
            return self._of_model(value, name)
        if isinstance(value, KerasTensor):
            if name == "shape":
                return (None, *self._shape_of(value))
            return NotImplemented
        if isinstance(value, Instance) and is_keras_class(value.kind):
            return _KerasMethod(value, name)
        if isinstance(value, KerasLayer):
            return value.options.get(name, NotImplemented)
        return NotImplemented

    def _of_model(self, value: KerasModel, name: str) -> Any:
        if name in ("input", "output") and value.outputs:
            return value.inputs[0] if name == "input" else value.outputs[0]
        if name == "layers":
            return parts_of(value)
        return _KerasMethod(value, name)

    def _shape_of(self, tensor: KerasTensor) -> Shape:
        """The shape of a tensor on the way, where the code asks for it."""
        starts = starts_of(tensor)
        trace = Trace()
        trace.start({str(n): one.shape for n, one in enumerate(starts) if one.shape})
        memo = {id(one): Map(str(n)) for n, one in enumerate(starts)}
        return trace.shapes[evaluate(tensor, trace, memo).node]

    def assign(self, value: Any, name: Any, new: Any) -> Any:
        if name == "trainable" and isinstance(value, KerasLayer | KerasModel):
            for layer in layers_of(value):
                layer.options["trainable"] = new is not False
            return None
        return NotImplemented

    def is_a(self, value: Any, kind: External) -> Any:
        if not _is_keras(kind.path):
            return NotImplemented
        if isinstance(value, KerasLayer):
            return kind.last in ("Layer", value.kind) or SAME_KINDS.get(kind.last) == value.kind
        if isinstance(value, KerasModel):
            return kind.last in ("Layer", "Model") or (kind.last == "Sequential" and not value.outputs)
        return False

    def item(self, value: Any, key: Any) -> Any:
        if not isinstance(value, KerasTensor):
            return NotImplemented
        last = key[-1] if isinstance(key, tuple) and key[:-1] else None
        others = key[:-1] if isinstance(key, tuple) else ()
        if not isinstance(last, slice) or last.step not in (None, 1) or any(
            one is not Ellipsis and one != slice(None) for one in others
        ):  # fmt: skip
            raise NotFollowed("only channels are taken from a tensor, as in x[..., 0:8]")
        bounds = {"start": last.start or 0, "stop": 2**40 if last.stop is None else last.stop}
        assert self.reader is not None
        return KerasTensor(KerasLayer("slice", bounds, "", self.reader.span(self.node)), (value,))

    def binary(self, sign: type, left: Any, right: Any) -> Any:
        kinds = {ast.Add: "Add", ast.Mult: "Multiply", ast.Sub: "Subtract", ast.Div: "Divide"}
        if not isinstance(left, KerasTensor) and not isinstance(right, KerasTensor):
            return NotImplemented
        if (found := _with_number(sign, left, right)) is not None:
            assert self.reader is not None
            layer = KerasLayer(*found, "", self.reader.span(self.node))
            return KerasTensor(layer, (left if isinstance(left, KerasTensor) else right,))
        if sign not in kinds or not (isinstance(left, KerasTensor) and isinstance(right, KerasTensor)):
            raise NotFollowed("arithmetic of a tensor and something else has no counterpart here")
        assert self.reader is not None
        return KerasTensor(KerasLayer(kinds[sign], {}, "", self.reader.span(self.node)), (left, right))


def _with_number(sign: type, left: Any, right: Any) -> tuple[str, dict[str, Any]] | None:
    """The layer that a tensor and a number make; None for two tensors and all else."""
    is_first = isinstance(left, KerasTensor)
    number = right if is_first else left
    if type(number) not in (int, float):
        return None
    n = float(number)
    if sign is ast.Pow and is_first:
        return ("square", {}) if n == 2 else ("power", {"exponent": n})
    ways = {ast.Add: (1.0, n), ast.Mult: (n, 0.0), ast.Sub: (1.0, -n) if is_first else (-1.0, n)}
    if sign is ast.Div and is_first and n:
        ways[ast.Div] = (1 / n, 0.0)
    if sign not in ways:
        return None
    return "by number", dict(zip(("by", "shift"), ways[sign], strict=True))


def _title(options: dict[str, Any]) -> str:
    name = options.get("name")
    return name if isinstance(name, str) else ""


@dataclass(frozen=True, eq=False)
class Sizes:
    """A tensor or an array made of a shape, as listings try a model with."""

    shape: Shape


MADE: Final = ("zeros", "ones", "normal", "uniform", "rand", "randn", "random")
"""Functions that make one."""


@dataclass(frozen=True, eq=False)
class _KerasMethod:
    value: Any
    name: str

    def call(self, arguments: Sequence[Any], options: Mapping[str, Any]) -> Any:
        if isinstance(self.value, KerasModel) and self.name == "get_layer":
            return layer_by(parts_of(self.value), *arguments, **options)
        if isinstance(self.value, KerasModel) and self.name == "add":
            append_layer(self.value, arguments[0] if arguments else None)
        if isinstance(self.value, KerasModel) and self.name == "pop" and self.value.layers:
            self.value.layers.pop()
        if isinstance(self.value, Instance) and self.name == "build" and arguments:
            shape = shape_from(tuple(arguments[0])[1:]) if isinstance(arguments[0], list | tuple) else None
            self.value.examples += [(shape,)] if shape else []
        return (
            None
            if self.name in ("add", "pop", "compile", "summary", "build", "super.__init__")
            else UnknownValue()
        )
