"""``use "blocks.cnn"``: blocks from other files, never from outside the spec's folder."""

from __future__ import annotations

import posixpath
from collections.abc import Callable, Iterable
from functools import lru_cache
from pathlib import Path

from cnnspec.binding.values import POISONED, SentenceError
from cnnspec.diagnostics import Label, SpecError
from cnnspec.elaborate.elaborator import AXIS_VALUES, Elaborator
from cnnspec.elaborate.faults import reordered
from cnnspec.elaborate.limits import DEEPEST
from cnnspec.elaborate.scope import Context, Definition, Module, Scope
from cnnspec.files import LARGEST, decoded, opened
from cnnspec.layers.registry import LAYERS
from cnnspec.network.expectation import names_in
from cnnspec.syntax import tree
from cnnspec.text import Source

Reader = Callable[[str], Source]
"""Gives the text of a file named from the spec's folder; raises OSError, ValueError or SpecError."""


def folder_reader(folder: Path) -> Reader:
    """Reads files in a folder and below it; a link that leads out of it is refused."""
    root = folder.resolve()

    def read(name: str) -> Source:
        try:
            path = (root / name).resolve()
        except RuntimeError:  # Python 3.13 tells it when the file is opened
            raise OSError("its links lead round in a circle") from None
        if not path.is_relative_to(root):
            raise ValueError(f'"{name}" lies outside the folder of the spec')
        with opened(path) as file:
            data = file.read(LARGEST + 1)
        return Source(str(folder / name), decoded(data, f'"{name}"'))

    return read


class Files:
    """The files of one elaboration; each is read once."""

    def __init__(self, elaborator: Elaborator, read: Reader | None) -> None:
        self.elaborator, self.read = elaborator, read
        self.modules: dict[str, Module] = {}
        self.reading: list[str] = []

    def define(self, statements: Iterable[tree.Statement], module: Module) -> None:
        """Takes the blocks of a file, and those of the files it uses."""
        own: dict[str, tree.BlockDefinition] = {}
        for statement in statements:
            if isinstance(statement, tree.Use):
                for name, definition in self._used(statement, module).items():
                    module.blocks.setdefault(name, definition)
            elif isinstance(statement, tree.BlockDefinition) and self._may_be_named(statement, own):
                own[statement.name.text] = statement
        module.blocks.update({name: Definition(block, module) for name, block in own.items()})

    def _may_be_named(self, block: tree.BlockDefinition, own: dict[str, tree.BlockDefinition]) -> bool:
        name, no_labels = block.name, tuple[Label, ...]()
        if name.text in LAYERS:
            message, labels = f"{name.text} is a layer; a block needs a name of its own", no_labels
        elif name.text in own:
            message = f"there are two blocks named {name.text}"
            labels = (Label(own[name.text].name.span, "the other one"),)
        else:
            return self._has_clear_parameters(block)
        help = ("choose another name",)
        self.elaborator.fault("repeated-block", message, name.span, *help, labels=labels)
        return False

    def _has_clear_parameters(self, block: tree.BlockDefinition) -> bool:
        seen: set[str] = set()
        for parameter in block.parameters:
            if parameter.name in seen:
                self.elaborator.fault(
                    "repeated-name",
                    f"{block.name.text} has two parameters named {parameter.name}",
                    parameter.span,
                    "choose another name",
                )
            else:
                self.elaborator.may_be_named(parameter.name, parameter.span, "parameter")
            seen.add(parameter.name)
        return True

    def _used(self, statement: tree.Use, module: Module) -> dict[str, Definition]:
        try:
            name = _inside(statement.path, module.name)
            return self._module(name, statement).blocks
        except SentenceError as fault:
            self.elaborator.report(fault.diagnostic)
        return {}

    def _module(self, name: str, statement: tree.Use) -> Module:
        if name in self.reading:
            chain = [*self.reading[self.reading.index(name) :], name]
            raise SentenceError(
                "use-in-a-circle", f"{name} is used by itself", statement.path.span,
                notes=(" uses ".join(chain),), help=("move the shared blocks to a file of their own",),
            )  # fmt: skip
        if len(self.reading) >= DEEPEST:
            message = f"files use files more than {DEEPEST} deep"
            raise SentenceError("nested-too-deeply", message, statement.path.span)
        if name not in self.modules:
            self.modules[name] = self._load(name, statement)
        return self.modules[name]

    def _load(self, name: str, statement: tree.Use) -> Module:
        source = self._source(name, statement)
        module = Module(name)
        for item in reordered(source):
            self.elaborator.report(item)
        try:
            spec = _tree(source.name, source.text)
        except SpecError as error:
            for diagnostic in error.diagnostics:
                self.elaborator.report(diagnostic)
            return module
        self.reading.append(name)
        self.define(spec.statements, module)
        self.reading.pop()
        self._constants(spec, module)
        return module

    def _constants(self, spec: tree.Spec, module: Module) -> None:
        """The constants of a used file; one that hangs on a tensor is not defined there."""
        context = Context(Scope(module), module.values)
        for statement in spec.statements:
            if isinstance(statement, tree.Let) and not _hangs_on_a_tensor(statement.value):
                try:
                    module.values[statement.name.text] = self.elaborator.closed(statement.value, context)
                except SentenceError as fault:
                    module.values[statement.name.text] = POISONED
                    self.elaborator.report(fault.diagnostic)

    def _source(self, name: str, statement: tree.Use) -> Source:
        span = statement.path.span
        if self.read is None:
            raise SentenceError(
                "use-not-found", f'"{name}" cannot be looked for: this spec lies in no folder', span,
                help=("save the spec to a file beside it",),
            )  # fmt: skip
        try:
            return self.read(name)
        except SpecError as error:
            raise SentenceError("use-not-found", error.diagnostics[0].message, span) from None
        except (OSError, ValueError) as error:
            reason = getattr(error, "strerror", None) or str(error)
            code = "use-not-found" if isinstance(error, OSError) else "use-outside-the-folder"
            raise SentenceError(
                code, f'"{name}" cannot be used: {reason}', span,
                help=("the file must lie beside the spec or below it",),
            ) from None  # fmt: skip


@lru_cache(maxsize=64)
def _tree(name: str, text: str) -> tree.Spec:
    """The tree of a file, read once however many networks use it."""
    from cnnspec.syntax.parse import parse

    return parse(Source(name, text))


def _hangs_on_a_tensor(value: tree.Expression) -> bool:
    return any(name.text in AXIS_VALUES for name in names_in(value))


def _inside(path: tree.Text, user: str) -> str:
    """The path from the spec's folder; raises SentenceError where it leads out of it."""
    text = path.value
    joined = posixpath.normpath(posixpath.join(posixpath.dirname(user), text))
    outside = joined == ".." or joined.startswith("../")
    if not text or "\\" in text or ":" in text or "\0" in text or posixpath.isabs(text) or outside:
        raise SentenceError(
            "use-outside-the-folder", f'"{text}" does not name a file in the folder of the spec', path.span,
            help=("use files that lie beside the spec or below it, with / between folders",),
        )  # fmt: skip
    if joined == ".":
        raise SentenceError("use-not-found", f'"{text}" is a folder', path.span)
    return joined
