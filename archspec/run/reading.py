"""Reading a run file: YAML and `--set` overrides in, a checked `Run` out, every error in its place.

Sections are checked one by one, each choice (`kind`) looked up before what stands in it is validated, so
that an error has the place the user wrote it at, a suggestion from what is known there, and all come at once.
"""

from __future__ import annotations

import json
import re
from collections.abc import Mapping as PyMapping
from collections.abc import Sequence as PySequence
from dataclasses import dataclass, replace
from inspect import isclass
from pathlib import Path
from typing import Any, Literal, get_args, get_origin

from pydantic import ValidationError
from pydantic.fields import FieldInfo
from pydantic_core import ErrorDetails

from archspec import source
from archspec.errors import Diagnostic, Span, SpecError, Suggestion, did_you_mean, fail
from archspec.files import straight
from archspec.run.sections import AS_TEXT, NAME_OR_PATH, PATH, Run, Section
from archspec.source import Mapping, Scalar, Sequence, Value

EMPTY = "the shortest run file names a network: `model: lenet5`"


@dataclass(frozen=True)
class RunFile:
    """A run as it was read: the checked values, and the text's values with their places."""

    run: Run
    value: Value
    name: str
    folder: Path
    """What its relative paths are relative to."""

    def span(self, *loc: str) -> Span:
        """The place of a key, or of the deepest section around it that was written."""
        return source.at(self.value, loc)

    def spans(self, key: str) -> list[Span]:
        """The places of the entries of a list; none where it was not written."""
        value = self.value.get(key) if isinstance(self.value, Mapping) else None
        return [item.span for item in value.items] if isinstance(value, Sequence) else []

    def key_span(self, *loc: str) -> Span:
        """The place of a key itself, rather than of its value; of the deepest one that was written."""
        value, span = self.value, self.value.span
        for part in loc:
            key = value.key(part) if isinstance(value, Mapping) else None
            inner = value.get(part) if isinstance(value, Mapping) else None
            if key is None or inner is None:
                break
            value, span = inner, key.span
        return span

    def resolved(self) -> dict[str, Any]:
        """The run with every default written and every path absolute, as plain data."""
        plain = self.run.model_dump(exclude_none=True)
        return {"name": self.name, **{k: v for k, v in plain.items() if k != "name"}}


MEASURED = (
    "every epoch is measured by all figures that its loss allows; which of them tells the best epoch is `best` in "
    "'train', as in best: val_loss"
)
MAX_TOLD = 100
"""Unknown keys that are told: each takes a search for what was meant."""


def load_run(run: str | Path | PyMapping[str, Any] | RunFile, overrides: PySequence[str] = ()) -> RunFile:
    """A run file (or the same as plain data, or as it was read before) with `path=value` overrides applied, checked.

    Relative paths are relative to the run file; those in overrides or plain data, to the working directory.
    Raises SpecError: E512, E513 for an override, E601 unknown key, E602 missing key, E603 wrong value,
    E604 unknown kind; all that can be found at once.
    """
    value: Value
    if isinstance(run, RunFile):
        value, folder = run.value, run.folder
    elif isinstance(run, PyMapping):
        value, folder = source.from_plain(dict(run), Span("run", 1, 1)), Path.cwd()
    else:
        value, folder = _document(Path(run)), Path(run).absolute().parent
    if not isinstance(value, Mapping):
        raise fail("E603", "a run is a mapping with the keys model, data and train", value.span)
    if "layers" in value and "model" not in value:
        hint = "a run file names the network to train: `model: lenet5`, or `model: FILE.yaml`"
        raise fail("E603", "this is a spec, not a run file", value.span, hint)
    found: list[Diagnostic] = []
    for override in overrides:
        try:
            value = _override(value, override)
        except SpecError as error:
            found += error.diagnostics
    checked = _read(Run, value, (), folder, found)
    if found or not isinstance(checked, Run):
        raise SpecError(found)
    if isinstance(run, RunFile):
        stem = run.name
    else:
        stem = Path(checked.model.spec).stem if isinstance(run, PyMapping) else Path(run).stem
    return RunFile(checked, value, checked.name or stem, folder)


def _document(path: Path) -> Value:
    """The file's value; where the file is empty, told in a run file's terms."""
    try:
        return source.read(path)
    except SpecError as error:
        raise SpecError(replace(d, hint=EMPTY) if d.code in ("E014",) else d for d in error.diagnostics) from error


def _choices(field: FieldInfo) -> dict[str, type[Section]]:
    """The sections a key may hold, or the entries of its list, by kind; a section without kinds goes by ''."""
    held = get_args(field.annotation)[0] if _is_list(field) else field.annotation
    options = get_args(held) or (held,)
    sections = [c for c in options if isclass(c) and issubclass(c, Section)]
    return {str(c.model_fields["kind"].default) if "kind" in c.model_fields else "": c for c in sections}


