"""A network and its weights from a live PyTorch module: the graph that ``torch.export`` gives, op by op."""

from __future__ import annotations

import operator
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from typing import Any, Final

from cnnspec.diagnostics import SpecError
from cnnspec.exchange.code_in.flow import Tensor
from cnnspec.exchange.code_in.result import Read, finished
from cnnspec.exchange.code_in.torch import basics as basics
from cnnspec.exchange.code_in.torch import functions as functions
from cnnspec.exchange.code_in.torch import layers as layers
from cnnspec.exchange.code_in.torch import pools as pools
from cnnspec.exchange.code_in.torch import views as views
from cnnspec.exchange.code_in.trace import FAULTS, ModelArray, NotFollowed, Trace
from cnnspec.exchange.code_in.values import UnknownValue
from cnnspec.exchange.trade import require

WHOLE: Final = ("MultiheadAttention", "LocalResponseNorm")
"""Modules that are one layer here and many operations there."""


def _batch_norm(x: Any, weight: Any, bias: Any, mean: Any, var: Any, *rest: Any) -> Tensor:
    return layers.batch_norm(x, mean, var, weight, bias, *rest[:3])


def _instance_norm(x: Any, weight: Any, bias: Any, mean: Any, var: Any, *rest: Any) -> Tensor:
    return layers.instance_norm(x, mean, var, weight, bias, *rest[:3])


def _resized(mode: str, has_corners: bool) -> Callable[..., Tensor]:
    def resize(x: Any, size: Any, *rest: Any) -> Tensor:
        corners, *factors = rest if has_corners else (None, *rest)
        return pools.interpolate(x, size, factors[0] if factors else None, mode, corners)

    return resize


def _unpool(x: Any, indices: Any, size: Any, *_: Any) -> Tensor:
    if not isinstance(indices, pools.Places):
        raise NotFollowed("unpooling by other places than those of a pool has no counterpart here")
    pool: Any = basics.tensor(x).trace.made[indices.pool.node].layer
    return pools.max_unpool(x, indices, pool.kernel, pool.stride, pool.padding, size)


def _slice(x: Any, dim: int = 0, start: Any = None, end: Any = None, step: int = 1) -> Tensor:
    if step != 1:
        raise NotFollowed("every so many-th channel or row of a tensor is taken")
    return views.cut(basics.tensor(x), dim, start or 0, end if end is not None else 2**62)


ATEN: Final[dict[str, Callable[..., Any]]] = {
    **functions.FUNCTIONS,
    "batch_norm": _batch_norm, "instance_norm": _instance_norm,
    "layer_norm": lambda x, shape, weight=None, bias=None, eps=1e-5, *_: layers.layer_norm(
        x, shape, weight, bias, eps),
    "group_norm": lambda x, groups, weight=None, bias=None, eps=1e-5, *_: layers.group_norm(
        x, groups, weight, bias, eps),
    **{f"upsample_nearest{n}d": _resized("nearest", False) for n in (1, 2, 3)},
    "upsample_linear1d": _resized("linear", True), "upsample_bilinear2d": _resized("bilinear", True),
    "upsample_trilinear3d": _resized("trilinear", True), "upsample_bicubic2d": _resized("bicubic", True),
    "max_pool2d_with_indices": lambda x, *rest: pools.max_pool(2)(x, *rest, return_indices=True),
    **{f"max_unpool{n}d": _unpool for n in (2, 3)}, "slice": _slice, "split_with_sizes": views.split,
    "constant_pad_nd": lambda x, pad, value=0: pools.pad(x, pad, "constant", value),
    "alias": views.unchanged, "lift_fresh_copy": views.clone,
}  # fmt: skip
"""What the operations of exported graphs do, by their names without ``aten``."""


def from_torch(module: Any, example: Any) -> Read:
    """The network of a module in use (``eval``), and its weights by the names of the network.

    ``example`` is an input N x C x spatial. Raises SpecError for what the language cannot say, by module.
    """
    require("from_torch", "torch", "torch")
    import torch

    examples = example if isinstance(example, tuple) else (example,)
    try:
        with in_use(module):
            program = torch.export.export(module, examples)
    except Exception as error:
        message = f"torch.export cannot follow this module: {str(error).splitlines()[0]}"
        raise SpecError.of("code-not-followed", message) from error
    if len(examples) > 1 or not hasattr(examples[0], "shape"):
        raise SpecError.of("code-not-followed", "only modules with one tensor as their input are read")
    return _Graph(module, program, tuple(examples[0].shape)).read()


@contextmanager
def in_use(module: Any) -> Iterator[None]:
    """The module in its ``eval`` mode; afterwards each part of it is in the mode that it had."""
    modes = {part: part.training for part in module.modules()}
    module.eval()
    try:
        yield
    finally:
        for part, mode in modes.items():
            part.training = mode


