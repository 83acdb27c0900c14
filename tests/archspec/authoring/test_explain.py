"""`archspec explain`: a page for every code and every word, as it is, and readable in any terminal."""

from __future__ import annotations

import os
import pty
import re
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

import archspec
from archspec.authoring.explaining import GROUPS, codes, explain, title, topics
from archspec.authoring.reference import meaning
from archspec.build.loops import TABLE_KEYS
from archspec.errors import Span, SpecError
from archspec.expressions import FUNCTIONS, parse_expression
from archspec.ops import REGISTRY
from archspec.render.page import page
from archspec.source import parse, to_plain
from archspec.spec import JOINS, MODIFIERS, PARAMETER_TYPES, RESERVED, SHORTCUTS, STRUCTURAL, Document

WORDS = [word for words in topics().values() for word in words]
CODES = [code for found in codes().values() for code in found]


@pytest.mark.parametrize("topic", [*WORDS, *CODES])
def test_everything_listed_has_a_page_that_fits_its_terminal(topic: str) -> None:
    text = explain(topic)
    assert len(text) > 40
    for width in (100, 60):
        fenced = {line for body in re.findall(r"^```\w*\n(.*?)^```$", text, re.S | re.M) for line in body.splitlines()}
        shown = [line for line in page(text, width).splitlines() if line.removeprefix("    ") not in fenced]
        assert max(map(len, shown)) <= width
        assert not any(mark in line for line in shown for mark in ("](", "```", "\x1b"))


def test_all_that_a_spec_may_write_is_a_topic() -> None:
    keys = {field.alias or name for name, field in Document.model_fields.items()}
    assert {*keys, *STRUCTURAL, *MODIFIERS, *REGISTRY, *FUNCTIONS, "conv_bn", "params", "prev"} <= set(WORDS)
    called = [*REGISTRY, *FUNCTIONS]
    assert {word for word in called if called.count(word) > 1} == {"max", "abs"}, "a layer and a function"


def enumerated(schema: object) -> Iterator[str]:
    """The words of a JSON schema: its keys, and the values it lists."""
    if isinstance(schema, list):
        for inner in schema:
            yield from enumerated(inner)
    elif isinstance(schema, dict):
        yield from (word for word in [*schema.get("enum", ()), schema.get("const")] if isinstance(word, str))
        yield from schema.get("properties", ())
        inside = (value for key, value in schema.items() if key not in ("enum", "const", "default", "properties"))
        for inner in (*inside, *schema.get("properties", {}).values()):
            yield from enumerated(inner)


@pytest.mark.parametrize("run", [False, True])
def test_every_word_of_the_schema_is_explained(run: bool) -> None:
    """The schema is made of the models and the registry: what editors offer can be asked for."""
    words = {word for word in enumerated(archspec.schema(run=run)) if not re.fullmatch(r"\W*", word)}
    assert len(words) > 150
    unknown = []
    for word in sorted(words):
        try:
            assert explain(word)
        except SpecError:
            unknown.append(word)
    assert unknown == []


@pytest.mark.parametrize(
    "word", [*JOINS, *SHORTCUTS, *PARAMETER_TYPES, *TABLE_KEYS, *RESERVED, "bundle", "expressions"]
)
def test_words_that_no_schema_lists_are_explained(word: str) -> None:
    assert re.search(rf"^## .*\b{word}\b", explain(word), re.M)


def test_a_word_of_run_files_says_where_it_stands() -> None:
    text = explain("adam")
    assert "Kingma" in text and "A kind of `train.optimizer` in run files. Its keys are `lr`" in text
    assert "A key of run files, in `train.optimizer` (`sgd`)" in explain("nesterov")
    assert "A value of `precision` in `train` of run files" in explain("bf16")
    both = explain("weight_decay") + explain("scale")
    assert "An operator" not in both and "residual scaling" in both and "A key of run files" in both
    assert "A value of `mode` of `upsample`" in explain("bilinear")


def test_every_group_of_codes_says_what_it_is_about() -> None:
    assert set(codes()) <= set(GROUPS)
    assert title("E002") == "a key stands twice"


@pytest.mark.parametrize("word", REGISTRY)
def test_every_argument_has_a_meaning(word: str) -> None:
    assert all(meaning(REGISTRY[word], name) for name in REGISTRY[word].model_fields)


def test_an_operator_has_its_arguments_defaults_and_samples() -> None:
    """AlexNet's first layer: (227 − 11) / 4 + 1 = 55; 96·3·11² weights and 96 biases; 96·55²·363 products."""
    text = explain("conv")
    assert "| `stride` | whole number ≥ 1, or a list of them | `1` | cells from one window to the next" in text
    assert f"| 3×227×227 | 96×55×55 | {96 * 363 + 96:,} | {96 * 55 * 55 * 363:,} |" in text


@pytest.mark.parametrize("name", FUNCTIONS)
def test_the_example_of_a_function_is_so(name: str) -> None:
    found = re.search(r"`([^`]+)` is (.+)\.$", explain(name).strip(), re.M)
    assert found, "an example ends the line"
    value = parse_expression(found[1], Span("here", 1, 1)).evaluate({})
    assert value == (to_plain(parse(found[2], "here")))


