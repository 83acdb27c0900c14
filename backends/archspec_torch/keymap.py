"""Key maps: templates that turn the names of another program's weights into the names of a spec.

    "layer{s+1}.{b}.conv{k}": "stage.{s}.block.{b}.conv_bn{k}.conv"

Theirs on the left, ours on the right, as module paths: the last part of a key (`weight`, `running_mean`)
follows, unless the template spells it. Braces hold a variable, which stands for a whole number, or a number
made from it: `{s+1}`, `{k-2}`, `{3*k}`, `{2*k+5}`. `{n:word}` on the left stands for letters, digits and _.
A template counts where the network has the weight it leads to, so that ranges need no bounds.

A map file holds `map`, the templates, and where it is for certain networks alone `for`, their names;
or a list of such maps.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from collections.abc import Set as AbstractSet
from dataclasses import dataclass, field, replace
from functools import cached_property
from pathlib import Path

from archspec import source
from archspec.errors import Diagnostic, Span, SpecError, did_you_mean, fail
from archspec.source import Mapping, Scalar, Sequence, Value

SHIPPED = Path(__file__).resolve().parent / "maps"
"""A folder a program whose names are known, a file a family of networks."""

_BRACES = re.compile(r"\{([^{}]*)\}")
_VARIABLE = re.compile(
    r"\s*(?:(?P<times>\d+)\s*\*\s*)?(?P<name>[a-z_]\w*)\s*(?:(?P<sign>[+-])\s*(?P<plus>\d+)\s*|:\s*word\s*)?"
)
_NUMBER = r"(0|[1-9][0-9]*)"
_WORD = r"([A-Za-z0-9_]+)"


@dataclass(frozen=True, slots=True)
class _Number:
    """`{times*name+plus}`; `word` where it stands for text."""

    name: str
    times: int = 1
    plus: int = 0
    word: bool = False


@dataclass(frozen=True)
class Template:
    """One line of a key map: names of the form `theirs` become `ours`."""

    theirs: str
    ours: str
    span: Span | None = None
    _left: tuple[str | _Number, ...] = field(default=(), repr=False)
    _right: tuple[str | _Number, ...] = field(default=(), repr=False)

    @cached_property
    def _pattern(self) -> re.Pattern[str]:
        parts = (re.escape(p) if isinstance(p, str) else _WORD if p.word else _NUMBER for p in self._left)
        return re.compile("".join(parts))

    def target(self, name: str) -> str | None:
        """What one of their names becomes, or None where it is not of this form."""
        match = self._pattern.fullmatch(name)
        if match is None:
            return None
        found: dict[str, int | str] = {}
        for part, text in zip((p for p in self._left if isinstance(p, _Number)), match.groups(), strict=True):
            value: int | str = text
            if not part.word:
                value, rest = divmod(int(text) - part.plus, part.times)
                if rest or value < 0:
                    return None
            if found.setdefault(part.name, value) != value:
                return None
        return "".join(p if isinstance(p, str) else _filled(p, found[p.name]) for p in self._right)


def _filled(part: _Number, value: int | str) -> str:
    return value if isinstance(value, str) else str(part.times * value + part.plus)


@dataclass(frozen=True, slots=True)
class KeyMap:
    """The templates of a map, and its name: `torchvision`, `identity` or the file."""

    name: str
    templates: tuple[Template, ...]
    networks: tuple[str, ...] = ()

    def targets(self, key: str, ours: AbstractSet[str]) -> dict[str, Template | None]:
        """Every weight of ours that one of their keys may become, with the template that says so."""
        if self.name == "identity":
            return {key: None} if key in ours else {}
        path, _, weight = key.rpartition(".")
        found: dict[str, Template | None] = {}
        for template in self.templates:
            whole, module = template.target(key), template.target(path)
            for target in (whole, None if module is None else f"{module}.{weight}"):
                if target is not None and target in ours:
                    found.setdefault(target, template)
        return found


def template(theirs: Scalar, ours: Scalar) -> Template:
    """A template from its two sides. Raises SpecError E706 for braces that hold what they may not."""
    left, right = _parts(theirs, True), _parts(ours, False)
    words = {part.name: part.word for part in left if isinstance(part, _Number)}
    for part in right:
        if isinstance(part, str):
            continue
        if part.name not in words:
            hint = did_you_mean(part.name, list(words), "variables on the left")
            raise fail("E706", f"'{part.name}' stands on the right only", ours.span, hint)
        if words[part.name] and (part.times, part.plus) != (1, 0):
            raise fail("E706", f"'{part.name}' stands for a word, and cannot be counted with", ours.span)
    return Template(str(theirs.value), str(ours.value), theirs.span, left, right)


def _parts(side: Scalar, left: bool) -> tuple[str | _Number, ...]:
    text, place = str(side.value), side.span
    found: list[str | _Number] = []
    for i, piece in enumerate(_BRACES.split(text)):
        if i % 2 == 0:
            if "{" in piece or "}" in piece:
                raise fail("E706", f"a brace in '{text}' has no partner", place)
            found.append(piece)
            continue
        match = _VARIABLE.fullmatch(piece)
        word = ":" in piece
        if match is None or (word and not left) or (word and match["times"]) or match["times"] == "0":
            hint = "write {k}, {k+1}, {2*k+1}" + (", or {k:word} for letters" if left else "")
            raise fail("E706", f"'{{{piece}}}' is no variable of a template", place, hint)
        plus = int(match["plus"] or 0) * (-1 if match["sign"] == "-" else 1)
        found.append(_Number(match["name"], int(match["times"] or 1), plus, word))
    return tuple(found)


def key_map(name: str | Path, network: str) -> KeyMap:
    """The map of that name for a network: a shipped one, `identity`, or a YAML file.

    Raises SpecError E705 where there is none, E706 where a file is wrong.
    """
    text = str(name)
    if text == "identity":
        return KeyMap(text, ())
    if not isinstance(name, Path) and text in shipped():
        maps = _shipped_maps(text)
        for m in maps:
            if network in m.networks:
                return replace(m, name=text)
        names = [n for m in maps for n in m.networks]
        knowing = [other for other in shipped() if any(network in m.networks for m in _shipped_maps(other))]
        hint = f"{' and '.join(knowing)} does" if knowing else did_you_mean(network, names, "networks it knows")
        message = f"the map '{text}' does not know the network '{network}'"
        raise fail("E705", message, hint=f"{hint} (a YAML file works too)")
    path = Path(name)
    if not path.is_file():
        hint = did_you_mean(text, [*shipped(), "identity"], "maps") + " (a YAML file works too)"
        raise fail("E705", f"there is no map '{text}'", hint=hint)
    maps = read_maps(path)
    for m in maps:
        if network in m.networks or (len(maps) == 1 and not m.networks):
            return m
    known = ", ".join(n for m in maps for n in m.networks)
    raise fail("E705", f"'{path}' has no map for the network '{network}'", hint=f"it has maps for: {known}")


def _shipped_maps(name: str) -> list[KeyMap]:
    return [m for file in sorted((SHIPPED / name).glob("*.yaml")) for m in read_maps(file)]


def shipped() -> list[str]:
    """Names of the shipped maps."""
    return sorted(folder.name for folder in SHIPPED.iterdir() if folder.is_dir()) if SHIPPED.is_dir() else []


def read_maps(path: Path) -> list[KeyMap]:
    """The maps of a file. Raises SpecError with all that is wrong in it."""
    tree = source.read(path)
    errors: list[Diagnostic] = []
    trees = tree.items if isinstance(tree, Sequence) else (tree,)
    maps = [_read_map(item, str(path), errors) for item in trees]
    if errors:
        raise SpecError(errors)
    return maps


def _read_map(tree: Value, name: str, errors: list[Diagnostic]) -> KeyMap:
    if not isinstance(tree, Mapping):
        errors.append(Diagnostic("E706", "a key map is a mapping: `map: {theirs: ours}`", tree.span))
        return KeyMap(name, ())
    for key, _ in tree.entries:
        if key.text not in ("for", "map"):
            hint = did_you_mean(key.text, ("for", "map"), "keys of a map")
            errors.append(Diagnostic("E706", f"unknown key '{key.text}'", key.span, hint))
    networks, lines = tree.get("for"), tree.get("map")
    templates: list[Template] = []
    if not isinstance(lines, Mapping):
        errors.append(Diagnostic("E706", "a key map needs `map: {theirs: ours}`", (lines or tree).span))
    for theirs, ours in lines.entries if isinstance(lines, Mapping) else ():
        if not isinstance(ours, Scalar):
            errors.append(Diagnostic("E706", f"'{theirs.text}' becomes one name", ours.span))
            continue
        try:
            templates.append(template(theirs, ours))
        except SpecError as error:
            errors += error.diagnostics
    return KeyMap(name, tuple(templates), tuple(_names(networks, errors)))


def _names(value: Value | None, errors: list[Diagnostic]) -> Iterable[str]:
    if value is None:
        return []
    if isinstance(value, Sequence) and all(isinstance(item, Scalar) for item in value.items):
        return [item.text for item in value.items if isinstance(item, Scalar)]
    errors.append(Diagnostic("E706", "`for` is a list of networks", value.span))
    return []
