"""The page in a real browser, where one is installed: light, dark, on a telephone, on paper."""

import re
import shutil
import subprocess
import zlib
from pathlib import Path

import pytest
from tools import known

from cnnspec.cli.main import run
from cnnspec.views.pictures.palette import DARK, LIGHT

CHROMIUM = shutil.which("chromium") or shutil.which("chromium-browser") or shutil.which("google-chrome")

if CHROMIUM:

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
    def test_nothing_reaches_over_the_side(page: Path, width: int) -> None:
        script = (
            "<script>document.title = [document.documentElement.scrollWidth, innerWidth,"
            "document.querySelector('details').open = true, document.querySelector('.working math')"
            ".getBoundingClientRect().height].join(' ')</script></body>"
        )
        measured = page.with_name("measured.html")
        measured.write_text(page.read_text().replace("</body>", script))
        dumped = browse(measured, f"--window-size={width},800", "--dump-dom")
        wide, room, _, high = known(re.search(r"<title>(.*?)</title>", dumped))[1].split()
        assert int(wide) <= int(room)
        assert float(high) > 10

    def test_it_prints_with_every_working(page: Path, tmp_path: Path) -> None:
        browse(page, "--no-pdf-header-footer", f"--print-to-pdf={tmp_path / 'page.pdf'}")
        data = (tmp_path / "page.pdf").read_bytes()
        assert data.startswith(b"%PDF")
        assert 4 <= len(re.findall(rb"/Type\s*/Page\b", data))
