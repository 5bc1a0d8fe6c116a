"""Sentences as models, and as text: ``conv 6 5x5 padding=2``; read again, it gives the same model."""

import re
from collections.abc import Mapping
from typing import Any, ClassVar, Final

from pydantic import BaseModel, ConfigDict
from pydantic.fields import FieldInfo

NAME: Final = re.compile(r"[^\W\d]\w*(\.[^\W\d]\w*)*")
OPERATORS: Final = frozenset({"and", "or", "not", "as"})
MEANINGS: Final = OPERATORS | {"yes", "no", "H", "W", "C", "D"}
"""Words that stand for a value of their own."""
SIDES: Final = frozenset({"padding", "output_padding", "amount", "channels"})
"""Options written as pixels a side, ``(1, 2)``; other tuples are sizes, ``5x5``."""


class Unit(str):
    """What an option counts or holds, in the reference: ``epochs``, ``pixels``, in place of "number"."""

    __slots__ = ()


class SentenceModel(BaseModel):
    """What a sentence of the language says, ``word argument* option=value*``: its fields are the options."""

    model_config = ConfigDict(frozen=True, extra="forbid", defer_build=True)

    word: ClassVar[str]
    """The sentence's first word."""
    positional: ClassVar[tuple[str, ...]] = ()
    """Fields that may be given without their name, in order; at most two."""
    last: ClassVar[tuple[str, ...]] = ()
    """Fields that it has in common with others; they are listed behind its own."""
    quoted: ClassVar[str] = ""
    """The field that text in quotes fills where it stands first and is no word of the first field's."""
    derived: ClassVar[frozenset[str]] = frozenset()
    """Fields that no option gives."""

    @classmethod
    def __pydantic_init_subclass__(cls, **options: Any) -> None:
        """Forgets the annotations of what is no field: pydantic would evaluate them for every class below."""
        for each in {cls, *cls.__bases__} - {BaseModel}:
            noted = each.__annotations__
            each.__annotations__ = {name: noted[name] for name in noted if name in cls.model_fields}

    @classmethod
    def sentence(cls) -> str:
        """How it may be written, with options worth trying first."""
        return cls.spec().rpartition("; ")[2]

    @classmethod
    def spec(cls) -> str:
        """A one-line spec that it stands in."""
        return ""

    @classmethod
    def title(cls) -> str:
        """What it is called in messages."""
        return cls.word

    @classmethod
    def option_fields(cls) -> dict[str, FieldInfo]:
        """The options a user may give: the sentence's own first, those it shares with others last."""
        last = [name for name in cls.last if name in cls.model_fields]
        own = [name for name in cls.model_fields if name not in cls.derived and name not in last]
        return {name: cls.model_fields[name] for name in own + last}

    def options(self) -> dict[str, Any]:
        """The options that differ from their defaults, in the order of ``option_fields``."""
        return {
            name: getattr(self, name)
            for name, field in self.option_fields().items()
            if field.is_required() or getattr(self, name) != field.default
        }


def sentence(model: SentenceModel, references: Mapping[str, str] | None = None) -> str:
    """The word, its arguments, and the options that differ from their defaults.

    ``references`` gives the options that name another layer the name it has now.
    """
    options = {**model.options(), **(references or {})}
    words = model.title().split()
    for name in model.positional:
        if name not in options:
            break
        text = value_text(options.pop(name), name)
        words.append(f"({text})" if len(words) > 1 and text.startswith("-") else text)
    return " ".join([*words, *(f"{name}={value_text(value, name)}" for name, value in options.items())])


def value_text(value: Any, option: str = "") -> str:
    """A value of an option: ``5x5``, ``(1, 2, 1, 2)``, ``yes``, ``0.5``, ``same``, ``"0 1; 1 2"``."""
    if isinstance(value, bool) or value is None:
        return "yes" if value else "no"
    if isinstance(value, str):
        return value if NAME.fullmatch(value) and value not in MEANINGS else f'"{value}"'
    if not isinstance(value, tuple):
        return number_text(value)
    if len(value) == 1:
        return number_text(value[0])
    if option not in SIDES and all(isinstance(part, int) and part > 0 for part in value):
        return "x".join(map(str, value))
    return f"({', '.join(map(number_text, value))})"


def number_text(value: float) -> str:
    """``3``, ``0.5``; a whole float without its point."""
    return str(int(value)) if float(value).is_integer() and abs(value) < 10**15 else repr(value)
