"""How the page looks: light and dark, wide and narrow, on a screen and on paper."""

from __future__ import annotations

import re
from typing import Final

from cnnspec.layers.base import Family
from cnnspec.views.pictures.palette import DARK, LIGHT, Theme

_PAGE: Final = """\
* { box-sizing: border-box }
html { -webkit-text-size-adjust: 100%; color-scheme: light dark }
body {
  margin: 0 auto; max-width: 1080px; padding: 2.5rem 2rem 4rem; background: var(--page); color: var(--ink);
  font: 15px/1.55 system-ui, -apple-system, "Segoe UI", "Liberation Sans", sans-serif;
}
h1 { font-size: 2rem; line-height: 1.15; letter-spacing: -.01em; margin: 0 0 .3rem; overflow-wrap: anywhere }
h2 { font-size: 1.2rem; margin: 3rem 0 .8rem; padding-top: 1rem; border-top: 1px solid var(--frame) }
h3 { font-size: .95rem; margin: 1.4rem 0 .4rem }
p { margin: .4rem 0 }
.faint, .note { color: var(--faint) }
.note { font-size: .87rem }
.working math + .note, .working span + .note { margin-left: .3em }
code, pre { font-family: ui-monospace, "SF Mono", Menlo, "Liberation Mono", monospace; font-size: .87em }
pre { background: var(--card); border: 1px solid var(--frame); border-radius: 8px; padding: .8rem 1rem; margin: 0 }
pre, .scroll { overflow-x: auto }
nav { display: flex; flex-wrap: wrap; gap: .2rem 1.1rem; margin-top: 1rem; font-size: .9rem }
a { color: var(--link); text-decoration: none }
a:hover { text-decoration: underline }
.figures { display: grid; grid-template-columns: repeat(4, 1fr); gap: .7rem; margin: 1.4rem 0 0 }
.figures div { background: var(--card); border: 1px solid var(--frame); border-radius: 8px; padding: .6rem .9rem }
.figures dt { color: var(--faint); font-size: .8rem }
.figures dd { margin: 0; font-size: 1.25rem; font-weight: 600; font-variant-numeric: tabular-nums }
.message { border-left: 4px solid var(--faint); background: var(--card); padding: .5rem .9rem; margin: .6rem 0; border-radius: 0 8px 8px 0 }
.message.error { border-color: var(--bad) }
.message.warning { border-color: var(--warn) }
.message p { white-space: pre-line; overflow-wrap: anywhere }
.picture { overflow-x: auto; margin: .5rem 0 1.5rem; border: 1px solid var(--frame); border-radius: 10px; text-align: center; background: var(--page) }
.picture svg { display: inline-block; vertical-align: top; max-width: 100%; height: auto }
.cnnspec-table { margin: 0 !important }
.share, .epochs { border-collapse: collapse; width: 100%; font-size: .87rem; margin: .4rem 0 }
.share th, .epochs th { text-align: left; font-weight: 400; padding: .16rem .6rem .16rem 0; overflow-wrap: anywhere }
.share thead th, .epochs [scope=col] { font-weight: 600; color: var(--faint) }
.share td, .epochs td { padding: .16rem .6rem .16rem 0; font-variant-numeric: tabular-nums; white-space: nowrap }
.share td { width: 27% }
.share td:nth-child(2):last-child { width: 75% }
.share .rest > * { color: var(--faint) }
.bar { display: grid; grid-template-columns: 1fr 7em; gap: .5em; align-items: center; text-align: right }
.bar i { display: block; height: .72em; border-radius: 2px; background: var(--tone); width: var(--part); min-width: 1px }
.bar .none { visibility: hidden }
.stack { display: flex; height: 1.5rem; border-radius: 5px; overflow: hidden; gap: 1px; margin: .5rem 0 }
.stack i { background: var(--tone); flex: var(--part) 1 0; min-width: 0 }
.keys { display: flex; flex-wrap: wrap; gap: .15rem 1.3rem; list-style: none; padding: 0; margin: .4rem 0; font-size: .87rem }
.keys li::before { content: ""; display: inline-block; width: .75em; height: .75em; border-radius: 2px; background: var(--tone); margin-right: .45em }
details { border-bottom: 1px solid var(--frame) }
summary { cursor: pointer; padding: .42rem 0; display: grid; grid-template-columns: 1.1rem minmax(6rem, 12rem) 1fr auto; gap: .2rem .7rem; align-items: baseline; list-style: none }
summary::-webkit-details-marker { display: none }
summary::before { content: "▸"; color: var(--faint) }
details[open] > summary::before { content: "▾" }
summary b { border-left: 4px solid var(--tone); padding-left: .5rem; overflow-wrap: anywhere }
summary .flow { color: var(--faint); font-variant-numeric: tabular-nums }
.working { padding: .2rem 0 1rem 1.8rem; display: grid; grid-template-columns: minmax(5rem, max-content) 1fr; gap: .35rem 1.2rem; align-items: baseline; margin: 0 }
.working dt { color: var(--faint) }
.working dd { margin: 0; min-width: 0; overflow-x: auto; overflow-y: hidden }
.working dd span { display: inline-block; margin-right: .35em; padding: .1em 0 }
.working .where { grid-column: 1 / -1; font-size: .87rem; color: var(--faint) }
math { font-size: 1.08em; font-family: "Latin Modern Math", "STIX Two Math", "Cambria Math", "DejaVu Math TeX Gyre", serif }
mfrac { padding: 0 .15em }
.charts { display: grid; grid-template-columns: repeat(auto-fit, minmax(min(100%, 20rem), 1fr)); gap: 1rem }
.charts svg { width: 100%; height: auto }
.result { overflow-x: auto; margin: .6rem 0 1.4rem }
.result svg { display: block; max-width: 100%; height: auto }
.on-dark { display: none }
.switch { display: block; font-size: .87rem; color: var(--faint); margin: 0 0 .5rem }
footer { margin-top: 3rem; padding-top: .8rem; border-top: 1px solid var(--frame); font-size: .87rem; color: var(--faint) }
@media (min-width: 641px) {
  .figures:has(> :nth-child(9)) { grid-template-columns: repeat(3, 1fr) }
}
@media (max-width: 640px) {
  body { padding: 1.4rem 1rem 3rem; font-size: 14px }
  h1 { font-size: 1.6rem }
  h2 { margin-top: 2.2rem }
  .figures { grid-template-columns: repeat(2, 1fr) }
  .figures dd { font-size: 1.05rem }
  .picture svg { max-width: max(100%, 34rem) }
  .result svg { max-width: none }
  .share tr { display: grid; grid-template-columns: repeat(3, 1fr); padding-bottom: .3rem }
  .share tr > :first-child { grid-column: 1 / -1; padding-bottom: 0 }
  .share thead tr > :first-child { display: none }
  .share td:nth-child(2):last-child { width: auto; grid-column: 1 / -1 }
  .share td { width: auto }
  .bar { grid-template-columns: 1fr; gap: .1em; text-align: left }
  summary { grid-template-columns: 1.1rem 1fr }
  summary > :nth-child(n + 2) { grid-column: 2 }
  .working { grid-template-columns: 1fr; gap: .1rem; padding-left: 1.8rem }
  .working dd { margin-bottom: .5rem }
}
@media print {
  body { max-width: none; padding: 0; font-size: 10pt }
  nav, .switch { display: none }
  body:not(:has(#on-paper:checked)) #workings { display: none }
  h2 { break-after: avoid; margin-top: 1.6rem }
  .picture, .result, pre, .charts, .stack, .message, .figures { break-inside: avoid }
  .picture { border: 0 }
  .picture, .result { overflow: visible }
  .picture svg { max-width: 100%; max-height: 16.5cm; width: auto }
  tr, figure { break-inside: avoid }
  .scroll { overflow: visible }
  summary { break-after: avoid }
  details::details-content { content-visibility: visible; block-size: auto; display: block }
  * { -webkit-print-color-adjust: exact; print-color-adjust: exact }
}
"""  # noqa: E501 - one rule a line reads best
_COLOR: Final = re.compile(r"#[0-9a-fA-F]{6}\b")
_HEAD: Final = re.compile(r"^\s*(<\?xml[^>]*>|<!DOCTYPE[^>]*>|<!--.*?-->|\s)+", re.DOTALL)
_IMAGE: Final = re.compile(r"<image [^>]*>")
_ID: Final = re.compile(r"\bid=\"([^\"]+)\"")
_USE: Final = re.compile(r"#([^\s\")]+)(?=[\")])")


