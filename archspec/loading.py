"""From the name of a spec to its typed graph: the stages in a row, and what the spec asserts of their result."""

from __future__ import annotations

from collections.abc import Callable, Container, Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

from archspec import overrides as edits
from archspec import source, zoo
from archspec.build import build, check_words
from archspec.build.uses import used_blocks
from archspec.effort import counted
from archspec.errors import Diagnostic, Frame, SpecError, each_once, fail, in_text_order
from archspec.graph import TypedGraph
from archspec.infer import infer
from archspec.ops import REGISTRY
from archspec.parse import FormError, Parser, parse, parse_blocks, validate
from archspec.source import Value
from archspec.spec import ORDER, STRUCTURAL, Spec, walk

if TYPE_CHECKING:
    from archspec.salvage import Salvage


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
    return edited(read_text(path), path, variant or found, overrides, input, variables)


def read_text(path: Path) -> Value | source.Unreadable:
    """The tree of a file, or what keeps it from being one, told with what else is wrong."""
    try:
        return source.read(path)
    except source.Unreadable as error:
        return error


def edited(
    text: Value | source.Unreadable,
    path: Path,
    variant: str | None,
    overrides: Sequence[str] = (),
    input: str | Sequence[int | str] | None = None,
    variables: Mapping[str, object] | None = None,
) -> Spec:
    """The spec of a file that has been read, with variant and overrides written in."""

    def written(rest: Salvage) -> Spec:
        return _written(rest.sound, path, variant, overrides, input, variables, rest.blocks)

    changed = bool(overrides or variables or input is not None)
    if isinstance(text, source.Unreadable):
        raise _all_wrong(text, path, written, changed) from None
    try:
        _, tree = validate(text)
    except FormError:
        raise _all_wrong(text, path, written, changed) from None
    if edits.check_variants(tree):
        raise _all_wrong(text, path, written, changed)
    parsed = _written(tree, path, variant, overrides, input, variables)
    if not parsed.layers and parsed.inputs:
        raise fail("E504", "this spec has an input but no `layers`", tree.span)
    if not parsed.layers:
        raise fail("E504", f"'{path}' has no layers: it only holds blocks, to be brought in by `use`", tree.span)
    return parsed


def _written(
    tree: source.Mapping,
    path: Path,
    variant: str | None,
    overrides: Sequence[str] = (),
    input: str | Sequence[int | str] | None = None,
    variables: Mapping[str, object] | None = None,
    lost: Container[str] = (),
) -> Spec:
    """The spec of a tree of sound form, with variant and overrides written in."""
    entered = None
    if variant is not None:
        entered = Frame(f"variant '{variant}'", source.at(tree, ("variants", variant), key=True))
        tree = edits.with_variant(tree, variant)
    tree = edits.with_settings(tree, overrides)
    tree = edits.with_variables(tree, variables or {})
    if input is not None:
        tree = edits.with_input(tree, input)
    return parse_file(tree, path, entered, lost)


def parse_file(tree: source.Mapping, path: Path, variant: Frame | None = None, lost: Container[str] = ()) -> Spec:
    """The spec of a whole tree with the blocks it uses; those that are `lost` are known by name alone.

    Raises SpecError with all that is wrong, where anything is with its form.
    """
    document, tree = validate(tree)
    parser = Parser(lost)
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
    unclear = (own.keys() & {*blocks, *REGISTRY, *STRUCTURAL}) | (blocks.keys() & REGISTRY.keys())
    both = {name: replace(b, lost=True) if name in unclear else b for name, b in {**blocks, **own}.items()}
    parsed = parse(tree, document, both, parser, texts, variant)
    if tree.get("allow") is not None:
        from archspec.rules.file import allow

        parser.diagnostics += allow.unknown(tree)
    if parser.diagnostics:
        more = [d for d in _behind(parsed) if not (lacking and d.code == "E130")]  # it may be what did not come
        raise SpecError(in_text_order(each_once([*parser.diagnostics, *more]), str(path)))
    return parsed


def _all_wrong(
    text: Value | source.Unreadable, path: Path, written: Callable[[Salvage], Spec], changed: bool = False
) -> SpecError:
    """What is wrong with the form of a spec, and with what is written in the rest of it."""
    from archspec.salvage import salvaged  # only the mistaken wait for it

    whole = not isinstance(text, source.Unreadable)
    found = list(text.diagnostics) if isinstance(text, source.Unreadable) else []
    rest = salvaged(text.tree, text.whole) if isinstance(text, source.Unreadable) else salvaged(text)
    found += rest.found
    if rest.tree is not None:
        try:
            parsed = written(rest)
            more = _behind(parsed)
            if not more and whole and rest.mended == {"assert"}:  # the network is whole: the others can be decided
                more = _untrue(parsed, changed)
        except SpecError as error:
            more = list(error.diagnostics)
        found += [d for d in more if d.code not in rest.silent]
    assert found, "a file is refused, and nothing is said of why"
    return SpecError(in_text_order(each_once(found), str(path)))


def _behind(parsed: Spec) -> list[Diagnostic]:
    """What is wrong with a spec behind its form: as a network, where it is one."""
    if not parsed.layers:
        return check_words(parsed)
    try:
        build(parsed)
    except SpecError as error:
        return list(error.diagnostics)
    return []


def _untrue(parsed: Spec, changed: bool) -> list[Diagnostic]:
    """What is wrong with the assertions of a sound network; where it was `changed`, with those that always hold."""
    try:
        network(parsed, changed)
    except SpecError as error:
        return list(error.diagnostics)
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


def parse_blocks_alone(tree: Value, path: Path) -> Spec:
    """The spec of a file that only holds blocks. Raises SpecError with all that is wrong in its form."""
    try:
        _, sound = validate(tree)
    except FormError:
        raise _all_wrong(tree, path, lambda rest: _written(rest.sound, path, None, lost=rest.blocks)) from None
    return _written(sound, path, None)
