"""What would work: the help line of common slips."""

from __future__ import annotations

from pathlib import Path

import pytest

from archspec import SpecError, load


@pytest.mark.parametrize(
    ("text", "code", "said"),
    [
        ("layers:\n  - relu:\n", "E003", "without arguments it is `- relu`"),
        ("layers:\n  - conv: {out: {{width}}}\n", "E012", "names in $…, not {{…}}"),
        ("layers:\n  - split: 3\n  - relu\n    from: split1:0\n", "E001", "write `- relu: {}` where modifiers follow"),
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
        ("layers:\n  - conv: 8\n    when: $in.height > 3\n", "E206", "one tensor has .channels, .rank and .stride"),
        ("use: std\ndefaults: {conv_bn: {act: silu}}\nlayers: [conv_bn: 8]\n", "E302", "it is a block"),
        ("blocks: {b: {params: {w: int, k: 1, s: int}, layers: [relu]}}\nlayers: [b]\n", "E304", "`- b: {w: …, s: …}`"),
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
