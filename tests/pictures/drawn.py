"""Reads an SVG as a reader sees it: where boxes and texts lie, and what reaches over what."""

from __future__ import annotations

import re
from dataclasses import dataclass
from functools import cache
from xml.etree import ElementTree

from cnnspec.elaborate.spec import elaborate
from cnnspec.network.graph import Network
from cnnspec.resources import example_path, example_text
from cnnspec.syntax.parse import parse
from cnnspec.text import Source
from cnnspec.views.pictures.choices import EVERYTHING, Choices
from cnnspec.views.pictures.draw import render
from cnnspec.views.pictures.font import SLACK, text_width
from cnnspec.views.pictures.look import Look
from cnnspec.views.pictures.palette import LIGHT, Theme
from cnnspec.views.pictures.plan import Plan
from cnnspec.views.pictures.planning import Planner

SVG = "{http://www.w3.org/2000/svg}"


@cache
def example(name: str) -> Network:
    """A shipped example as a network."""
    found = elaborate(parse(Source(str(example_path(name)), example_text(name))), read_use=_beside)
    assert found.network is not None, found.diagnostics
    return found.network


def network(text: str) -> Network:
    found = elaborate(parse(Source("<test>", text)))
    assert found.network is not None, found.diagnostics
    return found.network


def plan_of(network: Network, choices: Choices = EVERYTHING) -> Plan:
    """The plan of a network's graph picture."""
    return Planner(network, choices).plan()


def draw_volumes(network: Network, *, theme: Theme = LIGHT, choices: Choices = EVERYTHING) -> str:
    """The volume picture of a network."""
    return render(network, Look("volumes", theme.name, choices=choices))


def _beside(name: str) -> Source:
    path = example_path("lenet").parent / name
    return Source(str(path), path.read_text(encoding="utf-8"))


@dataclass(frozen=True)
class Rect:
    left: float
    top: float
    right: float
    bottom: float

    def meets(self, other: Rect, slack: float = 0.5) -> bool:
        """Whether two rectangles overlap by more than ``slack`` both ways."""
        return (
            min(self.right, other.right) - max(self.left, other.left) > slack
            and min(self.bottom, other.bottom) - max(self.top, other.top) > slack
        )

    def holds(self, other: Rect, slack: float = 0.5) -> bool:
        return (
            self.left - slack <= other.left and other.right <= self.right + slack
            and self.top - slack <= other.top and other.bottom <= self.bottom + slack
        )  # fmt: skip

    def has(self, x: float, y: float, inside: float = 0.0) -> bool:
        return self.left + inside < x < self.right - inside and self.top + inside < y < self.bottom - inside


@dataclass(frozen=True)
class Word:
    text: str
    rect: Rect


class Page:
    """An SVG of ours, with the shift of its drawing undone."""

    def __init__(self, svg: str) -> None:
        self.root = ElementTree.fromstring(svg)
        left, top, width, height = map(float, self.root.attrib["viewBox"].split())
        self.rect = Rect(left, top, left + width, top + height)
        self.drawing = next(g for g in self.root.iter(f"{SVG}g") if g.get("class") == "drawing")
        shift = re.fullmatch(r"translate\(([-\d.]+)[ ,]([-\d.]+)\)", self.drawing.attrib["transform"])
        assert shift
        self.shift = (float(shift[1]), float(shift[2]))

    def groups(self, kind: str) -> list[ElementTree.Element]:
        return [g for g in self.root.iter(f"{SVG}g") if g.get("class") == kind]

    def all_words(self) -> list[Word]:
        """Every text of the page, in the page's coordinates."""
        inside = set(map(id, self.drawing.iter(f"{SVG}text")))
        found = []
        for element in self.root.iter(f"{SVG}text"):
            word = word_of(element)
            dx, dy = self.shift if id(element) in inside else (0.0, 0.0)
            r = word.rect
            found.append(Word(word.text, Rect(r.left + dx, r.top + dy, r.right + dx, r.bottom + dy)))
        return found

    def loose_words(self) -> list[Word]:
        """The texts that stand in the drawing by themselves."""
        return [word_of(element) for element in self.drawing if element.tag == f"{SVG}text"]


def word_of(element: ElementTree.Element) -> Word:
    """A text with the room it takes, by the widths that the font's makers publish."""
    x, y, size = (float(element.attrib[name]) for name in ("x", "y", "font-size"))
    text = element.text or ""
    width = text_width(text, size, element.get("font-weight") == "bold") / SLACK
    left = x - {"start": 0.0, "middle": width / 2, "end": width}[element.get("text-anchor", "start")]
    return Word(text, Rect(left, y - size * 0.74, left + width, y + size * 0.22))


def words_in(group: ElementTree.Element) -> list[Word]:
    return [word_of(element) for element in group.iter(f"{SVG}text")]


def rect_of(element: ElementTree.Element) -> Rect:
    x, y, w, h = (float(element.attrib[name]) for name in ("x", "y", "width", "height"))
    return Rect(x, y, x + w, y + h)


def outline(group: ElementTree.Element) -> Rect:
    """What the rectangles, polygons and circles of a group cover."""
    xs, ys = [], []
    for element in group.iter():
        if element.tag == f"{SVG}rect":
            rect = rect_of(element)
            xs += [rect.left, rect.right]
            ys += [rect.top, rect.bottom]
        elif element.tag == f"{SVG}polygon":
            points = [tuple(map(float, pair.split(","))) for pair in element.attrib["points"].split()]
            xs += [x for x, _ in points]
            ys += [y for _, y in points]
        elif element.tag == f"{SVG}circle":
            x, y, r = (float(element.attrib[name]) for name in ("cx", "cy", "r"))
            xs += [x - r, x + r]
            ys += [y - r, y + r]
    return Rect(min(xs), min(ys), max(xs), max(ys))


def points_of(path: str) -> list[tuple[float, float]]:
    """Points along an SVG path (absolute M L H V C Q, relative q), close together."""
    x = y = 0.0
    found: list[tuple[float, float]] = []
    for letter, body in re.findall(r"([MLHVCQq])([^MLHVCQqZ]*)", path):
        n = [float(v) for v in re.findall(r"-?\d*\.?\d+", body)]
        if letter in "ML":
            ends = [(n[0], n[1])]
        elif letter == "H":
            ends = [(n[0], y)]
        elif letter == "V":
            ends = [(x, n[0])]
        elif letter == "q":
            ends = [(x + n[2], y + n[3])]
        elif letter == "Q":
            ends = [(n[2], n[3])]
        else:
            found += _bezier((x, y), n)
            x, y = n[-2], n[-1]
            continue
        for end in ends:
            steps = 1 if letter == "M" else max(1, int((abs(end[0] - x) + abs(end[1] - y)) / 4))
            found += [(x + (end[0] - x) * k / steps, y + (end[1] - y) * k / steps) for k in range(steps + 1)]
            x, y = end
    return found[2:]


def _bezier(start: tuple[float, float], n: list[float]) -> list[tuple[float, float]]:
    found = []
    a = start
    for k in range(0, len(n), 6):
        b, c, d = (n[k], n[k + 1]), (n[k + 2], n[k + 3]), (n[k + 4], n[k + 5])
        for step in range(21):
            t, s = step / 20, 1 - step / 20
            x, y = (s**3 * a[i] + 3 * s * s * t * b[i] + 3 * s * t * t * c[i] + t**3 * d[i] for i in range(2))
            found.append((x, y))
        a = d
    return found
