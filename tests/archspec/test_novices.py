"""What people write who are new to networks, or to this language: each gets what to write instead, and that works."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

import archspec
from archspec.errors import Diagnostic

HEAD = "archspec: 1\nname: net\n"

# spec, what the message says, what one of the related places says, the titles of the suggestions in their order
CASES = {
    "two arguments of one layer": (
        """\
input: [3, 64, 64]
use: std
layers:
  - conv_bn: {out: 64, kernel: 3}
    name: stem
  - conv_bn: {out: 128, kernel: 3, stride: 2}
  - add: [stem, $prev]
  - relu
""",
        "64×64×64 and 128×32×32 cannot be added: channels 64 ≠ 128, height 64 ≠ 32, width 64 ≠ 32",
        "conv_bn2 gives 128×32×32, from 64×64×64 by stride 2 and out 128",
        [
            "`- conv_bn: {out: 128, stride: 2, act: none}` from stem before line 9, in the place of stem",
            "`out: 64` and `stride: 1` at conv_bn2 (line 8)",
        ],
    ),
    "two arguments of a block's call": (
        """\
input: [3, 64, 64]
blocks:
  down:
    params: {out: int, stride: 1}
    layers:
      - conv: {out: $out, kernel: 3, padding: 1, stride: $stride}
      - conv: {out: $out, kernel: 3, padding: 1}
layers:
  - conv: 64
    name: stem
  - down: 128
  - max_pool: 2
  - add: [$prev, stem]
""",
        "128×32×32 and 64×64×64 cannot be added",
        "down1.conv1 gives 128×64×64, from 64×64×64 by out 128",
        ["`- conv: {out: 128, stride: 2}` from stem before line 15, in the place of stem"],
    ),
    "a basic block written as a sum": (
        """\
input: [64, 56, 56]
use: std
blocks:
  basic:
    params: {out: int, stride: 1}
    layers:
      - conv_bn: {out: $out, kernel: 3, stride: $stride}
      - conv_bn: {out: $out, kernel: 3, act: none}
      - add: [$in, $prev]
      - relu
layers:
  - basic: 64
  - basic: {out: 128, stride: 2}
""",
        "64×56×56 and 128×28×28 cannot be added: channels 64 ≠ 128, height 56 ≠ 28, width 56 ≠ 28",
        "basic2.conv_bn1 gives 128×28×28, from 64×56×56 by stride 2 and out 128",
        [
            "`- conv_bn: {out: $out, stride: $stride, act: none}` from $in before line 11, in the place of $in",
            "`out: 64` and `stride: 1` at basic2 (line 15)",
        ],
    ),
    "channels and an even kernel": (
        """\
input: [3, 32, 32]
layers:
  - conv: {out: 6, kernel: 4, padding: 1}
  - add: [input, $prev]
""",
        "channels 3 ≠ 6, height 32 ≠ 31, width 32 ≠ 31",
        "conv1 gives 6×31×31, from 3×32×32 by kernel 4 with padding 1 and out 6",
        ["`out: 3` and `padding: same` at conv1 (line 5)"],
    ),
    "an identity beside a stride": (
        """\
input: [3, 32, 32]
layers:
  - conv: 64
  - branches:
      - []
      - [conv: {out: 128, kernel: 3, stride: 2, padding: 1}]
    join: add
""",
        "64×32×32 and 128×16×16 cannot be added",
        "branch2.conv1 gives 128×16×16, from 64×32×32 by stride 2 and out 128",
        ["`[conv: {out: 128, stride: 2}]` as branch 1 (line 7)", "`out: 64` and `stride: 1` at branch2.conv1 (line 8)"],
    ),
    "a gate that lost its axes": (
        """\
input: [16, 32, 32]
layers:
  - relu: {}
    name: x
  - global_avg_pool
  - linear: 16
  - sigmoid
  - multiply: [x, $prev]
""",
        "16×32×32 has 2 spatial axes and 16 has none",
        "global_avg_pool1 gives 16, from 16×32×32 by global_avg_pool",
        ["`- reshape: [16, 1, 1]` before line 10"],
    ),
    "a map beside features": (
        """\
