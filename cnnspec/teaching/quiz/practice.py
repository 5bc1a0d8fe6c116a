"""What there is to practise: how often each topic was asked and known, kept in one small file."""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Final

from platformdirs import user_data_path

from cnnspec.files import make_folder, read_bytes, write_atomically
from cnnspec.records import record
from cnnspec.teaching.quiz.make import TOPICS

SCHEMA: Final = "cnnspec/practice/1"
LARGEST: Final = 100_000
ENOUGH: Final = 0.8
"""The share of right answers from which a topic is known."""


@record
class Practice:
    """By topic how many answers were right, and how many there were; by mistake how often it was made."""

    topics: Mapping[str, tuple[int, int]]
    mistakes: Mapping[str, int]

    def plus(self, other: Practice) -> Practice:
        topics = {
            topic: (right + more, count + others)
            for topic in {**self.topics, **other.topics}
            for right, count in [self.topics.get(topic, (0, 0))]
            for more, others in [other.topics.get(topic, (0, 0))]
        }
        names = {**self.mistakes, **other.mistakes}
        mistakes = {name: self.mistakes.get(name, 0) + other.mistakes.get(name, 0) for name in names}
        return Practice(topics, mistakes)

    @property
    def weak(self) -> tuple[str, ...]:
        """Topics that are not known yet, the weakest first."""
        shares = {topic: right / count for topic, (right, count) in self.topics.items() if count}
        return tuple(
            sorted((topic for topic, share in shares.items() if share < ENOUGH), key=shares.__getitem__)
        )


NONE: Final = Practice({}, {})


def place() -> Path:
    """The file: in the user's folder for data."""
    return user_data_path("cnnspec") / "quiz.json"


def remembered() -> Practice:
    """What is kept; nothing where there is no such file, or none that can be read."""
    try:
        document = json.loads(read_bytes(place(), LARGEST))
        return _practice(document) if document.get("schema") == SCHEMA else NONE
    except (OSError, ValueError, TypeError, AttributeError, KeyError):
        return NONE


def _practice(document: Mapping[str, Any]) -> Practice:
    topics = {
        topic: (int(right), int(count))
        for topic, (right, count) in document["topics"].items()
        if topic in TOPICS
    }
    return Practice(topics, {str(name): int(count) for name, count in document["mistakes"].items()})


def remember(practice: Practice) -> None:
    """Add to what is kept. Raises OSError where it cannot be written."""
    whole = remembered().plus(practice)
    document = {"schema": SCHEMA, "topics": whole.topics, "mistakes": whole.mistakes}
    make_folder(place().parent)
    write_atomically(place(), json.dumps(document, indent=2) + "\n")


def forget() -> None:
    """Take away what is kept. Raises OSError where it cannot be."""
    place().unlink(missing_ok=True)
