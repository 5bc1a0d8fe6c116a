"""``cnnspec quiz``: questions on a network or on topics, asked here, or as a page for others."""

from __future__ import annotations

import random
import sys
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from time import monotonic
from typing import TYPE_CHECKING, Final

import click
from click.core import ParameterSource

from cnnspec.cli.console import Console, stderr_console, stdout_console, write_result
from cnnspec.cli.options import Words, finite, format_option
from cnnspec.cli.spec import is_named, load_network, spec_argument
from cnnspec.diagnostics import suggestion

if TYPE_CHECKING:
    from cnnspec.teaching.quiz.practice import Practice
    from cnnspec.teaching.quiz.question import Alternative, Question, Quiz

FORMATS: Final = ("text", "markdown", "latex", "gift", "moodle", "json")
ENDINGS: Final = {".md": "markdown", ".tex": "latex", ".gift": "gift", ".xml": "moodle", ".json": "json"}
LARGEST_SEED: Final = 100_000
MOST_ADVISED: Final = 3
LEVELS: Final = ("easy", "medium", "hard")


def _topics(context: click.Context, parameter: click.Parameter, given: Sequence[str]) -> tuple[str, ...]:
    """The topics named, by commas or one after the other."""
    from cnnspec.teaching.quiz.make import TOPICS

    names = [name.strip().lower() for text in given for name in text.split(",") if name.strip()]
    for name in names:
        if name not in TOPICS:
            cure = suggestion(name, list(TOPICS), "cnnspec quiz --topics lists them")
            raise click.BadParameter(f'there is no topic "{name}"; {cure}')
    return tuple(dict.fromkeys(names))


@click.command("quiz")
@spec_argument
@click.option(
    "--topic", "topics", multiple=True, callback=_topics, metavar="T", help="Only these: stride,flatten."
)
@click.option("--topics", "listing", is_flag=True, help="List the topics.")
@click.option("--count", type=click.IntRange(1, 1000), default=10, show_default=True, help="Questions.")
@click.option("--level", type=Words(LEVELS), default="medium", show_default=True, help="How hard.")
@click.option(
    "--choices", type=click.IntRange(2, 8), default=4, show_default=True, help="Answers to choose from."
)
@click.option("--free", is_flag=True, help="No choices: type the answer.")
@click.option("--seed", type=click.IntRange(0), help="The same seed gives the same quiz; else one is drawn.")
@click.option(
    "--time",
    "minutes",
    type=click.FloatRange(0.1),
    callback=finite,
    metavar="MINUTES",
    help="Be told at the end whether it took longer.",
)
@click.option("--practise", "--practice", is_flag=True, help="Ask what was not known before.")
@click.option("--forget", is_flag=True, help="Forget what was known and what was not.")
@click.option("--key", is_flag=True, help="Print the answers with their working.")
@format_option(*FORMATS)
@click.option("--output", "-o", type=click.Path(dir_okay=False), metavar="FILE", help="Write it to a file.")
def command(
    spec: str | None,
    inline: str | None,
    topics: tuple[str, ...],
    listing: bool,
    count: int,
    level: str,
    choices: int,
    free: bool,
    seed: int | None,
    minutes: float | None,
    practise: bool,
    forget: bool,
    key: bool,
    form: str,
    output: str | None,
) -> int:
    """Questions with their working: on a network's layers, or without SPEC on layers of its own.

    In a terminal they are asked one after the other; a wrong answer is told by its mistake, and what there is
    to practise is remembered. Elsewhere, or with --format, they are printed, and with --key the answers.
    GIFT, Moodle XML and JSON hold the answers in any case, LaTeX for its class exam.

    \b
    Examples:
      cnnspec quiz lenet
      cnnspec quiz --topic stride,parameters --level hard --free
      cnnspec quiz --count 20 --seed 7 -o exam.tex
      cnnspec quiz --count 20 --seed 7 --key
    """  # fmt: skip
    from cnnspec.teaching.quiz.make import quiz

    if listing or forget:
        return _list() if listing else _forget()
    _refuse_topic(spec)
    network = load_network(spec, inline) if spec is not None or inline is not None else None
    if seed is None:
        seed = random.SystemRandom().randrange(LARGEST_SEED)
    topics = topics or (_weak() if practise else ())
    named = spec or (f'-e "{inline}"' if inline else "")
    try:
        made = quiz(
            network, named, topics=topics, count=count, seed=seed, level=level, choices=0 if free else choices
        )
    except ValueError as error:
        raise click.UsageError(f"{named}: {error}") from error
    is_form_asked = click.get_current_context().get_parameter_source("form") is not ParameterSource.DEFAULT
    if not (is_form_asked or output or key) and _are_terminals():
        Session(made, stdout_console(), input, minutes).run()
        return 0
    if not is_form_asked:
        form = ENDINGS.get(Path(output or "").suffix.lower(), form)
    text = _page(made, form, key)
    if output is None:
        stdout_console().print(text)
    else:
        write_result(output, text)
    return 0