def _words(annotation: object) -> list[str]:
    """The words that a value of some type may be."""
    inside = get_args(annotation)
    if get_origin(annotation) is Literal:
        return [word for word in inside if isinstance(word, str)]
    return [word for one in inside for word in _words(one)]


def _is_list(field: FieldInfo) -> bool:
    return get_origin(field.annotation) is list


def _read(
    cls: type[Section], value: Value, loc: tuple[str, ...], folder: Path, found: list[Diagnostic]
) -> Section | None:
    """The section, or None where it has errors, which are appended to `found`."""
    name = ".".join(loc) or "a run"
    if isinstance(value, Scalar) and cls.short in cls.model_fields:
        value = _lengthened(cls, value)
    if not isinstance(value, Mapping):
        keys, given = ", ".join(cls.model_fields), value.text if isinstance(value, Scalar) else "a list"
        found.append(Diagnostic("E603", f"{name} is a mapping, not {given}", value.span, f"its keys: {keys}"))
        return None
    before, broken = len(found), set()
    plain: dict[str, Any] = {}
    for key, inner in value.entries:
        field = cls.model_fields.get(key.text)
        if field is None and len(found) < MAX_TOLD:
            hint = _hint_for_key(key.text, cls)
            found.append(Diagnostic("E601", f"{name} has no key '{key.text}'", key.span, hint))
        elif field is None:
            continue
        elif _choices(field) and _is_list(field):
            plain[key.text] = _entries(field, inner, (*loc, key.text), folder, found)
            broken |= {key.text} if plain[key.text] is None else set()
        elif _choices(field):
            plain[key.text] = _choose(field, inner, (*loc, key.text), folder, found)
            broken |= {key.text} if plain[key.text] is None else set()
        else:
            plain[key.text] = _plain(field, inner, folder)
    try:
        checked = cls.model_validate(plain)
    except ValidationError as error:
        errors = [e for e in error.errors() if not broken.intersection(map(str, e["loc"][:1]))]
        found += [_explain(cls, e, value, loc) for e in _joined(errors)]
        return None
    return checked if len(found) == before else None


def _choose(
    field: FieldInfo, value: Value, loc: tuple[str, ...], folder: Path, found: list[Diagnostic]
) -> Section | None:
    """The section under a key; where it is a choice, of the kind it names, or else of the default's."""
    choices, kind = _choices(field), _kind(field, value)
    if kind not in choices:
        written = value.get("kind") if isinstance(value, Mapping) else None
        found.append(_unknown_kind(loc, kind, choices, (written or value).span))
        return None
    return _read(choices[kind], value, loc, folder, found)


def _entries(
    field: FieldInfo, value: Value, loc: tuple[str, ...], folder: Path, found: list[Diagnostic]
) -> list[Section] | None:
    """The sections of a list, each written as its kind or as `{kind: its keys}`; None where there are errors."""
    choices, name = _choices(field), ".".join(loc)
    first = next(iter(choices))
    if not isinstance(value, Sequence):
        hint = f"as in {name}: [{first}]; with its keys: [{{{first}: …}}]"
        found.append(Diagnostic("E603", f"{name} is a list, of words and of mappings of one key", value.span, hint))
        return None
    before, read = len(found), []
    for item in value.items:
        word, inner = _named(item)
        if word is None:
            message = f"an entry of {name} is a word, or a mapping of one key"
            if isinstance(item, Mapping):
                message += f"; this one has {len(item.entries)}"
            found.append(Diagnostic("E603", message, item.span, "begin an entry of its own for each, with a dash"))
        elif word.text not in choices:
            found.append(_unknown_kind(loc, word.text, choices, word.span))
        else:
            section = _entry(choices[word.text], word, inner, (*loc, word.text), folder, found)
            read += [section] if section is not None else []
    return read if len(found) == before else None


def _unknown_kind(loc: tuple[str, ...], kind: str, choices: PyMapping[str, object], span: Span) -> Diagnostic:
    """A diagnostic (E604) with the kinds there are, and the nearest of them."""
    message = f"{'.'.join(loc)} has no kind '{kind}': there are {', '.join(choices)}"
    hint = did_you_mean(kind, list(choices), "kinds")
    return Diagnostic("E604", message, span, hint if isinstance(hint, Suggestion) else None)


def _named(item: Value) -> tuple[Scalar | None, Value]:
    """The kind of a list's entry, and what stands under it: `rotate`, `rotate: 10`, `rotate: {degrees: 10}`."""
    if isinstance(item, Scalar):
        return item, Mapping((), item.span)
    if isinstance(item, Mapping) and len(item.entries) == 1:
        return item.entries[0]
    return None, item


