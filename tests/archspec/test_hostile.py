"""Input made to hurt: each is refused with one placed message, in bounded time and memory, in a process of its own.

The processes are forked from one that has imported archspec, so that what is measured is the work and not the start.
"""

from __future__ import annotations

import itertools
import json
import os
import re
import socket
import subprocess
import sys
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest

pytestmark = pytest.mark.skipif(not hasattr(os, "fork"), reason="the processes are forked")

SECONDS, MEGABYTES, CHARACTERS = 2.0, 200, 4_000
"""What a refusal may take: processor time (a second on a quiet machine), peak memory, and text on the screen."""

HEAD = "archspec: 1\nname: t\ninput: [3, 32, 32]\n"

ZYGOTE = """
import gc, json, os, re, resource, signal, sys, time
from archspec.cli import main
import archspec.loading, archspec.run, archspec.cli.check, archspec.cli.summarize, archspec.cli.train, archspec.rules

def child(args, folder):
    os.chdir(folder)
    for number, name, flags in ((0, os.devnull, os.O_RDONLY), (1, "out", os.O_WRONLY | os.O_CREAT),
                                (2, "err", os.O_WRONLY | os.O_CREAT)):
        os.dup2(os.open(name, flags), number)
    resource.setrlimit(resource.RLIMIT_AS, (2_000_000_000, 2_000_000_000))
    signal.alarm(40)
    begun = time.process_time()
    try:
        status = main(args)
    except SystemExit as stopped:
        status = stopped.code
    sys.stdout.flush()
    sys.stderr.flush()
    peak = re.search(r"VmHWM:\\s+(\\d+)", open("/proc/self/status").read())
    told = {"status": status, "seconds": time.process_time() - begun, "megabytes": int(peak[1]) // 1000 if peak else 0}
    with open("told", "w") as file:
        json.dump(told, file)

print("ready", flush=True)
for line in sys.stdin:
    args, folder = json.loads(line)
    pid = os.fork()
    if pid == 0:
        try:
            child(args, folder)
        finally:
            os._exit(0)
    os.waitpid(pid, 0)
    print("done", flush=True)
"""


@dataclass(frozen=True)
class Attack:
    """A spec (or the arguments of a command), the files beside it, and the code of the error it gets."""

    code: str
    text: Callable[[], str | bytes] | str | bytes = ""
    args: tuple[str, ...] = ("check", "spec.yaml")
    beside: Callable[[Path], Any] | None = None
    placed: bool = True
    """Whether there is a text to point into."""
    places: int = 1
    """In how many places it goes wrong."""
    several: bool = False
    """Whether it is many mistakes: then the first of them are told, and how many more there are."""


def laughs(indent: str) -> str:
    tenfold = [f"a{i}: &a{i} [{','.join([f'*a{i - 1}'] * 10)}]" for i in range(1, 10)]
    return "".join(f"{indent}{line}\n" for line in ["a0: &a0 [x,x,x,x,x,x,x,x,x,x]", *tenfold])


def growth(first: str, next: str, steps: int, layers: str = "[relu]") -> str:
    """Variables of which each is made of the one before: `$` in `next` is that one."""
    lines = [f"  a{i}: {next.replace('$', f'$a{i - 1}')}\n" for i in range(1, steps)]
    return f"{HEAD}vars:\n  a0: {first}\n{''.join(lines)}layers: {layers}\n"


def nested(word: str, most: int, times: int) -> str:
    text = "[relu]"
    for _ in range(most):
        text = f"[{{layers: {text}, {word}: {times}}}]"
    return f"{HEAD}layers: {text}\n"


def link(target: str) -> Callable[[Path], Any]:
    return lambda folder: (folder / "other.yaml").symlink_to(target)


def other(text: str) -> Callable[[Path], Any]:
    return lambda folder: (folder / "other.yaml").write_text(text)


def linked_pipe(folder: Path) -> None:
    os.mkfifo(folder / "pipe")
    (folder / "link.yaml").symlink_to("pipe")


