"""Mistakes planted in every network of the zoo, at random places: the schema refuses what archspec refuses."""

from __future__ import annotations

import copy
from collections.abc import Callable, Iterator
from pathlib import Path
from random import Random
from typing import Any

import pytest

import archspec
from archspec import source, zoo
from archspec.authoring.schema import schema
from archspec.spec import MODIFIERS

jsonschema = pytest.importorskip("jsonschema")

NETWORKS = sorted({entry.path for entry in zoo.entries()})
Spec = dict[str, Any]
Plant = Callable[[Spec, Random], None]


def lists(layers: list[Any]) -> Iterator[list[Any]]:
    """A list of layers, and every one inside it."""
    yield layers
    for one in layers:
        yield from inside(one)


def inside(one: Any) -> Iterator[list[Any]]:
    """The lists of layers inside a layer."""
    for word, held in one.items() if isinstance(one, dict) else ():
        if word in ("layers", "map"):
            yield from lists(held)
        elif word == "residual":
            for part in held.values() if isinstance(held, dict) else [held]:
                yield from lists(part) if isinstance(part, list) else ()
        elif word == "branches":
            for branch in held:
                yield from lists(branch) if isinstance(branch, list) else inside(branch)


def everywhere(spec: Spec) -> list[list[Any]]:
    """The lists of layers of a spec, of its blocks and heads."""
    blocks = [block["layers"] for block in spec.get("blocks", {}).values()]
    heads = [head["layers"] for head in spec.get("heads", {}).values()]
    return [found for layers in (spec["layers"], *blocks, *heads) for found in lists(layers)]


def layer(text: str) -> Plant:
    """A layer put somewhere into some list."""

    def plant(spec: Spec, random: Random) -> None:
        layers = random.choice(everywhere(spec))
        layers.insert(random.randrange(len(layers) + 1), source.to_plain(source.parse(text, "text")))

    return plant


def keys(text: str, without: tuple[str, ...] = ()) -> Plant:
    """Other values of keys of the document."""

    def plant(spec: Spec, random: Random) -> None:
        spec.update(source.to_plain(source.parse(text, "text")))
        for key in without:
            del spec[key]

    return plant


def misspelt(text: str, random: Random) -> str:
    """The word with two of its letters that differ exchanged."""
    places = [i for i in range(len(text) - 1) if text[i] != text[i + 1]]
    i = random.choice(places)
    return text[:i] + text[i + 1] + text[i] + text[i + 2 :]


def misspelt_word(spec: Spec, random: Random) -> None:
    """A layer of the network whose word is misspelt."""
    words = [
        (found, i, word)
        for found in everywhere(spec)
        for i, one in enumerate(found)
        for word in ([one] if isinstance(one, str) else one)
        if len(word) > 2 and not word.startswith("$") and word not in MODIFIERS
    ]
    if not words:  # all of them stand alone in branches
        return layer("covn: 8")(spec, random)
    found, i, word = random.choice(words)
    wrong = misspelt(word, random)
    found[i] = (
        wrong if found[i] == word else {(wrong if key == word else key): value for key, value in found[i].items()}
    )


def misspelt_argument(spec: Spec, random: Random) -> None:
    """An argument of an operator or block that is misspelt."""
    calls = [
        (one, word)
        for found in everywhere(spec)
        for one in found
        if isinstance(one, dict)
        for word in one
        if isinstance(one[word], dict) and word not in ("each", "residual", "act", "was", "join")
        if any(len(name) > 2 for name in one[word])
    ]
    if not calls:
        return layer("conv: {otu: 8}")(spec, random)
    one, word = random.choice(calls)
    name = random.choice([name for name in one[word] if len(name) > 2])
    one[word] = {(misspelt(key, random) if key == name else key): value for key, value in one[word].items()}


def misspelt_key(spec: Spec, random: Random) -> None:
    key = random.choice([key for key in spec if key != "archspec"])
    spec[misspelt(key, random)] = spec.pop(key)


def misspelt_in_a_variant(spec: Spec, random: Random) -> None:
    variables = spec.setdefault("vars", {"width": 1})
    spec["variants"] = {"planted": {f"{random.choice([*variables])}_": 1}}


