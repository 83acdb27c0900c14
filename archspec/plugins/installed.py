"""Plugins of installed packages: found by the entry point `archspec.plugins`, imported when a word is unknown.

A package that brings operators says so in its pyproject.toml, and then no one needs to name it:

    [project.entry-points."archspec.plugins"]
    antialias = "antialias.operators"
"""

from __future__ import annotations

import hashlib
import sys
from importlib.metadata import EntryPoint, entry_points
from pathlib import Path

from archspec.errors import Diagnostic, SpecError, fail
from archspec.ops import REGISTRY
from archspec.ops.base import Operator
from archspec.plugins import faults
from archspec.plugins.files import LOADED, Plugin, whole_or_not_at_all

GROUP = "archspec.plugins"

_looked: list[Diagnostic] | None = None
"""What is wrong with installed plugins, once they were looked for."""


def operator_called(word: str) -> type[Operator] | None:
    """The operator of that word; where there is none so far, installed plugins are loaded, and asked too."""
    if word not in REGISTRY:
        installed()
    return REGISTRY.get(word)


def installed() -> list[Plugin]:
    """The installed plugins, loaded the first time that they are asked for; without those that are broken."""
    global _looked
    if _looked is None:
        _looked = []
        for point in sorted(entry_points(group=GROUP), key=lambda point: point.name):
            try:
                with whole_or_not_at_all():
                    _load(point)
            except SpecError as error:
                _looked += error.diagnostics
    return [plugin for plugin in LOADED.values() if plugin.distribution]


def broken() -> list[Diagnostic]:
    """What is wrong with installed plugins (E551 to E554), as far as they were looked for."""
    return list(_looked or [])


def _load(point: EntryPoint) -> None:
    distribution = f"{point.dist.name} {point.dist.version}" if point.dist else point.name
    before = set(REGISTRY)
    try:
        point.load()
    except SpecError:
        raise
    except (Exception, SystemExit) as error:
        message = f"the installed plugin '{point.name}' of {distribution} raised {faults.named(error)}"
        hint = f"`pip uninstall {point.dist.name}` does away with it" if point.dist else None
        raise fail("E551", message, hint=hint) from error
    words = tuple(word for word in REGISTRY if word not in before or _within(REGISTRY[word], point.module))
    if not words:
        raise fail("E552", f"the installed plugin '{point.name}' of {distribution} holds no operator")
    path = Path(sys.modules[point.module].__file__ or point.module)
    faults.FILES.update(module.__file__ or "" for module in {sys.modules[REGISTRY[word].__module__] for word in words})
    digest = hashlib.sha256(path.read_bytes()).hexdigest() if path.is_file() else ""
    LOADED[path] = Plugin(path, digest, words, distribution)


def _within(cls: type[Operator], module: str) -> bool:
    return cls.__module__ == module or cls.__module__.startswith(f"{module}.")