class _Graph:
    def __init__(self, module: Any, program: Any, shape: tuple[int, ...]) -> None:
        self.module, self.program = module, program
        self.trace = Trace(batch=shape[0])
        self.shape = (*shape[2:], shape[1])
        self.values: dict[str, Any] = {}
        self.whole: dict[str, Any] = {}

    def read(self) -> Read:
        self.trace.start({"input": self.shape})
        signature = self.program.graph_signature
        self.keys = {**signature.inputs_to_parameters, **signature.inputs_to_buffers}
        state = self.program.state_dict
        results: list[Any] = []
        for node in self.program.graph.nodes:
            try:
                if node.op == "placeholder":
                    self.values[node.name] = self._input(node.name, state)
                elif node.op == "call_function":
                    self.values[node.name] = self._call(node)
                elif node.op == "output":
                    results = self._results(self._values(node.args[0]))
            except NotFollowed as fault:
                where = self._path(node)[0] or "the module itself"
                fault.notes = (*fault.notes, f"in {where}, at {node.name}")
                raise SpecError([fault.diagnostic()]) from fault
        arrays = {key: value.detach().cpu().numpy() for key, value in state.items()}
        return finished(type(self.module).__name__, self.trace, {"input": self.shape}, results, arrays)

    def _results(self, values: Any) -> list[Tensor]:
        found = [value for value in values if value is not None]
        if not all(isinstance(value, Tensor) for value in found):
            raise NotFollowed("the module gives something else than tensors that come from its input")
        return found

    def _input(self, name: str, state: Mapping[str, Any]) -> Any:
        if name in self.keys:
            key = self.keys[name]
            return ModelArray(key, tuple(state[key].shape)) if key in state else None
        if name not in self.program.graph_signature.user_inputs:
            return UnknownValue("a tensor that is made in the code, and is no parameter")
        return Tensor.of(self.trace, "input")

    def _path(self, node: Any) -> tuple[str, str]:
        """The innermost module that a node belongs to: its path and its class."""
        stack = list((node.meta.get("nn_module_stack") or {}).values())
        for path, kind in stack:
            if str(getattr(kind, "__name__", kind)).rpartition(".")[2] in WHOLE:
                return path, str(kind).rpartition(".")[2]
        path, kind = stack[-1] if stack else ("", "")
        return path, str(getattr(kind, "__module__", "") or kind)

    def _values(self, argument: Any) -> Any:
        if isinstance(argument, list | tuple):
            return type(argument)(self._values(one) for one in argument)
        return self.values[argument.name] if hasattr(argument, "graph") else argument

    def _call(self, node: Any) -> Any:
        arguments, options = (
            self._values(tuple(node.args)),
            {k: self._values(v) for k, v in node.kwargs.items()},
        )
        if node.target is operator.getitem:
            return arguments[0][arguments[1]] if isinstance(arguments[0], tuple) else arguments[0]
        path, kind = self._path(node)
        if kind in WHOLE:
            return self._module(path, kind, arguments)
        name = str(getattr(node.target, "_schema", node.target)).partition("(")[0]
        asked = name.partition("::")[2].partition(".")[0] or name
        name = asked.rstrip("_")
        if name not in ATEN:
            raise NotFollowed(f"the language cannot say {name}")
        is_leaf = "torch.nn" in kind
        self.trace.prefer = path if is_leaf else ""
        self.trace.scope = [(path.rpartition(".")[0] if is_leaf else path, None)]
        try:
            found = functions.settled(asked, arguments[0], ATEN[name](*arguments, **options))
        except FAULTS as error:
            raise NotFollowed(f"{name} with these arguments is not read ({error})") from error
        finally:
            self.trace.scope, self.trace.prefer = [], ""
        return found

    def _module(self, path: str, kind: str, arguments: tuple[Any, ...]) -> Any:
        """A module that is one layer: made when its first operation is met."""
        if path not in self.whole:
            module: Any = self.module.get_submodule(path)
            x = next(a for a in arguments if isinstance(a, Tensor))
            if kind == "LocalResponseNorm":
                made: Any = layers.local_response_norm(x, module.size, module.alpha, module.beta, module.k)
            else:
                made = self._attention(path, module, x)
            self.whole[path] = made
        return self.whole[path]

    def _attention(self, path: str, module: Any, x: Tensor) -> Tensor:
        """``nn.MultiheadAttention`` of one tensor, or to another one: what is given to its operations."""
        if not module.batch_first:
            raise NotFollowed("this attention takes positions first", "give it batch_first=True")
        if module.bias_k is not None or module.add_zero_attn:
            raise NotFollowed("attention with keys of its own has no counterpart here")
        nodes = [node for node in self.program.graph.nodes if self._path(node)[0] == path]
        read = [one.name for node in nodes for one in node.all_input_nodes if one not in nodes]
        given = [one for name in dict.fromkeys(read) if isinstance(one := self.values.get(name), Tensor)]
        if len(given) > 2:
            raise NotFollowed(
                "attention to keys and values of two tensors, or with a mask, has no counterpart"
            )
        arrays = {
            name: ModelArray(f"{path}.{name}", tuple(one.shape)) for name, one in module.named_parameters()
        }
        return layers.attention(x, module.embed_dim, module.num_heads, arrays, path, given[-1])
