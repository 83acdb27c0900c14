"""Specs spoilt at random, by the thousand: every refusal is placed, none takes a second, and typos are recognised.

    python benchmarks/mutations.py 10000 --seed 1 --jobs 2

The specs of the zoo and those in the documents are misspelt by a letter, given values of other kinds, cut, torn,
shuffled and damaged. Each is loaded as a user's would be. Exit status 1 where one gave a traceback, a refusal had no
place, a misspelt word was accepted, fewer than 95 % of the typos were answered with the right word, or an edit that
was offered does not work.
"""

from __future__ import annotations

import argparse
import multiprocessing
import random
import re
import string
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from functools import cache
from pathlib import Path

import archspec
from archspec import source
from archspec.errors import Diagnostic, Span, SpecError, Suggestion
from archspec.ops import REGISTRY
from archspec.ops.act import ACTIVATIONS
from archspec.source import Mapping, Scalar, Sequence, Value
from archspec.spec import JOINS, MODIFIERS, SHORTCUTS, STRUCTURAL, Document

ROOT = Path(__file__).resolve().parents[1]
SLOW, RIGHT = 1.0, 0.95

ARGUMENTS = {name for operator in REGISTRY.values() for name in operator.model_fields}
KEYS = {field.alias or name for name, field in Document.model_fields.items()}
BLOCK_KEYS = {"params", "inputs", "outputs", "layers"}
HEAD_KEYS = {"from", "only", "weight", "layers", "was"}
WORDS = {
    *REGISTRY,
    *ACTIVATIONS,
    *STRUCTURAL,
    *MODIFIERS,
    *ARGUMENTS,
    *KEYS,
    *BLOCK_KEYS,
    *HEAD_KEYS,
    *JOINS,
    *SHORTCUTS,
}


@dataclass(frozen=True)
class Word:
    """A word of a spec that means something known, and so cannot be misspelt unseen."""

    kind: str
    text: str
    span: Span


@dataclass(frozen=True)
class Mutant:
    """A spoilt spec: what was done to it, and for a typo the word as it was."""

    kind: str
    origin: str
    text: bytes
    word: str | None = None
    misspelt: str | None = None


@dataclass
class Tally:
    """What became of the mutants of one kind. `examples` has what should not be."""

    made: int = 0
    accepted: int = 0
    right: int = 0
    slowest: float = 0.0
    offered: int = 0
    faults: Counter[str] = field(default_factory=Counter)
    examples: list[tuple[str, Mutant, str]] = field(default_factory=list)

    def add(self, other: Tally) -> None:
        self.made += other.made
        self.accepted += other.accepted
        self.right += other.right
        self.offered += other.offered
        self.slowest = max(self.slowest, other.slowest)
        self.faults += other.faults
        self.examples += other.examples

    def fault(self, name: str, mutant: Mutant, told: str) -> None:
        self.faults[name] += 1
        self.examples.append((name, mutant, told))


@cache
def specs() -> dict[str, str]:
    """The texts to be spoilt by name: those of the zoo, and the whole specs in the documents."""
    found = {path.name: path.read_text(encoding="utf-8") for path in sorted((ROOT / "specs").glob("*.yaml"))}
    for path in [ROOT / "README.md", *sorted((ROOT / "docs").rglob("*.md"))]:
        page = path.read_text(encoding="utf-8")
        for number, block in enumerate(re.findall(r"^```yaml\n(archspec: 1.*?)^```", page, re.M | re.S)):
            found[f"{path.name}:{number}"] = block
    return {name: text for name, text in found.items() if _loads(text)}


def _loads(text: str) -> bool:
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "spec.yaml"
        path.write_text(text, encoding="utf-8")
        try:
            archspec.load(path)
        except SpecError:
            return False
        return True


# ---- typos


@cache
def words(origin: str) -> tuple[Word, ...]:
    """The words of a spec that mean something, each with its place."""
    tree = source.parse(specs()[origin], "spec.yaml")
    assert isinstance(tree, Mapping)
    return tuple(_words(tree))


def _words(tree: Mapping) -> Iterator[Word]:
    for key, value in tree.entries:
        yield Word("key", key.text, key.span)
        if key.text == "layers":
            yield from _layers(value)
        elif key.text in ("blocks", "heads") and isinstance(value, Mapping):
            for _, part in value.entries:
                for inner, content in part.entries if isinstance(part, Mapping) else ():
                    yield Word("key", inner.text, inner.span)
                    inside = _layers(content) if inner.text == "layers" else _references(content)
                    yield from (word for word in inside if (inner.text, word.kind) != ("params", "value"))
        elif key.text == "vars":
            yield from _references(value)
        elif key.text == "assert":
            yield from _facts(value)