def socket_there(folder: Path) -> None:
    with socket.socket(socket.AF_UNIX) as listening:
        listening.bind(os.path.relpath(folder / "socket"))  # its whole path may be longer than a socket's may be


def chain(folder: Path) -> None:
    for i in range(500):
        (folder / ("other.yaml" if i == 0 else f"u{i}.yaml")).write_text(
            f"archspec: 1\nuse: u{i + 1}.yaml\nblocks: {{}}"
        )


def many(made: Callable[[int], str], number: int = 100_000, between: str = ", ") -> str:
    return between.join(made(i) for i in range(number))


USE = f"{HEAD}use: other.yaml\nlayers: [relu]\n"
SET = ("summarize", "lenet5", "--set")
INPUT = ("summarize", "lenet5", "--input")
TRAIN = ("train", "spec.yaml")


def open_sizes(*ways: str, times: int) -> str:
    """Branches joined by a centre crop, so often, over an image of any size."""
    branches = "".join(f"          - [{way}]\n" for way in ways)
    return (
        "archspec: 1\nname: t\ninput: [3, H, W]\nlayers:\n  - layers:\n      - branches:\n"
        f"{branches}        join: {{add: {{crop: center}}}}\n    repeat: {times}\n"
    )


ATTACKS = {
    # YAML
    "billion laughs": Attack("E013", lambda: f"{HEAD}vars:\n{laughs('  ')}layers: [relu]\n"),
    "an alias of a long list, often": Attack(
        "E013", lambda: f"{HEAD}vars:\n  a: &a [{'1,' * 3000}1]\n  b: [{'*a,' * 3000}*a]\nlayers: [relu]"
    ),
    "300,000 brackets": Attack("E013", lambda: HEAD + "layers: " + "[" * 300_000),
    "300,000 brackets, closed": Attack("E013", lambda: HEAD + "layers: " + "[" * 300_000 + "]" * 300_000),
    "300,000 braces": Attack("E013", lambda: HEAD + "layers: " + "{a: " * 300_000),
    "200,000 dashes": Attack("E013", lambda: HEAD + "layers:\n" + "- " * 200_000 + "relu"),
    "a key in a key": Attack("E013", lambda: HEAD + "vars:\n" + many(lambda i: " " * i + "a:", 1500, "\n")),
    "100,000 question marks": Attack("E013", lambda: HEAD + "? " * 100_000),
    "100,000 keys": Attack("E013", lambda: HEAD + f"vars: {{{many(lambda i: f'k{i}: {i}')}}}\nlayers: [relu]"),
    "40,000 unknown keys": Attack("E101", lambda: HEAD + many(lambda i: f"k{i}: {i}", 40_000, "\n")),
    "40,000 times one key": Attack(
        "E002", lambda: HEAD + f"vars: {{{many(lambda i: 'k: 1', 40_000)}}}\nlayers: [relu]", several=True
    ),
    "100,000 keys without a value": Attack("E003", lambda: HEAD + f"layers: [{many(lambda i: 'a: ')}]", several=True),
    "90,000 unknown layers": Attack(
        "E130", lambda: HEAD + f"layers: [{many(lambda i: f'l{i}', 90_000)}]", several=True
    ),
    "40,000 unknown arguments": Attack(
        "E301", lambda: HEAD + f"layers: [conv: {{{many(lambda i: f'l{i}: 1', 40_000)}}}]", several=True
    ),
    "50,000 assertions that do not hold": Attack(
        "E401", lambda: HEAD + f"layers: [relu]\nassert: [{many(lambda i: 'params == 1', 50_000)}]", several=True
    ),
    "parentheses in a list": Attack("E201", lambda: HEAD + "vars: {a: [" + "(," * 40_000 + "]}\nlayers: [relu]"),
    "10 MB of one word": Attack("E013", lambda: HEAD + f"vars: {{a: '{'x' * 10_000_000}'}}\nlayers: [relu]"),
    "10 MB of comments": Attack("E013", lambda: HEAD + ("# " + "x" * 78 + "\n") * 130_000 + "layers: [relu]"),
    "2 MB of empty lines": Attack("E130", lambda: HEAD + "\n" * 1_900_000 + "layers: [rellu]"),
    "2 MB of one key": Attack("E001", lambda: f"{HEAD}{'a' * 900_000}{'!' * 900_000}: 1\nlayers: [relu]"),
    # encodings
    "UTF-16 with a mark": Attack("E011", (HEAD + "layers: [relu]").encode("utf-16")),
    "UTF-16 LE": Attack("E011", (HEAD + "layers: [relu]").encode("utf-16-le")),
    "UTF-16 BE": Attack("E011", (HEAD + "layers: [relu]").encode("utf-16-be")),
    "UTF-32": Attack("E011", (HEAD + "layers: [relu]").encode("utf-32")),
    "Latin-1": Attack("E011", (HEAD + "# café\nlayers: [relu]").encode("latin-1")),
    "a NUL": Attack("E011", HEAD + "layers: [re\0lu]"),
    "only NULs": Attack("E011", "\0" * 100_000),
    "half a surrogate pair": Attack("E011", (HEAD + "layers: [re\ud800lu]").encode("utf-8", "surrogatepass")),
    "half a surrogate pair, escaped": Attack("E001", HEAD + 'layers: ["re\\ud800lu"]'),
    "a mark inside": Attack("E011", HEAD + "layers: [\ufeffrelu]"),
    "an escape sequence": Attack("E011", HEAD + "layers: [re\x1b[31mlu]"),
    "an escape sequence, escaped": Attack("E130", HEAD + 'layers: ["re\\e[31mlu"]'),
    "text that runs backwards": Attack("E130", HEAD + "layers: [re\u202elu]"),
    # numbers and expressions
    "10,000 digits": Attack("E010", lambda: f"{HEAD}vars: {{a: 1{'0' * 10_000}}}\nlayers: [relu]"),
    "a million digits": Attack("E010", lambda: f"{HEAD}vars: {{a: {'9' * 1_000_000}}}\nlayers: [relu]"),
    "a million decimals": Attack("E010", lambda: f"{HEAD}vars: {{a: 1.{'9' * 1_000_000}}}\nlayers: [relu]"),
    "1,500 digits in a sum": Attack("E207", lambda: f"{HEAD}vars: {{a: 1 + 1{'0' * 1_500}}}\nlayers: [relu]"),
    "an exponent": Attack("E010", HEAD + "vars: {a: 1e999999999}\nlayers: [relu]"),
    "an exponent in a product": Attack("E207", HEAD + "vars: {a: 2 * 1e999999999}\nlayers: [relu]"),
    "a tower of powers": Attack("E207", HEAD + "vars: {a: 9**9**9}\nlayers: [relu]"),
    "a tower of powers below a line": Attack("E207", HEAD + "vars: {a: 9**-9**9}\nlayers: [relu]"),
    "squares of squares": Attack("E207", growth("10", "$ * $", 40)),
    "fractions of fractions": Attack("E207", growth("1/3", "$ * $ + 1/7", 40)),
    "a list twice as long each time": Attack("E207", growth("[1, 2]", "$ + $", 60)),
    "a list twice as deep each time": Attack("E207", growth("[1, 2]", "[$, $]", 60, "[conv: $a59]")),
    "a mapping twice as deep each time": Attack("E207", growth("{x: 1}", "{x: $, y: $}", 60, "[conv: $a59]")),
    "a list times a billion": Attack("E204", HEAD + "vars: {a: '[1, 2] * 1000000000'}\nlayers: [relu]"),
    "a text times a billion": Attack("E204", HEAD + "vars: {a: \"'ab' * 1000000000\"}\nlayers: [relu]"),
    "a text that fills itself in": Attack(
        "E207", lambda: f"{HEAD}vars: {{a: {'1' * 18}}}\nlayers: [{{relu: {{}}, name: 'x{'${$a}' * 3000}'}}]"
    ),
    "a trillion numbers": Attack("E207", HEAD + "layers:\n  - conv: $i\n    each: {i: 2..10**12}"),
    "1,900 parentheses": Attack("E207", lambda: f"{HEAD}vars: {{a: {'(' * 1900}}}\nlayers: [relu]"),
    "1,900 minuses": Attack("E207", lambda: f"{HEAD}vars: {{a: 1{'-' * 1900}1}}\nlayers: [relu]"),
    "2 MB of an expression": Attack("E207", lambda: f"{HEAD}vars: {{a: {'x' * 1_900_000}}}\nlayers: [relu]"),
    "a number, nearly": Attack("E207", lambda: f"{HEAD}vars: {{a: {'1_' * 100_000}x}}\nlayers: [relu]"),
    "base 60, nearly": Attack("E201", lambda: f"{HEAD}vars: {{a: {'1:' * 900}x}}\nlayers: [relu]"),
    "a name, nearly": Attack("E112", lambda: f"{HEAD}layers: [{{relu: {{}}, name: '{'a' * 100_000}!'}}]"),
    "a path of 900 parts": Attack("E121", lambda: f"{HEAD}layers: [relu, {{relu: {{}}, from: '{'a.' * 900}a'}}]"),
    "2,000 lists of 99,999": Attack(
        "E207", lambda: HEAD + f"vars: {{{many(lambda i: f'a{i}: 1..99999', 2_000)}}}\nlayers: [relu]"
    ),
    "a list compared and added up 500 times": Attack(
        "E207",
        lambda: HEAD + "vars: {a: 1..99999}\nlayers:\n"
        + "- {relu: {}, when: $a == $a and sum($a) > 0 and $a == $a}\n" * 500,
    ),
    "a list turned round 300 times": Attack(
        "E207", lambda: growth("1..99999", f"{'reverse(' * 30}${')' * 30}", 10)
    ),
    "a long list as an argument of 500 layers": Attack(
        "E303", lambda: HEAD + "vars: {a: 1..99999}\nlayers:\n" + "- conv: $a\n" * 500
    ),
    "5,000 numbers, each twice the one before": Attack("E207", lambda: growth("1", "$ + $", 5_000)),
    # sizes left open
    "38 strides without a common multiple": Attack(
        "E318",
        lambda: HEAD.replace("32, 32", "H, W") + "layers:\n- branches:\n"
        + many(lambda i: f"  - [avg_pool: {i + 2}, upsample: {i + 2}]\n", 38, "") + "  join: concat",
    ),
    # what is expanded
    "a mistake 30,000 times over": Attack("E303", HEAD + "layers: [{conv: {out: 4, kernel: x}, repeat: 30000}]"),
    "40 doublings": Attack(
        "E116",
        lambda: HEAD + "blocks:\n  b0: {layers: [relu]}\n"
        + many(lambda i: f"  b{i + 1}: {{layers: [b{i}, b{i}]}}", 40, "\n") + "\nlayers: [b40]",
    ),
    "49,000 joins": Attack(
        "E116",
        HEAD + "layers: [{branches: [{layers: [conv: 1]}, {layers: []}], join: concat, repeat: 49000}]",
    ),
    "a name of a million letters": Attack(
        "E112", lambda: HEAD + f"layers: [{{relu: {{}}, name: {'a' * 1_000_000}}}]"
    ),
    "long names in long names": Attack(
        "E112", lambda: HEAD + f"layers: {f'[{{name: {chr(97) * 190}, layers: ' * 8}[relu]{'}]' * 8}"
    ),
    "a network's name of a million letters": Attack(
        "E101", lambda: HEAD.replace("name: t", f"name: {'a' * 1_000_000}") + "layers: [relu]"
    ),
    "two billion tensors of a layer": Attack(
        "E310", HEAD.replace("3, 32", "2000000000, 2") + "layers: [split: 2000000000, add: $prev]"
    ),
    "a bundle that doubles": Attack(
        "E116", lambda: HEAD + f"layers: [{'{layers: [], from: [$prev, $prev]}, ' * 40}add: $prev]"
    ),
    "900,000 tensors into 3,000 layers": Attack(
        "E116",
        lambda: HEAD + "layers:\n- {relu: {}, name: a}\n"
        + f"- {{add: [{'a, ' * 299}a], repeat: 3000}}",
    ),
    "a billion repeats": Attack("E116", HEAD + "layers:\n  - relu\n  - conv: 4\n    repeat: 1000000000"),
    "a thousand to the fourth": Attack("E116", nested("repeat", 4, 1000)),
    "empty loops in loops": Attack(
        "E116",
        HEAD + "layers: [{layers: [{layers: [{relu: {}, when: 1 > 2, repeat: 600}], repeat: 600}], repeat: 600}, relu]",
    ),
    "100 loops in loops": Attack("E013", lambda: nested("repeat", 100, 2)),
    "30 doublings": Attack(
        "E116",
        lambda: HEAD + "blocks:\n  b0: {layers: []}\n"
        + many(lambda i: f"  b{i + 1}: {{layers: [b{i}, b{i}]}}", 30, "\n") + "\nlayers: [b30]",
    ),
    "60,000 branches": Attack(
        "E116", HEAD + "layers: [{branches: [{each: {i: 1..60000}, layers: [relu]}], join: add}]"
    ),
    "a table of 40,000 rows and one of another length": Attack(
        "E142",
        lambda: HEAD + f"layers: [{{conv: $c, each: {{columns: [c, d], rows: [{'[4, 1], ' * 30_000}[1]]}}}}]",
    ),
    "40,000 equal columns": Attack(
        "E143", lambda: HEAD + f"layers: [{{conv: $c, each: {{columns: [{'c, ' * 40_000}c], rows: [[1]]}}}}]"
    ),
    "lists of 99,999 and 99,998": Attack("E142", HEAD + "layers: [{conv: $c, each: {c: 1..99999, d: 1..99998}}]"),
    "20,000 variants": Attack(
        "E116",
        lambda: HEAD + f"vars: {{w: 4}}\nvariants: {{{many(lambda i: f'v{i}: {{w: 0}}', 20_000)}}}\nlayers: [conv: $w]",
    ),
    "100 variants of 60,000 layers": Attack(
        "E116",
        lambda: HEAD + f"vars: {{n: 1}}\nvariants: {{{many(lambda i: f'v{i}: {{n: 60000}}', 100)}}}\n"
        "layers: [{conv: 4, repeat: $n}]",
    ),
    "a block in itself": Attack("E110", HEAD + "blocks: {a: {layers: [a]}}\nlayers: [a]"),
    "three blocks in each other": Attack(
        "E110", HEAD + "blocks: {a: {layers: [b]}, b: {layers: [c]}, c: {layers: [a]}}\nlayers: [a]"
    ),
    "a block twice in itself": Attack("E110", HEAD + "blocks: {a: {layers: [a, a]}}\nlayers: [a]"),
    "a block in itself by a variable": Attack(
        "E110", HEAD + "blocks: {a: {params: {b: name}, layers: [$b: {b: $b}]}}\nlayers: [a: {b: a}]"
    ),
    "layers handed on and on": Attack(
        "E110", HEAD + "blocks: {a: {params: {b: layers}, layers: [a: {b: [$b, $b]}]}}\nlayers: [a: {b: [relu]}]"
    ),
    "a tensor of 2^160": Attack("E312", lambda: HEAD + f"layers: [{'upsample: 65536, ' * 10}relu]"),
    "a list of 90,000 parts": Attack("E310", lambda: HEAD + f"layers: [conv: 90001, split: [{'1, ' * 90_000}2]]"),
    # files
    "a block in itself, in another file": Attack(
        "E110", f"{HEAD}use: other.yaml\nlayers: [a]", beside=other("archspec: 1\nblocks: {a: {layers: [a]}}")
    ),
    "use in a circle": Attack("E520", USE, beside=other("archspec: 1\nuse: spec.yaml\nblocks: {a: {layers: [relu]}}")),
    "use of itself": Attack("E520", HEAD + "use: spec.yaml\nlayers: [relu]"),
    "use of use of use": Attack("E523", USE, beside=chain),
    "use of 5,000 names": Attack("E523", lambda: HEAD + f"use: [{many(lambda i: f'n{i}', 5000)}]\nlayers: [relu]"),
    "use of /etc/passwd": Attack("E523", HEAD + "use: /etc/passwd\nlayers: [relu]"),
    "use of ../../etc/passwd": Attack("E523", HEAD + f"use: {'../' * 30}etc/passwd\nlayers: [relu]"),
    "use of a link to /etc/passwd": Attack("E523", USE, beside=link("/etc/passwd")),
    "use of another's YAML": Attack("E523", USE, beside=other("password: root:secret\n")),
    "use of a broken YAML of another": Attack("E523", USE, beside=other("password: root:secret: [\n")),
    "use of 2 MB of empty lines": Attack("E523", USE, beside=other("\n" * 1_900_000)),
    "use of 2 MB of spaces": Attack("E523", USE, beside=other(" " * 1_900_000)),
    "use of a pipe": Attack("E503", USE, beside=lambda folder: os.mkfifo(folder / "other.yaml")),
    "use of /dev/zero": Attack("E503", USE, beside=link("/dev/zero")),
    "use of /dev/stdin": Attack("E503", USE, beside=link("/dev/stdin")),
    "use of the environment": Attack("E523", USE, beside=link("/proc/self/environ")),
    "use of a link to itself": Attack("E503", USE, beside=link("other.yaml")),
    "use of a folder": Attack("E502", USE, beside=lambda folder: (folder / "other.yaml").mkdir()),
    "use of a name of 100,000 letters": Attack("E523", lambda: HEAD + f"use: {'x' * 100_000}.yaml\nlayers: [relu]"),
    "use of a NUL": Attack("E523", HEAD + 'use: "a\\0b.yaml"\nlayers: [relu]'),
    "use of a web page": Attack("E523", HEAD + "use: http://example.com/x\nlayers: [relu]"),
    "use of a pattern": Attack("E501", HEAD + "use: '*.yaml'\nlayers: [relu]"),
    "a device for a spec": Attack("E503", args=("check", "/dev/zero"), placed=False),
    "nothing for a spec": Attack("E503", args=("check", "/dev/null"), placed=False),
    "a pipe for a spec": Attack(
        "E503", args=("check", "pipe"), placed=False, beside=lambda folder: os.mkfifo(folder / "pipe")
    ),
    "a link to a pipe for a spec": Attack("E503", args=("check", "link.yaml"), placed=False, beside=linked_pipe),
    "a socket for a spec": Attack("E503", args=("check", "socket"), placed=False, beside=socket_there),
    "a folder for a spec": Attack("E502", args=("check", "."), placed=False),
    "a name of 100,000 letters": Attack("E501", args=("check", "x" * 100_000), placed=False),
    "a name with a NUL": Attack("E501", args=("check", "a\0b"), placed=False),
    # the command line
    "--set of a path of dots": Attack("E512", args=(*SET, "." * 100_000 + "=1")),
    "--set of 100,000 brackets": Attack("E013", args=(*SET, "vars.classes=" + "[" * 100_000)),
    "--set of a tower of powers": Attack("E207", args=(*SET, "vars.classes=9**9**9")),
    "--set of a tag": Attack("E006", args=(*SET, "vars.classes=!!python/object/apply:os.system [ls]")),
    "--set of 5,000 digits": Attack("E010", args=(*SET, "vars.classes=" + "9" * 5000)),
    "--set of item 99…9": Attack("E512", args=(*SET, f"layers.{'9' * 5000}=relu")),
    "--set of an escape sequence": Attack("E011", args=(*SET, "vars.classes=\x1b[31m")),
    "--set of half a surrogate pair": Attack("E011", args=(*SET, "vars.classes=\udcff")),
    "--set of use": Attack("E523", args=("summarize", "resnet50", "--set", "use=/etc/passwd")),
    "--input of 5,000 digits": Attack("E514", args=(*INPUT, "1x" + "9" * 5000)),
    "--input of 50,000 axes": Attack("E514", args=(*INPUT, "x".join(["9"] * 50_000))),
    "--input of nothing": Attack("E514", args=(*INPUT, "")),
    "--input of 0x0x0": Attack("E514", args=(*INPUT, "0x0x0")),
    "--input below nothing": Attack("E514", args=(*INPUT, "1x-32x32")),
    "--input of small digits": Attack("E514", args=(*INPUT, "1x³²x32")),
    "--input of 2^62 cells": Attack("E312", args=(*INPUT, "1x2147483647x2147483647")),
    "--input of an escape sequence": Attack("E514", args=(*INPUT, "1x\x1b[31m")),
    # run files
    "a run of a billion laughs": Attack("E013", lambda: f"model: lenet5\ndata:\n{laughs('  ')}", TRAIN),
    "a run of brackets": Attack("E013", lambda: "model: " + "[" * 300_000, TRAIN),
    "a run of 40,000 keys": Attack("E601", lambda: many(lambda i: f"k{i}: {i}", 40_000, "\n"), TRAIN, several=True),
    "a run in UTF-16": Attack("E011", "model: lenet5\n".encode("utf-16"), TRAIN),
    "a run of a million digits": Attack(
        "E010", lambda: f"model: lenet5\ndata: {{kind: digits}}\ntrain: {{epochs: {'9' * 1_000_000}}}", TRAIN
    ),
    # open sizes
    "an open size in two that differ, again and again": Attack(
        "E318",
        open_sizes("conv: {out: 2, kernel: 3}", "conv: {out: 2, kernel: 2, stride: 2}, upsample: 3", times=7),
        places=2,
    ),
    "an open size by strides of three primes": Attack(
        "E318",
        open_sizes(
            *(f"conv: {{out: 2, kernel: 3, stride: {k}, padding: same}}, upsample: {k}" for k in (7, 11, 13)), times=8
        ),
        places=2,
    ),
    "an open size by strides of every number": Attack(
        "E318",
        "archspec: 1\nname: t\ninput: [3, H, W]\nlayers:\n  - branches:\n"
        + "".join(f"      - [avg_pool: {k}, upsample: {k}]\n" for k in range(2, 40))
        + "    join: concat\n",
    ),
    "an open size by as many strides as can be followed, one at a time": Attack(
        "E318",
        "archspec: 1\nname: t\ninput: [3, H, W]\nlayers:\n"
        + "".join(
            f"  - {{branches: [[avg_pool: {k}, upsample: {k}], [avg_pool: {j}, upsample: {j}]], "
            "join: {add: {crop: center}}, from: input}\n"
            for k, j in itertools.combinations(range(211, 317, 2), 2)
        ),
        several=True,
    ),
}  # fmt: skip


