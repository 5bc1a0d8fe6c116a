"""Trade with other programs: what a network is written as, and which files are read as one.

``TARGETS`` and ``ORIGINS`` are the tables: a row names what has to be installed and the function that does
it, which is imported when it is first asked for. What a target cannot say is ``unsupported``, by layer and
reason.
"""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Final

from cnnspec.exchange.trade import Arrays, Imported, Origin, Target, require

if TYPE_CHECKING:
    from cnnspec.document import Document
    from cnnspec.network.graph import Network


def _to_onnx(network: Network, weights: Arrays, text: str) -> bytes:
    from cnnspec.exchange.onnx_out import encoded

    return encoded(network, weights, text)


def _to_pytorch(network: Network, weights: Arrays, text: str) -> str:
    from cnnspec.exchange.code_out.pytorch import code

    return code(network)


def _to_keras(network: Network, weights: Arrays, text: str) -> str:
    from cnnspec.exchange.code_out.keras import code

    return code(network)


TARGETS: Final[dict[str, Target]] = {
    "onnx": Target("ONNX", ".onnx", _to_onnx, has_weights=True, module="onnx", extra="onnx"),
    "pytorch": Target("PyTorch", ".py", _to_pytorch),
    "keras": Target("Keras", ".py", _to_keras),
}
"""By the word for ``--to``."""

ORIGINS: Final[dict[str, Origin]] = {}
"""By the ending of the file."""


def origin_of(path: str | Path) -> Origin | None:
    """What reads this file as a network; None for specs and all else."""
    return ORIGINS.get(Path(path).suffix.lower())


def imported(path: Path) -> Imported:
    """What a file of another program says; raises OSError and SpecError where it cannot be read."""
    origin = ORIGINS[path.suffix.lower()]
    require(f"reading {origin.title}", origin.module, origin.extra)
    return origin.read(path)


def document_of(path: Path, name: str) -> Document | None:
    """The document of another program's file; None where the file is none of theirs."""
    return imported(path).document(name) if origin_of(path) else None