input: [3, 32, 32]
layers:
  - conv: {out: 8, kernel: 3}
    name: map
  - global_avg_pool
  - linear: 16
  - concat: [map, $prev]
""",
        "8×30×30 and 16 cannot be joined along their channels",
        "map gives 8×30×30",
        ["`- global_avg_pool` from map before line 9, in the place of map"],
    ),
    "predictions of a detector": (
        """\
input: [3, 128, 128]
layers:
  - conv: {out: 32, kernel: 3, stride: 8, padding: 1}
  - conv: 64
  - reshape: [3, 25, 16, 16]
""",
        "the input 64×16×16 has 16384 values, the shape [3, 25, 16, 16] 19200",
        "conv2 gives 64×16×16",
        ["`out: 75` at conv2 (line 6)"],
    ),
    "a decoder that reads its encoder forwards": (
        """\
input: [1, 64, 64]
layers:
  - layers:
      - conv: {out: $w, kernel: 3, padding: same}
        name: skip
      - max_pool: 2
    each: {w: [8, 16, 32]}
    name: enc
  - layers:
      - conv_transpose: {out: $w, kernel: 2, stride: 2}
      - concat: [$skip, $prev]
    each: {w: [32, 16, 8], skip: $enc.*.skip}
""",
        "8×64×64 and 32×16×16 cannot be joined along their channels",
        "enc.0.skip gives 8×64×64",
        ["`reverse($enc.*.skip)` (line 14)"],
    ),
    "a U-Net of an odd size": (
        """\
input: [1, 50, 50]
layers:
  - layers:
      - conv: {out: $w, kernel: 3, padding: same}
        name: skip
      - max_pool: 2
    each: {w: [8, 16, 32]}
    name: enc
  - layers:
      - conv_transpose: {out: $w, kernel: 2, stride: 2}
      - concat: [$skip, $prev]
    each: {w: [32, 16, 8], skip: reverse($enc.*.skip)}
""",
        "16×25×25 and 16×24×24",
        "enc.1.max_pool1 gives 16×12×12, from 16×25×25 by stride 2",
        ["`crop: center` at layers2.1.concat1 (line 13)", "`input: [1, 56, 56]` (line 3)"],
    ),
    "a transposed kernel beyond its stride": (
        """\
input: [1, 64, 64]
layers:
  - conv: {out: 8, kernel: 3, padding: 1}
    name: a
  - max_pool: 2
  - conv_transpose: {out: 8, kernel: 3, stride: 2}
  - concat: [a, $prev]
""",
        "8×64×64 and 8×65×65",
        "max_pool1 gives 8×32×32, from 8×64×64 by stride 2",
        ["`kernel: 2` at conv_transpose1 (line 8)", "`crop: center` at concat1 (line 9)"],
    ),
    "channels last": (
        """\
input: [224, 224, 3]
layers:
  - conv: {out: 8, kernel: 7, stride: 2}
""",
        "kernel 7 does not fit width 3",
        "input gives 224×224×3",
        ["`input: [3, 224, 224]` (line 3)", "`padding: same` at conv1 (line 5)"],
    ),
    "an average of a smaller map": (
        """\
input: [3, 128, 128]
layers:
  - conv: {out: 8, kernel: 3, stride: 32, padding: 1}
  - avg_pool: 7
  - flatten
  - linear: 10
