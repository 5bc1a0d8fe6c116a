"""Graphviz, wherever it is: the ``dot`` program, or the copy inside pygraphviz."""

from __future__ import annotations

import json
import shutil
import subprocess
import sys
from dataclasses import dataclass
from importlib.util import find_spec
from typing import Any, Final

ENGINES: Final = ("dot", "pygraphviz")
HOW_TO_GET_ONE: Final = (
    "Graphviz is needed for this: install it (graphviz.org; apt, brew, winget: graphviz), "
    "or pip install 'cnnspec[draw]'"
)


SECONDS: Final = 8
ROUGH: Final = "graph [splines=line, nslimit=1, nslimit1=1, mclimit=0.1]"
"""Straight edges, and few rounds of improvement: what a tangle of hundreds of edges can have."""
TOO_LONG: Final = 124
_CHILD: Final = f"""
import sys, warnings
try:
    import resource
    resource.setrlimit(resource.RLIMIT_CPU, ({SECONDS}, {SECONDS}))
except (ImportError, ValueError):
    pass
warnings.simplefilter("ignore")
_, engine, format = sys.argv
text = sys.stdin.buffer.read()
if engine == "dot":
    import graphviz
    try:
        made = graphviz.pipe("dot", format, text, quiet=True)
    except graphviz.CalledProcessError as error:
        sys.stderr.buffer.write(error.stderr or b"")
        sys.exit({TOO_LONG} if error.returncode < 0 else 1)
else:
    import pygraphviz
    made = pygraphviz.AGraph(string=text.decode()).draw(format=format, prog="dot")
sys.stdout.buffer.write(made)
"""


class NoEngine(Exception):
    """No Graphviz is there, or not the one that was asked for."""


@dataclass(frozen=True, slots=True)
class GraphLayout:
    """Where an engine put things, in pixels, y downward. Splines are runs of cubic Béziers."""

    width: float
    height: float
    cards: dict[str, tuple[float, float, float, float]]
    """Key -> (left, top, width, height)."""
    clusters: dict[str, tuple[float, float, float, float]]
    splines: tuple[tuple[str, str, tuple[tuple[float, float], ...], tuple[float, float] | None], ...]
    """(tail, head, control points, arrow tip)."""
    labels: dict[tuple[str, str], tuple[float, float]]
    """(tail, head) -> centre of the edge's label."""


def available() -> tuple[str, ...]:
    """The engines on this machine, best first."""
    there = {"dot": shutil.which("dot") is not None, "pygraphviz": find_spec("pygraphviz") is not None}
    return tuple(name for name in ENGINES if there[name])


def choose(engine: str | None = None) -> str:
    """The engine to use; raises NoEngine when there is none, or not that one."""
    there = available()
    if engine is None and there:
        return there[0]
    if engine in there:
        return str(engine)
    missing = f"{engine} is not installed. " if engine else ""
    raise NoEngine(missing + HOW_TO_GET_ONE)


def run(dot: str, format: str, engine: str) -> bytes:
    """What Graphviz makes of a DOT text, in one of its formats (``png``, ``pdf``, ``json0`` …).

    It runs in a process of its own, for as long as ``SECONDS``; what takes longer is laid out roughly.
    """
    for text in (dot, f"{dot.rstrip().removesuffix('}')} {ROUGH}\n}}\n"):
        command = [sys.executable, "-c", _CHILD, engine, format]
        try:
            made = subprocess.run(
                command, input=text.encode(errors="replace"), capture_output=True, timeout=3 * SECONDS
            )
        except subprocess.TimeoutExpired:
            continue
        if made.returncode == 0:
            return made.stdout
        if 0 < made.returncode != TOO_LONG:
            *_, last = "", *made.stderr.decode("utf-8", "replace").strip().splitlines()
            raise NoEngine(f"{engine} failed: {last}")
    raise NoEngine(f"{engine} took longer than {SECONDS} seconds; draw --style volumes needs no Graphviz")


def lay_out(dot: str, engine: str) -> GraphLayout:
    """The coordinates that an engine gives to a DOT text."""
    found: dict[str, Any] = json.loads(run(dot, "json0", engine).decode("utf-8", "replace"), strict=False)
    _, _, width, height = map(float, found["bb"].split(","))
    names: dict[int, str] = {}
    cards, frames = {}, {}
    for item in found.get("objects", ()):
        name = names[item["_gvid"]] = item["name"]
        if "bb" in item:
            left, bottom, right, top = map(float, item["bb"].split(","))
            frames[name.removeprefix("cluster_")] = (left, height - top, right - left, top - bottom)
        elif "pos" in item:
            x, y = map(float, item["pos"].split(","))
            w, h = float(item["width"]) * 72, float(item["height"]) * 72
            cards[name] = (x - w / 2, height - y - h / 2, w, h)
    splines, labels = [], {}
    for edge in found.get("edges", ()):
        tail, head = names[edge["tail"]], names[edge["head"]]
        points, tip = _spline(edge["pos"], height)
        splines.append((tail, head, points, tip))
        if "lp" in edge:
            x, y = map(float, edge["lp"].split(","))
            labels[tail, head] = (x, height - y)
    return GraphLayout(width, height, cards, frames, tuple(splines), labels)


def _spline(text: str, height: float) -> tuple[tuple[tuple[float, float], ...], tuple[float, float] | None]:
    points, tip = [], None
    for part in text.split():
        pieces = part.split(",")
        point = (float(pieces[-2]), height - float(pieces[-1]))
        if pieces[0] == "e":
            tip = point
        elif pieces[0] != "s":
            points.append(point)
    return tuple(points), tip