def sheet(colors: Colors) -> str:
    """The style sheet; ``colors`` are those of the pictures."""
    light, dark = (f"{_variables(theme)};{colors.css(n)}" for n, theme in enumerate((LIGHT, DARK)))
    return (
        f":root{{{light}}}\n{_PAGE}@media screen and (prefers-color-scheme: dark){{"
        f":root{{{dark}}} .on-light{{display:none}} .on-dark{{display:inline}}}}\n"
    )


def tone(family: Family) -> str:
    """The family's colour as a variable of the page."""
    return f"var(--{family})"


def _variables(theme: Theme) -> str:
    named = {
        "page": theme.page, "ink": theme.ink, "faint": theme.faint, "frame": theme.frame,
        "card": theme.frame_fill, "bad": theme.fault.line, "warn": theme.tone(Family.POOL).line,
        "link": theme.tone(Family.CONV).line,
    }  # fmt: skip
    named |= {str(family): theme.tone(family).line for family in Family}
    return ";".join(f"--{name}:{value}" for name, value in named.items())


class Colors:
    """Pairs of colours, light and dark, each with the name of its variable."""

    def __init__(self) -> None:
        self.pairs: dict[tuple[str, str], str] = {}

    def name(self, light: str, dark: str) -> str:
        return self.pairs.setdefault((light.lower(), dark.lower()), f"--c{len(self.pairs)}")

    def css(self, place: int) -> str:
        """The variables for light (0) or dark (1) pages."""
        return ";".join(f"{name}:{pair[place]}" for pair, name in self.pairs.items())

    def both(self, light: str, dark: str, prefix: str = "") -> str:
        """One SVG of two that differ in their colours alone; the light one where they differ more.

        Pictures inside that differ are both there, each shown on its page.
        ``prefix`` keeps the names inside this picture apart from those of others.
        """
        svg = named_apart(_HEAD.sub("", light), prefix)
        others = _COLOR.findall(dark)
        if len(_COLOR.findall(svg)) != len(others):
            return svg
        following, images = iter(others), iter(_IMAGE.findall(dark))
        svg = _IMAGE.sub(lambda found: _either(found[0], next(images)), svg)
        return _COLOR.sub(lambda found: f"var({self.name(found[0], next(following))})", svg)


def _either(light: str, dark: str) -> str:
    """Two pictures, each with the class that hides it on the other page."""
    if light == dark:
        return light
    return light.replace("<image", '<image class="on-light"') + dark.replace(
        "<image", '<image class="on-dark"'
    )


def named_apart(svg: str, prefix: str) -> str:
    """The SVG with a prefix before every id and every mention of one."""
    if not prefix:
        return svg
    names = set(_ID.findall(svg))
    svg = _ID.sub(rf'id="{prefix}\1"', svg)
    return _USE.sub(lambda use: f"#{prefix}{use[1]}" if use[1] in names else use[0], svg)
