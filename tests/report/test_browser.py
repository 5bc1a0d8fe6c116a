"""Pages in a real browser: light, dark, on a telephone, on paper; and a table among JupyterLab's rules."""

import re
import shutil
import subprocess
import zlib
from pathlib import Path

import pytest
from tools import known

from cnnspec.analysis.report import analyze
from cnnspec.cli.main import run
from cnnspec.views.documents import html
from cnnspec.views.pictures.palette import DARK, LIGHT

CHROMIUM = shutil.which("chromium") or shutil.which("chromium-browser") or shutil.which("google-chrome")

pytestmark = [pytest.mark.web, pytest.mark.skipif(not CHROMIUM, reason="there is no Chromium here")]

JUPYTER = """
.jp-RenderedHTMLCommon table { border: none; table-layout: fixed; margin-left: auto; margin-right: auto }
.jp-RenderedHTMLCommon thead { vertical-align: bottom }
.jp-RenderedHTMLCommon td, .jp-RenderedHTMLCommon th, .jp-RenderedHTMLCommon tr {
  vertical-align: middle; padding: 0.5em; line-height: normal; white-space: normal; border: none
}
:not(.jp-RenderedMarkdown).jp-RenderedHTMLCommon td, :not(.jp-RenderedMarkdown).jp-RenderedHTMLCommon th,
:not(.jp-RenderedMarkdown).jp-RenderedHTMLCommon tr { text-align: right }
.jp-RenderedHTMLCommon th { font-weight: bold }
"""
"""What JupyterLab 4 says of tables in an output; it stands in the page's head, before or after ours."""


@pytest.fixture(scope="module")
def page(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("page") / "lenet.html"
    assert run(["report", "lenet", "-o", str(path)]) == 0
    return path


def browse(page: Path, *options: str) -> str:
    profile = page.parent / "profile"
    command = [
        known(CHROMIUM), "--headless", "--no-sandbox", "--disable-gpu", "--disable-background-networking",
        "--no-first-run", "--hide-scrollbars", f"--user-data-dir={profile}", *options, page.as_uri(),
    ]  # fmt: skip
    found = subprocess.run(command, capture_output=True, timeout=120, check=True)
    shutil.rmtree(profile, ignore_errors=True)
    return found.stdout.decode()


def measured(path: Path, text: str, expression: str, width: int = 1000) -> list[str]:
    """What a script says of a page: words between blanks."""
    path.write_text(text + f"<script>document.title = {expression}</script>")
    dumped = browse(path, f"--window-size={width},800", "--dump-dom")
    return known(re.search(r"<title>(.*?)</title>", dumped, re.DOTALL))[1].split()


def corner(path: Path) -> str:
    """The colour of the first pixel of a PNG of three or four channels."""
    data = path.read_bytes()
    start = data.index(b"IDAT") + 4
    rows = zlib.decompressobj().decompress(data[start:], 64)
    return "#" + rows[1:4].hex()


@pytest.mark.parametrize(("options", "ground"), [((), LIGHT.page), (("--force-dark-mode",), DARK.page)])
def test_it_is_light_or_dark_as_the_reader_has_it(
    page: Path, tmp_path: Path, options: tuple[str, ...], ground: str
) -> None:
    browse(page, "--window-size=1100,800", f"--screenshot={tmp_path / 'shot.png'}", *options)
    assert ground == corner(tmp_path / "shot.png")


@pytest.mark.parametrize("width", [390, 1100])
def test_nothing_reaches_over_the_side(page: Path, width: int, tmp_path: Path) -> None:
    script = (
        "[document.documentElement.scrollWidth, innerWidth, document.querySelector('details').open = true, "
        "document.querySelector('.working math').getBoundingClientRect().height].join(' ')"
    )
    wide, room, _, high = measured(tmp_path / "measured.html", page.read_text(), script, width)
    assert int(wide) <= int(room)
    assert float(high) > 10


@pytest.mark.parametrize("width", [390, 1100])
def test_every_bar_of_a_cost_is_there_on_a_telephone_too(page: Path, width: int, tmp_path: Path) -> None:
    script = (
        "[...document.querySelectorAll('#cost tbody tr:first-child td, #memory tbody tr:first-child td')]"
        ".map(cell => cell.offsetWidth > 60).join(' ')"
    )
    assert measured(tmp_path / "bars.html", page.read_text(), script, width) == ["true"] * 4


def _pages(path: Path, tmp_path: Path) -> int:
    browse(path, "--no-pdf-header-footer", f"--print-to-pdf={tmp_path / 'page.pdf'}")
    data = (tmp_path / "page.pdf").read_bytes()
    assert data.startswith(b"%PDF")
    return len(re.findall(rb"/Type\s*/Page\b", data))


def test_it_prints_with_every_working(page: Path, tmp_path: Path) -> None:
    assert _pages(page, tmp_path) >= 4


def test_workings_of_a_large_network_are_printed_only_when_asked_for(tmp_path: Path) -> None:
    path = tmp_path / "googlenet.html"
    assert run(["report", "googlenet", "-o", str(path)]) == 0
    few = _pages(path, tmp_path)
    path.write_text(path.read_text().replace('id="on-paper"', 'id="on-paper" checked'))
    assert few <= 10
    assert _pages(path, tmp_path) > 2 * few


@pytest.mark.parametrize("last", ["ours", "theirs"])
@pytest.mark.parametrize("name", ["lenet", "resnet18"])
def test_a_notebooks_table_keeps_its_looks_in_jupyterlab(tmp_path: Path, name: str, last: str) -> None:
    """Names to the left, numbers to the right, one line a layer, whichever rules come later."""
    table = f'<div class="jp-RenderedHTMLCommon jp-RenderedHTML">{html.render(analyze(name))}</div>'
    rules = f"<style>{JUPYTER}</style>"
    text = f"<!DOCTYPE html><title></title>{rules + table if last == 'ours' else table + rules}"
    script = """(() => {
      const style = what => getComputedStyle(document.querySelector(what));
      const rows = [...document.querySelectorAll('tbody tr')].map(row => row.offsetHeight);
      const rights = [...document.querySelectorAll('tbody td:nth-child(4)')]
        .map(cell => Math.round(cell.getBoundingClientRect().right));
      const name = style('tbody .layer');
      return [name.textAlign, name.whiteSpace, name.fontWeight, style('tbody .operation').textAlign,
        style('tbody .number').textAlign, style('thead .layer').textAlign, style('table').tableLayout,
        Math.max(...rows) - Math.min(...rows) <= 1, new Set(rights).size].join(' ')
    })()"""
    expected = ["left", "pre", "400", "left", "right", "left", "auto", "true", "1"]
    assert measured(tmp_path / "notebook.html", text, script) == expected
