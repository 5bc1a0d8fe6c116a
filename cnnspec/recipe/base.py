"""What the sentences of ``train { }`` have in common: their base, and the units of their numbers."""

import json
from functools import cache
from typing import Annotated, Any, ClassVar, TypeAlias, get_args

from pydantic import (
    ConfigDict,
    Field,
    GetCoreSchemaHandler,
    NonNegativeFloat,
    PositiveFloat,
    PositiveInt,
    TypeAdapter,
)
from pydantic_core import core_schema

from cnnspec.layers.writing import SentenceModel, Unit

Share: TypeAlias = Annotated[float, Field(ge=0, lt=1), Unit("share")]
"""A part of a whole: 0 is none; all of it is too much."""
Rate: TypeAlias = Annotated[PositiveFloat, Unit("number")]
Epochs: TypeAlias = Annotated[NonNegativeFloat, Unit("epochs")]
WholeEpochs: TypeAlias = Annotated[PositiveInt, Unit("whole epochs")]
Pixels: TypeAlias = Annotated[NonNegativeFloat, Unit("pixels")]


class SettingModel(SentenceModel):
    """The base of all sentences of a recipe; one with several kinds has the kind as its second word."""

    model_config = ConfigDict(strict=True)
    derived: ClassVar[frozenset[str]] = frozenset({"kind"})
    example: ClassVar[str] = ""
    """How it may be written."""
    beside: ClassVar[str] = ""
    """Another sentence that it makes little sense without."""

    @classmethod
    def sentence(cls) -> str:
        return cls.example

    @classmethod
    def spec(cls) -> str:
        return spec_with(*filter(None, (cls.beside, cls.example)))

    @classmethod
    def has_kinds(cls) -> bool:
        """Whether the second word says which of several it is."""
        return "kind" in cls.derived and "kind" in cls.model_fields

    @classmethod
    def title(cls) -> str:
        """``optimizer adam``, ``augment``."""
        return f"{cls.word} {cls.model_fields['kind'].default}" if cls.has_kinds() else cls.word


class ByKind:
    """Of several models the one that ``kind`` names; a model that is made already is taken as it is.

    So the rules of all kinds, which take a twentieth of a small command, are made for plain values alone.
    """

    @staticmethod
    def __get_pydantic_core_schema__(source: Any, handler: GetCoreSchemaHandler) -> core_schema.CoreSchema:
        models = get_args(source)
        rules = cache(lambda: TypeAdapter(Annotated[source, Field(discriminator="kind")]))

        def taken(value: Any, info: core_schema.ValidationInfo) -> Any:
            if isinstance(value, models):
                return value
            if info.mode == "json":
                return rules().validate_json(json.dumps(value))
            return rules().validate_python(value)

        return core_schema.with_info_plain_validator_function(taken)


def spec_with(*sentences: str) -> str:
    """A short spec with these settings."""
    return f"input 28x28x1; flatten; dense 10 -> softmax; train {{ {'; '.join(sentences)} }}"
