"""What editors need to help with a spec or a run file: a JSON Schema of it, made from what checks it.

Draft 7, which the YAML support of VS Code, JetBrains' IDEs, Neovim, Emacs and others understands; docs/editors.md
says how to connect them. What a schema cannot see, shapes above all, remains with `archspec check`.
"""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from archspec import source, zoo
from archspec.authoring.schema.blocks import block_words
from archspec.authoring.schema.document import Scope, base_words, document
from archspec.build.uses import used_blocks
from archspec.errors import SpecError
from archspec.form import validate
from archspec.parse import Parser, parse_blocks
from archspec.plugins import installed
from archspec.source import Mapping
from archspec.spec import Block, Document

__all__ = ["dump", "schema"]

NEEDED = ("archspec", "use", "vars", "variants", "blocks", "defaults")
"""The keys of a spec that its own schema is made of."""


def schema(spec: str | Path | None = None, *, run: bool = False) -> dict[str, Any]:
    """A JSON Schema (draft 7): of any spec, of one spec with its own blocks as words, or of run files (`run`).

    The general one knows operators, structure and standard blocks; any other word may be a block, where the file has
    `blocks` or uses other files than the standard blocks. That of a spec (a path, or the name of a zoo network)
    refuses every word but its own blocks and those it uses.
    Raises SpecError where there is no such spec, or where its blocks, variables or defaults cannot be read; what
    is wrong elsewhere in it is for `check` to tell.
    """
    if run:
        from archspec.authoring.schema.runs import run_file

        return run_file()
    installed()
    if spec is None:
        _, blocks = _read(zoo.directory() / "std.yaml")
        return document(Scope(block_words(blocks, base_words())))
    path, _ = zoo.locate(spec)
    model, blocks = _read(path)
    filled = {word: frozenset(arguments) for word, arguments in model.defaults.items()}
    words = block_words(blocks, base_words(filled))
    return document(Scope(words, closed=True, variables=tuple(model.vars), filled=filled))


def _read(path: Path) -> tuple[Document, dict[str, Block]]:
    """What the schema of a file is made of: its document as far as it is needed, its blocks and those it uses."""
    tree = source.read(path)
    if isinstance(tree, Mapping):
        tree = Mapping(tuple((key, value) for key, value in tree.entries if key.text in NEEDED), tree.span)
    model, tree = validate(tree)
    parser = Parser()
    used, _ = used_blocks(tree, path, parser)
    if parser.diagnostics:
        raise SpecError(parser.diagnostics)
    return model, {**used, **parse_blocks(tree, model, Parser())}


def dump(schema: dict[str, Any]) -> str:
    """A schema as JSON text, each definition in a line of its own."""
    last = next(reversed(schema))
    lines = ["{"]
    for key, value in schema.items():
        comma = "" if key == last else ","
        if key == "definitions":
            inner = [f" {_json(name)}: {_json(definition)}" for name, definition in value.items()]
            lines += [f"{_json(key)}: {{", ",\n".join(inner), f"}}{comma}"]
        else:
            lines.append(f"{_json(key)}: {_json(value)}{comma}")
    return "\n".join([*lines, "}", ""])


def _json(value: Any) -> str:
    return json.dumps(value, ensure_ascii=False)
