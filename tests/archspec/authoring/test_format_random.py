"""Any data, laid out in any way, with comments anywhere: formatted it says the same, and is laid out for good."""

from __future__ import annotations

import json
import re
from collections import Counter
from random import Random
from typing import Any

from hypothesis import HealthCheck, assume, given, settings
from hypothesis import strategies as st

from archspec import SpecError, source
from archspec.authoring.formatting import format, meaning

WORDS = [
    "relu", "$width", "a b", "2 * $w", "round_to($c, 8)", "yes", "null", "~", "12", "1e-3", "true", "", "x: y", "a #b",
    "- x", "[1]", "{a}", "'q'", '"d"', "back\\slash", "tab\there", "é😀", "line\nbreak", "line\nbreak\n", " lead",
    "a\n\n", "trail ", "*a", "&b", "!t", "%p", "@x", "`k", "a:", "?", "? a", "-", "...", "--- x", "<<", "=", "#",
    "a,b", "x:1", "0x1", "1:30", "012", "|", ">", "x\u2028y", "11_bn", "2024-01-01",
]  # fmt: skip
KEYS = [
    "name", "from", "conv", "relu", "layers", "branches", "archspec", "assert", "blocks", "input", "12", "yes", "a b",
    "residual", "body", "map", "when", "vars", "heads",
]  # fmt: skip
LETTERS = st.characters(codec="utf-8", exclude_categories=("Cc", "Cs", "Cn", "Co"))
SCALARS = (
    st.integers(-(10**6), 10**6)
    | st.booleans()
    | st.floats(-1e10, 1e10).filter(lambda x: x == 0 or abs(x) > 1e-10)
    | st.sampled_from(WORDS)
    | st.text(LETTERS, max_size=8)
)
NAMES = st.sampled_from(KEYS) | st.text(LETTERS, min_size=1, max_size=5)
DATA = st.recursive(
    SCALARS,
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(NAMES, inner, max_size=4),
    max_leaves=24,
)


class Writer:
    """Data as YAML that somebody might write: flow or block, any indentation and quotes, comments wherever they fit."""

    def __init__(self, random: Random):
        self.random = random
        self.comments: list[str] = []

    def chance(self, p: float) -> bool:
        return self.random.random() < p

    def comment(self) -> str:
        rest = self.random.choice(["", " a: b", " - x", " #", " {", " é", " 'x"])
        self.comments.append(f"#{self.random.choice(['', ' '])}c{len(self.comments)}{rest}")
        return self.comments[-1]

    def between(self, indent: int) -> list[str]:
        """Comments and blank lines before an item."""
        lines = []
        while self.chance(0.2):
            column = self.random.choice([indent, indent, 0, indent + 2, indent + 4, max(0, indent - 2)])
            lines.append("" if self.chance(0.4) else " " * column + self.comment())
        return lines

    def beside(self) -> str:
        return " " * self.random.choice([1, 1, 4]) + self.comment() if self.chance(0.2) else ""

    def scalar(self, value: Any, flow: bool) -> str:
        if not isinstance(value, str):
            return json.dumps(value)
        plain = re.fullmatch(
            r"[a-z$](?:[\w$()*]| (?=[\w$(*]))*" if flow else r"[a-z$](?:[\w$()*,]| (?=[\w$(*]))*", value
        )
        if plain and value not in ("true", "false", "null") and self.chance(0.7):
            return value
        if value.isprintable() and self.chance(0.5):
            return "'" + value.replace("'", "''") + "'"
        return json.dumps(value)

    def gap(self, indent: int) -> str:
        """What may stand between two things in brackets."""
        kind = self.random.random()
        if kind < 0.75:
            return ""
        if kind < 0.85:
            return " " * self.random.randint(1, 3)
        return (f" {self.comment()}" if kind > 0.93 else "") + "\n" + " " * (indent + 1)

    def flow(self, value: Any, indent: int) -> str:
        if isinstance(value, list):
            parts = [self.flow(item, indent) for item in value]
            brackets = "[]"
        elif isinstance(value, dict):
            parts = [
                f"{self.scalar(key, True)}: {self.gap(indent)}{self.flow(item, indent)}" for key, item in value.items()
            ]
            brackets = "{}"
        else:
            return self.scalar(value, True)
        written = brackets[0] + self.gap(indent)
        for i, part in enumerate(parts):
            written += ("," + (self.gap(indent) or " ") if i else "") + part + self.gap(indent)
        return written + brackets[1]

    def block(self, value: Any, indent: int) -> list[str]:
        lines = []
        for item in value.items() if isinstance(value, dict) else value:
            lines += self.between(indent)
            if isinstance(value, dict):
                lines += self.entry(f"{' ' * indent}{self.scalar(item[0], False)}:", item[1], indent, in_list=False)
            else:
                lines += self.entry(f"{' ' * indent}-", item, indent, in_list=True)
        return lines + (self.between(indent) if self.chance(0.5) else [])

    def entry(self, head: str, value: Any, indent: int, in_list: bool) -> list[str]:
        if isinstance(value, dict | list):
            if value and self.chance(0.6):
                step = 2 if in_list else self.random.choice([2, 3, 4] if isinstance(value, dict) else [0, 2, 4])
                lines = self.block(value, indent + step)
                if in_list and lines[0].strip() and lines[0].lstrip()[0] != "#" and self.chance(0.7):
                    return [f"{head} {lines[0][indent + 2 :]}", *lines[1:]]
                return [head + self.beside(), *lines]
            apart = " " if self.chance(0.8) else f"{self.beside()}\n{' ' * (indent + 2)}"
            return [head + apart + self.flow(value, indent + 2) + self.beside()]
        if isinstance(value, str) and re.fullmatch(r"[a-z]+\n[a-z]+\n", value):
            return [f"{head} |{self.beside()}", *(f"{' ' * (indent + 2)}{line}" for line in value.splitlines())]
        return [f"{head} {self.scalar(value, False)}{self.beside()}"]


@settings(deadline=None, max_examples=1000, suppress_health_check=list(HealthCheck))
@given(DATA, st.integers(0, 2**32))
def test_formatting_changes_the_layout_alone(data: Any, seed: int) -> None:
    writer = Writer(Random(seed))
    if isinstance(data, dict | list) and data:
        lines = writer.block(data, 0)
    else:
        lines = [*writer.between(0), writer.flow(data, 0) + writer.beside()]
    text = "\n".join(lines) + "\n"
    try:
        before = source.parse(text, "text")
    except SpecError:
        assume(False)  # a key of several lines, an empty document, what the reader refuses
    assume(source.to_plain(before) == data)  # a comment that has become part of a text of several lines
    formatted = format(text)
    assert meaning(source.parse(formatted, "formatted")) == meaning(before)
    assert format(formatted) == formatted
    found = Counter(re.findall(r"#\s?c\d+", formatted))
    assert found == Counter(comment.partition("c")[0] + re.findall(r"c\d+", comment)[0] for comment in writer.comments)
    assert not re.search(r"[ \t]\n|\n\n\n|\A\n|\n\n\Z", formatted)
