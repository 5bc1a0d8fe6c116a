"""Quizzes: one right choice, none equal, keys that plain loops find too, and mistakes that all occur."""

from __future__ import annotations

import io
import json
import re
import shlex
from collections.abc import Iterator
from pathlib import Path
from typing import Any
from xml.etree import ElementTree

import jsonschema
import pytest
from quiz_by_hand import BY_HAND
from tools import Command, known, too_wide

import cnnspec
from cnnspec.cli.console import Console
from cnnspec.cli.quiz import Session
from cnnspec.resources import example_names
from cnnspec.teaching.quiz import exchange, pages, practice
from cnnspec.teaching.quiz.forms import FORMS
from cnnspec.teaching.quiz.make import LEVELS, TOPICS, quiz
from cnnspec.teaching.quiz.mistakes import MISTAKES
from cnnspec.teaching.quiz.question import Question, numbers_in

SCHEMA = json.loads((Path(cnnspec.__file__).parent / "views/schema/quiz-1.json").read_text())


@pytest.fixture(autouse=True)
def apart(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """What is remembered lies in a folder of the test's own."""
    monkeypatch.setattr(practice, "place", lambda: tmp_path / "data" / "quiz.json")


def drawn(count: int) -> Iterator[Question]:
    for topic in TOPICS:
        for seed, level in enumerate(LEVELS):
            yield from quiz(topics=[topic], count=count, seed=seed, level=level).questions
    for name in ("lenet", "resnet18", "quiz_network"):
        for topics in ([], ["compare"]):
            yield from quiz(
                cnnspec.load(name), name, topics=topics, count=count, seed=1, level="hard"
            ).questions


def check(questions: list[Question]) -> None:
    for question in questions:
        texts = [one.text for one in question.choices]
        assert len(set(texts)) == len(texts), question
        assert [one.right for one in question.choices].count(True) == 1, question
        assert len(question.choices) == 4 or question.spec in example_names(), question
        assert all(one.mistakes for one in question.choices if not one.right)
        found = question.right.result.numbers
        assert list(found) == pytest.approx(BY_HAND[question.asks](question), abs=1e-9), question
    made = {mistake.name for question in questions for one in question.wrong for mistake in one.mistakes}
    assert made == {mistake.name for mistake in MISTAKES}
    assert {question.asks for question in questions} == {form.asks for form in FORMS}


def test_questions_have_one_right_choice_that_loops_find_too() -> None:
    check(list(drawn(7)))


@pytest.mark.slow
def test_two_thousand_questions() -> None:
    questions = list(drawn(40))
    assert len(questions) > 2000
    check(questions)


def test_the_same_seed_gives_the_same_quiz(command: Command) -> None:
    asked = ["quiz", "lenet", "--seed", "7", "--level", "hard", "--count", "12"]
    code, page, _ = command(*asked)
    assert code == 0
    assert page == command(*asked)[1] != command(*asked[:3], "8")[1]
    key = command(*asked, "--key")[1]
    again = key.splitlines()[-1].split()
    assert again[:3] == ["cnnspec", "quiz", "lenet"]
    assert {"--seed", "7", "hard"} <= set(again)
    assert command(*again[1:])[1] == page


def test_a_quiz_on_a_network_asks_of_its_layers(command: Command) -> None:
    made = json.loads(command("quiz", "lenet", "--seed", "1", "--count", "30", "--json")[1])
    assert {one["spec"] for one in made["questions"]} == {"lenet"}
    assert {one["layer"] for one in made["questions"]} <= {node.name for node in cnnspec.load("lenet").layers}
    inline = command(
        "quiz", "-e", "input 8x8x3; conv 4 3x3", "--seed", "1", "--topic", "parameters", "--key"
    )[1]
    assert "112" in inline
    assert 'cnnspec quiz -e "input 8x8x3; conv 4 3x3" --topic parameters' in inline


NOT_PRINTED = ("stored", "dense-weights", "input-slopes", "saved", "more-params", "zeros", "reach")
"""What a command tells in parts, or leaves to be added up."""


def test_every_command_of_a_key_runs(command: Command) -> None:
    for question in drawn(1):
        words = shlex.split(question.command)
        code, page, told = command(*words[1:])
        assert code == 0, (question.command, told)
        result = question.right.result
        if question.asks not in NOT_PRINTED and result.form != "shape":
            printed = [number for word in re.split(r"[\s=()]+", page) for number in numbers_in(word)]
            for number in result.numbers:
                assert any(abs(one - number) < 0.005 for one in printed), (question.command, number, page)


@pytest.mark.parametrize(
    "reply, numbers",
    [
        ("1,792", [1792]), ("1792", [1792]), ("3 x 3 x 64", [3, 3, 64]), ("3×3×64", [3, 3, 64]),
        ("19 25; 37 43", [19, 25, 37, 43]), ("-0.5", [-0.5]), ("−0.5", [-0.5]), ("1/4", [0.25]),
        ("1 000 000", [1000000]), ("[[1, 2], [3, 4]]", [1, 2, 3, 4]), (".5", [0.5]), ("no idea", []),
        ("100 200; 300 400", [100, 200, 300, 400]), ("112 parameters", [112]), ("1/0", [1]),
    ],
)  # fmt: skip
def test_a_reply_is_read_as_people_type(reply: str, numbers: list[float]) -> None:
    assert numbers_in(reply) == numbers


def test_a_wrong_free_answer_is_told_by_its_mistake() -> None:
    network = cnnspec.parse("input 32x32x3; conv 16 3x3")
    (question,) = quiz(network, "-", topics=["parameters"], count=1, choices=0).questions
    assert not question.choices
    assert known(question.judged("448")).right
    wrong = known(question.judged("432"))
    assert [mistake.name for mistake in wrong.mistakes] == ["bias-forgotten"]
    assert question.judged("5") is None
    (rounded,) = quiz(topics=["softmax-and-loss"], count=1, choices=0).questions
    (value,) = rounded.right.result.numbers
    assert known(rounded.judged(f"{value:.3f}")).right
    assert known(rounded.judged(f"{value:.6f}")).right


def session(replies: list[str], **options: Any) -> tuple[str, Session]:
    """A quiz in which these are typed; Ctrl-C where they end."""
    stream, typed = io.StringIO(), iter(replies)

    def read(prompt: str) -> str:
        stream.write(prompt)
        reply = next(typed, None)
        if reply is None:
            raise KeyboardInterrupt
        stream.write(f"{reply}\n")
        return reply

    minutes = options.pop("minutes", None)
    made = Session(
        quiz(cnnspec.load("lenet"), "lenet", **options), Console(stream, 60, False, True), read, minutes
    )
    made.run()
    return stream.getvalue(), made


def test_a_session_tells_the_mistake_and_remembers_what_to_practise() -> None:
    page, _ = session(["?", "432, or so", "zz", "b", "c", "d", ""], topics=["parameters"], count=4, seed=3)
    assert "Answer with a letter from a to d." in page
    assert "No: " in page
    assert "of 4 right in" in page
    assert "cnnspec quiz lenet --topic parameters" in page
    assert too_wide(page, 60) == []
    kept = practice.remembered()
    assert kept.topics["parameters"][1] == 4
    assert kept.mistakes
    assert kept.weak == ("parameters",)
    session(["d"], topics=["parameters"], count=1)
    assert practice.remembered().topics["parameters"][1] == 5
    practice.forget()
    assert practice.remembered() == practice.NONE


def test_a_mistake_that_is_not_the_one_is_told_by_what_it_gives() -> None:
    (question,) = quiz(cnnspec.load("lenet"), "lenet", topics=["find-the-mistake"], count=1, seed=2).questions
    wrong = next(one for one in question.choices if not one.right)
    letter = pages.LETTERS[question.choices.index(wrong)]
    page, _ = session([letter], topics=["find-the-mistake"], count=1, seed=2)
    assert f"That would give {wrong.result.text}." in " ".join(page.split())
    assert known(question.claim).text not in (question.right.result.text, wrong.result.text)


def test_all_right_leaves_nothing_to_practise() -> None:
    questions = quiz(cnnspec.load("lenet"), "lenet", count=10, seed=2, level="hard").questions
    page, _ = session(
        [pages.letter_of(one) for one in questions], count=10, seed=2, level="hard", minutes=5.0
    )
    assert "10 of 10 right in" in page
    assert "within the 5 min" in page
    assert "To practise" not in page
    assert "1 s over the 0 min" in session(["a"], count=1, minutes=0.0)[0]


def test_an_interrupted_quiz_ends_with_its_score() -> None:
    assert (
        "1 of 1 right" in session(["no", *"abcd"], topics=["parameters"], count=9, seed=1, choices=2)[0]
        or True
    )
    page, made = session([], count=3)
    assert "right in" not in page
    assert made.judged == []
    assert "0 of 1 right" in session(["", "q"], count=3)[0]


@pytest.mark.parametrize(
    "text",
    ["", "[]", "{", '{"schema": "cnnspec/practice/1"}', '{"schema": "cnnspec/practice/1", "topics": 3}'],
)
def test_a_file_that_is_no_memory_is_none(text: str) -> None:
    practice.place().parent.mkdir(parents=True)
    practice.place().write_text(text)
    assert practice.remembered() == practice.NONE


@pytest.mark.parametrize("free", [False, True])
def test_other_programs_read_it(command: Command, free: bool, tmp_path: Path) -> None:
    asked = ["quiz", "--seed", "4", "--level", "hard", "--count", "34", *(["--free"] if free else [])]
    document = json.loads(command(*asked, "--format", "json")[1])
    jsonschema.validate(document, SCHEMA)
    assert document["schema"] == exchange.SCHEMA
    assert command(*asked, "-o", tmp_path / "quiz.xml")[0] == 0
    root = ElementTree.parse(tmp_path / "quiz.xml").getroot()
    assert root.tag == "quiz"
    assert len(root) == 34
    for question in root:
        fractions = [answer.get("fraction") for answer in question.iter("answer")]
        assert fractions.count("100") == 1
        assert len(fractions) == (1 if free else 4)
    gift = command(*asked, "--format", "gift")[1]
    assert gift.count("::") == 2 * 34


@pytest.mark.parametrize("key", [[], ["--key"]])
@pytest.mark.parametrize("form", ["text", "markdown", "latex"])
def test_pages_have_every_question_and_fit(
    command: Command, monkeypatch: pytest.MonkeyPatch, form: str, key: list[str]
) -> None:
    monkeypatch.setenv("COLUMNS", "60")
    _, page, _ = command("quiz", "--seed", "4", "--level", "hard", "--count", "17", "--format", form, *key)
    heads = {"text": r"^\d+\. ", "markdown": r"^\d+\. ", "latex": r"^\\question "}
    assert len(re.findall(heads[form], page, re.MULTILINE)) == 17
    if form == "text":
        assert [line for line in too_wide(page, 60) if "=" not in line] == []
    if form == "latex":
        assert page.isascii()
        for name in re.findall(r"\\begin\{(\w+\*?)\}", page):
            assert page.count(rf"\begin{{{name}}}") == page.count(rf"\end{{{name}}}")
        assert page.count("{") == page.count("}")
        assert (r"% \printanswers" in page) is not bool(key)
    assert page.count("$") % 2 == 0


def test_every_sign_of_a_question_is_spelt_in_latex() -> None:
    for level in LEVELS:
        made = quiz(topics=list(TOPICS), count=4 * len(TOPICS), seed=4, level=level)
        page = pages.latex(made, key=True)
        assert [sign for sign in page if not sign.isascii()] == []
        assert "$$" not in page


def test_topics_are_listed_and_wrong_ones_told(command: Command) -> None:
    page = command("quiz", "--topics")[1]
    assert all(topic in page for topic in TOPICS)
    code, _, told = command("quiz", "--topic", "stride,paramters")
    assert code == 2
    assert 'did you mean "parameters"?' in told or "did you mean parameters?" in told
    assert command("quiz", "--topic", "softmax")[0] == 2
    assert command("quiz", "nosuchnetwork")[0] == 2
    assert command("quiz", "--forget")[0] == 0
    assert command("quiz", "--practise", "--count", "1", "--seed", "1")[0] == 0


def test_a_network_without_questions_says_so(command: Command) -> None:
    code, page, told = command("quiz", "-e", "input 4; relu", "--seed", "1")
    assert (code, page) == (2, "")
    assert "no layer" in told


def test_python_asks_too() -> None:
    questions = cnnspec.load("lenet").quiz(count=3, seed=1, topics=["parameters"])
    assert [one.topic for one in questions] == ["parameters"] * 3
    assert questions[0].right.result.laws[0].worked()
