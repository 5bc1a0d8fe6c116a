"""How a command loads pydantic: it validates the same; what only its own authors need is left out.

A small command spends most of its time on loading pydantic, and most of that on what it never uses: looking
for plugins, compiling the types of typed dictionaries, five methods for each of fifty data classes, OpenSSL.
"""

from __future__ import annotations

import dataclasses
import sys
import typing
from collections.abc import Callable, Sequence
from functools import partial
from importlib.machinery import ModuleSpec, PathFinder
from importlib.util import LazyLoader
from types import ModuleType
from typing import Any, TypeAlias

from cnnspec.records import plain_dataclass

Load: TypeAlias = Callable[[ModuleType], None]
Swaps: TypeAlias = tuple[tuple[ModuleType, str, object], ...]
"""What stands in for a name of a module for a while."""


def hasten() -> None:
    """From now on pydantic is loaded so, in all of this process: for a program, not for a library."""
    nobody = ModuleType("pydantic.plugin._loader")
    vars(nobody)["get_plugins"] = tuple  # reading what is installed would take a fifth of a small command
    sys.modules.setdefault(nobody.__name__, nobody)
    sys.meta_path.insert(0, Lightly)


class Lightly:
    """Finds the modules that are loaded in another way than usual."""

    @staticmethod
    def find_spec(name: str, path: Sequence[str] | None, target: object = None) -> ModuleSpec | None:
        how = _way_of(name)
        found = PathFinder.find_spec(name, path) if how else None
        if found and found.loader and how:
            found.loader = how(found.loader)
        return found


def _way_of(name: str) -> Callable[[Any], Any] | None:
    """What becomes of a module's loader, if anything."""
    if name == "secrets":  # with OpenSSL behind it, for comparing passwords
        return LazyLoader
    if name == "pydantic_core.core_schema":
        return partial(_with, _plain_types)
    if name.partition(".")[0] in ("annotated_types", "pydantic"):
        return partial(_with, _plain_classes)
    return None


def _with(swaps: Callable[[], Swaps], loader: Any) -> Any:
    loader.exec_module = partial(load_with, swaps, loader.exec_module)
    return loader


def load_with(swaps: Callable[[], Swaps], load: Load, module: ModuleType) -> None:
    """Loads a file while plain things stand in for others; as usual if they do not suit it."""
    swapped = swaps()
    usual = [getattr(home, name) for home, name, _ in swapped]
    try:
        for home, name, plain in swapped:
            setattr(home, name, plain)
        load(module)
        return
    except (TypeError, ValueError):  # it says more of its classes than plain ones take
        pass
    finally:
        for (home, name, _), thing in zip(swapped, usual, strict=True):
            setattr(home, name, thing)
    load(module)


def _plain_classes() -> Swaps:
    return ((dataclasses, "dataclass", plain_dataclass),)


def _plain_types() -> Swaps:
    """For typed dictionaries that are annotations alone: compiling 600 types takes a twelfth of a command."""
    import typing_extensions

    return ((typing, "TypedDict", PlainDict), (typing_extensions, "TypedDict", PlainDict))


class PlainDict(dict[str, object]):
    """A dictionary that may be called total, as a typed one may."""

    def __init_subclass__(cls, total: bool = True) -> None:
        pass