@pytest.mark.parametrize("library", ["std", "kernels"])
def test_a_shipped_block_is_shown_as_it_was_written(library: str, root: Path) -> None:
    written = parse((root / "specs" / f"{library}.yaml").read_text(encoding="utf-8"), library)
    for name, block in to_plain(written)["blocks"].items():
        text = re.search(r"^```yaml\n(.*?)^```$", explain(name), re.S | re.M)
        assert text and to_plain(parse(text[1], name)) == {name: block}


def test_a_block_of_a_spec_its_own_or_used(tmp_path: Path) -> None:
    (tmp_path / "more.yaml").write_text("archspec: 1\nblocks:\n  used: # comes from elsewhere\n    layers: [relu]\n")
    spec = tmp_path / "s.yaml"
    spec.write_text(
        "archspec: 1\ninput: [3, 8, 8]\nuse: more.yaml\n"
        "blocks:\n\n  own:\n    params: {width: int, act: relu}\n\n    layers:\n      - conv: $width\n\n"
        "  conv_bn: {layers: [gelu]}\n"
        "layers: [own: 3, used]\n"
    )
    own = explain("own", spec)
    assert "| `width` | required: int |\n| `act` | `relu` |" in own
    assert "    params: {width: int, act: relu}\n\n" not in own, "its lines begin at the margin"
    assert "own:\n  params: {width: int, act: relu}\n\n  layers:\n    - conv: $width\n```" in own
    assert "Comes from elsewhere." in explain("used", spec)
    assert "gelu" in explain("conv_bn", spec), "a spec's own block comes before a shipped one"
    assert "gelu" not in explain("conv_bn")
    assert "## relu" in explain("relu", spec), "what is no block is explained all the same"


@pytest.mark.parametrize(
    ("topic", "spec", "hint"),
    [
        ("convv", None, "did you mean 'conv'?"),
        ("dense", None, "did you mean 'linear'?"),
        ("E999", None, "lists the codes"),
        ("resnet50", None, "`archspec summarize resnet50`; `--in resnet50`"),
        ("bottlenek", "resnet50", "did you mean 'bottleneck'?"),
        ("", None, "lists all"),
    ],
)
def test_what_is_not_known_is_an_error_with_a_suggestion(topic: str, spec: str | None, hint: str) -> None:
    with pytest.raises(SpecError) as raised:
        archspec.explain(topic, spec)
    (found,) = raised.value.diagnostics
    assert found.code == "E539" and found.hint and hint in found.hint


def test_variables_and_codes_as_people_type_them() -> None:
    assert explain("$prev") == explain("prev")
    assert explain(" e102 ") == explain("E102")


def test_a_page_in_a_terminal() -> None:
    text = (
        "# E000: a title\n\nSome *words* and `code that stays whole`, **loud**, [a link](x.md) and 2 \\* 3.\n\n"
        "- one item\n- another item that is long\n\n| a | b |\n|---|---:|\n| `x` | 1,000 |\n| y y y y | 2 |\n\n"
        "## Bad\n\n```yaml\na: **not bold**\n```\n"
    )
    assert page(text, 30) == (
        "E000: a title\n\n"
        "Some *words* and\n`code that stays whole`, loud,\na link and 2 * 3.\n\n"
        "- one item\n- another item that is long\n\n"
        "a            b\n───────  ─────\nx        1,000\ny y y y      2\n\n"
        "Bad\n\n    a: **not bold**"
    )
    painted = page(text, 30, color=True)
    assert "\x1b[1mE000: a title\x1b[0m" in painted and "\x1b[31;1mBad\x1b[0m" in painted
    assert "\x1b[36m`code that stays whole`\x1b[0m" in painted
    assert re.sub(r"\x1b\[[0-9;]*m", "", painted) == page(text, 30)


def test_the_command(run_archspec) -> None:
    done = run_archspec("explain", "E102", "conv", env={**os.environ, "COLUMNS": "60"})
    assert done.returncode == 0 and done.stdout.startswith("E102: ") and "\n\nconv\n\n" in done.stdout
    assert "\x1b" not in done.stdout and max(map(len, done.stdout.splitlines())) <= 100
    listed = run_archspec("explain").stdout
    assert "Convolutions\n  conv, depthwise" in listed and re.search(r"E001 … E015 +YAML", listed)
    wrong = run_archspec("explain", "convv")
    assert (wrong.returncode, wrong.stdout) == (1, "") and wrong.stderr.startswith("error E539: ")


def test_an_error_says_once_where_to_read_more_to_a_person_alone(tmp_path: Path) -> None:
    for name in ("a", "b"):
        (tmp_path / f"{name}.yaml").write_text("archspec: 1\ninput: [3, 8, 8]\nlayers: [rellu, conv: {outt: 3}]\n")
    command = [sys.executable, "-m", "archspec", "check", "a.yaml", "b.yaml"]
    ours, theirs = pty.openpty()
    subprocess.run(command, cwd=tmp_path, stderr=theirs, stdout=subprocess.DEVNULL, timeout=60, check=False)
    os.close(theirs)
    shown = os.read(ours, 100_000).decode()
    os.close(ours)
    assert shown.count("archspec explain E130 E301") == shown.count("archspec explain") == 1
    piped = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True, timeout=60, check=False)
    assert "E130" in piped.stderr and "archspec explain" not in piped.stderr


def test_an_argument_is_explained_by_the_layers_that_take_it() -> None:
    page = explain("stride")
    assert "`conv`" in page and "`max_pool`" in page and "`relu`" not in page