def _entry(
    cls: type[Section], word: Scalar, value: Value, loc: tuple[str, ...], folder: Path, found: list[Diagnostic]
) -> Section | None:
    """One section of a list. What is no mapping is the value of its main key, where it has one."""
    if not isinstance(value, Mapping):
        if cls.short == "kind":
            keys = ", ".join(name for name in cls.model_fields if name != "kind")
            found.append(Diagnostic("E603", f"{'.'.join(loc)} is a mapping", value.span, f"its keys: {keys}"))
            return None
        value = Mapping(((Scalar(cls.short, cls.short, value.span, False), value),), value.span)
    if key := value.key("kind"):
        hint = f"'{word.text}' is the kind already"
        found.append(Diagnostic("E601", f"{'.'.join(loc)} has no key 'kind'", key.span, hint))
        return None
    return _read(cls, value, loc, folder, found)


def _lengthened(cls: type[Section], value: Scalar) -> Mapping:
    """`adam` as `{kind: adam}`."""
    return Mapping(((Scalar(cls.short, cls.short, value.span, False), value),), value.span)


def _plain(field: FieldInfo, value: Value, folder: Path) -> Any:
    """A key's value. Paths become absolute: relative to the run file, in `--set` to the working directory."""
    plain = source.to_plain(value)
    if AS_TEXT in field.metadata and isinstance(value, Scalar) and isinstance(plain, int | float):
        return plain if isinstance(plain, bool) else value.text
    named = NAME_OR_PATH in field.metadata
    if not isinstance(plain, str) or not plain or not (named or PATH in field.metadata):
        return plain
    if named and "/" not in plain and Path(plain.partition("@")[0]).suffix not in (".yaml", ".yml"):
        return plain
    return str(straight((Path.cwd() if value.span.file.startswith("--set ") else folder) / Path(plain).expanduser()))


def _hint_for_key(word: str, cls: type[Section]) -> str:
    """The nearest key there; or the place in a run file where a key of that very name belongs, another kind of the
    same section first."""
    keys = list(cls.model_fields)
    if word.lower() in ("metric", "metrics"):
        return MEASURED
    if word not in keys:
        for path, sections in sorted(_places(Run, ()), key=lambda place: cls not in place[1].values()):
            having = [kind for kind, section in sections.items() if word in section.model_fields]
            if having:
                kind = f" of kind {' or '.join(having)}" if len(having) < len(sections) else ""
                return f"'{word}' belongs in '{'.'.join(path)}'{kind}"
    return did_you_mean(word, keys, "keys there")


def _places(cls: type[Section], path: tuple[str, ...]) -> list[tuple[tuple[str, ...], dict[str, type[Section]]]]:
    """Every place of a run file that holds a section, and its possible sections by kind, outermost first."""
    found = []
    for name, field in cls.model_fields.items():
        if choices := _choices(field):
            found.append(((*path, name), choices))
            for section in choices.values():
                found += _places(section, (*path, name))
    return found


def _joined(errors: PySequence[ErrorDetails]) -> list[ErrorDetails]:
    """The errors; what every form that a value may have (true, false, or `auto`) says of it, as one."""
    by_value: dict[tuple[int | str, ...], list[ErrorDetails]] = {}
    for error in errors:
        loc = error["loc"]
        of_a_form = len(loc) > 1 and bool(_FORM.fullmatch(str(loc[1])))
        by_value.setdefault(loc[:1] if of_a_form else loc, []).append(error)
    found = []
    for loc, forms in by_value.items():
        words = ["true", "false"] * any(e["type"].startswith("bool_") for e in forms)
        words += [str(e["ctx"]["expected"]) for e in forms if e["type"] == "literal_error"]
        others = [e for e in forms if e["type"] != "literal_error" and not e["type"].startswith("bool_")]
        if len(forms) == 1 or not words:
            found += forms
            continue
        expected = ", ".join(words[:-1]) + " or " * (len(words) > 1) + words[-1]
        told = " or ".join([expected, *(e["msg"].removeprefix("Input should be ") for e in others[:1])])
        context = {"expected": expected}
        found.append(
            {**forms[0], "loc": loc, "msg": f"Input should be {told}", "ctx": context, "type": "literal_error"}
        )
    return found


_FORM = re.compile(r"bool|int|float|str|(?:list|dict|literal|constrained-|function-).*")
"""What pydantic adds to the place of a value that may have several forms, for each of them."""


