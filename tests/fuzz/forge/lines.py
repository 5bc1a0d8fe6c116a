"""Command lines: any verb with some of its options, whose values are odd; a list of words as JSON."""

from __future__ import annotations

import json
from random import Random
from typing import Any, Final

from cnnspec.cli import main
from cnnspec.layers.registry import LAYERS

from ..far import GIANTS, far

VERBS: Final = tuple(verb for verb in main.VERBS if verb not in ("profile", "limits", "examples"))
SPECS: Final = (
    "input 3x3x1; conv 1 2x2", "input 4; dense 3; softmax", "input 6; relu", "input 5x2; conv 2 3; maxpool 2",
    "input 6x6x2; conv 2 3x3 -> batchnorm -> relu; maxpool 2x2; flatten -> dense 3 -> softmax",
    "input a 4x4x1; input b 4x4x1; from a; c: conv 2 3x3; from b; conv 2 3x3 share=c; concat c; dropout 0.5",
    "input 4x4x2; attention 2; positions; token 1; layernorm; crop to=1 at=start",
    "block h n { conv 2 3x3 padding=same; if n > 0 { h n-1 } }; input 4x4x2; h 3; head x { flatten }",
    "input 4x4x1; upconv 1 2x2 stride=2; upsample 2; pad 1; lrn 3; prelu; medianpool 3x3",
    "input ?x?x1; conv 1 3x3", "input 3x3x3x1; conv 2 2x2x2; globalavgpool; flatten", "input 1x1x1; identity",
    "input 3x3x1; cnov 3",
    "input 8x8x1; conv 2 3x3; flatten; dense 3; train { data npz \"samples.npz\"; epochs 1 }",
    "input 4x4x1; repeat 900 { relu }", "input 100000x100000x3; relu", "input 8x8x1; conv ? 3x3 => ?x?x4", "",
    "\0", "input 4x4x1; conv 1 3x3 weights=blur frozen=yes",
    "input 9x9x1; concat { | relu | conv 2 1x1 | maxpool 1x1 }",
)  # fmt: skip
PLACES: Final = (
    "small.cnn", "run", "lenet", "nothing", ".", "", "/dev/zero", "/dev/null", "-", "run/run.json",
    "samples.npz", "\0", "é" * 300, "../small.cnn", "small.cnn:x", "a.py", "x.onnx", "\x1b[31m",
)  # fmt: skip
MATRIX: Final = (
    "1 2; 3 4", "0 1 2; 3 4 5; 6 7 8", "[[1, 2], [3, 4]]", "ones", "zeros", "count", "random", "1e999",
    "nan; nan", "1 | 2 | 3", "[[null]]", "[" * 2000, "1 " * 3000, "a=ones", "b=count", "a=", "digits:7",
    "digits:99999999", "samples.npz", "1e308 1e308 1e308; 1 1 1; -1e308 0 0", "1,5;2", "", ";", "|", "١ ²",
    "0x10", "[[1],[2,3]]", "1 2 3 4",
)  # fmt: skip
AMOUNTS: Final = (
    "0", "1", "2", "3", "-1", "0.5", "99999999999999999999", "nan", "1e9", "", "x",
)  # fmt: skip
TEXTS: Final = (
    "conv1", "0,0", "0,1", "-1,-1", "0,0,0", "9,9", "1e9,1", ",", "0", "2", "99", "sgd rate=0.1", "adam",
    "adam rate=1e999", "sgd", "rmsprop momentum=0.9 rate=?", "cosine warmup=2", "standard", "mse", "mask",
    "shift=2 rotate=10", "conv1=0 1; 2 3", "conv1=blur", "conv1.bias=1", "weights.safetensors", "run",
    "params,output", "name", "fvcore", "torchvision", "relu", "input", "*", "output", "\x1b[2J", "\u202e",
    "é" * 500, "\0", "a=b=c", "conv1=1e999", "0:9", "expected 3 channels, got 4", "9" * 5000, "?", "{", "# x",
    "mat1 and mat2 shapes cannot be multiplied (1x400 and 256x120)", "..", "8x8x1", "0x0x0", "pytorch",
    "shape '[4, -1]' is invalid for input of size 9", "999999999999x9999999999999x3", "onnx", "keras",
    *LAYERS,
)  # fmt: skip
OUTPUTS: Final = (
    "out.svg", "out.dot", "out.npy", "out.npz", "out.html", "out.json", "out", "-", ".", "run", "run/new.svg",
    "run/run.json", "no/such/out.svg", "/dev/null", "/dev/full", "/proc/x", "\0.svg", "out.py", "out.cnn",
    "weights.safetensors/x", "é" * 200 + ".svg",
)  # fmt: skip
SHOWN: Final = (
    "curves", "filters", "maps", "mistakes", "confusion", "neighbours", "data", "augmented", "predictions",
)  # fmt: skip
LEFT: Final = (
    "--workers", "--seeds", "--epochs", "--save-steps", "--data-dir", "--color", "--copy", "--compile"
)  # fmt: skip
"""What would train for long, download, compile for seconds and keep what it compiled, or do nothing."""
ENDS: Final = {
    "train": ("--force", "--epochs", "1", "-o", "again"), "solve": ("--seconds", "0.3"),
}  # fmt: skip
"""What keeps a verb short."""
LARGEST: Final = GIANTS[-2:]
"""What no command can hold; networks of less may be run, and take their time."""


