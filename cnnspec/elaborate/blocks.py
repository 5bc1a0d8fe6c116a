"""Blocks: found by their word, given their parameters, expanded in a scope of their own."""

from __future__ import annotations

from functools import cache, partial

from cnnspec.binding.binder import bind, choices_of
from cnnspec.binding.values import SentenceError, Unresolved, Value, Word
from cnnspec.diagnostics import did_you_mean
from cnnspec.elaborate.claims import check_claim
from cnnspec.elaborate.depth import comes_back, need_room, uses_itself_always
from cnnspec.elaborate.elaborator import WHICH, Elaborator
from cnnspec.elaborate.scope import BlockWord, Context, Definition, Module, Scope, Twin
from cnnspec.elaborate.sharing import SHARE, own_options, twin_of
from cnnspec.layers.registry import LAYERS
from cnnspec.resources import prelude_text
from cnnspec.syntax import tree
from cnnspec.text import Source


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
        group = elaborator.new_group(sentence.word)
        inside = Context(scope, values, None, (*context.groups, group), context.depth + 1, repeating=False)
        elaborator.run(elaborator, definition.block.body, inside)
    if label is not None:
        elaborator.labels[label] = elaborator.current
        elaborator.instances[label] = name, definition
    if sentence.claim is not None and elaborator.current is not None:
        check_claim(elaborator, sentence, sentence.claim, elaborator.current, context)


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
    report = partial(elaborator.report, context=context)
    for fault in bound.faults:
        report(fault)
    if bound.faults:
        return None
    values: dict[str, Value] = {}
    inside = Context(definition.scope, values)
    for name, parameter in definition.parameters.items():
        written, where = bound.given.get(name, parameter.default), context if name in bound.given else inside
        if written is None:
            report(definition.signature.missing(name, sentence.span))
        else:
            try:
                values[name] = _given(elaborator, definition, name, written, where)
            except SentenceError as fault:
                report(fault.diagnostic)
            except Unresolved:
                pass
    return values if len(values) == len(definition.parameters) else None


def _given(
    elaborator: Elaborator, definition: Definition, name: str, written: tree.Expression, context: Context
) -> Value:
    """The value of a parameter; a word that names a block here stands for that block inside."""
    find = elaborator.value if definition.takes_words(name) else partial(defined, elaborator)
    value = find(written, context)
    block = find_block(value, context) if type(value) is Word and value not in LAYERS else None
    if block is None:
        return value
    word = BlockWord(value)
    word.definition = block
    return word


def defined(elaborator: Elaborator, written: tree.Expression, context: Context) -> Value:
    """The value of an expression, no word that nothing knows; raises as ``Elaborator.value`` does."""
    value = elaborator.value(written, context)
    if not isinstance(value, Word) or not isinstance(written, tree.Name) or value != written.text:
        return value
    if value in LAYERS or value in choices() or find_block(value, context) is not None:
        return value
    if any(prefix + value in elaborator.labels for prefix in context.scope.prefixes) or "." in value:
        return value
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
