"""The functions and classes that our own files hold, known by their text when such a file is read."""

from __future__ import annotations

import ast
from dataclasses import dataclass
from functools import lru_cache
from typing import Any, Final

from cnnspec.exchange.code_out.keras import helpers as keras_helpers
from cnnspec.exchange.code_out.pytorch import helpers as pytorch_helpers


@dataclass(frozen=True)
class Own:
    """A function or class of ours."""

    name: str
    is_keras: bool


_LOADING: Final = {"set_arrays", "arranged", "layers_of", "attention_arrays", "load_weights"}
"""Those that only take weights."""


@lru_cache(maxsize=1)
def _texts() -> dict[str, Own]:
    from cnnspec.exchange.code_out.keras import model as keras
    from cnnspec.exchange.code_out.pytorch import module as pytorch

    pages = {False: [*pytorch_helpers.HELPERS.values(), pytorch.LOADER],
             True: [*keras_helpers.HELPERS.values(), keras_helpers.LOADER,
                    keras_helpers.WITH_ATTENTION, keras.GIVEN]}  # fmt: skip
    found = {}
    for is_keras, texts in pages.items():
        for node in (node for text in texts for node in ast.parse(text).body):
            if isinstance(node, ast.FunctionDef | ast.ClassDef):
                found[ast.dump(node)] = Own(node.name, is_keras)
    return found


@lru_cache(maxsize=1)
def _names() -> frozenset[str]:
    return frozenset(own.name for own in _texts().values())


def own(node: Any) -> Own | None:
    """What of ours a definition is; None where it is the file's own."""
    if node.name not in _names():
        return None
    found = _texts().get(ast.dump(node))
    is_followed = found and found.is_keras and found.name in ("padded", "unit_length")
    return None if is_followed else found


def only_loads(own: Own) -> bool:
    return own.name in _LOADING
