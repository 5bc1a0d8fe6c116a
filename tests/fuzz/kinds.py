"""The kinds of cases: how one is made by its number, and what it is driven through."""

from __future__ import annotations

import json
import re
import zlib
from collections.abc import Callable
from dataclasses import dataclass
from importlib.util import find_spec
from random import Random
from typing import Final

from cnnspec.files import decoded

from . import commands
from .drive import drive
from .forge import arrays, code, lines, onnx_files, pictures, samples, weights
from .forge.parts import any_bytes, any_json, as_text
from .generate import generated
from .lab import columns, lab, rows
from .lab import samples as whole_samples
from .limits import SLOWEST, Verdict, slowness
from .mutants import mutant, mutated


@dataclass(frozen=True)
class Kind:
    """``make`` gives the bytes of a number, ``test`` drives them; both always do the same."""

    make: Callable[[int], bytes]
    test: Callable[[bytes, int, float], Verdict]


def _spec(text: Callable[[int], str]) -> Kind:
    return Kind(
        lambda number: text(number).encode("utf-8", "surrogatepass"),
        lambda data, turn, slowest: drive(data.decode("utf-8", "surrogatepass"), turn=turn, slowest=slowest),
    )


def _file(make: Callable[[Random], bytes], test: Callable[[commands.Bench, bytes], None]) -> Kind:
    return Kind(
        lambda number: make(Random(f"{test.__name__} {number}")),
        lambda data, turn, slowest: commands.driven(test, data, turn, slowest),
    )


def _weights(random: Random) -> bytes:
    return weights.weights(lab().weights, random)


def _arrays(random: Random) -> bytes:
    found = whole_samples()
    if random.random() < 0.5:
        return arrays.npy(random.choice((found["x_train"], found["x_train"][0], found["y_train"])), random)
    return arrays.npz(found, random)


def _idx(random: Random) -> bytes:
    return samples.idx(random.choice(list(whole_samples().values())), random)


def _table(random: Random) -> bytes:
    return samples.table(rows(), random)


def _pairs(random: Random) -> bytes:
    found = whole_samples()["x_test"][0]
    return arrays.npy(found, random) if random.random() < 0.3 else pictures.picture(random)


def _volumes(random: Random) -> bytes:
    return arrays.npy(whole_samples()["x_test"][0].reshape(4, 4, 4), random)


def _columns(random: Random) -> bytes:
    """Files named, numbers without them, or both spoilt."""
    whole, names = columns(), ("photos/pipe.txt", "photos/zero.txt", *NAMES)
    if random.random() < 0.4:
        whole = [row[1:] for row in whole]
    elif random.random() < 0.4:
        random.choice(whole[1:])[0] = random.choice(names)
    elif random.random() < 0.1:
        whole = [whole[0], *(["large.png", *row[1:]] for row in whole[1:] * 500)]
    return samples.table(whole, random)


NAMES: Final = (
    "../small.cnn", "/dev/zero", "photos", "photos/1.pgm/x", "nothing.png", "/etc/passwd",
    "photos/../photos/2.pgm", "photos/1.PGM",
    "é" * 300 + ".png", "\x1b[31m.png", "volumes/a/0.npy", "\0.png", "", "~/x.png", "C:\\x.png",
)  # fmt: skip


def _masked(random: Random) -> bytes:
    return _run(random, "masked")


def _code(random: Random) -> bytes:
    return code.notebook(random) if random.random() < 0.25 else code.code(random)


def _run(random: Random, name: str = "run") -> bytes:
    """A record, metrics or a spec; the first byte says which."""
    run, turn = lab().files, random.random()
    if turn < 0.5:
        record = json.loads(run[f"{name}/run.json"])
        for _ in range(random.choice((1, 1, 1, 2, 3))):
            record = any_json(record, random)
        text = as_text(record, random)
        return b"{" + _spoilt(text.encode("utf-8", "surrogatepass"), random)
    if turn < 0.8:
        lines = [json.loads(line) for line in run[f"{name}/metrics.jsonl"].splitlines()]
        for _ in range(random.choice((1, 1, 2))):
            lines = [any_json(line, random) for line in lines] * random.choice((1, 1, 1, 2, 300))
            lines = lines[:400]
        text = "\n".join(as_text(line, random) for line in lines)
        return b"e" + _spoilt(text.encode("utf-8", "surrogatepass"), random)
    return b"s" + mutated(decoded(run[f"{name}/spec.cnn"], "it"), random).encode("utf-8", "surrogatepass")


def _checkpoint(random: Random) -> bytes:
    """One that says it is whole, mostly: its sum is that of its bytes."""
    data = weights.weights(lab().begun["run/checkpoints/step-000000004.safetensors"], random)
    found = re.search(rb'{\\"cnnspec\.sum\\": \\"([0-9a-f]{8})\\"', data)
    if found and random.random() < 0.9:
        begin, end = found.span(1)
        total = zlib.crc32(data[:begin] + b"0" * 8 + data[end:])
        data = data[:begin] + f"{total:08x}".encode() + data[end:]
    return data


def _spoilt(data: bytes, random: Random) -> bytes:
    return any_bytes(data, random) if random.random() < 0.1 else data


KINDS: Final[dict[str, Kind]] = {
    "specs": _spec(mutant),
    "generated": _spec(generated),
    "weights": _file(_weights, commands.weights),
    "arrays": _file(_arrays, commands.arrays),
    "idx": _file(_idx, commands.idx),
    "csv": _file(_table, commands.table),
    "images": _file(pictures.picture, commands.pictures),
    "runs": _file(_run, commands.runs),
    "checkpoints": _file(_checkpoint, commands.checkpoints),
    "masked": _file(_masked, commands.masked),
    "pairs": _file(_pairs, commands.pairs),
    "volumes": _file(_volumes, commands.volumes),
    "columns": _file(_columns, commands.columns),
    "code": _file(_code, commands.code),
    "lines": _file(lines.line, commands.lines),
}
if find_spec("onnx"):
    KINDS["onnx"] = _file(onnx_files.onnx_file, commands.onnx)


TRIES: Final = 3
"""Times that a slow case is driven alone."""
SPECS: Final = ("specs", "generated")
"""The kinds that are text to be read as a spec; the others are files."""


def turns(kinds: list[str]) -> list[str]:
    """Kinds in the order in which they are driven: a generated spec for each file, where both are wanted."""
    files = [kind for kind in kinds if kind not in SPECS]
    if not files or "generated" not in kinds:
        return kinds
    pairs = [kind for file in files for kind in (file, "generated")]
    return [*pairs, "specs"] if "specs" in kinds else pairs


def judged(kind: str, number: int, slowest: float = SLOWEST) -> Verdict:
    """What becomes of a case."""
    return KINDS[kind].test(KINDS[kind].make(number), number, slowest)


def alone(kind: str, number: int, slowest: float = SLOWEST) -> Verdict:
    """What becomes of a case that took too long while others were driven: now none of them is in its way.

    It is a fault where it takes too long each time, by the pace of the processor right before.
    """
    for _ in range(TRIES):
        verdict = judged(kind, number, slowest * slowness())
        if not verdict.is_late:
            break
    return verdict
