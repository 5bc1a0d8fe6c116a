"""``python -m cnnspec`` is ``cnnspec``; Ctrl-C while its modules load leaves no traceback."""

import sys
from collections.abc import Callable, Sequence
from functools import partial
from importlib.machinery import ModuleSpec, PathFinder
from types import ModuleType
from typing import Any


def main() -> None:
    try:
        _leave_plugins_out()
        sys.meta_path.insert(0, PlainTypes)
        from cnnspec.cli.main import main as run

        run()
    except KeyboardInterrupt:
        sys.exit(130)


def _leave_plugins_out() -> None:
    """Keeps pydantic from looking for plugins: reading what is installed takes a fifth of a small command."""
    nobody = ModuleType("pydantic.plugin._loader")
    vars(nobody)["get_plugins"] = tuple
    sys.modules.setdefault(nobody.__name__, nobody)


class PlainTypes:
    """Loads pydantic's file of typed dictionaries with plain ones in their place.

    They are annotations alone, and compiling the types of their 600 keys takes a twelfth of a small command.
    """

    @staticmethod
    def find_spec(name: str, path: Sequence[str] | None, target: object = None) -> ModuleSpec | None:
        if name != "pydantic_core.core_schema":
            return None
        found = PathFinder.find_spec(name, path)
        if found and found.loader:
            usual = found.loader.exec_module
            found.loader.exec_module = partial(_with_plain_dicts, usual)  # type: ignore[method-assign]
        return found


def _with_plain_dicts(load: Callable[[ModuleType], None], module: ModuleType) -> None:
    import typing

    import typing_extensions

    homes: tuple[Any, ...] = (typing, typing_extensions)
    usual = [home.TypedDict for home in homes]
    try:
        for home in homes:
            home.TypedDict = PlainDict
        load(module)
        return
    except TypeError:  # a file that says more of its dictionaries than plain ones take
        pass
    finally:
        for home, typed in zip(homes, usual, strict=True):
            home.TypedDict = typed
    load(module)


class PlainDict(dict[str, object]):
    """A dictionary that may be called total, as a typed one may."""

    def __init_subclass__(cls, total: bool = True) -> None:
        pass


if __name__ == "__main__":
    main()
