"""PyTorch's and Keras's libraries, asked in turn."""

from __future__ import annotations

import ast
from typing import Any, Final

from cnnspec.exchange.code_in.interpreter import Interpreter
from cnnspec.exchange.code_in.keras.library import KerasLibrary
from cnnspec.exchange.code_in.keras.model import KerasTensor
from cnnspec.exchange.code_in.own_helpers import own
from cnnspec.exchange.code_in.torch.library import TorchLibrary
from cnnspec.exchange.code_in.values import (
    External,
    Library,
    UserClass,
)

SETTINGS: Final = ("backends", "cuda", "set_", "config", "random", "multiprocessing", "utils", "_dynamo")
"""Parts of libraries that hold how things are run."""


class Frameworks(Library):
    """Asks PyTorch's and Keras's libraries in turn."""

    def __init__(self) -> None:
        self.torch, self.keras = TorchLibrary(), KerasLibrary()
        self.parts: tuple[Any, ...] = (self.torch, self.keras)
        self.reader: Interpreter | None = None

    def attach(self, reader: Interpreter) -> None:
        self.reader = self.torch.reader = self.keras.reader = reader

    @property
    def node(self) -> Any:
        return self.torch.node

    @node.setter
    def node(self, node: Any) -> None:
        self.torch.node = self.keras.node = node

    def constructed(self, kind: UserClass) -> Any:
        assert self.reader is not None
        return self.reader.construct(kind, [], {}, kind.node)

    def name(self, name: str) -> Any:
        for part in self.parts:
            try:
                return part.name(name)
            except KeyError:
                continue
        raise KeyError(name)

    def call(self, target: Any, arguments: list[Any], options: dict[str, Any]) -> Any:
        return self._first("call", target, arguments, options)

    def attribute(self, value: Any, name: str) -> Any:
        return self._first("attribute", value, name)

    def item(self, value: Any, key: Any) -> Any:
        return self._first("item", value, key)

    def binary(self, sign: type, left: Any, right: Any) -> Any:
        return self._first("binary", sign, left, right)

    def in_place(self, sign: type, left: Any, right: Any) -> Any:
        return self._first("in_place", sign, left, right)

    def computes(self, owner: External) -> bool:
        first, _, rest = owner.path.partition(".")
        return first in ("torch", "keras", "tensorflow", "tf_keras") and not rest.startswith(SETTINGS)

    def has_values(self, *values: Any) -> bool:
        return self.torch.has_values(*values) or any(isinstance(one, KerasTensor) for one in values)

    def passed(self, name: str, target: Any, values: list[Any]) -> None:
        self.torch.passed(name, target, values)

    def assign(self, value: Any, name: Any, new: Any) -> Any:
        return self._first("assign", value, name, new)

    def is_a(self, value: Any, kind: External) -> Any:
        return self._first("is_a", value, kind)

    def defined(self, node: ast.FunctionDef | ast.ClassDef) -> Any:
        return own(node)

    def _first(self, question: str, *arguments: Any) -> Any:
        for part in self.parts:
            if (found := getattr(part, question)(*arguments)) is not NotImplemented:
                return found
        return NotImplemented
