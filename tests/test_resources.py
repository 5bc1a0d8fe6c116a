"""The texts that travel with the package, from a checkout and from a wheel."""

from __future__ import annotations

import re
import tomllib
from pathlib import Path

import pytest

from cnnspec import resources


def test_the_grammar_and_the_examples_are_found() -> None:
    assert resources.grammar_text().startswith("// The cnnspec language")
    assert "lenet" in resources.example_names()
    assert resources.example_text("lenet") == resources.example_path("lenet").read_text(encoding="utf-8")


def test_an_unknown_example_or_mistake_is_a_key_error() -> None:
    with pytest.raises(KeyError):
        resources.example_text("../pyproject")
    with pytest.raises(KeyError):
        resources.mistake_text("../resources")


def test_every_mistake_has_its_page() -> None:
    assert all(resources.mistake_text(code).startswith(f"# {code}: ") for code in resources.mistake_codes())


def test_a_packaged_copy_is_taken_first(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    package = tmp_path / "cnnspec"
    (tmp_path / "examples").mkdir()
    package.mkdir()
    monkeypatch.setattr(resources, "PACKAGE", package)
    assert resources.folder("examples") == tmp_path / "examples"
    (package / "_examples").mkdir()
    assert resources.folder("examples") == package / "_examples"


def test_every_extra_that_a_page_or_the_makefile_names_is_there() -> None:
    root = Path(__file__).resolve().parent.parent
    extras = set(tomllib.loads((root / "pyproject.toml").read_text())["project"]["optional-dependencies"])
    pages = [root / "Makefile", root / "README.md", root / "CONTRIBUTING.md", *root.glob("docs/**/*.md")]
    texts = [path.read_text(encoding="utf-8") for path in [*pages, *root.glob("cnnspec/**/*.[mp][dy]")]]
    named = re.findall(r"(?:cnnspec|[\"']\.)\[([a-z,]+)\]", "\n".join(texts))
    assert {"torch", "plot,digits"} <= set(named)
    assert {extra for names in named for extra in names.split(",")} <= extras
