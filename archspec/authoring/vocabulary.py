"""The words that arguments take and that run files are made of, each with where it may stand."""

from __future__ import annotations

import inspect
from collections.abc import Iterator
from functools import cache
from typing import Any

from archspec.authoring.docstrings import markdown
from archspec.authoring.reference import meaning
from archspec.ops import REGISTRY


def arguments() -> list[str]:
    """The names of all arguments of operators."""
    return list(dict.fromkeys(name for cls in REGISTRY.values() for name in cls.model_fields))


def values() -> list[str]:
    """All words that an argument of an operator may have as its value."""
    return list(_values())


def argument(name: str) -> str:
    """Which layers take an argument of that name, and what it is there; empty where none does."""
    takers = [word for word, cls in REGISTRY.items() if name in cls.model_fields]
    told = [
        f"An argument of {_listed(those)}: {purpose}. `archspec explain {those[0]}` says what it does there."
        for purpose, those in _by_purpose(name, takers).items()
    ]
    return "\n\n".join([f"## {name}", *told, ""]) if told else ""


def value(word: str) -> str:
    """Which arguments of which layers have that word as a value; empty where none has."""
    places = _values().get(word, {})
    told = [
        f"A value of `{name}` of {_listed(takers)}: {purpose}."
        for name, all_takers in places.items()
        for purpose, takers in _by_purpose(name, all_takers).items()
    ]
    return "\n\n".join([f"## {word}", *told, ""]) if told else ""


def _by_purpose(name: str, takers: list[str]) -> dict[str, list[str]]:
    """Those of the layers that take an argument for the same purpose."""
    found: dict[str, list[str]] = {}
    for word in takers:
        found.setdefault(meaning(REGISTRY[word], name), []).append(word)
    return found


def _listed(words: list[str]) -> str:
    return ", ".join(f"`{word}`" for word in words)


@cache
def _values() -> dict[str, dict[str, list[str]]]:
    """Each such word: the arguments that may have it, each with the layers that take it."""
    found: dict[str, dict[str, list[str]]] = {}
    for word, cls in REGISTRY.items():
        for name, schema in cls.model_json_schema().get("properties", {}).items():
            for text in dict.fromkeys(words_of(schema)):
                found.setdefault(text, {}).setdefault(name, []).append(word)
    return found


def words_of(schema: Any) -> Iterator[str]:
    """The words that a JSON schema enumerates, as values or as keys, at any depth."""
    if isinstance(schema, list):
        for inner in schema:
            yield from words_of(inner)
    elif isinstance(schema, dict):
        enumerated = [*schema.get("enum", ()), *([schema["const"]] if "const" in schema else [])]
        yield from (word for word in enumerated if isinstance(word, str))
        for key, inner in schema.items():
            if key not in ("enum", "const", "default", "examples"):
                yield from words_of(inner)


def run_keys() -> list[str]:
    """The keys of run files."""
    from archspec.authoring.schema.runs import KEYS

    return list(KEYS)


def run_kinds() -> list[str]:
    """What a section of a run file may be: losses, optimisers, formats of data …"""
    return list(dict.fromkeys(place.kind for place in _places() if place.kind is not None))


def run_values() -> list[str]:
    """The words that a key of a run file may have as its value."""
    return list(dict.fromkeys(word for place in _places() for words in place.words.values() for word in words))


def in_run_files(word: str) -> str:
    """What a word is in run files: a key, a kind of a section, a value; empty where it is none."""
    from archspec.authoring.schema.runs import KEYS

    told = []
    for place in _places():
        if place.kind == word:
            keys = [name for name in place.cls.model_fields if name != "kind"]
            its = f" Its keys are {_listed(keys)}." if keys else ""
            told += [markdown(inspect.getdoc(place.cls) or ""), f"A kind of `{place.path}` in run files.{its}"]
    holders = [place.called for place in _places() if word in place.cls.model_fields]
    if word in KEYS and holders:
        told.append(f"A key of run files, in {', '.join(dict.fromkeys(holders))}: {_lower(KEYS[word])}")
    for place in _places():
        for key, words in place.words.items():
            if word in words:
                told.append(f"A value of `{key}` in {place.called} of run files: {_lower(KEYS[key])}")
    return "\n\n".join([f"## {word}", *dict.fromkeys(told), ""]) if told else ""


def _lower(text: str) -> str:
    return text if text[1:2].isupper() else text[:1].lower() + text[1:]


class _Place:
    """A section of run files: where it stands, its kind where it is one of several, the words that its keys take."""

    def __init__(self, path: str, cls: Any):
        self.path, self.cls = path, cls
        self.kind = str(cls.model_fields["kind"].default) if "kind" in cls.model_fields else None
        self.called = (f"`{path}`" if path else "the file itself") + (f" (`{self.kind}`)" if self.kind else "")
        properties = cls.model_json_schema()["properties"]
        self.words = {
            key: list(dict.fromkeys(words_of(schema)))
            for key, schema in properties.items()
            if key in cls.model_fields and key != "kind"
        }


@cache
def _places() -> tuple[_Place, ...]:
    from archspec.authoring.schema.runs import choices
    from archspec.run import Run

    def inside(path: str, cls: Any) -> Iterator[_Place]:
        yield _Place(path, cls)
        for name, field in cls.model_fields.items():
            for inner in choices(field):
                yield from inside(f"{path}.{name}".lstrip("."), inner)

    return tuple(inside("", Run))
