"""Blocks from other specs: `use: std`, `use: [std, resnet50]`, `use: blocks/mine.yaml`."""

from __future__ import annotations

from functools import cache
from pathlib import Path

from archspec import source, zoo
from archspec.errors import Diagnostic, SpecError
from archspec.parse import Parser, parse_blocks, validate
from archspec.source import Mapping, Scalar, Value
from archspec.spec import Block


@cache
def standard() -> frozenset[str]:
    """Names of the standard blocks, for the hint that `use: std` would bring them."""
    tree = source.read(zoo.directory() / "std.yaml")
    blocks = tree.get("blocks") if isinstance(tree, Mapping) else None
    return frozenset(blocks.keys() if isinstance(blocks, Mapping) else ())


def used_blocks(tree: Mapping, path: Path, parser: Parser) -> tuple[dict[str, Block], dict[str, Value]]:
    """Blocks that `use` brings in, with their text by name. Only blocks come: no layers, no variables."""
    found: dict[str, Block] = {}
    texts: dict[str, Value] = {}
    _collect(tree, path, parser, found, texts, (path.resolve(),), set())
    return found, texts


def _collect(
    tree: Mapping,
    path: Path,
    parser: Parser,
    found: dict[str, Block],
    texts: dict[str, Value],
    chain: tuple[Path, ...],
    read: set[Path],
) -> None:
    use = tree.get("use")
    items = use.items if isinstance(use, source.Sequence) else (use,) if isinstance(use, Scalar) else ()
    for item in items:
        if not isinstance(item, Scalar):
            continue
        try:
            file = _file(str(item.text), path)
            if file.resolve() in chain:
                parser.error("E520", f"'{item.text}' uses this file, which uses it again", item.span)
                continue
            if file.resolve() in read:
                continue
            read.add(file.resolve())
            other = source.read(file)
            document, other = validate(other)
        except SpecError as error:
            told = [d if d.span else Diagnostic(d.code, d.message, item.span, d.hint) for d in error.diagnostics]
            parser.diagnostics += told
            continue
        _collect(other, file, parser, found, texts, (*chain, file.resolve()), read)
        blocks = other.get("blocks")
        for name, block in parse_blocks(other, document, parser).items():
            if name in found and Path(found[name].span.file).resolve() != Path(block.span.file).resolve():
                parser.error("E521", f"two used specs have a block '{name}'", item.span)
            found[name] = block
            text = blocks.get(name) if isinstance(blocks, Mapping) else None
            if text is not None:
                texts[name] = text


def _file(name: str, path: Path) -> Path:
    """The file a `use` names: `std`, a zoo network, or a path beside the spec that uses it."""
    if name == "std":
        return zoo.directory() / "std.yaml"
    if name.endswith((".yaml", ".yml")):
        return path.parent / name
    file, _ = zoo.locate(name)
    return file
