"""The analysis as JSON: the contract ``cnnspec/analysis/1`` (``schema/analysis-1.json``)."""

from __future__ import annotations

from collections.abc import Iterable
from fractions import Fraction
from typing import TYPE_CHECKING, Any, Final

from cnnspec.network.graph import Network
from cnnspec.text import whole
from cnnspec.views.documents import indented
from cnnspec.views.documents.messages import to_json

if TYPE_CHECKING:
    from cnnspec.analysis.report import Analysis, JudgedExpectation, Row
    from cnnspec.diagnostics import Diagnostic

SCHEMA: Final = "cnnspec/analysis/1"

FIGURES: Final = (
    "params", "trainable", "frozen", "buffers", "multiplies", "additions", "elementwise", "flops",
)  # fmt: skip
"""The counts that every layer and the totals have, in the order they are written."""

TOTALS: Final = (*FIGURES, "weight_bytes", "activation_bytes", "peak_activation_bytes", "training_bytes")


def render(analysis: Analysis | None, diagnostics: Iterable[Diagnostic] = ()) -> str:
    """The analysis as indented JSON; ``diagnostics`` of reading the text come before its own."""
    return indented(document(analysis, diagnostics))


def document(analysis: Analysis | None, diagnostics: Iterable[Diagnostic] = ()) -> dict[str, Any]:
    """The analysis as plain dictionaries and lists; ``batch`` appears only when it is not 1,
    ``uncounted`` when the convention has no rule for some kinds of layers.

    Of a text that gave no network at all only the diagnostics are told.
    """
    faults = tuple(dict.fromkeys((*diagnostics, *(analysis.diagnostics if analysis else ()))))
    return {"schema": SCHEMA, **_facts(analysis), "diagnostics": to_json(faults)}


def _facts(analysis: Analysis | None) -> dict[str, Any]:
    if analysis is None:
        empty: dict[str, Any] = {"network": "", "convention": "cnnspec", "input": None}
        return {**empty, "layers": [], "totals": None, "expectations": []}
    network = analysis.network
    return {
        "network": network.name,
        "convention": analysis.convention,
        **({"uncounted": list(analysis.uncounted)} if analysis.uncounted else {}),
        **({"batch": analysis.batch} if analysis.batch != 1 else {}),
        **input_of(network),
        "layers": [layer(row) for row in analysis.rows],
        "totals": {name: getattr(analysis.totals, name) for name in TOTALS},
        "expectations": [expectation(item) for item in analysis.expectations],
    }


def input_of(network: Network) -> dict[str, Any]:
    """``input``, the shape; null where there are several, which ``inputs`` then has by name."""
    if len(network.inputs) == 1:
        return {"input": list(network.input)}
    inputs = [{"name": node.name, "shape": list(node.output)} for node in network.inputs]
    return {"input": None, "inputs": inputs}


def layer(row: Row) -> dict[str, Any]:
    return {
        "name": row.name,
        "kind": row.kind,
        "path": list(row.path),
        "line": row.line,
        "inputs": [list(shape) for shape in row.inputs],
        "output": list(row.output),
        **{name: getattr(row, name) for name in FIGURES},
        "activation_bytes": row.activation_bytes,
        "receptive_field": _field(row),
        **{key: name for key in ("share", "tied") if (name := getattr(row.node, key))},
    }


def expectation(item: JudgedExpectation) -> dict[str, Any]:
    return {"text": item.text, "holds": item.holds, "actual": item.actual}


def only(analysis: Analysis, path: str) -> Any:
    """The part of the document at a path such as ``totals.params`` or ``layers.conv1.output``.

    ``params`` alone is ``totals.params``. A list is entered by a layer's name or by a number
    from 0. Raises KeyError with the step that leads nowhere, and what would have been there.
    """
    whole = document(analysis)
    part: Any = {**whole["totals"], **whole}
    while path:
        step, path = _list_step(part, path) if isinstance(part, list) else _key_step(part, path)
        part = part[step]
    return part


def _key_step(part: Any, path: str) -> tuple[str, str]:
    word, _, rest = path.partition(".")
    if not isinstance(part, dict) or word not in part:
        raise KeyError(word, tuple(part) if isinstance(part, dict) else ())
    return word, rest


def _list_step(items: list[Any], path: str) -> tuple[int, str]:
    """Names of layers hold dots themselves, so the longest that fits is taken."""
    names = [str(item["name"]) if isinstance(item, dict) and "name" in item else None for item in items]
    fitting = [name for name in names if name and (path == name or path.startswith(f"{name}."))]
    if fitting:
        name = max(fitting, key=len)
        return names.index(name), path[len(name) + 1 :]
    word, _, rest = path.partition(".")
    number = whole(word)
    if number is not None and number < len(items):
        return number, rest
    raise KeyError(word, tuple(name for name in names if name))


def _field(row: Row) -> dict[str, Any] | None:
    field = row.receptive_field
    if field is None:
        return None
    return {
        "size": list(field.size),
        "jump": [float(jump) if isinstance(jump, Fraction) else jump for jump in field.jump],
        "start": list(field.start),
    }