PLANTED: dict[str, Plant] = {
    "a key misspelt": misspelt_key,
    "a word misspelt": misspelt_word,
    "an argument misspelt": misspelt_argument,
    "a variable of a variant misspelt": misspelt_in_a_variant,
    "another version": keys("archspec: 2"),
    "no version": keys("name: x", without=("archspec",)),
    "a size of zero": keys("input: [3, 0, 8]"),
    "five axes": keys("input: [3, 8, 8, 8, 8]"),
    "no input": keys("name: x", without=("input",)),
    "input and inputs": keys("inputs: {image: [3, 224, 224]}"),
    "no layers in it": keys("layers: []"),
    "layers in a mapping": keys("layers: {conv: 3}"),
    "no such task": keys("task: clasify"),
    "a name with spaces": keys("name: my net"),
    "a code of no rule": keys("allow: [W999]"),
    "a code in no list": keys("allow: W317"),
    "defaults of no operator": keys("defaults: {batchnorm: {eps: 1e-3}}"),
    "defaults of the structure": keys("defaults: {conv: {kernel: 3}}"),
    "defaults out of range": keys("defaults: {batch_norm: {eps: 0}}\nlayers: [batch_norm]"),
    "variants in a list": keys("variants: [a, b]"),
    "a variant's input": keys("variants: {a: {input: [3, 0]}}"),
    "a block without layers": keys("blocks: {a: {params: {x: int}}}"),
    "a block's key": keys("blocks: {a: {param: {x: int}, layers: [relu]}}"),
    "blocks in a list": keys("blocks: [a]"),
    "a head's key": keys("heads: {a: {form: x, layers: [relu]}}"),
    "a head for tests": keys("heads: {a: {from: x, only: test, layers: [relu]}}"),
    "no outputs": keys("outputs: {}"),
    "an assertion's key": keys("assert: [{alway: params > 0}]"),
    "use of a number": keys("use: 3"),
    "a modifier misspelt": layer("{conv: 8, nmae: stem}"),
    "two words": layer("{conv: 8, relu: {}}"),
    "no word": layer("{name: stem}"),
    "a number for a layer": layer("3"),
    "a list for a layer": layer("[relu]"),
    "an argument left out": layer("conv: {kernel: 3}"),
    "a kernel of zero": layer("conv: {out: 8, kernel: 0}"),
    "a word for a number": layer("conv: {out: eight}"),
    "a padding misspelt": layer("conv: {out: 8, padding: smae}"),
    "half a channel": layer("conv: {out: 8.5}"),
    "more than certain": layer("dropout: 1.5"),
    "an epsilon of zero": layer("batch_norm: {eps: 0}"),
    "arguments for none": layer("relu: 3"),
    "an activation misspelt": layer("act: rellu"),
    "an activation's argument": layer("act: {leaky_relu: {slop: 0.1}}"),
    "branches without a join": layer("branches: [[relu], []]"),
    "a join misspelt": layer("{branches: [[relu], []], join: conct}"),
    "a join without branches": layer("{relu: {}, join: add}"),
    "a residual's key": layer("residual: {bdy: [relu]}"),
    "a shortcut misspelt": layer("residual: {body: [relu], shortcut: projct}"),
    "a truth that is none": layer("{relu: {}, when: never}"),
    "fewer than none": layer("{relu: {}, repeat: -1}"),
    "two loops": layer("{relu: {}, repeat: 2, each: {x: [1]}}"),
    "a loop over a number": layer("{relu: {}, each: {x: 3}}"),
    "a table without columns": layer("{relu: {}, each: {rows: [[1]]}}"),
    "a name that is none": layer("{relu: {}, name: 3x3-conv}"),
    "from a number": layer("{relu: {}, from: 3}"),
    "own of a word": layer("{relu: {}, own: sure}"),
    "was nothing": layer("{relu: {}, was: []}"),
}
ITS_OWN_ALONE = {"a word misspelt", "an argument misspelt", "a variable of a variant misspelt"}
"""What the schema of any spec cannot always know: blocks of the file, their parameters, and its variables."""


@pytest.fixture(scope="module")
def specs() -> list[tuple[Path, Spec, Any]]:
    """The networks of the zoo, each with the validator of its own."""
    return [(path, source.to_plain(source.read(path)), jsonschema.Draft7Validator(schema(path))) for path in NETWORKS]


@pytest.fixture(scope="module")
def general() -> Any:
    return jsonschema.Draft7Validator(schema())


@pytest.mark.parametrize("kind", PLANTED)
def test_what_is_planted_is_found(kind: str, specs: list[Any], general: Any, tmp_path: Path) -> None:
    random = Random(kind)
    judged = random.sample(range(len(specs)), 2)
    for number, (path, right, own) in enumerate(specs):
        spec = copy.deepcopy(right)
        PLANTED[kind](spec, random)
        assert not own.is_valid(spec), path
        if kind not in ITS_OWN_ALONE:
            assert not general.is_valid(spec), path
        if number in judged:  # that archspec refuses it too: what it takes is no mistake
            file = tmp_path / path.name
            file.write_text(source.dump(spec), encoding="utf-8")
            assert any(d.severity == "error" for d in archspec.check(file)), file.read_text(encoding="utf-8")


def test_nothing_is_found_where_nothing_is_planted(specs: list[Any], general: Any) -> None:
    for path, right, own in specs:
        assert own.is_valid(right) and general.is_valid(right), path