def _refuse_topic(spec: str | None) -> None:
    """Says how a topic or a level is asked for, where one stands in place of SPEC."""
    from cnnspec.teaching.quiz.make import TOPICS

    if spec is None or is_named(spec):
        return
    if spec in LEVELS:
        raise click.UsageError(f'"{spec}" is a level: cnnspec quiz --level {spec}')
    if topics := [one for one in TOPICS if spec in (one, *one.split("-"), one.rstrip("s"))]:
        raise click.UsageError(f'"{spec}" is a topic: cnnspec quiz --topic {",".join(topics)}')
    if spec.isdigit():
        raise click.UsageError(f"a number of questions is asked for so: cnnspec quiz --count {spec}")


def _are_terminals() -> bool:
    return sys.stdin is not None and sys.stdin.isatty() and stdout_console().is_terminal


def _page(quiz: Quiz, form: str, key: bool) -> str:
    from cnnspec.teaching.quiz import exchange, pages

    if form == "text":
        return pages.text(quiz, key, stdout_console().terminal())
    if form in ("markdown", "latex"):
        return {"markdown": pages.markdown, "latex": pages.latex}[form](quiz, key)
    return {"gift": exchange.gift, "moodle": exchange.moodle, "json": exchange.to_json}[form](quiz)


def _list() -> int:
    from cnnspec.teaching.quiz.make import TOPICS
    from cnnspec.views.terminal.paint import listed

    console = stdout_console()
    told = {
        topic: f"{about} (from {LEVELS[least]} on)" if least else about
        for topic, (about, least) in TOPICS.items()
    }
    console.print("\n".join(listed(told, console.terminal())))
    return 0


def _forget() -> int:
    from cnnspec.teaching.quiz import practice

    try:
        practice.forget()
    except OSError as error:
        raise click.UsageError(f'"{practice.place()}" cannot be removed: {error.strerror}') from error
    stderr_console().say("what was known and what was not is forgotten")
    return 0


def _weak() -> tuple[str, ...]:
    """The topics that were not known; all where there are none."""
    from cnnspec.teaching.quiz.practice import remembered

    found = remembered().weak
    stderr_console().say(
        f"to practise: {', '.join(found)}"
        if found
        else "nothing to practise: no mistake is remembered; questions on all topics"
    )
    return found


