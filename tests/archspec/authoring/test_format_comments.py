"""Comments put into every shipped file at random: formatted, each still speaks of the same entry."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from random import Random

import pytest
import yaml

from archspec import source
from archspec.authoring.formatting import format, meaning

ROOT = Path(__file__).resolve().parents[3]
FILES = sorted(path for folder in ("specs", "examples", "devices") for path in (ROOT / folder).rglob("*.yaml"))
MARK = "#!"
"""What the comments begin with that are put in."""


def entries(text: str) -> dict[int, int]:
    """The lines on which an entry of a block begins, each with its column, by YAML's own scanner."""
    found: dict[int, int] = {}
    depth = 0
    for token in yaml.scan(text):
        opened = isinstance(token, yaml.FlowSequenceStartToken | yaml.FlowMappingStartToken)
        closed = isinstance(token, yaml.FlowSequenceEndToken | yaml.FlowMappingEndToken)
        depth += opened - closed
        if depth == 0 and isinstance(token, yaml.BlockEntryToken | yaml.KeyToken):
            found.setdefault(token.start_mark.line, token.start_mark.column)
    return found


def commented(text: str, random: Random) -> str:
    """The text further in by some spaces, with comments above, below, beside, and behind dashes."""
    lines = text.splitlines()
    begins = entries(text)
    further = " " * random.choice([0, 0, 1, 2])
    written: list[str] = []
    before = 0
    for number, line in enumerate(lines):
        shift = further if line.startswith(" ") else ""
        column = begins.get(number)
        if column is not None:
            ends_here = before > column and written[-1].lstrip()[:1] not in ("", "#")
            if ends_here and random.random() < 0.2:  # a remark at its end
                written.append(f"{further}{' ' * before}{MARK} below {number}")
            if random.random() < 0.15 or number == min(begins):
                written.append(f"{shift}{' ' * column}{MARK} above {number}")
            before = column
            rest = line[column + 1 :]
            if (
                line[column] == "-"
                and rest.startswith(" ")
                and rest.strip()[0] not in "-#[{&"
                and random.random() < 0.2
            ):
                written.append(f"{shift}{' ' * column}- {MARK} behind {number}")
                line = " " * (column + 1) + rest
        whole = number + 1 in begins or number + 1 == len(lines)  # nothing goes on in the next line
        if column is not None and whole and "#" not in line and random.random() < 0.15:
            line += f"{' ' * random.choice([1, 3])}{MARK} beside {number}"
        written.append(shift + line)
    return "\n".join(written) + "\n"


def attached(text: str) -> Iterator[tuple[str, int, bool]]:
    """Each comment put in, how many values stand before it, and whether it stands further in than what follows."""
    values = [token.start_mark.index for token in yaml.scan(text) if isinstance(token, yaml.ScalarToken)]
    lines = text.splitlines()
    at = 0
    for number, line in enumerate(lines):
        if MARK in line:
            place = line.index(MARK)
            inward = False
            if not line[:place].strip():
                following = next((other for other in lines[number + 1 :] if other.lstrip()[:1] not in ("", "#")), "")
                inward = place > len(following) - len(following.lstrip())
            yield line[place:], sum(index < at + place for index in values), inward
        at += len(line) + 1


@pytest.mark.parametrize("path", FILES, ids=lambda path: f"{path.parent.name}-{path.stem}")
def test_every_comment_stays_with_its_entry(path: Path) -> None:
    original = format(path.read_text(encoding="utf-8"))
    for seed in range(4):
        text = commented(original, Random(f"{path.name} {seed}"))
        before = meaning(source.parse(text, path.name))
        assert before == meaning(source.parse(original, path.name))
        formatted = format(text)
        assert meaning(source.parse(formatted, path.name)) == before
        assert list(attached(formatted)) == list(attached(text))
        assert format(formatted) == formatted
