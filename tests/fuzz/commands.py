"""A damaged file through the commands that read it: an exit code and a message, in time and in memory."""

from __future__ import annotations

import io
import json
import os
import re
import shutil
import sys
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any, Final

import cnnspec
from cnnspec.analysis.report import analyze
from cnnspec.cli import main
from cnnspec.diagnostics import LayerError, SpecError
from cnnspec.training.data.idx import FILES

from .forge.samples import header
from .lab import SPEC, lab, samples
from .limits import HANG, SLOWEST, Verdict, measured, told

CODES: Final = {0, 1, 2}
REFUSED: Final = (SpecError, LayerError, OSError)
ONE: Final = "input 8x8x1; relu"
RAW: Final = re.compile(rb"<bound method|<function|<generator object| object at 0x[0-9a-f]+|dict_values")
"""What Python calls its objects, and no message should."""
FILM: Final = re.compile(r"animate .*\b(gif|mp4|png)\b", re.DOTALL)
FRAMES: Final = 10
"""Times as long may a film take: it draws up to 100 frames one by one, each within a fifth of a second."""
TRAIN: Final = ("--force", "--epochs", "1", "-o", "again")


class Bench:
    """The lab's folder while one case is driven in it."""

    def __init__(self, turn: int) -> None:
        self.turn, self.verdict, self.folder = turn, Verdict(), lab().folder

    def put(self, name: str, data: bytes) -> Path:
        path = self.folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(data)
        return path

    def call(self, *arguments: str) -> None:
        """A command, as a user gives it."""
        name = " ".join(arguments)
        code = self.verdict.attempt(name, lambda: exit_code(arguments, self.verdict), ())
        if code not in CODES and not self.verdict.faults:
            self.verdict.faults.append((name, f"ended with {code}"))

    def some(self, *commands: Sequence[str], count: int = 2) -> None:
        """Some of the commands, others by each turn."""
        for number in range(count):
            self.call(*commands[(self.turn + number * (self.turn // len(commands) + 1)) % len(commands)])

    def load(self, work: Callable[[], Any]) -> None:
        self.verdict.attempt("in Python", work, REFUSED)


def exit_code(arguments: Sequence[str], verdict: Verdict) -> int:
    out, err, given, words, out_words = sys.stdout, sys.stderr, sys.stdin, io.BytesIO(), io.BytesIO()
    sys.stdout, sys.stderr = io.TextIOWrapper(out_words, "utf-8"), io.TextIOWrapper(words, "utf-8")
    sys.stdin = io.TextIOWrapper(io.BytesIO(b"input 3x3x1; relu"), "utf-8")
    apologise = main._apologise

    def note(error: BaseException) -> int:
        verdict.faults.append((" ".join(arguments), told(error)))
        return apologise(error)

    main._apologise = note
    try:
        code = main.run(list(arguments))
        sys.stdout.flush()
        sys.stderr.flush()
        said = words.getvalue()
        if b"Traceback (most recent call last)" in said:
            verdict.faults.append((" ".join(arguments), said[-300:].decode("utf-8", "replace")))
        if raw := RAW.search(said + out_words.getvalue()):
            verdict.faults.append((" ".join(arguments), f"says {raw[0].decode()}"))
        return code
    finally:
        sys.stdout, sys.stderr, sys.stdin, main._apologise = out, err, given, apologise


def driven(test: Callable[[Bench, bytes], None], data: bytes, turn: int, slowest: float = SLOWEST) -> Verdict:
    """What a test of one kind of file says of a case; the folder is as before it, afterwards."""
    bench = Bench(turn)
    place = Path.cwd()
    os.chdir(bench.folder)
    try:
        with measured(bench.verdict):
            test(bench, data)
    finally:
        os.chdir(place)
        lab().restore()
    for name, seconds in bench.verdict.seconds.items():
        times = FRAMES if FILM.match(name) else 1
        bench.verdict.judge_time(name, min(seconds, HANG), slowest * times)
    bench.verdict.built = not bench.verdict.faults
    return bench.verdict


# Kinds ----------------------------------------------------------------------------------


def weights(bench: Bench, data: bytes) -> None:
    bench.put("w.safetensors", data)
    model = cnnspec.parse(SPEC).build()
    bench.load(lambda: model.load("w.safetensors"))
    bench.load(lambda: model.begin_from("w.safetensors"))
    bench.some(
        ("run", "small.cnn", "--weights", "w.safetensors", "--input", "ones"),
        ("evaluate", "small.cnn", "--weights", "w.safetensors"),
        ("train", "small.cnn", "--weights", "w.safetensors", *TRAIN),
        ("predict", "small.cnn", "--weights", "w.safetensors", "--index", "0"),
        ("inspect", "small.cnn", "--weights", "w.safetensors", "filters"),
        ("inspect", "small.cnn", "--weights", "w.safetensors", "maps", "--layer", "conv1", "--index", "0"),
        count=1,
    )


def arrays(bench: Bench, data: bytes) -> None:
    kind = "npy" if data[:2] == b"\x93N" or bench.turn % 9 == 0 else "npz"
    bench.put(f"x.{kind}", data)
    if kind == "npy":
        bench.some(
            ("run", "-e", ONE, "--input", "x.npy"), ("run", "-e", ONE, "--input", "x.npy", "--resize"),
            ("predict", "run", "x.npy"), ("predict", "run", "x.npy", "--center"),
        )  # fmt: skip
    else:
        bench.load(lambda: cnnspec.data("x.npz", shape=(8, 8, 1)))
        bench.some(
            ("evaluate", "run", "--data", "x.npz"), ("train", "small.cnn", "--data", "x.npz", *TRAIN),
            ("inspect", "small.cnn", "data", "--data", "x.npz"), count=1,
        )  # fmt: skip


def idx(bench: Bench, data: bytes) -> None:
    for name, values in zip(FILES, samples().values(), strict=True):
        bench.put(f"set/{name}", header(values) + values.tobytes())
    bench.put(f"set/{FILES[bench.turn % 4]}", data)
    bench.load(lambda: cnnspec.data("set"))
    bench.some(
        ("evaluate", "run", "--data", "set"), ("train", "small.cnn", "--data", "set", *TRAIN),
        ("inspect", "small.cnn", "data", "--data", "set"), count=1,
    )  # fmt: skip


def table(bench: Bench, data: bytes) -> None:
    bench.put("x.csv", data)
    label = (None, None, None, "label", 1, -1, 10**9, "\0")[bench.turn % 8]
    bench.load(lambda: cnnspec.data("x.csv", shape=(8, 8, 1), label=label))
    bench.some(
        ("evaluate", "run", "--data", "x.csv"), ("train", "small.cnn", "--data", "x.csv", *TRAIN),
        ("inspect", "small.cnn", "data", "--data", "x.csv"), ("run", "-e", ONE, "--input", "x.csv"), count=1,
    )  # fmt: skip


def pictures(bench: Bench, data: bytes) -> None:
    ending = (".png", ".png", ".jpg", ".gif", ".bmp", ".tif", ".webp", ".ppm")[bench.turn % 8]
    name = "x" + ending
    for part in ("a", "b"):
        bench.put(f"pictures/{part}/{name}", data)
    bench.put(name, data)
    bench.some(
        ("run", "-e", ONE, "--input", name), ("run", "-e", ONE, "--input", name, "--resize"),
        ("run", "-e", "input 8x8x3; relu", "--input", name), ("predict", "run", name),
        ("predict", "run", name, "--center"), ("predict", "run", name, "--resize", "--invert"),
        ("evaluate", "run", "--data", "pictures"),
        ("inspect", "run", "maps", "--layer", "conv1", "--image", name),
    )  # fmt: skip


RUN: Final = (
    ("evaluate", "run"), ("predict", "run", "--index", "0"), ("inspect", "run", "curves"),
    ("inspect", "run", "filters"), ("inspect", "run", "confusion"), ("inspect", "run", "augmented"),
    ("inspect", "run", "data"), ("report", "run", "-o", "out.html"), ("train", "run", "--resume"),
    ("train", "run", "--resume", "--epochs", "3"), ("analyze", "run"), ("explain", "run"),
    ("run", "small.cnn", "--weights", "run", "--input", "ones"), ("inspect", "run", "curves", "-o", "c.svg"),
    ("train", "small.cnn", "--weights", "run", *TRAIN), ("evaluate", "nothing"), ("diff", "run", "small.cnn"),
    ("train", "small.cnn", "-o", "run"),
)  # fmt: skip


SHOWING: Final = (
    ("inspect", "run", "predictions"), ("inspect", "run", "mistakes"),
    ("predict", "run", "pairs/photos/1.pgm"), ("predict", "run", "--index", "0", "-o", "m.png"),
    ("predict", "run", "--index", "0", "-o", "m.npy"), ("evaluate", "run", "--json"),
)  # fmt: skip
LOOKING: Final = (("analyze", "run"), ("explain", "run"), ("diff", "run", "small.cnn"))
MANY_EPOCHS: Final = 100
LARGE: Final = 30_000_000
"""Bytes of activations, or multiplications."""


def runs(bench: Bench, data: bytes, folder: str = "run") -> None:
    """A finished run with another record, metrics or spec; one whose network is large is only looked at."""
    name = {b"{": "run.json", b"e": "metrics.jsonl"}.get(data[:1], "spec.cnn")
    bench.put(f"{folder}/{name}", data[1:])
    some: tuple[tuple[str, ...], ...] = (*RUN, *SHOWING)
    some = LOOKING if name == "spec.cnn" and _is_large(data[1:]) else some
    if name == "run.json" and _is_long(data[1:]):
        some = tuple(words for words in some if words != ("train", "run", "--resume"))
    bench.some(*(tuple(folder if word == "run" else word for word in words) for words in some))


def masked(bench: Bench, data: bytes) -> None:
    """The same of a run whose target is a mask."""
    runs(bench, data, "masked")


def _is_long(record: bytes) -> bool:
    """Whether a record asks for so many epochs that a training which goes on as told does not end here."""
    epochs = [int(digits[:9]) for digits in re.findall(rb'"epochs": ?(\d+)', record)]
    return max(epochs, default=0) > MANY_EPOCHS


def _is_large(spec: bytes | Path, batch: int = 8) -> bool:
    """Whether a network takes much time or memory to run, as ``analyze`` says beforehand."""
    try:
        if isinstance(spec, Path):
            network = cnnspec.load(spec)
        else:
            network = cnnspec.parse(spec.decode("utf-8", "surrogatepass"))
        analysis = analyze(network, batch=batch)
    except REFUSED:
        return False
    most = LARGE if batch > 1 else 5 * LARGE
    return analysis.memory.peak_bytes > most or analysis.totals.multiplies > most


def checkpoints(bench: Bench, data: bytes) -> None:
    """A run that was stopped, whose newest checkpoint is another one."""
    shutil.rmtree("run")
    for name, whole in lab().begun.items():
        bench.put(name, whole)
    newest = max(name for name in lab().begun if "step-" in name)
    other = newest.replace("4.", "5.") if bench.turn % 3 == 0 else newest
    bench.put("run/weights.safetensors" if bench.turn % 11 == 0 else other, data)
    bench.some(
        ("evaluate", "run"), ("predict", "run", "--index", "1"), ("inspect", "run", "filters"), count=1
    )
    bench.call("train", "run", "--resume")


def onnx(bench: Bench, data: bytes) -> None:
    """What is imported is a spec, whose weights fit it; a large network is not run."""
    bench.put("x.onnx", data)
    bench.some(("import", "x.onnx"), ("import", "x.onnx", "-o", "-", "--input", "8x8x2"), count=1)
    if (bench.folder / "x.safetensors").exists():
        if not _is_large((bench.folder / "x.cnn").read_bytes(), batch=1):
            bench.call("run", "x.cnn", "--weights", "x.safetensors", "--input", "ones")
    else:
        bench.load(lambda: cnnspec.from_onnx("x.onnx"))


PAIRED: Final = {
    'images "pairs/photos"; target mask "pairs/masks" ignore=9': "8x8x1; conv 3 1x1",
    'images "pairs/photos" resize=yes; target mask "pairs/masks" classes="a #000000, b"': "8x8x1; conv 3 1x1",
    'images "pairs/photos"; target image "pairs/masks"': "8x8x1; conv 1 1x1",
    'images "pairs/photos" resize=yes; target image "pairs/masks"': "8x8x3; conv 3 1x1",
}


def pairs(bench: Bench, data: bytes) -> None:
    """A picture or an array among samples, or among their masks."""
    ending = "npy" if data[:2] == b"\x93N" else ("png", "pgm", "tif", "gif")[bench.turn % 4]
    place = f"pairs/{('photos', 'masks')[bench.turn // 4 % 2]}"
    (bench.folder / place / "1.pgm").unlink()
    bench.put(f"{place}/1.{ending}", data)
    bench.some(*(
        ("train", "-e", f"input {spec}; train {{ data {told}; epochs 1; batch 4 }}", *TRAIN)
        for told, spec in PAIRED.items()
    ), count=1)  # fmt: skip


VOLUMES: Final = (
    "input 4x4x4x1; flatten; dense 2",
    "input 4x4x4; conv 2 3x3; flatten; dense 2",
    "input 64; dense 2",
)


def volumes(bench: Bench, data: bytes) -> None:
    """An array among arrays, a file each."""
    bench.put("pairs/volumes/a/1.npy", data)
    spec = VOLUMES[bench.turn % 3]
    bench.some(
        ("train", "-e", f'{spec}; train {{ data images "pairs/volumes"; epochs 1 }}', *TRAIN),
        ("run", "-e", spec, "--input", "pairs/volumes/a/1.npy"), count=1,
    )  # fmt: skip


COLUMNS: Final = (
    ("input 2; dense 2;", 'target numbers "a, b"'), ("input 2; dense 1;", 'target binary "yes"'),
    ("input 8x8x1; flatten; dense 1;", 'target numbers "a"'),
    ("input 8x8x1; flatten; dense 1;", "target binary"),
    ("input 8x8x1; flatten; dense 2;", "target class"), ("input 3; dense 1;", "target numbers 2"),
)  # fmt: skip


def columns(bench: Bench, data: bytes) -> None:
    """A table of files, or of several numbers, beside the files."""
    bench.put("pairs/x.csv", data)
    spec, target = COLUMNS[bench.turn % len(COLUMNS)]
    bench.call("train", "-e", f'{spec} train {{ data csv "pairs/x.csv"; {target}; epochs 1 }}', *TRAIN)


def code(bench: Bench, data: bytes) -> None:
    """Code is read and never run; nor is a large network that it describes."""
    name = f"x.{'ipynb' if data[:1] in (b'{', b'[') else 'py'}"
    bench.put(name, data)
    bench.some(
        ("import", name, "-o", "-"), ("import", name, "-o", "-", "--input", "8x8x2"), ("analyze", name),
        ("analyze", f"{name}:Net@8x8x4"), ("analyze", f"{name}:model"),
        ("draw", name, "-o", "x.dot"),
        ("check", name) if _is_large(bench.folder / name, batch=1) else ("run", name, "--input", "ones"),
        ("export", name, "--to", "pytorch", "-o", "y.py"), count=1,
    )  # fmt: skip
    if (bench.folder / "broken").exists():
        bench.verdict.faults.append(("code", "it was run"))


def lines(bench: Bench, data: bytes) -> None:
    """A command, word for word."""
    bench.put("x.onnx", b"")
    bench.put("a.py", b"import torch")
    bench.call(*json.loads(data))
