"""Quizzes: questions drawn by a seed, each with its right choice and the wrong ones that mistakes lead to."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from itertools import permutations
from random import Random
from typing import Final

from cnnspec.analysis.report import analyze
from cnnspec.diagnostics import LayerError
from cnnspec.document import parse
from cnnspec.network.graph import Network
from cnnspec.teaching.quiz.changes import Posed
from cnnspec.teaching.quiz.draws import DRAWS
from cnnspec.teaching.quiz.forms import FORMS, Form
from cnnspec.teaching.quiz.mistakes import MISTAKES, NamedMistake
from cnnspec.teaching.quiz.question import Alternative, Question, Quiz, sentence_of
from cnnspec.teaching.quiz.results import Result
from cnnspec.teaching.quiz.scene import Scene
from cnnspec.teaching.working import NotWritten

FIND: Final = "find-the-mistake"
LEVELS: Final = ("easy", "medium", "hard")
TOPICS: Final[Mapping[str, tuple[str, int]]] = {
    "shapes": ("the size of an output", 0),
    "same-and-valid": ("padding by name, and how many zeros it adds", 0),
    "stride": ("sizes behind a stride", 0),
    "dilation": ("sizes of dilated kernels, and how far they reach", 1),
    "parameters": ("how many numbers a layer learns", 0),
    "multiplies": ("how much a layer computes", 0),
    "pooling-values": ("what max and average pooling make of a map", 0),
    "convolution-values": ("what a filter makes of a map", 0),
    "receptive-field": ("how much of the input a value sees", 1),
    "dense-against-conv": ("what a dense layer in its place would need", 1),
    "flatten": ("how long the vector is, and what a dense layer costs behind it", 0),
    "batchnorm": ("its parameters, its buffers, its value", 1),
    "softmax-and-loss": ("shares, cross entropy and its gradient", 1),
    "gradient": ("the backward pass of a small layer, and the step", 1),
    FIND: ("a wrong working: what is wrong in it", 1),
    "solve-padding": ("the padding that gives a size", 1),
    "compare": ("two layers against each other", 2),
}
"""Each topic: what it asks, and the level from which it is asked without being named."""

TRIES: Final = 60


def quiz(
    network: Network | None = None, spec: str = "", *, topics: Sequence[str] = (), count: int = 10,
    seed: int = 0, level: str = "medium", choices: int = 4,
) -> Quiz:  # fmt: skip
    """A quiz on a network, or on layers drawn at random.

    ``topics`` are keys of ``TOPICS``; a topic that the network has no layer for is asked of others.
    ``choices`` counts those of a question, 0 for free answers. Raises ValueError for an unknown topic, and
    for a network none of whose layers is asked about.
    """
    for topic in topics:
        if topic not in TOPICS:
            raise ValueError(f"there is no topic {topic}")
    maker = _Maker(network, spec, LEVELS.index(level), choices, Random(f"{seed}"))
    if network and not maker.scenes and not topics:
        raise ValueError("it has no layer that there are questions about")
    questions = tuple(maker.questions(topics, count))
    return Quiz(spec if network else "", seed, level, tuple(topics), choices, questions)


Found = dict[str, list[tuple[Form, Scene]]]
"""By topic the layers of a network that are asked about, and how."""


class _Maker:
    """Draws one question after the other."""

    def __init__(self, network: Network | None, spec: str, level: int, choices: int, pick: Random) -> None:
        self.level, self.choices, self.pick = level, choices, pick
        self.scenes: Found = {}
        for scene in _scenes(network, spec, level) if network else ():
            for form in FORMS:
                if form.fits(scene):
                    self.scenes.setdefault(form.topic, []).append((form, scene))

    def questions(self, topics: Sequence[str], count: int) -> Iterator[Question]:
        """The topics by turns, no question twice as long as there are others."""
        wanted = list(topics) or [
            topic for topic, (_, least) in TOPICS.items() if least <= self.level and self._knows(topic)
        ] or list(self.scenes)  # fmt: skip
        asked: set[str] = set()
        turns: list[str] = []
        for _ in range(count):
            if not turns:
                turns = self.pick.sample(wanted, len(wanted))
            question = self._new(turns.pop(), asked)
            asked.add(question.content)
            yield question

    def _knows(self, topic: str) -> bool:
        """Whether the network has layers that it asks about."""
        kinds = FINDABLE if topic == FIND else (topic,)
        return not self.scenes or any(kind in self.scenes for kind in kinds)

    def _new(self, topic: str, asked: set[str]) -> Question:
        """A question of the topic: on the network, or where that has none with a wrong choice on others."""
        found = self._tried(topic, self.scenes, asked) or self._tried(topic, {}, asked)
        assert found is not None, f"no question on {topic} can be drawn"
        return found

    def _tried(self, topic: str, scenes: Found, asked: set[str]) -> Question | None:
        """One that has enough wrong choices and was not asked before, or comes near to that."""
        spare: list[Question] = []
        for _ in range(TRIES):
            question = self._finding(scenes) if topic == FIND else self._plain(topic, scenes)
            if question is None or not question.wrong:
                continue
            enough = len(question.wrong) >= max(1, self.choices - 1)
            if enough and question.content not in asked:
                return question
            spare.append(question)
        wanted = self.choices - 1
        return max(
            spare, key=lambda one: (min(len(one.wrong), wanted), one.content not in asked), default=None
        )

    def _posed(self, topic: str, scenes: Found) -> Posed | None:
        """A form and a scene of the topic, with the right answer; None where the draw does not fit."""
        if topic in scenes:
            form, scene = self.pick.choice(scenes[topic])
        else:
            found = self._drawn(topic)
            forms = [form for form in FORMS if form.topic == topic and found and form.fits(found)]
            if found is None or not forms:
                return None
            form, scene = self.pick.choice(forms), found
        scene = (scene.alone if form.shows else scene).seeded(self.pick.getrandbits(32))
        answer = form.result(scene)
        return Posed(form, scene, answer) if answer.is_sound else None

    def _drawn(self, topic: str) -> Scene | None:
        spec = DRAWS[topic](self.pick, self.level)
        try:
            network = parse(spec)
        except ValueError:
            return None
        return Scene(spec, network, network.layers[-1], 0, self.level)

    def _plain(self, topic: str, scenes: Found) -> Question | None:
        posed = self._posed(topic, scenes)
        if posed is None:
            return None
        right, wrong = Alternative(posed.result.text, posed.result), _wrong(posed, self.choices - 1)
        shown = self._shown(right, wrong)
        return self._question(posed, topic, posed.form.text(posed.scene), right, wrong, shown)

    def _shown(self, right: Alternative, wrong: Sequence[Alternative]) -> tuple[Alternative, ...]:
        if not self.choices:
            return ()
        single = [one for one in wrong if len(one.mistakes) == 1]
        rest = [one for one in wrong if len(one.mistakes) > 1]
        chosen = self.pick.sample(single, len(single)) + rest
        shown = [right, *chosen[: self.choices - 1]]
        return tuple(self.pick.sample(shown, len(shown)))

    def _finding(self, scenes: Found) -> Question | None:
        """Somebody's wrong working; to be chosen is what is wrong in it, to be given the right answer."""
        topic = self.pick.choice([one for one in (scenes or DRAWS) if one in FINDABLE] or FINDABLE)
        posed = self._posed(topic, scenes)
        found = _wrong(posed, 0) if posed else ()
        if posed is None or len(found) < 2:
            return None
        made, *others = self.pick.sample(found, len(found))
        text = posed.form.text(posed.scene)
        if not self.choices:
            right = Alternative(posed.result.text, posed.result)
            return self._question(posed, FIND, text, right, found, (), made.result)
        right = Alternative(sentence_of(made.mistakes[0].text), posed.result)
        wrong = [Alternative(sentence_of(one.mistakes[0].text), one.result, one.mistakes) for one in others]
        return self._question(posed, FIND, text, right, wrong, self._shown(right, wrong), made.result)

    def _question(
        self, posed: Posed, topic: str, text: str, right: Alternative, wrong: Sequence[Alternative],
        shown: tuple[Alternative, ...], claim: Result | None = None,
    ) -> Question:  # fmt: skip
        scene, form, result = posed.scene, posed.form, posed.result
        if result.decimals and any(not float(law.value).is_integer() for law in result.laws):
            text += f" Round to {result.decimals} decimals."
        return Question(
            topic, form.asks, LEVELS[self.level], scene.spec, scene.node.name, text, form.given(scene), claim,
            right, tuple(wrong), shown, form.command(scene),
        )  # fmt: skip


