"""Writes docs/onnx-operators.md: which of ONNX's own tests of operators come in, and why others do not.

``python docs/make_onnx_operators.py``; ``--check`` writes nothing and exits with 1 where the page is not up
to date, or where a test came in and computed another number.
"""

from __future__ import annotations

import re
import sys
import warnings
from collections import Counter, defaultdict
from collections.abc import Mapping
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any, Final

import numpy as np
import onnx
from onnx import numpy_helper

import cnnspec
from cnnspec.diagnostics import SpecError
from cnnspec.exchange.onnx_in.operators import TABLE
from cnnspec.exchange.onnx_in.read import read

PAGE: Final = Path(__file__).resolve().parent / "onnx-operators.md"
HEAD: Final = """# ONNX's own tests of operators

ONNX {version} has {count:,} tests, most of one operator. Each is imported with its first input alone, the
others as weights, or else with all of them, and is run: {passed} come in and give the expected numbers,
{wrong} come in and give others, and the rest is refused by the node's name. Listed are the operators that are
read, with the tests that they alone occur in; of all other operators every test is refused, since no word of
the language says them. The page is made by `docs/make_onnx_operators.py`.

| operator | tests | equal | refused, with the reason |
|---|--:|--:|---|
"""
MODELS: Final = """
Of the small models that the package holds, most of one layer of PyTorch:

| folder | models | equal | refused, with the reason |
|---|--:|--:|---|
"""
DATA: Final = Path(onnx.__file__).parent / "backend" / "test" / "data"
FOLDERS: Final = ("pytorch-converted", "pytorch-operator", "simple")
SEVERAL: Final = "*several in one test*"


def page() -> tuple[str, int]:
    """The page, and how many tests came in with a wrong number."""
    found: dict[str, Counter[str]] = defaultdict(Counter)
    read_at_all = {kind for kind, _ in TABLE}
    cases = collected()
    for case in cases:
        (verdict, reason) = tried(case)
        kinds = {node.op_type for node in case.model.graph.node} - {"Constant"}
        place = kinds.pop() if len(kinds) == 1 else SEVERAL
        found[place][reason if verdict == "refused" else verdict] += 1
    total = sum(found.values(), Counter[str]())
    rows = [line(kind, found[kind]) for kind in sorted(found) if kind in read_at_all]
    several = found[SEVERAL]
    rows.append(f"| {SEVERAL} | {several.total()} | {several['equal']} | by a node of one of them |")
    text = HEAD.format(
        version=onnx.__version__, count=len(cases), passed=total["equal"], wrong=total["wrong"]
    )
    groups = {folder: models(folder) for folder in FOLDERS}
    shipped = [line(f"`{folder}`", counts) for folder, counts in groups.items()]
    wrong = total["wrong"] + sum(counts["wrong"] for counts in groups.values())
    return "\n".join([text + "\n".join(rows), MODELS + "\n".join(shipped), ""]), wrong


def models(folder: str) -> Counter[str]:
    """How many of the models in a folder of ONNX's own come in, and why others do not."""
    found: Counter[str] = Counter()
    for place in sorted((DATA / folder).glob("*/model.onnx")):
        model = onnx.load(place)
        held = {tensor.name for tensor in model.graph.initializer}
        names = [each.name for each in model.graph.input if each.name not in held]
        inputs, outputs = (
            [numpy_helper.to_array(onnx.TensorProto.FromString(each.read_bytes())) for each in files]
            for files in (
                sorted(place.parent.glob(f"test_data_set_0/{kind}_*.pb")) for kind in ("input", "output")
            )
        )
        try:
            computed = run(model, dict(zip(names, inputs, strict=True)))
        except SpecError as error:
            found[reason_of(error)] += 1
        else:
            found["equal" if all(map(is_same, computed, outputs)) else "wrong"] += 1
    return found


def line(kind: str, found: Counter[str]) -> str:
    told = sorted((reason, n) for reason, n in found.items() if reason != "equal")
    reasons = [f"{reason} ({n})" if n > 1 else reason for reason, n in told]
    return f"| {kind} | {found.total()} | {found['equal']} | {'; '.join(reasons)} |"


def collected() -> list[Any]:
    import onnx.backend.test.case.node as node

    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        return list(node.collect_testcases(None))


