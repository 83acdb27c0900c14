"""Templates of key maps: what they match, what they make of it, and how a bad one is refused."""

from __future__ import annotations

from pathlib import Path

import pytest
import yaml

from archspec.errors import Span, SpecError
from archspec.source import Scalar
from archspec_torch import keymap
from archspec_torch.keymap import KeyMap, Template, key_map, read_maps, template


def made(theirs: str, ours: str) -> Template:
    def scalar(text: str) -> Scalar:
        return Scalar(text, text, Span("map.yaml", 1, 1), True)

    return template(scalar(theirs), scalar(ours))


@pytest.mark.parametrize(
    ("theirs", "ours", "name", "becomes"),
    [
        ("conv1", "stem.conv", "conv1", "stem.conv"),
        ("conv1", "stem.conv", "conv10", None),
        ("a.b", "c", "axb", None),  # a dot is a dot
        ("layer{s+1}.{b}.conv{k}", "stage.{s}.block.{b}.cb{k}.conv", "layer3.12.conv2", "stage.2.block.12.cb2.conv"),
        ("layer{s+1}", "stage.{s}", "layer0", None),  # there is no stage −1
        ("layer{s}", "stage.{s}", "layer01", None),  # nor a layer 01
        ("layer{s}", "stage.{s}", "layerx", None),
        ("f.{2*i+5}", "conv.{i}", "f.9", "conv.2"),
        ("f.{2*i+5}", "conv.{i}", "f.8", None),
        ("f.{2*i+5}", "conv.{i}", "f.3", None),
        ("{i-1}", "{3*i+2}", "4", "17"),
        ("{ i + 1 }", "{ i }", "4", "3"),
        ("{i}.{i}", "{i}", "4.4", "4"),
        ("{i}.{i}", "{i}", "4.5", None),
        ("mixed_{n:word}.a", "m.{n}", "mixed_5b.a", "m.5b"),
        ("mixed_{n:word}.a", "m.{n}", "mixed_5.b.a", None),  # a word has no dot
        ("b{i}{l:word}", "b.{i}.{l}", "b3a", "b.3.a"),
    ],
)  # fmt: skip
def test_a_template_renames_what_has_its_form(theirs: str, ours: str, name: str, becomes: str | None) -> None:
    assert made(theirs, ours).target(name) == becomes


@pytest.mark.parametrize(
    ("theirs", "ours", "message"),
    [
        ("a{", "b", "no partner"),
        ("a}b", "b", "no partner"),
        ("a{}", "b", "no variable"),
        ("a{1}", "b", "no variable"),
        ("a{i*2}", "b{i}", "no variable"),
        ("a{0*i}", "b{i}", "no variable"),
        ("a{i.j}", "b", "no variable"),
        ("a{2*i:word}", "b", "no variable"),
        ("a{i}", "b{i:word}", "no variable"),
        ("a{i}", "b{j}", "stands on the right only"),
        ("a{i:word}", "b{i+1}", "cannot be counted with"),
    ],
)
def test_a_bad_template_is_refused(theirs: str, ours: str, message: str) -> None:
    with pytest.raises(SpecError, match=message) as caught:
        made(theirs, ours)
    assert caught.value.diagnostics[0].code == "E706"


def test_the_last_part_follows_unless_it_is_spelt() -> None:
    keys = KeyMap("m", (made("fc", "linear1"), made("norm.gamma", "norm1.weight")))
    ours = {"linear1.weight", "linear1.bias", "norm1.weight"}
    assert list(keys.targets("fc.bias", ours)) == ["linear1.bias"]
    assert list(keys.targets("norm.gamma", ours)) == ["norm1.weight"]
    assert list(keys.targets("norm.beta", ours)) == []


def test_a_template_counts_where_the_network_has_the_weight() -> None:
    keys = KeyMap("m", (made("f.{b+2}", "s.1.{b}"), made("f.{b+4}", "s.2.{b}")))
    ours = {"s.1.0.weight", "s.1.1.weight", "s.2.0.weight"}
    assert [list(keys.targets(f"f.{n}.weight", ours)) for n in (2, 3, 4, 5)] == [
        ["s.1.0.weight"], ["s.1.1.weight"], ["s.2.0.weight"], [],
    ]  # fmt: skip
    both = {*ours, "s.1.2.weight"}
    assert len(keys.targets("f.4.weight", both)) == 2


def test_every_mistake_in_a_map_file_is_told_with_its_place(tmp_path: Path) -> None:
    file = tmp_path / "mine.yaml"
    file.write_text('form: [net]\nmap:\n  "a{i": b\n  c: [d]\n  "e{i}": "f{j}"\n', encoding="utf-8")
    with pytest.raises(SpecError) as caught:
        read_maps(file)
    found = [(d.code, d.span.line, d.message) for d in caught.value.diagnostics if d.span]
    assert [line for _, line, _ in found] == [1, 3, 4, 5]
    assert found[0][2] == "unknown key 'form'" and caught.value.diagnostics[0].hint == "did you mean 'for'?"


@pytest.mark.parametrize("text", ["- 1", "just text", "for: [a]", "for: a\nmap: {b: c}"])
def test_a_file_of_another_form_is_refused(tmp_path: Path, text: str) -> None:
    file = tmp_path / "mine.yaml"
    file.write_text(text + "\n", encoding="utf-8")
    with pytest.raises(SpecError) as caught:
        read_maps(file)
    assert {d.code for d in caught.value.diagnostics} == {"E706"}


def test_maps_are_found_by_name_or_file(tmp_path: Path) -> None:
    assert key_map("torchvision", "resnet50").templates
    with pytest.raises(SpecError, match=r"does not know the network 'resnet51'.*\n.*did you mean 'resnet5?0?1?8?'"):
        key_map("torchvision", "resnet51")
    with pytest.raises(SpecError, match=r"no map 'torchvison'\n.*did you mean 'torchvision'"):
        key_map("torchvison", "resnet50")
    file = tmp_path / "mine.yaml"
    file.write_text("map: {a: b}\n", encoding="utf-8")
    assert key_map(file, "anything").name == str(file)
    file.write_text("- for: [one]\n  map: {a: b}\n- for: [two]\n  map: {a: c}\n", encoding="utf-8")
    assert key_map(str(file), "two").templates[0].ours == "c"
    with pytest.raises(SpecError, match=r"no map for the network 'three'\n.*one, two"):
        key_map(file, "three")


def test_no_network_has_two_shipped_maps_of_a_name() -> None:
    for name in keymap.shipped():
        files = sorted((keymap.SHIPPED / name).glob("*.yaml"))
        networks = [n for file in files for m in read_maps(file) for n in m.networks]
        assert networks and len(networks) == len(set(networks))


def test_shipped_maps_are_plain_yaml() -> None:
    for file in keymap.SHIPPED.rglob("*.yaml"):
        data = yaml.safe_load(file.read_text(encoding="utf-8"))
        lines = [m["map"] for m in (data if isinstance(data, list) else [data])]
        assert lines == [{t.theirs: t.ours for t in m.templates} for m in read_maps(file)]


def test_the_maps_that_know_a_network_are_told_where_another_was_named() -> None:
    for name, said in (("timm", "torchvision does"), ("akamaster", "torchvision does")):
        with pytest.raises(SpecError) as caught:
            key_map(name, "resnet18")
        (found,) = caught.value.diagnostics
        assert found.code == "E705" and (found.hint or "").startswith(said)
    with pytest.raises(SpecError, match=r"(?s)E705.*did you mean 'resnet18'"):
        key_map("torchvision", "resnet81")