def _layers(value: Value) -> Iterator[Word]:
    for item in value.items if isinstance(value, Sequence) else ():
        if isinstance(item, Sequence):
            yield from _layers(item)
        elif isinstance(item, Scalar):
            yield Word("layer", item.text, item.span)
        else:
            for key, args in item.entries:
                yield Word("modifier" if key.text in MODIFIERS else "layer", key.text, key.span)
                if key.text == "from":
                    yield from _named(args)
                elif key.text != "name":
                    yield from _arguments(key.text, args)


def _arguments(word: str, args: Value) -> Iterator[Word]:
    if word in ("layers", "branches", "map", "residual") and isinstance(args, Sequence):
        yield from _layers(args)
    elif isinstance(args, Mapping):
        for key, value in args.entries:
            if word not in ("each", "was"):
                yield Word("argument", key.text, key.span)
            yield from _layers(value) if key.text == "body" else _references(value)
    else:
        if word in ("act", "join") and isinstance(args, Scalar):
            yield Word("value", args.text, args.span)
        yield from _references(args)


def _named(value: Value) -> Iterator[Word]:
    """The layers that `from` names by plain words."""
    for item in value.items if isinstance(value, Sequence) else (value,):
        if isinstance(item, Scalar) and item.text.isidentifier():
            yield Word("reference", item.text, item.span)
        elif isinstance(item, Scalar):
            yield from _references(item)


def _facts(value: Value) -> Iterator[Word]:
    """The facts that assertions are about."""
    for item in value.items if isinstance(value, Sequence) else ():
        if isinstance(item, Scalar) and (match := re.match(r"[a-z_]+", item.text)):
            yield Word("fact", match[0], Span(item.span.file, item.span.line, item.span.column, match.end()))


def _references(value: Value) -> Iterator[Word]:
    """Variables (`$width`), and the words that stand for an argument's value (`same`)."""
    if isinstance(value, Scalar):
        if value.text in ("same", "valid", "project", "when_same", "center"):
            yield Word("value", value.text, value.span)
        shown = value.span.text[value.span.column - 1 :]
        for match in re.finditer(r"\$([a-z]\w+)", value.text) if shown.startswith(value.text) else ():
            at = value.span.column + match.start(1)
            yield Word("variable", match[1], Span(value.span.file, value.span.line, at, len(match[1])))
    for inner in value.items if isinstance(value, Sequence) else (v for _, v in getattr(value, "entries", ())):
        yield from _references(inner)


def misspelt(word: str, dice: random.Random) -> str:
    """The word with one letter left out, doubled, exchanged with the next, or another in its place or before it."""
    at = dice.randrange(len(word))
    letter = dice.choice(string.ascii_lowercase)
    how = dice.choice(("leave out", "double", "exchange", "replace", "insert"))
    if how == "leave out" and len(word) > 2:
        return word[:at] + word[at + 1 :]
    if how == "double":
        return word[: at + 1] + word[at:]
    if how == "exchange" and len(word) > 2:
        at = min(at, len(word) - 2)
        return word[:at] + word[at + 1] + word[at] + word[at + 2 :]
    return word[:at] + letter + word[at + (how == "replace") :]


def typo(origin: str, dice: random.Random) -> Mutant | None:
    """A word of a spec with one letter wrong, which makes it no other word of the spec or the language."""
    text = specs()[origin]
    word = dice.choice(words(origin))
    new = misspelt(word.text, dice)
    known = {*WORDS, *re.findall(r"\w+", text)}
    if len(word.text) < 3 or new in known or not word.text.isidentifier() or not new.isidentifier():
        return None
    lines = text.splitlines(keepends=True)
    line, start = lines[word.span.line - 1], word.span.column - 1
    if line[start : start + len(word.text)] != word.text:
        return None  # it is quoted
    lines[word.span.line - 1] = line[:start] + new + line[start + len(word.text) :]
    return Mutant(f"typo: {word.kind}", origin, "".join(lines).encode(), word.text, new)


# ---- other damage

ODD = (
    "-1",
    "0",
    "1.5",
    "1e30",
    "99999999999",
    "true",
    "''",
    "[]",
    "{}",
    "[1, 2, 3, 4]",
    "{a: 1}",
    "$nope",
    "none",
    "~",
    "é",
)


