"""Lint: what is legal in a network and probably not meant. One rule a file, each found by being there.

A rule is a module of this package with `CODE`, the code of its warnings, and a function
`check(graph) -> Iterator[Diagnostic]`, whose docstring says what is wrong and shows a bad and a good example.
"""

from __future__ import annotations

import pkgutil
from collections.abc import Iterator
from importlib import import_module
from typing import Protocol, cast

from archspec.errors import Diagnostic
from archspec.graph import TypedGraph


class Rule(Protocol):
    """What a module of this package offers."""

    CODE: str

    @staticmethod
    def check(graph: TypedGraph) -> Iterator[Diagnostic]: ...


def rules() -> list[Rule]:
    """All rules, by code."""
    names = (module.name for module in pkgutil.iter_modules(__path__))
    found = [cast(Rule, import_module(f"{__name__}.{name}")) for name in names]
    return sorted(found, key=lambda rule: rule.CODE)


def lint(graph: TypedGraph) -> list[Diagnostic]:
    """The warnings of every rule about a network, in the order of rules and then of layers."""
    return [warning for rule in rules() for warning in rule.check(graph)]
