"""The binder: what a sentence says becomes the fields of a model, and every fault has its place.

Layers, blocks, heads and the settings of a recipe are sentences of one form, ``word argument*
option=value*``. ``bind`` finds the option that each expression is meant for, ``values_of`` evaluates
them, ``validate`` makes the model, and ``Binding.refused`` says at its place what the model refused.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any, ClassVar, Literal, NamedTuple, Self, get_args, get_origin

from cnnspec.binding.refusals import Refusal
from cnnspec.binding.values import TRUTH, SentenceError, Unresolved, Value, Word, format_value
from cnnspec.diagnostics import Cure, Diagnostic, Fix, Label, any_of, did_you_mean, nearest
from cnnspec.layers.writing import SentenceModel
from cnnspec.records import record
from cnnspec.syntax import tree
from cnnspec.text import Span


class Codes(NamedTuple):
    """The codes of what can be wrong with a sentence."""

    unknown: str = "unknown-option"
    repeated: str = "repeated-option"
    surplus: str = "too-many-arguments"
    wrong: str = "wrong-option"


@record
class Signature:
    """What a sentence of one kind takes, and how it is spoken of."""

    title: str
    """``conv``, ``optimizer adam``."""
    positional: tuple[str, ...] = ()
    options: tuple[str, ...] = ()
    """All that may be given by name."""
    model: type[SentenceModel] | None = None
    labels: tuple[Label, ...] = ()
    """Where it is defined."""
    takes_more: bool = False
    """Whether values that need no name may follow those of ``positional``."""

    codes: ClassVar[Codes] = Codes()
    noun: ClassVar[str] = "option"
    synonyms: ClassVar[Mapping[str, str]] = {}
    """What others call the options."""

    @classmethod
    def of(cls, model: type[SentenceModel], **more: Any) -> Self:
        return cls(model.title(), model.positional, tuple(model.option_fields()), model, **more)

    @property
    def usage(self) -> str:
        """How it is written: ``conv filters kernel``."""
        return " ".join((self.title, *self.positional))

    @property
    def sample(self) -> str:
        """The same with values that one might give: ``conv 16 3x3``."""
        words = self.model.sentence().split() if self.model else []
        return " ".join(word for word in words if "=" not in word)

    @property
    def listing(self) -> str:
        return f"its options: {', '.join(self.options)}" if self.options else f"{self.title} takes no options"

    def subject(self, option: str) -> str:
        """An option as messages speak of it."""
        return option

    def option_at(self, place: int, argument: tree.Expression) -> str:
        """The option that a value without a name fills."""
        name = self.positional[place]
        if place or self.model is None or not self.model.quoted or not isinstance(argument, tree.Text):
            return name
        words = get_args(self.model.model_fields[name].annotation)
        return name if argument.value.replace("-", "_") in words else self.model.quoted

    def notes_on(self, name: str) -> tuple[str, ...]:
        """What is known of a name that is no option here."""
        return ()

    # What can be wrong ------------------------------------------------------------

    def missing(self, option: str, span: Span) -> Diagnostic:
        sample = f", such as {self.sample}" if self.sample else ""
        help = (f"write {self.usage}{sample}",) if option in self.positional else ()
        message = f"{self.title} needs its {option}"
        return Diagnostic("missing-option", message, span, labels=self.labels, help=help)

    def unknown(self, option: tree.Option) -> Diagnostic:
        return Diagnostic(
            self.codes.unknown, f"{self.title} has no {self.noun} {option.name}", option.name_span,
            labels=self.labels, notes=self.notes_on(option.name),
            **did_you_mean(option.name_span, option.name, self.options, self.listing, synonyms=self.synonyms),
        )  # fmt: skip

    def repeated(self, option: tree.Option, first: Span, by_place: bool) -> Diagnostic:
        how = ": by its place and by its name" if by_place else ""
        return given_twice(self.codes.repeated, option.name, option.span, first, how)

    def surplus(self, arguments: Sequence[tree.Expression]) -> Diagnostic:
        """The fault of a value without a name that has no place."""
        rest, argument = self._by_name_only, arguments[len(self.positional)]
        notes = (f"it is written: {self.usage}",) if self.positional and rest else ()
        return Diagnostic(
            self.codes.surplus, self._refuse_surplus(arguments, argument), argument.span,
            labels=self.labels, notes=notes, **self._cure_of(argument),
        )  # fmt: skip

    @property
    def _by_name_only(self) -> list[str]:
        return [name for name in self.options if name not in self.positional]

    def _refuse_surplus(self, arguments: Sequence[tree.Expression], argument: tree.Expression) -> str:
        count = len(self.positional)
        takes = f"{count} value{'s' * (count != 1)}" if count else "no values"
        names = f" ({', '.join(self.positional)})" if count else ""
        unnamed = f"{names} without a name" if self._by_name_only or not count else ""
        return f"{self.title} takes {takes}{unnamed}. Received: {len(arguments)}"

    def _cure_of(self, argument: tree.Expression) -> Cure:
        """How to say what a value without a place was meant to say."""
        text, rest = argument.span.text, self._by_name_only
        takes = [
            name
            for name in rest
            if self.model and text in choices_of(self.model.model_fields[name].annotation)
        ]
        if len(takes) == 1:
            fix = Fix(argument.span, f"{takes[0]}={text}", f"write {takes[0]}={text}")
            return {"help": (fix.message,), "fixes": (fix,)}
        name = nearest(text, rest, self.synonyms) if isinstance(argument, tree.Name) else None
        if name is not None and self.model is not None:
            if self.model.model_fields[name].annotation is bool:
                fix = Fix(argument.span, f"{name}=yes", f"write {name}=yes")
                return {"help": (fix.message, self.listing), "fixes": (fix,)}
            sentence = self.model.sentence()
            example = f", as in {sentence}" if f" {name}=" in sentence else ""
            help = [f"give it a value: {name}=…{example}"]
        elif rest:
            by_place = f"give the rest by name: {rest[0]}={text}"
            help = [by_place if self.positional else f"give it by name: {any_of(rest)}"]
        else:
            help = [f"write {self.usage}"] if self.positional else []
        return {"help": tuple(help), "fixes": ()}


def choices_of(annotation: Any) -> list[Any]:
    """The words that an option takes, of all the kinds of value it may have."""
    parts = get_args(annotation)
    return (
        list(parts)
        if get_origin(annotation) is Literal
        else [word for part in parts for word in choices_of(part)]
    )


def given_twice(code: str, name: str, span: Span, first: Span, how: str = "") -> Diagnostic:
    """The fault of what a sentence or a recipe says twice."""
    labels = (Label(first, "first given here"),)
    return Diagnostic(code, f"{name} is given twice{how}", span, labels=labels, help=("keep one of the two",))


@dataclass(eq=False)
class Binding:
    """The expressions of a sentence, each by the option it is meant for."""

    signature: Signature
    span: Span
    given: dict[str, tree.Expression] = field(default_factory=dict)
    guesses: dict[str, tree.Expression] = field(default_factory=dict)
    """What was given by a name that is not known, under the one that was most likely meant."""
    more: Sequence[tree.Expression] = ()
    """The values after those that have a place."""
    faults: list[Diagnostic] = field(default_factory=list)
    made: dict[Any, Any] = field(default_factory=dict)
    """What uses of it without a fault made, by the values that differ from use to use."""
    left: dict[Any, Any] = field(default_factory=dict)
    """What is left of it without the options that were refused, by the same values: they are told once."""

    @cached_property
    def moving(self) -> tuple[str, ...]:
        """The options whose values differ from use to use."""
        return tuple(name for name, written in self.given.items() if not _is_literal(written))

    def place(self, option: str | None) -> Span:
        """Where an option's value is written; the sentence itself where it is not."""
        written = self.given.get(option or "") or self.guesses.get(option or "")
        return written.span if written is not None else self.span

    def refused(self, refusal: Refusal, values: Mapping[str, Any], names: Iterable[str] = ()) -> Diagnostic:
        """The fault of a value that the model refused; ``names`` are those that have a value here."""
        signature, option = self.signature, refusal.option
        if option is not None and refusal.is_missing:
            return signature.missing(option, self.span)
        written = self.given.get(option or "") or self.guesses.get(option or "")
        if option is None or written is None:
            message = refusal.message(signature.title, self.span.text)
            return Diagnostic(signature.codes.wrong, message, self.span, help=refusal.help)
        value, text = values[option], written.span.text
        received = text if _is_literal(written) else format_value(value)
        meant = refusal.meant
        cure = Cure(help=refusal.help, fixes=())
        if meant is not None:
            cure = Cure(help=(f"did you mean {meant}?",), fixes=(Fix(written.span, meant, f"write {meant}"),))
        if type(value) is Word and not cure["help"] and not refusal.choice_only:
            meant = nearest(value, names)
            cure["help"] = (f"did you mean {meant}?" if meant else f"{value} is not defined here",)
        return Diagnostic(
            signature.codes.wrong, refusal.message(signature.subject(option), received), written.span,
            notes=(f"{text} is {received} here",) if received != text else (), **cure,
        )  # fmt: skip


