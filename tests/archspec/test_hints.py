"""What would work: the help line of common slips."""

from __future__ import annotations

from pathlib import Path

import pytest

from archspec import SpecError, load

CALLED = "blocks: {b: {params: {w: int, k: int, act: str, s: 1}, layers: [relu]}}\n"


@pytest.mark.parametrize(
    ("text", "code", "said"),
    [
        ("layers:\n  - relu:\n", "E003", "one that needs none stands alone, `- relu`"),
        ("layers:\n  - conv: null\n", "E003", "write its arguments, `- conv: …`"),
        ("layers:\n  - act: null\n", "E003", "`act: none`"),
        ("layers:\n  - relu: {}\n    name:\n", "E003", "`name: stem`, or leave the key out"),
        ("layers:\n  - conv: {out: , kernel: 3}\n", "E003", "write a value after 'out:'"),
        ("layers:\n  - channel_shuffle: 2\n", "E310", "None"),
        ("layers:\n  - conv: 9\n  - split: 2\n", "E310", "`parts: 3` at split1"),
        ("layers:\n  - conv: {out: {{width}}}\n", "E012", "names in $…, not {{…}}"),
        ("layers:\n  - split: 3\n  - relu\n    from: split1:0\n", "E001", "write `- relu: {}` where modifiers follow"),
        ("layers: [flatten, linear: {in: 192, out: 4}]\n", "E301", "input channels are derived: leave it out"),
        ("layers: [conv: {in_channels: 3, out: 4}]\n", "E301", "input channels are derived: leave it out"),
        ("layers:\n  - relu: {}\n    each: {columns: [a, b]}\n", "E141", "rows: [[16, 1], [24, 2]]"),
        ("layers:\n  - relu: {}\n    each: {level: 3}\n", "E141", "`level: 1..3`"),
        ("layers: [conv: {out: 4, padding: SAME}]\n", "E303", "did you mean 'same'?"),
        ("layers: [conv: {out: 4, init: kaiming}]\n", "E303", "did you mean 'he'?"),
        ("layers: [upsample: {scale: 2, mode: bilinaer}]\n", "E303", "did you mean 'bilinear'?"),
        ("vars: {width: 4}\nlayers: [conv: width]\n", "E303", "the variable is written `$width`"),
        ("layers: [leaky_relu: {alpha: 0.1}]\n", "E301", "did you mean 'slope'?"),
        ("layers: [act: leaky_relu(0.1)]\n", "E305", "`act: {leaky_relu: {slope: 0.1}}`"),
        ("layers: [conv: [16, 3]]\n", "E303", "`conv: {out: 16, kernel: 3}`"),
        ("layers: [max_pool: {kernel: 2, stride: yes}]\n", "E303", "None"),
        ("layers: [conv: {out: [16, 3], kernel: 3}]\n", "E303", "None"),
        ("layers: [conv: {out: 16, bias: no}]\n", "E303", "`bias: false`"),
        ("layers: [conv: {out: 16, bias: On}]\n", "E303", "`bias: true`"),
        ("layers: [conv: {out: 16, padding: true}]\n", "E303", "`padding: same`"),
        ("layers: [conv: {out: 16, padding: false}]\n", "E303", "`padding: 0`"),
        ("layers: [{conv: 4, name: a}, max_pool: 2, upsample: a]\n", "E303", "`upsample: {to: a}` takes its size"),
        ("layers: [dropout: 50]\n", "E303", "50 % are written 0.5"),
        ("layers: [dropout: {p: 100}]\n", "E303", "None"),
        ("layers:\n  - conv: $w\n    each: {w: [1, 2, 3], k: [1, 2], j: [1]}\n", "E142", "add 1 to 'k' and 2 to 'j'"),
        ("layers: {first: {conv: 16}, fc: {linear: 10}}\n", "E101", "`- {conv: 16, name: first}`"),
        ("layers: {conv: 16, relu: {}}\n", "E101", "`- conv: …`"),
        ("heads: {aux: {layers: [relu]}}\nlayers: [relu]\n", "E101", "`aux: {from: …, layers: […]}`"),
        ("layers: [ReLU]\n", "E130", "did you mean 'relu'?"),
        ("layers:\n  - relu: {}\n    repeat: three\n", "E140", "`repeat: 3`"),
        ("layers:\n  - conv: 4\n  - split: 2\n    name: s\n  - relu: {}\n    from: s:5\n", "E121", "s:0, s:1"),
        ("layers:\n  - relu: {}\n    name: stem\n  - concat: stem, stem\n", "E120", "a list: [stem, stem]"),
        ("layers:\n  - conv: 8\n    kernel: 3\n", "E102", "'kernel' is an argument: `- conv: {out: …, kernel: …}`"),
        ("layers:\n  - conv: 8\n    relu: {}\n", "E102", "begins with '- ': `- relu`"),
        ("layers:\n  - name: stem\n", "E102", "without a '- ' of their own"),
        ("layers:\n  - residual: {shortcut: project}\n", "E106", "residual: {body: [conv: …], shortcut: project}"),
        (
            "layers:\n  - layers: [{conv: 3, name: skip}, conv: 3]\n    name: enc\n  - add: [$prev, skip]\n",
            "E121",
            "'enc.skip' is inside another layer",
        ),
        (
            "layers:\n  - layers: [{relu: {}, name: skip}]\n    repeat: 2\n    name: enc\n  - add: [$prev, skip]\n",
            "E121",
            "'enc.*.skip' is inside another layer",
        ),
        ("layers:\n  - conv: 8\n    repeat: 3 / 2\n", "E140", "ceil(…)"),
        ("vars: {w: 8}\nblocks: {b: {layers: [conv: $w]}}\nlayers: [b]\n", "E202", "`params: {w: …}`"),
        ("layers: [conv: 8]\nvars: {a: 2*$b, b: 1}\n", "E202", "put 'b' above"),
        ("layers: [conv: 8]\nvars: {a: 2*$a}\n", "E202", "'a' is computed from itself"),
        ("layers: [conv: 8]\nvars: {a: 2*$c, b: $a, c: $b}\n", "E202", "'a' and 'c' are each computed from the other"),
        ("layers:\n  - conv: 8\n    when: $in.height > 3\n", "E206", "one tensor has .channels, .rank and .stride"),
        ("use: std\ndefaults: {conv_bn: {act: silu}}\nlayers: [conv_bn: 8]\n", "E302", "it is a block"),
        ("blocks: {b: {params: {w: int, k: 1, s: int}, layers: [relu]}}\nlayers: [b]\n", "E304", "`- b: {w: …, s: …}`"),
        (f"{CALLED}layers: [b: {{w: 3}}]\n", "E304", "`- b: {w: 3, k: …, act: …}`"),
        (f"{CALLED}layers: [b: 3]\n", "E304", "`- b: {w: 3, k: …, act: …}`"),
        (
            f"{CALLED}layers: [b: {{s: $in.stride, act: 'no'}}]\n",
            "E304",
            "`- b: {w: …, k: …, act: 'no', s: $in.stride}`",
        ),
        ("layers: [multiply]\n", "E306", "`- multiply: [$prev, …]`"),
    ],
)
def test_the_help_says_what_would_work(text: str, code: str, said: str, tmp_path: Path) -> None:
    path = tmp_path / "s.yaml"
    path.write_text("archspec: 1\ninput: [3, 8, 8]\n" + text)
    with pytest.raises(SpecError) as raised:
        load(path)
    (found,) = raised.value.diagnostics
    assert found.code == code and found.span is not None and said in str(found.hint)