def wrong_value(text: str, dice: random.Random) -> str:
    """Another value, of another kind or size, for one that is there."""
    found = list(re.finditer(r"(?<=: )[^\s,{}\[\]]+|(?<=, )\d+(?=[,\]])", text))
    if not found:
        return text + "x"
    match = dice.choice(found)
    return text[: match.start()] + dice.choice(ODD) + text[match.end() :]


def number(text: str, dice: random.Random) -> str:
    """Another number for one that is there."""
    found = list(re.finditer(r"(?<![\w.])\d+(?![\w.])", text))
    match = dice.choice(found)
    new = dice.choice((0, 1, 2, 3, 5, 7, 8, 64, 1000, int(match[0]) + 1, int(match[0]) * 2))
    return text[: match.start()] + str(new) + text[match.end() :]


def line_gone(text: str, dice: random.Random) -> str:
    lines = text.splitlines(keepends=True)
    del lines[dice.randrange(len(lines))]
    return "".join(lines)


def part_gone(text: str, dice: random.Random) -> str:
    at = dice.randrange(len(text))
    return text[:at] + text[at + dice.randint(1, 12) :]


def cut_off(text: str, dice: random.Random) -> str:
    return text[: dice.randrange(len(text))]


def lines_swapped(text: str, dice: random.Random) -> str:
    lines = text.splitlines(keepends=True)
    i, j = dice.randrange(len(lines)), dice.randrange(len(lines))
    lines[i], lines[j] = lines[j], lines[i]
    return "".join(lines)


def line_doubled(text: str, dice: random.Random) -> str:
    lines = text.splitlines(keepends=True)
    at = dice.randrange(len(lines))
    return "".join([*lines[:at], lines[at], *lines[at:]])


def other_indent(text: str, dice: random.Random) -> str:
    lines = text.splitlines(keepends=True)
    at = dice.randrange(len(lines))
    lines[at] = dice.choice((" " + lines[at], "  " + lines[at], "\t" + lines[at], lines[at].removeprefix("  ")))
    return "".join(lines)


def other_sign(text: str, dice: random.Random) -> str:
    at = dice.randrange(len(text))
    return text[:at] + dice.choice("{}[],:-#&*!|>'\"%@`$?\t\n=+()") + text[at + dice.randint(0, 1) :]


DAMAGE: dict[str, Callable[[str, random.Random], str]] = {
    "wrong value": wrong_value,
    "other number": number,
    "line gone": line_gone,
    "part gone": part_gone,
    "cut off": cut_off,
    "lines swapped": lines_swapped,
    "line doubled": line_doubled,
    "other indent": other_indent,
    "other sign": other_sign,
}


def bytes_changed(data: bytes, dice: random.Random) -> bytes:
    spoilt = bytearray(data)
    for _ in range(dice.randint(1, 8)):
        spoilt[dice.randrange(len(spoilt))] = dice.randrange(256)
    return bytes(spoilt)


def mutant(number: int, seed: int) -> Mutant:
    """The mutant of that number: every second one is a typo."""
    dice = random.Random(f"{seed}.{number}")
    while True:
        shipped = [name for name in specs() if name.endswith(".yaml")]
        origin = dice.choice(shipped if dice.random() < 0.5 else [*specs()])
        if number % 2 == 0:
            if (found := typo(origin, dice)) is not None:
                return found
            continue
        kind = dice.choice([*DAMAGE, "bytes"])
        text = specs()[origin]
        spoilt = bytes_changed(text.encode(), dice) if kind == "bytes" else DAMAGE[kind](text, dice).encode()
        return Mutant(kind, origin, spoilt)


# ---- what becomes of them


def tried(mutant: Mutant, folder: Path) -> Tally:
    """One mutant loaded, and everything that is not as it should be."""
    tally = Tally(made=1)
    path = folder / "spec.yaml"
    path.write_bytes(mutant.text)
    begun = time.process_time()
    try:
        found = list(_errors(path))
        if not found and mutant.word is not None:  # it may be in a variant or a block that nothing calls
            found = [d for d in archspec.check(path) if d.severity == "error"]
    except Exception as error:
        tally.fault("traceback", mutant, f"{type(error).__name__}: {error}")
        return tally
    tally.slowest = time.process_time() - begun
    if tally.slowest > SLOW and found:
        tally.fault("slow", mutant, f"{tally.slowest:.1f} s")
    if not found:
        tally.accepted = 1
        if mutant.word is not None:
            tally.fault("typo accepted", mutant, "")
    for d in found:
        if d.span is None or d.span.file != str(path) or d.span.line > len(re.findall(rb"\r\n?|\n", mutant.text)) + 1:
            tally.fault("unplaced", mutant, str(d))
    if mutant.word is not None and found:
        tally.right = int(any(_says(d, mutant.word) for d in found))
        if not tally.right:
            tally.examples.append(("not recognised", mutant, str(found[0])))
    for d in found[:3]:
        for fix in () if isinstance(d.hint, Suggestion) else d.fixes:  # a word that is near is a guess, not tried
            tally.offered += 1
            path.write_text(fix.applied(mutant.text.decode()), encoding="utf-8", newline="")
            left = [e for e in _errors(path) if e.code != "E401"]  # counts that were asserted may well have changed
            if len(left) >= len(found):
                tally.fault("edit fails", mutant, f"{d}\n{left[0]}")
    return tally


