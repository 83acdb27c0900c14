"""From the name of a spec to its typed graph: the stages in a row, and what the spec asserts of their result."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path

from archspec import overrides as edits
from archspec import source, zoo
from archspec.build import build, check_words
from archspec.build.uses import used_blocks
from archspec.effort import counted
from archspec.errors import Diagnostic, Frame, SpecError, fail
from archspec.graph import TypedGraph
from archspec.infer import infer
from archspec.ops import REGISTRY
from archspec.parse import FormError, Parser, parse, parse_blocks, validate
from archspec.source import Value
from archspec.spec import ORDER, STRUCTURAL, Spec, walk


def load(
    spec: str | Path,
    variant: str | None = None,
    *,
    overrides: Sequence[str] = (),
    input: str | Sequence[int | str] | None = None,
    **variables: object,
) -> TypedGraph:
    """The typed graph of a spec: `load("resnet50", classes=10)`.

    `spec` is a path or the name of a zoo network, `variant` one of the spec's variants (also written
    `SPEC@VARIANT`), `overrides` edits as `--set` takes them ("vars.depths=[2,2,2,2]"), `input` another input
    size ("3x256x256", [3, 256, 256]; "3xHxW" leaves it open), and keywords set the spec's variables. Raises
    SpecError with all that is wrong; the spec's own assertions among it, except those on counts where something
    is overridden.
    """
    parsed = read(spec, variant, overrides=overrides, input=input, variables=variables)
    return network(parsed, changed=bool(overrides or variables or input is not None))


def network(parsed: Spec, changed: bool = False) -> TypedGraph:
    """The typed graph of a parsed spec, its assertions checked; where it was changed, only those that always hold."""
    with counted():
        graph = infer(build(parsed))
        graph = replace(graph, resolved=resolve(parsed))
        skipped = 0
        if parsed.asserts:
            from archspec.analysis.assertion import check_asserts

            skipped = check_asserts(parsed, graph, changed)
    if skipped:
        several = skipped > 1
        what = f"{skipped} assertion{'s' if several else ''} of the spec skipped"
        note = f"{what}: {'they are' if several else 'it is'} about the spec as written"
        graph = replace(graph, notes=(*graph.notes, note))
    return graph


def read(
    spec: str | Path,
    variant: str | None = None,
    *,
    overrides: Sequence[str] = (),
    input: str | Sequence[int | str] | None = None,
    variables: Mapping[str, object] | None = None,
) -> Spec:
    """The parsed spec with variant and overrides written in, not yet built."""
    path, found = zoo.locate(spec)
    return edited(source.read(path), path, variant or found, overrides, input, variables)


def edited(
    tree: Value,
    path: Path,
    variant: str | None,
    overrides: Sequence[str] = (),
    input: str | Sequence[int | str] | None = None,
    variables: Mapping[str, object] | None = None,
) -> Spec:
    """The spec of a file that has been read, with variant and overrides written in."""
    try:
        _, tree = validate(tree)
    except FormError as error:
        raise SpecError([*error.diagnostics, *_beyond(error, tree, path)]) from None
    if wrong := edits.check_variants(tree):
        raise SpecError(wrong)
    entered = None
    if variant is not None:
        entered = Frame(f"variant '{variant}'", source.at(tree, ("variants", variant), key=True))
        tree = edits.with_variant(tree, variant)
    tree = edits.with_settings(tree, overrides)
    tree = edits.with_variables(tree, variables or {})
    if input is not None:
        tree = edits.with_input(tree, input)
    parsed = parse_file(tree, path, entered)
    if not parsed.layers and parsed.inputs:
        raise fail("E504", "this spec has an input but no `layers`", tree.span)
    if not parsed.layers:
        raise fail("E504", f"'{path}' has no layers: it only holds blocks, to be brought in by `use`", tree.span)
    return parsed


def parse_file(tree: source.Mapping, path: Path, variant: Frame | None = None) -> Spec:
    """The spec of a whole tree with the blocks it uses. Raises SpecError with all that is wrong in its form."""
    document, tree = validate(tree)
    parser = Parser()
    blocks, texts = used_blocks(tree, path, parser)
    lacking = bool(parser.diagnostics)
    own = parse_blocks(tree, document, parser)
    for name in own.keys() & blocks.keys():
        hint = f"it comes from {blocks[name].span.file}: choose another name"
        parser.error("E522", f"block '{name}' hides a block that `use` brings in", own[name].span, hint)
    for name in own.keys() & {*REGISTRY, *STRUCTURAL}:
        hint = "choose another name"
        parser.error("E522", f"block '{name}' hides the layer of that name", own[name].span, hint)
    for name in blocks.keys() & REGISTRY.keys():  # a word of a plugin: archspec's own words are no blocks of its zoo
        message = f"'{name}' is the block that `use` brings in, and a layer of a plugin"
        parser.error("E522", message, blocks[name].span, "leave out the one or the other")
    if any(d.code == "E522" for d in parser.diagnostics):
        raise SpecError(parser.diagnostics)  # whose arguments are meant cannot be told
    parsed = parse(tree, document, {**blocks, **own}, parser, texts, variant)
    if tree.get("allow") is not None:
        from archspec.rules.file import allow

        parser.diagnostics += allow.unknown(tree)
    if parser.diagnostics:
        words = [d for d in check_words(parsed) if not (lacking and d.code == "E130")]  # it may be what did not come
        raise SpecError(parser.diagnostics + [d for d in words if d not in parser.diagnostics])
    return parsed


def _beyond(error: FormError, tree: Value, path: Path) -> list[Diagnostic]:
    """What else is wrong where the mistakes of form leave the layers readable."""
    needed = {"", "archspec", "input", "inputs", "use", "vars", "blocks", "layers"}
    if error.keys & needed or not isinstance(tree, source.Mapping):
        return []
    entries = tuple((key, value) for key, value in tree.entries if key.text not in error.keys)
    if tree.get("layers") is None:
        return []
    try:
        build(parse_file(source.Mapping(entries, tree.span), path))
    except SpecError as more:
        return list(more.diagnostics)
    return []


def resolve(spec: Spec) -> dict[str, object]:
    """The spec as plain data that stands alone: used blocks written in, variants and `use` gone."""
    needed: list[str] = []
    pending = [spec.layers, *(head.layers for head in spec.heads)]
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
