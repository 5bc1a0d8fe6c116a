"""Blocks: found by their word, given their parameters, expanded in a scope of their own."""

from __future__ import annotations

from functools import cache
from typing import Final

from cnnspec.binding.binder import bind, choices_of
from cnnspec.binding.values import SentenceError, Unresolved, Value, Word
from cnnspec.diagnostics import did_you_mean
from cnnspec.elaborate.claims import check_claim
from cnnspec.elaborate.depth import comes_back, need_room, uses_itself_always
from cnnspec.elaborate.elaborator import WHICH, Elaborator, Expansion
from cnnspec.elaborate.limits import MOST_STEPS
from cnnspec.elaborate.scope import BlockWord, Context, Definition, Module, Scope, Twin
from cnnspec.elaborate.sharing import SHARE, own_options, twin_of
from cnnspec.layers.registry import LAYERS
from cnnspec.network.graph import Group, Node
from cnnspec.resources import prelude_text
from cnnspec.syntax import tree
from cnnspec.text import Source

_PLAIN: Final = frozenset({int, float, bool, tuple, Word})
"""The types of values that are all they look like; a word of another kind stands for a block too."""


@cache
def prelude() -> Module:
    """The blocks that every spec may use."""
    from cnnspec.syntax.parse import parse

    module = Module("prelude.cnn")
    for statement in parse(Source("prelude.cnn", prelude_text())).statements:
        if isinstance(statement, tree.BlockDefinition):
            module.blocks[statement.name.text] = Definition(statement, module)
    return module


def find_block(word: str, context: Context) -> Definition | None:
    """The block of a word: the file's own or one it uses, else the prelude's."""
    return context.scope.module.blocks.get(word) or prelude().blocks.get(word)


def takes(definition: Definition, sentence: tree.LayerSentence) -> bool:
    """Whether a block can be used with what a sentence gives."""
    bound = bind(definition.signature, sentence.arguments, _options(sentence, definition), sentence.span)
    needed = (name for name, parameter in definition.parameters.items() if parameter.default is None)
    return not bound.faults and all(name in bound.given for name in needed)


def use_block(
    elaborator: Elaborator, sentence: tree.LayerSentence, context: Context, definition: Definition
) -> None:
    """Expands a block in place; its last node flows on."""
    if not _may_expand(elaborator, sentence, context, definition):
        elaborator.current = None
        return
    name, label = elaborator.name(sentence, context)
    values = _parameters(elaborator, sentence, context, definition)
    current = elaborator.current
    shape = elaborator.nodes[current].output if current not in (None, WHICH) else None
    twin = twin_of(elaborator, sentence, context, definition, name)
    scope = _frame(sentence, context, definition, name, (shape, *(values or {}).values()), twin)
    if values is None or comes_back(elaborator, sentence, scope):
        elaborator.current = None
    else:
        _expand(elaborator, definition, context, scope, values)
    if label is not None:
        elaborator.labels[label] = elaborator.current
        elaborator.instances[label] = name, definition
    if sentence.claim is not None and elaborator.current is not None:
        check_claim(elaborator, sentence, sentence.claim, elaborator.current, context)


def _expand(
    elaborator: Elaborator, definition: Definition, context: Context, scope: Scope, values: dict[str, Value]
) -> None:
    """Expands the body, or repeats the nodes of a use before this one that was alike."""
    key, before = _likeness(elaborator, definition, context, scope), elaborator.reached()
    alike = elaborator.expansions.get(key) if key else None
    if alike is not None and _repeat(elaborator, alike, context, scope):
        return
    start, steps, groups = len(elaborator.nodes), elaborator.steps, elaborator.groups
    group = elaborator.new_group(definition.block.name.text)
    inside = Context(scope, values, None, (*context.groups, group), context.depth + 1, repeating=False)
    elaborator.run(elaborator, definition.block.body, inside)
    if key and before == elaborator.reached() and elaborator.current is not None:
        nodes, outer = tuple(elaborator.nodes[start:]), len(context.groups)
        steps, made = elaborator.steps - steps, elaborator.groups - groups
        elaborator.expansions[key] = Expansion(
            scope, nodes, elaborator.current, start, steps, groups, made, outer
        )


def _likeness(
    elaborator: Elaborator, definition: Definition, context: Context, scope: Scope
) -> tuple[object, ...] | None:
    """What a use makes hangs on this alone; None where it can see more: a ``?``, a fault, shared weights."""
    if scope.twin is not None or scope.entered[0] is None or not elaborator.is_plain:
        return None
    known = (*scope.entered, *definition.module.values.values())
    if any(type(value) not in _PLAIN for value in known):
        return None
    return definition, context.depth, tuple(definition.module.values), repr(known)


