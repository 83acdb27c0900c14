"""All that is wrong with a spec that has mistakes in its form: those, and what else can be seen behind them."""

from __future__ import annotations

from pathlib import Path

from archspec import source
from archspec.build import build, check_words
from archspec.drafting import Draft, draft
from archspec.errors import Diagnostic, SpecError, each_once, in_text_order
from archspec.network import network
from archspec.overrides import Edits
from archspec.salvage import salvaged
from archspec.source import Value
from archspec.spec import Spec


def all_wrong(text: Value | source.Unreadable, path: Path, edits: Edits) -> SpecError:
    """What is wrong with the form of a text, and with what is written in the rest of it."""
    whole = not isinstance(text, source.Unreadable)
    found = list(text.diagnostics) if isinstance(text, source.Unreadable) else []
    rest = salvaged(text.tree, text.whole) if isinstance(text, source.Unreadable) else salvaged(text)
    found += rest.found
    if rest.tree is not None:
        try:
            drafted = draft(rest.tree, path, edits, rest.blocks)
        except SpecError as error:
            more = list(error.diagnostics)
        else:
            more = mistakes(drafted)
            if not more and whole and rest.mended == {"assert"}:  # the network is whole: the others can be decided
                more = _untrue(drafted.spec, edits.overriding)
        second = {d.span for d in more if d.code == "E102"}
        found = [d for d in found if d.code != "E003" or d.span not in second]  # no value belongs there at all
        found += [d for d in more if d.code not in rest.silent]
    assert found, "a file is refused, and nothing is said of why"
    return SpecError(in_text_order(each_once(found), str(path)))


def mistakes(drafted: Draft) -> list[Diagnostic]:
    """What is wrong with a draft: in its entries, and as a network, where it is one."""
    behind = _behind(drafted.spec)
    if drafted.lacking:
        behind = [d for d in behind if d.code != "E130"]  # an unknown word may be what did not come
    return [*drafted.mistakes, *behind]


def _behind(spec: Spec) -> list[Diagnostic]:
    if not spec.layers:
        return check_words(spec)
    try:
        build(spec)
    except SpecError as error:
        return list(error.diagnostics)
    return []


def _untrue(spec: Spec, changed: bool) -> list[Diagnostic]:
    """What is wrong with the assertions of a sound network; where it was `changed`, with those that always hold."""
    try:
        network(spec, changed)
    except SpecError as error:
        return list(error.diagnostics)
    return []
