"""The schema of specs: what archspec accepts it accepts, and what is planted in a spec it finds.

The judge is jsonschema, for what a schema means, and archspec's own check, for what should be refused.
"""

from __future__ import annotations

import itertools
import json
import re
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

import archspec
from archspec import source, zoo
from archspec.authoring.schema import dump, schema
from archspec.ops import REGISTRY
from archspec.spec import MODIFIERS

ROOT = Path(__file__).resolve().parents[4]
SHIPPED = [*sorted((ROOT / "specs").glob("*.yaml")), ROOT / "examples" / "small_resnet.yaml"]
Own = Callable[[Path | str], Any]
jsonschema = pytest.importorskip("jsonschema")

HEAD = """\
archspec: 1
input: [3, 32, 32]
use: std
vars: {width: 16}
blocks:
  mine: # two of them
    params: {out: int, kernel: 3}
    layers:
      - conv: {out: $out, kernel: $kernel, padding: same}
        repeat: 2
layers:
  - conv: 8
"""


def plain(text: str) -> Any:
    """What the text of a YAML file says."""
    return source.to_plain(source.parse(text, "text"))


@pytest.fixture(scope="session")
def general() -> Any:
    """The validator of any spec."""
    return jsonschema.Draft7Validator(schema())


@pytest.fixture(scope="session")
def own() -> Callable[[Path | str], Any]:
    """The validator of one spec."""

    def of(spec: Path | str) -> Any:
        return jsonschema.Draft7Validator(schema(spec))

    return of


@pytest.fixture(scope="session")
def of_head(tmp_path_factory: pytest.TempPathFactory) -> Any:
    """The validator that the spec HEAD has for itself: it knows `mine` and the standard blocks."""
    path = tmp_path_factory.mktemp("schema") / "head.yaml"
    path.write_text(HEAD, encoding="utf-8")
    return jsonschema.Draft7Validator(schema(path))


# The schema itself


@pytest.mark.parametrize(
    "made", [schema(), schema("resnet50"), schema(zoo.directory() / "std.yaml"), schema(run=True)], ids=len
)
def test_it_is_a_schema_of_draft_7(made: dict[str, Any]) -> None:
    assert made["$schema"] == "http://json-schema.org/draft-07/schema#"
    jsonschema.Draft7Validator.check_schema(made)


def test_every_reference_leads_to_a_definition() -> None:
    for made in (schema(), schema("efficientnet_b0"), schema(run=True)):
        wanted = set(re.findall(r'"\$ref": "#/definitions/([^"]+)"', json.dumps(made)))
        assert wanted <= made["definitions"].keys()


def test_it_stays_of_a_size_that_editors_read_at_once() -> None:
    assert 50_000 < len(dump(schema()).encode()) < 300_000


def test_it_reads_back_from_its_text() -> None:
    for made in (schema(), schema(run=True)):
        assert json.loads(dump(made)) == made


def test_everything_a_person_may_write_is_explained() -> None:
    made = schema()
    layer = made["definitions"]["layer"]["anyOf"][-1]
    words = [name for name in layer["properties"] if name not in MODIFIERS]
    assert {*REGISTRY, "conv_bn", "squeeze_excite", "residual", "branches", "map"} <= set(words)
    explained = {
        **{f"key {name}": key for name, key in made["properties"].items()},
        **{f"word {name}": made["definitions"][f"layer.{name}"] for name in words},
        **{f"modifier {name}": made["definitions"][f"modifier.{name}"] for name in MODIFIERS},
        **{f"head {name}": key for name, key in made["definitions"]["HeadDocument"]["properties"].items()},
        **{f"block {name}": key for name, key in made["definitions"]["BlockDocument"]["properties"].items()},
    }
    assert [name for name, found in explained.items() if not found.get("description")] == []


def test_an_argument_has_its_type_its_default_and_a_text() -> None:
    conv = schema()["definitions"]["layer.conv"]
    assert conv["description"] == "Convolution over one, two or three spatial axes, as many as the input has."
    assert "- conv: {out: 64, kernel: 7, stride: 2" in conv["markdownDescription"]
    assert conv["required"] == ["out"]
    assert conv["properties"]["groups"]["default"] == 1
    assert conv["properties"]["groups"]["description"].endswith("Unwritten: 1.")
    assert conv["properties"]["padding"]["anyOf"][0]["enum"] == ["valid", "same", "full", "same_upper"]


def test_a_standard_block_has_its_comment_and_the_arguments_it_hands_on() -> None:
    found = schema()["definitions"]["layer.conv_bn"]
    assert found["description"] == "Convolution without bias, batch normalisation, activation."
    assert found["properties"]["padding"]["default"] == "same"
    assert "valid" in found["properties"]["padding"]["anyOf"][0]["enum"]


# What archspec accepts


