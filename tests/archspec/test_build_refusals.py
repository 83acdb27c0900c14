"""What expansion refuses, and that it refuses at once: growth, capture, references to what is not deployed."""

from __future__ import annotations

import time
from pathlib import Path

import pytest

from archspec import SpecError, check, load

HEADER = "archspec: 1\nname: t\ninput: [3, 16, 16]\n"


def refused(tmp_path: Path, text: str, **options):
    path = tmp_path / "t.yaml"
    path.write_text(HEADER + text)
    begun = time.perf_counter()
    with pytest.raises(SpecError) as caught:
        load(path, **options)
    assert time.perf_counter() - begun < 30, "a bound that is reached only after half a minute bounds nothing"
    return caught.value.diagnostics


def written(tmp_path: Path, text: str) -> Path:
    path = tmp_path / "mended.yaml"
    path.write_text(HEADER + text)
    return path


def chain(blocks: int) -> str:
    """Blocks that each hold the next one, and the last a layer."""
    called = "".join(f"  b{i}: {{layers: [b{i + 1}]}}\n" for i in range(blocks))
    return f"layers: [b0]\nblocks:\n{called}  b{blocks}: {{layers: [conv: 3]}}\n"


DOUBLING = "blocks:\n  b0: {layers: []}\n" + "".join(
    f"  b{i}: {{layers: [b{i - 1}, b{i - 1}]}}\n" for i in range(1, 40)
)


@pytest.mark.parametrize(
    ("text", "code", "said"),
    [
        ("blocks: {a: {layers: [a, a]}}\nlayers: [a]", "E110", "here: a → a"),
        (chain(65), "E110", "nested 65 deep here, and may be 64: b0 → b1 → … → b63 → b64"),
        (chain(500), "E110", "nested 65 deep here, and may be 64: b0 → b1 → … → b63 → b64"),
        (chain(5_000), "E110", "nested 65 deep here, and may be 64: b0 → b1 → … → b63 → b64"),
        (DOUBLING + "layers: [b39]", "E116", "doubles"),
        ("layers:\n  - {conv: 4, repeat: 1000000, when: 1 > 2}", "E116", "1,000,000 instances"),
        ("layers: [flatten, linear: 4]\nheads: {linear1: {from: input, layers: [conv: 3]}}", "E113", "'linear1'"),
        ("layers: [conv: 4]\nheads: {input: {from: conv1, layers: [conv: 3]}}", "E113", "'input'"),
        (
            "layers: [conv: 4]\nheads:\n  a: {from: conv1, only: train, layers: [conv: 3]}\n"
            "  b: {from: a, layers: [conv: 7]}",
            "E161",
            "only in training",
        ),
        ("layers:\n  - branches: [[conv: 4], [conv: 4]]\n    join: {concat: {of: [input]}}", "E105", "'of'"),
        ("layers:\n  - conv: $c\n    each: {columns: [c], rows: {a: 1}}", "E142", "list of rows"),
        ("layers:\n  - conv: $c\n    each: {columns: [c, c], rows: [[1, 2]]}", "E143", "two columns"),
        ("vars: {in: 5}\nlayers: [conv: 2]", "E143", "'in'"),
        ("blocks: {b: {params: {prev: 1}, layers: [relu]}}\nlayers: [b]", "E143", "'prev'"),
        ("defaults: {batch_norm: {eps: -1}}\nuse: std\nlayers: [residual: {body: [conv: 5], shortcut: project}]",
         "E303", "eps"),
        ("layers: [flatten, residual: {body: [linear: 5], shortcut: project}]", "E107", "no spatial axes"),
        ("blocks: {b: {params: {body: layers}, layers: [{$body: {}, when: 1 > 2}]}}\nlayers: [b: {body: [relu]}]",
         "E117", "modifiers"),
        ("layers: [{conv: 4, when: 1 > 2, name: a}, {conv: 2, from: a}]", "E121", "left out"),
        ("layers: [{conv: 4, when: 1 > 2}]", "E162", "no layers"),
        ("blocks: {b: {params: {w: integer}, layers: [conv: 2]}}\nlayers: [b]", "E118", "not a type"),
        ("layers: [upsample: 2000000000, upsample: 2000000000]", "E312", "elements"),
        ("layers: [{conv: 4, name: 3x3}]", "E112", "'3x3'"),
        ("layers: [conv: 4]\noutputs: []", "E101", "not be empty"),
        ("layers: [conv: 4]\nassert: [5]", "E101", "comparison"),
        ("defaults: {batch_norm: {epz: 1}}\nlayers: [batch_norm]", "E302", "epz"),
        ("use: std\nblocks: {conv_bn: {layers: [relu]}}\nlayers: [conv_bn]", "E522", "hides"),
        ("layers:\n  - branches: [[conv: 8], [conv: 8]]\n    join: none\n"
         "  - map: [conv: {out: 8, kernel: 3, padding: 1, stride: 1 + $index}]", "E171", "stride is 2 here, 1 there"),
    ],
)  # fmt: skip
def test_refused_with_a_reason(tmp_path, text, code, said):
    (d,) = refused(tmp_path, text)
    assert d.code == code and said in d.message and d.span is not None


