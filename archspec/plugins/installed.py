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
from archspec.plugins.files import LOADED, LOOKED, Plugin, whole_or_not_at_all, words_since

GROUP = "archspec.plugins"


def operator_called(word: str) -> type[Operator] | None:
    """The operator of that word; where there is none so far, installed plugins are loaded, and asked too."""
    if word not in REGISTRY:
        installed()
    return REGISTRY.get(word)


def installed() -> list[Plugin]:
    """The installed plugins, loaded the first time that they are asked for; without those that are broken."""
    if GROUP not in LOOKED:
        wrong = LOOKED[GROUP] = []
        for point in sorted(entry_points(group=GROUP), key=lambda point: point.name):
            try:
                with whole_or_not_at_all():
                    _load(point)
            except SpecError as error:
                wrong += error.diagnostics
    return [plugin for plugin in LOADED.values() if plugin.distribution]


def broken() -> list[Diagnostic]:
    """What is wrong with installed plugins (E551 to E554), as far as they were looked for."""
    return list(LOOKED.get(GROUP, []))


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
    new = words_since(before)
    words = tuple(word for word in REGISTRY if word in new or _within(REGISTRY[word], point.module))
    if not words:
        raise fail("E552", f"the installed plugin '{point.name}' of {distribution} holds no operator")
    path = Path(sys.modules[point.module].__file__ or point.module)
    files = {sys.modules[REGISTRY[word].__module__].__file__ or "" for word in words}
    faults.FILES.update(files)
    digest = hashlib.sha256(path.read_bytes()).hexdigest() if path.is_file() else ""
    LOADED[path] = Plugin(path, digest, words, distribution, tuple(sorted(files)))


def _within(cls: type[Operator], module: str) -> bool:
    return cls.__module__ == module or cls.__module__.startswith(f"{module}.")