@dataclass
class Zygote:
    """The process that the others are forked from."""

    process: subprocess.Popen[str] = field(
        default_factory=lambda: subprocess.Popen(
            [sys.executable, "-c", ZYGOTE], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
        )
    )

    def run(self, args: tuple[str, ...], folder: Path) -> dict[str, Any]:
        assert self.process.stdin is not None and self.process.stdout is not None
        print(json.dumps([args, str(folder)]), file=self.process.stdin, flush=True)
        assert self.process.stdout.readline() == "done\n"
        told = folder / "told"
        assert told.exists(), "the process was killed: it hung, or took all memory"
        found: dict[str, Any] = json.loads(told.read_text())
        return found


@pytest.fixture(scope="module")
def zygote() -> Iterator[Zygote]:
    made = Zygote()
    assert made.process.stdout is not None and made.process.stdin is not None
    assert made.process.stdout.readline() == "ready\n"
    yield made
    made.process.stdin.close()
    made.process.wait(timeout=10)


@pytest.mark.parametrize("name", ATTACKS)
def test_it_is_refused_with_one_placed_message(name: str, tmp_path: Path, zygote: Zygote) -> None:
    attack = ATTACKS[name]
    text = attack.text() if callable(attack.text) else attack.text
    if text:
        (tmp_path / "spec.yaml").write_bytes(text if isinstance(text, bytes) else text.encode("utf-8"))
    if attack.beside is not None:
        attack.beside(tmp_path)
    told = zygote.run(attack.args, tmp_path)
    screen = (tmp_path / "err").read_text(encoding="utf-8", errors="replace")
    codes = re.findall(r"error (E\d{3}):", screen)
    assert (told["status"], codes[:1]) == (1, [attack.code]), screen[:2000]
    if attack.several:
        assert 1 < len(codes) <= 20 and re.search(r"^… and \d+ more$", screen, re.MULTILINE)
    else:
        assert len(codes) == attack.places and len(screen) < CHARACTERS
    assert attack.placed == bool(re.search(r":\d+:\d+: error ", screen))
    assert "secret" not in screen and "root:" not in screen, "a file that is no spec was quoted"
    assert screen.replace("\n", "").isprintable()
    assert told["seconds"] < SECONDS
    if sys.platform == "linux":
        assert told["megabytes"] < MEGABYTES