def test_a_chain_of_blocks_is_not_taken_for_a_loop(tmp_path):
    (d,) = refused(tmp_path, chain(65))
    assert d.hint == "each stands inside the one before: write the layers of some of them where they are used"
    load(written(tmp_path, chain(63)))  # b0 to b63, the last of which holds a layer


@pytest.mark.parametrize(
    ("default", "given", "meant"),
    [("itn", "8", "int"), ("flaot", "0.5", "float"), ("boool", "true", "bool"), ("lsit", "[8, 8]", "list")],
)
def test_a_default_that_is_nearly_a_type(default, given, meant, tmp_path):
    called = f"b: {{w: {given}}}"
    text = f"blocks: {{b: {{params: {{w: {default}}}, layers: [conv: 8]}}}}\nlayers: [{called}, {called}]"
    (d,) = refused(tmp_path, text)
    assert (d.code, d.hint) == ("E118", f"did you mean '{meant}'?")
    assert d.message == f"the default of 'w' is the text '{default}', and {given} takes its place here"
    (fix,) = d.fixes
    load(written(tmp_path, text.replace(default, fix.text)))


@pytest.mark.parametrize(("default", "given"), [("same", "valid"), ("last", "first"), ("pool", "conv"), ("'itn'", "8")])
def test_a_text_near_a_type_may_be_a_default(default, given, tmp_path):
    text = f"blocks: {{b: {{params: {{w: {default}}}, layers: [conv: 8]}}}}\nlayers: [b, b: {{w: {given}}}]"
    assert len(list(load(written(tmp_path, text)).layers())) == 2


def test_a_variable_in_error_is_one_message(tmp_path):
    (d,) = refused(tmp_path, "vars: {w: $nope}\nlayers: [conv: $w, conv: {out: 2*$w}]")
    assert d.span.line == 4 and "$nope" in d.message


def test_every_mistake_of_a_line_and_in_the_order_of_lines(tmp_path):
    found = refused(tmp_path, "vars: {b: 2*$a, a: 3}\nlayers:\n  - relu6x\n  - add: [x, y]\n  - conv: {out: 0}\n")
    assert [(d.span.line, d.span.column) for d in found] == [(4, 13), (6, 5), (7, 11), (7, 14), (8, 17)]
    assert found[0].hint == "variables are computed in the order written: put 'a' above"


def test_an_error_of_a_variant_names_it(tmp_path):
    text = "vars: {w: 2}\nvariants: {x: {w: 0}}\nlayers: [conv: $w]"
    (d,) = refused(tmp_path, text, variant="x")
    assert "in variant 'x'" in str(d) and "`$w` is 0 here" in d.hint


def test_a_stride_in_the_body_asks_for_a_projection(tmp_path):
    (d,) = refused(tmp_path, "layers: [residual: [conv: {out: 3, kernel: 3, stride: 2, padding: 1}]]")
    assert "shortcut: project" in d.hint


