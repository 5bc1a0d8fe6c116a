"""A drawing as TikZ: a document that compiles alone, with texts in the font of the paper.

It is made from the SVG of either style, so that both programs draw the same. One pixel is one TeX point.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Callable, Iterator, Mapping
from string import Template
from typing import Final
from xml.etree import ElementTree

from cnnspec.views.documents.latex import escape as escaped
from cnnspec.views.pictures.palette import Theme

HEAD: Final = Template(r"""% Drawn by cnnspec. Compile it with pdflatex.
% For a paper include the PDF, or copy the colours and the tikzpicture.
\documentclass{article}
\usepackage[paperwidth=${width}pt,paperheight=${height}pt,margin=0pt]{geometry}
\usepackage[utf8]{inputenc}
\IfFileExists{lmodern.sty}{\usepackage[T1]{fontenc}\usepackage{lmodern}}{\usepackage{fix-cm}}
\usepackage{tikz}
\usetikzlibrary{svg.path}
\pagestyle{empty}
\parindent0pt
% What pdflatex has no letter for.
\newcommand\other[1]{\ifdefined\Umathchar#1\else?\fi}
$colors
\begin{document}%
\sffamily
\begin{tikzpicture}[yscale=-1, x=1pt, y=1pt, inner sep=0pt, line join=round]
\useasboundingbox (0,0) rectangle ($width,$height);""")
FOOT: Final = r"""\end{tikzpicture}%
\end{document}
"""
ANCHORS: Final = {"start": "base west", "middle": "base", "end": "base east"}
WHOLE: Final = "(current bounding box.south west) rectangle (current bounding box.north east)"
LETTERS: Final = "ßæøåÆØÅ"
SET: Final = re.compile(r"(\\[a-z]+\{\}|\$\\[a-z]+\$)")
Attributes = Mapping[str, str]


def write(svg: str, theme: Theme) -> str:
    """An SVG of ours as a TeX document; what is made of pixels is left out."""
    root = ElementTree.fromstring(svg)
    colors = _colors(root, theme)
    lines = list(_drawn(root, colors))
    defined = [rf"\definecolor{{{name}}}{{HTML}}{{{color[1:].upper()}}}" for color, name in colors.items()]
    head = {"width": root.attrib["width"], "height": root.attrib["height"], "colors": "\n".join(defined)}
    return "\n".join((HEAD.substitute(head), *lines, FOOT))


def _colors(root: ElementTree.Element, theme: Theme) -> dict[str, str]:
    """Each colour with its name: the family's, where it is the fill or the line of one."""
    known = {getattr(theme, name): name for name in ("page", "ink", "faint", "edge", "frame")}
    for family, tone in theme.families.items():
        known |= {tone.line: f"{family}line", tone.fill: str(family)}
    found = {color: "" for item in root.iter() for color in (item.get("fill"), item.get("stroke")) if color}
    found.pop("none", None)
    return {color: known.get(color, f"shade{n}") for n, color in enumerate(found)}


def _drawn(element: ElementTree.Element, colors: Mapping[str, str]) -> Iterator[str]:
    for child in element:
        tag = child.tag.rpartition("}")[2]
        if tag == "g":
            yield from _group(child, colors)
        elif tag == "text":
            yield _text(child.attrib, child.text or "", colors)
        elif tag in PATHS and (drawn := _style(child.attrib, colors)):
            yield rf"\path[{drawn}] {PATHS[tag](child.attrib)};"


def _group(group: ElementTree.Element, colors: Mapping[str, str]) -> Iterator[str]:
    moved = re.fullmatch(r"translate\(([-\d.]+)[ ,]([-\d.]+)\)", group.get("transform", ""))
    title = next((child.text or "" for child in group if child.tag.endswith("title")), "")
    if title:
        yield "% " + " ".join(title.splitlines()[0].split())
    if moved:
        yield rf"\begin{{scope}}[shift={{({moved[1]},{moved[2]})}}]"
    yield from _drawn(group, colors)
    if moved:
        yield r"\end{scope}"


def _style(attributes: Attributes, colors: Mapping[str, str]) -> str:
    """Fill and line as TikZ names them."""
    fill, stroke = attributes.get("fill", "none"), attributes.get("stroke", "none")
    parts = [f"fill={colors[fill]}"] if fill != "none" else []
    if stroke != "none":
        parts += [f"draw={colors[stroke]}", f"line width={attributes.get('stroke-width', '1')}pt"]
    if "fill-opacity" in attributes:
        parts.append(f"fill opacity={attributes['fill-opacity']}")
    if "stroke-opacity" in attributes:
        parts.append(f"draw opacity={attributes['stroke-opacity']}")
    if "stroke-dasharray" in attributes:
        on, off = attributes["stroke-dasharray"].split()
        parts.append(f"dash pattern=on {on}pt off {off}pt")
    if attributes.get("stroke-linecap") == "round":
        parts.append("line cap=round")
    if float(attributes.get("rx", "0")):
        parts.append(f"rounded corners={attributes['rx']}pt")
    return ", ".join(parts)


def _text(attributes: Attributes, text: str, colors: Mapping[str, str]) -> str:
    size = float(attributes["font-size"])
    font = rf"\fontsize{{{size:g}}}{{{size * 1.2:g}}}\selectfont"
    font += r"\bfseries" if attributes.get("font-weight") == "bold" else ""
    anchor = ANCHORS[attributes.get("text-anchor", "start")]
    place = f"({attributes['x']},{attributes['y']})"
    look = f"anchor={anchor}, text={colors[attributes['fill']]}, font={font}"
    return rf"\node[{look}] at {place} {{{escape(text)}}};"


def _rect(attributes: Attributes) -> str:
    if attributes["width"] == "100%":
        return WHOLE
    x, y, w, h = (float(attributes[name]) for name in ("x", "y", "width", "height"))
    return f"({x:g},{y:g}) rectangle ({x + w:g},{y + h:g})"


PATHS: Final[dict[str, Callable[[Attributes], str]]] = {
    "rect": _rect,
    "line": lambda a: f"({a['x1']},{a['y1']}) -- ({a['x2']},{a['y2']})",
    "polygon": lambda a: " -- ".join(f"({point})" for point in a["points"].split()) + " -- cycle",
    "circle": lambda a: f"({a['cx']},{a['cy']}) circle[radius={a['r']}]",
    "path": lambda a: f"svg {{{a['d']}}}",
}


def escape(text: str) -> str:
    """Text for TeX: signs escaped, and what pdflatex has no letter for marked."""
    pieces = SET.split(escaped(text))
    return "".join(piece if SET.fullmatch(piece) else "".join(map(_letter, piece)) for piece in pieces)


def _letter(letter: str) -> str:
    """ASCII, accented Latin letters as they are; others only where the engine knows all of Unicode."""
    base = unicodedata.normalize("NFD", letter)[0]
    known = letter in LETTERS or (base < "\x7f" and letter < "\u0180")
    return letter if known else rf"\other{{{letter}}}"