def tried(case: Any) -> tuple[str, str]:
    """Whether a test comes in and gives the expected numbers; for a refusal the reason."""
    inputs, outputs = case.data_sets[0]
    reason = ""
    for ways in (1, len(inputs)):
        given = {
            each.name: values
            for each, values in list(zip(case.model.graph.input, inputs, strict=False))[:ways]
        }
        try:
            computed = run(with_weights(case.model, inputs, given), given)
        except SpecError as error:
            told = reason_of(error)
            reason = reason if reason and told in FORMS else told
            continue
        same = all(is_same(one, np.asarray(wanted)) for one, wanted in zip(computed, outputs, strict=False))
        return ("equal", "") if same else ("wrong", "")
    return "refused", reason


def run(model: Any, given: Mapping[str, Any]) -> list[Any]:
    """What the network of a model computes, in the file's order of axes."""
    with TemporaryDirectory() as folder:
        place = Path(folder) / "test.onnx"
        place.write_bytes(model.SerializeToString())
        found = read(place)
    network = cnnspec.parse(found.text)
    made = network.build(seed=0)
    made.weights.update(found.weights or {})
    told = " ".join(note.message for note in found.notes)
    x = [
        as_ours(np.asarray(values, "float32"), f"{name} is N x height" in told)
        for name, values in given.items()
    ]
    computed = made.forward(dict(zip((node.name for node in network.inputs), x, strict=True)))
    return [
        computed[output.name]
        if f"{entry.name} is N x height" in told
        else np.moveaxis(computed[output.name], -1, 1)
        for output, entry in zip(network.outputs, model.graph.output, strict=False)
    ]


def as_ours(x: Any, last: bool) -> Any:
    """An array with its channels last."""
    return x[..., None] if x.ndim == 1 else x if last else np.moveaxis(x, 1, -1)


def is_same(found: Any, wanted: Any) -> bool:
    found = found if found.ndim == wanted.ndim else found.reshape(wanted.shape)
    return found.shape == wanted.shape and np.allclose(found, wanted, 1e-3, 1e-5, equal_nan=True)


def with_weights(model: Any, inputs: list[Any], given: Mapping[str, Any]) -> Any:
    """The model with every input but those that are given as a constant."""
    made = onnx.ModelProto()
    made.CopyFrom(model)
    for entry, values in zip(model.graph.input, inputs, strict=False):
        if entry.name not in given and isinstance(values, np.ndarray | np.generic):
            made.graph.initializer.append(onnx.numpy_helper.from_array(np.asarray(values), entry.name))
            made.graph.input.remove(next(each for each in made.graph.input if each.name == entry.name))
    return made


KINDS, AXES = "other numbers than 32-bit floats", "more than three spatial axes"
BATCH: Final = "an input without the axis of samples"
FORMS: Final = {KINDS, AXES, BATCH, "the input is no tensor"}
"""What is wrong with an input before any operator is looked at."""
ACROSS: Final = "it works across the samples of the batch"
SAID: Final = {
    r"the (in|out)put holds .*|.* holds \S+, not float32|the tensor holds .*": KINDS,
    r"it (cuts|makes|moves|chooses|flattens).* batch.*|it flattens from .*|it puts an axis before .*": ACROSS,
    r"it multiplies across .*|its constant is another for .*|it makes .+ of .+": ACROSS,
    r"the file leaves the size of .*": "an axis of no values",
    r"the inputs have different numbers of samples.*": BATCH,
    r"it cuts \S+ into .*": "it cuts into other sizes than the axis has",
    r"the input has \S+ axes.*": AXES,
    r".* than what it meets|its constant is not one .*": "its constant has more than a number a channel",
    r"it (places|repeats) (new|other) pixels .*": "it places new pixels otherwise than upsample does",
}
"""Reasons as a table tells them, by what the messages are."""


def reason_of(error: SpecError) -> str:
    """The reason without the names and numbers of the one test, short enough for a table."""
    text = re.sub(r"^the node .*?\(\S+?\) cannot be said in a spec: ", "", error.diagnostics[0].message)
    text = re.sub(r"^the (input|output|tensor) \S+ ", r"the \1 ", text)
    for pattern, said in SAID.items():
        if re.fullmatch(pattern, text):
            return said
    return text.replace("|", "/")


def main() -> int:
    new, wrong = page()
    if "--check" in sys.argv[1:]:
        return int(wrong > 0 or not PAGE.exists() or PAGE.read_text(encoding="utf-8") != new)
    PAGE.write_text(new, encoding="utf-8")
    return int(wrong > 0)


if __name__ == "__main__":
    sys.exit(main())
