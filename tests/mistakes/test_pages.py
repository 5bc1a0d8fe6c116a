"""Every page of mistakes/ is run: its spec fails as it says, prints what it shows, and is cured."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
from regenerate import WORKED, diagnostics_of, page, printed, worked_out

from cnnspec.mistakes import concept, concepts, titles
from cnnspec.mistakes.foreign import MESSAGES, Message, read
from cnnspec.resources import PACKAGE, concept_names, concept_text, mistake_codes, mistake_text

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
    names = titles() | concepts()
    assert len(set(names.values())) == len(names) == len(titles()) + len(concepts())


@pytest.mark.parametrize("name", concept_names())
def test_page_of_a_concept_is_in_form_and_shows_what_explain_works_out(name: str) -> None:
    text = concept_text(name)
    assert name in concepts()
    assert max(map(len, text.splitlines())) <= 120
    shown = WORKED.search(text)
    assert shown
    assert worked_out(text) in shown[0]
    also = text.split("\nAlso: ")[1].splitlines()[0].split(", ")
    assert {concept(word) for word in (name, *also)} == {name}


@pytest.mark.parametrize("message", MESSAGES, ids=lambda message: message.said)
def test_foreign_message_leads_to_a_page_that_is_there(message: Message) -> None:
    assert message.page in (*mistake_codes(), *concept_names())
    said = re.sub(r"\{[a-z]+\}", "7", message.said.replace("…", " 3, "))
    found = read(said)
    assert found is not None
    assert found.page == message.page


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