class Session:
    """A quiz asked in a terminal; ``read`` gives a line that was typed, as ``input`` does."""

    def __init__(
        self, quiz: Quiz, console: Console, read: Callable[[str], str], minutes: float | None
    ) -> None:
        self.quiz, self.console, self.read, self.minutes = quiz, console, read, minutes
        self.begun = monotonic()
        self.judged: list[tuple[Question, Alternative | None]] = []

    def run(self) -> None:
        """Asks all questions, or until Ctrl-C, Ctrl-D or q; then the score."""
        terminal = self.console.terminal()
        how = "Answer with a letter" if self.quiz.choices else "Type the answer"
        self.console.say(
            terminal.paint(f"{self.quiz.title}: {_many(len(self.quiz.questions), 'question')}", "bold")
        )
        self.console.say(f"{how}; ? shows the law, Enter skips, q ends.")
        try:
            for number, question in enumerate(self.quiz.questions, 1):
                self._ask(number, question)
        except (KeyboardInterrupt, EOFError):
            self.console.print()
        self._score()

    def _ask(self, number: int, question: Question) -> None:
        from cnnspec.teaching.quiz.pages import asked_lines

        terminal = self.console.terminal()
        head = f"{number} of {len(self.quiz.questions)} · {question.topic}"
        self.console.print(f"\n{terminal.paint(terminal.text(head), 'dim')}")
        self.console.print("\n".join(asked_lines(question, terminal)))
        while True:
            reply = self.read("> ").strip()
            if reply.lower() in ("q", "quit", "exit"):
                raise EOFError
            if reply == "?":
                self._hint(question)
                continue
            judged = question.judged(reply) if reply else None
            if reply and judged is None and self._asks_again(question, reply):
                continue
            self.judged.append((question, judged))
            self._tell(question, reply, judged)
            return

    def _hint(self, question: Question) -> None:
        terminal = self.console.terminal()
        for name, parts in question.right.result.steps():
            told = " = ".join(parts[:-2]) or "there is nothing to compute"
            self.console.say(terminal.text(f"  {name}: {told}" if name else f"  {told}"))

    def _asks_again(self, question: Question, reply: str) -> bool:
        """Whether what was typed is no answer at all."""
        from cnnspec.teaching.quiz.question import numbers_in

        is_one = bool(numbers_in(reply))
        if not is_one or (question.choices and question.right.text != question.right.result.text):
            last = "abcdefgh"[len(question.choices) - 1] if question.choices else ""
            self.console.say(f"Answer with a letter from a to {last}." if last else "Answer with numbers.")
            return True
        return False

    def _tell(self, question: Question, reply: str, judged: Alternative | None) -> None:
        from cnnspec.teaching.quiz.pages import answer_lines, letter_of, wrong_told

        terminal = self.console.terminal()
        if judged is not None and judged.right:
            self.console.print(terminal.paint("Right.", "good"))
        elif judged is not None:
            self.console.say(terminal.paint("No:", "bad") + f" {wrong_told(judged)}")
        elif reply:
            self.console.say(terminal.paint("No.", "bad"))
        if judged is None or not judged.right:
            letter = letter_of(question)
            self.console.say(f"The answer is {letter + ') ' if letter else ''}{question.right.text}")
        self.console.print("\n".join(answer_lines(question, terminal)))

    def _score(self) -> None:
        """How many were right, in what time, and what to practise; kept for the next time."""
        from cnnspec.teaching.quiz import practice

        if not self.judged:
            return
        right = sum(judged is not None and judged.right for _, judged in self.judged)
        self.console.say(f"\n{right} of {len(self.judged)} right{self._time()}.")
        now = _practice_of(self.judged)
        for line in _advice(now):
            self.console.say(line)
        try:
            practice.remember(now)
        except OSError as error:
            stderr_console().say(f"the result is not kept: {error.strerror or error}")
        self.console.say("The same quiz again:")
        self.console.print(f"  {self.quiz.command}")

    def _time(self) -> str:
        taken = monotonic() - self.begun
        told = f" in {int(taken) // 60} min {int(taken) % 60} s" if taken >= 60 else f" in {int(taken)} s"
        if self.minutes is None:
            return told
        over = taken - 60 * self.minutes
        within = (
            f"within the {self.minutes:g} min"
            if over <= 0
            else f"{int(over) + 1} s over the {self.minutes:g} min"
        )
        return f"{told}, {within}"


def _many(count: int, what: str) -> str:
    return f"{count:,} {what}" + ("" if count == 1 else "s")


def _practice_of(judged: Sequence[tuple[Question, Alternative | None]]) -> Practice:
    from cnnspec.teaching.quiz.practice import Practice

    topics: dict[str, tuple[int, int]] = {}
    mistakes: dict[str, int] = {}
    for question, found in judged:
        right, count = topics.get(question.topic, (0, 0))
        topics[question.topic] = right + (found is not None and found.right), count + 1
        for mistake in found.mistakes if found else ():
            mistakes[mistake.name] = mistakes.get(mistake.name, 0) + 1
    return Practice(topics, mistakes)


def _advice(now: Practice) -> Iterator[str]:
    weakest = now.weak[:MOST_ADVISED]
    if weakest:
        told = [f"{topic} ({now.topics[topic][0]} of {now.topics[topic][1]})" for topic in weakest]
        yield f"To practise: {', '.join(told)}."
        yield f"  cnnspec quiz --topic {','.join(weakest)}"
