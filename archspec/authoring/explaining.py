"""What a word or a code means: the pages that `archspec explain` shows, as Markdown.

Diagnostics and the words of structure are written in docs/, which the wheel carries; operators, functions and blocks
are explained from what they are.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING

from archspec import files
from archspec.errors import did_you_mean, fail

if TYPE_CHECKING:
    from archspec.source import Value
    from archspec.spec import Block

GROUPS = {
    "E0": "YAML",
    "E1": "structure and names",
    "E2": "expressions",
    "E3": "arguments and shapes",
    "E4": "assertions",
    "E50": "files",
    "E51": "variants and overrides",
    "E52": "blocks from other files",
    "E53": "formatting, expanding, explaining",
    "E54": "new specs",
    "E55": "plugins",
    "E56": "devices and estimated times",
    "E57": "drawings",
    "E58": "summaries",
    "E59": "backends",
    "E60": "run files and run directories",
    "E61": "whether network, data and machine fit",
    "E62": "data",
    "E63": "formats of data, splits, augmentation",
    "E64": "annotated boxes",
    "E65": "training",
    "E66": "what a run asks of its network",
    "E67": "evaluation",
    "E68": "comparing runs",
    "E69": "examining, watching and searching",
    "E7": "weights",
    "E72": "looking inside networks",
    "E73": "objects in images",
    "E74": "annotated boxes rewritten",
    "W3": "what is legal and probably not meant",
    "W55": "plugins",
    "W6": "data",
    "W63": "training and evaluation",
    "W64": "trouble while training",
}
"""What codes are about, by how they begin."""

_CODE = re.compile(r"[EW]\d{3}", re.IGNORECASE)


def explain(topic: str, spec: str | Path | None = None) -> str:
    """The page of a code, an operator, a block, or any other word that a spec or a run file may write, as Markdown.

    A block is one of the shipped libraries, or of `spec` (a path or a network of the zoo) where that is given. A word
    that is several of these has a section for each. Raises SpecError E539 for what nothing is known of.
    """
    text = topic.strip().removeprefix("$")
    if _CODE.fullmatch(text):
        return _diagnostic(text.upper())
    found = [section for section in _sections(text, spec) if section] or [*_parameters(text)]
    if not found:
        raise fail("E539", f"there is nothing to explain about '{topic}'", hint=_nearest(text, spec))
    return "\n".join(found)


def topics() -> dict[str, list[str]]:
    """The words that can be explained, by kind."""
    from archspec.authoring import vocabulary
    from archspec.authoring.reference import families
    from archspec.authoring.reference import title as family_title
    from archspec.build.uses import LIBRARIES
    from archspec.expressions import FUNCTIONS
    from archspec.plugins import installed

    installed()
    kinds = {"Words of structure": list(_words())}
    kinds |= {family_title(family): [cls.word for cls in classes] for family, classes in families().items()}
    kinds |= {f"Blocks of {library}": list(_shipped(library)) for library in LIBRARIES}
    kinds |= {
        "Functions": list(FUNCTIONS),
        "Arguments": vocabulary.arguments(),
        "Values of arguments": vocabulary.values(),
    }
    kinds |= {"Keys of run files": vocabulary.run_keys(), "Kinds in run files": vocabulary.run_kinds()}
    return {**kinds, "Values in run files": vocabulary.run_values()}


def codes() -> dict[str, list[str]]:
    """All codes, by how those of one kind begin: a key of `GROUPS`."""
    found: dict[str, list[str]] = {}
    for path in sorted(files.shipped("docs").glob("diagnostics/[EW]*.md")):
        code = path.stem
        found.setdefault(code[:3] if code[:3] in GROUPS else code[:2], []).append(code)
    return found


def title(code: str) -> str:
    """What is wrong, in a few words: the title of a code's page."""
    return _diagnostic(code).partition("\n")[0].partition(": ")[2]


def _diagnostic(code: str) -> str:
    path = files.shipped("docs") / "diagnostics" / f"{code}.md"
    if not path.is_file():
        raise fail("E539", f"there is no code {code}", hint="`archspec explain` lists the codes there are")
    return path.read_text(encoding="utf-8")


