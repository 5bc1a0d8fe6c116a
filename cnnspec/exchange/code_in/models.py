"""The models that a file of Python code holds, and which of them is meant."""

from __future__ import annotations

import ast
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from cnnspec.diagnostics import SpecError, suggestion
from cnnspec.exchange.code_in.interpreter import Interpreter
from cnnspec.exchange.code_in.keras.library import is_keras_class
from cnnspec.exchange.code_in.keras.model import KerasModel, models_within
from cnnspec.exchange.code_in.torch.tree import all_modules, is_module, is_module_class, members_of
from cnnspec.exchange.code_in.trace import NotFollowed
from cnnspec.exchange.code_in.values import (
    Function,
    Instance,
    UserClass,
)


@dataclass
class Models:
    """Those of a file that ``reader`` has gone through; ``wanted`` is the name of one, or none."""

    reader: Interpreter
    file: Path
    wanted: str

    def chosen(self) -> tuple[str, Any]:
        """The name and value of the one model that is meant; raises SpecError where that is not clear."""
        models = self.found()
        name = self._chosen(models)
        return name, models[name]

    def found(self) -> dict[str, Any]:
        """The models of the file by name: objects first, then classes that nothing made an object of."""
        names = self.reader.names.values
        found: dict[str, Any] = {}
        seen: set[int] = set()
        for name, value in names.items():
            is_keras = isinstance(value, Instance) and is_keras_class(value.kind)
            if id(value) in seen or not (isinstance(value, KerasModel) or is_keras or is_module(value)):
                continue
            seen.add(id(value))
            is_of_a_class = isinstance(value, Instance) and not is_keras
            found[value.kind.name if is_of_a_class else name] = value
        inner = set(self._within(found.values()))
        found = {name: model for name, model in found.items() if id(model) not in inner} or found
        used = {id(model.kind) for model in found.values() if isinstance(model, Instance)}
        used |= set(self._parts(found.values()))
        classes = {
            name: value
            for name, value in names.items()
            if isinstance(value, UserClass) and (is_module_class(value) or is_keras_class(value))
        }
        for name, kind in classes.items():
            if id(kind) not in used or name == self.wanted:
                found.setdefault(name, kind)
        if not found or (self.wanted and self.wanted not in found):
            found |= dict(self._built(names))
        return self._outermost(found) if not self.wanted else found

    def _built(self, names: dict[str, Any]) -> Iterator[tuple[str, Any]]:
        """The models that functions of the file give, where these need no arguments."""
        for name, value in list(names.items()):
            if isinstance(value, Function) and not isinstance(value.node, ast.Lambda):
                taken = value.node.args
                needs = len(taken.args) > len(taken.defaults) or bool(taken.posonlyargs)
                if needs or self.wanted not in ("", name):
                    continue
                try:
                    made = self.reader.enter(value, [], {}, value.node)
                except NotFollowed as fault:
                    self.reader.faults[value.node.lineno] = fault
                    continue
                if isinstance(made, KerasModel) or is_module(made):
                    yield name, made

    def _within(self, models: Any) -> Iterator[int]:
        """The models that are parts of others."""
        for model in models:
            if is_module(model):
                yield from (id(part) for _, part in all_modules(model))
            elif isinstance(model, KerasModel):
                yield from map(id, models_within(model))

    def _parts(self, models: Any) -> Iterator[int]:
        """The classes that models are made of."""
        todo, seen = [model for model in models if is_module(model)], set()
        while todo:
            model = todo.pop()
            if id(model) in seen:
                continue
            seen.add(id(model))
            for _, child in members_of(model):
                todo.append(child)
                if isinstance(child, Instance):
                    yield id(child.kind)

    def _outermost(self, found: dict[str, Any]) -> dict[str, Any]:
        """Without the classes that another of them is built from: those that its text names."""
        kinds = {name: value for name, value in found.items() if isinstance(value, UserClass)}
        inner = set()
        for name, kind in kinds.items():
            words = {n.id for n in ast.walk(kind.node) if isinstance(n, ast.Name)} if kind.node else set()
            inner |= (words & kinds.keys()) - {name}
        return {name: value for name, value in found.items() if name not in inner} or found

    def _chosen(self, models: dict[str, Any]) -> str:
        if self.wanted:
            if self.wanted in models:
                return self.wanted
            cure = suggestion(self.wanted, list(models), f"there are {', '.join(models) or 'none'}")
            raise SpecError.of("code-not-followed", f"{self.file} has no model {self.wanted}; {cure}")
        if len(models) == 1:
            return next(iter(models))
        if models:
            names = ", ".join(models)
            cure = f"say which: {self.file}:{[*models][-1]}"
            raise SpecError.of("several-models", f"{self.file} has {len(models)} models: {names}", cure)
        return self._listing()

    def _listing(self) -> str:
        """No model: why, or a constructor that stands alone, as slides print it."""
        if self.reader.faults:
            raise SpecError([fault.diagnostic() for fault in self.reader.faults.values()])
        raise SpecError.of(
            "code-not-followed", f"{self.file} describes no network that the reader knows",
            "it follows Keras's Sequential and functional models, and PyTorch's modules",
        )  # fmt: skip
