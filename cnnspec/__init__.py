"""Convolutional networks from a few lines of text: shapes, costs, pictures, training.

>>> import cnnspec
>>> cnnspec.parse("input 28x28x1; conv 6 5x5 padding=2; flatten; dense 10").output
(10,)
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

from cnnspec import resources

if TYPE_CHECKING:
    from cnnspec.analysis.report import Analysis, analyze
    from cnnspec.diagnostics import Diagnostic, LayerError, SpecError
    from cnnspec.document import load, parse
    from cnnspec.exchange import from_keras, from_onnx, from_torch
    from cnnspec.face import compare, diff, draw, explain, quiz, report, solve
    from cnnspec.model import Model
    from cnnspec.network.graph import Network
    from cnnspec.recipe.models import Recipe
    from cnnspec.training.callback import Callback
    from cnnspec.training.data import data
    from cnnspec.training.data.dataset import Dataset
    from cnnspec.training.evaluate import Evaluation
    from cnnspec.training.history import History

__version__ = resources.VERSION
__all__ = [
    "Analysis", "Callback", "Dataset", "Diagnostic", "Evaluation", "History", "LayerError", "Model",
    "Network", "Recipe", "SpecError", "analyze", "compare", "data", "diff", "draw", "explain", "from_keras",
    "from_onnx", "from_torch", "load", "parse", "quiz", "report", "solve",
]  # fmt: skip

_HOMES = {
    "cnnspec.analysis.report": ("Analysis", "analyze"),
    "cnnspec.diagnostics": ("Diagnostic", "LayerError", "SpecError"),
    "cnnspec.document": ("load", "parse"),
    "cnnspec.exchange": ("from_keras", "from_onnx", "from_torch"),
    "cnnspec.face": ("compare", "diff", "draw", "explain", "quiz", "report", "solve"),
    "cnnspec.model": ("Model",),
    "cnnspec.network.graph": ("Network",),
    "cnnspec.recipe.models": ("Recipe",),
    "cnnspec.training.callback": ("Callback",),
    "cnnspec.training.data": ("data",),
    "cnnspec.training.data.dataset": ("Dataset",),
    "cnnspec.training.evaluate": ("Evaluation",),
    "cnnspec.training.history": ("History",),
}
"""Where each name lives; it is imported when it is first asked for."""


def __getattr__(name: str) -> Any:
    for home, names in _HOMES.items():
        if name in names:
            return getattr(import_module(home), name)
    raise AttributeError(f"module 'cnnspec' has no attribute {name!r}")


def __dir__() -> list[str]:
    return sorted(__all__)
