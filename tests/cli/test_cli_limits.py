"""The limits are those that the program keeps to, and the page on security shows them."""

from __future__ import annotations

import json
from pathlib import Path

from click.testing import CliRunner

from cnnspec.cli.limits import LIMITS, bound, command

SECURITY = Path(__file__).resolve().parents[2] / "SECURITY.md"


def test_every_limit_is_one_that_some_module_keeps() -> None:
    assert all(bound(place) > 0 for rows in LIMITS.values() for place, _ in rows.values())


def test_the_page_on_security_shows_what_is_printed() -> None:
    printed = CliRunner().invoke(command, []).output
    assert printed in SECURITY.read_text(encoding="utf-8")


def test_limits_as_json() -> None:
    found = json.loads(CliRunner().invoke(command, ["--format", "json"]).output)
    assert found["A spec"]["network"] == 50_000
    assert found.keys() == LIMITS.keys()
