"""`archspec format`: one layout, in which the zoo is written; comments stay with what they speak of."""

from __future__ import annotations

import os
import re
import stat
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

import archspec
from archspec import SpecError, source

ROOT = Path(__file__).resolve().parents[3]
FILES = [*sorted((ROOT / "specs").glob("*.yaml")), *sorted((ROOT / "examples").glob("*.yaml"))]


@pytest.mark.parametrize("path", FILES, ids=lambda path: path.name)
def test_what_comes_with_archspec_is_laid_out(path: Path) -> None:
    text = path.read_text(encoding="utf-8")
    assert archspec.format(text, str(path)) == text


def snippets() -> list[str]:
    found = []
    for path in [ROOT / "README.md", *(ROOT / "docs").rglob("*.md")]:
        found += re.findall(r"^```yaml\n(.*?)^```", path.read_text(encoding="utf-8"), re.S | re.M)
    return found


def test_what_documents_show_reads_the_same_formatted() -> None:
    """Snippets are laid out for reading; those that are YAML keep what they say."""
    read = 0
    for text in snippets():
        try:
            source.parse(text, "snippet")
        except SpecError:
            continue  # shown for its mistake
        formatted = archspec.format(text)
        assert archspec.format(formatted) == formatted
        read += 1
    assert read > 20


UGLY = """\
%YAML 1.1
---
# My network
# in two lines

name:   "ugly"     # the name
archspec:  1
# what it takes
input:
    - 3
    - 32
    - 32
vars: {width: 16,
  # of classes
  classes: 10}


assert:
- params == 5_450
layers:

# first
- name: first   # named
  conv:
     out: $width
     kernel: 3
     padding: 'same'
     # bias too
- batch_norm: {}   # normal
- relu: {}


- {max_pool: 2}
- {name: second, conv: {out: "max(2, $width)", kernel: 3, padding: "same"}, when: "true"}
-
  # a group
  layers: [ relu: {}, {conv: 1, name: c3} ]
  repeat: 3
  # still in the group
# the last of the layers
- branches:
  - [ conv: 4 ]
  - - conv:
        out: max(1, $width)
        stride: 1e-3
    - relu: {}
  -
    layers:
       - relu
    when: 1 > 0
  join: concat
# before it is used
use: 'std'
...
# the end
"""

PRETTY = """\
# My network
# in two lines

archspec: 1
name: ugly     # the name
# what it takes
input: [3, 32, 32]
# before it is used
use: std
vars:
  width: 16
  # of classes
  classes: 10

layers:
  # first
  - conv:
      out: $width
      kernel: 3
      padding: same
      # bias too
    name: first   # named
  - batch_norm   # normal
  - relu

  - max_pool: 2
  - {conv: {out: "max(2, $width)", kernel: 3, padding: same}, name: second, when: "true"}
  # a group
  - layers: [relu, {conv: 1, name: c3}]
    repeat: 3
    # still in the group
  # the last of the layers
  - branches:
      - [conv: 4]
      - - conv: {out: "max(1, $width)", stride: 1e-3}
        - relu
      - layers:
          - relu
        when: 1 > 0
    join: concat

assert:
  - params == 5_450
# the end
"""


def test_a_whole_spec() -> None:
    assert archspec.format(UGLY) == PRETTY
    assert archspec.format(PRETTY) == PRETTY


