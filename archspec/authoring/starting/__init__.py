"""A spec to begin from: a small classifier, or a network of the zoo under a new name."""

from __future__ import annotations

import re
from dataclasses import dataclass
from pathlib import Path
from shlex import quote

from archspec import files, zoo
from archspec.analysis.summary import summarize
from archspec.authoring.starting.rewrite import Idle, likeness
from archspec.checking import check
from archspec.errors import fail
from archspec.graph import TypedGraph
from archspec.loading import Text, load
from archspec.rules.file import SpecFile

__all__ = ["Begun", "new"]

TEMPLATE = Path(__file__).parent / "classifier.yaml"
NAME = re.compile(r"[A-Za-z0-9_][A-Za-z0-9_.+-]*")


@dataclass(frozen=True, slots=True)
class Begun:
    """A spec that was written: where, what it was begun from (None: the small classifier), and its network."""

    path: Path
    like: str | None
    graph: TypedGraph

    def __str__(self) -> str:
        totals = summarize(self.graph).totals
        origin = f"begun from {self.like}" if self.like else "a small classifier"
        spec, picture = quote(str(self.path)), quote(f"{self.path.with_suffix('')}.svg")
        lines = [
            f"{self.path}: {origin}, {totals.params:,} parameters, {totals.macs:,} MACs",
            f"  archspec check {spec}",
            f"  archspec summarize {spec}",
            f"  archspec draw {spec} -o {picture}",
        ]
        if self.like is None:
            run = quote(f"{self.path.with_suffix('')}_run.yaml")
            lines.append(f"  echo 'model: {self.path.name}' > {run} && archspec train {run}")
        return "\n".join(lines)


def new(name: str, *, like: str | Path | None = None) -> Begun:
    """Write the spec NAME.yaml: a small classifier, or what a network is that is there already.

    `name` may have a folder before it. `like` is a network of the zoo or a path, with @VARIANT if wanted: its text,
    comments included, with that one variant; without citation and assertions, which are the original's.
    Raises SpecError: E540 the file is there already, E541 no name, E501 and others for what `like` names.
    """
    path = _path(name)
    original, variant = (TEMPLATE, None) if like is None else zoo.locate(like)
    load(original, variant)  # what is wrong with it is told before anything is written
    if path.exists():
        raise fail("E540", f"'{path}' is there already", hint="choose another name, or move that file away")
    origin = None if like is None else str(like)
    files.write_text(path, likeness(original, variant, path, origin))
    if idle := _idle(path):
        files.write_text(path, likeness(original, variant, path, origin, idle))
    return Begun(path, origin, load(path))


def _idle(path: Path) -> Idle:
    """What is of use in other variants of the original alone: codes that the spec allows and does not give, and blocks
    that no layer is and no text names."""
    spans = [d.span for d in check(path) if d.code == "W311"]
    codes = frozenset(span.text[span.column - 1 :][: span.length] for span in spans if span is not None)
    file = SpecFile(Text.of(path).spec(), ())
    called = {scope.word for scope in load(path).scopes.values()}
    return Idle(codes, frozenset(file.own_blocks.keys() - file.words - called))


def _path(name: str) -> Path:
    """The file of a network of that name. Raises SpecError E541 for what cannot be a name."""
    path = Path(name)
    if path.suffix in (".yaml", ".yml"):
        shorter = path.with_suffix("")
        raise fail("E541", f"'{name}' is the name of a file", hint=f"name the network: `archspec new {shorter}`")
    if not NAME.fullmatch(path.name) or name.endswith(("/", "\\")):
        hint = "names are letters, digits and _ . + -, and begin with a letter, a digit or _"
        raise fail("E541", f"'{path.name}' is not a name for a network", hint=hint)
    return path.with_name(f"{path.name}.yaml")
