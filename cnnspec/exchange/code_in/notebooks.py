"""The code of a notebook."""

from __future__ import annotations

import json
import re
from pathlib import Path

from cnnspec.diagnostics import SpecError


def cells(text: str, path: Path) -> str:
    """The code cells of a notebook, one after the other; lines for the shell are left out."""
    try:
        document = json.loads(text)
        found = [cell["source"] for cell in document["cells"] if cell["cell_type"] == "code"]
        parts = ["".join(part) if isinstance(part, list) else str(part) for part in found]
    except (ValueError, KeyError, TypeError, RecursionError) as error:
        raise SpecError.of("code-not-followed", f'"{path}" is no notebook') from error
    return "".join(f"# cell {n}\n{plain(part)}\n" for n, part in enumerate(parts, 1))


def plain(part: str) -> str:
    """Code without what only a notebook says: lines for the shell, magics, questions."""
    if re.match(r"\s*%%(?!time|capture|prun|memit)", part):
        return ""
    part = re.sub(r"^([^\S\n]*)(?:[%!?].*|\w[\w.]*\?{1,2}\s*)$", r"\1pass", part, flags=re.MULTILINE)
    return re.sub(r"^([^\S\n]*\w+[^\S\n]*=[^\S\n]*)[%!].*$", r"\1None", part, flags=re.MULTILINE)
