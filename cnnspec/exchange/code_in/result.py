"""What reading another program's model gives: a spec, the network, its weights, remarks."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from cnnspec.diagnostics import Diagnostic, SpecError
from cnnspec.document import parse
from cnnspec.exchange.code_in.flow import Tensor
from cnnspec.exchange.code_in.trace import NotFollowed, Trace
from cnnspec.exchange.recover.spec import Recovered, recover
from cnnspec.layers.base import Shape
from cnnspec.network.assemble import assemble
from cnnspec.network.graph import Network
from cnnspec.network.write import legal_name
from cnnspec.records import record


@record
class Read:
    """A model that was read: ``text`` is its spec, ``network`` what that means."""

    text: str
    network: Network
    weights: Mapping[str, Any]
    notes: tuple[Diagnostic, ...]
    nodes: tuple[str, ...] = ()
    """The layers whose outputs are the results, in the model's own order."""


def _spec_of(network: Network) -> Recovered:
    """The spec as a person would write it; as it is where several inputs or shared weights say how."""
    return recover(network)


def finished(
    title: str,
    trace: Trace,
    shapes: Mapping[str, Shape],
    results: Sequence[Tensor],
    arrays: Mapping[str, Any],
) -> Read:
    """The spec of what a trace has gathered; raises SpecError where a result is no tensor of its."""
    try:
        names = [result.layer() for result in results]
        if any(name in trace.pending for name in names):
            raise NotFollowed("this attention has no linear layer right behind it, which ours has")
    except NotFollowed as fault:
        fault.span = fault.span or trace.here
        raise SpecError([fault.diagnostic()]) from fault
    return _assembled(title, trace, shapes, names, arrays)


def finished_nodes(
    title: str,
    trace: Trace,
    shapes: Mapping[str, Shape],
    results: Sequence[tuple[str, Shape | None]],
    arrays: Mapping[str, Any],
) -> Read:
    """The same of layers by name; a result in another order than here is refused where its values count."""
    if arrays and any(flat is not None for _, flat in results):
        raise SpecError.of(
            "code-not-followed", "the model gives a flattened map, whose order is another here"
        )
    return _assembled(title, trace, shapes, [name for name, _ in results], arrays)


def _assembled(
    title: str, trace: Trace, shapes: Mapping[str, Shape], names: Sequence[str], arrays: Mapping[str, Any]
) -> Read:
    if not trace.parts:
        raise SpecError.of("code-not-followed", "no layer is between the model's input and what it gives")
    outputs = [("output" if n == 0 else f"head{n}", name, 1.0) for n, name in enumerate(names)]
    flat = assemble(legal_name(title, set()), shapes, trace.parts, outputs)
    recovered = _spec_of(flat)
    weights = {name: parameter.values(arrays) for name, parameter in trace.weights.items()} if arrays else {}
    nodes = tuple(recovered.names[name] for name in names if name in recovered.names)
    return Read(recovered.text, parse(recovered.text), recovered.renamed(weights), tuple(trace.notes), nodes)
