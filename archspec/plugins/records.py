"""Which plugins a network was made with: kept beside its weights, asked for when they are used again."""

from __future__ import annotations

import json
from collections.abc import Iterable
from pathlib import Path
from typing import Any

from archspec.errors import Diagnostic, SpecError, fail
from archspec.files import write_text
from archspec.plugins.files import Plugin, plugin_of
from archspec.plugins.installed import operator_called

RECORD, COPIES = "plugins.json", "plugins"
"""In a folder of weights: what the plugins were, and copies of their files, which nothing runs by itself."""


def write_record(folder: Path, words: Iterable[str]) -> None:
    """Keeps the plugins that these layers are from; nothing where they are all archspec's. Raises SpecError E505."""
    used = list(dict.fromkeys(plugin for word in words if (plugin := plugin_of(word)) is not None))
    if not used:
        return
    for plugin, file in zip(used, _copies(used), strict=True):
        if file is not None:
            (folder / COPIES).mkdir(exist_ok=True)
            write_text(folder / COPIES / file, plugin.path.read_text(encoding="utf-8"))
    told = [
        {"plugin": plugin.name, "sha256": plugin.sha256, "words": list(plugin.words), "copy": file}
        for plugin, file in zip(used, _copies(used), strict=True)
    ]
    write_text(folder / RECORD, json.dumps(told, indent=2) + "\n")


def check_record(folder: Path) -> list[Diagnostic]:
    """Whether the plugins that a folder of weights needs are loaded.

    Raises SpecError E557 where one is not. Returns a warning W550 for each that is another version.
    """
    path = folder / RECORD
    if not path.is_file():
        return []
    missing, other = [], []
    for entry in _read(path):
        name, words = str(entry["plugin"]), [str(word) for word in entry["words"]]
        absent = [word for word in words if operator_called(word) is None]
        copy = folder / COPIES / str(entry["copy"]) if entry.get("copy") else None
        if absent:
            listed = ", ".join(f"'{word}'" for word in absent)
            message = f"{folder} needs the plugin {name}, which has its layer{'s' * (len(absent) > 1)} {listed}"
            hint = f"add `--plugin {copy}`, which is it as it was then" if copy else f"install {name}"
            missing.append(Diagnostic("E557", message, hint=hint))
        elif (loaded := plugin_of(words[0])) is not None and loaded.sha256 != entry["sha256"]:
            message = f"the plugin {loaded.name} is not what it was when {folder} was made: results may differ"
            former = f"`--plugin {copy}` is it as it was then" if copy else None
            other.append(Diagnostic("W550", message, hint=former, severity="warning"))
    if missing:
        raise SpecError(missing)
    return other


def _copies(plugins: list[Plugin]) -> list[str | None]:
    """Names for copies of their files, each its own; none for what was installed."""
    names: list[str | None] = []
    for plugin in plugins:
        name = plugin.path.name if plugin.distribution is None else None
        names.append(f"{len(names)}_{name}" if name in names and name is not None else name)
    return names


def _read(path: Path) -> list[dict[str, Any]]:
    try:
        entries = json.loads(path.read_text(encoding="utf-8"))
        if all({"plugin", "sha256", "words"} <= entry.keys() and entry["words"] for entry in entries):
            return list(entries)
    except (OSError, ValueError, AttributeError, TypeError):
        pass
    raise fail("E557", f"{path} is damaged: it says which plugins the network needs", hint="name them by --plugin")
