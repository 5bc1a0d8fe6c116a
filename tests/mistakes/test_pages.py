"""Every page of mistakes/ is run: its spec fails as it says, prints what it shows, and is cured."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
from regenerate import diagnostics_of, page, printed

from cnnspec.mistakes import titles
from cnnspec.resources import PACKAGE, mistake_codes, mistake_text

RUN = [code for code in mistake_codes() if page(code).fails is not None]


@pytest.mark.parametrize("code", mistake_codes())
def test_page_is_in_form(code: str) -> None:
    text = mistake_text(code)
    assert page(code).code == code
    assert "\nWhy: " in text
    assert text.endswith("\n")
    assert max(map(len, text.splitlines())) <= 120


@pytest.mark.parametrize("code", mistake_codes())
def test_page_with_a_spec_has_all_parts(code: str) -> None:
    found = page(code)
    parts = (found.fails, found.printed, found.cured)
    assert parts == (None, None, None) or None not in parts


@pytest.mark.parametrize("code", RUN)
def test_spec_fails_with_the_code(code: str) -> None:
    assert code in {item.code for item in diagnostics_of(page(code).fails or "")}


@pytest.mark.parametrize("code", RUN)
def test_page_shows_what_is_printed(code: str) -> None:
    found = page(code)
    assert printed(found.fails or "") == found.printed


@pytest.mark.parametrize("code", RUN)
def test_cured_spec_is_cured(code: str) -> None:
    assert [item for item in diagnostics_of(page(code).cured or "") if item.code == code] == []


def test_titles_are_told_apart() -> None:
    names = titles()
    assert len(set(names.values())) == len(names)


def codes_in_use() -> dict[str, str]:
    """Code -> file, for every diagnostic or layer error that the sources make."""
    made = re.compile(
        r'(?:LayerError|Fault|Wrong|Diagnostic|_problem|fault|warning|refuse|SpecError.of)\(\s*"([a-z0-9]+(?:-[a-z0-9]+)+)"'
    )
    found = {}
    for path in sorted(Path(PACKAGE).rglob("*.py")):
        for code in made.findall(path.read_text(encoding="utf-8")):
            found[code] = str(path.relative_to(PACKAGE))
    return found


def test_every_code_has_its_page() -> None:
    assert {code: place for code, place in codes_in_use().items() if code not in mistake_codes()} == {}
