"""From a tree of sound form to a Spec: edits written in, the blocks of other files brought in, entries parsed."""

from __future__ import annotations

from collections.abc import Container
from dataclasses import dataclass, replace
from pathlib import Path

from archspec import source
from archspec.build.uses import used_blocks
from archspec.errors import Diagnostic, Frame
from archspec.form import validate
from archspec.ops import REGISTRY
from archspec.overrides import Edits
from archspec.parse import Parser, parse, parse_blocks
from archspec.spec import STRUCTURAL, Spec


@dataclass(frozen=True)
class Draft:
    """A spec, and the mistakes in its entries; what is mistaken holds its place as lost."""

    spec: Spec
    mistakes: tuple[Diagnostic, ...]
    lacking: bool
    """Whether some file of `use` did not come: a block that is not there may be in it."""


def draft(tree: source.Mapping, path: Path, edits: Edits, lost: Container[str] = ()) -> Draft:
    """The spec that a tree is with the edits written in. Blocks that are `lost` are known by name alone.

    Raises SpecError of edits that cannot be made, and of a form that they spoil.
    """
    entered = None
    if edits.variant is not None:
        entered = Frame(f"variant '{edits.variant}'", source.at(tree, ("variants", edits.variant), key=True))
    document, tree = validate(edits.written_into(tree))
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
    spec = parse(tree, document, both, parser, texts, entered)
    if tree.get("allow") is not None:
        from archspec.rules.file import allow

        parser.diagnostics += allow.unknown(tree)
    return Draft(spec, tuple(parser.diagnostics), lacking)