@pytest.mark.parametrize(
    ("text", "message", "hint"),
    [
        ("input: 3x224x224\nlayers: [relu]\n", "'input' should be a list, got 3x224x224", "input: [3, 224, 224]"),
        ("input: [1, 2, 3, 4, 5, 6]\nlayers: [relu]\n", "'input' should have at most 4 entries, not 6", None),
        ("input: [3, 8, 8]\nuse: [std, 3]\nlayers: [relu]\n", "'use.1' should be text, got 3", None),
        ("input: [3, 8, 8]\nlayers: [conv: {out: 4, bias: 1}]\n", "'bias' should be true or false, got 1", None),
        ("input: [3, 8, 8]\nblocks: {b: 3}\nlayers: [relu]\n", "'blocks.b' should be a mapping of names to", None),
        (
            "input: [3, 8, 8]\nlayers: [relu]\nheads: {a: {from: relu1, layers: [relu], weight: x}}\n",
            "'heads.a.weight' should be a number, got x",
            None,
        ),
        ("input: [3, 8, 8]\nlayers: [{relu: {}, each: {i: {a: 3}}}]\n", "'i' is {a: 3}", None),
    ],
)
def test_messages_are_in_words_of_the_spec(text: str, message: str, hint: str | None, tmp_path: Path) -> None:
    path = tmp_path / "s.yaml"
    path.write_text("archspec: 1\n" + text)
    with pytest.raises(SpecError) as raised:
        load(path)
    (found,) = raised.value.diagnostics
    assert message in found.message and found.hint == hint


def test_a_list_called_columns_may_be_walked(tmp_path: Path) -> None:
    path = tmp_path / "s.yaml"
    path.write_text(
        "archspec: 1\ninput: [3, 8, 8]\nlayers:\n  - conv: $columns\n    each: {columns: [4, 8]}\n", encoding="utf-8"
    )
    assert [str(node.op.out) for node in load(path).layers()] == ["4", "8"]  # type: ignore[attr-defined]


def test_setting_inside_a_variant_that_is_not_chosen_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "s.yaml"
    path.write_text("archspec: 1\ninput: [3, 8, 8]\nvars: {w: 4}\nvariants: {big: {w: 8}}\nlayers: [conv: $w]\n")
    with pytest.raises(SpecError, match="no effect"):
        load(path, overrides=["variants.big.w=3"])