CASES = {
    "columns set by hand stay columns": (
        "rows:\n- [1,  16, relu, 3]\n- [6, 112, se, 5]\n",
        "rows:\n  - [1,  16, relu, 3]\n  - [6, 112, se,   5]\n",
    ),
    "rows without columns stay apart": ("rows:\n  - [ 1, 16 ]\n  - [6, 112]\n", "rows:\n  - [1, 16]\n  - [6, 112]\n"),
    "too long for one line": (
        f"key: [{', '.join(['a_word_of_fifteen'] * 7)}]\n",
        "key:\n" + "  - a_word_of_fifteen\n" * 7,
    ),
    "just fits": (f"{'k' * 112}: [1, 2]\n", f"{'k' * 112}: [1, 2]\n"),
    "one column too long": (f"{'k' * 113}: [1, 2]\n", f"{'k' * 113}:\n  - 1\n  - 2\n"),
    "a comment in brackets": ("a: [1, # one\n 2]\nb: [ # all\n 1]\n", "a:\n  - 1 # one\n  - 2\nb: # all\n  - 1\n"),
    "a comment behind brackets": ("a: [1,\n  2] # both\n", "a: [1, 2] # both\n"),
    "anchors": ("a: &x {b: 1}\nc: *x\nd: &y\n    - *x\n", "a: &x {b: 1}\nc: *x\nd: &y\n  - *x\n"),
    "numbers as they are written": ("[60_192_808, 1e-3, .5, +7, 1.0]\n", "[60_192_808, 1e-3, .5, +7, 1.0]\n"),
    "keys that look like numbers": ("{18: a, '34': b, 11_bn: c, \"bn\": d}\n", '"18": a\n"34": b\n11_bn: c\nbn: d\n'),
    "quotes": (
        "a: ['one', \"two words\", 'it''s', \"yes\", 'C:\\dir', \"12\", '$x:0', \"\"]\n",
        "a: [one, \"two words\", \"it's\", \"yes\", 'C:\\dir', \"12\", $x:0, \"\"]\n",
    ),
    "text in lines": ("a: |  # said\n    one\n\n    two\nb: 1\n", "a: | # said\n  one\n\n  two\nb: 1\n"),
    "text folded": ("b: >-\n  one\n  two\n", 'b: "one two"\n'),
    "a text over two lines": ("a: one\n  two\n", "a: one two\n"),
    "blank lines": ("\n\na: 1\n\n\n\nb:\n\n  - 1\n\n  - 2\n\n", "a: 1\n\nb:\n  - 1\n\n  - 2\n"),
    "lists in lists": ("a:\n-   - 1\n    - 2\n-\n  b: 1\n", "a:\n  - - 1\n    - 2\n  - b: 1\n"),
    "comments in a column that a line outgrows": (
        "a: {b: 1,c: 2,d: 3}   # one\ne: 1                  # two\nf: 2 # three\n",
        "a: {b: 1, c: 2, d: 3}   # one\ne: 1                    # two\nf: 2 # three\n",
    ),
    "a column moves as a whole": (
        "a: {b: 1,c: 2,d: 3,e: 4}  # one\nf: 1                      # two\n",
        "a: {b: 1, c: 2, d: 3, e: 4}  # one\nf: 1                         # two\n",
    ),
    "a comment behind a dash": (
        "- relu: {}\n  name: a\n- # one\n  relu: {}\n  name: b\n- - # two\n    a\n",
        "- relu: {}\n  name: a\n# one\n- relu: {}\n  name: b\n# two\n- - a\n",
    ),
    "comments in a column": ("a: 1    # one\nbbb: 22 # two\n", "a: 1    # one\nbbb: 22 # two\n"),
    "a run file keeps its order": ("train: {epochs: 3}\nmodel: lenet5\n", "train: {epochs: 3}\nmodel: lenet5\n"),
    "sections apart": (
        "archspec: 1\nlayers: [relu]\ninput: [3, 8, 8]\nallow: [W301]\nblocks: {}\n",
        "archspec: 1\nallow: [W301]\ninput: [3, 8, 8]\n\nblocks: {}\n\nlayers: [relu]\n",
    ),
    "so does one without a blank line": (
        "# $schema: s.json\nname: a\narchspec: 1\n",
        "# $schema: s.json\narchspec: 1\nname: a\n",
    ),
    "a header stays at the top": (
        "# about\n\n# of the layers\nlayers: [relu]\narchspec: 1\n",
        "# about\n\narchspec: 1\n\n# of the layers\nlayers: [relu]\n",
    ),
    "words before modifiers, structural ones keep their braces": (
        "archspec: 1\nlayers:\n- {name: a, residual: {body: [{name: b, relu: {}}]}}\n- act: {}\n",
        "archspec: 1\n\nlayers:\n  - {residual: {body: [{relu: {}, name: b}]}, name: a}\n  - act: {}\n",
    ),
}  # fmt: skip


@pytest.mark.parametrize("name", CASES)
def test_layout(name: str) -> None:
    text, wanted = CASES[name]
    assert archspec.format(text) == wanted
    assert archspec.format(wanted) == wanted


def test_line_ends_stay() -> None:
    assert archspec.format("\ufeffa:   1\r\nb: [1,\r\n 2]\r\n") == "a: 1\r\nb: [1, 2]\r\n"


def test_what_is_no_yaml_is_refused() -> None:
    with pytest.raises(SpecError) as caught:
        archspec.format("a: [1\nb: 2\n", "wrong.yaml")
    (found,) = caught.value.diagnostics
    assert found.code == "E001" and found.span is not None and found.span.file == "wrong.yaml"


def test_files_are_rewritten_in_place(run_archspec: Any, tmp_path: Path) -> None:
    ugly, pretty, wrong = tmp_path / "ugly.yaml", tmp_path / "pretty.yaml", tmp_path / "wrong.yaml"
    ugly.write_text(UGLY, encoding="utf-8")
    pretty.write_text(PRETTY, encoding="utf-8")
    wrong.write_text("a: 012\n", encoding="utf-8")
    ugly.chmod(0o640)
    (tmp_path / "link.yaml").symlink_to("ugly.yaml")

    done = run_archspec("format", "--check", "link.yaml", "pretty.yaml")
    assert done.returncode == 1
    assert done.stdout == "link.yaml: would be reformatted\n1 of 2 files would be reformatted\n"
    done = run_archspec("format", "--diff", "link.yaml", "pretty.yaml")
    assert done.returncode == 0 and "-use: 'std'\n" in done.stdout and "+use: std\n" in done.stdout
    assert ugly.read_text(encoding="utf-8") == UGLY

    done = run_archspec("format", "link.yaml", "wrong.yaml", "pretty.yaml", "missing.yaml")
    assert done.returncode == 1
    assert done.stdout == "link.yaml: reformatted\n"
    assert "wrong.yaml:1:4: error E004" in done.stderr and "E501: there is no file missing.yaml" in done.stderr
    assert ugly.read_text(encoding="utf-8") == PRETTY and (tmp_path / "link.yaml").is_symlink()
    assert stat.S_IMODE(ugly.stat().st_mode) == 0o640
    assert wrong.read_text(encoding="utf-8") == "a: 012\n"
    assert sorted(os.listdir(tmp_path)) == ["link.yaml", "pretty.yaml", "ugly.yaml", "wrong.yaml"]

    done = run_archspec("format", "--check", "ugly.yaml", "pretty.yaml")
    assert (done.returncode, done.stdout) == (0, "2 files are as they should be\n")


def test_stdin_to_stdout() -> None:
    def piped(*args: str, text: str = UGLY) -> subprocess.CompletedProcess[str]:
        command = [sys.executable, "-m", "archspec", "format", "-", *args]
        return subprocess.run(command, input=text, capture_output=True, text=True, timeout=60)

    assert piped().stdout == PRETTY
    assert piped("--check").returncode == 1 and piped("--check", text=PRETTY).returncode == 0
    wrong = piped(text="a: [\n")
    assert wrong.returncode == 1 and not wrong.stdout and "<stdin>:1:5: error E001" in wrong.stderr
