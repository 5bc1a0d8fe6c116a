"""Arguments of a library's function bound to their names, by a signature written as text."""

from __future__ import annotations

import ast
from functools import lru_cache
from typing import Any, Final

from cnnspec.exchange.code_in.trace import NotFollowed, told
from cnnspec.exchange.code_in.values import UnknownValue

MISSING: Final = object()


@lru_cache(maxsize=512)
def signature(text: str) -> dict[str, Any]:
    """``"size stride=None"`` as names and defaults."""
    found: dict[str, Any] = {}
    for word in text.split():
        name, _, default = word.removesuffix("!").partition("=")
        found[name] = ast.literal_eval(default) if default else MISSING
    return found


@lru_cache(maxsize=512)
def only(text: str) -> frozenset[str]:
    """The names whose default alone is read: ``"zeros=False!"``."""
    return frozenset(word.partition("=")[0] for word in text.split() if word.endswith("!"))


def bound(
    what: str, text: str, arguments: list[Any], options: dict[str, Any], also: frozenset[str] = frozenset()
) -> dict[str, Any]:
    """The arguments by name; ``also`` are options that change no number. Raises NotFollowed for others."""
    wanted = signature(text)
    if len(arguments) > len(wanted):
        raise NotFollowed(f"{what} takes {len(wanted)} arguments, but {len(arguments)} are given")
    given = {**dict(zip(wanted, arguments, strict=False)), **options}
    if strange := [name for name in given if name not in wanted and name not in also]:
        raise NotFollowed(f"{what} has no option {strange[0]} that the reader knows")
    found = {**wanted, **given}
    for name, value in found.items():
        if value is MISSING:
            raise NotFollowed(f"{what} is not given {name}")
        if isinstance(value, UnknownValue) and name in wanted:
            raise NotFollowed(f"{name} of {what} is not in the code: {value.why}")
    for name in only(text):
        if found[name] != wanted[name]:
            raise NotFollowed(f"{what} with {name}={told(found[name])} has no counterpart here")
    return found
