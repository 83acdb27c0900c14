"""`archspec new`: what it writes is the network it was begun from, in its author's words."""

from __future__ import annotations

import re
from collections.abc import Callable
from pathlib import Path
from subprocess import CompletedProcess

import pytest

import archspec
from archspec import source, zoo
from archspec.authoring.starting.rewrite import edited, flow

Run = Callable[..., "CompletedProcess[str]"]
NAMES = [entry.name for entry in zoo.entries()]


@pytest.fixture(autouse=True)
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """An empty folder, in which the tests stand."""
    monkeypatch.chdir(tmp_path)
    return tmp_path


def codes(error: pytest.ExceptionInfo[archspec.SpecError]) -> list[str]:
    return [d.code for d in error.value.diagnostics]


# Networks of the zoo


@pytest.mark.parametrize("name", NAMES)
def test_it_is_the_network_it_was_begun_from_in_the_same_words(name: str) -> None:
    """Its layers and blocks are written as they were, comments and line breaks included."""
    begun = archspec.new("mine", like=name)
    assert [str(d) for d in archspec.check(begun.path, strict=True)] == []
    one, other = archspec.load(name), begun.graph
    assert other.name == "mine"
    assert archspec.summarize(other).totals == archspec.summarize(one).totals
    assert [(n, node.op, node.inputs) for n, node in other.nodes.items()] == [
        (n, node.op, node.inputs) for n, node in one.nodes.items()
    ]
    original = zoo.locate(name)[0].read_text(encoding="utf-8")
    text = begun.path.read_text(encoding="utf-8")
    for key in ("layers", "heads"):
        assert entry(text, key) == entry(original, key)
    blocks = blocks_of(original)
    called = {scope.word for scope in one.scopes.values()}
    assert blocks_of(text) == {block: blocks[block] for block in blocks if block in called}
    assert not re.search(r"^(variants|cite|assert):", text, re.M)
    assert text.startswith(f"# Begun from {name}")
    assert "\n\n\n" not in text and not text.endswith("\n\n")
    assert max(map(len, text.splitlines())) <= 120


def entry(text: str, key: str) -> str:
    """A key of a spec with all that is indented below it."""
    found = re.search(rf"^{key}:[^\n]*\n(?:[ \t]+[^\n]*\n)*", text, re.M)
    return found.group() if found else ""


def blocks_of(text: str) -> dict[str, str]:
    """The blocks of a spec as they are written, each with the comments and blank lines above it."""
    found = re.findall(r"((?:^(?:  #[^\n]*)?\n)*^  (\w+):[^\n]*\n(?:^    [^\n]*\n)*)", entry(text, "blocks"), re.M)
    return {name: block for block, name in found}


@pytest.mark.parametrize(("name", "block"), [("resnet18", "basic"), ("resnet50", "bottleneck")])
def test_blocks_that_only_other_variants_call_go(name: str, block: str) -> None:
    text = archspec.new("mine", like=name).path.read_text(encoding="utf-8")
    assert list(blocks_of(text)) == [block]
    assert "\n\nlayers:\n" in text


def test_what_a_block_was_told_goes_with_it(folder: Path) -> None:
    (folder / "own.yaml").write_text(
        """\
archspec: 1
input: [3, 8, 8]
vars: {block: one}
variants: {b: {block: two}}

blocks:
  # the first
  # of them
  one:
    layers: [relu]
    # its end

  # the second
  two: # called by the variant
    layers: [three]

  three: {layers: [elu]}
# the network
layers: [$block: {}]
"""
    )
    head = "archspec: 1\nname: {}\ninput: [3, 8, 8]\nvars: {{block: {}}}\n\nblocks:\n"
    tail = "# the network\nlayers: [$block: {}]\n"
    one = "  # the first\n  # of them\n  one:\n    layers: [relu]\n    # its end\n\n"
    two = "  # the second\n  two: # called by the variant\n    layers: [three]\n\n  three: {layers: [elu]}\n"
    for name, like, kept in (("one", "own.yaml", one), ("two", "own.yaml@b", two)):
        text = archspec.new(name, like=like).path.read_text(encoding="utf-8")
        assert text == f"# Begun from {like}.\n" + head.format(name, name) + kept + tail


def test_a_variant_is_written_in_and_the_others_go() -> None:
    text = archspec.new("mine", like="resnet18").path.read_text(encoding="utf-8")
    assert text.startswith(
        """\
# Begun from resnet18 (arXiv:1512.03385).
archspec: 1
name: mine
input: [3, 224, 224] # channels, height, width; the batch is implicit
use: std # conv_bn
vars: {classes: 1000, block: basic, depths: [2, 2, 2, 2]}

blocks:
"""
    )


def test_what_only_other_variants_allowed_is_allowed_no_more() -> None:
    assert "allow" not in archspec.new("plain", like="vgg16").path.read_text(encoding="utf-8")
    assert "allow: [W317]" in archspec.new("normed", like="vgg16_bn").path.read_text(encoding="utf-8")


# Specs of one's own

