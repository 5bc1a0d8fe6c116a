"""What a sweep tries: settings with the values they take, the trials drawn from them, and its record on disk.

``rate=0.01,0.05`` is a list; commas within brackets or quotes belong to a value. ``rate=0.001..0.1`` is a
range, from which values are drawn: those of a rate or a decay evenly by their logarithm.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from itertools import chain, islice, product
from math import exp, inf, isfinite, log, prod
from pathlib import Path
from typing import Final, Literal, TypeAlias

import numpy as np
from pydantic import BaseModel, ConfigDict, Field, FiniteFloat, NonNegativeInt, PositiveInt, ValidationError

from cnnspec.diagnostics import Diagnostic, Severity, SpecError, nearest
from cnnspec.files import read_bytes, write_atomically
from cnnspec.recipe.changes import SHORT
from cnnspec.recipe.models import Recipe
from cnnspec.recipe.words import OPTION_SYNONYMS, SETTINGS, SYNONYMS
from cnnspec.text import whole

RECORD: Final = "sweep.json"
LARGEST: Final = 20_000_000
"""Bytes a record may have."""
MOST_RUNS: Final = 1_000
"""Trials of a whole grid; of a larger one, some are drawn."""
SETTABLE: Final = (*SETTINGS, *SHORT)
"""What ``train`` takes as an option."""
BY_LOGARITHM: Final = ("rate", "decay", "epsilon")
"""Settings of whose range each power of ten is as likely."""
DIGITS: Final = 4
"""Of a number that is drawn: its option reads well, and says all of it."""
Values: TypeAlias = dict[str, str]
"""A value for each setting that is swept, as an option takes it."""

_NUMBER: Final = r"[+-]?(?:\d+(?:\.\d*)?|\.\d+)(?:[eE][+-]?\d+)?"
_RANGE: Final = re.compile(rf"({_NUMBER})\.\.({_NUMBER})")


class ValueRange(BaseModel):
    """Numbers from ``low`` to ``high``, drawn evenly or by their ``logarithm``; ``whole`` ones, or any."""

    model_config = ConfigDict(frozen=True)

    low: FiniteFloat
    high: FiniteFloat
    whole: bool = False
    logarithm: bool = False

    def at(self, share: float) -> str:
        """The number this share (0 to 1) of the way, as text."""
        if self.whole:
            return str(min(int(self.high), int(self.low + share * (self.high - self.low + 1))))
        if self.logarithm:
            return self.written(exp(log(self.low) + share * (log(self.high) - log(self.low))))
        return self.written(self.low + share * (self.high - self.low))

    @property
    def ends(self) -> tuple[str, str]:
        return self.at(0.0), self.at(1.0)

    def written(self, value: float) -> str:
        """A value between the ends, with few digits."""
        if self.whole:
            return str(int(value))
        return f"{min(self.high, max(self.low, float(f'{value:.{DIGITS}g}'))):.{DIGITS}g}"


Space: TypeAlias = dict[str, "tuple[str, ...] | ValueRange"]


class SweepTrial(BaseModel):
    """One trial: its number, from 1, which names its folder, and its values."""

    model_config = ConfigDict(frozen=True)

    number: PositiveInt
    values: Values

    @property
    def name(self) -> str:
        return f"trial-{self.number}"


class SweepRecord(BaseModel):
    """What a sweep was asked for: the contents of ``sweep.json``. Results stand in the trials' folders."""

    model_config = ConfigDict(frozen=True)

    format: Literal["cnnspec/sweep/1"] = "cnnspec/sweep/1"
    network: str
    spec: str | None
    """As it was named, from ``place`` on; None where the text was given, as ``inline``."""
    inline: str | None
    place: str
    """The folder that names of files are read from."""
    sources: dict[str, str]
    """The texts of the spec and of what it uses."""
    options: dict[str, str]
    """What else was asked of each training, by the option."""
    space: Space
    sampler: Literal["grid", "random", "tpe"]
    seed: NonNegativeInt
    seeds: PositiveInt | None = None
    """Runs of each trial, seed after seed."""
    asked: PositiveInt
    """How many trials there are to be."""
    trials: tuple[SweepTrial, ...] = Field(default=())

    @classmethod
    def read(cls, folder: Path) -> SweepRecord:
        """The record in a folder; raises SpecError where there is none, or one that is damaged."""
        try:
            return cls.model_validate_json(read_bytes(folder / RECORD, LARGEST))
        except OSError as error:
            raise _unusable(folder, error.strerror or str(error)) from error
        except ValidationError as error:
            fault = error.errors(include_url=False)[0]
            raise _unusable(folder, f"{'.'.join(map(str, fault['loc']))}: {fault['msg']}") from error

    def write(self, folder: Path) -> None:
        write_atomically(folder / RECORD, self.model_dump_json(indent=1) + "\n", folder)


