"""What each verb costs on larger and larger networks: processor seconds of a whole process.

    python -m benchmarks.growth [--rounds 3] [-o PAGE]

The network is residual: ``add { | conv -> relu | } -> relu``, again and again, seven steps a turn;
50,000 steps is the most that a spec may expand to.
"""

from __future__ import annotations

import argparse
import resource
import subprocess
import sys
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Final

from benchmarks.__main__ import filled
from benchmarks.rivals import machine

SIZES: Final = (100, 1_000, 10_000, 50_000)
"""Steps that the spec expands to."""
STEPS_A_TURN: Final = 7
VERBS: Final = {
    "analyze": "analyze net.cnn", "analyze --format json": "analyze net.cnn --format json",
    "check": "check net.cnn", "explain, one layer": "explain net.cnn conv1",
    "explain, all layers": "explain net.cnn --no-fold", "fmt": "fmt net.cnn",
    "diff": "diff net.cnn other.cnn", "solve": "solve open.cnn",
    "draw -o net.dot": "draw net.cnn -o net.dot",
    "draw --no-fold -o net.dot": "draw net.cnn --no-fold -o net.dot",
    "run": "run net.cnn --input x.npy",
}  # fmt: skip
ABOUT: Final = """\
{machine}. Processor seconds of the whole process, start included, for a residual network that expands to so
many steps: layers, branches and turns of repeats; refused is what `cnnspec limits` does not allow."""


def write_specs(folder: Path, steps: int) -> None:
    """The network, another that differs in each convolution, one with unknowns, and an input."""
    import numpy as np

    turns = max(1, steps // STEPS_A_TURN - 1)
    body = f"repeat {turns} {{ add {{ | conv 4 3x3 padding=1 -> relu | }}; relu }}\n"
    head = "input 8x8x4\n"
    (folder / "net.cnn").write_text(head + body, encoding="utf-8")
    (folder / "other.cnn").write_text(head + body.replace("3x3 padding=1", "1x1"), encoding="utf-8")
    open_layer = "conv 2 ? stride=? padding=? => 4x4x2\n"
    (folder / "open.cnn").write_text(head + body + open_layer, encoding="utf-8")
    np.save(folder / "x.npy", np.zeros((8, 8, 4), np.float32))


def seconds(command: str, folder: Path) -> float | None:
    """Processor seconds of a command's process; None where a limit refuses so much."""
    before = resource.getrusage(resource.RUSAGE_CHILDREN)
    done = subprocess.run(
        [sys.executable, "-m", "cnnspec", *command.split()], cwd=folder, check=False, capture_output=True
    )
    if done.returncode:
        return None
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    return after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime


def row(verb: str, rounds: int) -> list[str]:
    """The verb, its least seconds at each size, and how many times as much the largest takes."""
    found: list[float | None] = []
    for steps in SIZES:
        with TemporaryDirectory() as name:
            write_specs(Path(name), steps)
            taken = [seconds(VERBS[verb], Path(name)) for _ in range(rounds)]
            found.append(None if None in taken else min(each for each in taken if each is not None))
    first, before, last = found[0], found[-2], found[-1]
    more = "" if None in found else f"{(last - first) / max(before - first, 0.01):.1f}"  # type: ignore[operator]
    return [f"`{verb}`", *("refused" if each is None else f"{each:.2f}" for each in found), more]


def table(rounds: int) -> str:
    """All rows in Markdown, with what a reader has to know."""
    heads = ["verb", *(f"{steps:,}" for steps in SIZES), f"{SIZES[-1] // SIZES[-2]} times the steps"]
    rows = [heads, ["---", *["---:"] * (len(heads) - 1)], *(row(verb, rounds) for verb in VERBS)]
    return "\n".join(
        [ABOUT.format(machine=machine()), "", *(f"| {' | '.join(cells)} |" for cells in rows), ""]
    )


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("-o", "--output", type=Path, help="a page whose table is to be written anew")
    options = parser.parse_args()
    text = table(options.rounds)
    print(text)
    if options.output:
        page = options.output.read_text(encoding="utf-8")
        options.output.write_text(filled(page, "growth", text), encoding="utf-8")


if __name__ == "__main__":
    main()
