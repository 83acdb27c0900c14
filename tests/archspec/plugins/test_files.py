"""Plugins are loaded where they are named, whole or not at all."""

from __future__ import annotations

import linecache
import pickle
import sys
from collections.abc import Callable
from functools import partial
from pathlib import Path

import pytest

import archspec
from archspec import SpecError
from archspec.ops import REGISTRY
from archspec.plugins import faults, load_plugin, plugin_of, unload, using

HEAD = "from archspec.plugins import *\n"
DOUBLE = HEAD + "@operator('double')\nclass Double(Operator):\n    def infer(self, inputs): return inputs\n"
Told = Callable[[Callable[[], object]], list[tuple[str, str, int | None, str]]]


def test_what_is_loaded_is_there_until_it_is_unloaded(plugin: Callable[..., Path]) -> None:
    found = load_plugin(plugin(DOUBLE))
    assert found.words == ("double",)
    assert plugin_of("double") == found
    assert plugin_of("conv") is None
    unload(found)
    assert "double" not in REGISTRY
    assert plugin_of("double") is None


def test_a_file_is_loaded_once_and_again_when_it_has_changed(plugin: Callable[..., Path]) -> None:
    first = load_plugin(plugin(DOUBLE))
    cls = REGISTRY["double"]
    assert load_plugin(plugin(DOUBLE)) is first
    assert load_plugin(plugin(DOUBLE, "copy.py")) is first, "a copy of it, as beside a run's weights"
    assert REGISTRY["double"] is cls
    second = load_plugin(plugin(DOUBLE.replace("'double'", "'twice'")))
    assert second.words == ("twice",)
    assert "double" not in REGISTRY
    with pytest.raises(SpecError):
        load_plugin(plugin(DOUBLE + "1 / 0"))
    assert "twice" in REGISTRY, "what was there stays where the new version fails"


ANALYSED = """
    kind = 'copy'
    overwrites = True
    def reach(self, inputs, outputs, position=0): return (whole(inputs[0].spatial[0]), slid(3, 1, 1, outside='reflect'))
    def saved(self, inputs, outputs, in_place=False): return Saved(inputs=(0,), own_bytes=inputs[0].nbytes)
"""


def test_analysis_asks_its_operators(plugin: Callable[..., Path], write_spec: Callable[..., Path]) -> None:
    """8×5 floats are 160 bytes: its own copy, and the convolution's output that it keeps."""
    load_plugin(plugin(DOUBLE + ANALYSED[1:]))
    graph = archspec.load(write_spec("- conv: {out: 1, kernel: 1}\n- double", "[1, 8, 5]"))
    (_, found) = archspec.roofline(graph, "h200").layers
    assert (found.work.kind, found.work.allocated_bytes) == ("copy", 0), "written over the convolution's output"
    view = archspec.where(graph, "double1", (2, 0))
    assert (view.first, view.last, view.inside) == ((0, -1), (7, 1), ((0, 7), (0, 1)))
    assert sum(archspec.summarize(graph).saved.values()) == 2 * 160


def test_two_plugins_of_one_file_name(plugin: Callable[..., Path]) -> None:
    load_plugin(plugin(DOUBLE, "a/ops.py"))
    load_plugin(plugin(DOUBLE.replace("double", "twice"), "b/ops.py"))
    modules = {REGISTRY[word].__module__ for word in ("double", "twice")}
    assert len(modules) == 2
    assert modules <= sys.modules.keys()


def test_its_operators_can_be_pickled(plugin: Callable[..., Path], write_spec: Callable[..., Path]) -> None:
    load_plugin(plugin(DOUBLE))
    graph = archspec.load(write_spec("- double\n- flatten", "[1, 2, 2]"))
    assert pickle.loads(pickle.dumps(graph)).nodes == graph.nodes


def test_nothing_is_written_beside_it(plugin: Callable[..., Path]) -> None:
    path = plugin(DOUBLE)
    load_plugin(path)
    assert list(path.parent.iterdir()) == [path]