def test_a_pipe_that_nobody_writes_to_is_given_up() -> None:
    code = (
        "from archspec.source import text; text.PATIENCE = 0.2; "
        "from archspec.cli import main; raise SystemExit(main(['check', '/dev/stdin']))"
    )
    command = [sys.executable, "-c", code]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stderr=subprocess.PIPE, text=True) as waiting:
        assert waiting.stderr is not None
        assert "error E503: nothing came out of /dev/stdin" in waiting.stderr.read()
        assert waiting.wait(30) == 1


def test_a_spec_may_come_through_a_pipe(tmp_path: Path) -> None:
    command = [sys.executable, "-m", "archspec", "summarize", "/dev/stdin"]
    done = subprocess.run(command, input=HEAD + "layers: [relu]\n", cwd=tmp_path, capture_output=True, text=True)
    assert (done.returncode, "relu1" in done.stdout) == (0, True), done.stderr


def test_a_neighbour_and_a_file_above_are_used(tmp_path: Path, zygote: Zygote) -> None:
    (tmp_path / "nets").mkdir()
    (tmp_path / "shared.yaml").write_text("archspec: 1\nblocks: {a: {layers: [relu]}}")
    (tmp_path / "nets" / "real.yml").write_text("archspec: 1\nblocks: {b: {layers: [relu]}}")
    (tmp_path / "nets" / "linked.yaml").symlink_to("real.yml")
    (tmp_path / "nets" / "t.yaml").write_text(HEAD + "use: [../shared.yaml, linked.yaml]\nlayers: [a, b]\n")
    assert zygote.run(("check", "nets/t.yaml"), tmp_path)["status"] == 0


def test_as_many_variants_as_a_file_may_have_are_looked_at(tmp_path: Path, zygote: Zygote) -> None:
    variants = many(lambda i: f"v{i}: {{w: {i + 1}}}", 200)
    (tmp_path / "spec.yaml").write_text(f"{HEAD}vars: {{w: 4}}\nvariants: {{{variants}}}\nlayers: [conv: $w]\n")
    assert zygote.run(("check", "spec.yaml"), tmp_path)["status"] == 0
