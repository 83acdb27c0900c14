"""Lint: what is legal in a spec and probably not meant. One rule a file, each found by being there.

A rule is a module with `CODE`, the code of its warnings, and `check`, which yields them. Its docstring is its page in
`docs/diagnostics`: what is wrong, a bad example and a good one. Modules without `CODE` hold what rules share.

    rules/          a rule looks at one network, whichever variant of a spec that is: check(graph)
    rules/file/     a rule looks at a whole file, since what one variant leaves unused another may need: check(file)

A spec that knows better says `allow: [W303]` (`rules/file/allow.py`).
"""

from __future__ import annotations

import pkgutil
from collections.abc import Iterable
from functools import cache
from importlib import import_module
from types import ModuleType
from typing import TYPE_CHECKING

from archspec.errors import Diagnostic
from archspec.graph import TypedGraph
from archspec.rules.telling import in_order

if TYPE_CHECKING:
    from archspec.rules.file import SpecFile

__all__ = ["codes", "lint", "lint_file", "pages"]


def lint(*graphs: TypedGraph) -> list[Diagnostic]:
    """What the rules say of a network, in the order of the text; of several variants of a spec, each place once."""
    allowed = {code for graph in graphs for code in _allowed(graph)}
    return in_order(d for d in _about_networks(graphs) if d.code not in allowed)


def lint_file(file: SpecFile) -> list[Diagnostic]:
    """What the rules say of a whole file: of its networks, and of what none of them uses."""
    from archspec.rules.file import allow

    found = _about_networks(file.graphs)
    for rule in _rules(f"{__name__}.file"):
        found += rule.check(file) if rule is not allow else ()
    found += allow.without_effect(file.tree, {d.code for d in found})
    allowed = allow.codes(file.tree)
    return in_order(d for d in found if d.code not in allowed)


def codes() -> list[str]:
    """The codes of all rules, in order."""
    return sorted(pages())


def pages() -> dict[str, str]:
    """The docstring of every rule, by its code."""
    modules = [*_rules(__name__), *_rules(f"{__name__}.file")]
    return {module.CODE: module.__doc__ or "" for module in modules}


@cache
def _rules(package: str) -> list[ModuleType]:
    """The modules of a package that are rules."""
    names = (found.name for found in pkgutil.iter_modules(import_module(package).__path__) if not found.ispkg)
    modules = (import_module(f"{package}.{name}") for name in names)
    return [module for module in modules if hasattr(module, "CODE")]


def _about_networks(graphs: Iterable[TypedGraph]) -> list[Diagnostic]:
    """Warnings of the rules that look at one network. What a variant repeats of another is told once."""
    found: list[Diagnostic] = []
    told: set[tuple[str, str]] = set()
    rules = _rules(__name__)
    for graph in graphs:
        here = [d for rule in rules for d in rule.check(graph) if (d.code, str(d.span)) not in told]
        told |= {(d.code, str(d.span)) for d in here}
        found += here
    return found


def _allowed(graph: TypedGraph) -> Iterable[str]:
    """The codes that a network's spec allows, as its resolved form has them."""
    allowed = graph.resolved.get("allow", ())
    return map(str, allowed) if isinstance(allowed, list) else ()
