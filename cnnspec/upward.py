"""The few calls that reach up, so that a network can draw itself and a recipe can change itself.

Everything else imports downward only, and no two files import each other.
``tests/test_floors.py`` reads this table, and knows no other exception.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any, Final

if TYPE_CHECKING:  # what these calls give and take, for those who make them
    from cnnspec.model import Model as Model

UPWARD: Final = {
    "change_recipe": "cnnspec.recipe.changes:changed",
    "network_of": "cnnspec.document:network_of",
    "format_error": "cnnspec.views.terminal.messages:as_exception",
    "network_html": "cnnspec.notebook:network_html",
    "network_svg": "cnnspec.notebook:network_svg",
    "analysis_html": "cnnspec.views.documents.html:render",
    "history_html": "cnnspec.notebook:history_html",
    "history_svg": "cnnspec.notebook:history_svg",
    "analysis_text": "cnnspec.views.terminal.table:render",
    "several_text": "cnnspec.views.several:render",
    "comparison_text": "cnnspec.views.terminal.comparison:render",
    "build": "cnnspec.model:build",
    "foreign_document": "cnnspec.exchange:document_of",
    "draw": "cnnspec.face:draw",
    "explain": "cnnspec.face:explain",
    "diff": "cnnspec.face:diff",
    "report": "cnnspec.face:report",
    "quiz": "cnnspec.face:quiz",
}
"""Where each function is: module and attribute."""


def upward(name: str) -> Any:
    """The function of the table with this name; its module is imported when it is first asked for."""
    module, attribute = UPWARD[name].split(":")
    return getattr(import_module(module), attribute)
