"""The network of a run: its typed graph, with as many classes as the data has."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from typing import Any

from archspec.errors import Diagnostic, Span, SpecError, fail
from archspec.graph import TypedGraph
from archspec.loading import load
from archspec.run import RunFile
from archspec.tensor import TensorType
from archspec_torch.runtime.tasks import class_count, counted_by


def load_network(run: RunFile, **variables: Any) -> TypedGraph:
    """The graph that the run's `model` section describes. Raises SpecError of the spec, at its places."""
    model = run.run.model
    with placed_at(run.span("model", "spec")), _placed_overrides(run):
        return load(model.spec, model.variant, overrides=model.overrides(), input=model.input, **variables)


def network_for(run: RunFile, graph: TypedGraph, classes: int) -> tuple[TypedGraph, str | None]:
    """The graph with a score for each class, and a note where that was changed here.

    A spec with the variable `classes` (of networks that find points: `points`) is given the data's number, unless the
    run sets it.
    """
    scores, name = class_count(graph), counted_by(graph)
    written = any(o.startswith((f"{name}=", f"vars.{name}=")) for o in run.run.model.overrides())
    variables = graph.resolved.get("vars")
    if scores == classes or written or not (isinstance(variables, dict) and name in variables):
        return graph, None
    return load_network(run, **{name: classes}), f"{name}: {classes}, as the data has ({scores} in the spec)"


def image_input(graph: TypedGraph) -> TensorType:
    """Type of the network's only input. Raises SpecError E611 where there are several, E315 where its size is open."""
    if len(graph.inputs) != 1:
        names = ", ".join(graph.inputs)
        raise fail("E611", f"one image is one input; the network '{graph.name}' has {len(graph.inputs)} ({names})")
    found = graph.types[graph.inputs[0]][0]
    if found.open:
        message = f"the images of a run have one size, and the input of '{graph.name}' leaves it open: {found}"
        size = ", ".join(map(str, (found.channels, *[224] * found.rank)))
        raise fail("E315", message, hint=f"give it in the run file: model: {{spec: …, input: [{size}]}}")
    return found


@contextmanager
def placed_at(span: Span) -> Iterator[None]:
    """Gives the diagnostics raised inside that place, where they have none of their own."""
    try:
        yield
    except SpecError as error:
        raise SpecError(_placed(d, span) for d in error.diagnostics) from error


@contextmanager
def _placed_overrides(run: RunFile) -> Iterator[None]:
    """What is wrong with an override of `model.set` is told where the run file has it."""
    try:
        yield
    except SpecError as error:
        raise SpecError(_in_run_file(d, run) for d in error.diagnostics) from error


def _in_run_file(diagnostic: Diagnostic, run: RunFile) -> Diagnostic:
    span = diagnostic.span
    if span is None or not span.file.startswith("--set "):
        return diagnostic
    path = span.file.removeprefix("--set ").partition("=")[0]
    for key in run.run.model.set:
        if path == key or path.startswith(f"{key}."):
            inner = path[len(key) + 1 :].split(".") if path != key else []
            return replace(diagnostic, span=run.key_span("model", "set", key, *inner))
    return diagnostic


def _placed(diagnostic: Diagnostic, span: Span) -> Diagnostic:
    return diagnostic if diagnostic.span is not None else replace(diagnostic, span=span)
