"""A quiz for other programs: GIFT, Moodle XML and JSON; each holds the answers."""

from __future__ import annotations

import re
from typing import Any, Final
from xml.etree import ElementTree as Xml

from cnnspec.teaching.quiz.pages import beside, claimed, wrong_told
from cnnspec.teaching.quiz.question import Alternative, Question, Quiz
from cnnspec.teaching.quiz.results import Result
from cnnspec.views.documents import indented

SCHEMA: Final = "cnnspec/quiz/1"
WIDE: Final = 200


def _workings(result: Result) -> list[str]:
    return [f"{name}: {law}" if name else law for name, law in result.workings()]


def _told(one: Alternative, question: Question) -> str:
    """What is said when it is chosen."""
    return "; ".join(_workings(question.right.result)) if one.right else wrong_told(one)


def _paragraphs(question: Question) -> list[str]:
    found = [question.text]
    if question.claim is not None:
        found += [f"Somebody answers {question.claim.text}:", *_workings(question.claim), claimed(question)]
    return found


def _is_number(question: Question) -> bool:
    return question.right.result.form == "number"


def _room(question: Question) -> float:
    """How far a number may lie from the answer."""
    decimals = question.right.result.decimals
    return float(10.0**-decimals) if decimals else 0.0


# GIFT ----------------------------------------------------------------------------


def gift(quiz: Quiz) -> str:
    """Moodle's text format, which most learning platforms import."""
    lines = [f"// {quiz.title}", f"// {quiz.command}", ""]
    for number, question in enumerate(quiz.questions, 1):
        matrices = [
            f"{name} = [{'; '.join(' '.join(map(str, row)) for row in rows)}]"
            for name, rows in question.given.items()
        ]
        asked = " ".join([*_paragraphs(question), *matrices])
        lines += [f"::{number} {question.topic}::{_gift(asked)} {{", *_gift_answers(question), "}", ""]
    return "\n".join(lines)


def _gift_answers(question: Question) -> list[str]:
    right, told = question.right, _gift(_told(question.right, question))
    if question.choices:
        return [
            f"  {'=' if one.right else '~'}{_gift(one.text)} #{_gift(_told(one, question))}"
            for one in question.choices
        ]
    if _is_number(question):
        wrong = [
            f"  =%0%{_plain(one)}:{_room(question):g} #{_gift(wrong_told(one))}"
            for one in question.wrong
            if abs(one.result.numbers[0] - right.result.numbers[0]) > 2 * _room(question)
        ]
        return ["  #", f"  ={_plain(right)}:{_room(question):g} #{told}", *wrong]
    return [f"  ={_gift(right.text)} #{told}"]


def _plain(one: Alternative) -> str:
    """A number without signs that programs do not read."""
    decimals = one.result.decimals
    return f"{one.result.numbers[0]:.{decimals}f}"


def _gift(text: str) -> str:
    return re.sub(r"([~=#{}:\\])", r"\\\1", text)


# Moodle XML ------------------------------------------------------------------------


def moodle(quiz: Quiz) -> str:
    root = Xml.Element("quiz")
    root.append(Xml.Comment(f" {quiz.command} ".replace("--", "- -")))
    for number, question in enumerate(quiz.questions, 1):
        kind = "multichoice" if question.choices else "numerical" if _is_number(question) else "shortanswer"
        entry = Xml.SubElement(root, "question", type=kind)
        _tagged(entry, "name", f"{number} {question.topic}")
        _tagged(entry, "questiontext", _html(question), format="html")
        _tagged(entry, "generalfeedback", _paragraph(_told(question.right, question)), format="html")
        Xml.SubElement(entry, "defaultgrade").text = "1"
        for name, value in _SETTINGS[kind].items():
            Xml.SubElement(entry, name).text = value
        for one in question.choices or (question.right,):
            _answer(entry, one, question)
    Xml.indent(root)
    return Xml.tostring(root, "unicode", xml_declaration=False).join(
        ('<?xml version="1.0" encoding="UTF-8"?>\n', "\n")
    )


_SETTINGS: Final = {
    "multichoice": {"single": "true", "shuffleanswers": "true", "answernumbering": "abc"},
    "numerical": {},
    "shortanswer": {"usecase": "0"},
}


def _answer(entry: Xml.Element, one: Alternative, question: Question) -> None:
    is_number = not question.choices and _is_number(question)
    answer = Xml.SubElement(entry, "answer", fraction="100" if one.right else "0", format="plain_text")
    Xml.SubElement(answer, "text").text = _plain(one) if is_number else one.text
    if is_number:
        Xml.SubElement(answer, "tolerance").text = f"{_room(question):g}"
    _tagged(answer, "feedback", _paragraph(_told(one, question)), format="html")


def _tagged(parent: Xml.Element, tag: str, text: str, **attributes: str) -> None:
    Xml.SubElement(Xml.SubElement(parent, tag, attributes), "text").text = text


def _html(question: Question) -> str:
    paragraphs = "".join(map(_paragraph, _paragraphs(question)))
    matrices = "\n".join(beside(question, WIDE))
    return paragraphs + (f"<pre>{_escaped(matrices)}</pre>" if matrices else "")


def _paragraph(text: str) -> str:
    return f"<p>{_escaped(text)}</p>"


def _escaped(text: str) -> str:
    return text.replace("&", "&amp;").replace("<", "&lt;").replace(">", "&gt;")


# JSON ----------------------------------------------------------------------------


def to_json(quiz: Quiz) -> str:
    """The contract is ``views/schema/quiz-1.json``."""
    return indented(
        {
            "schema": SCHEMA,
            "spec": quiz.spec or None,
            "seed": quiz.seed,
            "level": quiz.level,
            "command": quiz.command,
            "questions": [_question(question) for question in quiz.questions],
        }
    )


def _question(question: Question) -> dict[str, Any]:
    return {
        "topic": question.topic,
        "asks": question.asks,
        "spec": question.spec,
        "layer": question.layer,
        "text": question.text,
        "claim": _result(question.claim) if question.claim else None,
        "matrices": question.given,
        "answer": {"text": question.right.text, **_result(question.right.result)},
        "choices": [_alternative(one) for one in question.choices],
        "mistakes": [_alternative(one) for one in question.wrong],
        "command": question.command,
    }


def _alternative(one: Alternative) -> dict[str, Any]:
    mistakes = [{"name": made.name, "text": made.text, "cure": made.cure} for made in one.mistakes]
    return {"text": one.text, "right": one.right, "mistakes": mistakes, **_result(one.result)}


def _result(result: Result) -> dict[str, Any]:
    return {
        "value": result.text,
        "numbers": [
            round(number, result.decimals) if result.decimals else int(number) for number in result.numbers
        ],
        "working": _workings(result),
        "latex": [law for _, law in result.workings(tex=True)],
    }
