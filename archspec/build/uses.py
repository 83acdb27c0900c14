"""Blocks from other specs: `use: std`, `use: [std, resnet50]`, `use: blocks/mine.yaml`."""

from __future__ import annotations

import os
from functools import cache
from pathlib import Path

from archspec import source, zoo
from archspec.errors import Diagnostic, SpecError, fail
from archspec.form import validate
from archspec.parse import Parser, parse_blocks
from archspec.source import Mapping, Scalar, Value
from archspec.spec import Block

MAX_FILES, MAX_NAME = 50, 1_000
LIBRARIES = ("std", "kernels")
"""Shipped files that hold blocks alone."""


@cache
def shipped() -> dict[str, str]:
    """Names of the shipped blocks, each with the library that has it, for the hint that `use` would bring it."""
    found = {}
    for library in LIBRARIES:
        tree = source.read(zoo.directory() / f"{library}.yaml")
        blocks = tree.get("blocks") if isinstance(tree, Mapping) else None
        found.update(dict.fromkeys(blocks.keys() if isinstance(blocks, Mapping) else (), library))
    return found


def _is_library(file: Path) -> bool:
    return file.stem in LIBRARIES and file.parent == zoo.directory()


@cache
def _library(file: Path) -> Value:
    """The text of a shipped library, read once for all variants of a file."""
    return source.read(file, imported=True)


def used_blocks(tree: Mapping, path: Path, parser: Parser) -> tuple[dict[str, Block], dict[str, Value]]:
    """Blocks that `use` brings in, with their text by name. Only blocks come: no layers, no variables."""
    found: dict[str, Block] = {}
    texts: dict[str, Value] = {}
    _collect(tree, path, parser, found, texts, (_real(path),), {})
    return found, texts


def _collect(
    tree: Mapping,
    path: Path,
    parser: Parser,
    found: dict[str, Block],
    texts: dict[str, Value],
    chain: tuple[Path, ...],
    read: dict[Path, Scalar],
) -> None:
    use = tree.get("use")
    items = use.items if isinstance(use, source.Sequence) else (use,) if isinstance(use, Scalar) else ()
    named: dict[str, Scalar] = {}
    for item in items:
        if isinstance(item, Scalar) and not source.is_lost(item):
            named.setdefault(item.text, item)
    if len(named) > MAX_FILES:
        assert use is not None
        parser.error("E523", f"{len(named):,} files are used here, more than {MAX_FILES}", use.span)
        return
    for item in named.values():
        try:
            file = file_of(str(item.text), path)
            real = _real(file)
            if real in chain:
                parser.error("E520", f"'{item.text}' uses this file, which uses it again", item.span)
                continue
            if real in read:
                continue
            read[real] = item
            if len(read) > MAX_FILES:
                parser.error("E523", f"more than {MAX_FILES} files are used here, directly or by others", item.span)
                return
            other = _library(file) if _is_library(file) else source.read(file, imported=True)
            document, other = validate(other)
        except SpecError as error:
            told = [d if d.span else Diagnostic(d.code, d.message, item.span, d.hint) for d in error.diagnostics]
            parser.diagnostics += told
            continue
        _collect(other, file, parser, found, texts, (*chain, real), read)
        if len(read) > MAX_FILES:
            return
        blocks = other.get("blocks")
        for name, block in parse_blocks(other, document, parser).items():
            if name in found and Path(found[name].span.file).resolve() != Path(block.span.file).resolve():
                parser.error("E521", f"two used specs have a block '{name}'", item.span)
            found[name] = block
            text = blocks.get(name) if isinstance(blocks, Mapping) else None
            if text is not None:
                texts[name] = text


def file_of(name: str, path: Path) -> Path:
    """The file a `use` names: a shipped library (`std`), a zoo network, or a path from the spec that uses it.

    Raises SpecError E523 for a path that is none a spec may go: docs/decisions says why.
    """
    plain = name.isprintable() and len(name) <= MAX_NAME
    if plain and name.endswith((".yaml", ".yml")) and not Path(name).is_absolute():
        return path.parent / name
    if not plain or "/" in name or "\\" in name:
        hint = "a path leads from the file that uses it to a file ending in .yaml: `use: ../blocks.yaml`"
        raise fail("E523", f"`use` does not go to '{name}'", hint=hint)
    if name in LIBRARIES:
        return zoo.directory() / f"{name}.yaml"
    file, _ = zoo.locate(name, also=LIBRARIES)
    return file


def _real(path: Path) -> Path:
    """The file itself, behind links and `..`; a link that leads to itself stays as it is, for who opens it to tell."""
    return Path(os.path.realpath(path))