def line(random: Random) -> bytes:
    verb = random.choice(VERBS + ("run", "gradient") * 5)
    command: Any = main.cli.get_command(None, verb)  # type: ignore[arg-type]
    words = [verb, *_subject(verb, random)]
    options = [
        one for one in command.params if one.opts[0].startswith("-") and one.opts[0] not in (*LEFT, "-e")
    ]
    wanted = [one for one in options if one.opts[0] in ("--input", "--target", "--upstream")]
    for one in wanted if random.random() < 0.7 else ():
        words += _option(one, random)
    for one in random.choices(options, k=random.choice((0, 1, 1, 2, 3))) if options else ():
        words += _option(one, random)
    words = [word.replace("\0", "?") for word in (*words, *ENDS.get(verb, ()))]  # no system passes NUL on
    return json.dumps(words).encode()


def _subject(verb: str, random: Random) -> list[str]:
    if verb == "inspect" and random.random() < 0.8:
        return [random.choice(("run", "run", "masked", "small.cnn", "nothing")), random.choice(SHOWN)]
    if verb in ("why", "layers"):
        return [random.choice(TEXTS) for _ in range(random.choice((0, 1, 1, 2)))]
    if random.random() < 0.25 or verb in ("evaluate", "predict"):
        places = [random.choice(PLACES[:2] if random.random() < 0.6 else PLACES)]
        return places + [random.choice((*PLACES, *TEXTS))] * (random.random() < 0.2)
    spec = far(random, LARGEST) if random.random() < 0.15 else random.choice(SPECS)
    return ["-e", spec] * (2 if random.random() < 0.02 else 1)


def _option(option: Any, random: Random) -> list[str]:
    name = random.choice([*option.opts, *option.secondary_opts])
    if option.is_flag:
        return [name]
    kinds = getattr(option.type, "choices", None)
    if kinds and random.random() < 0.95:
        value = random.choice([str(kind) for kind in kinds])
    elif "Range" in type(option.type).__name__:
        value = random.choice(AMOUNTS)
    elif name in ("-o", "--output"):
        value = random.choice(OUTPUTS)
    elif name in ("--input", "--target", "--upstream", "--image") and random.random() < 0.9:
        value = random.choice((*MATRIX, *AMOUNTS[:4]))
    else:
        value = random.choice((*TEXTS, *MATRIX, *PLACES))
    return [name, value] if random.random() < 0.98 else [f"{name}={value}"]
