"""A recipe as ``train { }``: only what differs from its defaults."""

from __future__ import annotations

from collections.abc import Iterator

from cnnspec.layers.writing import value_text
from cnnspec.recipe.models import Recipe, Setting
from cnnspec.recipe.read import SETTINGS


def recipe_lines(recipe: Recipe) -> Iterator[str]:
    """The lines of ``train { }``."""
    yield "train {"
    for word, entry in SETTINGS.items():
        value = getattr(recipe, word)
        if value != Recipe.model_fields[word].default and value is not None:
            yield f"  {word} {_sentence(value, kinds=isinstance(entry, dict))}".rstrip()
    yield "}"


def _sentence(value: object, kinds: bool) -> str:
    if not isinstance(value, Setting):
        return value_text(value)
    fields = type(value).model_fields
    options = {
        name: getattr(value, name)
        for name, field in fields.items()
        if field.is_required() or getattr(value, name) != field.default
    }
    words = []
    if kinds:
        options.pop("kind", None)
        words.append(str(value.kind))  # type: ignore[attr-defined]
    for name in value.positional:
        if name not in options:
            break
        words.append(value_text(options.pop(name)))
    return " ".join([*words, *(f"{name}={value_text(option)}" for name, option in options.items())])
