"""What can be read of a spec whose form is wrong, so that all that is wrong behind it is told too.

What is in error is left out, or holds its place as Lost: nothing is said of what depends on it, everything else is
checked. A misspelt key counts as the one it was meant as.
"""

from __future__ import annotations

from dataclasses import dataclass, field, replace

from archspec import source
from archspec.errors import Diagnostic, Span, suggest
from archspec.form import FormError, keys_beside, no_mapping, validate
from archspec.overrides import check_variants
from archspec.source import Mapping, Scalar, Sequence, Value
from archspec.spec import Document
from archspec.synonyms import synonym

MAX_TIMES = 5
"""How often a form is mended: what is wrong inside a misspelt key is seen when that has its name."""
UNCERTAIN = frozenset({"E101", "E121", "E130", "E202", "E504", "E510", "E511", "E512"})
"""What may be untrue where the end of the text could not be read: something is missing, or unknown."""

Path = tuple[str, ...]


@dataclass
class Salvage:
    """A spec of sound form made of one that is not: `tree`, None where too little is left."""

    tree: Mapping | None
    found: list[Diagnostic] = field(default_factory=list)
    """What is wrong with its form."""
    silent: set[str] = field(default_factory=lambda: {"E504"})
    """Codes that may be untrue, since what they ask for may be in what was left out."""
    meant: set[Span] = field(default_factory=set)
    """Values of misspelt keys: that one is not what its key needs may be because another key was meant."""
    mended: set[str] = field(default_factory=set)
    """Keys of the spec in which something was mended."""
    blocks: set[str] = field(default_factory=set)
    """Blocks that are known by name alone."""

    @property
    def sound(self) -> Mapping:
        """The tree, where one is left."""
        assert self.tree is not None
        return self.tree

    def mend(self, kind: str, loc: Path) -> None:
        """Leave out what one error is about; `kind` is pydantic's word for it, `loc` the keys on the way."""
        key = loc[0] if loc else ""
        self.mended.add(key)
        key_itself = loc[-1:] == ("[key]",)
        if kind == "extra_forbidden":
            self._unknown(loc)
        elif key == "detect":
            self._drop(("detect",))
        elif kind == "missing":
            self._put(loc, _one(self._span()) if key == "archspec" else self._nothing(loc[-1] != "from"))
        elif key == "input" or (key == "inputs" and len(loc) > 1 and not key_itself):
            self._put(loc[: 1 + (key == "inputs")], self._nothing(True))
        elif key == "inputs":
            self._drop(("inputs",), "E121", "E202")
            self._put(("input",), self._nothing(True))
        elif key == "layers":
            self._put(("layers",), self._nothing(True))
        elif key == "vars":
            self._drop(loc[:2] if key_itself else loc[:1], "E202", "E511", "E512")
        elif key == "variants" and len(loc) > 1:
            self._put(loc[:2], Mapping((), self._span()))
        elif key == "blocks" and len(loc) > 1 and not key_itself:
            if loc[2:3] != ("layers",):
                self.blocks.add(loc[1])
                self._drop(loc[:2])
            self._put((*loc[:2], "layers"), self._nothing(True))
        elif key == "heads" and len(loc) > 2:
            self._put(loc[:3], self._nothing(True)) if loc[2] == "layers" else self._drop(loc[:3])
        elif key in ("heads", "blocks"):
            self._drop(loc[:2] if key_itself else loc[:1], "E121" if key == "heads" else "E130")
        elif key in ("use", "assert") and isinstance(several := self.sound.get(key), Sequence):
            self._put((key,), Sequence(tuple(item for item in several.items if _is_one(key, item)), several.span))
            self.silent.update(("E130",) if key == "use" else ())
        elif key in ("name", "cite", "allow", "task", "use", "variants", "defaults", "outputs", "assert"):
            self._drop((key,), *{"use": ("E130",), "variants": ("E510",)}.get(key, ()))
        elif kind == "value_error" and self.tree is not None and self.tree.get("layers") is not None:
            if self.tree.get("input") is not None:
                self._drop(("inputs",), "E121", "E202")
            else:
                self._put(("input",), self._nothing(True))
        else:
            self.tree = None

    def _span(self) -> Span:
        assert self.tree is not None
        return self.tree.span

    def _nothing(self, listed: bool) -> Value:
        lost = source.lost(self._span())
        return Sequence((lost,), lost.span) if listed else lost

    def _unknown(self, loc: Path) -> None:
        """A key that there is not: what it was meant as, or nothing."""
        around = _at(self.tree, loc[:-1])
        if not isinstance(around, Mapping) or (key := around.key(loc[-1])) is None:
            return
        known = keys_beside(Document, loc)
        meant = synonym(key.text, known) or suggest(key.text, known)
        value = around.get(loc[-1])
        if meant is None or meant in around:
            uncertain = ("E121", "E130", "E202") if len(loc) == 1 and isinstance(value, Mapping) else ()
            self._drop(loc, *uncertain)
            return
        renamed = replace(key, value=meant, text=meant)
        if value is not None:
            self.meant.add(value.span)
        entries = tuple((renamed if k is key else k, v) for k, v in around.entries)
        self._put(loc[:-1], Mapping(entries, around.span))

    def _drop(self, path: Path, *silent: str) -> None:
        assert self.tree is not None
        self.silent.update(silent)
        self.tree = _with(self.tree, path, None)

    def _put(self, path: Path, value: Value) -> None:
        assert self.tree is not None
        if not path and isinstance(value, Mapping):
            self.tree = value
        elif path:
            self.tree = _with(self.tree, path, value)


