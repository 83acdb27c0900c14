"""From a parsed spec to its network: built, typed, and held to what the spec asserts of it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace

from archspec import source
from archspec.analysis import windows
from archspec.build import build
from archspec.effort import counted
from archspec.errors import fail
from archspec.graph import Node, TypedGraph
from archspec.infer import infer
from archspec.passes.dense import Slid, dense, refused
from archspec.spec import ORDER, Spec, walk


def network(spec: Spec, changed: bool = False) -> TypedGraph:
    """The typed graph of a parsed spec, its assertions checked; where it was changed, only those that always hold.

    Raises SpecError with all that is wrong.
    """
    with counted():
        graph = infer(build(spec))
        graph = replace(graph, resolved=resolve(spec))
        skipped = 0
        if spec.asserts:
            from archspec.analysis.assertion import check_asserts

            skipped = check_asserts(spec, graph, changed)
    if skipped:
        several = skipped > 1
        what = f"{skipped} assertion{'s' if several else ''} of the spec skipped"
        note = f"{what}: {'they are' if several else 'it is'} about the spec as written"
        graph = replace(graph, notes=(*graph.notes, note))
    return graph


def slid(graph: TypedGraph, inputs: Mapping[str, Node]) -> TypedGraph:
    """The network slid over other `inputs`, its fully connected layers as convolutions with the weights they have.

    Its notes say what a place of the output answers for and whether it is what the window alone would give; of a
    network in which nothing slides, that it is as it was. Raises SpecError E176 where a layer needs all of the map that
    the network was made for; E311 where the inputs are too small.
    """
    found = dense(graph)
    made = infer(found.graph)
    notes = windows.told(made, len(found.layers), found.output) if found.output else [_nothing(graph, found)]
    made = replace(made, notes=(*graph.notes, *notes))
    if not inputs:
        return made
    for name, node in inputs.items():
        (own,), (given,) = made.types[name], node.op.infer(())
        if given.rank != own.rank:
            axes = f"{given.rank} spatial {'axis' if given.rank == 1 else 'axes'}"
            message = f"an input of {given} has {axes}, and '{graph.name}' slides over {own.rank}"
            raise fail("E176", message, hint=f"it was made for {own}: --dense --input takes as many numbers")
        if made.window and any(isinstance(n, int) and n < w for n, w in zip(given.spatial, made.window, strict=True)):
            window = "×".join(map(str, made.window))
            message = f"an input of {given} is smaller than the window of {window} that '{graph.name}' answers for"
            raise fail("E311", message, hint=f"an image is at least {window} pixels large")
    moved = infer(replace(made, nodes={**made.nodes, **inputs}, sizes={}, requirements=()))
    for node in moved.layers():
        if node.op.weights(moved.input_types(node)) != node.op.weights(made.input_types(node)):
            raise refused(node, f"`{node.op.word}` has weights of its own at every place of its map")
    return moved


def _nothing(graph: TypedGraph, found: Slid) -> str:
    why = "no `linear` stands behind a `flatten`"
    if found.layers:
        why = "only what exists in training alone has a `linear` behind a `flatten`"
    elif found.kept:
        why = f"what {found.kept[0]} lays flat has one size whatever the image's"
    return f"nothing slides in '{graph.name}': {why}; it takes images of other sizes as it is"


def resolve(spec: Spec) -> dict[str, object]:
    """The spec as plain data that stands alone: used blocks written in, variants and `use` gone."""
    needed: list[str] = []
    pending = [spec.layers, *(head.layers for head in spec.heads), *([spec.detect.heads] if spec.detect else [])]
    dynamic = any(layer.word.startswith("$") for s in pending for layer in walk(s))
    while pending:
        for layer in walk(pending.pop()):
            if layer.word in spec.blocks and layer.word not in needed:
                needed.append(layer.word)
                pending.append(spec.blocks[layer.word].layers)
            dynamic = dynamic or layer.word.startswith("$")
    plain = source.to_plain(spec.tree)
    assert isinstance(plain, dict)
    kept = {key: value for key, value in plain.items() if key not in ("use", "variants")}
    names = list(spec.blocks) if dynamic else needed
    if names:
        kept["blocks"] = {name: _block_text(spec, name) for name in sorted(names)}
    return {key: kept[key] for key in (*ORDER, *(k for k in kept if k not in ORDER)) if key in kept}


def _block_text(spec: Spec, name: str) -> object:
    blocks = spec.tree.get("blocks")
    own = blocks.get(name) if isinstance(blocks, source.Mapping) else None
    return source.to_plain(own if own is not None else spec.block_texts[name])