def _sections(word: str, spec: str | Path | None) -> Iterator[str]:
    from archspec.authoring import vocabulary
    from archspec.authoring.reference import function, operator
    from archspec.expressions import FUNCTIONS
    from archspec.ops import REGISTRY
    from archspec.plugins import operator_called

    if spec is not None and word in (held := blocks(spec)):
        yield _block(held[word])
        return
    yield _words().get(word, "")
    if word in REGISTRY:
        yield "\n".join(operator(REGISTRY[word]))
    if word in FUNCTIONS:
        yield "\n".join(function(word))
    library = _library(word)
    if library is not None:
        yield _block(_shipped(library)[word], library)
    elif word not in REGISTRY and (cls := operator_called(word)) is not None:  # of a plugin that is installed
        yield "\n".join(operator(cls))
    yield vocabulary.argument(word)
    if word not in _words():  # which tell more of those that are there
        yield vocabulary.value(word)
    yield vocabulary.in_run_files(word)


def _parameters(word: str) -> Iterator[str]:
    """Which shipped blocks have a parameter of that name."""
    from archspec.build.uses import LIBRARIES

    for library in LIBRARIES:
        if takers := [f"`{name}`" for name, block in _shipped(library).items() if word in block.params]:
            yield f"## {word}\n\nA parameter of {', '.join(takers)}, of the blocks that `use: {library}` brings.\n"


@cache
def _words() -> dict[str, str]:
    """The sections of docs/words.md, each under every word of its heading; all, where there are several."""
    text = (files.shipped("docs") / "words.md").read_text(encoding="utf-8")
    found: dict[str, str] = {}
    for section in re.split(r"^(?=## )", text, flags=re.M)[1:]:
        heading = section.partition("\n")[0].removeprefix("## ")
        for word in heading.split(", "):
            found[word] = found.get(word, "") + section
    return found


def _library(word: str) -> str | None:
    from archspec.build.uses import shipped

    return shipped().get(word)


def _shipped(library: str) -> dict[str, Block]:
    from archspec import zoo

    return blocks(zoo.directory() / f"{library}.yaml")


def blocks(spec: str | Path) -> dict[str, Block]:
    """The blocks that a spec writes or uses. Raises SpecError of what is wrong in the spec."""
    from archspec import source, zoo
    from archspec.build.uses import used_blocks
    from archspec.errors import SpecError
    from archspec.form import validate
    from archspec.parse import Parser, parse_blocks

    path, _ = zoo.locate(spec)
    document, tree = validate(source.read(path))
    parser = Parser()
    used, _ = used_blocks(tree, path, parser)
    own = parse_blocks(tree, document, parser)
    if parser.diagnostics:
        raise SpecError(parser.diagnostics)
    return {**used, **own}


def _block(block: Block, library: str | None = None) -> str:
    """A block: what its comment says, its parameters, and its text as it was written."""
    told, text = _written(block)
    where = f"A block of `{library}`: `use: {library}` brings it." if library else f"A block of `{block.span.file}`."
    lines = [f"## {block.name}", "", *([f"{told[:1].upper()}{told[1:]}.", ""] if told else []), where, ""]
    if block.params:
        rows = [f"| `{name}` | {_parameter(value)} |" for name, value in block.params.items()]
        lines += ["| parameter | unwritten |", "|---|---|", *rows, ""]
        lines += [f"`{block.main}` may stand alone: `- {block.name}: …`", ""]
    return "\n".join([*lines, "```yaml", *text, "```", ""])


def _parameter(value: Value) -> str:
    """A parameter's type where it is required, else its default."""
    from archspec.authoring.docstrings import written
    from archspec.source import Scalar, to_plain
    from archspec.spec import PARAMETER_TYPES

    if isinstance(value, Scalar) and value.value in PARAMETER_TYPES:
        return f"required: {value.value}"
    return f"`{written(to_plain(value))}`"


def _written(block: Block) -> tuple[str, list[str]]:
    """The comment behind a block's name, and the block's lines without it, moved to the margin."""
    lines = Path(block.span.file).read_text(encoding="utf-8").splitlines()
    first, indent = block.span.line - 1, block.span.column - 1
    head, _, comment = lines[first].partition(" #")
    text = [head.rstrip()]
    for line in lines[first + 1 :]:
        if line.strip() and len(line) - len(line.lstrip()) <= indent:
            break
        text.append(line)
    while not text[-1].strip():
        text.pop()
    return comment.strip().rstrip("."), [line[indent:] for line in text]


def _nearest(word: str, spec: str | Path | None) -> str:
    """What an unknown topic may have been meant as."""
    from archspec import zoo

    if any(entry.name == word for entry in zoo.entries()):
        return f"'{word}' is a network: `archspec summarize {word}`; `--in {word}` explains its blocks"
    known = [topic for kind in topics().values() for topic in kind]
    if spec is not None:
        known += blocks(spec)
    return f"{did_you_mean(word, known, 'topics')} (`archspec explain` lists all)"