def test_annotations_may_be_text_and_name_what_the_file_defines(plugin: Callable[..., Path]) -> None:
    text = "from __future__ import annotations\nfrom typing import Literal\n" + HEAD
    text += "Way = Literal['up', 'down']\n@operator('turn', main='way')\nclass Turn(Operator):\n    way: Way\n"
    load_plugin(plugin(text + "    def infer(self, inputs: Types) -> Types: return inputs\n"))
    assert REGISTRY["turn"](way="up").way == "up"  # type: ignore[call-arg, attr-defined]
    with pytest.raises(ValueError):
        REGISTRY["turn"](way="left")  # type: ignore[call-arg]


def test_an_activation_may_stand_behind_act(plugin: Callable[..., Path], write_spec: Callable[..., Path]) -> None:
    text = HEAD + "@operator('squash')\nclass Squash(Operator):\n    category = 'activation'\n"
    load_plugin(plugin(text + "    def infer(self, inputs): return inputs\n"))
    graph = archspec.load(write_spec("- conv_bn: {out: 4, act: squash}\n- act: squash", "[1, 4, 4]", use="std"))
    assert [graph.nodes[name].op.word for name in ("conv_bn1.act", "act1")] == ["squash", "squash"]
    assert [d.code for d in archspec.check(write_spec("- act: double", "[1, 4, 4]"))] == ["E305"]


def test_a_block_hides_no_word_of_a_plugin(plugin: Callable[..., Path], tmp_path: Path) -> None:
    load_plugin(plugin(DOUBLE))
    own = tmp_path / "own.yaml"
    own.write_text("archspec: 1\ninput: [1, 2, 2]\nblocks: {double: {layers: [relu]}}\nlayers: [double]\n")
    assert [d.code for d in archspec.check(own)] == ["E522"]
    using_it = tmp_path / "using.yaml"
    using_it.write_text("archspec: 1\nuse: own.yaml\ninput: [1, 2, 2]\nlayers: [double]\n")
    assert [(d.code, "of a plugin" in d.message) for d in archspec.check(using_it)] == [("E522", True)]


def test_files_that_are_no_plugin(told: Told, tmp_path: Path) -> None:
    text = tmp_path / "plugin.yaml"
    text.write_text("archspec: 1")
    for path, said in ((tmp_path / "no.py", "there is no"), (tmp_path, "is a folder"), (text, "end in .py")):
        ((code, _, _, message),) = told(partial(load_plugin, path))
        assert code == "E550" and said in message


