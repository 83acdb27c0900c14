"""From the name of a spec to its typed graph: the stages in a row, and the checks on their result."""

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
from archspec.errors import Diagnostic, Frame, SpecError, fail
from archspec.graph import TypedGraph
from archspec.infer import infer
from archspec.ops import REGISTRY
from archspec.parse import FormError, Parser, parse, parse_blocks, validate
from archspec.source import Value
from archspec.spec import ORDER, STRUCTURAL, Spec, walk

if TYPE_CHECKING:
    from archspec.salvage import Salvage

MAX_VARIANTS, MAX_LAYERS = 200, 100_000
"""How much `check` looks at: variants of one file, and layers of all of them together."""


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
        skipped, wrong = check_asserts(parsed, graph, changed)
    if wrong:
        raise SpecError(wrong)
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
    return _edited(_text(path), path, variant or found, overrides, input, variables)


def _text(path: Path) -> Value | source.Unreadable:
    """The tree of a file, or what keeps it from being one."""
    try:
        return source.read(path)
    except source.Unreadable as error:
        return error


def _edited(
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

    if isinstance(text, source.Unreadable):
        raise _all_wrong(text, path, written) from None
    try:
        _, tree = validate(text)
    except FormError:
        raise _all_wrong(text, path, written) from None
    if edits.check_variants(tree):
        raise _all_wrong(text, path, written)
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
    return _parsed(tree, path, entered, lost)


def _parsed(tree: source.Mapping, path: Path, variant: Frame | None = None, lost: Container[str] = ()) -> Spec:
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
        from archspec.salvage import in_order

        raise SpecError(in_order([*parser.diagnostics, *more], str(path)))
    return parsed


def _all_wrong(text: Value | source.Unreadable, path: Path, written: Callable[[Salvage], Spec]) -> SpecError:
    """What is wrong with the form of a spec, and with what is written in the rest of it."""
    from archspec.salvage import in_order, salvaged  # only the mistaken wait for it

    found = list(text.diagnostics) if isinstance(text, source.Unreadable) else []
    rest = salvaged(text.tree, text.whole) if isinstance(text, source.Unreadable) else salvaged(text)
    found += rest.found
    if rest.tree is not None:
        try:
            more = _behind(written(rest))
        except SpecError as error:
            more = list(error.diagnostics)
        found += [d for d in more if d.code not in rest.silent]
    return SpecError(in_order(found, str(path)))


def _behind(parsed: Spec) -> list[Diagnostic]:
    """What is wrong with a spec behind its form: as a network, where it is one."""
    if not parsed.layers:
        return check_words(parsed)
    try:
        build(parsed)
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


def check_asserts(spec: Spec, graph: TypedGraph, changed: bool) -> tuple[int, list[Diagnostic]]:
    """How many assertions were skipped, and a diagnostic (E401 … E404) for each that does not hold."""
    if not spec.asserts:
        return 0, []
    from archspec.analysis.assertion import broken
    from archspec.analysis.summary import summarize

    facts = summarize(graph).facts()
    skipped, wrong = 0, []
    for value, always in spec.asserts:
        if changed and not always:
            skipped += 1
            continue
        try:
            wrong += broken(value, facts)
        except SpecError as error:
            wrong += error.diagnostics
    return skipped, wrong


def check(spec: str | Path, strict: bool = False) -> list[Diagnostic]:
    """Everything wrong or doubtful in a spec, without raising: the file as written and each of its variants.

    Errors come first, then warnings, each in the order of the text; what several variants give is told once. A
    variant, or a network of the zoo by its name, is looked at alone. With `strict` warnings count as errors.
    """
    try:
        path, variant = zoo.locate(spec)
        text = _text(path)
        tree = text.tree if isinstance(text, source.Unreadable) else text
        variants = tree.get("variants") if isinstance(tree, source.Mapping) else None
        names: list[str | None] = [variant]
        if Path(str(spec)).is_file() and variant is None and isinstance(variants, source.Mapping):
            names += variants.keys()
        if isinstance(variants, source.Mapping) and len(variants.entries) > MAX_VARIANTS:
            message = f"{len(variants.entries):,} variants are more than the {MAX_VARIANTS} a file may have"
            raise fail("E116", message, variants.span)
        whole = variant is None and (len(names) > 1 or variants is None)
        with counted():
            if isinstance(text, source.Mapping) and variant is None and not _is_network(text):
                found = _in_blocks(text, path)
            else:
                found = _in_networks(text, path, names, whole)
    except SpecError as error:
        return list(error.diagnostics)
    return [replace(d, severity="error") for d in found] if strict else found


def _is_network(tree: source.Mapping) -> bool:
    return not {"layers", "input", "inputs"}.isdisjoint(tree.keys())


def _in_blocks(tree: Value, path: Path) -> list[Diagnostic]:
    """What is wrong or doubtful in a file that only holds blocks. Raises SpecError where its form is wrong."""
    from archspec.rules import lint_file
    from archspec.rules.file import SpecFile

    try:
        _, sound = validate(tree)
    except FormError:
        raise _all_wrong(tree, path, lambda rest: _written(rest.sound, path, None, lost=rest.blocks)) from None
    parsed = _written(sound, path, None)
    return check_words(parsed) or lint_file(SpecFile(parsed, ()))


def _in_networks(
    text: Value | source.Unreadable, path: Path, variants: Sequence[str | None], whole: bool
) -> list[Diagnostic]:
    """What is wrong in variants of a file (None: as written) and what the rules say of them and, if `whole`, of it."""
    from archspec.rules import lint, lint_file
    from archspec.rules.file import SpecFile

    specs: list[Spec] = []
    graphs: list[TypedGraph] = []
    errors: dict[tuple[str, str, str], Diagnostic] = {}
    for name in variants:
        try:
            specs.append(_edited(text, path, name))
            graphs.append(network(specs[-1]))
        except SpecError as error:
            for d in error.diagnostics:
                errors.setdefault((d.code, str(d.span), d.message), d)
            if any(d.code == "E116" for d in error.diagnostics):
                break  # the others are as large
        if sum(len(graph.nodes) for graph in graphs) > MAX_LAYERS:
            message = f"the variants of this file make more than {MAX_LAYERS:,} layers together: check them one by one"
            span = source.at(specs[0].tree, ("variants", str(name)), key=True)
            errors.setdefault(("E116", "", ""), Diagnostic("E116", message, span))
            break
    if not errors and whole:
        return lint_file(SpecFile(specs[0], tuple(graphs)))
    from archspec.salvage import in_order

    return [*in_order(errors.values(), str(path)), *lint(*graphs)]