@pytest.mark.parametrize("path", SHIPPED, ids=lambda path: path.stem)
def test_shipped_specs_are_valid(path: Path, general: Any, own: Own) -> None:
    tree = source.to_plain(source.read(path))
    assert [error.message for error in general.iter_errors(tree)] == []
    assert [error.message for error in own(path).iter_errors(tree)] == []


def documented() -> list[tuple[str, str]]:
    """Whole specs of the documents that are shown as right."""
    found = []
    for path in [ROOT / "README.md", *(ROOT / "docs").rglob("*.md")]:
        text = path.read_text(encoding="utf-8")
        if path.parent.name == "diagnostics":
            text = text.partition("\n## Good\n")[2]
        specs = re.findall(r"^```yaml\n((?:# [^\n]*\n)*archspec: 1\n.*?)^```", text, re.S | re.M)
        found += [(f"{path.stem}-{i}", spec) for i, spec in enumerate(specs) if "name: mistakes" not in spec]
    return found


@pytest.mark.parametrize(("place", "text"), documented(), ids=lambda value: value[:30].partition("\n")[0])
def test_documented_specs_are_valid(place: str, text: str, general: Any, own: Own, tmp_path: Path) -> None:
    path = tmp_path / "documented.yaml"
    path.write_text(text, encoding="utf-8")
    if any(d.severity == "error" for d in archspec.check(path)):
        pytest.skip("this document shows a spec with other files, or a mistake")
    tree = plain(text)
    assert [error.message for error in general.iter_errors(tree)] == []
    assert [error.message for error in own(path).iter_errors(tree)] == []


ACCEPTED = """\
- relu
- $body
- $block: {anything: [1]}
- conv: 8
- conv: $width
- conv: 2 * $width
- conv: "round_to($c * $width, 8)"
- conv: 1_024
- conv: {out: 8, kernel: [3, $k], padding: [[0, 1], [1, 0]], bias: $norm == 'none', init: {normal: $deviation}}
- conv: {out: 8, padding: "'same' if $s == 1 else 'valid'", bias: true}
- batch_norm: {eps: 1e-3}
- split: [8, 8]
- slice: [0, $half]
- concat: [$skip, $prev]
- concat: {of: [a, "b:1", "enc.*.skip"], crop: center}
- upsample: {to: early}
- act: none
- act: $act
- act: {leaky_relu: {slope: 0.1}}
- act: {leaky_relu: 0.1}
- share: encoder
- {conv_bn: {out: 8, kernel: 3, act: none}, name: p$l, from: [a, b], when: $x > 0, repeat: $n, own: true}
- {relu: {}, was: old}
- {relu: {}, was: [old, older]}
- {conv_bn: 8, was: {conv: conv1, norm: [bn, bn1]}}
- {relu: {}, name: "${$l + 1}", when: "true"}
- {mine: 8, each: {depth: $depths, width: [1, 2], i: 2..5, other: reverse($x)}}
- {mine: 8, each: {columns: [a, b], rows: [[1, 2], [3, "4"]], as: row}}
- {mine: {out: 8, kernel: 3}, each: {columns: [a], rows: $table}}
- residual: [conv_bn: 8]
- residual: {body: [conv_bn: 8], shortcut: project}
- residual: {body: [conv_bn: 8], shortcut: [avg_pool: 2, conv: 8]}
- residual: {body: [conv_bn: 8], shortcut: $shortcut}
- {layers: [relu], repeat: 2}
- {branches: [[relu], [], {layers: [relu], when: $x}, conv: 8, relu], join: concat}
- {branches: [[relu], [relu]], join: {add: {crop: center}}}
- {branches: [{layers: [relu], each: {x: [1]}}], join: "'add' if $x else 'concat'"}
- {map: [relu, {conv: 8, own: true}], from: [a, b]}
"""


@pytest.mark.parametrize("layer", ACCEPTED.splitlines())
def test_ways_to_write_a_layer(layer: str, general: Any, of_head: Any) -> None:
    tree = plain(f"{HEAD}  {layer}\n")
    assert [error.message for error in general.iter_errors(tree)] == []
    assert [error.message for error in of_head.iter_errors(tree)] == []


# What is planted


