"""Writes docs/api.md, the reference of the Python face, from its signatures and docstrings.

``python docs/make_api.py``; ``--check`` writes nothing and exits with 1 where the page is not up to date.
"""

from __future__ import annotations

import inspect
import re
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import cnnspec

PAGE = Path(__file__).resolve().parent / "api.md"
HEAD = """# The Python face

`import cnnspec` loads none of it; each name is imported when it is first used. Where a network is expected, a
spec's text, a path, the name of a shipped example or the folder of a run will do as well. Shapes are height x
width x channels for one sample; arrays are N x H x W x C. This page is made from the docstrings by
`docs/make_api.py`.
"""


def page() -> str:
    """The whole page: functions first, then classes with their public methods."""
    named = {name: getattr(cnnspec, name) for name in cnnspec.__all__}
    functions = [entry("##", name, each) for name, each in named.items() if not inspect.isclass(each)]
    classes = [part for name, each in named.items() if inspect.isclass(each) for part in of_class(name, each)]
    return "\n\n".join([HEAD.rstrip(), *functions, *classes]) + "\n"


def of_class(name: str, given: type[Any]) -> Iterator[str]:
    yield f"## {name}\n\n{text_of(given)}"
    for member, value in list(vars(given).items()):
        method = inspect.unwrap(getattr(value, "__func__", value))
        if member.startswith("_") or not text_of(value):
            continue
        if inspect.isfunction(method):
            yield entry("###", f"{name}.{member}", method)
        elif isinstance(value, property) or hasattr(value, "attrname"):
            yield f"### {name}.{member}\n\n{text_of(value)}"


def entry(level: str, name: str, function: Any) -> str:
    signature = re.sub(r"""(: |-> )(['"])(.*?)\2(?=[,)= ]|$)""", r"\1\3", str(inspect.signature(function)))
    return f"{level} {name}\n\n```\n{name}{signature}\n```\n\n{text_of(function)}"


def text_of(given: Any) -> str:
    """The docstring as Markdown: ``names`` in single ticks, examples as code."""
    text = inspect.cleandoc(given.__doc__ or "").replace("``", "`")
    return re.sub(r"(?m)(^>>> [\s\S]*?)(?=\n\n|\Z)", r"```pycon\n\1\n```", text)


def main() -> int:
    new = page()
    if "--check" in sys.argv[1:]:
        return int(not PAGE.exists() or PAGE.read_text(encoding="utf-8") != new)
    PAGE.write_text(new, encoding="utf-8")
    return 0


if __name__ == "__main__":
    sys.exit(main())