OWN = """\
# What this is about.

archspec: 1
# the name comes with a comment
name: own
# where it is from
# in two lines
cite: a paper
input: [3, 8, 8]
use:
  - std
  - blocks/more.yaml
vars:
  depths: # how many
    - 1
    - 2
  # how wide
  width: 1.0 # of eight
  pool: "max(1, 2)"
  act: relu

# the variants have a comment of their own
variants:
  deep:
    depths: [3, 4]
    width: 2
    act: "'elu' if 1 > 0 else 'relu'"
  small: {input: [3, 4, 4], defaults: {batch_norm: {eps: 1e-3}}, outputs: {out: last}}
assert: [{always: params > 0}]

layers:
  - conv_bn: {out: 8 * $width, act: $act}
    repeat: sum($depths)
  - more
  - relu: {}
    name: last
# the end
"""


@pytest.fixture
def own(folder: Path) -> Path:
    (folder / "nets" / "blocks").mkdir(parents=True)
    (folder / "nets" / "blocks" / "more.yaml").write_text("archspec: 1\nblocks: {more: {layers: [relu]}}\n")
    path = folder / "nets" / "own.yaml"
    path.write_text(OWN, encoding="utf-8")
    return path


def test_comments_stay_with_what_they_speak_of(own: Path) -> None:
    path = archspec.new("mine", like="nets/own.yaml@deep").path
    assert (
        path.read_text(encoding="utf-8")
        == """\
# Begun from nets/own.yaml@deep (a paper).
# What this is about.

archspec: 1
# the name comes with a comment
name: mine
input: [3, 8, 8]
use:
  - std
  - nets/blocks/more.yaml
vars:
  depths: # how many
    - 3
    - 4
  # how wide
  width: 2 # of eight
  pool: "max(1, 2)"
  act: '''elu'' if 1 > 0 else ''relu'''

layers:
  - conv_bn: {out: 8 * $width, act: $act}
    repeat: sum($depths)
  - more
  - relu: {}
    name: last
# the end
"""
    )


def test_keys_that_a_variant_adds_come_in_their_place(own: Path) -> None:
    text = archspec.new("mine", like="nets/own.yaml@small").path.read_text(encoding="utf-8")
    assert "input: [3, 4, 4]\n" in text
    assert "  act: relu\ndefaults: {batch_norm: {eps: 0.001}}\n\nlayers:\n" in text
    assert text.endswith("    name: last\noutputs: {out: last}\n# the end\n")


def test_paths_lead_on_to_the_same_files(own: Path, folder: Path) -> None:
    (folder / "a" / "b").mkdir(parents=True)
    begun = archspec.new("a/b/mine", like=own)
    assert begun.path == Path("a/b/mine.yaml")
    assert "../../nets/blocks/more.yaml" in begun.path.read_text(encoding="utf-8")
    assert begun.graph.nodes.keys() == archspec.load(own).nodes.keys()


@pytest.mark.parametrize(
    "text",
    [
        "{archspec: 1, name: own, input: [8], cite: a paper, layers: [linear: 3]}",
        "archspec: 1\nname: own\ninput: [8]\nlayers: *l\n".replace("name: own", "name: own\ncite: &l a"),
        "archspec: 1\nvariants: {a: {defaults: &d {batch_norm: {eps: 1e-3}}}}\n"
        "input: [8]\nlayers: [batch_norm]\ndefaults: *d\n",
        "archspec: 1\r\nname: own\r\ninput: [8] # two\r\nlayers: [linear: 3]\r\n",
        "archspec: 1\ninput: [8]\nlayers: [linear: 3]\nassert: [params == 27]",
        "\ufeffarchspec: 1\nname: größe # ×\ninput: [8]\nlayers: [linear: 3]\n".replace("größe", "g"),
    ],
    ids=["in braces", "no list", "an anchor that goes", "Windows", "no line end", "a mark of byte order"],
)
def test_odd_layouts(text: str, folder: Path) -> None:
    """Where the text cannot be edited it is written anew; either way it is the same network under the new name."""
    path = folder / "own.yaml"
    path.write_text(text, encoding="utf-8", newline="")
    try:
        one = archspec.load(path)
    except archspec.SpecError as error:
        with pytest.raises(archspec.SpecError) as caught:
            archspec.new("mine", like=path)
        assert str(caught.value) == str(error)
        assert not Path("mine.yaml").exists()
        return
    other = archspec.new("mine", like=path).graph
    assert other.name == "mine"
    assert other.nodes.keys() == one.nodes.keys()
    assert archspec.summarize(other).totals == archspec.summarize(one).totals


def test_a_value_that_differs_in_kind_alone_is_changed() -> None:
    text = "archspec: 1\nvars: {a: 1, b: 0, c: 1.0}\n"
    plain = source.to_plain(source.parse(text, "text"))
    wanted = {"archspec": 1, "vars": {"a": True, "b": 0, "c": 1}}
    assert edited(text, plain, wanted) == "archspec: 1\nvars: {a: true, b: 0, c: 1}\n"


