"""Tensors that do not meet: the message names both, where each comes from, and a change of the text that works.

Every suggestion is made: applied to the text as an editor would, the spec must then load.
"""

from __future__ import annotations

from pathlib import Path

import pytest

from archspec import SpecError, load
from archspec.errors import Diagnostic

HEAD = "archspec: 1\nname: net\n"

# spec, what the message says, what one of the related places says, the titles of the suggestions in their order
CASES = {
    "a stride in one branch": (
        """\
input: [3, 28, 28]
layers:
  - conv: 64
  - branches:
      - - conv: {out: 64, kernel: 3, padding: same}
      - - conv: {out: 64, kernel: 3, padding: same, stride: 2}
        - relu
    join: add
""",
        "add at add1: 64×28×28 and 64×14×14 cannot be added: height 28 ≠ 14, width 28 ≠ 14",
        "branch2.conv1 gives 64×14×14, from 64×28×28 by stride 2",
        ["`stride: 1` at branch2.conv1 (line 8)", "`stride: 2` at branch1.conv1 (line 7)"],
    ),
    "padding forgotten in a residual": (
        """\
input: [16, 28, 28]
layers:
  - residual:
      - conv: {out: 16, kernel: 3, padding: same}
      - relu
      - conv: {out: 16, kernel: 3}
""",
        "residual at add1: the body gives 16×26×26, its input is 16×28×28: height 26 ≠ 28, width 26 ≠ 28",
        "conv2 gives 16×26×26, from 16×28×28 by kernel 3 without padding",
        ["`padding: same` at conv2 (line 8)"],
    ),
    "channels grow in a residual": (
        """\
input: [16, 28, 28]
layers:
  - residual:
      - conv: {out: 16, kernel: 3, padding: same}
      - conv: {out: 32, kernel: 3, padding: same}
    name: block
""",
        "residual at block.add1: the body gives 32×28×28, its input is 16×28×28: channels 32 ≠ 16",
        "input gives 16×28×28",
        ["`shortcut: project` (line 5)", "`out: 16` at block.conv2 (line 7)"],
    ),
    "a bottleneck without a projection": (
        """\
input: [64, 28, 28]
use: std
blocks:
  bottleneck:
    params: {width: int, stride: 1}
    layers:
      - residual:
          body:
            - conv_bn: $width
            - conv_bn: {out: $width, kernel: 3, stride: $stride}
            - conv_bn: {out: 4*$width, act: none}
      - relu
layers:
  - bottleneck: {width: 64, stride: 2}
""",
        "the body gives 256×14×14, its input is 64×28×28: channels 256 ≠ 64, height 14 ≠ 28, width 14 ≠ 28",
        "bottleneck1.conv_bn3 gives 256×14×14, from 64×14×14 by out 256",
        ["`shortcut: project` (line 9)"],
    ),
    "one row of a table widens": (
        """\
input: [16, 28, 28]
layers:
  - residual:
      - conv: {out: $w, kernel: 3, padding: same}
    each: {w: [16, 16, 32]}
""",
        "residual at residual1.2.add1: the body gives 32×28×28",
        "residual1.1.add1 gives 16×28×28",
        ["`shortcut: project` (line 5)", "`w: 16` at residual1.2 (line 7)"],
    ),
    "a variable is off": (
        """\
input: [16, 28, 28]
vars: {width: 24}
layers:
  - residual: {body: [conv: 64, relu, conv: $width]}
""",
        "channels 24 ≠ 16",
        "conv1 gives 64×28×28, from 16×28×28 by out 64",
        ["`shortcut: project` (line 6)", "`width: 16` in vars (line 4)"],
    ),
    "padding of a standard block": (
        """\
input: [16, 28, 28]
use: std
layers:
  - residual:
      - conv_bn: {out: 16, kernel: 3}
      - conv_bn: {out: 16, kernel: 3, padding: valid}
""",
        "the body gives 16×26×26",
        "conv_bn2 gives 16×26×26, from 16×28×28 by kernel 3 without padding",
        ["`padding: same` at conv_bn2 (line 8)"],
    ),
    "the call of a block": (
        """\
input: [3, 28, 28]
blocks:
  down:
    params: {out: int, stride: 2}
    layers:
      - conv: {out: $out, kernel: 3, padding: same, stride: $stride}
      - relu
layers:
  - branches:
      - [conv: 8, down: 16]
      - [down: {out: 16, stride: 1}]
    join: add
""",
        "16×14×14 and 16×28×28 cannot be added",
        "branch1.down1.conv1 gives 16×14×14, from 8×28×28 by stride 2",
        ["`stride: 1` at branch1.down1 (line 12)", "`stride: 2` at branch2.down1 (line 13)"],
    ),
    "arguments in lines of their own": (
        """\
input: [3, 28, 28]
layers:
  - branches:
      - - conv:
            out: 64
            kernel: 3
      - - conv:
            out: 64
            kernel: 3
            padding: same
    join: add
""",
        "64×26×26 and 64×28×28",
        "branch1.conv1 gives 64×26×26, from 3×28×28 by kernel 3 without padding",
        ["`padding: same` at branch1.conv1 (line 6)", "`crop: center` at add1 (line 13)"],
    ),
    "a pool that shrinks its branch": (
        """\
input: [3, 32, 32]
layers:
  - branches:
      - [conv: 8]
      - [max_pool: {kernel: 3, stride: 1}, conv: 8]
      - [conv: {out: 8, kernel: 3, padding: same}]
    join: concat
""",
        "concat at concat1: 8×32×32 and 8×30×30 cannot be joined along their channels: height 32 ≠ 30, width 32 ≠ 30",
        "branch2.max_pool1 gives 3×30×30, from 3×32×32 by kernel 3 without padding",
        ["`padding: 1` at branch2.max_pool1 (line 7)", "`crop: center` at concat1 (line 9)"],
    ),
    "one rounds up": (
        """\
input: [3, 57, 57]
layers:
  - branches:
      - [max_pool: {kernel: 2, stride: 2}]
      - [max_pool: {kernel: 2, stride: 2, ceil: true}]
    join: concat
""",
        "height 28 ≠ 29",
        "branch2.max_pool1 gives 3×29×29, from 3×57×57 by stride 2",
        ["`ceil: true` at branch1.max_pool1 (line 6)", "`ceil: false` at branch2.max_pool1 (line 7)"],
    ),
    "the copy of a U-Net": (
        """\
input: [1, 60, 60]
layers:
  - conv: {out: 8, kernel: 3}
  - conv: {out: 8, kernel: 3}
    name: skip
  - max_pool: 2
  - conv: {out: 16, kernel: 3}
  - conv: {out: 16, kernel: 3}
  - conv_transpose: {out: 8, kernel: 2, stride: 2}
  - concat: [skip, $prev]
""",
        "8×56×56 and 8×48×48",
        "conv4 gives 16×24×24, from 16×26×26 by kernel 3 without padding",
        ["`crop: center` at concat1 (line 12)"],
    ),
    "an odd size on the way back": (
        """\
input: [1, 30, 30]
layers:
  - conv: {out: 8, kernel: 3, padding: same, stride: 2}
    name: skip
  - max_pool: 2
  - conv_transpose: {out: 8, kernel: 2, stride: 2}
  - concat: [skip, $prev]
""",
        "8×15×15 and 8×14×14",
        "max_pool1 gives 8×7×7, from 8×15×15 by stride 2",
        ["`crop: center` at concat1 (line 9)", "`output_padding: 1` at conv_transpose1 (line 8)"],
    ),
    "a pyramid without upsampling": (
        """\
input: [3, 64, 64]
layers:
  - conv: {out: 16, kernel: 3, padding: same, stride: 2}
    name: c1
  - conv: {out: 32, kernel: 3, padding: same, stride: 2}
    name: c2
  - conv: 16
    from: c1
    name: lateral1
  - conv: 16
    from: c2
  - add: [lateral1, $prev]
""",
        "16×32×32 and 16×16×16",
        "both come from c1, 16×32×32",
        ["`- upsample: 2` before line 14", "`stride: 1` at c2 (line 7)"],
    ),
    "a weighted sum of other channels": (
        """\
input: [3, 28, 28]
layers:
  - conv: 8
    name: a
  - conv: 12
    name: b
  - weighted_add: [a, b]
""",
        "8×28×28 and 12×28×28 cannot be added: channels 8 ≠ 12",
        "b gives 12×28×28, from 8×28×28 by out 12",
        ["`out: 8` at b (line 7)"],
    ),
    "a gate without axes": (
        """\
input: [8, 32, 32]
layers:
  - branches:
      - []
      - - global_avg_pool
        - sigmoid
    join: multiply
""",
        "8×32×32 has 2 spatial axes and 8 has none",
        "branch2.global_avg_pool1 gives 8, from 8×32×32 by global_avg_pool",
        ["`keep: true` at branch2.global_avg_pool1 (line 7)"],
    ),
    "linear on an image": (
        """\
input: [1, 28, 28]
layers:
  - conv: {out: 6, kernel: 5}
  - max_pool: 2
  - linear: 10
""",
        "linear at linear1 takes features, and its input is 6×12×12",
        "max_pool1 gives 6×12×12",
        ["`- flatten` (864 features) before line 7", "`- global_avg_pool` (6 features) before line 7"],
    ),
    "linear on an image, in one line": (
        "input: [1, 28, 28]\nlayers: [conv: {out: 6, kernel: 5}, max_pool: 2, linear: 10]\n",
        "its input is 6×12×12",
        "max_pool1 gives 6×12×12",
        ["`- flatten` (864 features) before line 4", "`- global_avg_pool` (6 features) before line 4"],
    ),
    "a convolution behind flatten": (
        "input: [3, 32, 32]\nlayers:\n  - conv: 8\n  - flatten\n  - conv: 16\n",
        "its input is 8192 features without spatial axes",
        "flatten1 gives 8192, from 8×32×32 by flatten",
        ["leaving out flatten1 (line 6)"],
    ),
    "a convolution behind global pooling": (
        "input: [3, 32, 32]\nlayers:\n  - global_avg_pool\n  - conv: 16\n",
        "3 features without spatial axes",
        "global_avg_pool1 gives 3, from 3×32×32 by global_avg_pool",
        ["`keep: true` at global_avg_pool1 (line 5)"],
    ),
    "nothing left for a window": (
        """\
input: [3, 32, 32]
layers:
  - conv: {out: 8, kernel: 3, stride: 2}
  - conv: {out: 16, kernel: 3, stride: 2}
  - max_pool: 2
  - conv: {out: 32, kernel: 3, stride: 2}
  - conv: {out: 32, kernel: 3}
""",
        "conv at conv4: kernel 3 does not fit height 1 with padding 0",
        "max_pool1 gives 16×3×3, from 16×7×7 by stride 2",
        # 59 → 29 → 14 → 7 → 3 → 1; 58 → 28 → 13 → 6 → 2
        ["`padding: same` at conv4 (line 9)", "`input: [3, 59, 59]` (line 3)"],
    ),
    "groups and the channels that come": (
        "input: [3, 32, 32]\nlayers:\n  - conv: 30\n  - conv: {out: 64, groups: 4}\n",
        "groups 4 does not divide 30 input channels",
        "conv1 gives 30×32×32, from 3×32×32 by out 30",
        ["`out: 28` at conv1 (line 5)", "`groups: 2` at conv2 (line 6)"],
    ),
    "groups and the channels that leave": (
        "input: [32, 32, 32]\nlayers:\n  - conv: {out: 30, groups: 4}\n",
        "groups 4 does not divide 30 output channels",
        "input gives 32×32×32",
        ["`out: 28` at conv1 (line 5)"],
    ),
    "a shape of other values": (
        "input: [100]\nlayers:\n  - linear: 6272\n  - reshape: [128, 7, 8]\n",
        "the input 6272 has 6272 values",
        "linear1 gives 6272",
        ["`shape: [128, 7, 7]` at reshape1 (line 6)", "`out: 7168` at linear1 (line 5)"],
    ),
    "halves of an odd number": (
        "input: [3, 32, 32]\nlayers:\n  - conv: 31\n  - split: 2\n  - concat: $prev\n",
        "31 channels do not divide into 2 equal parts",
        "conv1 gives 31×32×32, from 3×32×32 by out 31",
        ["`out: 30` at conv1 (line 5)"],
    ),
    "parts that do not add up": (
        "input: [3, 32, 32]\nlayers:\n  - conv: 64\n  - split: [16, 32]\n  - concat: $prev\n",
        "add up to 48 channels, the input has 64",
        "conv1 gives 64×32×32, from 3×32×32 by out 64",
        ["`out: 48` at conv1 (line 5)", "`parts: [16, 48]` at split1 (line 6)"],
    ),
    "a slice beyond the end": (
        "input: [3, 32, 32]\nlayers:\n  - conv: 48\n  - slice: [16, 64]\n",
        "there are no channels 16 up to 64 in 48×32×32",
        "conv1 gives 48×32×32, from 3×32×32 by out 48",
        ["`channels: [16, 48]` at slice1 (line 6)", "`out: 64` at conv1 (line 5)"],
    ),
    "upsample to a smaller layer": (
        """\
input: [3, 32, 32]
layers:
  - max_pool: 2
    name: small
  - conv: 8
    from: input
  - upsample: {to: small}
""",
        "would make height smaller, 32 to 16",
        "small gives 3×16×16, from 3×32×32 by stride 2",
        ["`crop` in the place of `upsample` (line 9)"],
    ),
    "crop to a larger layer": (
        "input: [3, 32, 32]\nlayers:\n  - conv: 8\n    name: big\n  - max_pool: 2\n  - crop: {to: big}\n",
        "cannot cut height 16 to 32",
        "max_pool1 gives 8×16×16, from 8×32×32 by stride 2",
        ["`upsample` in the place of `crop` (line 8)"],
    ),
    "pixels of too few channels": (
        "input: [3, 28, 28]\nlayers:\n  - conv: {out: 10, kernel: 3, padding: same}\n  - pixel_shuffle: 2\n",
        "10 channels are no multiple of 4",
        "conv1 gives 10×28×28",
        ["`out: 8` at conv1 (line 5)"],
    ),
    "blocks of an odd size": (
        "input: [3, 30, 30]\nlayers:\n  - max_pool: {kernel: 2, stride: 1}\n  - space_to_depth: 2\n",
        "height 29 does not divide into blocks of 2",
        "max_pool1 gives 3×29×29, from 3×30×30 by kernel 2 without padding",
        ["`padding: same` at max_pool1 (line 5)", "`block: 29` at space_to_depth1 (line 6)"],
    ),
    "padding wider than half a window": (
        "input: [3, 32, 32]\nlayers:\n  - max_pool: {kernel: 3, stride: 2, padding: 2}\n",
        "padding 2 is more than half of a window of 3",
        "input gives 3×32×32",
        ["`padding: 1` at max_pool1 (line 5)"],
    ),
    "output padding of a whole stride": (
        "input: [3, 9, 9]\nlayers:\n  - conv_transpose: {out: 8, kernel: 3, stride: 2, output_padding: 2}\n",
        "output_padding 2 along height must be smaller",
        "input gives 3×9×9",
        ["`output_padding: 0` at conv_transpose1 (line 5)"],
    ),
    "pieces that leave a rest": (
        "input: [10]\nlayers:\n  - linear: 25\n  - maxout: 2\n",
        "25 channels do not divide into pieces of 2",
        "linear1 gives 25",
        ["`out: 24` at linear1 (line 5)", "`pieces: 5` at maxout1 (line 6)"],
    ),
    "a mirror wider than the image": (
        "input: [3, 4, 4]\nlayers:\n  - pad: {size: 5, mode: reflect}\n",
        "reflecting 5 cells needs more than as many",
        "input gives 3×4×4",
        ["`size: 3` at pad1 (line 5)"],
    ),
    "a window of too many axes": (
        "input: [3, 4]\nlayers:\n  - conv: {out: 5, kernel: [3, 3]}\n",
        "kernel [3, 3] has 2 numbers",
        "input gives 3×4",
        ["`kernel: 3` at conv1 (line 5)"],
    ),
}