FINDABLE: Final = (
    "shapes", "same-and-valid", "stride", "dilation", "parameters", "multiplies", "receptive-field",
    "flatten", "batchnorm", "softmax-and-loss", "dense-against-conv", "solve-padding",
)  # fmt: skip
"""Topics whose wrong workings fit into a sentence."""


def _scenes(network: Network, spec: str, level: int) -> Iterator[Scene]:
    known = analyze(network)
    for node in network.layers:
        scene = Scene(spec, network, node, 0, level, drawn=False)
        object.__setattr__(scene, "analysis", known)
        yield scene


def _wrong(posed: Posed, least: int) -> list[Alternative]:
    """What the mistakes lead to, each answer once; two mistakes together where single ones are too few."""
    found: dict[str, Alternative] = {}
    for mistake in MISTAKES:
        _keep(found, posed, _made(mistake, posed), (mistake,))
    if len(found) < least and not posed.form.given(posed.scene):
        for one, other in permutations([choice.mistakes[0] for choice in found.values()], 2):
            first = _made(one, posed)
            both = _made(other, Posed(posed.form, posed.scene, first)) if first else None
            _keep(found, posed, both, (one, other))
            if len(found) >= least:
                break
    return list(found.values())


def _made(mistake: NamedMistake, posed: Posed) -> Result | None:
    try:
        answer = mistake.change(posed)
        return answer if answer is not None and answer.is_sound else None
    except (ArithmeticError, LayerError, NotWritten):
        return None


def _keep(
    found: dict[str, Alternative], posed: Posed, answer: Result | None, mistakes: tuple[NamedMistake, ...]
) -> None:
    """Adds an answer that is told apart from the right one, also when it is typed as it is shown."""
    if answer is not None and not posed.result.says(answer.shown) and answer.text not in found:
        found[answer.text] = Alternative(answer.text, answer, mistakes)