def test_values_in_one_line_read_back() -> None:
    for value in ({"a": [1, 2.5, {"b": "x, y"}], "c": True}, "round_to($c, 8)", "# no", "on", "1e3", [], {}):
        assert source.to_plain(source.parse(f"[{flow(value)}]", "text")) == [value]
        assert "\n" not in flow(value)


# The small classifier


def test_the_small_classifier_is_right_and_of_a_good_size() -> None:
    begun = archspec.new("first")
    assert [str(d) for d in archspec.check(begun.path, strict=True)] == []
    totals = archspec.summarize(begun.graph).totals
    # 9·(3·32 + 2·32·32 + 32·64 + 64·64 + 64·128 + 128·128) weights of 3×3, 32·64 + 64·128 of the projections,
    # 2·(3·32 + 3·64 + 3·128) of batch norms (the projections' included), 128·10 + 10 of the last layer
    assert totals.params == 9 * 32_864 + 10_240 + 1_344 + 1_290
    text = begun.path.read_text(encoding="utf-8")
    assert "name: first\n" in text and text.count("#") >= 8


@pytest.mark.slow
def test_the_small_classifier_learns(run_archspec: Run) -> None:
    """By the commands it tells: on 1,797 handwritten digits, 10 classes, chance is 10 %."""
    pytest.importorskip("torch")
    told = run_archspec("new", "first").stdout
    line = next(line.strip() for line in told.splitlines() if "archspec train" in line)
    assert line == "echo 'model: first.yaml' > first_run.yaml && archspec train first_run.yaml"
    Path("first_run.yaml").write_text("model: first.yaml\n", encoding="utf-8")
    done = run_archspec("train", "first_run.yaml", "--set", "train.epochs=5", "--out", "run", timeout=900)
    assert done.returncode == 0, done.stderr
    assert archspec.evaluate("run").accuracy > 0.95


# What it refuses, and what it says


def test_it_never_writes_over_a_file(folder: Path) -> None:
    (folder / "mine.yaml").write_text("precious", encoding="utf-8")
    for like in (None, "resnet18"):
        with pytest.raises(archspec.SpecError) as caught:
            archspec.new("mine", like=like)
        assert codes(caught) == ["E540"]
    assert (folder / "mine.yaml").read_text(encoding="utf-8") == "precious"


@pytest.mark.parametrize(
    "name", ["", " ", "my net", "-mine", ".mine", "mine.yaml", "mine.yml", "näme", "a/", "..", "a\nb", "$x"]
)
def test_bad_names(name: str, folder: Path) -> None:
    with pytest.raises(archspec.SpecError) as caught:
        archspec.new(name)
    assert codes(caught) == ["E541"]
    assert list(folder.iterdir()) == []


@pytest.mark.parametrize(
    ("like", "code", "told"),
    [
        ("resnet81", "E501", "resnet18"),
        ("resnet50@51", "E510", "101"),
        ("no/such.yaml", "E501", "no/such.yaml"),
        ("wrong.yaml", "E301", "kernel"),
        ("blocks.yaml", "E504", "blocks"),
    ],
)
def test_what_cannot_be_begun_from(like: str, code: str, told: str, folder: Path) -> None:
    (folder / "wrong.yaml").write_text("archspec: 1\ninput: [3, 8, 8]\nlayers: [conv: {out: 8, kernal: 3}]\n")
    (folder / "blocks.yaml").write_text("archspec: 1\nblocks: {a: {layers: [relu]}}\n")
    with pytest.raises(archspec.SpecError) as caught:
        archspec.new("mine", like=like)
    assert codes(caught) == [code] and told in str(caught.value)
    assert not (folder / "mine.yaml").exists()


def test_a_name_with_a_dot_keeps_it(folder: Path) -> None:
    begun = archspec.new("mine.v2")
    assert (begun.path, begun.graph.name) == (Path("mine.v2.yaml"), "mine.v2")
    assert "> mine.v2_run.yaml" in str(begun)


def test_a_folder_that_is_not_there() -> None:
    with pytest.raises(archspec.SpecError) as caught:
        archspec.new("nowhere/mine")
    assert codes(caught) == ["E505"]


def test_what_it_prints(run_archspec: Run) -> None:
    done = run_archspec("new", "mine", "--like", "resnet18")
    assert (done.returncode, done.stderr) == (0, "")
    assert done.stdout == (
        "mine.yaml: begun from resnet18, 11,689,512 parameters, 1,814,073,344 MACs\n"
        "  archspec check mine.yaml\n"
        "  archspec summarize mine.yaml\n"
        "  archspec draw mine.yaml -o mine.svg\n"
    )
    for line in done.stdout.splitlines()[1:3]:
        assert run_archspec(*line.split()[1:]).returncode == 0


@pytest.mark.parametrize("args", [["new"], ["new", "a", "b"], ["new", "a", "--lik", "b"], ["new", "a", "--like"]])
def test_wrong_command_lines(args: list[str], run_archspec: Run) -> None:
    done = run_archspec(*args)
    assert (done.returncode, done.stdout) == (2, "")