def _repeat(elaborator: Elaborator, alike: Expansion, context: Context, scope: Scope) -> bool:
    """Adds the nodes of another use under the names of this one; answers whether that could be done."""
    nodes, cut, depth = elaborator.nodes, len(alike.scope.prefix), len(alike.scope.path)
    names = [scope.prefix + node.name[cut:] for node in alike.nodes]
    if elaborator.steps + alike.steps > MOST_STEPS:
        return False
    first, move, turn = alike.first, len(nodes) - alike.first, elaborator.groups - alike.groups
    current = elaborator.current
    assert current is not None

    def place(index: int) -> int:
        return index + move if index >= first else current

    @cache
    def inside(groups: tuple[Group, ...]) -> tuple[Group, ...]:
        return (*context.groups, *(group.moved(turn) for group in groups[alike.outer :]))

    for name, node in zip(names, alike.nodes, strict=True):
        inputs, path = tuple([place(n) for n in node.inputs]), scope.path + node.path[depth:]
        nodes.append(
            Node(node.index + move, name, node.layer, inputs, node.input_shapes, node.output, node.span,
                 path, inside(node.groups))
        )  # fmt: skip
    elaborator.names.taken.update(names)
    elaborator.current = place(alike.last)
    elaborator.steps, elaborator.groups = elaborator.steps + alike.steps, elaborator.groups + alike.made
    return True


def _options(sentence: tree.LayerSentence, definition: Definition) -> tuple[tree.Option, ...]:
    return sentence.options if SHARE in definition.parameters else own_options(sentence)


def _frame(
    sentence: tree.LayerSentence, context: Context, definition: Definition, name: str,
    entered: tuple[object, ...], twin: Twin | None,
) -> Scope:  # fmt: skip
    outer = context.scope
    return Scope(
        definition.module,
        (*outer.path, name[len(outer.prefix) :]),
        f"{name}.",
        definition.reserved,
        (*outer.calls, sentence),
        outer,
        entered,
        definition,
        definition.lets,
        twin=twin,
    )


def _may_expand(
    elaborator: Elaborator, sentence: tree.LayerSentence, context: Context, definition: Definition
) -> bool:
    if uses_itself_always(elaborator, sentence, context, definition):
        return False
    need_room(elaborator, context, sentence.word_span)
    elaborator.need_steps(elaborator.bound.of_block(definition), sentence.word_span)
    if sentence.paths is not None:
        elaborator.needless_branches(sentence, "is a block", context)
        return False
    return True


def _parameters(
    elaborator: Elaborator, sentence: tree.LayerSentence, context: Context, definition: Definition
) -> dict[str, Value] | None:
    """The parameters' values; a default sees the parameters before it. None where one is not known."""
    bound = elaborator.binding(sentence, definition.signature)
    for fault in bound.faults:
        elaborator.report(fault, context)
    if bound.faults:
        return None
    values: dict[str, Value] = {}
    inside = Context(definition.scope, values)
    for name, parameter in definition.parameters.items():
        written, where = bound.given.get(name, parameter.default), context if name in bound.given else inside
        if written is None:
            elaborator.report(definition.signature.missing(name, sentence.span), context)
        else:
            try:
                values[name] = _given(elaborator, definition, name, written, where)
            except SentenceError as fault:
                elaborator.report(fault.diagnostic, context)
            except Unresolved:
                pass
    return values if len(values) == len(definition.parameters) else None


def _given(
    elaborator: Elaborator, definition: Definition, name: str, written: tree.Expression, context: Context
) -> Value:
    """The value of a parameter; a word that names a block here stands for that block inside."""
    value = elaborator.value(written, context)
    if not isinstance(value, Word):
        return value
    if not definition.takes_words(name):
        need_meaning(elaborator, value, written, context)
    block = find_block(value, context) if type(value) is Word and value not in LAYERS else None
    if block is None:
        return value
    word = BlockWord(value)
    word.definition = block
    return word


def defined(elaborator: Elaborator, written: tree.Expression, context: Context) -> Value:
    """The value of an expression, no word that nothing knows; raises as ``Elaborator.value`` does."""
    value = elaborator.value(written, context)
    if isinstance(value, Word):
        need_meaning(elaborator, value, written, context)
    return value


def need_meaning(elaborator: Elaborator, value: Word, written: tree.Expression, context: Context) -> None:
    """Refuses a name that stands for nothing but itself, where nothing knows it as a word."""
    if not isinstance(written, tree.Name) or value != written.text:
        return
    if value in LAYERS or value in choices() or find_block(value, context) is not None:
        return
    elaborator.lookups += 1
    if any(prefix + value in elaborator.labels for prefix in context.scope.prefixes) or "." in value:
        return
    fault = SentenceError("unknown-name", f"{value} has no value here", written.span)
    if elaborator.faults.told(fault.code, written.span):
        raise fault
    cure = did_you_mean(written.span, value, context.names(), f"define it before this line: let {value} = …")
    raise SentenceError(fault.code, fault.message, written.span, **cure)


@cache
def choices() -> frozenset[str]:
    """Every word that an option of a layer takes."""
    fields = (field for layer in LAYERS.values() for field in layer.model_fields.values())
    return frozenset(
        word for field in fields for word in choices_of(field.annotation) if isinstance(word, str)
    )