REFUSED = """\
- conv: {out: 8, kernal: 3}
- conv: {out: eight}
- conv: {out: true}
- conv: {out: 8, kernel: 0}
- conv: {out: 8, kernel: [3, 0]}
- conv: {out: 8, kernel: three}
- conv: {out: 8.5}
- conv: {out: -8}
- conv: {out: 8, padding: smae}
- conv: {out: 8, bias: yes}
- conv: {out: 8, init: {norma: 0.1}}
- conv: {out: 8, init: normal}
- conv: {kernel: 3}
- conv
- conv: {}
- conv_transpose: 8
- relu: 3
- relu: {slope: 0.1}
- batch_norm: {eps: 0}
- batch_norm: 1e-3
- dropout: 1.5
- upsample: {scale: 2, mode: bilinar}
- conv_bn: {out: 8, act: rellu}
- conv_bn: {out: 8, kernel: 0}
- conv_bn: {kernel: 3}
- conv_bn: {out: 8, norm: false}
- conv_bn
- act: rellu
- act: {leaky_relu: {slop: 0.1}}
- act: {relu: {}, elu: {}}
- act
- residual: {bdy: [relu]}
- residual: {shortcut: project}
- residual: {body: [relu], shortcut: projct}
- residual: {body: [conv: {out: 0}]}
- residual
- {branches: [[relu]]}
- {branches: [[relu]], join: conct}
- {branches: [[relu]], join: {add: {of: [a]}}}
- {branches: [], join: add}
- {relu: {}, join: concat}
- {conv: 8, relu: {}}
- {mine: 8, conv: 8}
- {mine: 8, conv_bn: 8}
- {mine: 8, $other: 8}
- {$mine: 8, $other: 8}
- {conv: 8, nmae: stem}
- {mine: 8, nmae: stem}
- {mine: 8, name: stem, from: a, when: true, nmae: stem}
- {name: stem}
- {}
- {relu: {}, name: 3x3-conv}
- {relu: {}, name: 7}
- {relu: {}, when: 1}
- {relu: {}, when: never}
- {relu: {}, repeat: -1}
- {relu: {}, repeat: twice}
- {relu: {}, repeat: 2, each: {x: [1]}}
- {relu: {}, each: {x: 3}}
- {relu: {}, each: {x: many}}
- {relu: {}, each: {}}
- {relu: {}, each: {rows: [[1]]}}
- {relu: {}, each: {columns: [a], rows: [[1]], az: row}}
- {relu: {}, own: sure}
- {relu: {}, was: true}
- {relu: {}, was: []}
- {relu: {}, from: 3}
- [relu]
- 3
- map: relu
- layers: relu
- layers: [{conv: {out: 8, kernal: 3}}]
- {branches: [[conv: {out: 8, kernal: 3}]], join: add}
- map: [conv: {out: 8, kernal: 3}]
"""


@pytest.mark.parametrize("layer", REFUSED.splitlines())
def test_mistakes_in_a_layer(layer: str, general: Any, of_head: Any, tmp_path: Path) -> None:
    text = f"{HEAD}  {layer}\n"
    path = tmp_path / "mistake.yaml"
    path.write_text(text, encoding="utf-8")
    assert any(d.severity == "error" for d in archspec.check(path)), "archspec takes it, so should a schema"
    assert not general.is_valid(plain(text))
    assert not of_head.is_valid(plain(text))


@pytest.mark.parametrize(
    "layer", ["- covn: 8", "- rellu", "- mien: 8", "- mine: {out: 8, k: 3}", "- mine", "- mine: {}"]
)
def test_what_only_the_schema_of_a_spec_knows(layer: str, general: Any, of_head: Any) -> None:
    tree = plain(f"{HEAD}  {layer}\n")
    assert general.is_valid(tree)
    assert not of_head.is_valid(tree)