def salvaged(tree: Value | None, whole: bool = True) -> Salvage:
    """What is left of a spec; where it is not `whole`, what stands behind its end may be anything."""
    if not isinstance(tree, Mapping):
        told = tree is None or not whole or source.is_lost(tree)
        return Salvage(None, [] if told or tree is None else [no_mapping(tree)])
    rest = Salvage(tree)
    if not whole:
        rest.silent |= UNCERTAIN
    for _ in range(MAX_TIMES):
        assert rest.tree is not None
        try:
            validate(rest.tree)
            _variants(rest)
            return rest
        except FormError as error:
            rest.found += [d for d in error.diagnostics if whole and d.span not in rest.meant]
            for kind, loc in error.places:
                rest.mend(kind, loc)
                if rest.tree is None:
                    return rest
    rest.tree = None
    return rest


def _variants(rest: Salvage) -> None:
    """Leaves out what variants set that there is not."""
    wrong = check_variants(rest.sound)
    variants = rest.sound.get("variants")
    if not wrong or not isinstance(variants, Mapping):
        return
    spans = {d.span for d in wrong}
    rest.found += [d for d in wrong if d.code not in rest.silent]
    kept = tuple(
        (name, Mapping(tuple((k, v) for k, v in chosen.entries if k.span not in spans), chosen.span))
        for name, chosen in variants.entries
        if isinstance(chosen, Mapping)
    )
    rest.tree = _with(rest.sound, ("variants",), Mapping(kept, variants.span))


def _is_one(key: str, item: Value) -> bool:
    """Whether an item of `use` or `assert` is the name of a spec, or an assertion."""
    if key == "assert" and isinstance(item, Mapping) and item.keys() == ["always"]:
        item = item.entries[0][1]
    return isinstance(item, Scalar) and isinstance(item.value, str)


def _one(span: Span) -> Scalar:
    return Scalar(1, "1", span)


def _at(tree: Value | None, path: Path) -> Value | None:
    for key in path:
        tree = tree.get(key) if isinstance(tree, Mapping) else None
    return tree


def _with(tree: Mapping, path: Path, value: Value | None) -> Mapping:
    """The tree with another value at a path, or (None) without it; as it is where the path leads nowhere."""
    head, *rest = path
    old = tree.get(head)
    if rest:
        if value is not None and old is None:
            old = Mapping((), tree.span)
        if not isinstance(old, Mapping):
            return tree
        value = _with(old, tuple(rest), value)
    key = tree.key(head) or Scalar(head, head, tree.span)
    kept = tuple((k, value if k is key and value is not None else v) for k, v in tree.entries if value or k is not key)
    return Mapping(kept if head in tree or value is None else (*kept, (key, value)), tree.span)
