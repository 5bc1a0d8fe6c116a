"""The page of the language: every example on it runs, and every sentence has one."""

from __future__ import annotations

import re

import pytest

import cnnspec
from cnnspec.diagnostics import Severity
from cnnspec.resources import folder
from cnnspec.syntax.keywords import FORMS

PAGE = (folder("grammar").parent / "docs" / "language.md").read_text(encoding="utf-8")
EXAMPLES = re.findall(r"^```cnnspec\n(.*?)^```$", PAGE, re.MULTILINE | re.DOTALL)


@pytest.mark.parametrize("text", EXAMPLES)
def test_every_example_runs(text: str) -> None:
    network = cnnspec.parse(text)
    errors = [each for each in cnnspec.analyze(network).findings if each.severity is Severity.ERROR]
    assert [] == errors
    if max(map(len, (node.output for node in network.inputs))) < 4:
        network.build()


def test_every_sentence_is_told() -> None:
    examples = "\n".join((*EXAMPLES, 'use "blocks.cnn"'))
    untold = [word for word in FORMS if not re.search(rf"(^|[\s{{>;]){word}\b", examples)]
    assert [] == untold
    assert all(word in PAGE for word in ("share=", " as i", "**", "block ", "use "))