DOCUMENTS = {
    "an unknown key": "archspec: 1\ninput: [3, 8, 8]\nlayer: [relu]",
    "no version": "input: [3, 8, 8]\nlayers: [relu]",
    "another version": "archspec: 2\ninput: [3, 8, 8]\nlayers: [relu]",
    "no input": "archspec: 1\nlayers: [relu]",
    "input and inputs": "archspec: 1\ninput: [3, 8, 8]\ninputs: {a: [3, 8, 8]}\nlayers: [relu]",
    "no layers in it": "archspec: 1\ninput: [3, 8, 8]\nlayers: []",
    "a size of zero": "archspec: 1\ninput: [3, 0, 8]\nlayers: [relu]",
    "half a size": "archspec: 1\ninput: [3, 8.5, 8]\nlayers: [relu]",
    "five axes": "archspec: 1\ninput: [3, 8, 8, 8, 8]\nlayers: [relu]",
    "no such task": "archspec: 1\ntask: clasify\ninput: [3, 8, 8]\nlayers: [relu]",
    "a name with spaces": "archspec: 1\nname: my net\ninput: [3, 8, 8]\nlayers: [relu]",
    "defaults of no operator": "archspec: 1\ninput: [3, 8, 8]\ndefaults: {batchnorm: {eps: 1e-3}}\nlayers: [relu]",
    "defaults of the structure": "archspec: 1\ninput: [3, 8, 8]\ndefaults: {conv: {kernel: 3}}\nlayers: [relu]",
    "defaults out of range": "archspec: 1\ninput: [3, 8, 8]\ndefaults: {batch_norm: {eps: 0}}\nlayers: [batch_norm]",
    "a block without layers": "archspec: 1\ninput: [3, 8, 8]\nblocks: {a: {params: {x: int}}}\nlayers: [relu]",
    "a block's key": "archspec: 1\ninput: [3, 8, 8]\nblocks: {a: {param: {x: int}, layers: [relu]}}\nlayers: [relu]",
    "a head's key": "archspec: 1\ninput: [3, 8, 8]\nlayers: [relu]\nheads: {a: {form: relu1, layers: [relu]}}",
    "a head for tests": "archspec: 1\ninput: [8]\nlayers: [relu]\nheads: {a: {from: x, only: test, layers: [relu]}}",
    "a mistake in a block": "archspec: 1\ninput: [3, 8, 8]\nblocks: {a: {layers: [conv: {ot: 8}]}}\nlayers: [relu]",
    "a word that no block can be": "archspec: 1\ninput: [3, 8, 8]\nlayers: [convv: 3]",
    "such a word alone": "archspec: 1\ninput: [3, 8, 8]\nlayers: [rellu]",
    "such a word in a group": "archspec: 1\ninput: [3, 8, 8]\nlayers: [layers: [relu, rellu]]",
    "such a word in a branch": "archspec: 1\ninput: [3, 8, 8]\nlayers: [{branches: [[relu], rellu], join: add}]",
    "such a word in a residual": "archspec: 1\ninput: [3, 8, 8]\nlayers: [residual: [convv: 3]]",
    "such a word in a shortcut": "archspec: 1\ninput: [3, 8, 8]\nlayers: [residual: {body: [relu], shortcut: [rellu]}]",
    "such a word in a map": "archspec: 1\ninput: [3, 8, 8]\nlayers: [{map: [rellu], from: input}]",
    "such a word in a head": "archspec: 1\ninput: [8]\nlayers: [relu]\nheads: {a: {from: relu1, layers: [rellu]}}",
    "such a word beside std": "archspec: 1\nuse: std\ninput: [3, 8, 8]\nlayers: [conv_bn: 8, conv_bm: 8]",
    "a standard block without std": "archspec: 1\ninput: [3, 8, 8]\nlayers: [conv_bn: 8]",
    "a code of no rule": "archspec: 1\ninput: [3, 8, 8]\nallow: [W999]\nlayers: [relu]",
    "a variant that changes nothing": "archspec: 1\ninput: [8]\nlayers: [relu]\nvariants: {a: {inptu: [9]}}",
    "an assertion's key": "archspec: 1\ninput: [3, 8, 8]\nlayers: [relu]\nassert: [{allways: params == 0}]",
}


@pytest.mark.parametrize("text", DOCUMENTS.values(), ids=DOCUMENTS)
def test_mistakes_in_a_document(text: str, general: Any, tmp_path: Path) -> None:
    path = tmp_path / "mistake.yaml"
    path.write_text(text, encoding="utf-8")
    assert any(d.severity == "error" for d in archspec.check(path)), "archspec takes it, so should a schema"
    assert not general.is_valid(plain(text))


def test_sizes_may_be_computed_or_left_open(general: Any) -> None:
    for sizes in ("[3, $size, 2 * $size]", "[3, H, W]", "[4, 101]", "[100]"):
        assert general.is_valid(plain(f"archspec: 1\ninput: {sizes}\nvars: {{size: 8}}\nlayers: [relu]"))


@pytest.mark.parametrize("keys", ["use: mine.yaml", "use: [std, mine.yaml]", "blocks: {mine: {layers: [relu]}}"])
def test_where_blocks_may_come_from_any_word_may_be_one(keys: str, general: Any) -> None:
    layers = "[mine, {mine: 3}, {residual: [mine]}, {$body: {}}, $paths]"
    assert general.is_valid(plain(f"archspec: 1\ninput: [3, 8, 8]\n{keys}\nlayers: {layers}"))
    assert general.is_valid(plain("archspec: 1\ninput: [8]\nlayers: [{$body: {}}, $paths]"))


def test_one_word_beside_any_modifiers(general: Any) -> None:
    """Every set of modifiers, with no word, one, and two that nobody knows."""
    values = {"name": "a", "from": "b", "when": True, "repeat": 2, "own": True, "was": "c"}
    assert {*values, "each", "join"} == {*MODIFIERS}
    for count in range(len(values) + 1):
        for names in itertools.combinations(values, count):
            beside = {name: values[name] for name in names}
            for words, valid in (({}, False), ({"mine": 8}, True), ({"mine": 8, "other": 8}, False)):
                spec = {"archspec": 1, "input": [3, 8, 8], "use": "a.yaml", "layers": [{**words, **beside}]}
                assert general.is_valid(spec) == valid, spec