def _explain(cls: type[Section], error: ErrorDetails, value: Mapping, loc: tuple[str, ...]) -> Diagnostic:
    """What pydantic found, in the run file's own terms and place."""
    inner = tuple(error["loc"])
    name = ".".join(str(part) for part in (*loc, *inner))
    if inner[-1:] == ("[key]",):  # of a mapping whose keys are numbers, say
        what = f"the key {inner[-2]} of '{'.'.join(str(part) for part in (*loc, *inner[:-2]))}'"
        message = error["msg"].partition(", unable to parse")[0].replace("Input should", f"{what} should")
        return Diagnostic("E603", message, source.at(value, inner[:-1], key=True))
    if error["type"] == "missing":
        return Diagnostic("E602", f"'{name}' is missing", value.span, f"write {inner[-1]}: …")
    message = error["msg"].removeprefix("Value error, ").replace("Input should", f"'{name}' should")
    message = message.replace("String should", f"'{name}' should").replace("List should", f"'{name}' should")
    message = message.partition(" after validation")[0]  # of how long a list is; what it is follows
    given = json.dumps(error["input"], default=str)
    shown = f"{message[0].lower()}{message[1:]}"
    if error["type"] != "value_error" or " must " in shown:  # other messages of ours have the numbers in them
        shown += f", not {given}"
    expected = str(error.get("ctx", {}).get("expected", ""))
    known = [word.strip("' ") for word in expected.replace(" or ", ", ").split(",")] if expected else []
    if error["type"] == "value_error" and len(inner) == 1 and inner[0] in cls.model_fields:
        known = _words(cls.model_fields[str(inner[0])].annotation)
    word = error["input"] if isinstance(error["input"], str) else ""
    hint = did_you_mean(word, known) if known and word and word not in known else None
    hint = hint if isinstance(hint, Suggestion) else None  # else the message has the words already
    return Diagnostic("E603", shown, source.at(value, inner), hint)


def _override(tree: Mapping, override: str) -> Mapping:
    """The run with `path=value` set, whether or not the key was written. Raises SpecError E512, E513."""
    path, sign, text = override.partition("=")
    file = f"--set {override}"
    if not sign or not path.strip() or not text.strip():
        span = Span(file, 1, 1, len(override), override)
        raise fail("E513", f"'{override}' sets nothing", span, "write path=value, as in train.epochs=3")
    key_span = Span(file, 1, 1, len(path), override)
    plain = source.to_plain(source.parse(text, file))
    value = source.from_plain(plain, Span(file, 1, len(path) + 2, len(text), override))
    return _put(tree, Run, path.strip().split("."), value, key_span, "a run")


def _put(tree: Value, cls: type[Section], path: list[str], value: Value, span: Span, walked: str) -> Mapping:
    """The section with the value at a path replaced or added; sections on the way are made where missing."""
    mapping = _lengthened(cls, tree) if isinstance(tree, Scalar) else tree
    head, rest = path[0], path[1:]
    field = cls.model_fields.get(head)
    if field is None or not isinstance(mapping, Mapping):
        hint = _hint_for_key(head, cls)
        raise fail("E512", f"{walked} has no key '{head}'", span, hint)
    choices = _choices(field)
    old = mapping.get(head)
    if rest and choices and _is_list(field):
        hint = f"as in --set '{head}=[{next(iter(choices))}]'"
        raise fail("E512", f"'{head}' is a list, and is set as a whole", span, hint)
    if rest and choices:
        inner = choices.get(_kind(field, old)) or next(iter(choices.values()))
        value = _put(old or Mapping((), span), inner, rest, value, span, f"'{head}'")
    elif rest and get_origin(field.annotation) is dict:
        entries = old.entries if isinstance(old, Mapping) else ()
        value = _with(Mapping(entries, span), ".".join(rest), value, span)
    elif rest:
        raise fail("E512", f"'{head}' is a single value: it has no '{rest[0]}' inside", span)
    return _with(mapping, head, value, span)


def _kind(field: FieldInfo, value: Value | None) -> str:
    """The kind of section a value asks for: by its `kind`, by standing alone, by default, or the first where the
    default is another's to tell."""
    choices = _choices(field)
    if "" in choices:
        return ""
    written = value.get("kind") if isinstance(value, Mapping) else value
    if written is None:
        return str(field.default.kind) if field.default else next(iter(choices))
    return written.text if isinstance(written, Scalar) else "?"


def _with(mapping: Mapping, key: str, value: Value, span: Span) -> Mapping:
    """The mapping with a key set: in its place, or at the end."""
    if mapping.get(key) is None:
        return Mapping((*mapping.entries, (Scalar(key, key, span, False), value)), mapping.span)
    return Mapping(tuple((k, value if k.text == key else v) for k, v in mapping.entries), mapping.span)