def _unusable(folder: Path, why: str) -> SpecError:
    cure = "begin a new sweep in another folder; the runs inside are whole, and each can be used by itself"
    return SpecError.of("sweep-unusable", f"{folder / RECORD} cannot be used: {why}", cure)


def is_sweep(path: str | Path) -> bool:
    """Whether a path is the folder of a sweep."""
    return (Path(path) / RECORD).is_file()


# What was asked for -----------------------------------------------------------------


def read_space(given: Sequence[str]) -> Space:
    """The settings and values of ``NAME=VALUES``, one or several; raises SpecError with all their faults."""
    found: list[Diagnostic] = []
    space: Space = {}
    for text in given:
        name, equals, values = text.partition("=")
        name = name.strip().removeprefix("--")
        if not equals:
            found.append(wrong(f'a sweep is NAME=VALUES. Received: "{text}"', "as in --sweep rate=0.01,0.05"))
        elif name not in SETTABLE:
            found.append(_unknown(name))
        elif name in space:
            found.append(wrong(f"{name} is swept twice", f"give all its values at once: {name}={values},…"))
        else:
            space[name] = _choices(name, values, found)
    if found:
        raise SpecError(found)
    return space


def wrong(message: str, *help: str) -> Diagnostic:
    return Diagnostic("wrong-sweep", message, help=help)


def _unknown(name: str) -> Diagnostic:
    meant = OPTION_SYNONYMS.get(name, SYNONYMS.get(name, name))
    guess = meant if meant in SETTABLE else nearest(name, SETTABLE)
    listed = "the settings, from augment to workers: cnnspec layers train"
    return wrong(
        f"there is no setting {name} to sweep", *([f"did you mean {guess}?"] if guess else []), listed
    )


def _choices(name: str, text: str, found: list[Diagnostic]) -> tuple[str, ...] | ValueRange:
    if ends := _RANGE.fullmatch(text.strip()):
        return _range(name, ends[1], ends[2], found)
    values = tuple(split(text))
    if not all(values):
        what = "an empty value among them" if any(values) else "no values"
        found.append(wrong(f"the sweep of {name} has {what}", f"give two or more, as in {name}=A,B"))
    elif ranges := [value for value in values if _RANGE.fullmatch(value)]:
        found.append(
            wrong(f"{name} mixes a range, {ranges[0]}, with single values", "give a range alone, or a list")
        )
    elif twice := next((value for n, value in enumerate(values) if _is_among(value, values[:n])), None):
        found.append(wrong(f"the sweep of {name} has {twice} twice", "each trial would be trained twice"))
    return values


def _is_among(value: str, others: Iterable[str]) -> bool:
    return any(value == other or number_of(value, "a") == number_of(other, "b") for other in others)


def number_of(text: str, other: float | str) -> float | str:
    """The number that a text is, or what stands for one that is none."""
    value = float(text) if re.fullmatch(_NUMBER, text) else inf
    return value if isfinite(value) else other