""",
        "kernel 7 does not fit height 4",
        "conv1 gives 8×4×4, from 3×128×128 by stride 32",
        ["`kernel: 4` at avg_pool1 (line 6)", "`input: [3, 193, 193]` (line 3)"],
    ),
    "a convolution of features": (
        "input: [10]\nlayers:\n  - conv: 8\n",
        "its input is 10 features without spatial axes",
        "input gives 10",
        ["`linear` in the place of `conv` (line 5)"],
    ),
    "groups of another width": (
        "input: [3, 32, 32]\nlayers:\n  - conv: 24\n  - group_norm: 32\n",
        "groups 32 does not divide 24 channels",
        "conv1 gives 24×32×32, from 3×32×32 by out 24",
        ["`out: 32` at conv1 (line 5)", "`groups: 24` at group_norm1 (line 6)"],
    ),
    "a discriminator's map of too few features": (
        "input: [100]\nlayers:\n  - linear: 1024\n  - reshape: [512, 4, 4]\n",
        "the input 1024 has 1024 values, the shape [512, 4, 4] 8192",
        "linear1 gives 1024",
        ["`shape: [64, 4, 4]` at reshape1 (line 6)", "`out: 8192` at linear1 (line 5)"],
    ),
    "the grid of a first YOLO": (
        "input: [3, 448, 448]\nlayers:\n  - conv: {out: 32, kernel: 7, stride: 64, padding: 3}\n  - flatten\n"
        "  - linear: 1440\n  - reshape: [30, 7, 7]\n",
        "the input 1440 has 1440 values, the shape [30, 7, 7] 1470",
        "flatten1 gives 1568, from 32×7×7 by flatten",
        ["`out: 1470` at linear1 (line 7)"],
    ),
    "a shape of too few values": (
        "input: [3, 32, 32]\nlayers:\n  - conv: {out: 8, kernel: 3, stride: 2, padding: 1}\n  - reshape: [100]\n",
        "the input 8×16×16 has 2048 values, the shape [100] 100",
        "conv1 gives 8×16×16, from 3×32×32 by stride 2",
        ["`shape: [2048]` at reshape1 (line 6)"],
    ),
    "pools without end": (
        "input: [3, 32, 32]\nlayers:\n  - layers:\n      - conv: {out: 8, kernel: 3, padding: same}\n"
        "      - max_pool: 2\n    repeat: 6\n",
        "kernel 2 does not fit height 1 with padding 0",
        "layers1.4.max_pool1 gives 8×1×1, from 8×2×2 by stride 2",
        ["`input: [3, 64, 64]` (line 3)", "`ceil: true` at layers1.5.max_pool1 (line 7)"],
    ),
    "a VGG without padding": (
        "input: [3, 32, 32]\nlayers:\n  - layers:\n      - conv: {out: 8, kernel: 3}\n"
        "      - conv: {out: 8, kernel: 3}\n      - max_pool: 2\n    repeat: 4\n  - flatten\n  - linear: 10\n",
        "kernel 2 does not fit height 1 with padding 0",
        "layers1.2.conv2 gives 8×1×1, from 8×3×3 by kernel 3 without padding",
        ["`input: [3, 144, 144]` (line 3)"],
    ),
    "groups that divide one side alone": (
        "input: [3, 32, 32]\nlayers:\n  - conv: 48\n  - conv: {out: 50, kernel: 3, groups: 32}\n",
        "groups 32 does not divide 48 input channels",
        "conv1 gives 48×32×32, from 3×32×32 by out 48",
        ["`out: 32` and `groups: 16` at conv2 (line 6)"],
    ),
    "a shuffle of an odd number": (
        "input: [3, 32, 32]\nlayers:\n  - conv: 25\n  - channel_shuffle: 2\n",
        "groups 2 does not divide 25 channels",
        "conv1 gives 25×32×32, from 3×32×32 by out 25",
        ["`out: 24` at conv1 (line 5)", "`groups: 5` at channel_shuffle1 (line 6)"],
    ),
    "a pixel shuffle of no square": (
        "input: [3, 32, 32]\nlayers:\n  - conv: 30\n  - pixel_shuffle: 2\n",
        "30 channels are no multiple of 4 = 2²",
        "conv1 gives 30×32×32",
        ["`out: 28` at conv1 (line 5)"],
    ),
    "a pyramid's sum without an upsampling": (
        "input: [3, 256, 256]\nlayers:\n  - conv: {out: 32, kernel: 3, stride: 2, padding: 1}\n    name: c1\n"
        "  - conv: {out: 64, kernel: 3, stride: 2, padding: 1}\n  - conv: 64\n  - add: [c1, $prev]\n",
        "channels 32 ≠ 64, height 128 ≠ 64, width 128 ≠ 64",
        "conv2 gives 64×64×64, from 32×128×128 by stride 2 and out 64",
        ["`- conv: {out: 64, stride: 2}` from c1 before line 9, in the place of c1"],
    ),
    "a pyramid's sum without a lateral convolution": (
        "input: [3, 256, 256]\nlayers:\n  - conv: {out: 32, kernel: 3, stride: 2, padding: 1}\n    name: c1\n"
        "  - conv: {out: 64, kernel: 3, stride: 2, padding: 1}\n  - upsample: 2\n  - add: [c1, $prev]\n",
        "channels 32 ≠ 64",
        "conv2 gives 64×64×64, from 32×128×128 by out 64",
        ["`out: 32` at conv2 (line 7)"],
    ),
    "two images of different size": (
        "inputs: {a: [3, 32, 32], b: [1, 64, 64]}\nlayers:\n  - conv: 8\n    from: a\n    name: x\n  - conv: 8\n"
        "    from: b\n  - concat: [x, $prev]\n",
        "height 32 ≠ 64, width 32 ≠ 64",
        "conv2 gives 8×64×64",
        ["`stride: 2` at conv2 (line 8)"],
    ),
    "a dilation without its padding": (
        "input: [3, 32, 32]\nlayers:\n  - conv: {out: 3, kernel: 3, padding: 1, dilation: 2}\n"
        "  - add: [input, $prev]\n",
        "height 32 ≠ 30, width 32 ≠ 30",
        "conv1 gives 3×30×30, from 3×32×32 by kernel 3 with padding 1",
        ["`padding: 2` at conv1 (line 5)", "`crop: center` at add1 (line 6)"],
    ),
    "global pooling twice": (
        "input: [3, 8, 8]\nlayers:\n  - global_avg_pool\n  - global_avg_pool\n",
        "its input is 3 features without spatial axes",
        "global_avg_pool1 gives 3, from 3×8×8 by global_avg_pool",
        ["`keep: true` at global_avg_pool1 (line 5)"],
    ),
    "a sum of features": (
        "input: [784]\nlayers:\n  - linear: 100\n    name: a\n  - linear: 50\n  - add: [a, $prev]\n",
        "100 and 50 cannot be added: channels 100 ≠ 50",
        "linear2 gives 50, from 100 by out 50",
        ["`out: 100` at linear2 (line 7)"],
    ),
    "reflecting more than there is": (
        "input: [16, 2, 2]\nlayers:\n  - pad: {size: 3, mode: reflect}\n",
        "reflecting 3 cells needs more than as many, and height is 2",
        "input gives 16×2×2",
        ["`size: 1` at pad1 (line 5)"],
    ),
}


@pytest.mark.parametrize("name", CASES)
def test_what_is_suggested_mends_it(name: str, tmp_path: Path, calls: Callable[..., int]) -> None:
    text, said, related, titles = CASES[name]
    path = tmp_path / "net.yaml"
    path.write_text(HEAD + text, encoding="utf-8")
    found: list[Diagnostic] = []
    assert calls(lambda: found.extend(archspec.check(path))) < 150_000
    (d,) = found
    assert d.code == "E310" and said in d.message
    assert related in [r.label for r in d.related]
    assert [fix.title for fix in d.fixes] == titles
    for fix in d.fixes:
        assert fix.title in (d.hint or "")
        path.write_text(fix.applied(HEAD + text), encoding="utf-8")
        assert not [found for found in archspec.check(path) if found.severity == "error"]


def test_a_name_inside_a_group_is_replaced_by_its_path(tmp_path: Path) -> None:
    text = (
        "input: [3, 8, 8]\nlayers:\n  - layers: [{conv: 8, name: c}]\n    name: stage\n"
        "  - conv: 8\n  - add: [c, $prev]\n"
    )
    path = tmp_path / "net.yaml"
    path.write_text(HEAD + text, encoding="utf-8")
    (d,) = archspec.check(path)
    assert (d.code, d.hint) == ("E121", "'stage.c' is inside another layer: that is its path")
    path.write_text(d.fixes[0].applied(HEAD + text), encoding="utf-8")
    assert archspec.load(path).types["add1"][0].shape == (8, 8, 8)
