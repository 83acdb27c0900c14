"""From a parsed spec to its network: built, typed, and held to what the spec asserts of it."""

from __future__ import annotations

from dataclasses import replace

from archspec import source
from archspec.build import build
from archspec.effort import counted
from archspec.graph import TypedGraph
from archspec.infer import infer
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
