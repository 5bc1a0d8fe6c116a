"""Convolutional networks from a few lines of text: shapes, costs, pictures, training.

>>> import cnnspec
>>> cnnspec.parse("input 28x28x1; conv 6 5x5 padding=2; flatten; dense 10").output
(10,)
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from cnnspec.analysis.report import Analysis, analyze
    from cnnspec.diagnostics import Diagnostic, SpecError
    from cnnspec.document import load, parse
    from cnnspec.network.graph import Network
    from cnnspec.training.data import data

__version__ = "0.1.0"
__all__ = ["Analysis", "Diagnostic", "Network", "SpecError", "analyze", "data", "load", "parse"]

_HOMES = {
    "Analysis": "cnnspec.analysis.report",
    "Diagnostic": "cnnspec.diagnostics",
    "Network": "cnnspec.network.graph",
    "SpecError": "cnnspec.diagnostics",
    "analyze": "cnnspec.analysis.report",
    "data": "cnnspec.training.data",
    "load": "cnnspec.document",
    "parse": "cnnspec.document",
}
"""Where each name lives; it is imported when it is first asked for."""


def __getattr__(name: str) -> Any:
    if name not in _HOMES:
        raise AttributeError(f"module 'cnnspec' has no attribute {name!r}")
    return getattr(import_module(_HOMES[name]), name)


def __dir__() -> list[str]:
    return sorted(__all__)