@pytest.mark.parametrize(
    ("text", "line", "code", "hint"),
    [
        ("layers:\n  - conv: {out: 3, kernel:3}\n", 4, "E003", "write `kernel: 3`"),
        ("layers:\n  - conv: {$w}\n", 4, "E003", "a value alone needs no braces, `$w`"),
        ("layers:\n  - conv: {3, kernel: 1}\n", 4, "E003", "write its name before it, `…: 3`"),
        ("layers:\n  - conv:\n    out: 3\n    kernel: 3\n", 4, "E003", "further than it: 'out', 'kernel'"),
        ("layers:\n  - conv: {out: 3, name: foo}\n", 4, "E301", "a modifier: write it beside `conv`"),
        ("layers:\n  - conv: {out: 3, repeat: 3}\n", 4, "E301", "`- {conv: {…}, repeat: …}`"),
        ("layers:\n  - relu:\n      name: foo\n", 5, "E301", "`- {relu: {…}, name: …}`"),
        ("layers:\n  -conv: 3\n  - relu\n", 4, "E001", "write `- conv: 3`"),
        ("layers:\n-conv: 3\n- relu\n", 4, "E001", "write `- conv: 3`"),
        ("layers:\n- relu\n-conv: 3\n- relu\n", 5, "E001", "write `- conv: 3`"),
        ("layers:\n- relu\n-relu # a comment\n- relu\n", 5, "E001", "write `- relu`"),
        ("layers:\n  - conv:3\n", 4, "E130", "write `- conv: 3`"),
        ("layers:\n  conv: 16\n", 4, "E101", "each layer is an item of a list: `- conv: …`"),
        ("layers:\n  -conv: 16\n", 4, "E101", "each layer is an item of a list: `- conv: …`"),
        ("layers:\n- relu\n- 5\n", 5, "E102", "`- conv: 5`"),
        ("layers:\n- upsample: {scale: 2, size: 4}\n", 4, "E310", "{to: …}, the name of a layer"),
        ("vars: {x: 1}\nvariants: {big: {vars: {x: 3}}}\nlayers: [relu]\n", 4, "E511", "directly: `big: {x: …}`"),
    ],
)
def test_a_slip_of_form_is_told_once(text: str, line: int, code: str, hint: str, tmp_path: Path) -> None:
    path = tmp_path / "slip.yaml"
    path.write_text("archspec: 1\ninput: [3, 8, 8]\n" + text, encoding="utf-8")
    with pytest.raises(SpecError) as caught:
        load(path)
    ((told,),) = (caught.value.diagnostics,)
    assert (told.span and told.span.line, told.code) == (line, code)
    assert hint in str(told.hint)


def test_the_version_of_the_language_is_told(tmp_path: Path) -> None:
    path = tmp_path / "s.yaml"
    path.write_text("archspec: 2\ninput: [3, 8, 8]\nlayers: [relu]\n", encoding="utf-8")
    with pytest.raises(SpecError, match="`archspec: 1`: the language has one version so far"):
        load(path)


def test_a_variant_that_is_the_spec_itself_is_told() -> None:
    with pytest.raises(SpecError, match="'efficientnet_b0' is the spec itself: leave '@b0' out"):
        load("efficientnet_b0@b0")


def test_an_empty_list_of_layers_is_told_where_it_stands(tmp_path: Path) -> None:
    path = tmp_path / "x.yaml"
    path.write_text("archspec: 1\ninput: [3, 8, 8]\nlayers: []\n")
    with pytest.raises(SpecError) as caught:
        load(path)
    (d,) = caught.value.diagnostics
    assert d.code == "E101" and d.span is not None and (d.span.line, d.span.column) == (3, 9)


def test_a_second_word_without_a_value_is_one_mistake(tmp_path: Path) -> None:
    path = tmp_path / "x.yaml"
    path.write_text("archspec: 1\ninput: [3, 8, 8]\nlayers:\n  - conv: 16\n    relu:\n  - linear:\n")
    with pytest.raises(SpecError) as caught:
        load(path)
    assert [(d.code, d.span.line) for d in caught.value.diagnostics if d.span] == [("E102", 5), ("E003", 6)]


@pytest.mark.parametrize("inside", ["- conv: 16\n    name: enc\n", "- layers: [conv: 16]\n    name: enc\n"])
def test_weights_that_do_not_fit_are_told_with_the_place_that_shares_them(inside: str, tmp_path: Path) -> None:
    path = tmp_path / "x.yaml"
    path.write_text(f"archspec: 1\ninput: [3, 8, 8]\nlayers:\n  {inside}  - share: enc\n")
    with pytest.raises(SpecError) as caught:
        load(path)
    (d,) = caught.value.diagnostics
    assert d.code == "E171" and d.trail is not None
    outermost = d.trail.frames()[-1]
    assert (outermost.label, outermost.span.line) == ("share of 'enc' as share1", 6)
