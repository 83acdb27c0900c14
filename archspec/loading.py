"""From the name of a spec to its typed graph: the stages in a row, and the checks on their result."""

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
    return _edited(source.read(path), path, variant or found, overrides, input, variables)


def _edited(
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
    parsed = _parsed(tree, path, entered)
    if not parsed.layers and parsed.inputs:
        raise fail("E504", "this spec has an input but no `layers`", tree.span)
    if not parsed.layers:
        raise fail("E504", f"'{path}' has no layers: it only holds blocks, to be brought in by `use`", tree.span)
    return parsed


def _parsed(tree: source.Mapping, path: Path, variant: Frame | None = None) -> Spec:
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
        build(_parsed(source.Mapping(entries, tree.span), path))
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
        tree = source.read(path)
        variants = tree.get("variants") if isinstance(tree, source.Mapping) else None
        names: list[str | None] = [variant]
        if Path(str(spec)).is_file() and variant is None and isinstance(variants, source.Mapping):
            names += variants.keys()
        if isinstance(variants, source.Mapping) and len(variants.entries) > MAX_VARIANTS:
            span = source.at(tree, ("variants",), key=True)
            raise fail(
                "E116", f"{len(variants.entries):,} variants are more than the {MAX_VARIANTS} a file may have", span
            )
        whole = variant is None and (len(names) > 1 or variants is None)
        only_blocks = isinstance(tree, source.Mapping) and not {"layers", "input", "inputs"} & {*tree.keys()}
        with counted():
            found = (
                _in_blocks(tree, path) if only_blocks and variant is None else _in_networks(tree, path, names, whole)
            )
    except SpecError as error:
        return list(error.diagnostics)
    return [replace(d, severity="error") for d in found] if strict else found


def _in_blocks(tree: Value, path: Path) -> list[Diagnostic]:
    """What is wrong or doubtful in a file that only holds blocks. Raises SpecError where its form is wrong."""
    from archspec.rules import lint_file
    from archspec.rules.file import SpecFile

    parsed = _parsed(validate(tree)[1], path)
    return check_words(parsed) or lint_file(SpecFile(parsed, ()))


def _in_networks(tree: Value, path: Path, variants: Sequence[str | None], whole: bool) -> list[Diagnostic]:
    """What is wrong in variants of a file (None: as written) and what the rules say of them and, if `whole`, of it."""
    from archspec.rules import lint, lint_file
    from archspec.rules.file import SpecFile

    specs: list[Spec] = []
    graphs: list[TypedGraph] = []
    errors: dict[tuple[str, str, str], Diagnostic] = {}
    for name in variants:
        try:
            specs.append(_edited(tree, path, name))
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
    return [*errors.values(), *lint(*graphs)]