def last_of(sentence: tree.LayerSentence) -> Span:
    """The last argument or option of a sentence, or else its word."""
    return [sentence.word_span, *(part.span for part in (*sentence.arguments, *sentence.options))][-1]


def bind(
    signature: Signature, arguments: Sequence[tree.Expression], options: Iterable[tree.Option], span: Span
) -> Binding:
    """Finds the option that each expression is meant for; what has no place is a fault."""
    bound = Binding(signature, span)
    given, places = bound.given, len(signature.positional)
    for place, argument in enumerate(arguments[:places]):
        given[signature.option_at(place, argument)] = argument
    bound.more = arguments[places:]
    if bound.more and not signature.takes_more:
        bound.faults.append(signature.surplus(arguments))
    by_place = set(given)
    for option in options:
        name = option.name
        if name not in signature.options:
            fault = signature.unknown(option)
            bound.faults.append(fault)
            if fault.fixes and "=" not in fault.fixes[0].replacement:
                bound.guesses.setdefault(fault.fixes[0].replacement, option.value)
        elif name in given:
            bound.faults.append(signature.repeated(option, given[name].span, name in by_place))
        else:
            given[name] = option.value
    return bound


def values_of(
    expressions: Mapping[str, tree.Expression],
    evaluate: Callable[[tree.Expression], Value],
    report: Callable[[Diagnostic], None],
) -> dict[str, Value]:
    """The values that could be found; ``evaluate`` raises SentenceError, which is reported, or Unresolved."""
    values = {}
    for name, expression in expressions.items():
        try:
            values[name] = evaluate(expression)
        except SentenceError as fault:
            report(fault.diagnostic)
        except Unresolved:
            pass
    return values


def _is_literal(expression: tree.Expression) -> bool:
    """Whether an expression is written as its value is."""
    if isinstance(expression, tree.Tuple):
        return all(map(_is_literal, expression.items))
    if isinstance(expression, tree.Name):
        return expression.text in TRUTH
    return isinstance(expression, tree.NumberLiteral | tree.Size | tree.Text | tree.QuestionMark)