def refused(folder: Path, text: str) -> list[Diagnostic]:
    path = folder / "net.yaml"
    path.write_text(text, encoding="utf-8")
    with pytest.raises(SpecError) as caught:
        load(path)
    return list(caught.value.diagnostics)


@pytest.mark.parametrize("name", CASES)
def test_both_tensors_their_origin_and_what_would_work(name: str, tmp_path: Path) -> None:
    text, said, related, titles = CASES[name]
    (d,) = refused(tmp_path, HEAD + text)
    assert d.code == "E310" and said in d.message
    assert related in [r.label for r in d.related]
    assert [fix.title for fix in d.fixes] == titles
    for fix in d.fixes:
        assert fix.title in (d.hint or "")
        (tmp_path / "net.yaml").write_text(fix.applied(HEAD + text), encoding="utf-8")
        load(tmp_path / "net.yaml")


def test_the_whole_message(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    Path("net.yaml").write_text(HEAD + CASES["a stride in one branch"][0])
    with pytest.raises(SpecError) as caught:
        load("net.yaml")
    assert (
        str(caught.value)
        == """\
net.yaml:10:11: error E310: add at add1: 64×28×28 and 64×14×14 cannot be added: height 28 ≠ 14, width 28 ≠ 14
  10 |     join: add
     |           ^^^
  branch1.conv1 gives 64×28×28 (net.yaml:7:11)
  branch2.relu1 gives 64×14×14 (net.yaml:9:11)
  branch2.conv1 gives 64×14×14, from 64×28×28 by stride 2 (net.yaml:8:11)
  both come from conv1, 64×28×28 (net.yaml:5:5)
  help: `stride: 1` at branch2.conv1 (line 8) gives 64×28×28; or `stride: 2` at branch1.conv1 (line 7) gives 64×14×14"""
    )