def _errors(path: Path) -> tuple[Diagnostic, ...]:
    try:
        archspec.load(path)
    except SpecError as error:
        return error.diagnostics
    return ()


def _says(d: Diagnostic, word: str) -> bool:
    """Whether a message names the word that was meant."""
    return re.search(rf"\b{re.escape(word)}\b", f"{d.hint} {d.message}") is not None


def stretch(task: tuple[int, int, int, int]) -> dict[str, Tally]:
    """Every `jobs`-th mutant from one on, tried and counted by kind."""
    first, number, jobs, seed = task
    found: dict[str, Tally] = {}
    with tempfile.TemporaryDirectory() as folder:
        for i in range(first, number, jobs):
            one = mutant(i, seed)
            found.setdefault(one.kind, Tally()).add(tried(one, Path(folder)))
    return found


def run(number: int, seed: int = 0, jobs: int = 1) -> dict[str, Tally]:
    """So many mutants, by kind."""
    tasks = [(first, number, jobs, seed) for first in range(jobs)]
    if jobs == 1:
        return stretch(tasks[0])
    found: dict[str, Tally] = {}
    with multiprocessing.get_context("spawn").Pool(jobs) as pool:
        for part in pool.imap_unordered(stretch, tasks):
            for kind, tally in part.items():
                found.setdefault(kind, Tally()).add(tally)
    return found


FAULTS = ("traceback", "unplaced", "typo accepted", "slow", "edit fails")


def table(found: dict[str, Tally]) -> str:
    """The tallies as text, a line a kind."""
    whole = Tally()
    for tally in found.values():
        whole.add(tally)
    head = f"{'kind':16}{'made':>7}{'loads':>7}{'right':>8}{'edits':>7}{'slowest':>9}"
    lines = [head + "".join(f"{name:>15}" for name in FAULTS)]
    for kind, tally in [*sorted(found.items()), ("all", whole)]:
        typos = tally.made if kind.startswith("typo") else 0
        right = f"{100 * tally.right / typos:.1f} %" if typos else ""
        line = f"{kind:16}{tally.made:7,}{tally.accepted:7,}{right:>8}{tally.offered:7,}{tally.slowest:7.2f} s"
        lines.append(line + "".join(f"{tally.faults[name]:15,}" for name in FAULTS))
    return "\n".join(lines)


def share_right(found: dict[str, Tally]) -> float:
    """Of the typos that were refused, how many with the word that was meant."""
    typos = [tally for kind, tally in found.items() if kind.startswith("typo")]
    refused = sum(t.made - t.accepted for t in typos)
    return sum(t.right for t in typos) / refused if refused else 1.0


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("number", type=int, nargs="?", default=1000, help="how many specs to spoil (1000)")
    parser.add_argument("--seed", type=int, default=0, help="which ones (0)")
    parser.add_argument("--jobs", type=int, default=2, help="processes at once (2)")
    parser.add_argument("--show", type=int, default=10, help="examples of each fault (10)")
    args = parser.parse_args()
    found = run(args.number, args.seed, args.jobs)
    print(table(found))
    share = share_right(found)
    print(f"typos answered with the right word: {100 * share:.2f} %, at least {100 * RIGHT:.0f} %")
    shown: Counter[str] = Counter()
    for name, one, told in (example for tally in found.values() for example in tally.examples):
        shown[name] += 1
        if shown[name] <= args.show:
            meant = f" '{one.word}' as '{one.misspelt}'" if one.word else ""
            print(f"\n{name}: {one.kind}{meant} in {one.origin}\n{told}")
    must = [name for name in FAULTS if name != "slow"]
    return int(share < RIGHT or any(tally.faults[name] for tally in found.values() for name in must))


if __name__ == "__main__":
    sys.exit(main())
