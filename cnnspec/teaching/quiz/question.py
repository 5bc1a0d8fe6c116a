"""A question with its choices, and what a reply to it amounts to."""

from __future__ import annotations

import re
from typing import Final

from cnnspec.records import record
from cnnspec.teaching.quiz.mistakes import NamedMistake
from cnnspec.teaching.quiz.prompts import Given
from cnnspec.teaching.quiz.results import Result


@record
class Alternative:
    """One answer to choose, and the mistakes that lead to it; the right one has none."""

    text: str
    result: Result
    mistakes: tuple[NamedMistake, ...] = ()

    @property
    def right(self) -> bool:
        return not self.mistakes


@record
class Question:
    """A question with its right answer, and the wrong ones by name."""

    topic: str
    asks: str
    level: str
    spec: str
    layer: str
    text: str
    given: Given
    claim: Result | None
    """Somebody's wrong working, in which the mistake is to be found."""
    right: Alternative
    wrong: tuple[Alternative, ...]
    """All that were found; those to choose from are among ``choices``."""
    choices: tuple[Alternative, ...]
    """In the order in which they are shown; none where the answer is free."""
    command: str
    """What shows the answer on the command line."""

    @property
    def content(self) -> str:
        """All that is read of it but the choices."""
        return f"{self.text} {self.given} {self.claim.text if self.claim else ''}"

    def judged(self, reply: str) -> Alternative | None:
        """What a reply amounts to: the right choice, a wrong one by its name, or None."""
        text = reply.strip().lower()
        if self.choices and len(text) == 1 and text.isalpha():
            place = ord(text) - ord("a")
            return self.choices[place] if place < len(self.choices) else None
        given = numbers_in(text)
        return next((one for one in (self.right, *self.wrong) if one.result.says(given)), None)


_NUMBER: Final = re.compile(r"-?(?:\d+(?:\.\d+)?|\.\d+)(?:e-?\d+)?")


def numbers_in(reply: str) -> list[float]:
    """The numbers of a reply: ``1,792``, ``3 x 3 x 64``, ``19 25; 37 43``, ``1/4``."""
    text = reply.strip().replace("−", "-")
    text = re.sub(r"(?<=\d),(?=\d{3}(?!\d))", "", text)
    if re.fullmatch(r"\d{1,3}(?: \d{3})+", text):
        text = text.replace(" ", "")
    text = re.sub(r"(-?\d+(?:\.\d+)?)/(\d+)", lambda pair: str(float(pair[1]) / (float(pair[2]) or 1)), text)
    return [float(number) for number in _NUMBER.findall(text.replace("x", " ").replace("×", " "))]


@record
class Quiz:
    """Questions; the same seed, spec and options give the same."""

    spec: str
    """The network it is about, as it was named; empty where each question has its own."""
    seed: int
    level: str
    topics: tuple[str, ...]
    choices: int
    questions: tuple[Question, ...]

    @property
    def title(self) -> str:
        return f"Quiz on {self.spec}" if self.spec else "Quiz on convolutional networks"

    @property
    def command(self) -> str:
        """What makes it again."""
        options = [f"--topic {','.join(self.topics)}"] if self.topics else []
        options += [f"--count {len(self.questions)}", f"--level {self.level}", f"--seed {self.seed}"]
        options += [f"--choices {self.choices}" if self.choices else "--free"]
        return " ".join(filter(None, ["cnnspec quiz", self.spec, *options]))


def sentence_of(clause: str) -> str:
    return f"{clause[0].upper()}{clause[1:]}."