@pytest.mark.parametrize(
    ("text", "code", "line", "said"),
    [
        ("def f(:\n", "E551", 1, "no Python: invalid syntax"),
        ("x = 1\n\nx = x / 0\n", "E551", 3, "ZeroDivisionError: division by zero"),
        ("def f():\n    raise KeyError('a')\nf()\n", "E551", 2, "KeyError: 'a'"),
        ("import nowhere.at_all\n", "E551", 1, "No module named 'nowhere'"),
        ("from archspec.plugins import Operatr\n", "E551", 1, "cannot import name 'Operatr'"),
        ("raise SystemExit(3)\n", "E551", 1, "SystemExit: 3"),
        ("x = 1\n", "E552", None, "holds no operator"),
        (DOUBLE.replace("'double'", "'conv'"), "E553", 2, "own"),
        (DOUBLE.replace("'double'", "'each'"), "E553", 2, "own"),
        (DOUBLE + DOUBLE[len(HEAD) :].replace("Double", "Again"), "E553", 5, "two operators are called 'double'"),
        (HEAD + "@operator('Has Space')\nclass C(Operator): ...\n", "E554", 2, "not a word"),
        (HEAD + "@operator('c')\nclass C: ...\n", "E554", 2, "not derived from archspec.plugins.Operator"),
        (HEAD + "@operator('c')\nclass C(Operator): ...\n", "E554", 2, "no method `infer"),
        (DOUBLE.replace("'double'", "'double', main='by'"), "E554", 2, "`main` names 'by'"),
        (DOUBLE + "    tunable = frozenset({'eps'})\n", "E554", 2, "`tunable` names 'eps'"),
        (DOUBLE + "    references = {'to': 'extra'}\n", "E554", 2, "`references` names 'to'"),
        (DOUBLE + "    category = 'magic'\n", "E554", 2, "category 'magic'"),
        (DOUBLE + "    kind = 'magic'\n", "E554", 2, "kind 'magic'"),
        (DOUBLE + "    arity = 2\n", "E554", 2, "arity 2"),
        ("from __future__ import annotations\n" + DOUBLE + "    by: Nowhere = 1\n", "E554", 3, "'Nowhere'"),
        (DOUBLE + "    by = 2\n", "E551", 3, "non-annotated attribute"),
        (DOUBLE + "@lowers(Conv)\ndef f(site): ...\n", "E551", 5, "NameError"),
        (DOUBLE + "@lowers(3)\ndef f(site): ...\n", "E554", 5, "an operator's class"),
        (DOUBLE + "@lowers(Double)\ndef f(site): ...\n@lowers(Double)\ndef g(site): ...\n", "E554", 7, "two functions"),
        (DOUBLE + "from archspec.ops.conv import Conv\n@lowers(Conv)\ndef f(site): ...\n", "E554", 6, "of archspec"),
    ],
)
def test_a_plugin_that_cannot_be_loaded_leaves_nothing(
    text: str, code: str, line: int | None, said: str, plugin: Callable[..., Path], told: Told
) -> None:
    before = set(sys.modules)
    ((found, file, where, message),) = told(lambda: load_plugin(plugin(text)))
    assert (found, where) == (code, line)
    assert file == ("mine.py" if line else "")
    assert said in message
    assert {name for name in set(sys.modules) - before if name.startswith("archspec_plugin")} == set()


def test_two_plugins_with_one_word_are_both_named(plugin: Callable[..., Path]) -> None:
    load_plugin(plugin(DOUBLE, "first.py"))
    with pytest.raises(SpecError) as caught:
        load_plugin(plugin(DOUBLE + "# another\n", "second.py"))
    (found,) = caught.value.diagnostics
    assert found.code == "E553"
    assert found.span is not None and Path(found.span.file).name == "second.py"
    assert [Path(r.span.file).name for r in found.related] == ["first.py"]


def test_all_that_is_wrong_with_several_is_told_at_once(plugin: Callable[..., Path], told: Told) -> None:
    files = [plugin("1 / 0", "a.py"), plugin(DOUBLE, "b.py"), plugin("x = 1", "c.py")]

    def load_all() -> None:
        with using(files):
            pass

    assert [code for code, *_ in told(load_all)] == ["E551", "E552"]
    assert "double" not in REGISTRY


OUTER = DOUBLE.replace("ouble", "ouble_outer").replace("double_outer", "outer")


@pytest.mark.parametrize("order", [1, -1])
def test_a_plugin_may_load_another(order: int, plugin: Callable[..., Path]) -> None:
    """Each has its own words, whichever of them is unloaded first."""
    inner = plugin(DOUBLE, "inner.py")
    outer = plugin(f"from archspec.plugins import load_plugin\nload_plugin({str(inner)!r})\n{OUTER}", "outer.py")
    with using([outer]) as (found,):
        assert found.words == ("outer",)
        assert plugin_of("double") == load_plugin(inner)
        for one in (found, load_plugin(inner))[::order]:
            unload(one)
            assert not {*one.words} & REGISTRY.keys()
    assert not {"double", "outer"} & REGISTRY.keys()


def test_nothing_of_its_text_is_kept(plugin: Callable[..., Path]) -> None:
    path = str(plugin(DOUBLE))
    with using([path]):
        assert path in faults.FILES and path in linecache.cache
    assert path not in faults.FILES and path not in linecache.cache
    broken = str(plugin(DOUBLE + "1 / 0", "broken.py"))
    with pytest.raises(SpecError):
        load_plugin(broken)
    assert broken not in faults.FILES and broken not in linecache.cache
