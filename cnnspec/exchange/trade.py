"""What trade with other programs is made of: targets, origins, what was imported, what cannot be said."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from importlib.util import find_spec
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeAlias

from cnnspec.diagnostics import Diagnostic, SpecError
from cnnspec.document import Document
from cnnspec.records import record
from cnnspec.text import Source

if TYPE_CHECKING:
    from cnnspec.layers.base import Shape
    from cnnspec.network.graph import Network, Node

Arrays: TypeAlias = Mapping[str, Any]
"""NumPy arrays by the names and in the layouts of a network's weights."""


@record
class Imported:
    """What was read from another program's file: a spec, the weights where the file has some, and remarks."""

    text: str
    weights: Arrays | None = None
    notes: tuple[Diagnostic, ...] = ()

    def document(self, name: str) -> Document:
        """The document of the spec; ``name`` is what messages call it."""
        return Document(Source(name, self.text), weights=self.weights, remarks=self.notes)


@record
class Target:
    """A format that networks are written in.

    ``write(network, weights, text)`` gives the file; ``weights`` are those of the network, ``text`` its spec
    as its author wrote it. It raises ``unsupported`` for what the format cannot say.
    """

    title: str
    suffix: str
    write: Callable[[Network, Arrays, str], bytes | str]
    has_weights: bool = False
    """Whether the file holds the weights."""
    module: str = ""
    """What has to be installed to write it, and which of our extras brings it."""
    extra: str = ""


@record
class Origin:
    """A kind of file that is read as a network: ``read(path, shape)`` raises SpecError where it is none.

    ``shape`` is the input's where somebody says it, for files that do not.
    """

    title: str
    read: Callable[[Path, Shape | None], Imported]
    module: str = ""
    extra: str = ""


def require(purpose: str, module: str, extra: str) -> None:
    """Raises SpecError where a module is not installed."""
    if module and find_spec(module) is None:
        message = f"{purpose} needs the package {module}, which is not installed"
        raise SpecError.of("missing-extra", message, f"pip install 'cnnspec[{extra}]'")


def unsupported(title: str, faults: Iterable[tuple[Node, str]]) -> SpecError:
    """The error of all layers that a format cannot say, each with the reason."""
    return SpecError(
        Diagnostic(
            "unsupported-in-target", f"{title} cannot say {node.name} ({node.word}): {reason}", node.span
        )
        for node, reason in faults
    )
