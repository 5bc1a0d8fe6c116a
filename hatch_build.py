"""Puts the parser's tables into a wheel, so that no start of an installed cnnspec has to make them."""

from __future__ import annotations

import sys
from typing import Any

from hatchling.builders.hooks.plugin.interface import BuildHookInterface


class TablesHook(BuildHookInterface[Any]):
    def initialize(self, version: str, build_data: dict[str, Any]) -> None:
        sys.path.insert(0, self.root)
        from cnnspec.resources import grammar_text
        from cnnspec.syntax.lalr import keep_tables, make_tables, tables_path

        keep_tables(make_tables(grammar_text()), tables_path())
