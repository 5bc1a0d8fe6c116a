"""Trade with other programs: what a network is written as, and which files are read as one.

``TARGETS`` and ``ORIGINS`` are the tables: a row names what has to be installed and the function that does
it, which is imported when it is first asked for. What a target cannot say is ``unsupported``, by layer and
reason.
"""

from __future__ import annotations

from os import PathLike
from pathlib import Path
from typing import TYPE_CHECKING, Final

from cnnspec.document import file_of
from cnnspec.exchange.live import from_keras as from_keras
from cnnspec.exchange.live import from_torch as from_torch
from cnnspec.exchange.trade import Arrays, Imported, Origin, Target, require
from cnnspec.upward import upward

if TYPE_CHECKING:
    from cnnspec.document import Document
    from cnnspec.layers.base import Shape
    from cnnspec.network.graph import Network
    from cnnspec.upward import Model


def _to_onnx(network: Network, weights: Arrays, text: str) -> bytes:
    from cnnspec.exchange.onnx_out.encode import encoded

    return encoded(network, weights, text)


def _to_pytorch(network: Network, weights: Arrays, text: str) -> str:
    from cnnspec.exchange.code_out.pytorch.module import code

    return code(network)


def _to_keras(network: Network, weights: Arrays, text: str) -> str:
    from cnnspec.exchange.code_out.keras.model import code

    return code(network)


TARGETS: Final[dict[str, Target]] = {
    "onnx": Target("ONNX", ".onnx", _to_onnx, has_weights=True, module="onnx", extra="onnx"),
    "pytorch": Target("PyTorch", ".py", _to_pytorch),
    "keras": Target("Keras", ".py", _to_keras),
}
"""By the word for ``--to``."""


def _from_onnx(path: Path, shape: Shape | None) -> Imported:
    from cnnspec.exchange.onnx_in.read import read

    return read(path, shape)


def _from_code(path: Path, shape: Shape | None) -> Imported:
    from cnnspec.exchange.code_in.read import imported

    return imported(path, shape)


ORIGINS: Final[dict[str, Origin]] = {
    ".onnx": Origin("ONNX", _from_onnx, module="onnx", extra="onnx"),
    ".py": Origin("Python code", _from_code), ".ipynb": Origin("notebooks", _from_code),
}  # fmt: skip
"""By the ending of the file."""


def origin_of(path: str | Path) -> Origin | None:
    """What reads this file as a network; None for specs and all else."""
    return ORIGINS.get(file_of(path).suffix.lower())


def imported(path: Path, shape: Shape | None = None) -> Imported:
    """What a file of another program says, its input of this shape where the file leaves that open.

    Raises OSError and SpecError where it cannot be read.
    """
    origin = ORIGINS[file_of(path).suffix.lower()]
    require(f"reading {origin.title}", origin.module, origin.extra)
    return origin.read(path, shape)


def from_onnx(path: str | PathLike[str], shape: Shape | None = None) -> Model:
    """The model in an ONNX file: the network as a spec says it, with the file's weights.

    ``shape`` is the input's, height x width x channels, where the file leaves its sizes open. Raises OSError
    where the file cannot be read, SpecError naming every node that cannot be said in a spec.
    """
    found = imported(Path(path), shape)
    model: Model = upward("build")(found.document(str(path)).whole_network, 0)
    model.weights.update(found.weights or {})
    return model


def document_of(path: Path, name: str) -> Document | None:
    """The document of another program's file; None where the file is none of theirs."""
    return imported(path).document(name) if origin_of(path) else None