def _range(name: str, low: str, high: str, found: list[Diagnostic]) -> ValueRange:
    counted = None not in (whole(low), whole(high)) and name in ("batch", "epochs", "seed", "workers")
    logarithm, least, most = name in BY_LOGARITHM, float(low), float(high)
    if not (isfinite(least) and isfinite(most)):
        found.append(wrong(f"an end of the range of {name} is larger than any number can be"))
        return ValueRange(low=0, high=0)
    if least >= most:
        found.append(wrong(f"the range of {name} goes from {low} to {high}", "put the lower end first"))
    if logarithm and least <= 0:
        what = f"{name} is drawn by its logarithm, so its range must begin above 0. Received: {low}"
        found.append(wrong(what, f"as in {name}=0.0001..{high}"))
    return ValueRange(low=least, high=most, whole=counted, logarithm=logarithm)


def split(text: str) -> Iterator[str]:
    """The values between commas; commas in brackets or quotes part nothing. Quotes around a value go."""
    part, depth, quote = "", 0, ""
    for letter in f"{text},":
        if letter == "," and not depth and not quote:
            value = part.strip()
            inner = value[1:-1]
            yield inner if value[:1] == value[-1:] == '"' != value and '"' not in inner else value
            part = ""
            continue
        part += letter
        if quote or letter in "\"'":
            quote = "" if letter == quote else quote or letter
        else:
            depth = max(0, depth + (letter in "([") - (letter in ")]"))
    if part:  # a bracket or a quote is left open
        yield part.removesuffix(",").strip()


def choices_text(choices: tuple[str, ...] | ValueRange) -> str:
    """The values of a setting in words: ``0.01, 0.05``, ``0.001 to 0.1``."""
    return f"{choices.low:g} to {choices.high:g}" if isinstance(choices, ValueRange) else ", ".join(choices)


def grid_size(space: Space) -> int:
    """Trials of the whole grid; 0 where a range has no end of them."""
    return prod(0 if isinstance(values, ValueRange) else len(values) for values in space.values())


def grid(space: Space) -> Iterator[Values]:
    """All combinations, the last setting changing fastest; of a range its two ends."""
    return (dict(zip(space, chosen, strict=True)) for chosen in product(*map(_ends, space.values())))


def drawn(space: Space, seed: int) -> Iterator[Values]:
    """Combinations at random, none twice, for ever where there is a range; more of them begin the same."""
    size, known = grid_size(space), set[tuple[str, ...]]()
    for turn in range(1 << 62):
        generator = np.random.default_rng([seed, turn, 0x5EE9])
        shares = generator.random(len(space))
        values = {
            name: _at(choices, share) for (name, choices), share in zip(space.items(), shares, strict=True)
        }
        if (key := tuple(values.values())) not in known:
            known.add(key)
            yield values
        if len(known) == size or turn > 100 * (len(known) + 100):
            return


def _at(choices: tuple[str, ...] | ValueRange, share: float) -> str:
    return choices.at(share) if isinstance(choices, ValueRange) else choices[int(share * len(choices))]


# Values that cannot be ----------------------------------------------------------------


def check_values(
    space: Space, trials: Iterable[Values], recipe: Recipe, changes: Mapping[str, object]
) -> None:
    """Raises SpecError with all that no recipe takes, each with the first trial that has it."""
    found: dict[Diagnostic, Values] = {}
    alone = ({name: value} for name in space if name not in SHORT for value in _ends(space[name]))
    for values in chain(alone, islice(trials, MOST_RUNS)):
        try:
            recipe.changed(**{**changes, **{name: plain(v) for name, v in values.items() if name != "data"}})
        except SpecError as error:
            for fault in error.diagnostics:
                if fault.severity is Severity.ERROR:
                    found.setdefault(fault, values)
    if found:
        raise SpecError(
            Diagnostic(
                fault.code,
                fault.message,
                notes=(*fault.notes, f"in the trial {told(values)}"),
                help=fault.help,
            )
            for fault, values in found.items()
        )


def _ends(choices: tuple[str, ...] | ValueRange) -> tuple[str, ...]:
    """All values of a list, the ends of a range."""
    return choices.ends if isinstance(choices, ValueRange) else choices


def plain(text: str) -> int | float | str:
    """A number as one; a sentence, as in a recipe, stays as it is."""
    number = whole(text)
    return number_of(text, text) if number is None else number


def told(values: Values) -> str:
    """``rate 0.01, batch 32``."""
    return ", ".join(f"{name} {value}" for name, value in values.items())
