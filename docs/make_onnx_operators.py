"""Writes docs/onnx-operators.md: which of ONNX's own tests of operators come in, and why others do not.

``python docs/make_onnx_operators.py``; ``--check`` writes nothing and exits with 1 where the page is not up
to date, or where a test came in and computed another number.
"""

from __future__ import annotations

import re
import sys
import warnings
from collections import Counter, defaultdict
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any, Final

import numpy as np
import onnx

import cnnspec
from cnnspec.diagnostics import SpecError
from cnnspec.exchange.onnx_in import read
from cnnspec.exchange.onnx_ops import TABLE

PAGE: Final = Path(__file__).resolve().parent / "onnx-operators.md"
HEAD: Final = """# ONNX's own tests of operators

ONNX {version} has {count:,} tests of single operators. Each is imported with all its inputs but the first as
weights, and run: {passed} come in and give the expected numbers, {wrong} come in and give others, and the
rest is refused by name. Listed are the operators that are read at all; of the others every test is refused,
since no word of the language says them. The page is made by `docs/make_onnx_operators.py`.

| operator | tests | equal | refused, with the reason |
|---|--:|--:|---|
"""


def page() -> tuple[str, int]:
    """The page, and how many tests came in with a wrong number."""
    found: dict[str, Counter[str]] = defaultdict(Counter)
    passed = wrong = 0
    cases = collected()
    for case in cases:
        (verdict, reason) = tried(case)
        passed, wrong = passed + (verdict == "equal"), wrong + (verdict == "wrong")
        kinds = {node.op_type for node in case.model.graph.node} - {"Constant"}
        if len(kinds) == 1:
            found[kinds.pop()][reason if verdict == "refused" else verdict] += 1
    rows = [line(kind, found[kind]) for kind in sorted({kind for kind, _ in TABLE}) if kind in found]
    text = HEAD.format(version=onnx.__version__, count=len(cases), passed=passed, wrong=wrong)
    return text + "\n".join(rows) + "\n", wrong


def line(kind: str, found: Counter[str]) -> str:
    reasons = [f"{reason} ({n})" if n > 1 else reason
               for reason, n in sorted(found.items()) if reason != "equal"]  # fmt: skip
    return f"| {kind} | {found.total()} | {found['equal']} | {'; '.join(reasons)} |"


def collected() -> list[Any]:
    import onnx.backend.test.case.node as node

    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        return list(node.collect_testcases(None))


def tried(case: Any) -> tuple[str, str]:
    """Whether a test comes in and gives the expected numbers; for a refusal the reason."""
    inputs, outputs = case.data_sets[0]
    with TemporaryDirectory() as folder:
        place = Path(folder) / "test.onnx"
        place.write_bytes(with_weights(case.model, inputs).SerializeToString())
        try:
            found = read(place)
        except SpecError as error:
            return "refused", reason_of(error)
    network = cnnspec.parse(found.text)
    model = network.build(seed=0)
    model.weights.update(found.weights or {})
    x = np.asarray(inputs[0], "float32")
    last = any("height x width" in note.message for note in found.notes)
    x = x[..., None] if x.ndim == 1 else x if last else np.moveaxis(x, 1, -1)
    given = model.forward(x)
    same = all(
        is_same(given[output.name], np.asarray(wanted))
        for output, wanted in zip(network.outputs, outputs, strict=False)
    )
    return ("equal", "") if same else ("wrong", "")


def is_same(found: Any, wanted: Any) -> bool:
    found = np.moveaxis(found, -1, 1) if found.ndim == wanted.ndim else found.reshape(wanted.shape)
    return found.shape == wanted.shape and np.allclose(found, wanted, 1e-3, 1e-5, equal_nan=True)


def with_weights(model: Any, inputs: list[Any]) -> Any:
    """The model with every input but the first as a constant."""
    made = onnx.ModelProto()
    made.CopyFrom(model)
    names = [each.name for each in made.graph.input]
    for name, values in list(zip(names, inputs, strict=False))[1:]:
        if isinstance(values, np.ndarray | np.generic):
            made.graph.initializer.append(onnx.numpy_helper.from_array(np.asarray(values), name))
            made.graph.input.remove(next(each for each in made.graph.input if each.name == name))
    return made


def reason_of(error: SpecError) -> str:
    """The reason without the names and numbers of the one test, short enough for a table."""
    text = error.diagnostics[0].message
    text = re.sub(r"^the node .+? \(\S+?\) cannot be said in a spec: ", "", text)
    text = re.sub(r"^the (in|out)put \S+ ", r"the \1put ", text)
    text = re.sub(r"\([^()]*\d[^()]*\)|\[[^\]]*\]", "…", text).replace("|", "/")
    return re.sub(r"\d+(\.\d+)?", "n", text) if not text.startswith("it takes all") else text


def main() -> int:
    new, wrong = page()
    if "--check" in sys.argv[1:]:
        return int(wrong > 0 or not PAGE.exists() or PAGE.read_text(encoding="utf-8") != new)
    PAGE.write_text(new, encoding="utf-8")
    return int(wrong > 0)


if __name__ == "__main__":
    sys.exit(main())
