"""Names as they are written: plain ones, and paths (`stage.0.conv`), which stand as if in groups of those names."""

from __future__ import annotations

from collections.abc import Container
from typing import TYPE_CHECKING

from archspec.build.flow import BROKEN, Broken, Flow, Named
from archspec.build.place import Place
from archspec.errors import Diagnostic, Span, SpecError
from archspec.graph import Scope
from archspec.ops import REGISTRY
from archspec.source import Value
from archspec.spec import STRUCTURAL, Layer

if TYPE_CHECKING:
    from archspec.build.expand import Expansion

MAX_NAME = 200
CLASH = "rename one; in a loop, a variable of the loop in the name makes it unique"


def taken(expansion: Expansion, origin: Value, flow: Flow, place: Place) -> Flow:
    """What a `from` names; where that is in error, a broken flow: what it would enter is looked at all the same."""
    try:
        return place.reference(origin, flow)
    except Broken as broken:
        return broken.flow
    except SpecError as error:
        expansion.report(error, place)
        return BROKEN


def check(name: str, span: Span, place: Place) -> None:
    """Refuse what is no name, or names what is there already. Raises SpecError E112, E113."""
    if len(name) > MAX_NAME:
        message = f"a name of {len(name):,} characters, more than {MAX_NAME}"
        raise SpecError(Diagnostic("E112", message, span, "a shorter one"))
    if not _is_word(name) and not _is_path(name):
        hint = "names are letters, digits and _, no digit first; `$l` and `${…}` are replaced"
        if "." in name:
            hint = "a path is names with a dot between two; behind the first one numbers may stand too"
        raise SpecError(Diagnostic("E112", f"'{name}' is not a name", span, hint))
    clash = place.names.clash(name)
    if clash == name:
        raise SpecError(Diagnostic("E113", f"two layers of this list are called '{name}'", span, CLASH))
    if clash is not None:
        message = f"'{clash}' is a layer of this list: the path '{name}' does not lead into it"
        raise SpecError(Diagnostic("E113", message, span, "put the layer in that group, or choose another name"))


def _is_word(part: str) -> bool:
    return part.isidentifier() and part.isascii()


def _is_path(name: str) -> bool:
    first, *rest = name.split(".")
    return _is_word(first) and all(_is_word(part) or (part.isascii() and part.isdecimal()) for part in rest)


def broken(layer: Layer, flow: Flow, blocks: Container[str], place: Place) -> None:
    """Make the name of a layer in error known, or that a name is unknown: those who use it are not errors too.

    `flow` is what is known of its output.
    """
    looped = layer.repeat is not None or layer.each is not None
    if not layer.word or layer.word.startswith("$"):
        place.names.incomplete = True  # it may be several layers
    elif layer.word not in REGISTRY and layer.word not in STRUCTURAL and layer.word not in blocks:
        place.names.miscounted = True
    if layer.name is not None:
        try:
            name = place.text(layer.name, BROKEN)
        except (SpecError, Broken):
            place.names.incomplete = True
            return
    elif layer.word in ("branches", "residual") and not looped:
        place.names.incomplete |= layer.lost  # what is inside has its names in this list
        return
    else:
        name = f"{layer.word}{place.counts[layer.word]}"
    if place.names.clash(name) is None:
        place.names.enter(name, Named(flow))


def enter(name: str, named: Named, span: Span, place: Place, scopes: dict[str, Scope]) -> None:
    """Make a name known in its list; what a path leads through is a scope, unless it is one. Raises SpecError E113."""
    if place.names.clash(name) is not None:
        raise SpecError(Diagnostic("E113", f"two layers of this list are called '{name}'", span, CLASH))
    place.names.enter(name, named)
    path, called = "", ""
    around = name.split(".")[:-1]
    for i, part in enumerate(around):
        path = f"{path}.{part}" if path else part
        called = called if part.isdecimal() else part
        word = _word(called, holds_layers=i == len(around) - 1)
        scope = Scope(place.join(path), word, span, int(part) if part.isdecimal() else None)
        if scopes.setdefault(scope.path, scope).word == "group":
            scopes[scope.path] = scope


def _word(name: str, holds_layers: bool) -> str:
    """What a scope is called of which its name is all that is known: `conv_bn3` is the third `conv_bn`; where it
    holds layers, and not only scopes, it is called by its name."""
    from archspec.build.uses import shipped

    word = name.rstrip("0123456789")
    derived = word in REGISTRY or word in STRUCTURAL or word in ("branch", "shortcut") or word in shipped()
    if derived and (word != name or word == "shortcut"):
        return word
    return name if holds_layers else "group"
