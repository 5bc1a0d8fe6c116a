"""The top level: a light import, and names that come when they are asked for."""

from __future__ import annotations

import subprocess
import sys

import pytest

import cnnspec


def modules_after(code: str) -> set[str]:
    script = f"import sys; {code}; print(*sys.modules)"
    return set(
        subprocess.run(
            [sys.executable, "-c", script], capture_output=True, text=True, check=True
        ).stdout.split()
    )


def test_the_import_is_light() -> None:
    loaded = modules_after("import cnnspec")
    assert not loaded & {"numpy", "pydantic", "lark", "click", "rich", "graphviz", "torch"}


def test_a_network_needs_no_arrays() -> None:
    loaded = modules_after("import cnnspec; cnnspec.parse('input 8x8x1; conv 2 3x3')")
    assert not loaded & {"numpy", "click", "rich", "graphviz", "torch", "cnnspec.network.recipe"}


def test_the_names_of_the_top_level() -> None:
    for name in cnnspec.__all__:
        assert callable(getattr(cnnspec, name))
        assert name in dir(cnnspec)
    with pytest.raises(AttributeError, match="nothing"):
        cnnspec.nothing  # noqa: B018


def test_parse_raises_every_fault() -> None:
    with pytest.raises(cnnspec.SpecError) as caught:
        cnnspec.parse("input 4x4x1\nconv 0 3x3\nconvv 3\nlet a = 1 //")
    assert 3 == len(caught.value.diagnostics)