def test_defaults_see_the_files_variables_and_no_blocks_parameters(tmp_path):
    path = tmp_path / "t.yaml"
    text = """vars: {m: 0.05}
defaults: {batch_norm: {momentum: $m}}
blocks: {b: {params: {m: 0.9}, layers: [batch_norm]}}
layers: [b, batch_norm]
"""
    path.write_text(HEADER + text)
    assert [node.op.momentum for node in load(path).layers()] == [0.05, 0.05]


def test_layers_handed_to_a_block_see_the_names_of_who_wrote_them(tmp_path):
    path = tmp_path / "t.yaml"
    text = """blocks: {b: {params: {body: layers}, layers: [conv: 5, $body]}}
layers:
  - {conv: 9, name: m}
  - b: {body: [conv: 9, add: [$prev, m]]}
"""
    path.write_text(HEADER + text)
    assert [str(tap) for tap in load(path).nodes["b1.add1"].inputs] == ["b1.conv2", "m"]


def test_a_residual_around_what_enlarges_and_what_comes_back(tmp_path):
    """The stride of a body is the product of its steps: 2 up is no sum, 2 down and 2 up is the identity."""
    path = tmp_path / "t.yaml"
    path.write_text(HEADER + "layers: [residual: {body: [upsample: 2], shortcut: when_same}]")
    assert [node.name for node in load(path).layers()] == ["upsample1"]
    down_up = "conv: {out: 3, kernel: 2, stride: 2}, conv_transpose: {out: 3, kernel: 2, stride: 2}"
    path.write_text(HEADER + f"layers: [residual: {{body: [{down_up}], shortcut: project}}]")
    assert [node.name for node in load(path).layers()] == ["conv1", "conv_transpose1", "add1"]


def test_rows_in_a_variable_can_be_whole_rows(tmp_path):
    path = tmp_path / "t.yaml"
    text = "vars: {table: [[4, 1], [6, 3]]}\nlayers:\n  - conv: {out: $r.out, kernel: $r.k}\n"
    path.write_text(HEADER + text + "    each: {columns: [out, k], rows: $table, as: r}")
    assert [(node.op.out, node.op.kernel) for node in load(path).layers()] == [(4, 1), (6, 3)]


def test_always_holds_in_variants_too(tmp_path):
    text = "vars: {w: 4}\nvariants: {big: {w: 400}}\nlayers: [conv: $w]\nassert: [params == 16, {always: params < 100}]"
    (d,) = refused(tmp_path, text, variant="big")
    assert d.code == "E401" and "1,600" in d.hint


def test_check_tells_an_error_of_all_variants_once(tmp_path):
    path = tmp_path / "t.yaml"
    path.write_text(HEADER + "vars: {w: 4}\nvariants: {a: {w: 5}, b: {w: 6}}\nlayers: [conv: $w, rellu]")
    assert [d.code for d in check(path)] == ["E130"]


def test_blocks_by_two_spellings_of_one_path(tmp_path):
    (tmp_path / "d").mkdir()
    (tmp_path / "blk.yaml").write_text("archspec: 1\nblocks: {b: {layers: [relu]}}")
    (tmp_path / "d" / "o.yaml").write_text("archspec: 1\nuse: ../blk.yaml\nblocks: {c: {layers: [b]}}")
    path = tmp_path / "t.yaml"
    path.write_text(HEADER + "use: [blk.yaml, d/o.yaml]\nlayers: [b, c]")
    assert [node.name for node in load(path).layers()] == ["b1.relu1", "c1.b1.relu1"]


def test_a_loop_of_uses_is_refused(tmp_path):
    (tmp_path / "a.yaml").write_text("archspec: 1\nuse: b.yaml\nblocks: {a: {layers: [relu]}}")
    (tmp_path / "b.yaml").write_text("archspec: 1\nuse: a.yaml\nblocks: {b: {layers: [relu]}}")
    (d,) = refused(tmp_path, "use: a.yaml\nlayers: [a]")
    assert d.code == "E520" and d.span.file.endswith("b.yaml")
