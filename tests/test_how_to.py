"""Each page of docs/how-to/ is followed to the letter, and touches as many files as it says."""

from __future__ import annotations

import re
import runpy
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parent.parent
PAGES = sorted((ROOT / "docs" / "how-to").glob("*.md"))
follower = runpy.run_path(str(ROOT / "docs" / "follow.py"))


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.stem)
def test_a_page_can_be_followed_and_counts_its_files(page: Path, tmp_path: Path) -> None:
    follower["copy_project"](tmp_path)
    followed = follower["follow"](page, tmp_path)
    counted = re.search(r"\*\*(\d+) files?\*\*", page.read_text(encoding="utf-8"))
    assert counted
    assert int(counted[1]) == len(followed)


def test_a_step_that_cannot_be_done_is_noticed(tmp_path: Path) -> None:
    page, file = tmp_path / "page.md", tmp_path / "file.py"
    file.write_text("one\n")
    for block in (
        "```python in=file.py after=`two`\nthree\n```\n",
        "```python new=file.py\nthree\n```\n",
        "```sh\nexit 3\n```\n",
        "```sh\necho one\n```\n\n```text\ntwo\n```\n",
    ):
        page.write_text(block)
        with pytest.raises(follower["NotFollowed"]):
            follower["follow"](page, tmp_path)
    assert "one\n" == file.read_text()
