"""Plugins from files: loaded where they are named, whole or not at all, and unloaded again."""

from __future__ import annotations

import hashlib
import linecache
import re
import sys
from collections.abc import Collection, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from types import ModuleType

from archspec.errors import Diagnostic, Span, SpecError, fail
from archspec.lowering import LOWERINGS, own
from archspec.ops import REGISTRY
from archspec.ops.act import ACTIVATIONS
from archspec.ops.base import Operator
from archspec.plugins import faults
from archspec.plugins.registering import PLACES

FRAMEWORKS = ("torch", "torchvision", "numpy")


@dataclass(frozen=True, slots=True)
class Plugin:
    """A file of operators: their words, and what tells this version of it from others.

    `distribution`: name and version of the package that brought it, where it was installed. `files`: its code, as it
    is called where something is told of it.
    """

    path: Path
    sha256: str
    words: tuple[str, ...]
    distribution: str | None = None
    files: tuple[str, ...] = ()

    @property
    def name(self) -> str:
        """The package it is from, or the name of the file."""
        return self.distribution or self.path.name

    @property
    def operators(self) -> list[type[Operator]]:
        """Its operators, in the order of the file."""
        return [REGISTRY[word] for word in self.words if word in REGISTRY]


LOADED: dict[Path, Plugin] = {}
"""Plugins in memory by the file they came from, installed ones too."""
LOOKED: dict[str, list[Diagnostic]] = {}
"""What is wrong with installed plugins, by the group of their entry points, once they were looked for."""


def load_plugin(file: str | Path) -> Plugin:
    """Load the operators of a Python file: from now on every spec may use them.

    A file that is loaded is not loaded twice; one that has changed since takes its own place. Raises SpecError E550
    for a file that cannot be read, E551 where running it fails, E552 where it holds no operator, E553 for a word
    that is taken, E554 for an operator that is not whole. Then nothing of it is left, and what was there is there.
    """
    path, text = Path(file).resolve(), _read(Path(file))
    digest = hashlib.sha256(text).hexdigest()
    for known in LOADED.values():
        if known.sha256 == digest:  # the same, or a copy of it beside the weights of a run
            return known
    with whole_or_not_at_all():
        if path in LOADED:
            unload(LOADED[path])
        before = set(REGISTRY)
        _run(text, str(file), path)
        words = words_since(before)
        if not words:
            hint = 'above the class of an operator stands `@operator("its_word")`'
            raise fail("E552", f"'{file}' is loaded as a plugin, and holds no operator", hint=hint)
        plugin = LOADED[path] = Plugin(path, digest, words, files=(str(file),))
    return plugin


def words_since(before: Collection[str]) -> tuple[str, ...]:
    """Words that are new and no other plugin's: a plugin may load others, whose words stay theirs."""
    others = {word for plugin in LOADED.values() for word in plugin.words}
    return tuple(word for word in REGISTRY if word not in before and word not in others)


def unload(plugin: Plugin) -> None:
    """Takes the operators of a plugin out again, as if it had never been loaded."""
    classes = plugin.operators
    for key in [key for key in LOWERINGS if key[1] in classes]:
        del LOWERINGS[key]
    for word in plugin.words:
        REGISTRY.pop(word, None)
        PLACES.pop(word, None)
        if word in ACTIVATIONS:
            ACTIVATIONS.remove(word)
    for module in {cls.__module__ for cls in classes}:
        sys.modules.pop(module, None)
    LOADED.pop(plugin.path, None)
    for file in plugin.files:
        _forget(file)


@contextmanager
def using(files: Sequence[str | Path]) -> Iterator[list[Plugin]]:
    """Plugins for as long as a block lasts. Raises SpecError with what is wrong with any of them."""
    before = set(LOADED)
    found: list[Plugin] = []
    wrong: list[Diagnostic] = []
    try:
        for file in files:
            try:
                found.append(load_plugin(file))
            except SpecError as error:
                wrong += error.diagnostics
        if wrong:
            raise SpecError(wrong)
        yield found
    finally:
        for path in LOADED.keys() - before:
            if LOADED[path].distribution is None:
                unload(LOADED[path])


def plugin_of(word: str) -> Plugin | None:
    """The plugin that a layer's word is from; None for archspec's own words."""
    return next((plugin for plugin in LOADED.values() if word in plugin.words), None)


@contextmanager
def whole_or_not_at_all() -> Iterator[None]:
    """Where loading fails, what is registered is again what it was before; save what a backend lowers, if loading
    was what imported that: it is imported once."""
    tables = (REGISTRY, PLACES, LOWERINGS, LOADED, LOOKED)
    before, activations, modules = [dict(table) for table in tables], list(ACTIVATIONS), dict(sys.modules)
    former_operators = set(REGISTRY.values())
    files = {file: linecache.cache.get(file) for file in faults.FILES}
    try:
        yield
    except BaseException:
        lowered = {key: function for key, function in LOWERINGS.items() if own(key[1])}
        run = {cls.__module__ for cls in REGISTRY.values() if cls not in former_operators}
        for table, former in zip(tables, before, strict=True):
            table.clear()  # type: ignore[attr-defined]
            table.update(former)  # type: ignore[attr-defined]
        LOWERINGS.update(lowered)
        ACTIVATIONS[:] = activations
        for file in faults.FILES - files.keys():
            _forget(file)
        for file, lines in files.items():
            faults.FILES.add(file)
            if lines is not None:
                linecache.cache[file] = lines
        for name in [name for name in sys.modules if name.startswith(_PREFIX) or name in run]:
            if name not in modules:
                del sys.modules[name]
        sys.modules.update({name: module for name, module in modules.items() if name.startswith(_PREFIX)})
        raise


def _forget(file: str) -> None:
    faults.FILES.discard(file)
    linecache.cache.pop(file, None)


def _read(path: Path) -> bytes:
    if path.is_file() and path.suffix == ".py":
        try:
            return path.read_bytes()
        except OSError as error:
            raise fail("E550", f"the plugin '{path}' cannot be read: {error.strerror or error}") from error
    hint = "a plugin is a Python file, as blur_pool.py; one that is installed needs no naming"
    if path.is_dir():
        raise fail("E550", f"the plugin '{path}' is a folder", hint=hint)
    if path.exists():
        raise fail("E550", f"the plugin '{path}' does not end in .py", hint=hint)
    raise fail("E550", f"there is no plugin '{path}'", hint=hint)


_PREFIX = "archspec_plugin_"


def _run(text: bytes, file: str, path: Path) -> None:
    """Runs the file as a module of its own. Raises SpecError E551, or what its operators' decorators raise.

    What ran is what was read, and nothing is written beside it: no import system is involved.
    """
    name = _PREFIX + re.sub(r"\W", "_", path.stem)
    if name in sys.modules:
        name = f"{name}_{hashlib.sha256(bytes(path)).hexdigest()[:8]}"
    module = ModuleType(name)
    module.__file__ = str(path)
    sys.modules[name] = module  # where pydantic looks up what annotations mean, and pickle the classes
    faults.FILES.add(file)
    lines = text.decode("utf-8", "replace").splitlines(keepends=True)
    linecache.cache[file] = (len(text), None, lines, file)
    try:
        exec(compile(text, file, "exec", dont_inherit=True), module.__dict__)
    except SpecError:
        raise
    except SyntaxError as error:
        if error.filename != file or error.lineno is None:
            raise _failed(error, file) from error
        length = (error.end_offset or 0) - (error.offset or 0)
        span = faults.at(file, error.lineno, error.offset or 1, max(1, length))
        raise fail("E551", f"this plugin is no Python: {error.msg}", span) from error
    except (Exception, SystemExit) as error:
        raise _failed(error, file) from error


def _failed(error: BaseException, file: str) -> SpecError:
    hint = None
    if isinstance(error, ImportError):
        missing = (error.name or "").partition(".")[0]
        hint = f"a plugin is one file: where it imports others, as '{missing}', they must be installed"
        if missing in FRAMEWORKS:
            hint = "import it inside the function under `@lowers`, so that what needs no framework works without"
        elif missing.startswith("archspec"):
            hint = "what a plugin may import from archspec is listed in `archspec.plugins.__all__`"
    if type(error).__name__ == "PydanticUserError" and "annotat" in str(error):
        hint = "an argument has a type, as in `size: Count = 3`"
    told = faults.fault("E551", "the plugin", error, {file}, hint)
    return SpecError(told if told.span else Diagnostic(told.code, told.message, Span(file, 1, 1), told.hint))
